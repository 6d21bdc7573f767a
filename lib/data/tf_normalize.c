/* SPDX-License-Identifier: MIT */
/*
 * normalize {mean, std}: (x - mean) / std with x in 0..1, for each channel; one value serves
 * all channels. A uint8 picture goes through a table of its 256 values.
 */
#include "data/transform.h"

#define MAX_CHANNELS 16

typedef struct values {
    int n;
    float v[MAX_CHANNELS];
} values;

typedef struct params {
    values mean, std;
    float table[MAX_CHANNELS][256];
} params;

/* A number or an array of numbers. */
static nt_status parse_values(values *to, const cJSON *args, const char *key, double least,
                              const char *where, nt_err *e)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(args, key);
    const cJSON *c = cJSON_IsArray(j) ? j->child : j;

    for (to->n = 0; c && to->n < MAX_CHANNELS; c = c == j ? NULL : c->next) {
        if (!cJSON_IsNumber(c) || !(c->valuedouble >= least && c->valuedouble <= 1e6))
            break;
        to->v[to->n++] = (float)c->valuedouble;
    }
    if (c || to->n == 0)
        return nt_fail(e, NT_EINVAL, "%s.%s: want one number per channel from %g to 1e6", where,
                       key, least);
    return NT_OK;
}

static nt_status parse(void **out, nt_arena *a, const cJSON *args, const char *where, nt_err *e)
{
    static const char *const keys[] = {"mean", "std", NULL};
    params *p = nt_arena_alloc(a, 1, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    *out = p;
    NT_TRY(nt_json_check_keys(args, keys, where, e));
    NT_TRY(parse_values(&p->mean, args, "mean", -1e6, where, e));
    NT_TRY(parse_values(&p->std, args, "std", 1e-6, where, e));
    for (int k = 0; k < MAX_CHANNELS; k++) {
        if (k >= p->mean.n)
            p->mean.v[k] = p->mean.v[0];
        if (k >= p->std.n)
            p->std.v[k] = p->std.v[0];
        for (int v = 0; v < 256; v++)
            p->table[k][v] = ((float)v / 255.0f - p->mean.v[k]) / p->std.v[k];
    }
done:
    return s;
}

static nt_status check_channels(const params *p, int c, nt_err *e)
{
    if (p->mean.n != 1 && p->mean.n != c)
        return nt_fail(e, NT_EINVAL, "mean has %d values, the picture %d channels", p->mean.n,
                       c);
    if (p->std.n != 1 && p->std.n != c)
        return nt_fail(e, NT_EINVAL, "std has %d values, the picture %d channels", p->std.n, c);
    return NT_OK;
}

static nt_status run(const void *v, nt_image *dst, const nt_image *src, nt_rng *rng,
                     nt_geometry *did, nt_err *e)
{
    const params *p = v;
    size_t c = (size_t)src->c, n = (size_t)src->h * (size_t)src->w * c;
    nt_status s;

    (void)rng;
    (void)did;
    NT_TRY(check_channels(p, src->c, e));
    NT_TRY(nt_image_resize(dst, src->h, src->w, src->c, true, e));
    for (size_t k = 0; k < c; k++) {
        float *to = dst->px;

        if (src->is_float)
            for (size_t i = k; i < n; i += c)
                to[i] = (((const float *)src->px)[i] - p->mean.v[k]) / p->std.v[k];
        else
            for (size_t i = k; i < n; i += c)
                to[i] = p->table[k][((const uint8_t *)src->px)[i]];
    }
done:
    return s;
}

const nt_transform_ops nt_tf_normalize = {.name = "normalize", .parse = parse, .run = run};
