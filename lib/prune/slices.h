/* SPDX-License-Identifier: MIT */
/* slices.h - a layer's numbers, output by output. */
#ifndef NT_PRUNE_SLICES_H
#define NT_PRUNE_SLICES_H

#include "prune/channels.h"

/* Slice k of numbers of a weight's shape is all that belongs to output k of the layer. */
typedef struct nt_slices {
    const float *w;
    int64_t outer, n, inner;
} nt_slices;

nt_slices nt_slices_of(const nt_channel_layer *l, const float *numbers);
/* The sum of f over slice k; f NULL: of its elements. */
double nt_slice_sum(const nt_slices *s, int64_t k, double (*f)(double));

#endif
