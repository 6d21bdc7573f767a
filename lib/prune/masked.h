/* SPDX-License-Identifier: MIT */
/* masked.h - what a mask (uint8, the parameter's shape, 0: pruned) says, and does. */
#ifndef NT_PRUNE_MASKED_H
#define NT_PRUNE_MASKED_H

#include "graph/model.h"

/* Does the mask take all of index k of this axis? */
bool nt_masked_covers(const nt_tensor *mask, int axis, int64_t k);
/* Zeroes the elements of a constant that its mask covers. */
void nt_masked_clear_value(nt_value *v, const nt_tensor *mask);
/* ... of all that the model has masks for. */
void nt_masked_clear(nt_model *m);

#endif
