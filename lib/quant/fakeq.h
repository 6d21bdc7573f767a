/* SPDX-License-Identifier: MIT */
/*
 * fakeq.h - fake quantization: operators that only a training's graph has, and no file.
 *
 *   FakeQuantize             one for each nt_quantizer
 *       x      any; a constant: a weight
 *       seen   [NT_N_SEEN][groups]: statistics
 *       theta  [n_theta][groups]: trained; left out where the quantizer has none
 *       attributes: axis (-1: one group); lo, hi, symmetric, bits: the codes; on: 0 lets x pass
 *       as it is, and looks at it
 */
#ifndef NT_QUANT_FAKEQ_H
#define NT_QUANT_FAKEQ_H

#include "facet/op.h"
#include "quant/quantizer.h"

enum { NT_FAKEQ_X, NT_FAKEQ_SEEN, NT_FAKEQ_THETA }; /* inputs */

/* The operator of a quantizer, for nt_node.own. */
const nt_op *nt_fakeq_op(const nt_quantizer *z);
/* What a node quantizes, without theta and seen; of activations without a plan, no elements. */
nt_fakeq nt_fakeq_of(const nt_node *n);
const nt_quantizer *nt_fakeq_quantizer(const nt_node *n);

#endif
