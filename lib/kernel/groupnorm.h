/* SPDX-License-Identifier: MIT */
/* groupnorm.h - group normalisation (Wu & He 2018, arXiv:1803.08494); with a group per channel
 * it is instance normalisation (Ulyanov et al. 2016, arXiv:1607.08022). */
#ifndef NT_KERNEL_GROUPNORM_H
#define NT_KERNEL_GROUPNORM_H

#include "kernel/prim.h"

/*
 * The channels of x[n][c][...] in `groups` runs of c / groups:
 *
 *     y = (x - mean) rstd scale + shift,  rstd = 1 / sqrt(var + eps)
 *
 * with mean and population variance of each image's group. Both backends run the same loops;
 * x may lie in any format but ANY, and y lies the same.
 */
typedef struct nt_gn_desc {
    nt_desc x;      /* NT_F32 or NT_BF16, rank 2 to 5 */
    int64_t groups; /* divides c */
    float eps;
    bool per_group; /* scale and shift have an entry for each group instead of each channel */
} nt_gn_desc;

/* args: x, scale, shift (fp32), y (may be x), mean, rstd (fp32 [n][groups], or NULL). */
nt_status nt_gn_fwd_new(nt_prim **out, nt_device *dev, const nt_gn_desc *d,
                        nt_err *e) NT_MUST_CHECK;
/* args: x, dy, scale, mean, rstd, dx (may be dy), dscale, dshift (fp32, as long as scale; or
 * NULL: not wanted). */
nt_status nt_gn_bwd_new(nt_prim **out, nt_device *dev, const nt_gn_desc *d,
                        nt_err *e) NT_MUST_CHECK;

#endif
