/* SPDX-License-Identifier: MIT */
/*
 * constant.h - channels whose filter is zero but that still carry a constant.
 *
 * Masks that cover filters only leave what biases, BatchNormalization and activations (Sigmoid
 * of 0 is 1/2) make of zero: the same number at every place of every picture. Before such a
 * channel goes, that number times the weights that read it moves into the reader's bias. Where
 * that is not exact (zero padding, which would not carry the number; a reader without a bias of
 * its own to take it) a channel with another constant than 0 stays.
 */
#ifndef NT_PRUNE_CONSTANT_H
#define NT_PRUNE_CONSTANT_H

#include "prune/reader.h"

/*
 * Looks at the network running: where a removed channel's constant cannot move, the channel has
 * to stay (counted in kept_constant, *again is true, and the removal is marked anew, after
 * which k is of no use). Else notes the constants in k, and in the removal's found[] what
 * stands at its edges. The masked filters must already be zero in the graph.
 */
nt_status nt_constant_find(nt_readers *k, bool *again, nt_err *e) NT_MUST_CHECK;
/* Moves what was found into biases. */
nt_status nt_constant_fold(const nt_readers *k, nt_err *e) NT_MUST_CHECK;

#endif
