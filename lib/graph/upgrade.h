/* SPDX-License-Identifier: MIT */
/*
 * upgrade.h - what the files that raise old models share. A rule changes one node, in its
 * place, to what says the same at NT_UPGRADE_TO; the nodes before it have their shapes by then.
 */
#ifndef NT_GRAPH_UPGRADE_H
#define NT_GRAPH_UPGRADE_H

#include "graph/graph.h"

/* The first opset with Where, ConstantOfShape and MeanVarianceNormalization; Slice, TopK, Clip,
 * Pad and others still have the attributes they always had. */
#define NT_UPGRADE_TO 9

typedef struct nt_upgrade_rule {
    const char *op;
    int first, last; /* opsets in which the operator was of this form */
    nt_status (*apply)(nt_graph *g, nt_node *n, nt_err *e);
} nt_upgrade_rule;

/* upgrade_operators.c: operators whose attributes or inputs changed. Ends with a NULL op. */
extern const nt_upgrade_rule nt_upgrade_operators[];
/* upgrade_experiments.c: the experimental operators that opset 10 took away for good, and which
 * no newer opset has in that form. Ends with a NULL op. */
extern const nt_upgrade_rule nt_upgrade_experiments[];

/* ---- building blocks */

/* A node of one output before n; d has none. */
nt_status nt_upgrade_put(nt_value **out, nt_graph *g, const nt_node *n, nt_node_spec d,
                         nt_err *e) NT_MUST_CHECK;
/* n computes op of these inputs, without attributes; its name and outputs stay. */
nt_status nt_upgrade_become(nt_graph *g, nt_node *n, const char *op, nt_value *const *in,
                            int n_in, nt_err *e) NT_MUST_CHECK;
/* Whole numbers as a constant vector. */
nt_status nt_upgrade_ints(nt_value **out, nt_graph *g, const int64_t *v, size_t n,
                          nt_err *e) NT_MUST_CHECK;
/* n numbers of x's type as a constant vector; one: of no dimensions. */
nt_status nt_upgrade_numbers(nt_value **out, nt_graph *g, const nt_value *x, const float *v,
                             size_t n, nt_err *e) NT_MUST_CHECK;
/* Input i of n gets `trailing` dimensions of 1 behind its own. */
nt_status nt_upgrade_append_ones(nt_graph *g, nt_node *n, int i, int trailing,
                                 nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED where the number of v's dimensions is not known. */
nt_status nt_upgrade_wants_rank(const nt_value *v, nt_err *e) NT_MUST_CHECK;

#endif
