/* SPDX-License-Identifier: MIT */
/*
 * random_resized_crop {size, scale = [0.08, 1], ratio = [3/4, 4/3]}: a box of a random share of
 * the area and a random width / height (log-uniform), resized (Szegedy et al. 2014,
 * arXiv:1409.4842). After ten boxes that do not fit, and without augmentation, it is the
 * largest centred box whose ratio is allowed; without augmentation the ratio is that of the
 * output.
 */
#include "data/resample.h"
#include "data/transform.h"

#include <math.h>

#define ATTEMPTS 10

typedef struct params {
    int64_t hw[2];
    double scale[2], ratio[2];
} params;

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"size", "scale", "ratio", NULL};
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *p = (params){.scale = {0.08, 1}, .ratio = {3.0 / 4, 4.0 / 3}};
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(nt_transform_box(p->hw, args, "size", where, e));
    NT_TRY(nt_transform_range(p->scale, args, "scale", (nt_bounds){1e-4, 1}, where, e));
    NT_TRY(nt_transform_range(p->ratio, args, "ratio", (nt_bounds){1e-2, 1e2}, where, e));
done:
    return s;
}

static double between(nt_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * nt_rng_double(rng);
}

static bool draw(nt_box *b, const params *p, const nt_image *im, nt_rng *rng)
{
    double area = (double)im->h * im->w * between(rng, p->scale[0], p->scale[1]);
    double ratio = exp(between(rng, log(p->ratio[0]), log(p->ratio[1])));
    double w = rint(sqrt(area * ratio)), h = rint(sqrt(area / ratio));

    if (w < 1 || h < 1 || w > im->w || h > im->h)
        return false;
    b->w = (int64_t)w;
    b->h = (int64_t)h;
    b->top = (int64_t)nt_rng_below(rng, (uint64_t)(im->h - b->h) + 1);
    b->left = (int64_t)nt_rng_below(rng, (uint64_t)(im->w - b->w) + 1);
    return true;
}

static nt_box centred(const nt_image *im, double least, double most)
{
    double ratio = (double)im->w / im->h;
    nt_box b = {0, 0, im->h, im->w};

    if (ratio < least)
        b.h = (int64_t)fmax(1, rint(im->w / least));
    else if (ratio > most)
        b.w = (int64_t)fmax(1, rint(im->h * most));
    b.top = (im->h - b.h) / 2;
    b.left = (im->w - b.w) / 2;
    return b;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    double ratio = (double)p->hw[1] / (double)p->hw[0];
    bool found = false;
    nt_box b;

    for (int i = 0; rng && i < ATTEMPTS && !found; i++)
        found = draw(&b, p, src, rng);
    if (!found)
        b = rng ? centred(src, p->ratio[0], p->ratio[1]) : centred(src, ratio, ratio);
    *did = nt_geometry_box(b.top, b.left, b.h, b.w, p->hw[0], p->hw[1]);
    return nt_resample(dst, src, b, p->hw[0], p->hw[1], e);
}

const nt_transform_ops nt_tf_random_resized_crop = {
    .name = "random_resized_crop", .u8_only = true, .parse = parse, .run = run};
