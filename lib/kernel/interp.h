/* SPDX-License-Identifier: MIT */
/* interp.h - interpolation along one axis, and along the two of a plane. */
#ifndef NT_KERNEL_INTERP_H
#define NT_KERNEL_INTERP_H

#include <stdint.h>

/*
 * y[o] = sum over t < taps of weight[o taps + t] x[at[o taps + t]]        o < out
 *
 * x and y are [outer][in or out][inner]; at lies in [0, in). Sums run in order of t, in the
 * type of the data. None of these allocates or fails.
 */
typedef struct nt_interp_axis {
    int64_t in, out;
    int taps;
    const int64_t *at;
    const double *weight;
} nt_interp_axis;

void nt_interp(float *y, const float *x, int64_t outer, const nt_interp_axis *a, int64_t inner);
void nt_interp_f64(double *y, const double *x, int64_t outer, const nt_interp_axis *a,
                   int64_t inner);
/* dx = the transposed map of dy. */
void nt_interp_grad(float *dx, const float *dy, int64_t outer, const nt_interp_axis *a,
                    int64_t inner);

/* Planes: x [outer][h.in][w.in][inner], y [outer][h.out][w.out][inner]; inner holds the
 * channels of formats that have them last. */
typedef struct nt_interp_planes {
    nt_interp_axis h, w;
    int64_t outer, inner;
} nt_interp_planes;

/* Along both axes of planes, which run in parallel. row: outer w.in inner floats of scratch. */
void nt_interp_plane(float *y, const float *x, float *row, const nt_interp_planes *s);
void nt_interp_plane_grad(float *dx, const float *dy, float *row, const nt_interp_planes *s);

#endif
