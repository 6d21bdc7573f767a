/* SPDX-License-Identifier: MIT */
/* wino_bf16.h - bf16 for wino_loops.inc: pairs of elements, multiplied and summed in fp32. */
#ifndef NT_KERNEL_WINO_BF16_H
#define NT_KERNEL_WINO_BF16_H

#include "kernel/wino_simd.h"

#if NT_WITH_WINO

#define ISA WINO_ISA ",avx512bf16"
#define TYPE NT_BF16
#define WORKS wino_bf16_works

enum { GROUP = 2 };
typedef uint16_t element;
typedef __m512bh factor;

static inline bool wino_bf16_works(void)
{
    return wino_avx512_works() && __builtin_cpu_supports("avx512bf16");
}

INLINE_FOR(ISA) factor spread(const element *a)
{
    int32_t both;

    memcpy(&both, a, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

INLINE_FOR(ISA) factor load_factor(const element *b)
{
    return (__m512bh)_mm512_loadu_si512(b);
}

INLINE_FOR(ISA) __m512 mac(__m512 sum, factor a, factor b)
{
    return _mm512_dpbf16_ps(sum, a, b);
}

INLINE_FOR(ISA) void store_vector(element *to, __m512 v)
{
    _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(v));
}

INLINE_FOR(ISA) void store_lanes(element *to, __m512 v, __mmask16 lanes)
{
    _mm256_mask_storeu_epi16(to, lanes, (__m256i)_mm512_cvtneps_pbh(v));
}

INLINE_FOR(ISA) void store_group(element *to, __m512 even, __m512 odd)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    _mm512_storeu_si512(
        to, _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even)));
}

#endif
#endif
