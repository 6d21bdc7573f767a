/* SPDX-License-Identifier: MIT */
/*
 * couple.h - which channels can only go together (DepGraph, Fang et al. 2023, arXiv:2301.12900,
 * by index instead of by layer).
 *
 * An element is one index of one span of a value. A span is one axis, or several neighbouring
 * axes taken together in row-major order: a Reshape that folds [C] into [g][C/g] ties the span
 * (in, 1, 1 axis) to (out, 1, 2 axes), index by index. Ties make classes; a class is removed
 * whole or not at all. Spans of one value that overlap are tied by the coupling itself: an
 * index of the smaller one goes with every index of the larger one that lies in it.
 *
 * Three rules make this sound whatever an operator says:
 *
 * 1. An axis that a node's couple() neither tied nor froze nor freed is frozen: the node needs
 * it whole (spatial axes of a convolution, the axis of a sum).
 * 2. The batch axis (0 of every value that depends on a graph input) is never tied, nor is an
 *    axis of unknown extent; what would be tied to them is frozen.
 * 3. Every cut must be a cut of single axes, or a Reshape could not follow it. A joint span is
 *    therefore tied to those of its axes along which something can be cut (they reach a
 *    constant), and if there is none, to the longest of its axes that is not frozen.
 */
#ifndef NT_COUPLE_COUPLE_H
#define NT_COUPLE_COUPLE_H

#include "graph/graph.h"

typedef struct nt_coupling nt_coupling;
typedef struct nt_kept nt_kept; /* kept.h */

typedef struct nt_span {
    const nt_value *v;
    int axis; /* >= 0 */
    int n;    /* axes, >= 1 */
} nt_span;

/* Indices from, from + step, from + 2 step ... of a span. */
typedef struct nt_indices {
    nt_span span;
    int64_t from, step;
} nt_indices;

/* The first `count` of a with those of b, one by one. */
nt_status nt_couple_tie(nt_coupling *c, nt_indices a, nt_indices b, int64_t count,
                        nt_err *e) NT_MUST_CHECK;
/* The common case: two spans of the same size, index by index. */
nt_status nt_couple_same(nt_coupling *c, nt_span a, nt_span b, nt_err *e) NT_MUST_CHECK;
/* None of the span's indices may go; why: "Softmax along channels", for the report. */
nt_status nt_couple_freeze(nt_coupling *c, nt_span a, const nt_node *n, const char *why,
                           nt_err *e) NT_MUST_CHECK;
/* The node minds nothing about this span: it follows whatever goes (Shape). */
nt_status nt_couple_free(nt_coupling *c, nt_span a, nt_err *e) NT_MUST_CHECK;
/* All axes of v are free. */
nt_status nt_couple_free_all(nt_coupling *c, const nt_value *v, nt_err *e) NT_MUST_CHECK;
/* For elementwise operators with broadcasting: every axis of every input tied to the output's;
 * an axis of extent 1 that is stretched is not tied. The batch axis (0 of computed values) is
 * never prunable and never tied. */
nt_status nt_couple_elementwise(nt_coupling *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The same for one operand. */
nt_status nt_couple_operand(nt_coupling *c, const nt_value *x, const nt_value *y,
                            nt_err *e) NT_MUST_CHECK;
/* The couple facet of operators with one input and one output of its shape; further inputs are
 * parameters without channels. */
nt_status nt_couple_unary(nt_coupling *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* The couple facet of operators that look at their inputs' shapes at most. */
nt_status nt_couple_nothing(nt_coupling *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Makes the classes of a whole graph by asking every node's operator. The graph must be
 * inferred; the batch may be a symbol, and what else is unknown stays whole. */
nt_status nt_coupling_new(nt_coupling **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
void nt_coupling_free(nt_coupling *c);

/* The graph it was made of. */
const nt_graph *nt_coupling_graph(const nt_coupling *c);
/* Reading the result. Classes are numbered from 0, in order of first appearance. */
int nt_coupling_n_classes(const nt_coupling *c);
/* -1 where the span was never tied. */
int nt_coupling_class(const nt_coupling *c, nt_span s, int64_t index);
/* NULL, or the reason why this class must stay ("layer 'fc': graph output"). */
const char *nt_coupling_frozen(const nt_coupling *c, int cls);
/* Members of a class: fills at most max, returns how many there are. */
typedef struct nt_member {
    nt_span span;
    int64_t index;
} nt_member;
size_t nt_coupling_members(const nt_coupling *c, int cls, nt_member *out, size_t max);
/* All spans that were tied, frozen or freed, in order of first appearance. */
int nt_coupling_n_spans(const nt_coupling *c);
nt_span nt_coupling_span(const nt_coupling *c, int i);
/* How many indices it had when the classes were made. */
int64_t nt_coupling_span_size(const nt_coupling *c, int i);
/* Product of the extents; -1 when one is unknown. */
int64_t nt_span_size(nt_span s);

/*
 * What is left after removal (kept.h), for nt_op.adapt. The indices (ascending, by the old
 * numbering) of one axis (or span) of a value that are kept; all of them when it was never cut.
 * Borrowed. NULL for several axes that were never tied together, and for values younger than
 * the coupling.
 */
const int64_t *nt_kept_indices(const nt_kept *k, nt_span s, int64_t *count);
/* Old extent of an axis. */
int64_t nt_kept_old_dim(const nt_kept *k, const nt_value *v, int axis);

#endif
