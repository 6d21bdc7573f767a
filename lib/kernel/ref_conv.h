/* SPDX-License-Identifier: MIT */
/* ref_conv.h - convolution by its definition: plain loops, PLAIN fp32 arrays, sums in double.
 * What the fast kernels are tested against. */
#ifndef NT_KERNEL_REF_CONV_H
#define NT_KERNEL_REF_CONV_H

#include "kernel/conv.h"

/* x [n][c][in...], w [k][c/g][ker...], b [k] or NULL, y [n][k][out...]. Of the description only
 * the extents are read: no post-operations, no types. */
void nt_ref_conv_fwd(float *y, const float *x, const float *w, const float *b,
                     const nt_conv_desc *d);
void nt_ref_conv_bwd_data(float *dx, const float *dy, const float *w, const nt_conv_desc *d);
/* db may be NULL. */
void nt_ref_conv_bwd_weights(float *dw, float *db, const float *x, const float *dy,
                             const nt_conv_desc *d);

#endif
