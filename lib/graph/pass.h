/* SPDX-License-Identifier: MIT */
/* pass.h - passes over a graph, each with one purpose. All need a bound graph. */
#ifndef NT_GRAPH_PASS_H
#define NT_GRAPH_PASS_H

#include "graph/graph.h"

/* Types and shapes of all values, in order. Values that carry declared shapes keep what inference
 * doesn't know; a contradiction is NT_EFORMAT naming the node. Constant inputs (shape
 * arithmetic) are seen through the values' data. */
nt_status nt_pass_infer(nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Nodes whose inputs are all constant become constants; also Shape of a value with known dims,
 * and the shape arithmetic that follows. Results over `max_bytes` are left (0: no bound). The
 * trainable weights themselves are never merged: a node whose constant input is a parameter
 * used by a prunable layer elsewhere is left. Interleaves with inference, so that symbolic
 * batch sizes flow. *n_folded may be NULL. */
nt_status nt_pass_fold(nt_graph *g, size_t max_bytes, int *n_folded, nt_err *e) NT_MUST_CHECK;
/* Removes nodes whose outputs nobody uses, then compacts. */
nt_status nt_pass_dead(nt_graph *g, int *n_removed, nt_err *e) NT_MUST_CHECK;
/* Removes Identity and inference-time Dropout. */
nt_status nt_pass_identity(nt_graph *g, int *n_removed, nt_err *e) NT_MUST_CHECK;
/* Gives symbolic dims of the inputs concrete values: the first dim of each input becomes
 * `batch`, other symbolic ones must be given in dims[input][axis] (0: keep); then infers and
 * folds. NT_EINVAL names the input that does not fit. */
nt_status nt_pass_bind_shapes(nt_graph *g, const int64_t (*dims)[NT_MAX_RANK], nt_err *e)
    NT_MUST_CHECK;

#endif
