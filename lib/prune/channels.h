/* SPDX-License-Identifier: MIT */
/*
 * channels.h - what structured pruning can take from a graph.
 *
 * A channel is a class of the coupling that holds output channels of prunable layers: it goes
 * from all its layers or from none. Layers that share a channel make a set; sparsity is counted
 * within a set, so that a residual stage is pruned as one.
 */
#ifndef NT_PRUNE_CHANNELS_H
#define NT_PRUNE_CHANNELS_H

#include "couple/couple.h"
#include "graph/graph.h"

typedef struct nt_channel_layer {
    const nt_node *node;
    nt_value *weight; /* the constant, which may be codes behind a DequantizeLinear, or floats
                         before a QuantizeLinear */
    char name[128];
    int axis;        /* of the weight, along its outputs */
    int64_t n;       /* outputs */
    int *channel;    /* [n], index into channels; -1: not removable (see why) */
    const char *why; /* reason of the first output that must stay, or NULL; begins with
                        "layer 'x': " where another layer is the reason */
    int set;         /* index into sets; -1 when nothing can go */
} nt_channel_layer;

typedef struct nt_channel {
    int cls; /* of the coupling */
    int set;
} nt_channel;

typedef struct nt_channel_set {
    int *layer; /* indices of its layers */
    int n_layers;
    int *channel; /* indices of its channels, in order */
    int n_channels;
} nt_channel_set;

typedef struct nt_channels {
    nt_coupling *coupling;
    nt_channel_layer *layers; /* all prunable layers, in graph order */
    int n_layers;
    nt_channel *channels;
    int n_channels;
    nt_channel_set *sets;
    int n_sets;
    nt_arena *arena;
} nt_channels;

/* Shapes but the batch must be known. g is borrowed, and the same afterwards. */
nt_status nt_channels_new(nt_channels **out, nt_graph *g, nt_err *e) NT_MUST_CHECK;
void nt_channels_free(nt_channels *c);
/* How many outputs of the layer are in channels with keep[channel] (all that can't go stay). */
int64_t nt_channels_kept(const nt_channel_layer *l, const bool *removed);

#endif
