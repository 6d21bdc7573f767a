/* SPDX-License-Identifier: MIT */
/*
 * random_erasing {p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3]}: with probability p a box
 * of a random share of the area and a random width / height (log-uniform) becomes 0 (Zhong et
 * al. 2017, arXiv:1708.04896). Ten boxes are tried. Behind normalize, 0 is the mean.
 */
#include "data/transform.h"

#include <math.h>
#include <string.h>

#define ATTEMPTS 10

typedef struct params {
    double p, scale[2], ratio[2];
} params;

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"p", "scale", "ratio", NULL};
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *p = (params){.p = 0.5, .scale = {0.02, 0.33}, .ratio = {0.3, 3.3}};
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_json_get_double(&p->p, args, "p", (nt_bounds){0, 1}, where, e));
    NT_TRY(nt_transform_range(p->scale, args, "scale", (nt_bounds){1e-4, 1}, where, e));
    NT_TRY(nt_transform_range(p->ratio, args, "ratio", (nt_bounds){1e-2, 1e2}, where, e));
done:
    return s;
}

static double between(nt_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * nt_rng_double(rng);
}

static void erase(nt_image *im, size_t top, size_t left, size_t h, size_t w)
{
    size_t px = nt_image_pixel(im);

    for (size_t y = top; y < top + h; y++)
        memset((char *)im->px + (y * (size_t)im->w + left) * px, 0, w * px);
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    nt_status s = nt_image_copy(dst, src, e);

    (void)did;
    if (s != NT_OK || !rng || nt_rng_double(rng) >= p->p)
        return s;
    for (int i = 0; i < ATTEMPTS; i++) {
        double area = (double)src->h * src->w * between(rng, p->scale[0], p->scale[1]);
        double ratio = exp(between(rng, log(p->ratio[0]), log(p->ratio[1])));
        double h = rint(sqrt(area / ratio)), w = rint(sqrt(area * ratio));

        if (h >= src->h || w >= src->w)
            continue;
        erase(dst, nt_rng_below(rng, (uint64_t)(src->h - h) + 1),
              nt_rng_below(rng, (uint64_t)(src->w - w) + 1), (size_t)h, (size_t)w);
        break;
    }
    return s;
}

const nt_transform_ops nt_tf_random_erasing = {
    .name = "random_erasing", .parse = parse, .run = run};
