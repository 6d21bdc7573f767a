/* SPDX-License-Identifier: MIT */
/*
 * cutout {size}: a square of 0 whose centre is anywhere in the picture, so that it may stick
 * out of it (DeVries & Taylor 2017, arXiv:1708.04552). Nothing without augmentation.
 */
#include "data/transform.h"

#include <string.h>

/* [*lo, *hi): `size` values around a centre anywhere in [0, n), cut to [0, n). */
static void draw(int64_t *lo, int64_t *hi, int64_t size, int n, nt_rng *rng)
{
    *lo = (int64_t)nt_rng_below(rng, (uint64_t)n) - size / 2;
    *hi = *lo + size < n ? *lo + size : n;
    *lo = *lo < 0 ? 0 : *lo;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const int64_t *hw = v;
    size_t px = nt_image_pixel(src);
    int64_t top, bottom, left, right;
    nt_status s = nt_image_copy(dst, src, e);

    (void)did;
    if (s != NT_OK || !rng)
        return s;
    draw(&top, &bottom, hw[0], src->h, rng);
    draw(&left, &right, hw[1], src->w, rng);
    for (int64_t y = top; y < bottom; y++)
        memset((char *)dst->px + (size_t)(y * src->w + left) * px, 0,
               (size_t)(right - left) * px);
    return s;
}

const nt_transform_ops nt_tf_cutout = {
    .name = "cutout", .parse = nt_transform_parse_box, .run = run};
