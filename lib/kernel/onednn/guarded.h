/* SPDX-License-Identifier: MIT */
/*
 * guarded.h - oneDNN's kernels for careful devices: a fast one, and ours that loses no NaN
 * for the runs where that matters.
 */
#ifndef NT_KERNEL_ONEDNN_GUARDED_H
#define NT_KERNEL_ONEDNN_GUARDED_H

#include "kernel/backend.h"

/* Maxima, as dnn_pool_fwd_new: where a flag is up afterwards, y is made again. The workspace
 * stays oneDNN's; it names a tap of the window, though not the NaN. Wants nt_flags_exist. */
nt_status dnn_guarded_pool_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                               const nt_pool_desc *d, nt_err *e) NT_MUST_CHECK;
/* As nt_softmax_new: x, which y may overwrite, is looked at for NaN and Inf first. */
nt_status dnn_guarded_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                                  bool log, nt_err *e) NT_MUST_CHECK;

#endif
