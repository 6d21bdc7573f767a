/* SPDX-License-Identifier: MIT */
/*
 * eigen.h - what low-rank approximation asks of BLAS and LAPACK, in float64.
 *
 * The eigenvectors of A A' of the largest eigenvalues are A's left singular vectors; what is
 * left of A once it is projected on r of them is what Eckart and Young (1936) say is least.
 * Same input, same number of threads of the BLAS: same bytes.
 */
#ifndef NT_KERNEL_EIGEN_H
#define NT_KERNEL_EIGEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* C [m][n] = op(A) op(B) + beta C, all of them dense rows; op(A) is [m][k]. */
typedef struct nt_dproduct {
    bool trans_a, trans_b;
    int64_t m, n, k;
    double beta;
} nt_dproduct;

void nt_dgemm(nt_dproduct p, const double *a, const double *b, double *c);

/*
 * a [n][n] is symmetric, of finite numbers. value [n]: its eigenvalues, the largest first,
 * those below 0 as 0. Row i of a becomes the i-th eigenvector, its element of the largest size
 * (the first of such) above 0; without `vectors` a holds nothing afterwards.
 */
nt_status nt_eigen_sym(double *value, double *a, int64_t n, bool vectors,
                       nt_err *e) NT_MUST_CHECK;

#endif
