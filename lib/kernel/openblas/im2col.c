/* SPDX-License-Identifier: MIT */
#include "kernel/openblas/im2col.h"

#include "kernel/blas_row.h"

#include <string.h>

static void zero(float *y, int64_t n)
{
    if (n > 0)
        memset(y, 0, (size_t)n * sizeof *y);
}

static void gather(float *y, const void *x, nt_dtype t, int64_t at, int64_t stride, int64_t n)
{
    const float *f = x;
    const uint16_t *b = x;

    if (stride == 1)
        blas_row_load(y, t == NT_BF16 ? (const void *)(b + at) : (const void *)(f + at), t, n);
    else if (t == NT_BF16)
        for (int64_t i = 0; i < n; i++)
            y[i] = nt_bf16_to_f32(b[at + i * stride]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = f[at + i * stride];
}

/* One row of the matrix: tap r of one channel. */
static void im2col_row(float *y, const char *x, nt_dtype t, const nt_window *w, int64_t r,
                       const blas_span *span)
{
    nt_stretch start = nt_stretch_first(w, r, span->from, span->to);

    for (int64_t i = 0; i < span->images; i++, x += (size_t)span->step * nt_dtype_size(t))
        for (nt_stretch s = start; s.size > 0; nt_stretch_next(&s)) {
            zero(y, s.before);
            if (s.n > 0)
                gather(y + s.before, x, t, s.at, w->stride[2], s.n);
            zero(y + s.before + s.n, s.after);
            y += s.size;
        }
}

void blas_im2col(float *col, const void *x, nt_dtype t, const nt_window *w, int64_t channels,
                 const blas_span *s)
{
    size_t plane = (size_t)w->n_in * nt_dtype_size(t);
    int64_t width = blas_span_width(s);

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < channels * w->n_ker; i++)
        im2col_row(col + i * width, (const char *)x + (size_t)(i / w->n_ker) * plane, t, w,
                   i % w->n_ker, s);
}

static void scatter(float *x, const float *y, int64_t stride, int64_t n)
{
    if (stride == 1)
        blas_row_add(x, x, y, n);
    else
        for (int64_t i = 0; i < n; i++)
            x[i * stride] += y[i];
}

static void col2im_row(float *x, const float *y, const nt_window *w, int64_t r,
                       const blas_span *span)
{
    nt_stretch start = nt_stretch_first(w, r, span->from, span->to);

    for (int64_t i = 0; i < span->images; i++, x += span->step)
        for (nt_stretch s = start; s.size > 0; nt_stretch_next(&s)) {
            if (s.n > 0)
                scatter(x + s.at, y + s.before, w->stride[2], s.n);
            y += s.size;
        }
}

void blas_col2im(float *x, const float *col, const nt_window *w, int64_t channels,
                 const blas_span *s)
{
    int64_t width = blas_span_width(s);

    for (int64_t c = 0; c < channels; c++)
        for (int64_t r = 0; r < w->n_ker; r++)
            col2im_row(x + c * w->n_in, col + (c * w->n_ker + r) * width, w, r, s);
}

bool blas_is_pointwise(const nt_window *w)
{
    for (int i = 0; i < 3; i++)
        if (w->ker[i] != 1 || w->stride[i] != 1 || w->lo[i] != 0 || w->in[i] != w->out[i])
            return false;
    return true;
}
