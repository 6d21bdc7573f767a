/* SPDX-License-Identifier: MIT */
/*
 * budget.h - pruning to a size: which channels go so that a share of the weights is left.
 *
 * One channel goes after the other, always the one whose loss per gain is smallest:
 *
 *   loss = score(channel) / sum of the scores of its set's remaining channels
 *          * channels of the set / those that remain
 *   gain = (1 - w) weights it takes along / all that are left
 *        +      w  MACs it takes along    / all that are left
 *
 * Scores count relative to their set, as in the global ranking, so that layers of different
 * scale compare. The second factor makes the last channels of a layer dear: without it the
 * weights of two neighbours, a product of their widths, are had by starving one of them.
 * Wide late layers give weights, early ones at high resolution MACs.
 *
 * To a time it is the same with
 *
 *   gain = the time it saves / all that is left
 *
 * where a machine's time falls in stairs (a kernel takes 24 channels as it takes 32): so it is
 * asked what the next few channels of a set save together, and as many go as are cheapest.
 */
#ifndef NT_PRUNE_BUDGET_H
#define NT_PRUNE_BUDGET_H

#include "prune/channels.h"

/* How long a layer (an index of nt_channels) takes with so many channels, in any unit; 0: it is
 * not known. */
typedef struct nt_prune_clock {
    double (*ms)(const void *table, int layer, int64_t in, int64_t out);
    const void *table;
} nt_prune_clock;

typedef struct nt_prune_budget {
    double size; /* share of the weights of prunable layers to keep, in (0, 1]; ... */
    const nt_prune_clock *clock; /* ... NULL, or it is the share of the time by this one */
    double macs_weight;          /* w, in [0, 1] */
    int round;         /* leave multiples of this power of two, or of a quarter of the set's
                          width where that is less; 0 and 1: any number */
    const double *max; /* [n_sets]: share of the set that may go; 0: it is left alone */
} nt_prune_budget;

/* removed [c->n_channels]; score as nt_importance gives it. Every layer keeps an output. Where
 * the bounds allow no more, more than `size` stays. */
nt_status nt_prune_to_budget(bool *removed, const nt_channels *c, const double *score,
                             const nt_prune_budget *b, nt_err *e) NT_MUST_CHECK;

#endif
