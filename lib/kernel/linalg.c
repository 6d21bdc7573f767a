/* SPDX-License-Identifier: MIT */
#include "kernel/linalg.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

void nt_sgemm(blas_product s, blas_matrix a, blas_matrix b, float *c, int64_t ldc)
{
    assert(s.m <= INT_MAX && s.n <= INT_MAX && s.k <= INT_MAX);
    assert(a.ld <= INT_MAX && b.ld <= INT_MAX && ldc <= INT_MAX);
    cblas_sgemm(CblasRowMajor, a.trans ? CblasTrans : CblasNoTrans,
                b.trans ? CblasTrans : CblasNoTrans, (int)s.m, (int)s.n, (int)s.k, s.alpha, a.p,
                (int)a.ld, b.p, (int)b.ld, s.beta, c, (int)ldc);
}
