/* SPDX-License-Identifier: MIT */
/*
 * fakeq.h - the operators that only a training's graph has. No file has them: they are not in
 * the registry.
 *
 *   FakeQuantize             one for each nt_quantizer
 *       x      any; a constant: a weight
 *       seen   [NT_N_SEEN][groups]: statistics
 *       theta  [n_theta][groups]: trained; left out where the quantizer has none
 *       attributes: axis (-1: one group); lo, hi, symmetric, bits: the codes; on: 0 lets x pass
 *       as it is, and looks at it
 *   FrozenBatchNormalization BatchNormalization by its running statistics, in training, too
 */
#ifndef NT_TRAIN_FAKEQ_H
#define NT_TRAIN_FAKEQ_H

#include "facet/op.h"
#include "train/quantizer.h"

enum { NT_FAKEQ_X, NT_FAKEQ_SEEN, NT_FAKEQ_THETA }; /* inputs */

#define NT_FROZEN_BN "FrozenBatchNormalization"

/* The name of the operator of a quantizer. */
const char *nt_fakeq_op_type(const nt_quantizer *z);
/* A quantizer's operator, by a node's type; NULL: it is none. */
const nt_op *nt_fakeq_op_find(const nt_node *n);
/* What a node quantizes, without theta and seen; of activations without a plan, no elements. */
nt_fakeq nt_fakeq_of(const nt_node *n);
const nt_quantizer *nt_fakeq_quantizer(const nt_node *n);

extern const nt_op nt_op_frozen_bn;
/* Each BatchNormalization of g becomes one; g is then to be bound to nt_train_ops()
 * (train_ops.h). false: there is none. */
bool nt_freeze_norms(nt_graph *g);

#endif
