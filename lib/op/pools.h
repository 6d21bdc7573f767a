/* SPDX-License-Identifier: MIT */
/* pools.h - what the pools share: MaxPool, AveragePool, LpPool and the global ones, whose
 * window is as large as the picture. */
#ifndef NT_OP_POOLS_H
#define NT_OP_POOLS_H

#include "couple/couple.h"
#include "facet/window.h"
#include "op/taps.h"

/* Facets of operators with kernel_shape; output 1, if any, holds int64 indices. check refuses
 * windows that lie in the padding alone: nothing could be said of them. */
nt_status nt_pool_check(const nt_graph *g, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_pool_infer(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Every axis from the third on becomes 1. */
nt_status nt_pool_infer_global(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Channels go through. */
nt_status nt_pool_couple(nt_coupling *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

/* The window over `sp` axes of these extents. */
nt_status nt_pool_window(nt_window *w, const nt_node *n, bool global, int sp, const int64_t *in,
                         nt_err *e) NT_MUST_CHECK;
/* What it sees of the planes of x; a global one takes a plane for a row, whatever its rank. */
nt_status nt_pool_taps(nt_taps *t, const nt_node *n, bool global, const nt_tensor *x,
                       nt_err *e) NT_MUST_CHECK;

#endif
