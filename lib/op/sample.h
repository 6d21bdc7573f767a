/* SPDX-License-Identifier: MIT */
/* sample.h - reading a picture between its points, and how that changes with the place: what
 * GridSample and DeformConv share. */
#ifndef NT_OP_SAMPLE_H
#define NT_OP_SAMPLE_H

#include <stdint.h>

/* Along one axis: the points at[i] with weights w[i], whose derivatives by the coordinate are
 * dw[i]. */
typedef struct nt_stencil {
    int n;
    int64_t at[4];
    double w[4], dw[4];
} nt_stencil;

/* The two neighbours of x; those outside [0, extent) count as zero and are left out. */
void nt_stencil_linear(nt_stencil *s, double x, int64_t extent);

/* In up to 3 axes: offsets into a plane with weights, and the weights' derivatives by each
 * axis' coordinate. */
typedef struct nt_sample {
    int n;
    int64_t at[64];
    float w[64], dw[3][64];
} nt_sample;

/* The product of one stencil for each of `sp` axes of these extents. */
void nt_sample_init(nt_sample *p, int sp, const nt_stencil *axis, const int64_t *extent);
/* Of a plane: its value, and how that changes along an axis. */
float nt_sample_get(const nt_sample *p, const float *plane);
float nt_sample_slope(const nt_sample *p, int axis, const float *plane);
/* The transpose of get: plane[at] += w g. */
void nt_sample_add(const nt_sample *p, float *plane, float g);

#endif
