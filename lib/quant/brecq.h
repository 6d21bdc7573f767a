/* SPDX-License-Identifier: MIT */
/*
 * brecq.h - rounding learned block by block (reconstruct.h has the papers and the formula).
 *
 * The network is cut where one tensor is live (cuts.h), so that a block is a residual block, a
 * layer of a chain, or whatever else lies between two such places. One after the other is
 * learned on the samples as the blocks before it, quantized, hand them on; what they hand on is
 * kept (samples.h), so that nothing is run twice. Blocks of more than 16 layers, and those with
 * several ends, are learned layer by layer. Batch normalisations that are not folded count by
 * their running statistics, and stay.
 */
#ifndef NT_QUANT_BRECQ_H
#define NT_QUANT_BRECQ_H

#include "quant/calib.h"
#include "quant/qpoint.h"

typedef struct nt_brecq_opts {
    bool weights_minmax;                          /* as in nt_ptq_opts */
    bool biases;                                  /* are learned, too */
    int64_t steps;                                /* of each block */
    void (*progress)(void *ctx, double fraction); /* may be NULL */
    void *ctx;
} nt_brecq_opts;

/*
 * codes[spec->n], of NULLs: those of each layer's weight, in its order, where they were
 * learned; nt_free. points: of g and the spec, with their pairs; the scales of those that lie
 * in a block change with its biases in g.
 */
nt_status nt_brecq(int64_t **codes, nt_qpoints *points, nt_graph *g, const nt_calib *c,
                   const nt_brecq_opts *o, nt_err *e) NT_MUST_CHECK;

#endif
