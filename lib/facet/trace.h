/* SPDX-License-Identifier: MIT */
/*
 * trace.h - what is known of a list of integers that is computed from shapes.
 *
 * Exporters write the sizes of a Resize or Reshape as Concat(Slice(Shape(x)), [h, w]). As long
 * as an extent of x is a symbol the list is no constant, but most of it is known.
 */
#ifndef NT_FACET_TRACE_H
#define NT_FACET_TRACE_H

#include "graph/graph.h"

typedef struct nt_traced {
    nt_dim dim;         /* a number, a symbol, or unknown; constants may be negative */
    bool known;         /* dim.value is the number */
    const nt_value *of; /* not NULL: it is this value's extent, */
    int axis;           /* along this axis */
} nt_traced;

/* The list's entries (one, of a scalar). False where not even their number is known. */
bool nt_trace_ints(nt_traced *out, size_t *n, size_t max, const nt_value *v);
/* Does entry i of the traced list say the extent of x along axis, whatever becomes of it? */
bool nt_trace_follows(const nt_traced *t, size_t n, int i, const nt_value *x, int axis);

#endif
