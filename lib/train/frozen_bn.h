/* SPDX-License-Identifier: MIT */
/* frozen_bn.h - BatchNormalization by its running statistics, in training, too: an operator
 * that only a training's graph has. */
#ifndef NT_TRAIN_FROZEN_BN_H
#define NT_TRAIN_FROZEN_BN_H

#include "facet/op.h"

extern const nt_op nt_op_frozen_bn;

/* Each BatchNormalization of g becomes one; g is then to be bound again. false: there is none.
 */
bool nt_freeze_norms(nt_graph *g);

#endif
