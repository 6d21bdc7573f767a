/* SPDX-License-Identifier: MIT */
/* kern_portable.c - the kernels in plain C: what the others are compared with. */
#include "rt/plain.h"

/* Element i of the four of channel k in group f of a word. */
static inline int32_t field(const uint8_t *word, uint32_t bits, uint32_t f, uint32_t k,
                            uint32_t i)
{
    uint32_t v = (uint32_t)word[k * 4 + i] >> (bits * f) & ((1u << bits) - 1);

    if (bits == 1)
        return v ? 1 : -1;
    return (int32_t)v - (int32_t)((v >> (bits - 1)) << bits); /* two's complement */
}

static void fields(const nt_rt_tile *t, uint32_t bits)
{
    uint32_t per = 8 / bits, n = 16 * t->nb;

    memset(t->acc, 0, (size_t)t->m * n * sizeof *t->acc);
    for (uint32_t b = 0; b < t->nb; b++) {
        const uint8_t *w = t->w + b * t->wblock;

        for (uint32_t j = 0; j < t->segs; j++, w += 64 * ((t->len + per - 1) / per))
            for (uint32_t g = 0; g < t->len; g++) {
                int32_t q[64];

                for (uint32_t k = 0; k < 64; k++)
                    q[k] = field(w + 64 * (g / per), bits, g % per, k / 4, k % 4);
                for (uint32_t m = 0; m < t->m; m++) {
                    const uint8_t *a = t->a + t->off[m] + t->seg[j] + 4 * (size_t)g;
                    int32_t *acc = t->acc + m * n + b * 16;

                    for (uint32_t k = 0; k < 16; k++)
                        acc[k] += a[0] * q[4 * k] + a[1] * q[4 * k + 1] + a[2] * q[4 * k + 2] +
                                  a[3] * q[4 * k + 3];
                }
            }
    }
}

static inline int32_t bits_of(uint32_t x)
{
    x -= x >> 1 & 0x55555555u;
    x = (x & 0x33333333u) + (x >> 2 & 0x33333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0fu;
    return (int32_t)(x * 0x01010101u >> 24);
}

/*
 * One bit of weights: sum of a * (2 b - 1) over the ones of a = |b| - |a xor b|, and corr has
 * |b|. Two bits, two's complement: w = b0 - 2 b1.
 */
static void planes(const nt_rt_tile *t, uint32_t wbits, uint32_t abits)
{
    uint32_t n = 16 * t->nb;

    memset(t->acc, 0, (size_t)t->m * n * sizeof *t->acc);
    for (uint32_t b = 0; b < t->nb; b++) {
        const uint8_t *w = t->w + b * t->wblock;

        for (uint32_t j = 0; j < t->segs; j++)
            for (uint32_t g = 0; g < t->len; g++, w += 64 * wbits) {
                uint32_t q[2][16];

                memcpy(q, w, 64 * wbits);
                for (uint32_t m = 0; m < t->m; m++) {
                    int32_t *acc = t->acc + m * n + b * 16;
                    uint32_t a[2];

                    memcpy(a, t->a + t->off[m] + t->seg[j] + 4 * (size_t)abits * g, 4 * abits);
                    for (uint32_t p = 0; p < abits; p++)
                        for (uint32_t k = 0; k < 16; k++)
                            acc[k] += (wbits == 1 ? -bits_of(q[0][k] ^ a[p])
                                                  : bits_of(q[0][k] & a[p]) -
                                                        2 * bits_of(q[1][k] & a[p])) *
                                      (1 << p);
                }
            }
    }
}

static void s8(const nt_rt_tile *t)
{
    fields(t, 8);
}

static void s4(const nt_rt_tile *t)
{
    fields(t, 4);
}

static void s2(const nt_rt_tile *t)
{
    fields(t, 2);
}

static void s1(const nt_rt_tile *t)
{
    fields(t, 1);
}

static void p11(const nt_rt_tile *t)
{
    planes(t, 1, 1);
}

static void p12(const nt_rt_tile *t)
{
    planes(t, 1, 2);
}

static void p21(const nt_rt_tile *t)
{
    planes(t, 2, 1);
}

static void p22(const nt_rt_tile *t)
{
    planes(t, 2, 2);
}

const nt_rt_kern nt_rt_portable = {
    .name = "portable",
    .gemm = {s8, s8, s4, s2, s1, p11, p12, p21, p22},
    .mr = {4, 4, 4, 4, 4, 4, 4, 4, 4},
    PLAIN_KERNELS,
};
