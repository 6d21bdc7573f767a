/* SPDX-License-Identifier: MIT */
/*
 * loss_graph.h - the loss is part of the graph, the target one of its inputs.
 *
 * A training's graph is the network, the operators of loss_op.h behind its first output, and an
 * input for what is wanted. Forward, a gradient of 1 for the value NT_LOSS (nt_plan_opts.loss),
 * backward: nothing lies in between.
 */
#ifndef NT_TRAIN_LOSS_GRAPH_H
#define NT_TRAIN_LOSS_GRAPH_H

#include "data/field.h"
#include "graph/graph.h"
#include "train/loss_op.h"

/* What is appended is called so: inputs, and the output. */
#define NT_TARGET "nt.target"
#define NT_TEACHER "nt.teacher"
#define NT_LOSS "nt.loss"

/* By name; NT_EINVAL lists the known ones. */
nt_status nt_loss_find(const nt_loss **out, const char *name, nt_err *e) NT_MUST_CHECK;

typedef struct nt_loss_opts {
    const nt_loss *loss;                /* NULL: cross_entropy */
    const nt_field *target;             /* what NT_TARGET takes; NULL: int32 [N], labels */
    double label_smoothing;             /* in [0, 1] */
    /* A teacher's logits are an input, too, and the loss is
     * (1 - distill_weight) * loss + distill_weight * Distill. */
    bool taught;
    double temperature, distill_weight; /* above 0; in [0, 1] */
    bool by_sample;                     /* a loss of each sample, [N], instead of the mean */
} nt_loss_opts;

/* NT_EINVAL names what is out of range. */
nt_status nt_loss_check_opts(const nt_loss_opts *o, nt_err *e) NT_MUST_CHECK;

/* A copy of g (as nt_logits_graph's) as this loss wants it: ending in logits, or as it is. */
nt_status nt_loss_network(nt_graph **out, const nt_graph *g, const nt_loss *loss,
                          nt_err *e) NT_MUST_CHECK;

/*
 * A copy of g (constants shared: g must outlive it), which is as nt_loss_network gives it for
 * this loss: with inputs NT_TARGET (int32 [N], a label of each sample, or as o->target is) and,
 * where taught, NT_TEACHER (float32 [N][classes]), and NT_LOSS as its last output, float64. The
 * first output stays the network's.
 */
nt_status nt_loss_graph(nt_graph **out, const nt_graph *g, const nt_loss_opts *o,
                        int64_t classes, nt_err *e) NT_MUST_CHECK;

#endif
