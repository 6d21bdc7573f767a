/* SPDX-License-Identifier: MIT */
/*
 * wino.h - 3x3 convolutions in bf16 by Winograd's F(2x2, 3x3), ours.
 *
 * oneDNN has Winograd in fp32 only. In bf16 the transformed operands are rounded once more (the
 * products are summed in fp32), so the error is a small multiple of the direct convolution's:
 * about 1.5 times that of rounding weights and outputs alone. F(4x4, 3x3) would need 1.8 times
 * fewer products and lose three bits more: not worth it in bf16.
 *
 * As the dnn_conv_*_new, for 3x3, stride 1, undilated, without groups, src and dst bf16, on
 * CPUs with AVX512_BF16; NT_EUNSUPPORTED for anything else. NHWC and C16; an open layout is
 * what lies there already, else what the other side has. Results do not depend on the number of
 * threads.
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
