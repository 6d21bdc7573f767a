/* SPDX-License-Identifier: MIT */
/*
 * Batch normalisation, one column (blas_prim.h) at a time.
 *
 * The statistics are one pass of sums and squares in double: with 53 bits the difference of
 * squares keeps its digits as long as |mean| stays below about 10^6 deviations. The batch is
 * cut into at most PARTS runs of images whose sums are added up in order, so that the number of
 * threads changes nothing.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/blas_stats.h"
#include "kernel/openblas/openblas.h"

#include <math.h>

#define PARTS 8

typedef struct bn_prim {
    nt_prim head;
    nt_dtype dtype;
    blas_layout layout;
    float eps;
    bool relu;
    int64_t parts;
} bn_prim;

/* Where column c of image n has its bytes of mask: those of a column lie together. */
static uint8_t *mask_of(const bn_prim *p, void *workspace, int64_t n, const blas_column *c)
{
    return p->relu ? (uint8_t *)workspace + (n * p->layout.c + c->c) * p->layout.points : NULL;
}

static void relu(float *y, uint8_t *mask, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] <= 0 ? 0 : y[i];
    if (!mask)
        return;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        mask[i] = y[i] > 0;
}

static void apply_column(const bn_prim *p, void *y, const void *x, uint8_t *mask,
                         const blas_column *c, blas_affine k)
{
    float x_buf[BLAS_TILE], y_buf[BLAS_TILE];

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *from = blas_tile_get(x_buf, x, p->dtype, c, at, rows);
        float *to = blas_tile_at(y_buf, y, p->dtype, c, at);

        blas_tile_affine(to, from, rows, c->lanes, k);
        if (p->relu)
            relu(to, mask ? mask + i * c->lanes : NULL, rows * c->lanes);
        blas_tile_put(y, p->dtype, c, at, rows, to);
    }
}

static void apply(const bn_prim *p, void *y, const void *x, void *workspace,
                  const blas_affine *k)
{
    int64_t columns = blas_columns(p->layout);

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column c = blas_column_of(p->layout, i / columns, i % columns);
        uint8_t *mask = workspace ? mask_of(p, workspace, i / columns, &c) : NULL;

        apply_column(p, y, x, mask, &c, blas_affine_from(k, c.c));
    }
    blas_layout_pad(y, p->dtype, p->layout);
}

/* scale = gamma / sqrt(var + eps) */
static void scales(float *scale, const float *gamma, const float *var, const bn_prim *p)
{
    for (int64_t c = 0; c < p->layout.c; c++)
        scale[c] = gamma[c] / sqrtf(var[c] + p->eps);
}

static nt_status run_infer(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const bn_prim *p = (const bn_prim *)head;
    float *scale = scratch;

    (void)e;
    scales(scale, arg[1], arg[4], p);
    apply(p, arg[5], arg[0], NULL, &(blas_affine){arg[3], scale, arg[2]});
    return NT_OK;
}

/* ---- blas_sums */

/* dy where the mask lets it through. */
static const float *masked(float *buf, const float *dy, const uint8_t *mask, int64_t n)
{
    if (!mask)
        return dy;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = dy[i]; /* read in any case: this is what makes it vectorise */

        buf[i] = mask[i] ? v : 0;
    }
    return buf;
}

/* What is summed: x alone, or dy with x, its mean and the workspace that has its mask. */
typedef struct summands {
    const void *x, *dy;
    const float *mean;
    void *workspace;
} summands;

/* Adds image n's column to s. */
static void sum_column(const bn_prim *p, blas_sums *s, const summands *of, int64_t n,
                       const blas_column *c)
{
    const uint8_t *mask = of->dy ? mask_of(p, of->workspace, n, c) : NULL;
    float x_buf[BLAS_TILE], dy_buf[BLAS_TILE], g_buf[BLAS_TILE];

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *a = blas_tile_get(x_buf, of->x, p->dtype, c, at, rows), *b = NULL;

        if (of->dy) {
            b = a;
            a = masked(g_buf, blas_tile_get(dy_buf, of->dy, p->dtype, c, at, rows),
                       mask ? mask + i * c->lanes : NULL, rows * c->lanes);
        }
        blas_sums_add(s, a, b, of->dy ? of->mean + c->c : NULL, rows, c->lanes);
    }
}

