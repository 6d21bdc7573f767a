/* SPDX-License-Identifier: MIT */
/*
 * loss_plan.h - the loss of outputs that are there already: the graph that training appends to
 * a network (loss_graph.h), by itself. So what is watched is what is trained.
 */
#ifndef NT_TRAIN_LOSS_PLAN_H
#define NT_TRAIN_LOSS_PLAN_H

#include "exec/staged.h"
#include "train/loss_graph.h"

typedef struct nt_loss_plan nt_loss_plan;

/* Of outputs like y (a batch, fp32 [n][k][...]) beside targets like that. The teacher's term is
 * left out, and so is smoothing: both are means of training. */
nt_status nt_loss_plan_new(nt_loss_plan **out, const nt_loss *loss, const nt_tensor *y,
                           const nt_field *target, nt_device *dev, nt_err *e) NT_MUST_CHECK;
void nt_loss_plan_free(nt_loss_plan *p);
/* Of each sample of y [n][...], which may be more or fewer than before; *loss [n] is borrowed
 * until the next call. NT_EFORMAT: a label is none of the outputs. */
nt_status nt_loss_plan_run(nt_loss_plan *p, const double **loss, const nt_tensor *y,
                           const nt_field *target, nt_err *e) NT_MUST_CHECK;

#endif
