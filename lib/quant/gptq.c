/* SPDX-License-Identifier: MIT */
#include "quant/gptq.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

typedef struct solver {
    int64_t d;
    double *a;      /* [d][d] */
    double *u;      /* [d][d] */
    double *w;      /* [d], as the row has moved */
    int64_t *order; /* [d] */
    int64_t *codes; /* [d] */
    nt_codes range;
} solver;

/* By falling diagonal, ties by index: insertion into what is sorted. */
static void sort_by_diagonal(const solver *v, const float *h)
{
    for (int64_t i = 0; i < v->d; i++) {
        float own = h[i * v->d + i];
        int64_t at = i;

        for (; at > 0 && h[v->order[at - 1] * (v->d + 1)] < own; at--)
            v->order[at] = v->order[at - 1];
        v->order[at] = i;
    }
}

/* a = L L', in place, lower; the diagonal is positive. */
static void cholesky(double *a, int64_t d)
{
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = a[i * d + j];

            for (int64_t k = 0; k < j; k++)
                sum -= a[i * d + k] * a[j * d + k];
            a[i * d + j] = i == j ? sqrt(fmax(sum, 1e-30)) : sum / a[j * d + j];
        }
}

/*
 * U' U = H^-1 for upper U. With the order of rows and columns reversed (P), P H P = L L' gives
 * H^-1 = (P L^-1 P)' (P L^-1 P), and P L^-1 P is upper.
 */
static void factor(const solver *v, const float *h)
{
    int64_t d = v->d, last = d - 1;
    double trace = 0;

    for (int64_t i = 0; i < d; i++)
        trace += h[i * d + i];
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++)
            v->a[i * d + j] = h[v->order[last - i] * d + v->order[last - j]] +
                              (i == j ? 0.01 * trace / (double)d + 1e-30 : 0);
    cholesky(v->a, d);
    for (int64_t c = 0; c < d; c++) /* column c of L^-1, to U reversed */
        for (int64_t i = c; i < d; i++) {
            double sum = i == c;

            for (int64_t k = c; k < i; k++)
                sum -= v->a[i * d + k] * v->u[(last - k) * d + last - c];
            v->u[(last - i) * d + last - c] = sum / v->a[i * d + i];
        }
}

static void round_row(nt_rounding *r, const solver *v, int64_t k)
{
    int64_t d = r->d, *q = r->q + k * d;

    for (int64_t j = 0; j < d; j++)
        v->w[j] = r->w[k * d + v->order[j]];
    for (int64_t j = 0; j < d; j++) {
        double code = fmin(fmax(rint(v->w[j]), (double)v->range.lo), (double)v->range.hi);
        double off = (v->w[j] - code) / v->u[j * d + j];

        v->codes[v->order[j]] = (int64_t)code;
        for (int64_t i = j + 1; i < d; i++)
            v->w[i] -= off * v->u[j * d + i];
    }
    if (nt_rounding_error(r, k, v->codes) < nt_rounding_error(r, k, q))
        memcpy(q, v->codes, (size_t)d * sizeof *q);
}

static void solver_release(solver *v)
{
    nt_free(v->a);
    nt_free(v->u);
    nt_free(v->w);
    nt_free(v->order);
    nt_free(v->codes);
}

nt_status nt_gptq(nt_rounding *r, nt_err *e)
{
    solver v = {.d = r->d, .range = nt_qtarget_codes(&r->t)};
    size_t d = (size_t)r->d;
    nt_status s = NT_OK;

    v.a = nt_calloc(d * d, sizeof *v.a);
    v.u = nt_calloc(d * d, sizeof *v.u);
    v.w = nt_calloc(d, sizeof *v.w);
    v.order = nt_calloc(d, sizeof *v.order);
    v.codes = nt_calloc(d, sizeof *v.codes);
    if (!v.a || !v.u || !v.w || !v.order || !v.codes)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t k = 0; k < r->k; k++) {
        if (k % (r->k / r->m->groups) == 0) {
            sort_by_diagonal(&v, nt_rounding_h(r, k));
            factor(&v, nt_rounding_h(r, k));
        }
        round_row(r, &v, k);
    }
done:
    solver_release(&v);
    return s;
}
