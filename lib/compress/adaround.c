/* SPDX-License-Identifier: MIT */
#include "compress/adaround.h"

#include "base/alloc.h"
#include "kernel/blas_gemm.h"

#include <math.h>
#include <string.h>

enum { STEPS = 1000, WARM = 200, ROWS = 32 /* learned together */ };

static const float rate = 0.01F, push = 0.5F; /* push: lambda, of H with a mean diagonal of 1 */
static const float stretch = 1.2F, below = 0.1F;

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

static float sigmoid(float v)
{
    return 1 / (1 + expf(-v));
}

static float soft(float v)
{
    return fminf(fmaxf(stretch * sigmoid(v) - below, 0), 1);
}

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
        float p = (b->w[i] - floorf(b->w[i]) + below) / stretch;

        b->v[i] = logf(p / (1 - p));
        b->m1[i] = b->m2[i] = 0;
    }
}

static void find_slopes(const block *b)
{
    blas_matrix e = {b->err, b->d, false}, h = {b->h, b->d, false};

    for (int64_t i = 0; i < b->n * b->d; i++)
        b->err[i] = bounded(b, floorf(b->w[i]) + soft(b->v[i])) - b->w[i];
    blas_gemm(b->n, b->d, b->d, b->unit, e, h, 0, b->slope, b->d);
}

/* d(error + lambda penalty)/dV of element i; beta 0: without the penalty. */
static float gradient(const block *b, int64_t i, float beta)
{
    float s = sigmoid(b->v[i]), h = soft(b->v[i]), q = floorf(b->w[i]) + h, g = 0, a;

    if (h <= 0 || h >= 1)
        return 0;
    if (q == bounded(b, q))
        g = 2 * b->slope[i];
    a = fabsf(2 * h - 1);
    if (beta > 0 && a > 0)
        g -= copysignf(push * 2 * beta * powf(a, beta - 1), 2 * h - 1);
    return g * stretch * s * (1 - s);
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
        float left = (float)(STEPS - t) / (STEPS - WARM);

        find_slopes(b);
        adam(b, t, t > WARM ? 2 + 18 * left : 0);
    }
}

/* Row i of the block, k of r: the codes that were learned, if they are the better ones. */
static void settle(nt_rounding *r, int64_t k, const block *b, int64_t i)
{
    int64_t *q = r->q + k * r->d;

    for (int64_t j = 0; j < r->d; j++) {
        float up = soft(b->v[i * b->d + j]) >= 0.5F;

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
