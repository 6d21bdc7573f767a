/* SPDX-License-Identifier: MIT */
/*
 * Convolution where each output channel sees one input channel: plane by plane, tap by tap, one
 * output row at a time.
 */
#include "kernel/openblas/conv.h"

#include <omp.h>
#include <string.h>

size_t blas_depthwise_scratch(const blas_conv *c)
{
    return blas_round16(c->w.n_in + c->w.n_out + 2 * c->w.n_ker);
}

/* A plane of a tensor as fp32: where it lies, or in buf. */
static const float *plane(float *buf, const void *x, nt_dtype t, int64_t i, int64_t points)
{
    if (t == NT_F32)
        return (const float *)x + i * points;
    blas_row_load(buf, (const uint16_t *)x + i * points, t, points);
    return buf;
}

static float *buffer(const blas_conv *c, void *scratch)
{
    return (float *)scratch + (size_t)omp_get_thread_num() * c->per_thread;
}

/* y += a x, x read every `stride` elements */
static void add_from(float *y, float a, const float *x, int64_t stride, int64_t n)
{
    if (stride == 1)
        blas_row_axpy(y, a, x, n);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] += a * x[i * stride];
}

/* x += a y, x written every `stride` elements */
static void add_to(float *x, float a, const float *y, int64_t stride, int64_t n)
{
    if (stride == 1)
        blas_row_axpy(x, a, y, n);
    else
        for (int64_t i = 0; i < n; i++)
            x[i * stride] += a * y[i];
}

static float dot(const float *x, const float *y, int64_t stride, int64_t n)
{
    float sum = 0;

    if (stride == 1)
        return blas_row_dot(x, y, n);
    for (int64_t i = 0; i < n; i++)
        sum += x[i * stride] * y[i];
    return sum;
}

static void fwd_plane(const blas_conv *c, float *y, const float *x, const float *w)
{
    const nt_window *win = &c->w;

    memset(y, 0, (size_t)win->n_out * sizeof *y);
    for (int64_t r = 0; r < win->n_ker; r++)
        for (nt_stretch s = nt_stretch_first(win, r, 0, win->n_out); s.size > 0;
             nt_stretch_next(&s))
            add_from(y + s.o + s.before, w[r], x + s.at, win->stride[2], s.n);
}

nt_status blas_depthwise_fwd(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;
    const float *w = arg[1], *bias = arg[2];
    blas_finish f = {c->d.dst, c->d.post, c->d.n_post};
    bool in_place = c->d.dst == NT_F32 && !blas_has_sum(c->d.post, c->d.n_post);

    (void)e;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int64_t i = 0; i < c->d.n * c->d.k; i++) {
        int64_t n = i / c->d.k, k = i % c->d.k;
        float *buf = buffer(c, scratch);
        const float *x = plane(buf, arg[0], c->d.src, n * c->d.c + k / c->kg, c->w.n_in);
        char *y = (char *)arg[3] + (size_t)(i * c->w.n_out) * nt_dtype_size(c->d.dst);
        float *v = in_place ? (float *)(void *)y : buf + c->w.n_in;

        fwd_plane(c, v, x, w + k * c->w.n_ker);
        blas_row_finish(y, v, c->w.n_out, bias ? bias + k : NULL, 0, &f);
    }
    return NT_OK;
}

static void bwd_data_plane(const blas_conv *c, float *dx, const float *dy, const float *w)
{
    const nt_window *win = &c->w;

    for (int64_t r = 0; r < win->n_ker; r++)
        for (nt_stretch s = nt_stretch_first(win, r, 0, win->n_out); s.size > 0;
             nt_stretch_next(&s))
            add_to(dx + s.at, w[r], dy + s.o + s.before, win->stride[2], s.n);
}

nt_status blas_depthwise_bwd_data(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;
    const float *w = arg[1];
    bool in_place = c->d.src == NT_F32;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int64_t i = 0; i < c->d.n * c->d.c; i++) {
        float *buf = buffer(c, scratch);
        float *dx = in_place ? (float *)arg[2] + i * c->w.n_in : buf;

        memset(dx, 0, (size_t)c->w.n_in * sizeof *dx);
        for (int64_t j = 0; j < c->kg;
             j++) { /* output channel i*kg + j counts over images too */
            const float *dy =
                plane(buf + c->w.n_in, arg[0], c->d.dst, i * c->kg + j, c->w.n_out);

            bwd_data_plane(c, dx, dy, w + (i % c->d.c * c->kg + j) * c->w.n_ker);
        }
        if (!in_place)
            blas_row_store((uint16_t *)arg[2] + i * c->w.n_in, c->d.src, dx, c->w.n_in);
    }
    return NT_OK;
}

/* dw[r] += one image's share. Rows are summed in double. */
static void bwd_weights_plane(const blas_conv *c, double *dw, const float *x, const float *dy)
{
    const nt_window *win = &c->w;

    for (int64_t r = 0; r < win->n_ker; r++)
        for (nt_stretch s = nt_stretch_first(win, r, 0, win->n_out); s.size > 0;
             nt_stretch_next(&s))
            dw[r] += dot(x + s.at, dy + s.o + s.before, win->stride[2], s.n);
}

nt_status blas_depthwise_bwd_weights(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;
    float *to = arg[2];

    (void)e;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int64_t k = 0; k < c->d.k; k++) {
        double *dw = (double *)(void *)buffer(c, scratch);
        float *buf = (float *)(dw + c->w.n_ker);

        memset(dw, 0, (size_t)c->w.n_ker * sizeof *dw);
        for (int64_t n = 0; n < c->d.n; n++) {
            const float *x = plane(buf, arg[0], c->d.src, n * c->d.c + k / c->kg, c->w.n_in);
            const float *dy =
                plane(buf + c->w.n_in, arg[1], c->d.dst, n * c->d.k + k, c->w.n_out);

            bwd_weights_plane(c, dw, x, dy);
        }
        for (int64_t r = 0; r < c->w.n_ker; r++)
            to[k * c->w.n_ker + r] = (float)dw[r];
    }
    if (arg[3])
        blas_conv_bias_grad(arg[3], arg[1], c);
    return NT_OK;
}
