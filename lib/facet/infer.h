/* SPDX-License-Identifier: MIT */
/* infer.h - inference of types and shapes: what the infer and check facets share. */
#ifndef NT_FACET_INFER_H
#define NT_FACET_INFER_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* Dims may be known numbers, symbols or unknown (-1 without a symbol). */
nt_dim nt_dim_of(int64_t value);
/* Known and equal, or the same symbol. */
bool nt_dim_same(nt_dim a, nt_dim b);
/* Outputs may be NULL (left out). */
void nt_infer_set(nt_value *v, nt_dtype t, int rank, const nt_dim *dims);
/* Type and shape of x. */
void nt_infer_like(nt_value *v, const nt_value *x);
/* Type only; the rank stays what it was declared to be. */
void nt_infer_type(nt_value *v, nt_dtype t);
/* NumPy's multidirectional broadcasting of all inputs (NULLs skipped). *rank is -1 when an
 * input has an unknown rank. NT_EFORMAT where extents do not match. */
nt_status nt_infer_broadcast(nt_dim *out, int *rank, nt_value *const *in, int n,
                             nt_err *e) NT_MUST_CHECK;
/* The infer facet of elementwise operators with one output of in[0]'s type. */
nt_status nt_infer_elementwise(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The infer facet of operators whose output is in every way like input 0. */
nt_status nt_infer_same(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED when v's type is known and none to compute with (text, float8, int4). */
nt_status nt_wants_numbers(const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED where we know no such type. */
nt_status nt_wants_type(nt_dtype t, nt_err *e) NT_MUST_CHECK;
/* The check facet of operators that make the type which their attribute "to" says. */
nt_status nt_check_to(const nt_graph *g, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
