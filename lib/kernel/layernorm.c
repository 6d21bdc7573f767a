/* SPDX-License-Identifier: MIT */
/*
 * What comes as bf16 is widened into a row of scratch first. The gradients of scale and shift
 * are summed in at most PARTS runs of rows, which are then added up in order, so that the
 * number of threads changes nothing.
 */
#include "kernel/layernorm.h"

#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/clones.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define PARTS 16

typedef struct ln_prim {
    nt_prim head;
    nt_ln_desc d;
    int threads;
    int64_t parts;
    size_t row; /* floats of a row in scratch */
} ln_prim;

static const float *load(float *buf, const ln_prim *p, const void *x, int64_t row)
{
    if (p->d.dtype == NT_F32)
        return (const float *)x + row * p->d.len;
    blas_row_load(buf, (const uint16_t *)x + row * p->d.len, p->d.dtype, p->d.len);
    return buf;
}

/* Where a row of results is made; store puts it in its place if that is elsewhere. */
static float *target(float *buf, const ln_prim *p, void *y, int64_t row)
{
    return p->d.dtype == NT_F32 ? (float *)y + row * p->d.len : buf;
}

static void store(const ln_prim *p, void *y, int64_t row, const float *v)
{
    if (p->d.dtype != NT_F32)
        blas_row_store((uint16_t *)y + row * p->d.len, p->d.dtype, v, p->d.len);
}

/* ---- forward */

/* A row of n numbers, and what brings it to mean 0 and deviation 1. */
typedef struct row {
    const float *x;
    float mean, rstd;
    int64_t n;
} row;

/* sum of (x - mean)^2 */
CLONES static double squares(const float *x, float mean, int64_t n)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        double d = x[i] - mean;

        sum += d * d;
    }
    return sum;
}

CLONES static void normalise(float *y, row r, const float *scale, const float *shift)
{
    const float *x = r.x;
    float mean = r.mean, rstd = r.rstd;
    int64_t n = r.n;

    if (scale && shift) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * rstd * scale[i] + shift[i];
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * rstd;
    for (int64_t i = 0; scale && i < n; i++)
        y[i] *= scale[i];
    for (int64_t i = 0; shift && i < n; i++)
        y[i] += shift[i];
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const ln_prim *p = (const ln_prim *)head;
    float *means = arg[4], *rstds = arg[5];
    double n = (double)p->d.len;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < p->d.rows; i++) {
        float *buf = (float *)scratch + (size_t)omp_get_thread_num() * p->row;
        const float *x = load(buf, p, arg[0], i);
        float *y = target(buf, p, arg[3], i);
        float mean = p->d.rms ? 0 : (float)(blas_row_sum(x, p->d.len) / n);
        float rstd = (float)(1 / sqrt(squares(x, mean, p->d.len) / n + p->d.eps));

        normalise(y, (row){x, mean, rstd, p->d.len}, arg[1], arg[2]);
        store(p, arg[3], i, y);
        if (means)
            means[i] = mean;
        if (rstds)
            rstds[i] = rstd;
    }
    return NT_OK;
}

/* ---- backward: with h = (x - mean) rstd and g = dy scale,
 * dx = rstd (g - mean of g - h mean of g h); rms leaves out the mean of g. */

typedef struct row_sums {
    double g, gh;
} row_sums;

CLONES static row_sums sum_row(row r, const float *dy, const float *scale)
{
    const float *x = r.x;
    float mean = r.mean, rstd = r.rstd;
    int64_t n = r.n;
    double g = 0, gh = 0;

#pragma omp simd reduction(+ : g, gh)
    for (int64_t i = 0; i < n; i++) {
        double v = scale ? dy[i] * scale[i] : dy[i];

        g += v;
        gh += v * ((x[i] - mean) * rstd);
    }
    return (row_sums){g, gh};
}

/* dx may be dy; of_g, of_gh: the two means */
CLONES static void pull_row(float *dx, row r, const float *dy, const float *scale, float of_g,
                            float of_gh)
{
    const float *x = r.x;
    float mean = r.mean, rstd = r.rstd;
    int64_t n = r.n;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = scale ? dy[i] * scale[i] : dy[i];

        dx[i] = rstd * (g - of_g - (x[i] - mean) * rstd * of_gh);
    }
}

