/* SPDX-License-Identifier: MIT */
/* linalg.h - OpenBLAS and LAPACKE for the algorithms, in double or float, row-major. */
#ifndef NT_KERNEL_LINALG_H
#define NT_KERNEL_LINALG_H

#include <stddef.h>
#include <stdint.h>

/* C = alpha op(A) op(B) + beta C, row-major, as cblas_sgemm. */
void nt_sgemm(int trans_a, int trans_b, int64_t m, int64_t n, int64_t k, float alpha,
              const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
              int64_t ldc);

#endif
