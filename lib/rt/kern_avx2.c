/* SPDX-License-Identifier: MIT */
/*
 * kern_avx2.c - AVX2 without VNNI. vpmaddubsw adds two products of u8 and s8 in 16 bits and
 * saturates: that cannot happen while 2 * 255 * 8 (4-bit weights) or 2 * 15 * 128 (4-bit codes)
 * is the largest sum. For 8 bits by 8 bits codes come widened to 16 bits, and vpmaddwd is
 * exact.
 */
#include <immintrin.h>

#include "rt/plain.h"
#include "rt/unroll.h"

/* Group f of half a word as signed bytes. */
INLINE __m256i field(__m256i w, int bits, int f)
{
    const __m128i four = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
    const __m128i two = _mm_setr_epi8(0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1);
    const __m128i one = _mm_setr_epi8(-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1);

    if (bits == 8)
        return w;
    w = _mm256_and_si256(_mm256_srl_epi16(w, _mm_cvtsi32_si128(bits * f)),
                         _mm256_set1_epi8((char)((1 << bits) - 1)));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bits == 4   ? four
                                                           : bits == 2 ? two
                                                                       : one),
                               w);
}

INLINE __m256i load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE void store(int32_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

INLINE __m256i spread(const uint8_t *a)
{
    int32_t v;

    memcpy(&v, a, 4);
    return _mm256_set1_epi32(v);
}

/* One block of 16 channels: two vectors. */
INLINE void fields(const nt_rt_tile *t, const uint32_t M, const uint32_t b, const uint32_t bits)
{
    const uint32_t per = 8 / bits;
    const uint8_t *w = t->w + b * t->wblock;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i acc[4][2], v[2], q[2];

    UNROLL for (uint32_t m = 0; m < M; m++) acc[m][0] = acc[m][1] = _mm256_setzero_si256();
    for (uint32_t j = 0; j < t->segs; j++) {
        const uint8_t *a[4];

        UNROLL for (uint32_t m = 0; m < M; m++) a[m] = t->a + t->off[m] + t->seg[j];
        for (size_t g = 0; g < t->len; w += 64) {
            v[0] = load(w);
            v[1] = load(w + 32);
            for (uint32_t f = 0; f < per; f++) {
                q[0] = field(v[0], (int)bits, (int)f);
                q[1] = field(v[1], (int)bits, (int)f);
                UNROLL for (uint32_t m = 0; m < M; m++)
                {
                    __m256i x = spread(a[m] + 4 * g);

                    UNROLL for (int h = 0; h < 2; h++) acc[m][h] = _mm256_add_epi32(
                        acc[m][h], _mm256_madd_epi16(_mm256_maddubs_epi16(x, q[h]), ones));
                }
                if (++g == t->len)
                    break;
            }
        }
    }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t h = 0; h < 2; h++)
        store(t->acc + (m * t->nb + b) * 16 + 8 * h, acc[m][h]);
}

/*
 * 8 bits by 8 bits. A vector of weights is 4 channels x 4 codes in 16 bits; vpmaddwd leaves two
 * sums for each channel.
 */
INLINE void wide(const nt_rt_tile *t, const uint32_t M, const uint32_t b)
{
    const uint8_t *w = t->w + b * t->wblock;
    __m256i acc[2][4];

    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t i = 0; i < 4; i++) acc[m][i] =
        _mm256_setzero_si256();
    for (uint32_t j = 0; j < t->segs; j++)
        for (size_t g = 0; g < t->len; g++, w += 64) {
            __m256i x[2];

            UNROLL for (uint32_t m = 0; m < M; m++)
            {
                int64_t v;

                memcpy(&v, t->a + t->off[m] + t->seg[j] + 8 * g, 8);
                x[m] = _mm256_set1_epi64x(v);
            }
            UNROLL for (uint32_t i = 0; i < 4; i++)
            {
                __m256i q = _mm256_cvtepi8_epi16(
                    _mm_loadu_si128((const __m128i *)(const void *)(w + 16 * i)));

                UNROLL for (uint32_t m = 0; m < M; m++) acc[m][i] =
                    _mm256_add_epi32(acc[m][i], _mm256_madd_epi16(x[m], q));
            }
        }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t h = 0; h < 2; h++)
    {
        __m256i y = _mm256_hadd_epi32(acc[m][2 * h], acc[m][2 * h + 1]);

        store(t->acc + (m * t->nb + b) * 16 + 8 * h, _mm256_permute4x64_epi64(y, 0xd8));
    }
}

