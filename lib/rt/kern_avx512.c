/* SPDX-License-Identifier: MIT */
/*
 * kern_avx512.c - AVX-512 with BW, VL, VNNI and VPOPCNTDQ. A vector of 64 bytes is a word of
 * the file: 16 output channels with 4 codes or 32 bits each, so that sums need no shuffling.
 */
#include <immintrin.h>

#include "rt/plain.h"
#include "rt/unroll.h"

/* Group f of a word as signed bytes. */
INLINE __m512i field(__m512i w, int bits, int f)
{
    const __m128i four = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
    const __m128i two = _mm_setr_epi8(0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1);
    const __m128i one = _mm_setr_epi8(-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1);

    if (bits == 8)
        return w;
    w = _mm512_and_si512(_mm512_srl_epi16(w, _mm_cvtsi32_si128(bits * f)),
                         _mm512_set1_epi8((char)((1 << bits) - 1)));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bits == 4   ? four
                                                      : bits == 2 ? two
                                                                  : one),
                               w);
}

INLINE __m512i spread(const uint8_t *a)
{
    int32_t v;

    memcpy(&v, a, 4);
    return _mm512_set1_epi32(v);
}

INLINE void fields(const nt_rt_tile *t, const uint32_t M, const uint32_t NB,
                   const uint32_t bits)
{
    const uint32_t per = 8 / bits;
    const uint8_t *w = t->w;
    const size_t wblock = t->wblock;
    __m512i acc[8][2], v[2], q[2];

    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t b = 0; b < NB; b++) acc[m][b] =
        _mm512_setzero_si512();
    for (uint32_t j = 0; j < t->segs; j++) {
        const uint8_t *a[8];

        UNROLL for (uint32_t m = 0; m < M; m++) a[m] = t->a + t->off[m] + t->seg[j];
        for (size_t g = 0; g < t->len; w += 64) {
            UNROLL for (uint32_t b = 0; b < NB; b++) v[b] = _mm512_loadu_si512(w + b * wblock);
            for (uint32_t f = 0; f < per; f++) {
                UNROLL for (uint32_t b = 0; b < NB; b++) q[b] = field(v[b], (int)bits, (int)f);
                UNROLL for (uint32_t m = 0; m < M; m++)
                {
                    __m512i x = spread(a[m] + 4 * g);

                    UNROLL for (uint32_t b = 0; b < NB; b++) acc[m][b] =
                        _mm512_dpbusd_epi32(acc[m][b], x, q[b]);
                }
                if (++g == t->len)
                    break;
            }
        }
    }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t b = 0; b < NB; b++)
        _mm512_storeu_si512(t->acc + (m * NB + b) * 16, acc[m][b]);
}

/* Adds |w op a| to sum. */
INLINE __m512i count(__m512i sum, __m512i w, __m512i a, int exclusive)
{
    __m512i x = exclusive ? _mm512_xor_si512(w, a) : _mm512_and_si512(w, a);

    return _mm512_add_epi32(sum, _mm512_popcnt_epi32(x));
}

/* kern_portable.c has the formulas; sums of one weight 2^i are kept apart until the end. */
INLINE void planes(const nt_rt_tile *t, const uint32_t M, const uint32_t NB,
                   const uint32_t wbits, const uint32_t abits)
{
    const uint8_t *w = t->w;
    const size_t wblock = t->wblock;
    const uint32_t sums = wbits + abits - 1;
    const int exclusive = wbits == 1;
    __m512i acc[8][2][3], q[2][2];

    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t b = 0; b < NB; b++)
        UNROLL for (uint32_t i = 0; i < sums; i++) acc[m][b][i] = _mm512_setzero_si512();
    for (uint32_t j = 0; j < t->segs; j++) {
        const uint8_t *a[8];

        UNROLL for (uint32_t m = 0; m < M; m++) a[m] = t->a + t->off[m] + t->seg[j];
        for (size_t g = 0; g < t->len; g++, w += 64 * wbits) {
            UNROLL for (uint32_t b = 0; b < NB; b++) UNROLL for (uint32_t i = 0; i < wbits; i++)
                q[b][i] = _mm512_loadu_si512(w + b * wblock + 64 * i);
            UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t p = 0; p < abits; p++)
            {
                __m512i x = spread(a[m] + 4 * (abits * g + p));

                UNROLL for (uint32_t b = 0; b < NB; b++)
                {
                    acc[m][b][p] = count(acc[m][b][p], q[b][0], x, exclusive);
                    if (wbits == 2 && p == 0 && abits == 2) /* one sum for both of weight 2 */
                        acc[m][b][1] = _mm512_sub_epi32(
                            acc[m][b][1], _mm512_popcnt_epi32(_mm512_and_si512(q[b][1], x)));
                    else if (wbits == 2)
                        acc[m][b][p + 1] = count(acc[m][b][p + 1], q[b][1], x, 0);
                }
            }
        }
    }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t b = 0; b < NB; b++)
    {
        __m512i *s = acc[m][b], y = s[0];

        if (wbits == 1 && abits == 2)
            y = _mm512_add_epi32(y, _mm512_slli_epi32(s[1], 1));
        if (wbits == 1)
            y = _mm512_sub_epi32(_mm512_setzero_si512(), y);
        if (wbits == 2 && abits == 1)
            y = _mm512_sub_epi32(y, _mm512_slli_epi32(s[1], 1));
        if (wbits == 2 && abits == 2)
            y = _mm512_sub_epi32(_mm512_add_epi32(y, _mm512_slli_epi32(s[1], 1)),
                                 _mm512_slli_epi32(s[2], 2));
        _mm512_storeu_si512(t->acc + (m * NB + b) * 16, y);
    }
}