/* total[c] over the batch; work holds parts more of them. */
static void sum_all(const bn_prim *p, blas_sums *total, const summands *of)
{
    int64_t columns = blas_columns(p->layout), channels = p->layout.c;
    blas_sums *work = total + channels;

    for (int64_t i = 0; i < channels * (1 + p->parts); i++)
        total[i] = (blas_sums){0, 0};
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->parts * columns; i++) {
        int64_t part = i / columns;
        int64_t from = p->layout.n * part / p->parts, to = p->layout.n * (part + 1) / p->parts;

        for (int64_t n = from; n < to; n++) {
            blas_column c = blas_column_of(p->layout, n, i % columns);

            sum_column(p, work + part * channels + c.c, of, n, &c);
        }
    }
    for (int64_t part = 0; part < p->parts; part++)
        for (int64_t c = 0; c < channels; c++) {
            total[c].first += work[part * channels + c].first;
            total[c].second += work[part * channels + c].second;
        }
}

static nt_status run_train(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const bn_prim *p = (const bn_prim *)head;
    double m = (double)(p->layout.n * p->layout.points);
    float *mean = arg[3], *var = arg[4], *scale;
    blas_sums *total = scratch;

    (void)e;
    sum_all(p, total, &(summands){.x = arg[0]});
    for (int64_t c = 0; c < p->layout.c; c++) {
        double mu = total[c].first / m, sigma2 = total[c].second / m - mu * mu;

        mean[c] = (float)mu;
        var[c] = sigma2 < 0 ? 0 : (float)sigma2;
    }
    scale = (float *)scratch; /* the sums have served */
    scales(scale, arg[1], var, p);
    apply(p, arg[5], arg[0], arg[6], &(blas_affine){mean, scale, arg[2]});
    return NT_OK;
}

/* ---- backward */

/* dx = scale (dy - at_dy - (x - mean) at_x) */
typedef struct bwd_coefs {
    const float *mean;
    float *scale, *at_dy, *at_x;
} bwd_coefs;

/* k: of the tile's lanes */
static void bwd_tile(float *dx, const float *x, const float *dy, int64_t rows, int64_t lanes,
                     bwd_coefs k)
{
    const float *mean = k.mean, *scale = k.scale, *at_dy = k.at_dy, *at_x = k.at_x;

    if (lanes == 1) {
        float mu = *mean, s = *scale, d = *at_dy, h = *at_x;

#pragma omp simd
        for (int64_t i = 0; i < rows; i++)
            dx[i] = s * (dy[i] - d - (x[i] - mu) * h);
        return;
    }
    for (int64_t i = 0; i < rows; i++, dx += lanes, x += lanes, dy += lanes) {
#pragma omp simd
        for (int64_t l = 0; l < lanes; l++)
            dx[l] = scale[l] * (dy[l] - at_dy[l] - (x[l] - mean[l]) * at_x[l]);
    }
}

/* arg: as of run_bwd */
static void bwd_column(const bn_prim *p, void *const *arg, const uint8_t *mask,
                       const blas_column *c, const bwd_coefs *k)
{
    float x_buf[BLAS_TILE], dy_buf[BLAS_TILE], g_buf[BLAS_TILE], dx_buf[BLAS_TILE];
    bwd_coefs at_c = {k->mean + c->c, k->scale + c->c, k->at_dy + c->c, k->at_x + c->c};

    for (int64_t i = 0; i < p->layout.points; i += c->rows) {
        int64_t rows = blas_min(c->rows, p->layout.points - i), at = c->at + i * c->step;
        const float *from = blas_tile_get(x_buf, arg[0], p->dtype, c, at, rows);
        const float *g = masked(g_buf, blas_tile_get(dy_buf, arg[1], p->dtype, c, at, rows),
                                mask ? mask + i * c->lanes : NULL, rows * c->lanes);
        float *to = blas_tile_at(dx_buf, arg[6], p->dtype, c, at);

        bwd_tile(to, from, g, rows, c->lanes, at_c);
        blas_tile_put(arg[6], p->dtype, c, at, rows, to);
    }
}

