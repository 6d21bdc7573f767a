/* SPDX-License-Identifier: MIT */
/* train_ops.h - the operators of a training's graph: the registry, and those that no file has:
 * fake quantization, frozen normalisation (fakeq.h), losses (loss_op.h). */
#ifndef NT_TRAIN_TRAIN_OPS_H
#define NT_TRAIN_TRAIN_OPS_H

#include "facet/op.h"

const nt_graph_ops *nt_train_ops(void);

#endif
