/* SPDX-License-Identifier: MIT */
/*
 * qfake.h - rows of numbers through quantization and back, forwards and backwards: what
 * training with rounding in place spends its time on.
 *
 * Sums are combined in an order that does not depend on the number of threads.
 */
#ifndef NT_OP_QFAKE_H
#define NT_OP_QFAKE_H

#include <stdint.h>

typedef struct nt_qfake {
    float scale, lo, hi; /* the outermost codes, zero point taken off */
} nt_qfake;

/* y = scale * min(max(round(x / scale), lo), hi), halves to even, as QuantizeLinear and
 * DequantizeLinear have it; NaN gives what the lowest code stands for, as in PyTorch.
 * y may be x. */
void nt_qfake_forward(float *y, const float *x, int64_t n, const nt_qfake *q);

/* The sum of (y - x)^2. */
double nt_qfake_error(const float *x, int64_t n, const nt_qfake *q);

/* Sums over the row of dy times ... */
typedef struct nt_qfake_sums {
    double slope;        /* round(u) - u for u = x / scale within [lo, hi], else lo or hi: the
                            gradient by the scale (Esser et al. 2020, arXiv:1902.08153, (3)) */
    double below, above; /* 1 where u < lo, where u > hi */
} nt_qfake_sums;

/* The straight-through estimator: dx = dy for u within [lo, hi], else 0. dx may be NULL. */
nt_qfake_sums nt_qfake_backward(float *dx, const float *x, const float *dy, int64_t n,
                                const nt_qfake *q);

typedef struct nt_qfake_extent {
    float lo, hi; /* 0 included */
    double sum;   /* of magnitudes */
} nt_qfake_extent;

nt_qfake_extent nt_qfake_look(const float *x, int64_t n);

#endif
