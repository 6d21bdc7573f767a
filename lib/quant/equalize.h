/* SPDX-License-Identifier: MIT */
/*
 * equalize.h - cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1).
 *
 * Channel i between two layers (eqpair.h says which) is divided by s_i: the network computes
 * the same, and rounding finds channels of one size. Two choices of s are tried,
 *
 *   weights  s_i = sqrt(r1_i / r2_i), r: the largest weight by magnitude that makes and that
 *            reads the channel: the paper's, for weights with one scale in all
 *   ranges   s_i = sqrt(a_i / r2_i), a: the largest value of the channel on the samples, its
 *            bias and what is between included: for weights with a scale for each output, where
 *            it is the activations that share one
 *
 * and what is taken is measured: a pair's noise is that of the second layer's output with both
 * weights, the first's input and what is between rounded as the spec says, on the calibration
 * samples. A pair is scaled where that makes the noise less, and in the end none has more than
 * before: a chain of pairs in which one has is put back. Without samples all pairs get the
 * first choice, unmeasured, repeated until nothing moves, as pairs share layers.
 */
#ifndef NT_QUANT_EQUALIZE_H
#define NT_QUANT_EQUALIZE_H

#include "base/json.h"
#include "quant/calib.h"
#include "quant/ptq.h"

typedef struct nt_equalize_opts {
    const nt_qspec *spec; /* of g: how it will be rounded */
    const nt_ptq_opts *ptq;
    const nt_calib *calib;                        /* NULL: no samples */
    void (*progress)(void *ctx, double fraction); /* may be NULL */
    void *ctx;
} nt_equalize_opts;

/*
 * Batch normalisations should have been folded before. *report, if asked for, becomes an array
 * with an entry for each layer with a weight, in the graph's order: {"first", "second",
 * "between", "taken", "by", "sqnr_before_db", "sqnr_db", "why"}; nt_json_free it. o may be NULL
 * where there are no samples.
 */
nt_status nt_equalize(cJSON **report, nt_graph *g, const nt_equalize_opts *o,
                      nt_err *e) NT_MUST_CHECK;

#endif
