/* SPDX-License-Identifier: MIT */
/* interp.c - one output index at a time, as a weighted sum of rows of `inner` elements. A
 * plane's row is first made of input rows, then stretched. */
#include "kernel/interp.h"

#include <string.h>

#define PARALLEL_ELEMENTS (1 << 15)

/* y = weight x, then y += weight x: the row for output index o. */
#define ROW(type)                                                                              \
    const int64_t *at = a->at + o * a->taps;                                                   \
    const double *weight = a->weight + o * a->taps;                                            \
    for (int t = 0; t < a->taps; t++) {                                                        \
        const type *xr = x + at[t] * inner;                                                    \
        type w = (type)weight[t];                                                              \
        if (t == 0)                                                                            \
            for (int64_t i = 0; i < inner; i++)                                                \
                y[i] = w * xr[i];                                                              \
        else                                                                                   \
            for (int64_t i = 0; i < inner; i++)                                                \
                y[i] += w * xr[i];                                                             \
    }

static void row(float *restrict y, const float *restrict x, const nt_interp_axis *a, int64_t o,
                int64_t inner)
{
    ROW(float)
}

static void row_f64(double *restrict y, const double *restrict x, const nt_interp_axis *a,
                    int64_t o, int64_t inner)
{
    ROW(double)
}

/* The same for rows of one element. */
static void points(float *restrict y, const float *restrict x, const nt_interp_axis *a)
{
    const int64_t *at = a->at;
    const double *weight = a->weight;

    for (int64_t o = 0; o < a->out; o++, at += a->taps, weight += a->taps) {
        float sum = (float)weight[0] * x[at[0]];

        for (int t = 1; t < a->taps; t++)
            sum += (float)weight[t] * x[at[t]];
        y[o] = sum;
    }
}

static void stretch(float *y, const float *x, const nt_interp_axis *a, int64_t inner)
{
    if (inner == 1) {
        points(y, x, a);
        return;
    }
    for (int64_t o = 0; o < a->out; o++)
        row(y + o * inner, x, a, o, inner);
}

void nt_interp(float *y, const float *x, int64_t outer, const nt_interp_axis *a, int64_t inner)
{
#pragma omp parallel for if (outer * a->out * inner > PARALLEL_ELEMENTS)
    for (int64_t k = 0; k < outer; k++)
        stretch(y + k * a->out * inner, x + k * a->in * inner, a, inner);
}

void nt_interp_f64(double *y, const double *x, int64_t outer, const nt_interp_axis *a,
                   int64_t inner)
{
    for (int64_t k = 0; k < outer; k++)
        for (int64_t o = 0; o < a->out; o++)
            row_f64(y + (k * a->out + o) * inner, x + k * a->in * inner, a, o, inner);
}

/* What row() read gets its share of dy. */
static void row_grad(float *restrict dx, const float *restrict dy, const nt_interp_axis *a,
                     int64_t o, int64_t inner)
{
    for (int t = 0; t < a->taps; t++) {
        float *xr = dx + a->at[o * a->taps + t] * inner;
        float w = (float)a->weight[o * a->taps + t];

        for (int64_t i = 0; i < inner; i++)
            xr[i] += w * dy[i];
    }
}

static void stretch_grad(float *dx, const float *dy, const nt_interp_axis *a, int64_t inner)
{
    memset(dx, 0, (size_t)(a->in * inner) * sizeof *dx);
    for (int64_t o = 0; o < a->out; o++)
        row_grad(dx, dy + o * inner, a, o, inner);
}

void nt_interp_grad(float *dx, const float *dy, int64_t outer, const nt_interp_axis *a,
                    int64_t inner)
{
#pragma omp parallel for if (outer * a->out * inner > PARALLEL_ELEMENTS)
    for (int64_t k = 0; k < outer; k++)
        stretch_grad(dx + k * a->in * inner, dy + k * a->out * inner, a, inner);
}

void nt_interp_plane(float *y, const float *x, float *scratch, const nt_interp_planes *s)
{
    const nt_interp_axis *h = &s->h, *w = &s->w;
    int64_t outer = s->outer, inner = s->inner, xrow = w->in * inner, yrow = w->out * inner;

#pragma omp parallel for if (outer * h->out * yrow > PARALLEL_ELEMENTS)
    for (int64_t k = 0; k < outer; k++)
        for (int64_t p = 0; p < h->out; p++) {
            row(scratch + k * xrow, x + k * h->in * xrow, h, p, xrow);
            stretch(y + (k * h->out + p) * yrow, scratch + k * xrow, w, inner);
        }
}

void nt_interp_plane_grad(float *dx, const float *dy, float *scratch, const nt_interp_planes *s)
{
    const nt_interp_axis *h = &s->h, *w = &s->w;
    int64_t outer = s->outer, inner = s->inner, xrow = w->in * inner, yrow = w->out * inner;

#pragma omp parallel for if (outer * h->out * yrow > PARALLEL_ELEMENTS)
    for (int64_t k = 0; k < outer; k++) {
        memset(dx + k * h->in * xrow, 0, (size_t)(h->in * xrow) * sizeof *dx);
        for (int64_t p = 0; p < h->out; p++) {
            stretch_grad(scratch + k * xrow, dy + (k * h->out + p) * yrow, w, inner);
            row_grad(dx + k * h->in * xrow, scratch + k * xrow, h, p, xrow);
        }
    }
}
