/* SPDX-License-Identifier: MIT */
/* lrn.h - local response normalisation across channels (Krizhevsky et al. 2012). */
#ifndef NT_KERNEL_LRN_H
#define NT_KERNEL_LRN_H

#include "kernel/prim.h"

/*
 *     y[c] = x[c] (bias + alpha / size  sum of x[j]^2)^-beta
 *
 * at each point, j from c - floor((size-1)/2) to c + ceil((size-1)/2) as far as there are
 * channels. Both backends run the same loops; x may lie in any format but ANY, y lies the same.
 */
typedef struct nt_lrn_desc {
    nt_desc x; /* NT_F32 or NT_BF16, rank 2 to 5 */
    int64_t size;
    float alpha, beta, bias;
} nt_lrn_desc;

/* args: x, y (may be x) */
nt_status nt_lrn_fwd_new(nt_prim **out, nt_device *dev, const nt_lrn_desc *d,
                         nt_err *e) NT_MUST_CHECK;
/* args: x, dy, dx (may be dy) */
nt_status nt_lrn_bwd_new(nt_prim **out, nt_device *dev, const nt_lrn_desc *d,
                         nt_err *e) NT_MUST_CHECK;

#endif
