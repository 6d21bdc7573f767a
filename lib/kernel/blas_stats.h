/* SPDX-License-Identifier: MIT */
/* blas_stats.h - sums over tiles (blas_prim.h) and affine maps of them, as normalisations that
 * take their statistics per channel share them. */
#ifndef NT_KERNEL_BLAS_STATS_H
#define NT_KERNEL_BLAS_STATS_H

#include "kernel/prim.h"

/* Of one channel: sum x and sum x^2, or sum dy and sum dy (x - mean). */
typedef struct blas_sums {
    double first, second;
} blas_sums;

/* Adds a tile [rows][lanes] to the sums of its lanes, in double. For the statistics b is NULL:
 * a and a^2; else a and a (b - mean), mean per lane. */
void blas_sums_add(blas_sums *s, const float *a, const float *b, const float *mean,
                   int64_t rows, int64_t lanes);

/* y = (x - mean) scale + shift, each per lane; y may be x. */
void blas_tile_affine(float *y, const float *x, int64_t rows, int64_t lanes, const float *mean,
                      const float *scale, const float *shift);

#endif
