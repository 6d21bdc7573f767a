/* SPDX-License-Identifier: MIT */
/* dlrt_layers.h - what a .dlrt file consists of, for profiles. */
#ifndef NT_MEASURE_DLRT_LAYERS_H
#define NT_MEASURE_DLRT_LAYERS_H

#include "measure/profile.h"

/*
 * A layer for each step of the file (checked before), into p with the sums: params and
 * nonzero_params (weights and biases), macs, memory_footprint_bytes, and model_size_bytes as
 * the weights, scales and biases are stored. Times (NAN without `timed`) are the means of a few
 * runs on zeros with one thread.
 */
nt_status nt_dlrt_layers(nt_profile *p, const nt_tensor *file, bool timed,
                         nt_err *e) NT_MUST_CHECK;

#endif
