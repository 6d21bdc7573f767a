/* SPDX-License-Identifier: MIT */
/* layernorm.h - layer normalisation (Ba et al. 2016, arXiv:1607.06450) and RMS normalisation
 * (Zhang & Sennrich 2019, arXiv:1910.07467). */
#ifndef NT_KERNEL_LAYERNORM_H
#define NT_KERNEL_LAYERNORM_H

#include "kernel/prim.h"

/*
 * Of each row x[len]:  y = (x - mean) rstd scale + shift,  rstd = 1 / sqrt(var + eps)
 *
 * with the row's mean and population variance; rms leaves the mean out of both. Both backends
 * run the same loops. Sums are made in double, a row by one thread.
 */
typedef struct nt_ln_desc {
    int64_t rows, len;
    nt_dtype dtype; /* of x, y, dy, dx: NT_F32 or NT_BF16 */
    float eps;
    bool rms;
} nt_ln_desc;

/* args: x, scale (fp32 [len], or NULL: ones), shift (or NULL: zeros), y (may be x), mean, rstd
 * (fp32 [rows], or NULL). */
nt_status nt_ln_fwd_new(nt_prim **out, nt_device *dev, const nt_ln_desc *d,
                        nt_err *e) NT_MUST_CHECK;
/* args: x, dy, scale (or NULL), mean (NULL for rms), rstd, dx (may be dy), dscale, dshift (fp32
 * [len]); of the last three NULL is not wanted. */
nt_status nt_ln_bwd_new(nt_prim **out, nt_device *dev, const nt_ln_desc *d,
                        nt_err *e) NT_MUST_CHECK;

#endif
