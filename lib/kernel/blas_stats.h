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

/* (x - mean) scale + shift, with numbers per channel. */
typedef struct blas_affine {
    const float *mean, *scale, *shift;
} blas_affine;

/* The map of the channels from c on. */
static inline blas_affine blas_affine_from(const blas_affine *k, int64_t c)
{
    return (blas_affine){k->mean + c, k->scale + c, k->shift + c};
}

/* y = the map of a tile [rows][lanes], k that of its lanes; y may be x. */
void blas_tile_affine(float *y, const float *x, int64_t rows, int64_t lanes, blas_affine k);

#endif
