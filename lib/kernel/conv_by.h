/* SPDX-License-Identifier: MIT */
/*
 * conv_by.h - convolutions by a given algorithm: what conv.h chooses from, and trial.h times.
 *
 * As the nt_conv_*_new, but that d->algo is the one algorithm tried. NT_ALGO_AUTO is for
 * devices whose backend has nothing to choose from.
 */
#ifndef NT_KERNEL_CONV_BY_H
#define NT_KERNEL_CONV_BY_H

#include "kernel/conv.h"

nt_status nt_conv_fwd_by(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d, bool training,
                         nt_err *e) NT_MUST_CHECK;
nt_status nt_conv_bwd_data_by(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                              bool training, nt_err *e) NT_MUST_CHECK;
nt_status nt_conv_bwd_weights_by(nt_conv_bwd_weights *out, nt_device *dev,
                                 const nt_conv_desc *d, nt_err *e) NT_MUST_CHECK;

/* The convolution's input and output, in format f. */
nt_desc nt_conv_src(const nt_conv_desc *d, nt_format f);
nt_desc nt_conv_dst(const nt_conv_desc *d, nt_format f);

#endif
