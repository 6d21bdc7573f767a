/* SPDX-License-Identifier: MIT */
/* blas_row.h - loops over contiguous elements, the innermost loops of the portable kernels. */
#ifndef NT_KERNEL_BLAS_ROW_H
#define NT_KERNEL_BLAS_ROW_H

#include "kernel/prim.h"

/* Conversions of n elements; t is NT_F32 or NT_BF16. */
void blas_row_load(float *y, const void *x, nt_dtype t, int64_t n);
void blas_row_store(void *y, nt_dtype t, const float *x, int64_t n);

/* How rows of such elements lie: `rows` of n each, ld elements apart. */
typedef struct blas_rows {
    nt_dtype t;
    int64_t ld, rows, n;
} blas_rows;

/* The same for rows; the fp32 ones of the other side are ldy or ldx apart. */
void blas_rows_load(float *y, int64_t ldy, const void *x, blas_rows r);
void blas_rows_store(void *y, blas_rows r, const float *x, int64_t ldx);

/* y = a + b; y may be either. */
void blas_row_add(float *y, const float *a, const float *b, int64_t n);
/* y += a x */
void blas_row_axpy(float *y, float a, const float *x, int64_t n);
float blas_row_dot(const float *x, const float *y, int64_t n);
/* Is every x less than infinity, and so a number or -infinity? */
bool blas_row_below_infinity(const float *x, int64_t n);
double blas_row_sum(const float *x, int64_t n);

/* y = min(max(x, lo), hi) of bf16 as they are, and NaN of NaN; y may be x. */
void blas_row_clip_bf16(uint16_t *y, const uint16_t *x, int64_t n, float lo, float hi);
/* v = post(v), any kind but SUM. */
void blas_row_post(float *v, int64_t n, const nt_post *p);
/* dx = dy post'(x); dx may be dy. */
void blas_row_post_bwd(float *dx, const float *x, const float *dy, int64_t n, const nt_post *p);

/* The end of a convolution or dense layer: y = posts(v + bias), where SUM adds y's old value.
 * bias: n numbers, or one for all when bias_step is 0, or NULL. v may be y. v is overwritten.
 */
typedef struct blas_finish {
    nt_dtype dst;
    const nt_post *post;
    int n_post;
} blas_finish;

bool blas_has_sum(const nt_post *post, int n_post);
void blas_row_finish(void *y, float *v, int64_t n, const float *bias, int bias_step,
                     const blas_finish *f);

#endif
