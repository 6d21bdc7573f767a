/* SPDX-License-Identifier: MIT */
/*
 * qrow.h - rows of numbers and their 8-bit codes with one scale and zero point, forwards and
 * backwards: what training through rounding spends its time on.
 *
 * Codes are bytes, of u8 or (is_signed) of i8. Sums are combined in an order that does not
 * depend on the number of threads.
 */
#ifndef NT_OP_QROW_H
#define NT_OP_QROW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_qrow {
    float scale;
    int zero, lo, hi; /* codes: lo to hi */
    bool is_signed;
} nt_qrow;

/* q = saturate(round(x / scale) + zero), halves to even; NaN gives the lowest code. */
void nt_qrow_quantize(void *q, const float *x, int64_t n, const nt_qrow *r);
/* y = (q - zero) scale */
void nt_qrow_dequantize(float *y, const void *q, int64_t n, const nt_qrow *r);
/* y = min(max(q, lo), hi); y may be q */
void nt_qrow_clip(void *y, const void *q, int64_t n, const nt_qrow *r);

/* Gradients for dy. dx may be NULL; what is returned is the sum of the scale's.
 * Rounding counts as the identity, saturation as a constant: dx = dy / scale and dscale =
 * -x / scale^2 dy, 0 both for codes outside lo to hi. */
double nt_qrow_pull_quantize(float *dx, const float *x, const float *dy, int64_t n,
                             const nt_qrow *r);
/* dx = dy scale, dscale = (q - zero) dy */
double nt_qrow_pull_dequantize(float *dx, const void *q, const float *dy, int64_t n,
                               const nt_qrow *r);
/* dx = dy for codes from lo to hi, else 0 */
void nt_qrow_pull_clip(float *dx, const void *q, const float *dy, int64_t n, const nt_qrow *r);

#endif
