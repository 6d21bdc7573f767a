/* SPDX-License-Identifier: MIT */
/*
 * Pooling, one column (blas_prim.h) at a time: [points][lanes] of x become [points][lanes] of
 * y. The loop over taps is outside, so that the inner loops run along an output row or along
 * the channels. A maximum remembers for the backward pass which input position won: the
 * workspace is an int32 for each element of y, column after column.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/openblas/openblas.h"
#include "kernel/window.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <string.h>

typedef struct pool_prim {
    nt_prim head;
    nt_pool_kind kind;
    nt_dtype dtype;
    nt_window w;
    blas_layout in, out;
    int threads;
    bool whole;        /* one window, and it is the picture */
    bool keep;         /* fill the workspace */
    size_t per_thread; /* floats of scratch: a column of x and one of y */
    float divisor[];   /* of each output position's average */
} pool_prim;

static int64_t lanes_at_most(const pool_prim *p)
{
    return blas_min(BLAS_LANES, p->in.lanes);
}

static float *x_buffer(const pool_prim *p, void *scratch)
{
    return (float *)scratch + (size_t)omp_get_thread_num() * p->per_thread;
}

static float *y_buffer(const pool_prim *p, void *scratch)
{
    return x_buffer(p, scratch) + p->w.n_in * lanes_at_most(p);
}

static int32_t *winners(const pool_prim *p, void *workspace, int64_t n, const blas_column *c)
{
    return workspace ? (int32_t *)workspace + (n * p->in.c + c->c) * p->w.n_out : NULL;
}

/* A NaN is more than any number, and nothing is more than it. */
static inline bool beats(float x, float most)
{
    return (x > most) | (x != x);
}

/* n elements of x, every step-th, which are at input positions at, at + at_step, ... */
typedef struct x_run {
    const float *x;
    int64_t step, n, at, at_step;
} x_run;

static inline void max_run(float *y, const float *x, int64_t step, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = x[i * step];

        y[i] = beats(v, y[i]) ? v : y[i];
    }
}

/* The same, with the input position of each maximum. */
static inline void max_run_won(float *y, int32_t *won, x_run r)
{
    const float *x = r.x;
    int64_t step = r.step, n = r.n, at = r.at, at_step = r.at_step;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        bool better = beats(x[i * step], y[i]) || won[i] < 0;

        y[i] = better ? x[i * step] : y[i];
        won[i] = better ? (int32_t)(at + i * at_step) : won[i];
    }
}

static inline void add_run(float *y, const float *x, int64_t step, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i * step];
}

static void spread_run(float *x, const float *y, int64_t step, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i * step] += y[i];
}

/* As many elements of y take those of a run in. */
static inline void fwd_run(const pool_prim *p, float *y, int32_t *won, x_run r)
{
    if (p->kind != NT_POOL_MAX)
        add_run(y, r.x, r.step, r.n);
    else if (won)
        max_run_won(y, won, r);
    else
        max_run(y, r.x, r.step, r.n);
}

/* One tap of one output row: a single run of points where there is one lane, else a run of
 * lanes for each point. Steps of 1 are written out, which lets them vectorise. */
static void fwd_stretch(const pool_prim *p, float *y, int32_t *won, const float *x,
                        const nt_stretch *s, int64_t lanes)
{
    int64_t stride = p->w.stride[2], o = (s->o + s->before) * lanes, at = s->at;

    if (lanes == 1 && stride > 1)
        fwd_run(p, y + o, won ? won + o : NULL, (x_run){x + at, stride, s->n, at, stride});
    else if (lanes == 1)
        fwd_run(p, y + o, won ? won + o : NULL, (x_run){x + at, 1, s->n, at, 1});
    else
        for (int64_t i = 0; i < s->n; i++, o += lanes, at += stride)
            fwd_run(p, y + o, won ? won + o : NULL, (x_run){x + at * lanes, 1, lanes, at, 0});
}

static void fwd_windows(const pool_prim *p, float *y, int32_t *won, const float *x,
                        int64_t lanes)
{
    const nt_window *w = &p->w;

    for (int64_t i = 0; i < w->n_out * lanes; i++)
        y[i] = p->kind == NT_POOL_MAX ? -INFINITY : 0;
    for (int64_t i = 0; won && i < w->n_out * lanes; i++)
        won[i] = -1;
    for (int64_t r = 0; r < w->n_ker; r++)
        for (nt_stretch s = nt_stretch_first(w, r, 0, w->n_out); s.size > 0;
             nt_stretch_next(&s))
            if (s.n > 0)
                fwd_stretch(p, y, won, x, &s, lanes);
    for (int64_t o = 0; p->kind != NT_POOL_MAX && o < w->n_out; o++)
        for (int64_t l = 0; l < lanes; l++)
            y[o * lanes + l] /= p->divisor[o];
}