/* The paper's section 3, with the sums over the m points of a channel: dbeta = sum dy,
 * dgamma = sum dy (x - mean) / root, dx = gamma / root (dy - dbeta/m - xhat dgamma/m). */
static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const bn_prim *p = (const bn_prim *)head;
    int64_t columns = blas_columns(p->layout), channels = p->layout.c;
    double m = (double)(p->layout.n * p->layout.points);
    const float *gamma = arg[2], *mean = arg[3], *var = arg[4];
    float *dgamma = arg[7], *dbeta = arg[8];
    blas_sums *total = scratch;
    float *work = (float *)(total + channels); /* the parts have served */
    bwd_coefs k = {mean, work, work + channels, work + 2 * channels};

    (void)e;
    sum_all(p, total, &(summands){arg[0], arg[1], mean, arg[5]});
    for (int64_t c = 0; c < channels; c++) {
        double root2 = (double)var[c] + p->eps, root = sqrt(root2);

        dbeta[c] = (float)total[c].first;
        dgamma[c] = (float)(total[c].second / root);
        k.scale[c] = (float)(gamma[c] / root);
        k.at_dy[c] = (float)(total[c].first / m);
        k.at_x[c] = (float)(total[c].second / root2 / m);
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column c = blas_column_of(p->layout, i / columns, i % columns);

        bwd_column(p, arg, mask_of(p, arg[5], i / columns, &c), &c, &k);
    }
    blas_layout_pad(arg[6], p->dtype, p->layout);
    return NT_OK;
}

/* ---- making */

static nt_status bn_new(bn_prim **out, const nt_bn_desc *d, blas_run_fn *run, nt_err *e)
{
    nt_status s = NT_OK;
    bn_prim *p;

    NT_TRY(blas_check_float(d->x.dtype, "batch normalisation", e));
    if (d->x.fmt == NT_FMT_ANY || d->x.rank < 2)
        NT_TRY(nt_fail(e, NT_EINVAL, "batch normalisation of rank %d and format %s", d->x.rank,
                       nt_format_name(d->x.fmt)));
    p = blas_prim_new(sizeof *p, run, "bn:columns");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->dtype = d->x.dtype;
    p->layout = blas_layout_of(&d->x);
    p->eps = d->eps;
    p->relu = d->relu;
    p->parts = blas_min(p->layout.n, PARTS);
    *out = p;
done:
    return s;
}

nt_status blas_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    bn_prim *p = NULL;
    nt_status s = bn_new(&p, d, run_infer, e);

    (void)dev;
    if (s != NT_OK)
        return s;
    p->head.scratch = (size_t)p->layout.c * sizeof(float);
    *out = &p->head;
    return NT_OK;
}

/* total, and the parts, whose place later holds three floats a channel. */
static size_t sums_bytes(const bn_prim *p)
{
    return (size_t)(p->layout.c * (1 + p->parts)) * sizeof(blas_sums);
}

nt_status blas_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                            const nt_bn_desc *d, nt_err *e)
{
    bn_prim *p = NULL;
    nt_status s = bn_new(&p, d, run_train, e);

    (void)dev;
    if (s != NT_OK)
        return s;
    p->head.scratch = sums_bytes(p);
    *workspace_bytes = d->relu ? (size_t)(p->layout.n * p->layout.c * p->layout.points) : 0;
    *out = &p->head;
    return NT_OK;
}

nt_status blas_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    bn_prim *p = NULL;
    nt_status s = bn_new(&p, d, run_bwd, e);

    (void)dev;
    if (s != NT_OK)
        return s;
    p->head.scratch = sums_bytes(p);
    *out = &p->head;
    return NT_OK;
}
