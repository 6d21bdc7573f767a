/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of lib/graph share and nobody else needs. */
#ifndef NT_GRAPH_INTERNAL_H
#define NT_GRAPH_INTERNAL_H

#include "graph/graph.h"

/* Room for one more element in an array of n that only nt_array_room ever grew: the array,
 * moved perhaps, or NULL when memory ran out (p is then as it was). */
void *nt_array_room(void *p, int n, size_t size);

nt_status nt_value_add_use(nt_graph *g, nt_value *v, nt_node *n, int index,
                           nt_err *e) NT_MUST_CHECK;
void nt_value_drop_data(nt_value *v);

/* `base` if no value has it, else a name made from it; in g's arena, NULL: out of memory. */
char *nt_graph_free_name(nt_graph *g, const char *base);

/* Nobody uses it: no node, no subgraph, and it is no graph output. */
bool nt_value_is_unused(const nt_value *v);
/* Its name is known outside: of inputs, outputs and what subgraphs use. */
bool nt_value_keeps_name(const nt_value *v);
void nt_graph_swap_names(nt_graph *g, nt_value *a, nt_value *b);

/* Takes the node's uses and outputs away and marks it; nt_graph_sweep then removes all marked
 * nodes in one go. What becomes of the outputs is the caller's. */
void nt_graph_unhook_node(nt_node *n);
void nt_graph_sweep(nt_graph *g);

/* A deep copy of src in g's arena. */
nt_status nt_attr_copy(nt_attr *out, nt_graph *g, const nt_attr *src, nt_err *e) NT_MUST_CHECK;
/* Puts an attribute that lives in the arena already in the place of its namesake, or last. */
nt_status nt_attr_put(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e) NT_MUST_CHECK;

/* pass_infer.c: types and shapes of one node's outputs, held against what the file declared. */
nt_status nt_node_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* part.c: the outputs from these inputs, of the extents that were inferred; none on failure. */
nt_status nt_node_compute(nt_tensor **out, const nt_graph *g, const nt_node *n,
                          const nt_tensor *const *in, nt_err *e) NT_MUST_CHECK;
/* pass_fold.c: nt_pass_fold; without `rename` every value keeps its name. */
nt_status nt_graph_fold(nt_graph *g, size_t max_bytes, bool rename, int *n_folded,
                        nt_err *e) NT_MUST_CHECK;

/* pass_bind.c: Reshapes to a batch of `old` take theirs from their input. */
nt_status nt_graph_free_reshapes(nt_graph *g, int64_t old, nt_err *e) NT_MUST_CHECK;

#endif
