/* SPDX-License-Identifier: MIT */
/*
 * equalize.h - cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1).
 *
 * Where a convolution's outputs go, at most through a Relu, to one other convolution (depthwise
 * ones included), channel i between them is divided by s_i = sqrt(r1_i / r2_i), r: the largest
 * weight by magnitude that makes and that reads the channel. The network computes the same, and
 * the channels of each weight are of one size. Repeated until nothing moves, as pairs share
 * layers.
 */
#ifndef NT_COMPRESS_EQUALIZE_H
#define NT_COMPRESS_EQUALIZE_H

#include "graph/graph.h"

/* *n_pairs: how many pairs there are; may be NULL. Batch normalisations should be folded
 * before. */
nt_status nt_equalize(nt_graph *g, int *n_pairs, nt_err *e) NT_MUST_CHECK;

#endif
