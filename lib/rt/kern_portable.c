/* SPDX-License-Identifier: MIT */
/* kern_portable.c - the kernels in plain C: what the others are compared with. */
#include "rt/plain.h"

/* Group f of a word, as [4][16 channels]: products of 16 bits are what compilers make vectors
 * of. */
static void unpack(int16_t q[4][16], const uint8_t *word, uint32_t bits, uint32_t f)
{
    uint32_t sign = 0x01010101u << (bits - 1), mask = (sign << 1) - 0x01010101u;

    if (bits == 8)
        mask = 0xffffffffu;
    for (uint32_t k = 0; k < 16; k++) {
        uint32_t v;

        memcpy(&v, word + 4 * k, 4); /* four fields at once, each a byte */
        v = (v >> (bits * f) & mask) ^ (bits == 1 ? 0 : sign);
        q[0][k] = (int16_t)(v & 255);
        q[1][k] = (int16_t)(v >> 8 & 255);
        q[2][k] = (int16_t)(v >> 16 & 255);
        q[3][k] = (int16_t)(v >> 24);
    }
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < 16; k++)
            q[i][k] = (int16_t)(bits == 1 ? 2 * q[i][k] - 1 : q[i][k] - (1 << (bits - 1)));
}

/* sum[k] += a . q[.][k] */
static inline void dot(int32_t sum[16], const uint8_t *a, int16_t q[4][16])
{
    int16_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];

    for (uint32_t k = 0; k < 16; k++)
        sum[k] += a0 * q[0][k] + a1 * q[1][k] + a2 * q[2][k] + a3 * q[3][k];
}

static void fields(const nt_rt_tile *t, uint32_t bits)
{
    uint32_t per = 8 / bits;

    for (uint32_t b = 0; b < t->nb; b++) {
        const uint8_t *w = t->w + b * t->wblock;
        int32_t sum[NT_RT_MR][16] = {{0}};

        for (uint32_t j = 0; j < t->segs; j++, w += 64 * ((t->len + per - 1) / per))
            for (uint32_t g = 0; g < t->len; g++) {
                int16_t q[4][16];

                unpack(q, w + 64 * (g / per), bits, g % per);
                for (uint32_t m = 0; m < t->m; m++)
                    dot(sum[m], t->a + t->off[m] + t->seg[j] + 4 * (size_t)g, q);
            }
        for (uint32_t m = 0; m < t->m; m++)
            memcpy(t->acc + (m * t->nb + b) * 16, sum[m], sizeof sum[m]);
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
    .mr = {8, 8, 8, 8, 8, 8, 8, 8, 8},
    PLAIN_KERNELS,
};