/* y[lanes] from the whole of x, which has one point at least. */
static void fwd_whole(const pool_prim *p, float *y, int32_t *won, const float *x, int64_t lanes)
{
    double sum[BLAS_LANES] = {0};

    if (p->kind != NT_POOL_MAX && lanes == 1) {
        y[0] = (float)(blas_row_sum(x, p->w.n_in) / p->w.n_in);
        return;
    }
    for (int64_t l = 0; l < lanes; l++) {
        y[l] = x[l];
        if (won)
            won[l] = 0;
    }
    for (int64_t i = 0; i < p->w.n_in; i++, x += lanes)
        if (p->kind != NT_POOL_MAX)
            for (int64_t l = 0; l < lanes; l++)
                sum[l] += x[l];
        else if (won)
            max_run_won(y, won, (x_run){x, 1, lanes, i, 0});
        else
            max_run(y, x, 1, lanes);
    for (int64_t l = 0; p->kind != NT_POOL_MAX && l < lanes; l++)
        y[l] = (float)(sum[l] / p->w.n_in);
}

static nt_status run_fwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const pool_prim *p = (const pool_prim *)head;
    int64_t columns = blas_columns(p->in);
    void *workspace = p->keep ? arg[2] : NULL;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < p->in.n * columns; i++) {
        int64_t n = i / columns;
        blas_column ci = blas_column_of(p->in, n, i % columns);
        blas_column co = blas_column_of(p->out, n, i % columns);
        const float *x =
            blas_tile_get(x_buffer(p, scratch), arg[0], p->dtype, &ci, ci.at, p->w.n_in);
        float *y = blas_tile_at(y_buffer(p, scratch), arg[1], p->dtype, &co, co.at);
        int32_t *won = winners(p, workspace, n, &ci);

        if (p->whole)
            fwd_whole(p, y, won, x, ci.lanes);
        else
            fwd_windows(p, y, won, x, ci.lanes);
        blas_tile_put(arg[1], p->dtype, &co, co.at, p->w.n_out, y);
    }
    blas_layout_pad(arg[1], p->dtype, p->out);
    return NT_OK;
}

static void bwd_max(const pool_prim *p, float *dx, const float *dy, const int32_t *won,
                    int64_t lanes)
{
    for (int64_t o = 0; o < p->w.n_out; o++)
        for (int64_t l = 0; l < lanes; l++)
            if (won[o * lanes + l] >= 0)
                dx[won[o * lanes + l] * lanes + l] += dy[o * lanes + l];
}

/* share: dy over its divisor */
static void bwd_average(const pool_prim *p, float *dx, const float *share, int64_t lanes)
{
    const nt_window *w = &p->w;
    int64_t stride = w->stride[2];

    for (int64_t r = 0; r < w->n_ker; r++)
        for (nt_stretch s = nt_stretch_first(w, r, 0, w->n_out); s.size > 0;
             nt_stretch_next(&s)) {
            const float *from = share + (s.o + s.before) * lanes;

            if (lanes == 1)
                spread_run(dx + s.at, from, stride, s.n);
            else
                for (int64_t i = 0; i < s.n; i++)
                    add_run(dx + (s.at + i * stride) * lanes, from + i * lanes, 1, lanes);
        }
}

static void bwd_column(const pool_prim *p, float *dx, float *share, const float *dy,
                       const int32_t *won, int64_t lanes)
{
    if (p->kind != NT_POOL_MAX)
        for (int64_t i = 0; i < p->w.n_out * lanes; i++)
            share[i] = dy[i] / p->divisor[i / lanes];
    if (p->kind != NT_POOL_MAX && p->whole) {
        for (int64_t i = 0; i < p->w.n_in; i++)
            memcpy(dx + i * lanes, share, (size_t)lanes * sizeof *dx);
        return;
    }
    memset(dx, 0, (size_t)(p->w.n_in * lanes) * sizeof *dx);
    if (p->kind == NT_POOL_MAX)
        bwd_max(p, dx, dy, won, lanes);
    else
        bwd_average(p, dx, share, lanes);
}

