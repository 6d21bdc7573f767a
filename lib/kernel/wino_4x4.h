/* SPDX-License-Identifier: MIT */
/*
 * wino_4x4.h - the transforms of F(4x4, 3x3) (Lavin & Gray, arXiv:1509.09308), for
 * wino_loops.inc:
 *
 *   Y = A' [(G w G') . (B' x B)] A,      dW = G' [(B' x B) . (A dY A')] G
 *
 * with the points 0, a, -a, b, -b and infinity, a = 2/3 and b = 1/a. With s = a^2 + b^2,
 * f = 1 / (2 a^2 (a^2 - b^2)) and g = 1 / (2 b^2 (b^2 - a^2)):
 *
 *        | 1    0     -s    0   1 0 |         | 1   0    0  |
 *        | 0 -a b^2  -b^2   a   1 0 |         | f  a f a^2 f |        | 1 1   1   1   1   0 |
 *   B' = | 0  a b^2  -b^2  -a   1 0 |     G = | f -a f a^2 f |   A' = | 0 a  -a   b  -b   0 |
 *        | 0 -b a^2  -a^2   b   1 0 |         | g  b g b^2 g |        | 0 a^2 a^2 b^2 b^2 0 |
 *        | 0  b a^2  -a^2  -b   1 0 |         | g -b g b^2 g |        | 0 a^3 -a^3 b^3 -b^3 1 |
 *        | 0    1      0   -s   0 1 |         | 0   0    1  |
 *
 * The usual points 1 and 2 save a product in B' d. But rounding what is transformed to bf16
 * then costs 2.2 to 2.5 % of the result's standard deviation (64 channels of random data), with
 * these 0.9 to 1.1 %.
 */
#ifndef NT_KERNEL_WINO_4X4_H
#define NT_KERNEL_WINO_4X4_H

#include "kernel/wino_simd.h"

#if NT_WITH_WINO

#define A (2.0F / 3)
#define B (3.0F / 2)
#define A2 (4.0F / 9)
#define B2 (9.0F / 4)
#define S (A2 + B2)
#define F (-81.0F / 130)
#define G (8.0F / 65)

SHARED __m512 times(float a, __m512 x)
{
    return _mm512_mul_ps(_mm512_set1_ps(a), x);
}

/* y + a x */
SHARED __m512 plus(__m512 y, float a, __m512 x)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(a), x, y);
}

SHARED void input_row(__m512 *d, const int step)
{
    __m512 p = d[step], q = d[2 * step], r = d[3 * step], t = d[4 * step];
    __m512 even = plus(t, -B2, q), odd = times(A, plus(r, -B2, p));
    __m512 even2 = plus(t, -A2, q), odd2 = times(B, plus(r, -A2, p));

    d[0] = _mm512_add_ps(d[0], plus(t, -S, q));
    d[step] = _mm512_add_ps(even, odd);
    d[2 * step] = _mm512_sub_ps(even, odd);
    d[3 * step] = _mm512_add_ps(even2, odd2);
    d[4 * step] = _mm512_sub_ps(even2, odd2);
    d[5 * step] = _mm512_add_ps(d[5 * step], plus(p, -S, r));
}

SHARED void grad_row(__m512 *d, const int step)
{
    __m512 p = d[0], q = d[step], r = d[2 * step], t = d[3 * step];
    __m512 even = plus(p, A2, r), odd = times(A, plus(q, A2, t));
    __m512 even2 = plus(p, B2, r), odd2 = times(B, plus(q, B2, t));

    d[step] = _mm512_add_ps(even, odd);
    d[2 * step] = _mm512_sub_ps(even, odd);
    d[3 * step] = _mm512_add_ps(even2, odd2);
    d[4 * step] = _mm512_sub_ps(even2, odd2);
    d[5 * step] = t;
}

SHARED void output_row(__m512 y[4], const __m512 *m, const int step)
{
    __m512 s = _mm512_add_ps(m[step], m[2 * step]),
           s2 = _mm512_add_ps(m[3 * step], m[4 * step]);
    __m512 d = times(A, _mm512_sub_ps(m[step], m[2 * step]));
    __m512 d2 = times(B, _mm512_sub_ps(m[3 * step], m[4 * step]));

    y[0] = _mm512_add_ps(m[0], _mm512_add_ps(s, s2));
    y[1] = _mm512_add_ps(d, d2);
    y[2] = plus(times(A2, s), B2, s2);
    y[3] = plus(plus(m[5 * step], A2, d), B2, d2);
}

SHARED void weight_row(__m512 out[6], __m512 a, __m512 b, __m512 c)
{
    __m512 even = times(F, plus(a, A2, c)), odd = times(F * A, b);
    __m512 even2 = times(G, plus(a, B2, c)), odd2 = times(G * B, b);

    out[0] = a;
    out[1] = _mm512_add_ps(even, odd);
    out[2] = _mm512_sub_ps(even, odd);
    out[3] = _mm512_add_ps(even2, odd2);
    out[4] = _mm512_sub_ps(even2, odd2);
    out[5] = c;
}

SHARED void weight_grad_row(__m512 out[3], const __m512 d[6])
{
    __m512 s = times(F, _mm512_add_ps(d[1], d[2])), s2 = times(G, _mm512_add_ps(d[3], d[4]));

    out[0] = _mm512_add_ps(d[0], _mm512_add_ps(s, s2));
    out[1] = plus(times(F * A, _mm512_sub_ps(d[1], d[2])), G * B, _mm512_sub_ps(d[3], d[4]));
    out[2] = plus(plus(d[5], A2, s), B2, s2);
}

#undef A
#undef B
#undef A2
#undef B2
#undef S
#undef F
#undef G

#endif
#endif
