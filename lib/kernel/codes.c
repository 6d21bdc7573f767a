/* SPDX-License-Identifier: MIT */
#include "kernel/codes.h"

#include "kernel/clones.h"

#include <assert.h>
#include <math.h>

void nt_codes_range(float *lo, float *hi, nt_dtype t)
{
    assert(t == NT_U8 || t == NT_I8);
    *lo = t == NT_U8 ? 0 : -128;
    *hi = t == NT_U8 ? 255 : 127;
}

/* The loops are written out for each type, so that they become vector instructions: clips are
 * comparisons that NaN fails, and a code is stored by its low 8 bits, whatever its sign. */

CLONES static void quantize(uint8_t *y, const float *x, int64_t n, float scale, float zero,
                            float lo, float hi)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++) {
        float v = rintf(x[i] / scale);

        v = v >= lo - zero ? v : v < lo - zero ? lo - zero : 0;
        v = v <= hi - zero ? v : hi - zero;
        y[i] = (uint8_t)(int)(v + zero);
    }
}

void nt_codes_quantize(void *y, const float *x, int64_t n, nt_coding c)
{
    float lo, hi;

    nt_codes_range(&lo, &hi, c.type);
    quantize(y, x, n, c.scale, (float)c.zero, lo, hi);
}

CLONES static void dequantize_u8(float *y, const uint8_t *x, int64_t n, float scale, int zero)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(x[i] - zero) * scale;
}

CLONES static void dequantize_s8(float *y, const int8_t *x, int64_t n, float scale, int zero)
{
#pragma omp parallel for schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(x[i] - zero) * scale;
}

void nt_codes_dequantize(float *y, const void *x, int64_t n, nt_coding c)
{
    if (c.type == NT_U8)
        dequantize_u8(y, x, n, c.scale, c.zero);
    else
        dequantize_s8(y, x, n, c.scale, c.zero);
}

/* What a sum needs: y = clip(rint(fa a + fb b + shift)). */
typedef struct sum {
    float fa, fb, shift, lo, hi;
} sum;

#define ADD(name, ta, tb)                                                                      \
    CLONES static void name(uint8_t *y, const ta *a, const tb *b, int64_t n, sum s)            \
    {                                                                                          \
        _Pragma("omp parallel for schedule(static) if (n > 65536)") for (int64_t i = 0; i < n; \
                                                                         i++)                  \
        {                                                                                      \
            float v = rintf((float)a[i] * s.fa + (float)b[i] * s.fb + s.shift);                \
                                                                                               \
            v = v >= s.lo ? v : s.lo;                                                          \
            v = v <= s.hi ? v : s.hi;                                                          \
            y[i] = (uint8_t)(int)v;                                                            \
        }                                                                                      \
    }

ADD(add_u8_u8, uint8_t, uint8_t)
ADD(add_u8_s8, uint8_t, int8_t)
ADD(add_s8_s8, int8_t, int8_t)
#undef ADD

void nt_codes_add(void *y, nt_coding cy, const void *a, nt_coding ca, const void *b,
                  nt_coding cb, int64_t n, float lo, float hi)
{
    double fa = (double)ca.scale / cy.scale, fb = (double)cb.scale / cy.scale;
    sum s = {(float)fa, (float)fb, (float)(cy.zero - fa * ca.zero - fb * cb.zero), lo, hi};

    if (ca.type == NT_I8 && cb.type == NT_U8) {
        nt_codes_add(y, cy, b, cb, a, ca, n, lo, hi);
        return;
    }
    if (ca.type == NT_I8)
        add_s8_s8(y, a, b, n, s);
    else if (cb.type == NT_U8)
        add_u8_u8(y, a, b, n, s);
    else
        add_u8_s8(y, a, b, n, s);
}
