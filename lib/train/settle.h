/* SPDX-License-Identifier: MIT */
/*
 * settle.h - the running statistics of BatchNormalization found anew, without a training.
 *
 * What was pruned has activations of other ranges than those that its normalisations remember;
 * found anew, the network shows what it is worth before anything is trained (Li et al. 2020,
 * EagleEye, arXiv:2007.02491). Batches of n samples run forward as in a training, each
 * normalised by its own statistics, and of each channel
 *
 *   mean = sum n mean(batch) / sum n
 *   var  = sum n var(batch) / sum n, var(batch) unbiased
 *
 * become the running ones. Nothing else of the model changes.
 */
#ifndef NT_TRAIN_SETTLE_H
#define NT_TRAIN_SETTLE_H

#include "data/data.h"
#include "graph/graph.h"
#include "kernel/prim.h"

typedef struct nt_settle_opts {
    int64_t batches; /* of the first epoch, at most; at least 1 */
    int64_t batch_size;
    int workers;
    nt_dtype compute;
    uint64_t seed; /* of their order, the transforms and dropout, as of a training's */
} nt_settle_opts;

/* What was found. */
typedef struct nt_settled {
    int64_t norms, batches, samples;
} nt_settled;

/* Of g, which is bound. NT_EUNSUPPORTED where there is no BatchNormalization, or two share
 * their statistics; NT_EFORMAT names those that are not finite. On failure g is as it was. */
nt_status nt_settle(nt_settled *out, nt_graph *g, nt_device *dev, nt_split *split,
                    const nt_settle_opts *o, nt_err *e) NT_MUST_CHECK;

#endif
