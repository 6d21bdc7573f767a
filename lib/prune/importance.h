/* SPDX-License-Identifier: MIT */
/*
 * importance.h - how much each channel matters; the smallest go first.
 *
 * A channel's score is the sum over its layers' outputs of their scores by a criterion
 * (criterion.h). A score that is not finite is NT_EINVAL. A layer that has not what its
 * criterion needs cannot be scored.
 */
#ifndef NT_PRUNE_IMPORTANCE_H
#define NT_PRUNE_IMPORTANCE_H

#include "base/str.h"
#include "prune/criterion.h"

typedef struct nt_importance_opts {
    const nt_criterion *criterion; /* NULL: the first, l1 */
    nt_evidence evidence;
    const bool *wanted; /* [n_layers], which are to be scored; NULL: all that can be pruned */
    bool *unscored;     /* [n_layers], set for those of them that cannot be; NULL: such a one is
                           NT_EINVAL */
    nt_str *why; /* with unscored: "layer 'x': criterion 'slim' needs ...", a line each */
} nt_importance_opts;

/* score [c->n_channels] */
nt_status nt_importance(double *score, const nt_channels *c, const nt_importance_opts *o,
                        nt_err *e) NT_MUST_CHECK;

#endif
