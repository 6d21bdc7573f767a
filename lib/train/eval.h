/* SPDX-License-Identifier: MIT */
/*
 * eval.h - metrics of a network on a split.
 *
 * Percentages are 0..100. Top-1 takes the first of equal outputs; a sample is in the top 5 when
 * fewer than five outputs come before its own in that order. A NaN output is never right.
 */
#ifndef NT_TRAIN_EVAL_H
#define NT_TRAIN_EVAL_H

#include "data/data.h"
#include "exec/nonfinite.h"
#include "exec/params.h"
#include "kernel/prim.h"
#include "train/stats.h"

typedef enum nt_metric {
    NT_METRIC_ACCURACY,
    NT_METRIC_TOP5,
    NT_METRIC_LOSS,
    NT_N_METRICS
} nt_metric;

/* "accuracy", "top5", "loss"; NT_EINVAL lists the known ones. */
nt_status nt_metric_find(nt_metric *out, const char *name, nt_err *e) NT_MUST_CHECK;
const char *nt_metric_name(nt_metric m);
/* false for losses. */
bool nt_metric_more_is_better(nt_metric m);
/* Is the metric a share of samples, with Wilson's interval? */
bool nt_metric_is_share(nt_metric m);

typedef struct nt_eval_opts {
    int64_t batch_size; /* 0: 128 */
    int workers;
    nt_dtype compute; /* 0: NT_F32 */
    size_t limit;     /* only the first so many samples; 0: all */
} nt_eval_opts;

typedef struct nt_eval_result {
    size_t samples;
    double value[NT_N_METRICS];
    uint8_t *hit[NT_N_METRICS]; /* per sample 0 or 1, in the split's order; NULL for loss */
    nt_nonfinite bad;           /* outputs that are not finite, of all samples' */
} nt_eval_result;

void nt_eval_result_release(nt_eval_result *r);
/* Of a metric that is a share, in per cent. */
nt_interval nt_eval_confidence(const nt_eval_result *r, nt_metric m);

typedef struct nt_comparison {
    double drop;          /* reference - model, in per cent */
    nt_interval interval; /* of the drop, 95 %, paired */
    double p;             /* McNemar, exact */
    size_t lost, won;     /* samples only the reference, only the model has right */
} nt_comparison;

/* Both over the same samples; m is a share. */
nt_comparison nt_eval_compare(const nt_eval_result *model, const nt_eval_result *ref,
                              nt_metric m);

typedef struct nt_evaluator nt_evaluator;

/* Makes the plan(s) once. params as in nt_plan_opts: NULL for the graph's constants. All are
 * borrowed. NT_EFORMAT when the data do not fit the network's input, or have more classes than
 * it has outputs; NT_EINVAL when its batch size is fixed at another one. */
nt_status nt_evaluator_new(nt_evaluator **out, const nt_graph *g, nt_params *params,
                           nt_device *dev, nt_split *split, const nt_eval_opts *o,
                           nt_err *e) NT_MUST_CHECK;
void nt_evaluator_free(nt_evaluator *v);
/* Over the whole split, with the parameters as they are now. Releases what r held. */
nt_status nt_evaluator_run(nt_evaluator *v, nt_eval_result *r, nt_err *e) NT_MUST_CHECK;

#endif
