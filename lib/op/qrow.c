/* SPDX-License-Identifier: MIT */
#include "op/qrow.h"

#include "kernel/clones.h"

#include <math.h>
#include <stddef.h>

enum {
    PARTS = 64,       /* of a row */
    PARALLEL = 32768, /* elements from which a second thread pays */
    BLOCK = 512       /* elements that are summed in fp32 */
};

/* Where part i of n elements begins. */
static int64_t part(int64_t n, int i)
{
    return n / PARTS * i + (i == PARTS ? n % PARTS : 0);
}

/* ---- codes are bytes: both signs are read through one expression */

static inline int code_at(const uint8_t *q, int64_t i, int flip)
{
    return (int)(q[i] ^ flip) - flip; /* flip 0x80 extends the sign */
}

static inline int flip_of(const nt_qrow *r)
{
    return r->is_signed ? 0x80 : 0;
}

/* ---- forwards */

CLONES static void quantize(uint8_t *restrict q, const float *restrict x, int64_t n, nt_qrow r)
{
    float lo = (float)(r.lo - r.zero), hi = (float)(r.hi - r.zero), scale = r.scale;
    int zero = r.zero;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float v = rintf(x[i] / scale);

        v = v >= lo ? v : lo; /* NaN, too */
        v = v <= hi ? v : hi;
        q[i] = (uint8_t)((int)v + zero);
    }
}

void nt_qrow_quantize(void *q, const float *x, int64_t n, const nt_qrow *r)
{
#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++)
        quantize((uint8_t *)q + part(n, i), x + part(n, i), part(n, i + 1) - part(n, i), *r);
}

CLONES static void dequantize(float *restrict y, const uint8_t *restrict q, int64_t n,
                              nt_qrow r)
{
    int flip = flip_of(&r), zero = r.zero;
    float scale = r.scale;

#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(code_at(q, i, flip) - zero) * scale;
}

void nt_qrow_dequantize(float *y, const void *q, int64_t n, const nt_qrow *r)
{
#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++)
        dequantize(y + part(n, i), (const uint8_t *)q + part(n, i), part(n, i + 1) - part(n, i),
                   *r);
}

CLONES static void clip(uint8_t *y, const uint8_t *q, int64_t n, nt_qrow r)
{
    int flip = flip_of(&r), lo = r.lo, hi = r.hi;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        int v = code_at(q, i, flip);

        v = v < lo ? lo : v;
        y[i] = (uint8_t)(v > hi ? hi : v);
    }
}

void nt_qrow_clip(void *y, const void *q, int64_t n, const nt_qrow *r)
{
#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++)
        clip((uint8_t *)y + part(n, i), (const uint8_t *)q + part(n, i),
             part(n, i + 1) - part(n, i), *r);
}

/* ---- backwards */

/* Of at most BLOCK elements, as with pull_dequantize. */
CLONES static float pull_quantize(float *restrict dx, const void *restrict from,
                                  const float *restrict dy, int n, nt_qrow r)
{
    const float *x = from;
    float lo = (float)(r.lo - r.zero), hi = (float)(r.hi - r.zero), scale = r.scale;
    float inverse = 1 / scale, sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        float u = x[i] / scale, v = rintf(u);
        float d = dy[i] * inverse * (float)((v >= lo) & (v <= hi));

        u = u < lo - 1 ? lo - 1 : u; /* it may be infinite */
        u = u > hi + 1 ? hi + 1 : u;
        dx[i] = d;
        sum -= u * d;
    }
    return sum;
}

CLONES static float pull_dequantize(float *restrict dx, const void *restrict from,
                                    const float *restrict dy, int n, nt_qrow r)
{
    const uint8_t *q = from;
    int flip = flip_of(&r), zero = r.zero;
    float scale = r.scale, sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        dx[i] = dy[i] * scale;
        sum += dy[i] * (float)(code_at(q, i, flip) - zero);
    }
    return sum;
}

/* dx of at most BLOCK elements, and their part of the scale's gradient. */
typedef float pull_block(float *restrict dx, const void *restrict x, const float *restrict dy,
                         int n, nt_qrow r);

/* A row on the way back. */
typedef struct backward {
    float *dx;
    const void *x; /* elements of so many bytes */
    size_t bytes;
    const float *dy;
    int64_t n;
} backward;

static double pull(pull_block *block, backward b, const nt_qrow *r)
{
    double sum[PARTS] = {0}, total = 0;

#pragma omp parallel for if (b.n > PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        float unused[BLOCK];

        for (int64_t at = part(b.n, i), end = part(b.n, i + 1); at < end; at += BLOCK) {
            int m = end - at < BLOCK ? (int)(end - at) : BLOCK;

            sum[i] += block(b.dx ? b.dx + at : unused, (const char *)b.x + (size_t)at * b.bytes,
                            b.dy + at, m, *r);
        }
    }
    for (int i = 0; i < PARTS; i++)
        total += sum[i];
    return total;
}

double nt_qrow_pull_quantize(float *dx, const float *x, const float *dy, int64_t n,
                             const nt_qrow *r)
{
    return pull(pull_quantize, (backward){dx, x, sizeof *x, dy, n}, r);
}

double nt_qrow_pull_dequantize(float *dx, const void *q, const float *dy, int64_t n,
                               const nt_qrow *r)
{
    return pull(pull_dequantize, (backward){dx, q, 1, dy, n}, r);
}

CLONES static void pull_clip(float *restrict dx, const uint8_t *restrict q,
                             const float *restrict dy, int64_t n, nt_qrow r)
{
    int flip = flip_of(&r), lo = r.lo, hi = r.hi;

#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        int v = code_at(q, i, flip);

        dx[i] = ((v >= lo) & (v <= hi)) ? dy[i] : 0;
    }
}

void nt_qrow_pull_clip(float *dx, const void *q, const float *dy, int64_t n, const nt_qrow *r)
{
#pragma omp parallel for if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        int64_t at = part(n, i);

        pull_clip(dx + at, (const uint8_t *)q + at, dy + at, part(n, i + 1) - at, *r);
    }
}
