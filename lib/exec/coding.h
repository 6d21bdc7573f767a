/* SPDX-License-Identifier: MIT */
/* coding.h - which values of a graph are 8-bit codes, and in which scale. */
#ifndef NT_EXEC_CODING_H
#define NT_EXEC_CODING_H

#include "graph/graph.h"
#include "kernel/codes.h"

typedef struct nt_coded {
    nt_value *codes; /* NULL: none */
    nt_coding c;
} nt_coded;

/* The coding of `type` with these constants of one element; zero may be NULL. */
bool nt_coding_read(nt_coding *out, nt_dtype type, const nt_value *scale, const nt_value *zero);
/* Does n quantize to 8-bit codes of one scale? */
bool nt_coding_of_quantize(nt_coding *out, const nt_node *n);
/* Is v what such codes stand for (an output of DequantizeLinear)? */
bool nt_coded_of(nt_coded *out, const nt_value *v);
bool nt_coding_same(const nt_coding *a, const nt_coding *b);
/* Weights that are quantized in the graph, and biases that are dequantized there, become the
 * constants they amount to. */
nt_status nt_coding_settle(nt_graph *g, nt_err *e) NT_MUST_CHECK;

#endif
