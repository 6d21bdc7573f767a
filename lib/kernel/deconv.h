/* SPDX-License-Identifier: MIT */
/* deconv.h - transposed convolution: forward. Its backward passes are convolutions. */
#ifndef NT_KERNEL_DECONV_H
#define NT_KERNEL_DECONV_H

#include "kernel/conv.h"

/*
 * y = post(b + what a convolution's backward pass by data makes of x), the convolution being
 * the one that d describes: it has y's channels and extents as c and in, x's as k and out, and
 * y's type as src, x's as dst. d->bias is of y [c]; of the post-operations any but SUM may
 * stand. Weights are [k][c/g][r...], in ONNX's ConvTranspose as in its Conv.
 *
 * The bias and the post-operations are a second pass over y within one prim.
 */
typedef struct nt_deconv {
    nt_prim *run;  /* args: x, packed weights, bias (fp32 [c] or NULL), y */
    nt_prim *pack; /* args: weights fp32 plain, packed */
    size_t packed_bytes;
    nt_format x_fmt, y_fmt; /* chosen */
} nt_deconv;

nt_status nt_deconv_new(nt_deconv *out, nt_device *dev, const nt_conv_desc *d, bool training,
                        nt_err *e) NT_MUST_CHECK;
void nt_deconv_release(nt_deconv *c);

#endif
