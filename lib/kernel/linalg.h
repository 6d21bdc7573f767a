/* SPDX-License-Identifier: MIT */
/* linalg.h - the BLAS for the algorithms. */
#ifndef NT_KERNEL_LINALG_H
#define NT_KERNEL_LINALG_H

#include "kernel/blas_gemm.h"

/* The product s in one call of cblas_sgemm. */
void nt_sgemm(blas_product s, blas_matrix a, blas_matrix b, float *c, int64_t ldc);

#endif
