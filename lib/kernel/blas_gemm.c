/* SPDX-License-Identifier: MIT */
/*
 * OpenBLAS runs on one thread when it is called from inside a parallel region, so the tiles are
 * ours. A tile repacks its share of both operands, which costs a few per cent at this size.
 */
#include "kernel/blas_gemm.h"

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
static void vector_tile(int64_t n, int64_t k, float alpha, blas_matrix a, blas_matrix b,
                        float beta, float *c)
{
    int rows = (int)(b.trans ? n : k), cols = (int)(b.trans ? k : n);

    if (beta == 0) /* c may hold anything; not every release leaves NaN times 0 out of it */
        memset(c, 0, (size_t)n * sizeof *c);
    cblas_sgemv(CblasRowMajor, b.trans ? CblasNoTrans : CblasTrans, rows, cols, alpha, b.p,
                (int)b.ld, a.p, a.trans ? (int)a.ld : 1, beta, c, 1);
}

static void tile(int64_t m, int64_t n, int64_t k, float alpha, blas_matrix a, blas_matrix b,
                 float beta, float *c, int64_t ldc)
{
    if (m == 1)
        vector_tile(n, k, alpha, a, b, beta, c);
    else
        cblas_sgemm(CblasRowMajor, a.trans ? CblasTrans : CblasNoTrans,
                    b.trans ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, a.p,
                    (int)a.ld, b.p, (int)b.ld, beta, c, (int)ldc);
}

void blas_gemm(int64_t m, int64_t n, int64_t k, float alpha, blas_matrix a, blas_matrix b,
               float beta, float *c, int64_t ldc)
{
    int64_t down = (m + TILE_M - 1) / TILE_M, across = (n + TILE_N - 1) / TILE_N;

#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < down * across; t++) {
        int64_t i = t / across * TILE_M, j = t % across * TILE_N;
        blas_matrix rows = {row_of(a, i), a.ld, a.trans};
        blas_matrix columns = {column_of(b, j), b.ld, b.trans};

        tile(min(m - i, TILE_M), min(n - j, TILE_N), k, alpha, rows, columns, beta,
             c + i * ldc + j, ldc);
    }
}

nt_status blas_gemm_fits(int64_t v, const char *what, nt_err *e)
{
    if (v >= 0 && v <= INT_MAX)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED, "%s is %lld, the BLAS counts up to %d", what,
                   (long long)v, INT_MAX);
}
