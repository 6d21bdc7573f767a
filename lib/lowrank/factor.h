/* SPDX-License-Identifier: MIT */
/*
 * factor.h - weights as products of smaller ones, in float64; arrays and extents, no graph.
 *
 * A matrix is projected on its first left (or, where that is the shorter side, right) singular
 * vectors. Tucker-2 (Kim et al. 2016, arXiv:1511.06530) takes the two channel axes of a
 * convolution so: W [k][c][q] = U [k][ro] core [ro][ri][q] V [c][ri]', by the singular vectors
 * of both unfoldings (HOSVD), and a few sweeps of alternating least squares (HOOI, De Lathauwer
 * et al. 2000).
 */
#ifndef NT_LOWRANK_FACTOR_H
#define NT_LOWRANK_FACTOR_H

#include "base/err.h"

#include <stdint.h>

/* energy [n], n = min(rows, cols): the squares of a's singular values, the largest first. */
nt_status nt_factor_energy(double *energy, const double *a, int64_t rows, int64_t cols,
                           nt_err *e) NT_MUST_CHECK;
/* ... of W [outer][n][inner] unfolded along its middle axis. energy [n]. */
nt_status nt_factor_axis_energy(double *energy, const double *w, const int64_t dims[3],
                                nt_err *e) NT_MUST_CHECK;

/* a [rows][cols] = left [rows][rank] right [rank][cols], both of the same norm vector by
 * vector. */
typedef struct nt_factor_matrix {
    int64_t rows, cols, rank;
    double *left, *right; /* nt_free */
} nt_factor_matrix;
/* rows, cols and rank of f are given, and what it points to is made. */
nt_status nt_factor_matrix_new(nt_factor_matrix *f, const double *a, nt_err *e) NT_MUST_CHECK;
void nt_factor_matrix_release(nt_factor_matrix *f);
/* What the factors are together, [rows][cols]. */
void nt_factor_matrix_whole(double *a, const nt_factor_matrix *f);

typedef struct nt_factor_tucker {
    int64_t k, c, q, out, in;    /* out <= k, in <= c: the ranks */
    double *left, *core, *right; /* [out][k], [out][in][q], [in][c]; nt_free */
} nt_factor_tucker;
nt_status nt_factor_tucker_new(nt_factor_tucker *f, const double *w, nt_err *e) NT_MUST_CHECK;
void nt_factor_tucker_release(nt_factor_tucker *f);
/* [k][c][q] */
nt_status nt_factor_tucker_whole(double *w, const nt_factor_tucker *f, nt_err *e) NT_MUST_CHECK;

#endif
