/* SPDX-License-Identifier: MIT */
/*
 * exp(v) = 2^n exp(r) with n = round(v / ln 2) and r = v - n ln 2 in two parts, |r| <= ln 2 /
 * 2; exp(r) by the polynomial of Cephes' expf, whose error is below a rounding (Moshier 1984).
 */
#include "kernel/swish.h"

#include "base/alloc.h"

#include <stdio.h>

#if NT_WITH_WINO
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))
#define PART 4096 /* elements */

typedef struct swish_prim {
    nt_prim head;
    int64_t count;
    float alpha;
} swish_prim;

/* v in [-89, 89], or NaN; infinity from 88.73 on. */
TARGET static inline __m512 exp_of(__m512 v)
{
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(v, _mm512_set1_ps(1.44269504f)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), v);
    __m512 p = _mm512_set1_ps(1.3981999507e-3f);

    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, _mm512_add_ps(r, _mm512_set1_ps(1)));
    return _mm512_scalef_ps(p, n);
}

/* The bounds come first, since of two the second is taken where one is NaN. */
TARGET static inline __m512 swish(__m512 x, __m512 alpha)
{
    __m512 v = _mm512_mul_ps(x, alpha), one = _mm512_set1_ps(1);

    v = _mm512_min_ps(_mm512_set1_ps(89), _mm512_sub_ps(_mm512_setzero_ps(), v));
    v = _mm512_max_ps(_mm512_set1_ps(-89), v);
    return _mm512_div_ps(x, _mm512_add_ps(one, exp_of(v)));
}

TARGET static void part(float *y, const float *x, int64_t n, float alpha)
{
    __m512 a = _mm512_set1_ps(alpha);

    for (; n >= 16; n -= 16, x += 16, y += 16)
        _mm512_storeu_ps(y, swish(_mm512_loadu_ps(x), a));
    if (n > 0) {
        __mmask16 lanes = (__mmask16)((1u << n) - 1);

        _mm512_mask_storeu_ps(y, lanes, swish(_mm512_maskz_loadu_ps(lanes, x), a));
    }
}

static nt_status run(nt_prim *prim, void *const *arg, void *scratch, nt_err *e)
{
    const swish_prim *p = (const swish_prim *)prim;
    const float *x = arg[0];
    float *y = arg[1];

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static) if (p->count > 4 * PART)
    for (int64_t i = 0; i < p->count; i += PART)
        part(y + i, x + i, p->count - i < PART ? p->count - i : PART, p->alpha);
    return NT_OK;
}

static void free_prim(nt_prim *p)
{
    nt_free(p);
}

bool nt_swish_fits(nt_dtype t)
{
    return t == NT_F32 && __builtin_cpu_supports("avx512f");
}

nt_status nt_swish_new(nt_prim **out, float alpha, const nt_desc *x, nt_err *e)
{
    swish_prim *p = nt_calloc(1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    p->head.run = run;
    p->head.free = free_prim;
    snprintf(p->head.impl, sizeof p->head.impl, "swish:avx512");
    p->count = (int64_t)(nt_desc_bytes(x) / sizeof(float)); /* padding too: 0 stays 0 */
    p->alpha = alpha;
    *out = &p->head;
    return NT_OK;
}

#else

bool nt_swish_fits(nt_dtype t)
{
    (void)t;
    return false;
}

nt_status nt_swish_new(nt_prim **out, float alpha, const nt_desc *x, nt_err *e)
{
    (void)out, (void)alpha, (void)x;
    return nt_fail(e, NT_EUNSUPPORTED, "swish is written for AVX-512");
}

#endif
