/* SPDX-License-Identifier: MIT */
/*
 * importance.h - how much a channel matters; the smallest go first.
 *
 * A channel's score is the sum over its layers' outputs of the score of the weight's slice:
 *   l1      sum |w|                                 (Li et al. 2017, arXiv:1608.08710)
 *   l2      sqrt(sum w^2)
 *   fpgm    sum over the layer's other slices of the Euclidean distance to them
 *                                                   (He et al. 2019, arXiv:1811.00250)
 *   slim    |scale| of the BatchNormalization that follows (Liu et al. 2017, arXiv:1708.06519)
 *   taylor  sum (w dL/dw)^2 over batches            (Molchanov et al. 2019, arXiv:1906.10771)
 *   random  uniform
 * A score that is not finite is NT_EINVAL. A layer that has not what its criterion needs (slim:
 * a BatchNormalization; taylor: a gradient) cannot be scored.
 */
#ifndef NT_COMPRESS_IMPORTANCE_H
#define NT_COMPRESS_IMPORTANCE_H

#include "base/str.h"
#include "compress/channels.h"

typedef enum nt_criterion {
    NT_CRIT_L1,
    NT_CRIT_L2,
    NT_CRIT_FPGM,
    NT_CRIT_SLIM,
    NT_CRIT_TAYLOR,
    NT_CRIT_RANDOM
} nt_criterion;

/* The names in that order, separated by '|', for option tables. */
#define NT_CRITERIA "l1|l2|fpgm|slim|taylor|random"

typedef struct nt_importance_opts {
    nt_criterion criterion;
    uint64_t seed;
    /* taylor: sum over batches of (w dL/dw)^2 per element of each layer's weight, by layer;
     * see taylor.h; NULL for a layer without gradient */
    float *const *taylor;
    const bool *wanted; /* [n_layers], which are to be scored; NULL: all that can be pruned */
    bool *unscored;     /* [n_layers], set for those of them that cannot be; NULL: such a one is
                           NT_EINVAL */
    nt_str *why; /* with unscored: "layer 'x': criterion 'slim' needs ...", a line each */
} nt_importance_opts;

/* score [c->n_channels] */
nt_status nt_importance(double *score, const nt_channels *c, const nt_importance_opts *o,
                        nt_err *e) NT_MUST_CHECK;

#endif
