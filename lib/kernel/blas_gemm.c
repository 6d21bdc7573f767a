/* SPDX-License-Identifier: MIT */
/*
 * OpenBLAS runs on one thread when it is called from inside a parallel region, so the tiles are
 * ours. A tile repacks its share of both operands, which costs a few per cent at this size.
 */
#include "kernel/blas_gemm.h"

#include "kernel/linalg.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

#define TILE_M 128
#define TILE_N 512

static const float *row_of(blas_matrix a, int64_t i)
{
    return a.p + (a.trans ? i : i * a.ld);
}

static const float *column_of(blas_matrix b, int64_t j)
{
    return b.p + (b.trans ? j * b.ld : j);
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One row of C: the product of B's transpose and a vector. */
static void vector_tile(blas_product s, blas_matrix a, blas_matrix b, float *c)
{
    int rows = (int)(b.trans ? s.n : s.k), cols = (int)(b.trans ? s.k : s.n);

    if (s.beta == 0) /* not every release leaves NaN times 0 out of it */
        memset(c, 0, (size_t)s.n * sizeof *c);
    cblas_sgemv(CblasRowMajor, b.trans ? CblasNoTrans : CblasTrans, rows, cols, s.alpha, b.p,
                (int)b.ld, a.p, a.trans ? (int)a.ld : 1, s.beta, c, 1);
}

static void tile(blas_product s, blas_matrix a, blas_matrix b, float *c, int64_t ldc)
{
    if (s.m == 1)
        vector_tile(s, a, b, c);
    else
        nt_sgemm(s, a, b, c, ldc);
}

void blas_gemm(blas_product s, blas_matrix a, blas_matrix b, float *c, int64_t ldc)
{
    int64_t down = (s.m + TILE_M - 1) / TILE_M, across = (s.n + TILE_N - 1) / TILE_N;

#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < down * across; t++) {
        int64_t i = t / across * TILE_M, j = t % across * TILE_N;
        blas_matrix rows = {row_of(a, i), a.ld, a.trans};
        blas_matrix columns = {column_of(b, j), b.ld, b.trans};

        tile((blas_product){min(s.m - i, TILE_M), min(s.n - j, TILE_N), s.k, s.alpha, s.beta},
             rows, columns, c + i * ldc + j, ldc);
    }
}

nt_status blas_gemm_fits(int64_t v, const char *what, nt_err *e)
{
    if (v >= 0 && v <= INT_MAX)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED, "%s is %lld, the BLAS counts up to %d", what,
                   (long long)v, INT_MAX);
}