TILES(s8, 8, fields, 8)
TILES(s4, 8, fields, 4)
TILES(s2, 8, fields, 2)
TILES(s1, 8, fields, 1)
TILES(p11, 8, planes, 1, 1)
TILES(p12, 8, planes, 1, 2)
TILES(p21, 8, planes, 2, 1)
TILES(p22, 5, planes, 2, 2)

static void codes(uint8_t *y, const int32_t *acc, const nt_rt_scale *s, size_t k0, size_t n)
{
    const __m512 lo = _mm512_set1_ps(s->lo), hi = _mm512_set1_ps(s->hi);
    const __m512i zero = _mm512_set1_epi32(s->zero);

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 keep = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : (__mmask16)0xffff;
        __m512i sum = _mm512_add_epi32(_mm512_maskz_loadu_epi32(keep, acc + i),
                                       _mm512_maskz_loadu_epi32(keep, s->corr + k0 + i));
        __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum),
                                 _mm512_maskz_loadu_ps(keep, s->mul + k0 + i));

        v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(keep, s->add + k0 + i));
        v = _mm512_min_ps(_mm512_max_ps(v, lo), hi);
        _mm512_mask_cvtepi32_storeu_epi8(y + i, keep,
                                         _mm512_add_epi32(_mm512_cvtps_epi32(v), zero));
    }
}

/* 32 channels at a time; a product of u8 and s8 fits 16 bits. */
static void depthwise(int32_t *acc, const nt_rt_window *t, const int8_t *w, size_t wtap,
                      size_t n)
{
    for (size_t i = 0; i < n; i += 32) {
        __mmask32 keep = n - i < 32 ? (1u << (n - i)) - 1 : 0xffffffffu;
        __m512i lo = _mm512_setzero_si512(), hi = lo;
        const int8_t *q = w + i;

        for (uint32_t r = 0; r < t->r; r++)
            for (uint32_t s = 0; s < t->s; s++, q += wtap) {
                const uint8_t *a = t->a + r * t->row + s * t->col + i;
                __m512i x = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(keep, a));

                x = _mm512_mullo_epi16(x,
                                       _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(keep, q)));
                lo = _mm512_add_epi32(lo, _mm512_cvtepi16_epi32(_mm512_castsi512_si256(x)));
                hi = _mm512_add_epi32(hi,
                                      _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(x, 1)));
            }
        _mm512_mask_storeu_epi32(acc + i, (__mmask16)keep, lo);
        _mm512_mask_storeu_epi32(acc + i + 16, (__mmask16)(keep >> 16), hi);
    }
}

static void pack(uint32_t *y, const uint8_t *x, size_t c, uint32_t bits)
{
    for (size_t i = 0; i < c; i += 32, y += bits) {
        __mmask32 keep = c - i < 32 ? (1u << (c - i)) - 1 : 0xffffffffu;
        __m256i v = _mm256_maskz_loadu_epi8(keep, x + i);

        for (uint32_t p = 0; p < bits; p++)
            y[p] = _mm256_test_epi8_mask(v, _mm256_set1_epi8((char)(1 << p)));
    }
}

const nt_rt_kern nt_rt_avx512 = {
    .name = "avx512",
    .gemm = {s8, s8, s4, s2, s1, p11, p12, p21, p22},
    .mr = {8, 8, 8, 8, 8, 8, 8, 8, 5},
    PLAIN_KERNELS_BUT(codes, depthwise, pack),
};
