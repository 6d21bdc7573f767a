/* SPDX-License-Identifier: MIT */
/*
 * layer.h - what a layer is: a node that multiplies its input by a weight and sums over
 * channels. Its operator says where all that lies (nt_op.layer: Conv, ConvTranspose,
 * DeformConv, Gemm, MatMul); whoever prunes, quantizes, counts or exports layers asks here.
 */
#ifndef NT_FACET_LAYER_H
#define NT_FACET_LAYER_H

#include "graph/graph.h"

typedef struct nt_layer {
    int x, weight, bias; /* inputs of the node; bias -1: none */
    int makes, reads;    /* axes of the weight: the output's channels, the input's */
    int y_axis, x_axis;  /* where those are in output 0 and in input x */
    int64_t groups;      /* a channel of the output reads those of its own group */
    bool makes_part;     /* axis `makes` counts one group's channels, else axis `reads` does */
    bool plain;          /* W x + b: no factors, and x lies as it is */
} nt_layer;

/* false: n is no layer. The weight need not be a constant; of two factors the constant one is
 * the weight, or else the one that is made of a constant, or else the second. */
bool nt_layer_of(nt_layer *l, const nt_node *n);

/* The weight of a layer, of rank >= 2, where it is a constant; NULL otherwise. */
nt_value *nt_layer_weight(const nt_node *n);
/* The same, or the constant that a quantized layer's weight is made of: the integers before
 * DequantizeLinear, the floats before QuantizeLinear in quantization-aware training. */
const nt_value *nt_layer_stored_weight(const nt_node *n);
/* The same of what is known to be one. */
nt_layer nt_layer_at(const nt_node *layer);
/* Of a layer: the axis of its weight that holds the output's channels. */
int nt_layer_axis(const nt_node *layer);

/* Channels of the output and of the input, by the extents of the weight. */
int64_t nt_layer_made(const nt_layer *l, const int64_t *dims);
int64_t nt_layer_read(const nt_layer *l, const int64_t *dims);
/* The channel of the output, of the input, that element `at` of the weight belongs to. */
int64_t nt_layer_output_of(const nt_layer *l, const nt_tensor *w, int64_t at);
int64_t nt_layer_input_of(const nt_layer *l, const nt_tensor *w, int64_t at);

#endif
