/* SPDX-License-Identifier: MIT */
/* random_horizontal_flip {p = 0.5}: left and right change places with probability p. */
#include "data/transform.h"

#include <string.h>

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"p", NULL};
    double *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *p = 0.5;
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_json_get_double(p, args, "p", (nt_bounds){0, 1}, where, e));
done:
    return s;
}

static void mirror(char *to, const char *from, size_t w, size_t px)
{
    for (size_t x = 0; x < w; x++)
        memcpy(to + (w - 1 - x) * px, from + x * px, px);
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const double *p = v;
    size_t px = nt_image_pixel(src), row = (size_t)src->w * px;
    nt_status s;

    if (!rng || nt_rng_double(rng) >= *p)
        return nt_image_copy(dst, src, e);
    *did = nt_geometry_mirror(src->h, src->w);
    s = nt_image_resize(dst, src->h, src->w, src->c, src->is_float, e);
    for (size_t y = 0; s == NT_OK && y < (size_t)src->h; y++)
        mirror((char *)dst->px + y * row, (const char *)src->px + y * row, (size_t)src->w, px);
    return s;
}

const nt_transform_ops nt_tf_horizontal_flip = {
    .name = "random_horizontal_flip", .parse = parse, .run = run};
