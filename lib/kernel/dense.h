/* SPDX-License-Identifier: MIT */
/* dense.h - fully connected layers and general (batched) matrix products. */
#ifndef NT_KERNEL_DENSE_H
#define NT_KERNEL_DENSE_H

#include "kernel/codes.h"

/*
 * y[m][n] = post(b[n] + sum over k of x[m][k] * W[n][k]). The weights come plain as [n][k], or
 * as [k][n] when w_kn. Same three calls and argument orders as conv.h; all activations PLAIN.
 */
typedef struct nt_dense_desc {
    int64_t m, k, n;
    bool w_kn;
    nt_dtype src, dst; /* NT_F32 or NT_BF16 */
    bool bias;         /* fp32 [n] */
    nt_post post[NT_POST_MAX];
    int n_post;
    const nt_codes
        *codes; /* as in conv.h; x_zero 0: where nothing is padded, the bias has it */
} nt_dense_desc;

typedef struct nt_dense {
    nt_prim *run;
    nt_prim *pack; /* forward, backward by data: weights fp32 plain, packed; backward by
                      weights: packed dw, dw fp32 plain. NULL (forward without training): run
                      takes the plain weights, and large ones need not be there twice */
    size_t packed_bytes;
} nt_dense;

/* run: x, packed, bias or NULL, y */
nt_status nt_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,
                           nt_err *e) NT_MUST_CHECK;
/* run: dy, packed, dx */
nt_status nt_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                nt_err *e) NT_MUST_CHECK;
/* run: x, dy, packed dw, db or NULL */
nt_status nt_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                   nt_err *e) NT_MUST_CHECK;
void nt_dense_release(nt_dense *d);

/*
 * Batched product of two computed tensors: C[i] = alpha A[i] B[i], i over `batch`; A is [m][k]
 * ([k][m] with trans_a), B is [k][n] ([n][k] with trans_b), C is [m][n]; row-major, dense.
 * stride_a, stride_b: elements between successive i (0: the same matrix for all i).
 * fp32. args: A, B, C.
 */
typedef struct nt_matmul_desc {
    int64_t batch, m, k, n;
    bool trans_a, trans_b;
    int64_t stride_a, stride_b;
    float alpha;
} nt_matmul_desc;

nt_status nt_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d,
                        nt_err *e) NT_MUST_CHECK;

#endif
