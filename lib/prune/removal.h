/* SPDX-License-Identifier: MIT */
/*
 * removal.h - which channels go, and what that leaves of a graph.
 *
 * Masks (or whoever else chooses) cover slices of layers. Out of that come three kinds of
 * values: gone   of one of its axes no index is left: half of a Split, what reads only that
 *   still  something is left of it, but all that it is made of is gone or constant, so that it
 * is the same for every input: what a layer makes of nothing is its bias live   the rest A
 * layer that is still is as good as masked: its channels are taken, too, where their class
 * holds nothing live, and so on until nothing changes. A node is needed where the graph's
 * outputs hang on it through live values alone; all others are taken out. An edge is where a
 * needed node reads something gone or still: the operand is left out (Concat), or a constant
 * takes its place, or, where neither can be, a channel has to stay.
 */
#ifndef NT_PRUNE_REMOVAL_H
#define NT_PRUNE_REMOVAL_H

#include "prune/channels.h"

typedef enum nt_part { NT_PART_CONST, NT_PART_LIVE, NT_PART_STILL, NT_PART_GONE } nt_part;

typedef struct nt_edge {
    nt_node *node; /* NULL: v is a graph output, or (index -1) named in a subgraph */
    int index;     /* which of its inputs */
    nt_value *v;
} nt_edge;

typedef struct nt_removal {
    nt_graph *g;
    const nt_channels *c;
    nt_arena *arena;
    int n_values;   /* of g, as it was */
    bool **covered; /* per layer: [n], slices that masks cover */
    bool *masked;   /* per channel: covered in all its layers */
    bool *stays;    /* per channel: cannot go, whatever covers it */
    bool *removed;  /* per channel: goes */
    bool *cls;      /* per class of the coupling: the same */
    int *channel;   /* per class: its channel, -1: none */
    uint8_t *part;  /* per value id: nt_part */
    bool *wanted;   /* per value id: the graph's outputs hang on it */
    bool *needed;   /* per node id */
    nt_edge *edge;
    int n_edges;
    nt_tensor **found;     /* per edge: the constant that takes its place, NULL: none */
    bool looked;           /* found[] is filled in */
    int64_t kept_constant; /* masked channels that stay for the constant they carry, ... */
    int64_t kept_part;     /* ... and because nothing would be left of a part */
    char why[256];         /* the first of the latter, or "": "layer 'a': nothing would be
                              left of 'y'" */
} nt_removal;

/* Nothing is covered yet. g: the graph c was made of; both are borrowed. */
nt_status nt_removal_new(nt_removal **out, nt_graph *g, const nt_channels *c,
                         nt_err *e) NT_MUST_CHECK;
void nt_removal_free(nt_removal *r);
/* Covers all slices of these channels. removed [c->n_channels] */
void nt_removal_cover(nt_removal *r, const bool *removed);
/* Finds from what is covered and what stays the channels that go, the parts, the needed nodes
 * and the edges, and forgets the constants. */
void nt_removal_mark(nt_removal *r);
/*
 * Where an edge cannot be, lets a channel stay and marks anew, until all can. by_constant:
 * constants take the place of still values, as far as is known (looked); else every still value
 * is in the way. *again: something changed. NT_EUNSUPPORTED where nothing could stay.
 */
nt_status nt_removal_settle(nt_removal *r, bool by_constant, bool *again,
                            nt_err *e) NT_MUST_CHECK;
/* Is the operand of which nothing is left simply left out there? */
bool nt_edge_is_left_out(const nt_removal *r, const nt_edge *d);
/*
 * What can stand at the edge where the network gives t, which is found at a batch of 1 where
 * the batch is open: t, with extents of 1 where nothing changes along an axis if the node
 * stretches its operands. *out stays NULL where that depends on an extent that is not known.
 */
nt_status nt_edge_constant(nt_tensor **out, const nt_edge *d, const nt_tensor *t,
                           nt_err *e) NT_MUST_CHECK;

#endif
