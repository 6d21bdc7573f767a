/* SPDX-License-Identifier: MIT */
/*
 * A PLAIN tensor is [outer][extent][inner] about the axis. A strip is the extent of a few inner
 * neighbours, [extent][lanes]; it is brought into scratch as fp32, worked on and put back, so
 * that y may be x and bf16 is rounded once.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/openblas/openblas.h"

#include <math.h>
#include <omp.h>

#define STRIP_LANES 16

typedef struct softmax_prim {
    nt_prim head;
    nt_dtype dtype;
    bool log;
    int64_t outer, extent, inner;
    int threads;
    size_t per_thread; /* floats of scratch */
} softmax_prim;

typedef struct strip {
    int64_t at, lanes; /* first element, inner neighbours */
} strip;

static int64_t strips(const softmax_prim *p)
{
    return p->outer * ((p->inner + STRIP_LANES - 1) / STRIP_LANES);
}

static strip strip_of(const softmax_prim *p, int64_t i)
{
    int64_t per = strips(p) / p->outer, first = i % per * STRIP_LANES;
    int64_t left = p->inner - first;

    return (strip){i / per * p->extent * p->inner + first,
                   left < STRIP_LANES ? left : STRIP_LANES};
}

static blas_rows rows_of(const softmax_prim *p, strip t)
{
    return (blas_rows){p->dtype, p->inner, p->extent, t.lanes};
}

static void load(float *v, const softmax_prim *p, const void *x, strip t)
{
    size_t size = nt_dtype_size(p->dtype);
    const char *from = (const char *)x + (size_t)t.at * size;

    if (p->inner == 1)
        blas_row_load(v, from, p->dtype, p->extent);
    else
        blas_rows_load(v, t.lanes, from, rows_of(p, t));
}

static void store(void *y, const softmax_prim *p, const float *v, strip t)
{
    size_t size = nt_dtype_size(p->dtype);
    char *to = (char *)y + (size_t)t.at * size;

    if (p->inner == 1)
        blas_row_store(to, p->dtype, v, p->extent);
    else
        blas_rows_store(to, rows_of(p, t), v, t.lanes);
}

/* v[0], v[step] ... v[(n-1) step]. The largest term is exp(0), so nothing overflows. */
static void softmax(float *v, int64_t n, int64_t step, bool log_of_it)
{
    float most = v[0];
    double sum = 0;

    for (int64_t i = 1; i < n; i++)
        most = v[i * step] > most ? v[i * step] : most;
    for (int64_t i = 0; i < n; i++) {
        float d = v[i * step] - most, ex = expf(d);

        v[i * step] = log_of_it ? d : ex;
        sum += ex;
    }
    if (log_of_it)
        sum = log(sum);
    for (int64_t i = 0; i < n; i++)
        v[i * step] = (float)(log_of_it ? v[i * step] - sum : v[i * step] / sum);
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const softmax_prim *p = (const softmax_prim *)head;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < strips(p); i++) {
        float *v = (float *)scratch + (size_t)omp_get_thread_num() * p->per_thread;
        strip t = strip_of(p, i);

        load(v, p, arg[0], t);
        for (int64_t l = 0; l < t.lanes; l++)
            softmax(v + l, p->extent, t.lanes, p->log);
        store(arg[1], p, v, t);
    }
    return NT_OK;
}

/* dx = y (dy - sum of y dy); of the logarithm, dx = dy - exp(y) sum of dy. */
static void backward(float *dx, const float *y, const float *dy, int64_t n, int64_t step,
                     bool log_of_it)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += log_of_it ? dy[i * step] : (double)y[i * step] * dy[i * step];
    for (int64_t i = 0; i < n; i++) {
        double v = y[i * step], g = dy[i * step];

        dx[i * step] = (float)(log_of_it ? g - exp(v) * sum : v * (g - sum));
    }
}

static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const softmax_prim *p = (const softmax_prim *)head;
    const float *y = arg[0], *dy = arg[1];
    float *dx = arg[2];

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < strips(p); i++) {
        strip t = strip_of(p, i);

        for (int64_t at = t.at; at < t.at + t.lanes; at++)
            backward(dx + at, y + at, dy + at, p->extent, p->inner, p->log);
    }
    return NT_OK;
}

static nt_status check(const nt_desc *x, int axis, nt_err *e)
{
    if (nt_format_of_rank(x->fmt, x->rank) != NT_FMT_PLAIN)
        return nt_fail(e, NT_EUNSUPPORTED, "softmax of format %s, want plain",
                       nt_format_name(x->fmt));
    if (axis < 0 || axis >= x->rank)
        return nt_fail(e, NT_EINVAL, "softmax along axis %d of a tensor of rank %d", axis,
                       x->rank);
    return blas_check_float(x->dtype, "softmax", e);
}

/* What runs it is the caller's to set. */
static nt_status softmax_new(softmax_prim **out, nt_device *dev, const nt_desc *x, int axis,
                             bool log_of_it, nt_err *e)
{
    nt_status s = check(x, axis, e);
    softmax_prim *p;

    if (s != NT_OK)
        return s;
    p = blas_prim_new(sizeof *p, NULL, "softmax:strips");
    if (!p)
        return nt_fail_nomem(e);
    p->dtype = x->dtype;
    p->log = log_of_it;
    p->threads = nt_device_threads(dev);
    p->outer = p->inner = 1;
    for (int i = 0; i < axis; i++)
        p->outer *= x->dims[i];
    p->extent = x->dims[axis];
    for (int i = axis + 1; i < x->rank; i++)
        p->inner *= x->dims[i];
    *out = p;
    return NT_OK;
}

nt_status blas_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                           nt_err *e)
{
    softmax_prim *p = NULL;
    nt_status s = softmax_new(&p, dev, x, axis, log, e);

    if (s != NT_OK)
        return s;
    p->head.run = run_fwd;
    p->per_thread = blas_round16(p->extent * blas_min(p->inner, STRIP_LANES));
    p->head.scratch = p->per_thread * (size_t)p->threads * sizeof(float);
    *out = &p->head;
    return NT_OK;
}

nt_status blas_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                               bool log, nt_err *e)
{
    softmax_prim *p = NULL;
    nt_status s;

    if (x->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "gradient of softmax in %s, want float32",
                       nt_dtype_name(x->dtype));
    s = softmax_new(&p, dev, x, axis, log, e);
    if (s != NT_OK)
        return s;
    p->head.run = run_bwd;
    *out = &p->head;
    return NT_OK;
}
