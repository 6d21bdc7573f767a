/* SPDX-License-Identifier: MIT */
/* part.h - some nodes of a graph as a graph of their own, and one node by itself. */
#ifndef NT_GRAPH_PART_H
#define NT_GRAPH_PART_H

#include "graph/graph.h"

/* Which part of a graph: the nodes with take[node id] set, and values of the graph. */
typedef struct nt_part_spec {
    const bool *take;
    nt_value *const *in;
    int n_in;
    nt_value *const *out; /* may be inputs or constants, too */
    int n_out;
} nt_part_spec;

/*
 * A graph of these nodes, in their order and under their names, with these inputs and outputs.
 * Whatever else its nodes read must be constant: constants are borrowed from g, which must
 * outlive the part.
 */
nt_status nt_graph_part(nt_graph **out, const nt_graph *g, const nt_part_spec *p,
                        nt_err *e) NT_MUST_CHECK;

/*
 * What a node of a bound graph gives for these inputs (NULL where left out), whose extents need
 * not be known before. Each of out[0..n_out) that the node has is made, the caller's to free;
 * on failure none is. The graph is as before afterwards, but not meanwhile: not for two
 * threads.
 */
nt_status nt_graph_eval_node(nt_tensor **out, nt_graph *g, nt_node *n,
                             const nt_tensor *const *in, nt_err *e) NT_MUST_CHECK;

#endif