static nt_status run_bwd(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const pool_prim *p = (const pool_prim *)head;
    int64_t columns = blas_columns(p->in);

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < p->in.n * columns; i++) {
        int64_t n = i / columns;
        blas_column ci = blas_column_of(p->in, n, i % columns);
        blas_column co = blas_column_of(p->out, n, i % columns);
        float *share = y_buffer(p, scratch);
        const float *dy = blas_tile_get(share, arg[0], p->dtype, &co, co.at, p->w.n_out);
        float *dx = blas_tile_at(x_buffer(p, scratch), arg[2], p->dtype, &ci, ci.at);

        bwd_column(p, dx, share, dy, winners(p, p->kind == NT_POOL_MAX ? arg[1] : NULL, n, &ci),
                   ci.lanes);
        blas_tile_put(arg[2], p->dtype, &ci, ci.at, p->w.n_in, dx);
    }
    blas_layout_pad(arg[2], p->dtype, p->in);
    return NT_OK;
}

/* Taps of output o that meet coordinates [start, end). */
static int64_t count_taps(const nt_window *w, int dim, int64_t o, int64_t start, int64_t end)
{
    int64_t n = 0;

    for (int64_t r = 0; r < w->ker[dim]; r++) {
        int64_t i = nt_window_at(w, dim, o, r);

        n += i >= start && i < end;
    }
    return n;
}

static void fill_divisors(pool_prim *p, const nt_pool_desc *d)
{
    const nt_window *w = &p->w;
    bool padded = d->kind == NT_POOL_AVG_INCLUDE_PAD;

    for (int64_t q = 0; q < w->n_out; q++) {
        int64_t o[3] = {q / w->out[2] / w->out[1], q / w->out[2] % w->out[1], q % w->out[2]};
        int64_t n = 1;

        for (int i = 0; i < 3; i++) {
            int from = i - (3 - d->sp);
            int64_t hi = padded && from >= 0 ? d->hi[from] : 0;

            n *= count_taps(w, i, o[i], padded ? -w->lo[i] : 0, w->in[i] + hi);
        }
        p->divisor[q] = n > 0 ? (float)n : 1;
    }
}

static bool is_whole(const nt_window *w)
{
    for (int i = 0; i < 3; i++)
        if (w->out[i] != 1 || w->ker[i] != w->in[i] || w->dil[i] != 1 || w->lo[i] != 0)
            return false;
    return true;
}

static blas_layout layout(const nt_pool_desc *d, const int64_t *dims)
{
    nt_desc t = {.dtype = d->dtype, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = d->fmt};

    for (int i = 0; i < d->sp; i++)
        t.dims[2 + i] = dims[i];
    return blas_layout_of(&t);
}

static nt_status pool_new(pool_prim **out, nt_device *dev, const nt_pool_desc *d,
                          blas_run_fn *run, nt_err *e)
{
    nt_window w =
        nt_window_of(&(nt_window_axes){d->sp, d->in, d->out, d->ker, d->stride, d->dil, d->lo});
    nt_status s = NT_OK;
    pool_prim *p;

    if (nt_dtype_size(d->dtype) == 1)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "there is no such pool of bytes"));
    NT_TRY(blas_check_float(d->dtype, "pooling", e));
    if (d->fmt == NT_FMT_ANY)
        NT_TRY(nt_fail(e, NT_EINVAL, "pooling needs a format"));
    if (w.n_in > INT32_MAX)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "pooling of %lld points, want at most %d",
                       (long long)w.n_in, INT32_MAX));
    p = blas_prim_new(sizeof *p + (size_t)w.n_out * sizeof(float), run, "pool:columns");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->kind = d->kind;
    p->dtype = d->dtype;
    p->w = w;
    p->in = layout(d, d->in);
    p->out = layout(d, d->out);
    p->threads = nt_device_threads(dev);
    p->whole = is_whole(&w);
    fill_divisors(p, d);
    p->per_thread = blas_round16((w.n_in + w.n_out) * lanes_at_most(p));
    p->head.scratch = p->per_thread * (size_t)p->threads * sizeof(float);
    *out = p;
done:
    return s;
}

nt_status blas_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                            const nt_pool_desc *d, nt_err *e)
{
    pool_prim *p = NULL;
    nt_status s = pool_new(&p, dev, d, run_fwd, e);

    if (s != NT_OK)
        return s;
    p->keep = workspace_bytes && d->kind == NT_POOL_MAX;
    if (workspace_bytes)
        *workspace_bytes = p->keep ? (size_t)(d->n * d->c * p->w.n_out) * sizeof(int32_t) : 0;
    *out = &p->head;
    return NT_OK;
}

nt_status blas_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)
{
    pool_prim *p = NULL;
    nt_status s = pool_new(&p, dev, d, run_bwd, e);

    if (s == NT_OK)
        *out = &p->head;
    return s;
}