CLONES static void add_row(float *dscale, float *dshift, row r, const float *dy)
{
    const float *x = r.x;
    float mean = r.mean, rstd = r.rstd;
    int64_t n = r.n;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        dscale[i] += dy[i] * ((x[i] - mean) * rstd);
        dshift[i] += dy[i];
    }
}

/* Rows from `from` to `to`; sums holds dscale and dshift of them, buf three rows. */
static void bwd_rows(const ln_prim *p, void *const *arg, float *sums, float *buf, int64_t from,
                     int64_t to)
{
    const float *scale = arg[2], *means = arg[3], *rstds = arg[4];
    double n = (double)p->d.len;

    memset(sums, 0, 2 * p->row * sizeof *sums);
    for (int64_t i = from; i < to; i++) {
        const float *x = load(buf, p, arg[0], i), *dy = load(buf + p->row, p, arg[1], i);
        row r = {x, p->d.rms ? 0 : means[i], rstds[i], p->d.len};
        row_sums s;
        float *dx;

        add_row(sums, sums + p->row, r, dy);
        if (!arg[5])
            continue;
        dx = target(buf + 2 * p->row, p, arg[5], i);
        s = sum_row(r, dy, scale);
        pull_row(dx, r, dy, scale, p->d.rms ? 0 : (float)(s.g / n), (float)(s.gh / n));
        store(p, arg[5], i, dx);
    }
}

static void add_parts(const ln_prim *p, float *out, const float *sums)
{
    if (!out)
        return;
    memset(out, 0, (size_t)p->d.len * sizeof *out);
    for (int64_t k = 0; k < p->parts; k++)
        blas_row_add(out, out, sums + 2 * (size_t)k * p->row, p->d.len);
}

static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const ln_prim *p = (const ln_prim *)head;
    float *sums = scratch, *rows = sums + 2 * (size_t)p->parts * p->row;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t k = 0; k < p->parts; k++)
        bwd_rows(p, arg, sums + 2 * (size_t)k * p->row,
                 rows + 3 * (size_t)omp_get_thread_num() * p->row, p->d.rows * k / p->parts,
                 p->d.rows * (k + 1) / p->parts);
    add_parts(p, arg[6], sums);
    add_parts(p, arg[7], sums + p->row);
    return NT_OK;
}

/* ---- making */

static nt_status ln_new(ln_prim **out, nt_device *dev, const nt_ln_desc *d, blas_run_fn *run,
                        nt_err *e)
{
    nt_status s = blas_check_float(d->dtype, "layer normalisation", e);
    ln_prim *p;

    if (s != NT_OK)
        return s;
    p = blas_prim_new(sizeof *p, run, "layernorm:rows");
    if (!p)
        return nt_fail_nomem(e);
    p->d = *d;
    p->threads = nt_device_threads(dev);
    p->parts = blas_min(d->rows, PARTS);
    p->row = blas_round16(d->len);
    *out = p;
    return NT_OK;
}

nt_status nt_ln_fwd_new(nt_prim **out, nt_device *dev, const nt_ln_desc *d, nt_err *e)
{
    ln_prim *p = NULL;
    nt_status s = ln_new(&p, dev, d, run_fwd, e);

    if (s != NT_OK)
        return s;
    p->head.scratch = p->row * (size_t)p->threads * sizeof(float);
    *out = &p->head;
    return NT_OK;
}

nt_status nt_ln_bwd_new(nt_prim **out, nt_device *dev, const nt_ln_desc *d, nt_err *e)
{
    ln_prim *p = NULL;
    nt_status s = ln_new(&p, dev, d, run_bwd, e);

    if (s != NT_OK)
        return s;
    p->head.scratch = p->row * (size_t)(2 * p->parts + 3 * (int64_t)p->threads) * sizeof(float);
    *out = &p->head;
    return NT_OK;
}
