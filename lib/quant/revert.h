/* SPDX-License-Identifier: MIT */
/*
 * revert.h - quantization within a drop of accuracy: bits are given back where they hurt most.
 *
 * The network is quantized and measured; while it loses more than delta, the layer whose
 * rounding alone changes the outputs most (sensitivity.h, kl, at its present width) gets the
 * next width, and all is done again, so that what is delivered is what was measured. Weights go
 * from 1 to 2, 4 and 8 bits and then to floating point, with their layer's input; an input that
 * has fewer bits than its layer's weight follows. Activations between other layers come last.
 * In the end nothing is quantized and nothing lost, so that it always ends well.
 */
#ifndef NT_QUANT_REVERT_H
#define NT_QUANT_REVERT_H

#include "quant/ptq.h"
#include "train/eval.h"

typedef struct nt_revert_opts {
    const nt_ptq_opts *ptq;
    double delta; /* in the metric's unit */
    const nt_metric *metric;
    nt_split *eval;
    nt_eval_opts how;
    void (*progress)(void *ctx, const char *layer, double drop); /* may be NULL */
    void *ctx;
} nt_revert_opts;

/* What came of it: the graph, what quant.json says of it, and the log. The caller's. */
typedef struct nt_reverted {
    nt_graph *g;
    cJSON *record, *log;
} nt_reverted;

/*
 * As nt_ptq, on a copy of g; spec, of g, becomes what was done. The log is
 * {"steps": [{"layer", "from": "4/8", "to": "8/8", "drop": before}], "metric", "reference",
 * "value", "drop", "drop_confidence": [low, high], "delta"}.
 */
nt_status nt_ptq_within(nt_reverted *out, const nt_graph *g, nt_qspec *spec, const nt_calib *c,
                        const nt_revert_opts *o, nt_err *e) NT_MUST_CHECK;

#endif
