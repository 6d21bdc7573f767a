/* SPDX-License-Identifier: MIT */
/*
 * wino.h - 3x3 convolutions by Winograd's F(4x4, 3x3) in fp32 and, in bf16, F(2x2, 3x3) forward
 * and F(4x4, 3x3) backward where there are tiles enough; ours.
 *
 * oneDNN 2 has Winograd in fp32, 3 none. Ours in training takes as long as that of 2.6 does (13
 * forward convolutions of ResNet-18, 128 pictures of 32x32: 416 ms against 429). In
 * bf16 the transformed operands are rounded once more (the products are summed in fp32): on
 * random data F(2x2) is off by 0.37 to 0.5 % of the result's standard deviation, where direct
 * convolution rounds 0.23 %, and F(4x4) by 0.9 to 1.1 %, while it takes 0.56 times the products
 * (gradients of these 13, 32-pixel maps down to 4: 495 ms instead of 699). So it computes
 * gradients alone, of which those of another batch differ a hundred times as much.
 *
 * As the dnn_conv_*_new, for 3x3, stride 1, undilated, without groups, src and dst both fp32 or
 * both bf16, on CPUs with AVX512 (for bf16: AVX512_BF16); NT_EUNSUPPORTED for anything else.
 * NHWC and C16; an open layout is what lies there already, else what the other side has.
 * Results do not depend on the number of threads.
 */
#ifndef NT_KERNEL_WINO_H
#define NT_KERNEL_WINO_H

#include "kernel/internal.h"

nt_status wino_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                            nt_err *e) NT_MUST_CHECK;
nt_status wino_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                 nt_err *e) NT_MUST_CHECK;
nt_status wino_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                    const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;

#endif
