/* SPDX-License-Identifier: MIT */
/*
 * rewrite.h - one node becomes a few others: for passes that replace operators by ONNX's. After
 * the first failure all calls do nothing, so that it is looked at once, at the end.
 *
 *     nt_rewrite w = nt_rewrite_begin(g, n, e);
 *     nt_value *t = NT_REWRITE(&w, "Tanh", "", nt_rewrite_in(&w, 0));
 *     nt_rewrite_out(&w, 0, NT_REWRITE(&w, "Mul", "", t, nt_rewrite_number(&w, 0.5)));
 *     return nt_rewrite_end(&w);
 */
#ifndef NT_GRAPH_REWRITE_H
#define NT_GRAPH_REWRITE_H

#include "graph/graph.h"

typedef struct nt_rewrite {
    nt_graph *g;
    nt_node *n;    /* what is replaced */
    nt_node *made; /* the last node that was made */
    nt_err *e;
    nt_status s;
} nt_rewrite;

nt_rewrite nt_rewrite_begin(nt_graph *g, nt_node *n, nt_err *e);
/* Input i of the node; NULL where it is left out. */
nt_value *nt_rewrite_in(const nt_rewrite *w, int i);
/* A scalar of the type of input 0, or float32 where that is not known. */
nt_value *nt_rewrite_number(nt_rewrite *w, double v);
/* A list of integers. */
nt_value *nt_rewrite_ints(nt_rewrite *w, const int64_t *v, int64_t n);
/* A node before the one that is replaced, and its first output; inputs at the end that are NULL
 * are left out. */
nt_value *nt_rewrite_node(nt_rewrite *w, const char *op, const char *name, nt_value *const *in,
                          int n_in, int n_out);
#define NT_REWRITE(w, op, name, ...)                                                           \
    nt_rewrite_node(w, op, name, (nt_value *const[]){__VA_ARGS__},                             \
                    sizeof((nt_value *const[]){__VA_ARGS__}) / sizeof(nt_value *), 1)
/* Attributes of the node that was made last. */
void nt_rewrite_set_int(nt_rewrite *w, const char *name, int64_t v);
void nt_rewrite_set_float(nt_rewrite *w, const char *name, float v);
void nt_rewrite_set_str(nt_rewrite *w, const char *name, const char *v);
void nt_rewrite_set_ints(nt_rewrite *w, const char *name, const int64_t *v, size_t n);
/* v is output i from now on. */
void nt_rewrite_out(nt_rewrite *w, int i, nt_value *v);
/* Is output i used, or the graph's? */
bool nt_rewrite_wants(const nt_rewrite *w, int i);
/* NT_EUNSUPPORTED "node 'x': FusedConv: why"; the first failure is kept. */
void nt_rewrite_refuse(nt_rewrite *w, const char *why);
/* The node goes; or says how the first call failed. */
nt_status nt_rewrite_end(nt_rewrite *w) NT_MUST_CHECK;

#endif
