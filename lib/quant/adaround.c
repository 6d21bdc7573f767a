/* SPDX-License-Identifier: MIT */
#include "quant/adaround.h"

#include "base/alloc.h"
#include "kernel/blas_gemm.h"
#include "quant/soft.h"

#include <math.h>
#include <string.h>

enum { STEPS = 1000, ROWS = 32 /* learned together */ };

static const float rate = 0.01F, push = 0.5F; /* push: lambda, of H with a mean diagonal of 1 */

/* Some rows of one group, [n][d]: they know nothing of others, so that threads take whole
 * blocks. */
typedef struct block {
    const float *h, *w;
    int64_t n, d;
    float unit; /* 1 / mean of H's diagonal */
    nt_codes range;
    float *v, *m1, *m2; /* V and Adam's moments */
    float *err, *slope; /* e, and H e */
    int64_t *codes;     /* [d] */
} block;

static float bounded(const block *b, float q)
{
    return fminf(fmaxf(q, (float)b->range.lo), (float)b->range.hi);
}

static void start(block *b)
{
    double trace = 0;

    for (int64_t i = 0; i < b->d; i++)
        trace += b->h[i * b->d + i];
    b->unit = trace > 0 ? (float)((double)b->d / trace) : 0;
    for (int64_t i = 0; i < b->n * b->d; i++) {
        b->v[i] = nt_soft_start(b->w[i] - floorf(b->w[i]));
        b->m1[i] = b->m2[i] = 0;
    }
}

static void find_slopes(const block *b)
{
    blas_matrix e = {b->err, b->d, false}, h = {b->h, b->d, false};
    float slope;

    for (int64_t i = 0; i < b->n * b->d; i++)
        b->err[i] = bounded(b, floorf(b->w[i]) + nt_soft(b->v[i], &slope)) - b->w[i];
    blas_gemm((blas_product){b->n, b->d, b->d, .alpha = b->unit}, e, h, b->slope, b->d);
}

/* d(error + lambda penalty)/dV of element i; beta 0: without the penalty. */
static float gradient(const block *b, int64_t i, float beta)
{
    float slope, h = nt_soft(b->v[i], &slope), q = floorf(b->w[i]) + h;
    float g = q == bounded(b, q) ? 2 * b->slope[i] : 0;

    return slope > 0 ? (g + push * nt_soft_penalty_slope(h, beta)) * slope : 0;
}

static void adam(const block *b, int t, float beta)
{
    float c1 = 1 - powf(0.9F, (float)t), c2 = 1 - powf(0.999F, (float)t);

    for (int64_t i = 0; i < b->n * b->d; i++) {
        float g = gradient(b, i, beta);

        b->m1[i] += 0.1F * (g - b->m1[i]);
        b->m2[i] += 0.001F * (g * g - b->m2[i]);
        b->v[i] -= rate * (b->m1[i] / c1) / (sqrtf(b->m2[i] / c2) + 1e-8F);
    }
}

static void learn(const block *b)
{
    for (int t = 1; t <= STEPS; t++) {
        find_slopes(b);
        adam(b, t, nt_soft_beta(t, STEPS));
    }
}

/* Row i of the block, k of r: the codes that were learned, if they are the better ones. */
static void settle(nt_rounding *r, int64_t k, const block *b, int64_t i)
{
    int64_t *q = r->q + k * r->d;

    for (int64_t j = 0; j < r->d; j++) {
        float up = b->v[i * b->d + j] >= 0; /* h(0) is 1/2 */

        b->codes[j] = (int64_t)bounded(b, floorf(b->w[i * b->d + j]) + up);
    }
    if (nt_rounding_error(r, k, b->codes) < nt_rounding_error(r, k, q))
        memcpy(q, b->codes, (size_t)r->d * sizeof *q);
}

static bool block_room(block *b, int64_t n, int64_t d)
{
    size_t size = (size_t)(n * d);

    b->v = nt_alloc(5 * size, sizeof *b->v);
    b->codes = nt_alloc((size_t)d, sizeof *b->codes);
    b->m1 = b->v ? b->v + size : NULL;
    b->m2 = b->v ? b->v + 2 * size : NULL;
    b->err = b->v ? b->v + 3 * size : NULL;
    b->slope = b->v ? b->v + 4 * size : NULL;
    return b->v && b->codes;
}

/* Block number i of group g; false: out of memory. */
static bool learn_block(nt_rounding *r, int64_t g, int64_t i)
{
    int64_t of_group = r->k / r->m->groups, first = i * ROWS, k = g * of_group + first;
    int64_t n = of_group - first < ROWS ? of_group - first : ROWS;
    block b = {.h = nt_rounding_h(r, k),
               .w = r->w + k * r->d,
               .n = n,
               .d = r->d,
               .range = nt_qtarget_codes(&r->t)};
    bool ok = block_room(&b, n, r->d);

    if (ok) {
        start(&b);
        learn(&b);
        for (int64_t j = 0; j < n; j++)
            settle(r, k + j, &b, j);
    }
    nt_free(b.v);
    nt_free(b.codes);
    return ok;
}

nt_status nt_adaround(nt_rounding *r, nt_err *e)
{
    int64_t per_group = (r->k / r->m->groups + ROWS - 1) / ROWS, n = per_group * r->m->groups;
    bool ok = true;

#pragma omp parallel for schedule(dynamic) reduction(&& : ok)
    for (int64_t i = 0; i < n; i++)
        ok = learn_block(r, i / per_group, i % per_group) && ok;
    return ok ? NT_OK : nt_fail_nomem(e);
}
