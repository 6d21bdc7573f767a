/* SPDX-License-Identifier: MIT */
/*
 * criterion.h - how much a channel matters, as a table.
 *
 * A criterion gives each output of a layer a score, and the smallest go first; a channel's
 * score is the sum over its layers (importance.h). Another one is a file criterion_NAME.c, a
 * line in criterion.c and its name in NT_CRITERIA.
 */
#ifndef NT_PRUNE_CRITERION_H
#define NT_PRUNE_CRITERION_H

#include "prune/channels.h"

/* What scores may look at besides the network. */
typedef struct nt_evidence {
    uint64_t seed;
    /* sum over batches of (w dL/dw)^2 per element of each layer's weight, by layer; see
     * taylor.h; NULL for a layer without gradient */
    float *const *taylor;
} nt_evidence;

typedef struct nt_criterion {
    const char *name;
    bool wants_gradients; /* of data: the evidence's taylor */

    /* What the layer, the index-th, has not and must have; NULL: nothing. The
     * function NULL: all can be scored. */
    const char *(*lacks)(const nt_channel_layer *l, int index, const nt_evidence *v);
    /* out[l->n], of a layer that lacks nothing. */
    nt_status (*score)(double *out, const nt_channel_layer *l, int index, const nt_evidence *v,
                       nt_err *e);
    /* Instead, out[n], of all channels at once. */
    void (*score_all)(double *out, int n, const nt_evidence *v);
} nt_criterion;

/*
 * l1      sum |w| of the weight's slice           (Li et al. 2017, arXiv:1608.08710)
 * l2      sqrt(sum w^2)
 * fpgm    sum over the layer's other slices of the Euclidean distance to them
 *                                                 (He et al. 2019, arXiv:1811.00250)
 * slim    |scale| of the BatchNormalization that follows (Liu et al. 2017, arXiv:1708.06519)
 * taylor  sum (w dL/dw)^2 over batches            (Molchanov et al. 2019, arXiv:1906.10771)
 * random  uniform
 */
extern const nt_criterion nt_criterion_l1, nt_criterion_l2, nt_criterion_fpgm,
    nt_criterion_slim, nt_criterion_taylor, nt_criterion_random;

/* All of them; NULL past the last. */
const nt_criterion *nt_criterion_at(size_t i);
/* Their names in that order, separated by '|', for option tables. */
#define NT_CRITERIA "l1|l2|fpgm|slim|taylor|random"

#endif
