/* SPDX-License-Identifier: MIT */
#include "op/qfake.h"

#include "kernel/clones.h"

#include <math.h>
#include <stddef.h>

enum {
    PARTS = 64,       /* of a long row */
    PARALLEL = 32768, /* elements from which a second thread pays */
    BLOCK = 512       /* elements that are summed in fp32 */
};

/* Where part i of n elements begins; a short row is one part. */
static int64_t part(int64_t n, int i)
{
    return n > PARALLEL ? n / PARTS * i + (i == PARTS ? n % PARTS : 0) : i == 0 ? 0 : n;
}

CLONES static void forward(float *y, const float *x, int64_t n, nt_qfake q)
{
    float lo = q.lo, hi = q.hi, scale = q.scale;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = rintf(x[i] / scale);

        v = v >= lo ? v : lo;
        y[i] = (v <= hi ? v : hi) * scale;
    }
}

void nt_qfake_forward(float *y, const float *x, int64_t n, const nt_qfake *q)
{
#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++)
        forward(y + part(n, i), x + part(n, i), part(n, i + 1) - part(n, i), *q);
}

double nt_qfake_error(const float *x, int64_t n, const nt_qfake *q)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        float c = fminf(fmaxf(rintf(x[i] / q->scale), q->lo), q->hi);
        double d = x[i] - c * q->scale;

        sum += d * d;
    }
    return sum;
}

/* Of at most BLOCK elements. */
CLONES static void backward(float *restrict sum, float *restrict dx, const float *restrict x,
                            const float *restrict dy, int n, nt_qfake q)
{
    float lo = q.lo, hi = q.hi, scale = q.scale, slope = 0, below = 0, above = 0;

#pragma omp simd reduction(+ : slope, below, above)
    for (int i = 0; i < n; i++) {
        float u = x[i] / scale, under = u<lo, over = u> hi, within = (u >= lo) & (u <= hi);
        float c = u > hi ? hi : u >= lo ? u : lo; /* finite: 0 times it is 0 */

        dx[i] = dy[i] * within;
        slope += dy[i] * (within * (rintf(c) - c) + under * lo + over * hi);
        below += dy[i] * under;
        above += dy[i] * over;
    }
    sum[0] = slope;
    sum[1] = below;
    sum[2] = above;
}

/* Elements [from, to). */
static nt_qfake_sums backward_part(float *dx, const float *x, const float *dy, int64_t from,
                                   int64_t to, const nt_qfake *q)
{
    nt_qfake_sums t = {0, 0, 0};
    float unused[BLOCK], sum[3];

    for (int64_t at = from; at < to; at += BLOCK) {
        int m = to - at < BLOCK ? (int)(to - at) : BLOCK;

        backward(sum, dx ? dx + at : unused, x + at, dy + at, m, *q);
        t.slope += sum[0];
        t.below += sum[1];
        t.above += sum[2];
    }
    return t;
}

nt_qfake_sums nt_qfake_backward(float *dx, const float *x, const float *dy, int64_t n,
                                const nt_qfake *q)
{
    nt_qfake_sums of[PARTS], t = {0, 0, 0};

#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++)
        of[i] = backward_part(dx, x, dy, part(n, i), part(n, i + 1), q);
    for (int i = 0; i < PARTS; i++) {
        t.slope += of[i].slope;
        t.below += of[i].below;
        t.above += of[i].above;
    }
    return t;
}

/* ---- looking */

/* At no more than BLOCK elements. */
CLONES static void look(nt_qfake_extent *e, const float *x, int n)
{
    float lo = e->lo, hi = e->hi, sum = 0;

#pragma omp simd reduction(min : lo) reduction(max : hi) reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
        sum += fabsf(x[i]);
    }
    *e = (nt_qfake_extent){lo, hi, e->sum + sum};
}

nt_qfake_extent nt_qfake_look(const float *x, int64_t n)
{
    nt_qfake_extent of[PARTS], all = {0, 0, 0};

#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        of[i] = (nt_qfake_extent){0, 0, 0};
        for (int64_t at = part(n, i), to = part(n, i + 1); at < to; at += BLOCK)
            look(&of[i], x + at, to - at < BLOCK ? (int)(to - at) : BLOCK);
    }
    for (int i = 0; i < PARTS; i++) {
        all.lo = fminf(all.lo, of[i].lo);
        all.hi = fmaxf(all.hi, of[i].hi);
        all.sum += of[i].sum;
    }
    return all;
}
