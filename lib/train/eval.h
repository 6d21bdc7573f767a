/* SPDX-License-Identifier: MIT */
/*
 * eval.h - a network judged on a split, by the metrics of metric.h.
 */
#ifndef NT_TRAIN_EVAL_H
#define NT_TRAIN_EVAL_H

#include "data/data.h"
#include "exec/nonfinite.h"
#include "exec/params.h"
#include "kernel/prim.h"
#include "train/loss_graph.h"
#include "train/metric.h"
#include "train/views.h"

typedef struct nt_eval_opts {
    int64_t batch_size; /* 0: 128 */
    int workers;
    nt_dtype compute;                /* 0: NT_F32 */
    size_t limit;                    /* only the first so many samples; 0: all */
    const nt_loss *loss;             /* of the metric loss; NULL: cross_entropy */
    const nt_metric *const *metrics; /* NULL at their end; NULL: every one */
    nt_params *params; /* as in nt_plan_opts: NULL for the graph's constants; borrowed */
    const char *keep;  /* a file (views.h) of what a network [n][k] says: read, or else written
                          behind the last sample; NULL: none */
    const char *identity; /* of what it holds */
} nt_eval_opts;

enum { NT_MAX_METRICS = 16 };

typedef struct nt_score {
    const nt_metric *metric;
    void *state;
    double value;
} nt_score;

typedef struct nt_eval_result {
    size_t samples;   /* that were there: others were skipped */
    nt_nonfinite bad; /* outputs that are not finite, of all samples' */
    nt_score score[NT_MAX_METRICS];
    int n;
} nt_eval_result;

void nt_eval_result_release(nt_eval_result *r);
/* Of a metric that was asked for. */
double nt_eval_value(const nt_eval_result *r, const nt_metric *m);
nt_interval nt_eval_interval(const nt_eval_result *r, const nt_metric *m);
/* Both over the same samples. */
nt_comparison nt_eval_compare(const nt_eval_result *model, const nt_eval_result *ref,
                              const nt_metric *m);

typedef struct nt_evaluator nt_evaluator;

/* Makes the plan(s) once. All are borrowed. NT_EFORMAT when the data do not fit the network's
 * input, have more classes than it has outputs, or lack what a metric wants; NT_EINVAL when its
 * batch size is fixed at another one. */
nt_status nt_evaluator_new(nt_evaluator **out, const nt_graph *g, nt_device *dev,
                           nt_split *split, const nt_eval_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_evaluator_free(nt_evaluator *v);
/* Over the whole split, with the parameters as they are now. Releases what r held. */
nt_status nt_evaluator_run(nt_evaluator *v, nt_eval_result *r, nt_err *e) NT_MUST_CHECK;
/* What came of the file. */
nt_views_file nt_evaluator_kept(const nt_evaluator *v);

#endif
