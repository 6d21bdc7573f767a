/* SPDX-License-Identifier: MIT */
/*
 * layers.h - what of a network can be a product of smaller layers, and what that would cost.
 *
 *   svd       a dense layer becomes two, a 1x1 convolution two such: c -> r -> k channels
 *   spatial   a convolution becomes one along its first half of the spatial axes (r x 1), c to
 *             r channels, and one along the others (1 x s), r to k (Jaderberg et al. 2014,
 *             arXiv:1405.3866): a matrix of [c][r] rows and [k][s] columns
 *   tucker    1x1 from c to r_in channels, a smaller one of the same window from r_in to r_out,
 *             1x1 to k
 */
#ifndef NT_LOWRANK_LAYERS_H
#define NT_LOWRANK_LAYERS_H

#include "facet/window.h"
#include "graph/graph.h"

typedef enum nt_lowrank_kind {
    NT_LOWRANK_SVD,
    NT_LOWRANK_SPATIAL,
    NT_LOWRANK_TUCKER
} nt_lowrank_kind;

typedef struct nt_lowrank_layer {
    nt_node *node;
    nt_value *weight;
    char name[128];
    const char *op;
    char shape[64]; /* of the weight, as text */
    char why[96];   /* why it stays as it is; "": it does not */
    bool fits;      /* of a form that can be decomposed */
    nt_lowrank_kind kind;
    int64_t k, c;       /* channels of the output, of the input */
    bool by_input;      /* a dense weight of [c][k] */
    int64_t head, tail; /* kernel elements of the first half of the spatial axes, of the rest */
    nt_window window;   /* sp 0: a dense layer */
    int64_t in, mid, out; /* positions of one sample: of the input, behind a spatial layer's
                             first half, of the output; -1: not known */
    int64_t rank[2];      /* 0: none; of tucker input and output, else rank[1] is 0 */
    double error;         /* ||W - W'|| / ||W|| of what it became */
    double
        *energy[2]; /* [n_energy]: squares of singular values; of tucker's input and output */
    int64_t n_energy[2]; /* the largest rank there is */
} nt_lowrank_layer;

typedef struct nt_lowrank_layers {
    nt_lowrank_layer *v;
    int n;
} nt_lowrank_layers;

/* The layers of constant weight, in the graph's order. Those that cannot be decomposed say why.
 * one: g for one sample, whose values have the same names; NULL: positions are not known. */
nt_status nt_lowrank_layers_new(nt_lowrank_layers *out, const nt_graph *g, const nt_graph *one,
                                nt_err *e) NT_MUST_CHECK;
void nt_lowrank_layers_release(nt_lowrank_layers *l);
/* Of a layer that fits: how it is taken apart; sets n_energy. A convolution of more than one
 * kernel element is spatial or (`tucker`) tucker, all else svd. */
void nt_lowrank_set_kind(nt_lowrank_layer *l, bool tucker);
/* Its weight as [k][c][head * tail] in float64; nt_free. NULL when memory ran out. */
double *nt_lowrank_weight(const nt_lowrank_layer *l);
/* The same as the matrix [c][head] x [k][tail]. */
double *nt_lowrank_matrix(const nt_lowrank_layer *l);

/* Elements of the weight, MACs of one sample; -1: not known. */
int64_t nt_lowrank_params(const nt_lowrank_layer *l);
int64_t nt_lowrank_macs(const nt_lowrank_layer *l);
/* The same of what it would become. */
int64_t nt_lowrank_params_at(const nt_lowrank_layer *l, const int64_t rank[2]);
int64_t nt_lowrank_macs_at(const nt_lowrank_layer *l, const int64_t rank[2]);
/* Are both fewer at these ranks? What is not known is not asked. */
bool nt_lowrank_gains(const nt_lowrank_layer *l, const int64_t rank[2]);

#endif
