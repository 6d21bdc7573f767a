/* SPDX-License-Identifier: MIT */
/* norm.h - batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) and softmax. */
#ifndef NT_KERNEL_NORM_H
#define NT_KERNEL_NORM_H

#include "kernel/prim.h"

/* y = gamma (x - mean) / sqrt(var + eps) + beta, per channel of x [n][c][...]; eps goes inside
 * the root, as in ONNX BatchNormalization-15. relu: y = max(y, 0) fused. */
typedef struct nt_bn_desc {
    nt_desc x; /* NT_F32 or NT_BF16, any format but ANY, rank 2 to 5; y the same */
    float eps;
    bool relu;
} nt_bn_desc;

/* With given statistics. args: x, gamma, beta, mean, var (fp32 [c]), y (may be x). */
nt_status nt_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d,
                          nt_err *e) NT_MUST_CHECK;
/* With the batch's statistics. args: x, gamma, beta, mean (out), var (out, population), y,
 * workspace (the relu mask; NULL when *workspace_bytes comes back 0). */
nt_status nt_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_bn_desc *d, nt_err *e) NT_MUST_CHECK;
/* args: x, dy, gamma, mean, var, workspace, dx (may be dy), dgamma, dbeta (overwritten). */
nt_status nt_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d,
                        nt_err *e) NT_MUST_CHECK;

/* Softmax over dims[axis] of a PLAIN tensor, or its logarithm. args: x, y (may be x). fp32 and
 * bf16. */
nt_status nt_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                         nt_err *e) NT_MUST_CHECK;
/* args: y, dy, dx. fp32, PLAIN. */
nt_status nt_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                             bool log, nt_err *e) NT_MUST_CHECK;

#endif
