/* SPDX-License-Identifier: MIT */
/* center_crop {size}: the middle; a picture that is too small gets a border of 0. */
#include "data/transform.h"

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng, nt_err *e)
{
    const int64_t *hw = v;

    (void)rng;
    return nt_image_crop(dst, src, nt_transform_centre(src->h, hw[0]),
                         nt_transform_centre(src->w, hw[1]), hw[0], hw[1], e);
}

const nt_transform_ops nt_tf_center_crop = {
    .name = "center_crop", .parse = nt_transform_parse_box, .run = run};
