/* SPDX-License-Identifier: MIT */
/*
 * eqpair.h - pairs of layers between which channels can be scaled without a change of what the
 * network computes.
 *
 * The first layer (Conv, ConvTranspose, Gemm, MatMul) makes channels, the second alone reads
 * them. What lies between commutes with a positive factor for each channel: Relu, LeakyRelu and
 * PRelu, poolings and means within a channel, a resize, a flattening that makes features of a
 * channel's places, a transposition, products with constants; a BatchNormalization and sums
 * with constants do when their own numbers are divided, too. ReLU6, Sigmoid and the like do
 * not.
 */
#ifndef NT_QUANT_EQPAIR_H
#define NT_QUANT_EQPAIR_H

#include "graph/graph.h"

enum { NT_EQ_WAY = 12 /* the most nodes between */ };

typedef struct nt_eqpair {
    nt_node *first, *second; /* second NULL: there is none, for the reason `why` */
    nt_node *way[NT_EQ_WAY]; /* between them, in order */
    int axis[NT_EQ_WAY +
             1]; /* of the channels in what each reads; [n_way]: what second reads */
    int64_t after[NT_EQ_WAY + 1]; /* elements of that axis that each channel has become there */
    int n_way;
    int second_axis; /* of the outputs in what second makes */
    int64_t channels;
    char why[96];
} nt_eqpair;

/* One for each layer of g with a weight, in the graph's order; nt_free. g: bound and inferred.
 */
nt_status nt_eqpairs_find(nt_eqpair **out, int *n, const nt_graph *g, nt_err *e) NT_MUST_CHECK;
/* The largest magnitude of the weights that make each channel, and of those that read it:
 * [channels] each. */
void nt_eqpair_ranges(float *makes, float *reads, const nt_eqpair *p);
/* Divides channel i by s[i] > 0 where it is made and multiplies where it is read. */
void nt_eqpair_scale(const nt_eqpair *p, const float *s);

#endif
