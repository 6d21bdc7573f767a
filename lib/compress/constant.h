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
#ifndef NT_COMPRESS_CONSTANT_H
#define NT_COMPRESS_CONSTANT_H

#include "compress/channels.h"

/* Clears removed[] where a channel has to stay, counting them in *kept. The masked filters must
 * already be zero in g. */
nt_status nt_constant_fold(nt_graph *g, const nt_channels *c, bool *removed, int64_t *kept,
                           nt_err *e) NT_MUST_CHECK;

#endif
