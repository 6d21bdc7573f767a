/* SPDX-License-Identifier: MIT */
/*
 * Sums per image and channel, one column (blas_prim.h) at a time, are joined to those of the
 * groups; then every channel of every image has an affine map of its own. As in batch
 * normalisation, statistics are one pass of sums and squares in double.
 */
#include "kernel/groupnorm.h"

#include "kernel/blas_prim.h"
#include "kernel/blas_stats.h"

#include <math.h>
#include <string.h>

typedef struct gn_prim {
    nt_prim head;
    nt_gn_desc d;
    blas_layout layout;
    int64_t per; /* channels in a group */
} gn_prim;

/* Entry of scale and shift for channel c. */
static int64_t entry(const gn_prim *p, int64_t c)
{
    return p->d.per_group ? c / p->per : c;
}

/* ---- sums: s[n][c] of x, or of dy with x and mean[n][c] */

static void sum_column(const gn_prim *p, blas_sums *s, const void *x, const void *dy,
                       const float *mean, const blas_column *c)
{
    float x_buf[BLAS_TILE], dy_buf[BLAS_TILE];

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *a = blas_tile_get(x_buf, x, p->d.x.dtype, c, at, rows);

        if (dy)
            blas_sums_add(s, blas_tile_get(dy_buf, dy, p->d.x.dtype, c, at, rows), a, mean,
                          rows, c->lanes);
        else
            blas_sums_add(s, a, NULL, NULL, rows, c->lanes);
    }
}

static void sum_all(const gn_prim *p, blas_sums *s, const void *x, const void *dy,
                    const float *mean)
{
    int64_t columns = blas_columns(p->layout), channels = p->layout.c;

    for (int64_t i = 0; i < p->layout.n * channels; i++)
        s[i] = (blas_sums){0, 0};
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column c = blas_column_of(p->layout, i / columns, i % columns);
        int64_t at = i / columns * channels + c.c;

        sum_column(p, s + at, x, dy, mean ? mean + at : NULL, &c);
    }
}

/* The sum of one group's numbers; weight: NULL, or one per channel (entry()). */
static blas_sums join(const gn_prim *p, const blas_sums *s, const float *weight, int64_t group)
{
    blas_sums t = {0, 0};

    for (int64_t c = group * p->per; c < (group + 1) * p->per; c++) {
        double w = weight ? weight[entry(p, c)] : 1;

        t.first += w * s[c].first;
        t.second += w * s[c].second;
    }
    return t;
}

/* ---- forward */

static void apply_column(const gn_prim *p, void *y, const void *x, const blas_column *c,
                         blas_affine k)
{
    float x_buf[BLAS_TILE], y_buf[BLAS_TILE];

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *from = blas_tile_get(x_buf, x, p->d.x.dtype, c, at, rows);
        float *to = blas_tile_at(y_buf, y, p->d.x.dtype, c, at);

        blas_tile_affine(to, from, rows, c->lanes, k);
        blas_tile_put(y, p->d.x.dtype, c, at, rows, to);
    }
}

/* mean, scale and shift [n][c] from s[n][c]. */
static void find_maps(const gn_prim *p, float *maps, const blas_sums *s, void *const *arg)
{
    int64_t channels = p->layout.c, all = p->layout.n * channels;
    float *mean = maps, *scale = maps + all, *shift = maps + 2 * all;
    double m = (double)(p->per * p->layout.points);

    for (int64_t i = 0; i < p->layout.n * p->d.groups; i++) {
        int64_t n = i / p->d.groups, group = i % p->d.groups;
        blas_sums t = join(p, s + n * channels, NULL, group);
        double mu = t.first / m, var = t.second / m - mu * mu;
        double rstd = 1 / sqrt((var < 0 ? 0 : var) + p->d.eps);

        for (int64_t c = group * p->per; c < (group + 1) * p->per; c++) {
            mean[n * channels + c] = (float)mu;
            scale[n * channels + c] = (float)(rstd * ((const float *)arg[1])[entry(p, c)]);
            shift[n * channels + c] = ((const float *)arg[2])[entry(p, c)];
        }
        if (arg[4])
            ((float *)arg[4])[i] = (float)mu;
        if (arg[5])
            ((float *)arg[5])[i] = (float)rstd;
    }
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const gn_prim *p = (const gn_prim *)head;
    int64_t columns = blas_columns(p->layout), channels = p->layout.c;
    int64_t all = p->layout.n * channels;
    blas_sums *s = scratch;
    float *maps = (float *)(s + all);

    (void)e;
    sum_all(p, s, arg[0], NULL, NULL);
    find_maps(p, maps, s, arg);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column c = blas_column_of(p->layout, i / columns, i % columns);
        const float *map = maps + i / columns * channels + c.c;

        apply_column(p, arg[3], arg[0], &c, (blas_affine){map, map + all, map + 2 * all});
    }
    blas_layout_pad(arg[3], p->d.x.dtype, p->layout);
    return NT_OK;
}

/* ---- backward: dx = at_dy dy - at_1 - at_x (x - mean), each per image and channel */

