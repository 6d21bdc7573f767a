/* SPDX-License-Identifier: MIT */
/*
 * params.h - a graph's parameters and their gradients as flat fp32 buffers with named views.
 *
 * Optimisers, EMA, all-reduce and checkpoints work on the flat buffers. State (the running
 * statistics of BatchNormalization) lies in a buffer of its own: averaged by EMA and saved, but
 * never optimised.
 */
#ifndef NT_EXEC_PARAMS_H
#define NT_EXEC_PARAMS_H

#include "graph/graph.h"

typedef struct nt_param {
    const char *name;     /* borrowed from the graph's value */
    size_t offset, count; /* in floats: in w and g, or in state */
    bool is_state;
    bool is_norm;  /* scale or shift of a normalisation */
    bool is_quantizer; /* a number of a quantizer's own (train/qat.h) */
    bool is_bias;  /* rank 1 and neither of these */
} nt_param;

typedef struct nt_params {
    float *w, *g; /* n_w floats each, 64-byte aligned */
    float *state; /* n_state floats */
    size_t n_w, n_state;
    nt_param *v; /* in graph order */
    int n;
} nt_params;

/* Collects what the operators' tables call trainable or state, copying the values. */
nt_status nt_params_new(nt_params **out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
void nt_params_free(nt_params *p);
/* By value name; NULL where it is no parameter. */
const nt_param *nt_params_find(const nt_params *p, const char *name);
/* Where a parameter's values are. */
float *nt_param_data(const nt_params *p, const nt_param *v);
/* Writes the values back into the constants of g: the same graph, or one with the same names
 * and shapes, but for what only a training's graph has (is_quantizer). */
nt_status nt_params_store(const nt_params *p, nt_graph *g, nt_err *e) NT_MUST_CHECK;

#endif
