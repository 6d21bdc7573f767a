/* SPDX-License-Identifier: MIT */
/* blas_gemm.h - matrix products whose result does not depend on the number of threads. */
#ifndef NT_KERNEL_BLAS_GEMM_H
#define NT_KERNEL_BLAS_GEMM_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct blas_matrix {
    const float *p;
    int64_t ld; /* elements between rows as they lie in memory */
    bool trans; /* it is p's transpose that is meant */
} blas_matrix;

/* C = alpha A B + beta C, row-major; A is m x k, B is k x n. Each extent and ld fits an int. */
typedef struct blas_product {
    int64_t m, n, k;
    float alpha, beta; /* beta 0: C may hold anything before */
} blas_product;

/*
 * C is cut into tiles by its shape alone; each is one single-threaded call of the BLAS, and
 * OpenMP deals them out. Inside a parallel region the calling thread does them all.
 */
void blas_gemm(blas_product s, blas_matrix a, blas_matrix b, float *c, int64_t ldc);

/* NT_EUNSUPPORTED where v is more than the BLAS can count. */
nt_status blas_gemm_fits(int64_t v, const char *what, nt_err *e) NT_MUST_CHECK;

#endif
