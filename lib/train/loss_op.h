/* SPDX-License-Identifier: MIT */
/*
 * loss_op.h - losses as operators, of nt's own domain. Only a training's graph has them.
 *
 *   CrossEntropy      (x [n][k][...], target int32 [n][...], weight [k] or left out)
 *       attributes: label_smoothing; ignore_index
 *   MeanSquaredError  (x, target like x, or int32 [n]: the class whose one-hot row is wanted)
 *   Distill           (x [n][k], teacher like x)
 *       attribute: temperature
 *
 * give float64: a scalar, the mean over the batch, or with reduction "sample" one [n] for each
 * sample. Common attributes: reduction ("mean" or "sample"), scale (what the loss is multiplied
 * by). x is float32. The formulas, and the arithmetic, are those of loss.h.
 *
 * A loss is one file: loss_NAME.c ends in its row, which loss_graph.c lists.
 */
#ifndef NT_TRAIN_LOSS_OP_H
#define NT_TRAIN_LOSS_OP_H

#include "facet/op.h"

#define NT_LOSS_DOMAIN "nt"

enum { NT_LOSS_X, NT_LOSS_TARGET, NT_LOSS_WEIGHT }; /* inputs */

/* What is particular to one loss: op.data. */
typedef struct nt_loss_fn {
    /* The mean over samples [first, first + n) of in; unless dx is NULL, adds scale * dL/dx to
     * dx, which lies as x does and begins at sample `first`. */
    double (*run)(float *dx, const nt_node *node, const nt_tensor *const *in, int64_t first,
                  int64_t n, double scale);
    /* May these tensors be compared (shapes, labels in range)? */
    nt_status (*check)(const nt_node *node, const nt_tensor *const *in, nt_err *e);
} nt_loss_fn;

/* The facets that all share. */
nt_status nt_loss_op_check(const nt_graph *g, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_loss_op_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_loss_op_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e) NT_MUST_CHECK;
nt_status nt_loss_op_grad(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e) NT_MUST_CHECK;

/* For checks: tensor i is int32 without x's axis 1, and each label is in [0, k) or `ignored`
 * (NT_NO_LABEL: none is). */
nt_status nt_loss_check_labels(const nt_tensor *const *in, int i, int64_t ignored,
                               nt_err *e) NT_MUST_CHECK;
/* For checks: tensor i has a float32 for each element of x. */
nt_status nt_loss_check_like(const nt_tensor *const *in, int i, nt_err *e) NT_MUST_CHECK;
/* Elements of a sample of t. */
int64_t nt_loss_sample(const nt_tensor *t);

#define NT_LOSS_ATTRS                                                                          \
    {"reduction", NT_ATTR_STRING, false},                                                      \
    {                                                                                          \
        "scale", NT_ATTR_TENSOR, false                                                         \
    }
#define NT_LOSS_OP(type, most, attributes, fn)                                                 \
    {                                                                                          \
        .name = type, .domain = NT_LOSS_DOMAIN, .since = 1, .min_in = 2, .max_in = most,       \
        .min_out = 1, .max_out = 1, .attrs = attributes, .flags = NT_OPF_DOUBLE,               \
        .check = nt_loss_op_check, .infer = nt_loss_op_infer, .eval = nt_loss_op_eval,         \
        .grad = nt_loss_op_grad, .data = &(fn)                                                 \
    }

/* A built-in loss. */
typedef struct nt_loss {
    const char *name; /* "cross_entropy" */
    const nt_op *op;
    bool on_logits; /* taken before a closing Softmax (logits.h); else at the output as it is */
    bool smooths;   /* takes a label_smoothing, and an ignore_index */
} nt_loss;

extern const nt_loss nt_loss_class, nt_loss_square; /* cross_entropy, mse */
#define NT_LOSSES "cross_entropy|mse" /* their names, for option tables */
extern const nt_op nt_op_distill; /* a term beside a loss */

#endif
