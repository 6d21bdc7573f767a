/* SPDX-License-Identifier: MIT */
/*
 * wino_look.h - a look for NaN behind Winograd's convolutions (kernel/flags.h).
 *
 * Their tiles give a NaN to outputs that it has no part in, and the sums and products that do
 * so leave the processor's flag down. Such a NaN is in every channel of its point, as a
 * transformed tile of the input that holds one meets the weights of all; or it came from the
 * weights, then it is in every point of its channel. So one channel of all points and one point
 * of all channels tell, and their numbers are looked at behind each run.
 */
#ifndef NT_KERNEL_WINO_LOOK_H
#define NT_KERNEL_WINO_LOOK_H

#include "kernel/internal.h"

/* Can nothing but a look tell of a NaN that this convolution has spread, its algorithm chosen?
 * Relu and Clip put the flag up themselves. */
bool wino_wants_look(const nt_device *dev, const nt_conv_desc *d);
/* Puts a prim around *inner, whose argument number `arg` is the output, that puts the flag up
 * where it finds a NaN in it. y: the output. */
nt_status wino_look_wrap(nt_prim **inner, const nt_desc *y, int arg, nt_err *e) NT_MUST_CHECK;

#endif
