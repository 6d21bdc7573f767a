/* SPDX-License-Identifier: MIT */
/*
 * codes.h - arithmetic on 8-bit codes, which stand for the numbers (code - zero point) scale.
 *
 * Rounding is to the nearest, halves to even; what no code stands for becomes the nearest that
 * does.
 */
#ifndef NT_KERNEL_CODES_H
#define NT_KERNEL_CODES_H

#include "kernel/prim.h"

/*
 * What makes a convolution or dense layer one of codes: x is u8 or s8, the weights are s8, sums
 * are exact in 32 bits, and
 *
 *     y[k] = post(scale[k] sum of (x - x_zero) w + bias[k])
 *
 * rounded and saturated where y is u8 or s8. So scale is x's scale times w's, over y's; bias
 * is in steps of y, and includes its zero point, unless a NT_POST_LINEAR behind a function
 * brings what is y's. Padding counts as x_zero. A NT_POST_SUM adds sum_scale times the codes of
 * type `sum` that y's memory holds before.
 * The arrays are borrowed while a prim is made. NT_EUNSUPPORTED on a device without
 * nt_device_has_int8, and for what oneDNN does not do.
 */
typedef struct nt_codes {
    int64_t n; /* output channels */
    const float *scale, *bias;
    int32_t x_zero;
    float sum_scale;
    nt_dtype sum;
} nt_codes;

/* One scale and zero point for a whole tensor. */
typedef struct nt_coding {
    nt_dtype type; /* NT_U8 or NT_I8 */
    float scale;
    int32_t zero;
} nt_coding;

/* The least and the greatest code of NT_U8 or NT_I8. */
void nt_codes_range(float *lo, float *hi, nt_dtype t);

/* The sum of two tensors of n codes: how they and the result are coded, and the least and the
 * greatest code of the result. */
typedef struct nt_codes_sum {
    nt_coding a, b, y;
    int64_t n;
    float lo, hi;
} nt_codes_sum;

/* y: codes of the sum of what a and b stand for; y may be a or b. */
void nt_codes_add(void *y, const void *a, const void *b, const nt_codes_sum *c);

#endif
