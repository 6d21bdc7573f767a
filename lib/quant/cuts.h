/* SPDX-License-Identifier: MIT */
/*
 * cuts.h - a graph in blocks, cut where a single tensor is live.
 *
 * After a node of the order, live is what was made so far and is still wanted. Where that is
 * one tensor, all that comes later is a function of it: the ends of residual blocks, and in a
 * plain chain every value. A block begins at such a cut, holds at least one layer with a weight
 * and ends with what follows it value by value (an activation); what changes the extents (a
 * pooling) belongs to the next.
 */
#ifndef NT_QUANT_CUTS_H
#define NT_QUANT_CUTS_H

#include "graph/graph.h"

typedef struct nt_block {
    nt_value *in, *out; /* of one float tensor per sample each; out NULL: several ends */
    int layers;         /* with weights */
} nt_block;

/* g: bound and inferred, of one input. In order, each block's input the output of that before
 * it; nt_free. */
nt_status nt_cuts_find(nt_block **blocks, int *n, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* Has v one float tensor of known extents for each sample of g's input? */
bool nt_cuts_usable(const nt_graph *g, const nt_value *v);
/* Do a and b have as many elements for a sample? */
bool nt_cuts_same_size(const nt_value *a, const nt_value *b);
/* What makes `out` of `in` as a graph of its own (part.h). NT_EUNSUPPORTED where more than `in`
 * is needed. */
nt_status nt_cuts_part(nt_graph **part, const nt_graph *g, nt_value *in, nt_value *out,
                       nt_err *e) NT_MUST_CHECK;

#endif
