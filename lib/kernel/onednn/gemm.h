/* SPDX-License-Identifier: MIT */
/* gemm.h - convolution as one matrix product by oneDNN. */
#ifndef NT_KERNEL_ONEDNN_GEMM_H
#define NT_KERNEL_ONEDNN_GEMM_H

#include "kernel/backend.h"

/* As the dnn_conv_*_new, for d->algo NT_ALGO_GEMM: no groups, channels last. */
nt_status dnn_gemm_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                           bool training, nt_err *e) NT_MUST_CHECK;
nt_status dnn_gemm_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                nt_err *e) NT_MUST_CHECK;
nt_status dnn_gemm_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                   const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;

#endif
