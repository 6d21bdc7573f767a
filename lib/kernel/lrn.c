/* SPDX-License-Identifier: MIT */
/* A few points at a time are brought to scratch as fp32 [c][POINTS], whatever the format; there
 * every sum over channels is a sum of neighbouring rows. */
#include "kernel/lrn.h"

#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define POINTS 32

typedef struct lrn_prim {
    nt_prim head;
    nt_lrn_desc d;
    blas_layout layout;
    int threads;
    size_t plane; /* floats of [c][POINTS] */
} lrn_prim;

/* A run of points of one image. */
typedef struct run_of {
    int64_t n, first, points;
} run_of;

static int64_t runs(const lrn_prim *p)
{
    return p->layout.n * blas_ceil_div(p->layout.points, POINTS);
}

static run_of run_at(const lrn_prim *p, int64_t i)
{
    int64_t per = blas_ceil_div(p->layout.points, POINTS), first = i % per * POINTS;

    return (run_of){i / per, first, blas_min(POINTS, p->layout.points - first)};
}

/* Element offset of channel c at the run's first point. */
static int64_t place(const lrn_prim *p, const run_of *r, int64_t c)
{
    blas_layout l = p->layout;

    return ((r->n * l.blocks + c / l.lanes) * l.points + r->first) * l.lanes + c % l.lanes;
}

/* One channel at the run's points. */
static blas_rows points_of(const lrn_prim *p, const run_of *r)
{
    return (blas_rows){p->d.x.dtype, p->layout.lanes, r->points, 1};
}

static void load(float *v, const lrn_prim *p, const void *x, const run_of *r)
{
    size_t size = nt_dtype_size(p->d.x.dtype);

    for (int64_t c = 0; c < p->layout.c; c++, v += POINTS) {
        const char *from = (const char *)x + (size_t)place(p, r, c) * size;

        memset(v, 0, POINTS * sizeof *v);
        if (p->layout.lanes == 1)
            blas_row_load(v, from, p->d.x.dtype, r->points);
        else
            blas_rows_load(v, 1, from, points_of(p, r));
    }
}

static void store(void *y, const lrn_prim *p, const float *v, const run_of *r)
{
    size_t size = nt_dtype_size(p->d.x.dtype);

    for (int64_t c = 0; c < p->layout.c; c++, v += POINTS) {
        char *to = (char *)y + (size_t)place(p, r, c) * size;

        if (p->layout.lanes == 1)
            blas_row_store(to, p->d.x.dtype, v, r->points);
        else
            blas_rows_store(to, points_of(p, r), v, 1);
    }
}

/* s[c] = sum of v[j], j from c - before to c + after */
static void sum_window(float *s, const float *v, int64_t channels, int64_t before,
                       int64_t after)
{
    for (int64_t c = 0; c < channels; c++, s += POINTS) {
        int64_t from = c > before ? c - before : 0, to = blas_min(channels - 1, c + after);

        memset(s, 0, POINTS * sizeof *s);
        for (int64_t j = from; j <= to; j++)
            blas_row_add(s, s, v + j * POINTS, POINTS);
    }
}

/* base^-beta; the usual 3/4 without logarithms */
static void powers(float *y, const float *base, int64_t n, float beta)
{
    if (beta == 0.75F) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float root = sqrtf(base[i]);

            y[i] = 1 / (root * sqrtf(root));
        }
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = powf(base[i], -beta);
}

static int64_t before(const lrn_prim *p)
{
    return (p->d.size - 1) / 2;
}

static int64_t after(const lrn_prim *p)
{
    return p->d.size / 2;
}

/* s = bias + alpha / size * windows of x^2; sq: scratch */
static void bases(float *s, float *sq, const lrn_prim *p, const float *x)
{
    int64_t n = p->layout.c * POINTS;
    float k = p->d.alpha / (float)p->d.size;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        sq[i] = x[i] * x[i];
    sum_window(s, sq, p->layout.c, before(p), after(p));
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        s[i] = p->d.bias + k * s[i];
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const lrn_prim *p = (const lrn_prim *)head;
    int64_t n = p->layout.c * POINTS;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < runs(p); i++) {
        float *x = (float *)scratch + 3 * (size_t)omp_get_thread_num() * p->plane;
        float *s = x + p->plane, *f = s + p->plane;
        run_of r = run_at(p, i);

        load(x, p, arg[0], &r);
        bases(s, f, p, x);
        powers(f, s, n, p->d.beta);
#pragma omp simd
        for (int64_t k = 0; k < n; k++)
            x[k] *= f[k];
        store(arg[1], p, x, &r);
    }
    blas_layout_pad(arg[1], p->d.x.dtype, p->layout);
    return NT_OK;
}

/* dx[i] = dy[i] s[i]^-beta - 2 alpha beta / size x[i] sum of dy[j] x[j] s[j]^(-beta - 1), over
 * all j whose window holds i. */
static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const lrn_prim *p = (const lrn_prim *)head;
    int64_t n = p->layout.c * POINTS;
    float factor = 2 * p->d.alpha * p->d.beta / (float)p->d.size;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < runs(p); i++) {
        float *x = (float *)scratch + 4 * (size_t)omp_get_thread_num() * p->plane;
        float *s = x + p->plane, *f = s + p->plane, *dy = f + p->plane;
        run_of r = run_at(p, i);

        load(x, p, arg[0], &r);
        load(dy, p, arg[1], &r);
        bases(s, f, p, x);
        powers(f, s, n, p->d.beta);
        for (int64_t k = 0; k < n; k++) {
            float g = dy[k] * f[k];

            dy[k] = g;
            f[k] = g * x[k] / s[k];
        }
        sum_window(s, f, p->layout.c, after(p), before(p));
        for (int64_t k = 0; k < n; k++)
            dy[k] -= factor * x[k] * s[k];
        store(arg[2], p, dy, &r);
    }
    blas_layout_pad(arg[2], p->d.x.dtype, p->layout);
    return NT_OK;
}

static nt_status lrn_new(nt_prim **out, nt_device *dev, const nt_lrn_desc *d, blas_run_fn *run,
                         int planes, nt_err *e)
{
    nt_status s = blas_check_float(d->x.dtype, "local response normalisation", e);
    lrn_prim *p;

    if (s != NT_OK)
        return s;
    if (d->x.fmt == NT_FMT_ANY || d->x.rank < 2 || d->size < 1)
        return nt_fail(e, NT_EINVAL, "local response normalisation of rank %d and format %s",
                       d->x.rank, nt_format_name(d->x.fmt));
    p = blas_prim_new(sizeof *p, run, "lrn:points");
    if (!p)
        return nt_fail_nomem(e);
    p->d = *d;
    p->layout = blas_layout_of(&d->x);
    p->threads = nt_device_threads(dev);
    p->plane = (size_t)p->layout.c * POINTS;
    p->head.scratch = (size_t)planes * p->plane * (size_t)p->threads * sizeof(float);
    *out = &p->head;
    return NT_OK;
}

nt_status nt_lrn_fwd_new(nt_prim **out, nt_device *dev, const nt_lrn_desc *d, nt_err *e)
{
    return lrn_new(out, dev, d, run_fwd, 3, e);
}

nt_status nt_lrn_bwd_new(nt_prim **out, nt_device *dev, const nt_lrn_desc *d, nt_err *e)
{
    return lrn_new(out, dev, d, run_bwd, 4, e);
}
