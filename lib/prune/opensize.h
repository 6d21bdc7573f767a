/* SPDX-License-Identifier: MIT */
/*
 * opensize.h - some size for what a model leaves open.
 *
 * What is looked for in a network by running it (which channels are constant) is the same at
 * every size: the user is not asked for one. Any that the network takes will do.
 */
#ifndef NT_PRUNE_OPENSIZE_H
#define NT_PRUNE_OPENSIZE_H

#include "graph/graph.h"

/*
 * Extents for all inputs, a batch of 1 and where others are open the first of some sizes at
 * which all shapes can be inferred and the values fit into a GiB: 64 and what networks halve
 * first, then longer ones for signals, then small ones. One row per input; nt_free(*out).
 * NT_EUNSUPPORTED names an open dimension where none will do, and why not the first.
 */
nt_status nt_open_sizes(int64_t (**out)[NT_MAX_RANK], const nt_graph *g,
                        nt_err *e) NT_MUST_CHECK;

#endif
