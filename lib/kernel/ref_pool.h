/* SPDX-License-Identifier: MIT */
/* ref_pool.h - pooling by its definition, on PLAIN fp32 arrays; what tests compare with. */
#ifndef NT_KERNEL_REF_POOL_H
#define NT_KERNEL_REF_POOL_H

#include "kernel/pool.h"

/* x [n][c][in...], y [n][c][out...]; type and format of the description are not read. */
void nt_ref_pool_fwd(float *y, const float *x, const nt_pool_desc *d);
/* The gradient of a maximum goes to the first of equal taps. */
void nt_ref_pool_bwd(float *dx, const float *x, const float *dy, const nt_pool_desc *d);

#endif