static void pull_tile(float *dx, const float *x, const float *dy, int64_t rows, int64_t lanes,
                      const float *const k[4])
{
    const float *mean = k[0], *at_dy = k[1], *at_1 = k[2], *at_x = k[3];

    if (lanes == 1) {
        float mu = *mean, a = *at_dy, b = *at_1, h = *at_x;

#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            dx[i] = a * dy[i] - b - h * (x[i] - mu);
        return;
    }
    for (int64_t i = 0; i < rows; i++, dx += lanes, x += lanes, dy += lanes) {
#pragma omp simd
        for (int64_t l = 0; l < lanes; l++)
            dx[l] = at_dy[l] * dy[l] - at_1[l] - at_x[l] * (x[l] - mean[l]);
    }
}

static void pull_column(const gn_prim *p, void *dx, const void *x, const void *dy,
                        const blas_column *c, const float *const k[4])
{
    float x_buf[BLAS_TILE], dy_buf[BLAS_TILE], dx_buf[BLAS_TILE];
    nt_dtype t = p->d.x.dtype;

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *from = blas_tile_get(x_buf, x, t, c, at, rows);
        const float *g = blas_tile_get(dy_buf, dy, t, c, at, rows);
        float *to = blas_tile_at(dx_buf, dx, t, c, at);

        pull_tile(to, from, g, rows, c->lanes, k);
        blas_tile_put(dx, t, c, at, rows, to);
    }
}

/* With h = (x - mean) rstd and g = dy scale: dx = rstd (g - mean of g - h mean of g h). */
static void find_slopes(const gn_prim *p, float *maps, const blas_sums *s, void *const *arg)
{
    int64_t channels = p->layout.c, all = p->layout.n * channels;
    const float *scale = arg[2], *rstds = arg[4];
    double m = (double)(p->per * p->layout.points);

    for (int64_t i = 0; i < p->layout.n * p->d.groups; i++) {
        int64_t n = i / p->d.groups, group = i % p->d.groups;
        blas_sums t = join(p, s + n * channels, scale, group);
        double rstd = rstds[i];

        for (int64_t c = group * p->per; c < (group + 1) * p->per; c++) {
            float *map = maps + n * channels + c;

            map[all] = (float)(rstd * scale[entry(p, c)]);
            map[2 * all] = (float)(rstd * t.first / m);
            map[3 * all] = (float)(rstd * rstd * rstd * t.second / m);
        }
    }
}

/* dscale = sum of dy h, dshift = sum of dy, over images in order. */
static void sum_params(const gn_prim *p, const blas_sums *s, const float *rstds, float *dscale,
                       float *dshift)
{
    int64_t channels = p->layout.c, per = p->d.per_group ? p->per : 1;

    for (int64_t k = 0; k < channels / per; k++) {
        blas_sums t = {0, 0};

        for (int64_t n = 0; n < p->layout.n; n++)
            for (int64_t c = k * per; c < (k + 1) * per; c++) {
                t.first += s[n * channels + c].first;
                t.second += s[n * channels + c].second * rstds[n * p->d.groups + c / p->per];
            }
        if (dscale)
            dscale[k] = (float)t.second;
        if (dshift)
            dshift[k] = (float)t.first;
    }
}

static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const gn_prim *p = (const gn_prim *)head;
    int64_t columns = blas_columns(p->layout), channels = p->layout.c;
    int64_t all = p->layout.n * channels;
    blas_sums *s = scratch;
    float *maps = (float *)(s + all); /* mean, and the three of find_slopes */

    (void)e;
    for (int64_t i = 0; i < all; i++)
        maps[i] = ((const float *)arg[3])[i / p->per];
    sum_all(p, s, arg[0], arg[1], maps);
    sum_params(p, s, arg[4], arg[6], arg[7]);
    find_slopes(p, maps, s, arg);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column c = blas_column_of(p->layout, i / columns, i % columns);
        const float *map = maps + i / columns * channels + c.c;
        const float *const k[4] = {map, map + all, map + 2 * all, map + 3 * all};

        pull_column(p, arg[5], arg[0], arg[1], &c, k);
    }
    blas_layout_pad(arg[5], p->d.x.dtype, p->layout);
    return NT_OK;
}

/* ---- making */

static nt_status gn_new(nt_prim **out, const nt_gn_desc *d, blas_run_fn *run, int maps,
                        nt_err *e)
{
    nt_status s = blas_check_float(d->x.dtype, "group normalisation", e);
    gn_prim *p;

    if (s != NT_OK)
        return s;
    if (d->x.fmt == NT_FMT_ANY || d->x.rank < 2 || d->groups < 1 ||
        d->x.dims[1] % d->groups != 0)
        return nt_fail(e, NT_EINVAL, "group normalisation of rank %d and format %s", d->x.rank,
                       nt_format_name(d->x.fmt));
    p = blas_prim_new(sizeof *p, run, "groupnorm:columns");
    if (!p)
        return nt_fail_nomem(e);
    p->d = *d;
    p->layout = blas_layout_of(&d->x);
    p->per = p->layout.c / d->groups;
    p->head.scratch = (size_t)(p->layout.n * p->layout.c) *
                      (sizeof(blas_sums) + (size_t)maps * sizeof(float));
    *out = &p->head;
    return NT_OK;
}

nt_status nt_gn_fwd_new(nt_prim **out, nt_device *dev, const nt_gn_desc *d, nt_err *e)
{
    (void)dev;
    return gn_new(out, d, run_fwd, 3, e);
}

nt_status nt_gn_bwd_new(nt_prim **out, nt_device *dev, const nt_gn_desc *d, nt_err *e)
{
    (void)dev;
    return gn_new(out, d, run_bwd, 4, e);
}
