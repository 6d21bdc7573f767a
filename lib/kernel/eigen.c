/* SPDX-License-Identifier: MIT */
#include "kernel/eigen.h"

#include <assert.h>
#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <string.h>

void nt_dgemm(nt_dproduct p, const double *a, const double *b, double *c)
{
    assert(p.m <= INT_MAX && p.n <= INT_MAX && p.k <= INT_MAX);
    cblas_dgemm(CblasRowMajor, p.trans_a ? CblasTrans : CblasNoTrans,
                p.trans_b ? CblasTrans : CblasNoTrans, (int)p.m, (int)p.n, (int)p.k, 1, a,
                (int)(p.trans_a ? p.m : p.k), b, (int)(p.trans_b ? p.k : p.n), p.beta, c,
                (int)p.n);
}

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double t = a[i];

        a[i] = b[i];
        b[i] = t;
    }
}

/* LAPACK's order is from the smallest. */
static void turn(double *value, double *a, int64_t n, bool vectors)
{
    for (int64_t i = 0; i < n / 2; i++) {
        swap_rows(&value[i], &value[n - 1 - i], 1);
        if (vectors)
            swap_rows(a + i * n, a + (n - 1 - i) * n, n);
    }
}

static void fix_sign(double *v, int64_t n)
{
    int64_t most = 0;

    for (int64_t i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[most]))
            most = i;
    for (int64_t i = 0; v[most] < 0 && i < n; i++)
        if (i != most)
            v[i] = -v[i];
    v[most] = fabs(v[most]);
}

nt_status nt_eigen_sym(double *value, double *a, int64_t n, bool vectors, nt_err *e)
{
    lapack_int info;

    if (n > INT_MAX)
        return nt_fail(e, NT_EUNSUPPORTED, "a matrix of %lld rows is too large", (long long)n);
    /* symmetric: its columns are its rows, and so are LAPACK's eigenvectors then */
    info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'U', (lapack_int)n, a,
                          (lapack_int)n, value);
    if (info == LAPACK_WORK_MEMORY_ERROR)
        return nt_fail_nomem(e);
    if (info != 0)
        return nt_fail(e, NT_EUNSUPPORTED, "eigenvalues were not found (dsyevd: %d)",
                       (int)info);
    turn(value, a, n, vectors);
    for (int64_t i = 0; i < n; i++) {
        value[i] = value[i] > 0 ? value[i] : 0;
        if (vectors)
            fix_sign(a + i * n, n);
    }
    return NT_OK;
}
