/* SPDX-License-Identifier: MIT */
/*
 * color_jitter {brightness, contrast, saturation}: each a number v for a factor in
 * [max(0, 1 - v), 1 + v], or [low, high]; default none. In random order the picture is mixed
 * with black, with its mean luma, and with its own luma: base + factor (x - base), cut to
 * 0..255. Nothing without augmentation.
 */
#include "data/transform.h"

#define N_KINDS 3
#define MAX_FACTOR 100

enum { BRIGHTNESS, CONTRAST, SATURATION };

typedef struct params {
    double factor[N_KINDS][2];
} params;

static const char *const keys[N_KINDS + 1] = {"brightness", "contrast", "saturation", NULL};

static nt_status parse_factor(double v[2], const cJSON *args, const char *key,
                              const char *where, nt_err *e)
{
    double by = 0;
    nt_status s;

    v[0] = v[1] = 1;
    if (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(args, key)))
        return nt_transform_range(v, args, key, (nt_bounds){0, MAX_FACTOR}, where, e);
    s = nt_json_get_double(&by, args, key, (nt_bounds){0, MAX_FACTOR - 1}, where, e);
    v[0] = by < 1 ? 1 - by : 0;
    v[1] = 1 + by;
    return s;
}

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    for (int i = 0; i < N_KINDS; i++)
        NT_TRY(parse_factor(p->factor[i], args, keys[i], where, e));
done:
    return s;
}

static uint8_t luma(const uint8_t *px, int c)
{
    return c == 3 ? nt_image_luma(px) : px[0];
}

static uint8_t mean_luma(const nt_image *im)
{
    size_t n = (size_t)im->h * (size_t)im->w;
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += luma((const uint8_t *)im->px + i * (size_t)im->c, im->c);
    return (uint8_t)((2 * sum + n) / (2 * n));
}

/* In single precision and cut, not rounded, as Pillow does. */
static uint8_t mix(uint8_t base, uint8_t x, float factor)
{
    float v = (float)base + factor * (float)(x - base);

    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)v;
}

static void adjust(nt_image *im, int kind, float factor)
{
    size_t n = (size_t)im->h * (size_t)im->w;
    uint8_t base = kind == CONTRAST ? mean_luma(im) : 0;
    uint8_t *px = im->px;

    for (size_t i = 0; i < n; i++, px += im->c) {
        if (kind == SATURATION)
            base = luma(px, im->c);
        for (int k = 0; k < im->c; k++)
            px[k] = mix(base, px[k], factor);
    }
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    uint32_t order[N_KINDS] = {BRIGHTNESS, CONTRAST, SATURATION};
    nt_status s = nt_image_copy(dst, src, e);

    (void)did;
    if (s != NT_OK || !rng)
        return s;
    nt_rng_shuffle(rng, order, N_KINDS);
    for (int i = 0; i < N_KINDS; i++) {
        const double *f = p->factor[order[i]];

        if (f[0] != 1 || f[1] != 1)
            adjust(dst, (int)order[i], (float)(f[0] + (f[1] - f[0]) * nt_rng_double(rng)));
    }
    return s;
}

const nt_transform_ops nt_tf_color_jitter = {
    .name = "color_jitter", .u8_only = true, .parse = parse, .run = run};
