/* SPDX-License-Identifier: MIT */
/* fmath.c - the exponential, so that no libm is needed. */
#include <string.h>

#include "rt/rt_int.h"

/*
 * exp(x) = 2^n exp(r), |r| <= ln(2) / 2, with ln(2) in two parts (Cody & Waite 1980) and the
 * series of exp(r) to the seventh power: the rest is below 2^-26 of it.
 */
float nt_rt_expf(float x)
{
    float n, r, y;
    uint32_t bits;

    if (!(x > -87.0f))
        return x != x ? x : 0;
    if (x > 88.0f)
        x = 88.0f;
    n = x * 1.44269504f + 12582912.0f - 12582912.0f;
    r = x - n * 0.693145752f;
    r -= n * 1.42860677e-6f;
    y = 1.0f / 5040 * r + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1;
    y = y * r + 1;
    bits = (uint32_t)((int32_t)n + 127) << 23;
    memcpy(&r, &bits, 4);
    return y * r;
}
