/* SPDX-License-Identifier: MIT */
/*
 * neon.h - the kernels of kern_neon.c and kern_neon_dot.c, which differ in one thing: how 4
 * channels x 4 signed bytes meet 4 codes. Codes are read as code - 128 (nt_rt_kern.bias), since
 * the products are of signed bytes.
 */
#ifndef NT_RT_NEON_H
#define NT_RT_NEON_H
#ifdef __aarch64__

#include <arm_neon.h>

#include "rt/plain.h"
#include "rt/unroll.h"

#ifdef __ARM_FEATURE_DOTPROD
#define PARTS 1 /* sums of a vector of 4 channels */

INLINE void dot(int32x4_t *acc, int8x16_t x, int8x16_t q)
{
    acc[0] = vdotq_s32(acc[0], x, q);
}

INLINE int32x4_t total(const int32x4_t *acc)
{
    return acc[0];
}
#else
#define PARTS 2 /* two channels each, two sums for a channel */

INLINE void dot(int32x4_t *acc, int8x16_t x, int8x16_t q)
{
    acc[0] = vpadalq_s16(acc[0], vmull_s8(vget_low_s8(x), vget_low_s8(q)));
    acc[1] = vpadalq_s16(acc[1], vmull_s8(vget_high_s8(x), vget_high_s8(q)));
}

INLINE int32x4_t total(const int32x4_t *acc)
{
    return vpaddq_s32(acc[0], acc[1]);
}
#endif

/* Group f of a quarter of a word as signed bytes. */
INLINE int8x16_t field(uint8x16_t w, int bits, int f)
{
    static const int8_t four[16] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
    static const int8_t two[16] = {0, 1, -2, -1}, one[16] = {-1, 1};

    if (bits == 8)
        return vreinterpretq_s8_u8(w);
    w = vandq_u8(vshlq_u8(w, vdupq_n_s8((int8_t)(-bits * f))),
                 vdupq_n_u8((uint8_t)((1 << bits) - 1)));
    return vqtbl1q_s8(vld1q_s8(bits == 4 ? four : bits == 2 ? two : one), w);
}

INLINE int8x16_t spread(const uint8_t *a)
{
    uint32_t v;

    memcpy(&v, a, 4);
    return vreinterpretq_s8_u32(vdupq_n_u32(v ^ 0x80808080u));
}

INLINE void fields(const nt_rt_tile *t, const uint32_t M, const uint32_t b, const uint32_t bits)
{
    const uint32_t per = 8 / bits;
    const uint8_t *w = t->w + b * t->wblock;
    int32x4_t acc[4][4][PARTS];

    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t i = 0; i < 4; i++)
        UNROLL for (uint32_t p = 0; p < PARTS; p++) acc[m][i][p] = vdupq_n_s32(0);
    for (uint32_t j = 0; j < t->segs; j++) {
        const uint8_t *a[4];

        UNROLL for (uint32_t m = 0; m < M; m++) a[m] = t->a + t->off[m] + t->seg[j];
        for (size_t g = 0; g < t->len; w += 64)
            for (uint32_t f = 0; f < per; f++) {
                int8x16_t x[4];

                UNROLL for (uint32_t m = 0; m < M; m++) x[m] = spread(a[m] + 4 * g);
                UNROLL for (uint32_t i = 0; i < 4; i++)
                {
                    int8x16_t q = field(vld1q_u8(w + 16 * i), (int)bits, (int)f);

                    UNROLL for (uint32_t m = 0; m < M; m++) dot(acc[m][i], x[m], q);
                }
                if (++g == t->len)
                    break;
            }
    }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t i = 0; i < 4; i++)
        vst1q_s32(t->acc + (m * t->nb + b) * 16 + 4 * i, total(acc[m][i]));
}

/* kern_portable.c has the formulas; a word adds at most 16 * 9 to a sum of 16 bits. */
INLINE void planes(const nt_rt_tile *t, const uint32_t M, const uint32_t b,
                   const uint32_t wbits, const uint32_t abits)
{
    const uint8_t *w = t->w + b * t->wblock;
    int32x4_t acc[4][4];

    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t i = 0; i < 4; i++) acc[m][i] =
        vdupq_n_s32(0);
    for (uint32_t j = 0; j < t->segs; j++)
        for (size_t g = 0; g < t->len; g++, w += 64 * wbits)
            UNROLL for (uint32_t m = 0; m < M; m++)
            {
                uint32_t a[2];

                memcpy(a, t->a + t->off[m] + t->seg[j] + 4 * abits * g, 4 * abits);
                UNROLL for (uint32_t i = 0; i < 4; i++)
                {
                    int16x8_t sum = vdupq_n_s16(0);

                    UNROLL for (uint32_t k = 0; k < wbits; k++)
                        UNROLL for (uint32_t p = 0; p < abits; p++)
                    {
                        uint8x16_t q = vld1q_u8(w + 64 * k + 16 * i);
                        uint8x16_t x = vreinterpretq_u8_u32(vdupq_n_u32(a[p]));
                        int16_t times =
                            (int16_t)((wbits == 1 || k == 1 ? -1 : 1) * (1 << (k + p)));

                        x = vcntq_u8(wbits == 1 ? veorq_u8(q, x) : vandq_u8(q, x));
                        sum = vmlaq_n_s16(sum, vreinterpretq_s16_u16(vpaddlq_u8(x)), times);
                    }
                    acc[m][i] = vpadalq_s16(acc[m][i], sum);
                }
            }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t i = 0; i < 4; i++)
        vst1q_s32(t->acc + (m * t->nb + b) * 16 + 4 * i, acc[m][i]);
}

BLOCKS(s8, fields, 8)
BLOCKS(s4, fields, 4)
BLOCKS(s2, fields, 2)
BLOCKS(s1, fields, 1)
BLOCKS(p11, planes, 1, 1)
BLOCKS(p12, planes, 1, 2)
BLOCKS(p21, planes, 2, 1)
BLOCKS(p22, planes, 2, 2)

#define NEON_KERNELS                                                                           \
    .gemm = {s8, s8, s4, s2, s1, p11, p12, p21, p22}, .bias = 128, PLAIN_KERNELS

#endif
#endif