/* The ones in each byte. */
INLINE __m256i ones_of(__m256i x)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));

    return _mm256_add_epi8(
        _mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
}

/*
 * kern_portable.c has the formulas. The ones of each byte, times 1, 2 or 4, are added in signed
 * 16-bit pairs at once: a word gives at most 2 * 8 * 9.
 */
INLINE void planes(const nt_rt_tile *t, const uint32_t M, const uint32_t b,
                   const uint32_t wbits, const uint32_t abits)
{
    const uint8_t *w = t->w + b * t->wblock;
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i acc[4][2];

    UNROLL for (uint32_t m = 0; m < M; m++) acc[m][0] = acc[m][1] = _mm256_setzero_si256();
    for (uint32_t j = 0; j < t->segs; j++)
        for (size_t g = 0; g < t->len; g++, w += 64 * wbits)
            UNROLL for (uint32_t m = 0; m < M; m++)
            {
                const uint8_t *a = t->a + t->off[m] + t->seg[j] + 4 * abits * g;

                UNROLL for (uint32_t h = 0; h < 2; h++)
                {
                    __m256i sum = _mm256_setzero_si256();

                    UNROLL for (uint32_t i = 0; i < wbits; i++)
                        UNROLL for (uint32_t p = 0; p < abits; p++)
                    {
                        __m256i q = load(w + 64 * i + 32 * h), x = spread(a + 4 * p);
                        int times = (wbits == 1 || i == 1 ? -1 : 1) * (1 << (i + p));

                        x = wbits == 1 ? _mm256_xor_si256(q, x) : _mm256_and_si256(q, x);
                        x = _mm256_maddubs_epi16(ones_of(x), _mm256_set1_epi8((char)times));
                        sum = _mm256_add_epi16(sum, x);
                    }
                    acc[m][h] = _mm256_add_epi32(acc[m][h], _mm256_madd_epi16(sum, ones));
                }
            }
    UNROLL for (uint32_t m = 0; m < M; m++) UNROLL for (uint32_t h = 0; h < 2; h++)
        store(t->acc + (m * t->nb + b) * 16 + 8 * h, acc[m][h]);
}

BLOCKS(s8, fields, 8)
BLOCKS(s4, fields, 4)
BLOCKS(s2, fields, 2)
BLOCKS(s1, fields, 1)
BLOCKS(p11, planes, 1, 1)
BLOCKS(p12, planes, 1, 2)
BLOCKS(p21, planes, 2, 1)
BLOCKS(p22, planes, 2, 2)

static void s8w(const nt_rt_tile *t)
{
    for (uint32_t b = 0; b < t->nb; b++)
        if (t->m == 2)
            wide(t, 2, b);
        else
            wide(t, 1, b);
}

static void pack(uint32_t *y, const uint8_t *x, size_t c, uint32_t bits)
{
    for (; c >= 32; c -= 32, x += 32, y += bits) {
        __m256i v = load(x);

        for (uint32_t p = 0; p < bits; p++)
            y[p] = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(v, (int)(7 - p)));
    }
    plain_planes(y, x, c, bits);
}

const nt_rt_kern nt_rt_avx2 = {
    .name = "avx2",
    .gemm = {s8, s8w, s4, s2, s1, p11, p12, p21, p22},
    .mr = {4, 2, 4, 4, 4, 4, 4, 4, 4},
    .wide = 1,
    PLAIN_KERNELS_BUT(plain_codes, plain_depthwise, pack),
};
