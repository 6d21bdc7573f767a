/* SPDX-License-Identifier: MIT */
/*
 * plain.h - the kernels that a compiler makes vectors of by itself. Each set of kernels
 * includes this file and so gets them in its own instructions. Static on purpose.
 */
#ifndef NT_RT_PLAIN_H
#define NT_RT_PLAIN_H

#include <string.h>

#include "rt/rt_int.h"

/* To the nearest integer, ties to even, where |x| < 2^22: adding 1.5 * 2^23 leaves no fraction.
 */
static inline float plain_round(float x)
{
    return x + 12582912.0f - 12582912.0f;
}

/* NaN becomes lo. */
static inline float plain_clamp(float x, float lo, float hi)
{
    x = x > lo ? x : lo;
    return x < hi ? x : hi;
}

/* NaN stays one. */
static inline float plain_bound(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static inline uint8_t plain_code(float x, float lo, float hi, int32_t zero)
{
    return (uint8_t)((int32_t)plain_round(plain_clamp(x, lo, hi)) + zero);
}

static inline void plain_codes(uint8_t *y, const int32_t *acc, const nt_rt_scale *s, size_t k0,
                               size_t n)
{
    const int32_t *corr = s->corr + k0;
    const float *mul = s->mul + k0, *add = s->add + k0;
    float lo = s->lo, hi = s->hi;
    int32_t zero = s->zero;

    for (size_t i = 0; i < n; i++)
        y[i] = plain_code((float)(acc[i] + corr[i]) * mul[i] + add[i], lo, hi, zero);
}

static inline void plain_reals(float *y, const int32_t *acc, const nt_rt_scale *s, size_t k0,
                               size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = plain_bound((float)(acc[i] + s->corr[k0 + i]) * s->mul[k0 + i] + s->add[k0 + i],
                           s->lo, s->hi);
}

/* n is NT_RT_CHUNK at most. */
static inline void plain_depthwise(int32_t *acc, const nt_rt_window *t, const int8_t *w,
                                   size_t wtap, size_t n)
{
    int32_t sum[NT_RT_CHUNK] = {0};

    for (uint32_t r = 0; r < t->r; r++)
        for (uint32_t s = 0; s < t->s; s++, w += wtap) {
            const uint8_t *a = t->a + r * t->row + s * t->col;

            for (size_t i = 0; i < n; i++)
                sum[i] += (int16_t)((int16_t)a[i] * (int16_t)w[i]);
        }
    memcpy(acc, sum, n * sizeof *acc);
}

/* Bit p of 8 codes, one in each byte, as 8 bits. */
static inline uint32_t plain_gather(uint64_t codes, uint32_t p)
{
    return (uint32_t)(((codes >> p & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
}

static inline void plain_planes(uint32_t *y, const uint8_t *x, size_t c, uint32_t bits)
{
    for (size_t i = 0; i < c; i += 32, y += bits)
        for (uint32_t p = 0; p < bits; p++) {
            uint32_t word = 0;

            for (size_t j = i; j < c && j < i + 32; j += 8) {
                uint64_t eight = 0;

                memcpy(&eight, x + j, c - j < 8 ? c - j : 8);
                word |= plain_gather(eight, p) << (j - i);
            }
            y[p] = word;
        }
}

static inline void plain_widen(int16_t *y, const uint8_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
}

static inline void plain_max(uint8_t *y, const uint8_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > x[i] ? y[i] : x[i];
}

static inline void plain_sum(int32_t *y, const uint8_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static inline void plain_add(uint8_t *y, const uint8_t *a, const uint8_t *b, size_t n,
                             const nt_rt_pair *p)
{
    nt_rt_pair q = *p;

    for (size_t i = 0; i < n; i++)
        y[i] = plain_code(((float)a[i] - q.za) * q.ma + ((float)b[i] - q.zb) * q.mb, q.lo, q.hi,
                          q.zero);
}

static inline void plain_mul(uint8_t *y, const uint8_t *a, const uint8_t *b, size_t n,
                             const nt_rt_pair *p)
{
    nt_rt_pair q = *p;

    for (size_t i = 0; i < n; i++)
        y[i] =
            plain_code(((float)a[i] - q.za) * ((float)b[i] - q.zb) * q.ma, q.lo, q.hi, q.zero);
}

static inline void plain_quantize(uint8_t *y, const float *x, size_t n, const nt_rt_pair *p)
{
    nt_rt_pair q = *p;

    for (size_t i = 0; i < n; i++)
        y[i] = plain_code(x[i] / q.ma, q.lo, q.hi, q.zero);
}

static inline void plain_fconv(const nt_rt_fconv *t)
{
    float acc[4][16];

    memcpy(acc, t->acc, sizeof acc);
    for (uint32_t c = 0; c < t->c; c++) {
        const float *w = t->w + (size_t)c * 16;

        for (int m = 0; m < 4; m++) {
            float a = t->a[m][c];

            for (int i = 0; i < 16; i++)
                acc[m][i] += a * w[i];
        }
    }
    memcpy(t->acc, acc, sizeof acc);
}

/* All of them but those of the set itself. */
#define PLAIN_KERNELS_BUT(own_codes, own_depthwise, own_planes)                                \
    .codes = own_codes, .reals = plain_reals, .depthwise = own_depthwise,                      \
    .planes = own_planes, .widen = plain_widen, .max = plain_max, .sum = plain_sum,            \
    .add = plain_add, .mul = plain_mul, .quantize = plain_quantize, .fconv = plain_fconv
#define PLAIN_KERNELS PLAIN_KERNELS_BUT(plain_codes, plain_depthwise, plain_planes)

#endif
