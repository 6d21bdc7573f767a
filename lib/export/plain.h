/* SPDX-License-Identifier: MIT */
/*
 * plain.h - what the formats share that write float32 networks of one size: the graph they
 * write, and what its Relu, Clip and BatchNormalization say in numbers.
 */
#ifndef NT_EXPORT_PLAIN_H
#define NT_EXPORT_PLAIN_H

#include "graph/graph.h"

/* A copy of g of batch 1 and the picture size h x w (0: as it is), normalisations folded where
 * they can be, and shapes inferred. */
nt_status nt_plain_graph(nt_graph **out, const nt_graph *g, int64_t h, int64_t w,
                         nt_err *e) NT_MUST_CHECK;

/* What results are cut to. */
typedef struct nt_plain_range {
    float lo, hi;
} nt_plain_range;
/* Is n a Relu or a Clip of constant bounds? */
bool nt_plain_is_bounds(nt_plain_range *r, const nt_node *n);

/* Has BatchNormalization n constants for its k channels? NT_EUNSUPPORTED. */
nt_status nt_plain_norm_check(const nt_node *n, int64_t k, nt_err *e) NT_MUST_CHECK;
/* Then it is x a + b; a, b: [k]. */
void nt_plain_norm_factors(float *a, float *b, const nt_node *n, int64_t k);

#endif
