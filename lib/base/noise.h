/* SPDX-License-Identifier: MIT */
/* noise.h - made-up inputs for networks that are only looked at, timed or compared. */
#ifndef NT_BASE_NOISE_H
#define NT_BASE_NOISE_H

#include "base/tensor.h"

/* Standard normal numbers into a tensor of floats (float32 ones, rounded to a narrower type),
 * the same for the same seed and index (of the input, so that inputs differ); zeros into any
 * other. */
void nt_noise_fill(nt_tensor *t, uint64_t seed, uint64_t index);

#endif
