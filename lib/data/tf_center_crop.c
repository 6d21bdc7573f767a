/* SPDX-License-Identifier: MIT */
/* center_crop {size}: the middle; a picture that is too small gets a border of 0. */
#include "data/transform.h"

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const int64_t *hw = v;
    int64_t top = nt_transform_centre(src->h, hw[0]), left = nt_transform_centre(src->w, hw[1]);

    (void)rng;
    *did = nt_geometry_box(top, left, hw[0], hw[1], hw[0], hw[1]);
    return nt_image_crop(dst, src, (nt_box){top, left, hw[0], hw[1]}, e);
}

const nt_transform_ops nt_tf_center_crop = {
    .name = "center_crop", .parse = nt_transform_parse_box, .run = run};
