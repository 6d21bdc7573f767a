/* SPDX-License-Identifier: MIT */
/* F(4x4, 3x3) in fp32. */
#include "kernel/wino_4x4.h"

#if NT_WITH_WINO

#define ISA WINO_ISA
#define TILE 4
#define TYPE NT_F32
#define ARITH wino_f32
#define IMPL "winograd:avx512_f32"
#define MIN_TILES 48
#define WORKS wino_avx512_works

enum { GROUP = 1 };
typedef float element;
typedef __m512 factor;

SHARED factor spread(const element *a)
{
    return _mm512_set1_ps(*a);
}

SHARED factor load_factor(const element *b)
{
    return _mm512_loadu_ps(b);
}

SHARED __m512 mac(__m512 sum, factor a, factor b)
{
    return _mm512_fmadd_ps(a, b, sum);
}

SHARED void store_vector(element *to, __m512 v)
{
    _mm512_storeu_ps(to, v);
}

SHARED void store_lanes(element *to, __m512 v, __mmask16 lanes)
{
    _mm512_mask_storeu_ps(to, lanes, v);
}

SHARED void store_group(element *to, __m512 only, __m512 same)
{
    (void)same;
    _mm512_storeu_ps(to, only);
}

#include "kernel/wino_loops.inc"

#endif
