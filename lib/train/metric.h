/* SPDX-License-Identifier: MIT */
/*
 * metric.h - what a network is judged by, as a table.
 *
 * A metric sees batches of outputs beside what was wanted, and ends in one number with its
 * doubt. Whoever measures, compares, stops early or searches reads the table only: another
 * metric is a file metric_NAME.c and a line in metric.c.
 *
 * Percentages are 0..100.
 */
#ifndef NT_TRAIN_METRIC_H
#define NT_TRAIN_METRIC_H

#include "base/err.h"
#include "base/tensor.h"
#include "data/field.h"
#include "train/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A batch of n samples, those that follow the ones seen before. */
typedef struct nt_judged {
    const nt_tensor *y;     /* the network's first output, fp32 [n][k][...] */
    const nt_field *target; /* [n][...] what was wanted, of a role that the metric takes */
    const double *loss;     /* [n], of each sample; NULL unless a metric wants it */
    size_t n;
} nt_judged;

typedef struct nt_comparison {
    double drop;          /* how much worse the model is than the reference, in the unit */
    nt_interval interval; /* of the drop, 95 %, paired */
    double p;             /* McNemar, exact; NAN where the metric is no share of samples */
    size_t lost, won;     /* of a share: samples that only the reference, only the model has */
} nt_comparison;

typedef struct nt_metric {
    const char *name;
    const char *record; /* its key in a training's record */
    const char *unit;   /* "%", or "" */
    bool more_is_better;
    bool wants_loss; /* and so takes a target of any role, else a label [n] */

    /* *state is made for so many samples at most, to be freed with nt_free. */
    nt_status (*begin)(void **state, size_t samples, nt_err *e);
    /* Each sample is seen once, in order. */
    nt_status (*see)(void *state, const nt_judged *b, nt_err *e);
    /* At least one sample was seen. */
    double (*end)(const void *state);
    /* 95 %, of what end gives. */
    nt_interval (*interval)(const void *state);
    /* Both saw the same samples. */
    nt_comparison (*compare)(const void *model, const void *ref);
} nt_metric;

/*
 * accuracy  the largest output is the label's; the first of equal ones counts
 * top5      fewer than five outputs come before the label's in that order
 * loss      what training makes small (loss_graph.h), mean over the samples
 *
 * An output that is no number is never right. Shares of samples have Wilson's interval, and
 * paired comparisons with Bonett and Price's and McNemar's p (stats.h); means have bootstrap
 * intervals over the samples.
 */
extern const nt_metric nt_metric_accuracy, nt_metric_top5, nt_metric_loss;
/* Their names, for option tables. */
#define NT_METRICS "accuracy|top5|loss"

/* All of them, in the order of reports; NULL past the last. */
const nt_metric *nt_metric_at(size_t i);
/* By name; NT_EINVAL lists the known ones. */
nt_status nt_metric_find(const nt_metric **out, const char *name, nt_err *e) NT_MUST_CHECK;
/* The worst value there is: what any other is better than. */
double nt_metric_worst(const nt_metric *m);
bool nt_metric_is_better(const nt_metric *m, double a, double than);

#endif
