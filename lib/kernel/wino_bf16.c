/* SPDX-License-Identifier: MIT */
/*
 * F(2x2, 3x3) (Winograd 1980; Lavin & Gray, arXiv:1509.09308) in bf16:
 *
 *   Y = A' [(G w G') . (B' x B)] A,      dW = G' [(B' x B) . (A dY A')] G
 *
 *        | 1  0 -1  0 |        | 1   0   0  |         | 1  1  1  0 |
 *   B' = | 0  1  1  0 |    G = | .5  .5  .5 |    A' = | 0  1 -1 -1 |
 *        | 0 -1  1  0 |        | .5 -.5  .5 |
 *        | 0  1  0 -1 |        | 0   0   1  |
 */
#include "kernel/wino_bf16.h"

#if NT_WITH_WINO

#define TILE 2
#define ARITH wino_bf16
#define IMPL "winograd:avx512_bf16"
#define MIN_TILES 24

SHARED void input_row(__m512 *d, const int step)
{
    __m512 p = d[0], q = d[step], r = d[2 * step], s = d[3 * step];

    d[0] = _mm512_sub_ps(p, r);
    d[step] = _mm512_add_ps(q, r);
    d[2 * step] = _mm512_sub_ps(r, q);
    d[3 * step] = _mm512_sub_ps(q, s);
}

SHARED void grad_row(__m512 *d, const int step)
{
    __m512 p = d[0], q = d[step];

    d[step] = _mm512_add_ps(p, q);
    d[2 * step] = _mm512_sub_ps(p, q);
    d[3 * step] = _mm512_sub_ps(_mm512_setzero_ps(), q);
}

SHARED void output_row(__m512 y[2], const __m512 *m, const int step)
{
    __m512 s = _mm512_add_ps(m[step], m[2 * step]), d = _mm512_sub_ps(m[step], m[2 * step]);

    y[0] = _mm512_add_ps(m[0], s);
    y[1] = _mm512_sub_ps(d, m[3 * step]);
}

SHARED void weight_row(__m512 out[4], __m512 a, __m512 b, __m512 c)
{
    __m512 half = _mm512_set1_ps(0.5f);
    __m512 s = _mm512_mul_ps(half, _mm512_add_ps(a, c)), d = _mm512_mul_ps(half, b);

    out[0] = a;
    out[1] = _mm512_add_ps(s, d);
    out[2] = _mm512_sub_ps(s, d);
    out[3] = c;
}

SHARED void weight_grad_row(__m512 out[3], const __m512 d[4])
{
    __m512 half = _mm512_set1_ps(0.5f);
    __m512 s = _mm512_mul_ps(half, _mm512_add_ps(d[1], d[2]));

    out[0] = _mm512_add_ps(d[0], s);
    out[1] = _mm512_mul_ps(half, _mm512_sub_ps(d[1], d[2]));
    out[2] = _mm512_add_ps(s, d[3]);
}

#include "kernel/wino_loops.inc"

#endif
