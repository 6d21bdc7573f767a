/* SPDX-License-Identifier: MIT */
/* conv.h - convolution in 1 to 3 dimensions, grouped and dilated: forward and both backwards.
 */
#ifndef NT_KERNEL_CONV_H
#define NT_KERNEL_CONV_H

#include "kernel/codes.h"

typedef enum nt_algo {
    NT_ALGO_AUTO, /* by the rule of choose.h */
    NT_ALGO_DIRECT,
    NT_ALGO_WINOGRAD, /* 3x3, stride 1; fp32, and on some CPUs bf16 */
    NT_ALGO_GEMM      /* im2col and a matrix product */
} nt_algo;

/*
 * y[n][k][o] = post(b[k] + sum over c', r of x[n][c'][o*stride + r*dil - lo] * w[k][c'][r])
 * with c' over the c/g channels of k's group (ONNX Conv-11; cross-correlation, zero padding).
 */
typedef struct nt_conv_desc {
    int sp; /* spatial dimensions, 1 to 3; the arrays below have that many entries */
    int64_t n, c, k, g;
    int64_t in[3], out[3], ker[3], stride[3], dil[3], lo[3], hi[3];
    nt_dtype src, dst; /* NT_F32 or NT_BF16 each; weights are computed in src's type */
    bool bias;         /* always fp32 */
    nt_post post[NT_POST_MAX];
    int n_post;
    nt_format src_fmt, dst_fmt;   /* NT_FMT_ANY: the kernel chooses */
    nt_format src_like, dst_like; /* how the neighbours lie, for kernels to which any layout is
                                     as good; NT_FMT_PLAIN: not known */
    nt_format prefer; /* tried first where a format is left open and the kernel is generated for
                         it; NT_FMT_PLAIN: none */
    nt_algo algo;
    const nt_codes *codes; /* NULL: floats. Else src, dst and the weights to pack are codes (dst
                              may be NT_F32), `bias` is not looked at, and run's bias is NULL */
} nt_conv_desc;

/* Forward. run args: x, packed weights, bias (fp32 [k] or NULL), y. */
typedef struct nt_conv_fwd {
    nt_prim *run;
    nt_prim *pack; /* args: weights fp32 plain [k][c/g][r...], packed */
    size_t packed_bytes;
    nt_format src_fmt, dst_fmt; /* chosen */
} nt_conv_fwd;

/* training: pick an implementation whose backward passes fit (forward_training), and leave a
 * NaN to spread over Winograd's tiles. */
nt_status nt_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                          bool training, nt_err *e) NT_MUST_CHECK;
void nt_conv_fwd_release(nt_conv_fwd *c);

/* Backward by data. run args: dy, packed weights, dx. Here d->src is dx's type and d->dst dy's.
 * training: false of a transposed convolution's forward pass in inference. */
typedef struct nt_conv_bwd_data {
    nt_prim *run;
    nt_prim *pack;
    size_t packed_bytes;
    nt_format src_fmt, dst_fmt; /* of dx and dy */
} nt_conv_bwd_data;

nt_status nt_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                               bool training, nt_err *e) NT_MUST_CHECK;
void nt_conv_bwd_data_release(nt_conv_bwd_data *c);

/* Backward by weights. run args: x, dy, packed dw, db (fp32 [k] or NULL). */
typedef struct nt_conv_bwd_weights {
    nt_prim *run;
    nt_prim *unpack; /* args: packed dw, dw fp32 plain (overwritten) */
    size_t packed_bytes;
    nt_format src_fmt, dst_fmt; /* of x and dy */
} nt_conv_bwd_weights;

nt_status nt_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                  const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;
void nt_conv_bwd_weights_release(nt_conv_bwd_weights *c);

#endif
