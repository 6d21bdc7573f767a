/* SPDX-License-Identifier: MIT */
/* ref_bn.h - batch normalisation by the paper's Algorithm 1 and section 3, in double, on PLAIN
 * fp32 arrays [n][c][s]; what tests compare with. */
#ifndef NT_KERNEL_REF_BN_H
#define NT_KERNEL_REF_BN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nt_ref_bn {
    int64_t n, c, s;
    float eps;
    bool relu;
    const float *gamma, *beta;
} nt_ref_bn;

/* mean and population variance of each channel of x. */
void nt_ref_bn_stats(float *mean, float *var, const float *x, const nt_ref_bn *p);
void nt_ref_bn_apply(float *y, const float *x, const float *mean, const float *var,
                     const nt_ref_bn *p);
/* With the statistics of x itself. */
void nt_ref_bn_bwd(float *dx, float *dgamma, float *dbeta, const float *x, const float *dy,
                   const nt_ref_bn *p);

#endif
