/* SPDX-License-Identifier: MIT */
/*
 * reconstruct.h - a block's rounding, learned to give back the block's outputs (BRECQ: Li et
 * al. 2021, arXiv:2102.05426; QDrop: Wei et al. 2022, arXiv:2203.05740).
 *
 * The block is trained as it lies in the graph. Each weight is floor(w) + h(V) in units of its
 * scale (soft.h); Adam moves all V of the block, its biases and the scales of its activations
 * against
 *
 *     (n / 12) |y - y'|^2 / E + 2 sum 1 - |2 h(V) - 1|^beta
 *
 * where y is the block's output, y' that of the floating-point network, n the number of
 * weights, and E what |y - y'|^2 grows by when the weights are rounded to nearest: so the first
 * term is of one size in every network.
 *
 * Of the block's input each number is the quantized network's or the floating-point one's, and
 * of each quantized activation in it each number is rounded or not, by lot with even chances
 * anew in each step (QDrop): y = x + dropout(Q(x) - x) / 2. After three quarters of the steps
 * all roundings are settled, and the rest learns on to make up for it.
 */
#ifndef NT_QUANT_RECONSTRUCT_H
#define NT_QUANT_RECONSTRUCT_H

#include "quant/qdq.h"
#include "quant/samples.h"

/* A layer of the block: its weight in the block's graph, and what that is to become. The arrays
 * are made by nt_reconstruct, and the caller's to free. */
typedef struct nt_rounded {
    nt_value *w;
    nt_qtarget t;
    nt_qpairs pairs;
    int64_t *codes; /* of as many elements */
    float *real;    /* the weight as it was */
} nt_rounded;

typedef struct nt_rounded_block {
    nt_graph *g; /* of the network with quantized activations, its weights the floats */
    nt_rounded *layers;
    int n;
} nt_rounded_block;

/* The same samples before and after a block. */
typedef struct nt_block_samples {
    const nt_samples *in;    /* what it gets in the quantized network */
    const nt_samples *ideal; /* what the floating-point network gets; may be `in` */
    const nt_samples *out;   /* what that makes of it */
} nt_block_samples;

typedef struct nt_reconstruct_opts {
    int64_t steps;
    bool biases;           /* learn, too */
    uint64_t seed, number; /* the block's, for what is drawn */
} nt_reconstruct_opts;

/* The block's weights become what the codes stand for. Scales of activations and biases in its
 * graph change, too. Where all of it comes to nothing, weights are rounded to nearest and the
 * rest stays. */
nt_status nt_reconstruct(nt_rounded_block *b, const nt_block_samples *x, const nt_calib *c,
                         const nt_reconstruct_opts *o, nt_err *e) NT_MUST_CHECK;

#endif
