/* SPDX-License-Identifier: MIT */
/*
 * soft.h - a rounding that can be learned: the rectified sigmoid of AdaRound (Nagel et al.
 * 2020, arXiv:2004.10568).
 *
 *     h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)                                        (23)
 *     penalty = 1 - |2 h(V) - 1|^beta                                                (24)
 */
#ifndef NT_QUANT_SOFT_H
#define NT_QUANT_SOFT_H

#include <math.h>
#include <stdint.h>

#define NT_SOFT_STRETCH 1.2F
#define NT_SOFT_BELOW 0.1F
#define NT_SOFT_WARM 0.2F /* share of the steps that go by without the penalty */

/* V for which h(V) is this fraction, in [0, 1). */
static inline float nt_soft_start(float fraction)
{
    float p = (fraction + NT_SOFT_BELOW) / NT_SOFT_STRETCH;

    return logf(p / (1 - p));
}

/* h(V), and its slope there. */
static inline float nt_soft(float v, float *slope)
{
    float s = 1 / (1 + expf(-v)), h = NT_SOFT_STRETCH * s - NT_SOFT_BELOW;

    *slope = h > 0 && h < 1 ? NT_SOFT_STRETCH * s * (1 - s) : 0;
    return fminf(fmaxf(h, 0), 1);
}

/* d penalty / dh; beta 0: no penalty. */
static inline float nt_soft_penalty_slope(float h, float beta)
{
    float a = fabsf(2 * h - 1);

    return beta > 0 && a > 0 ? -copysignf(2 * beta * powf(a, beta - 1), 2 * h - 1) : 0;
}

/* beta at step t of `steps`, from 1: 0 at first, then from 20 down to 2. */
static inline float nt_soft_beta(int64_t t, int64_t steps)
{
    float warm = NT_SOFT_WARM * (float)steps;

    return (float)t > warm ? 2 + 18 * (float)(steps - t) / ((float)steps - warm) : 0;
}

#endif
