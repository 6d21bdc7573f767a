/* SPDX-License-Identifier: MIT */
#include "kernel/codes.h"

#include "kernel/clones.h"

#include <assert.h>
#include <math.h>

enum {
    PARTS = 64,      /* of a row */
    PARALLEL = 32768 /* elements from which a second thread pays */
};

void nt_codes_range(float *lo, float *hi, nt_dtype t)
{
    assert(t == NT_U8 || t == NT_I8);
    *lo = t == NT_U8 ? 0 : -128;
    *hi = t == NT_U8 ? 255 : 127;
}

/* y = clip(rint(fa a + fb b + shift)); both signs are read through one expression, in which a
 * flip of 0x80 extends the sign, and are stored by their low 8 bits. */
typedef struct sum {
    float fa, fb, shift, lo, hi;
    int flip_a, flip_b;
} sum;

CLONES static void add(uint8_t *y, const uint8_t *a, const uint8_t *b, int64_t n, sum s)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float x = (float)((int)(a[i] ^ s.flip_a) - s.flip_a);
        float r = (float)((int)(b[i] ^ s.flip_b) - s.flip_b);
        float v = rintf(x * s.fa + r * s.fb + s.shift);

        v = v >= s.lo ? v : s.lo;
        v = v <= s.hi ? v : s.hi;
        y[i] = (uint8_t)(int)v;
    }
}

/* Where part i of n elements begins. */
static int64_t part(int64_t n, int i)
{
    return n / PARTS * i + (i == PARTS ? n % PARTS : 0);
}

static int flip_of(nt_coding c)
{
    return c.type == NT_I8 ? 0x80 : 0;
}

void nt_codes_add(void *y, const void *a, const void *b, const nt_codes_sum *c)
{
    double fa = (double)c->a.scale / c->y.scale, fb = (double)c->b.scale / c->y.scale;
    float shift = (float)(c->y.zero - fa * c->a.zero - fb * c->b.zero);
    sum s = {(float)fa, (float)fb, shift, c->lo, c->hi, flip_of(c->a), flip_of(c->b)};
    int64_t n = c->n;

#pragma omp parallel for schedule(static) if (n > PARALLEL)
    for (int i = 0; i < PARTS; i++) {
        int64_t at = part(n, i);

        add((uint8_t *)y + at, (const uint8_t *)a + at, (const uint8_t *)b + at,
            part(n, i + 1) - at, s);
    }
}
