/* SPDX-License-Identifier: MIT */
/*
 * knapsack.h - the multiple-choice knapsack, exactly, for all budgets at once.
 *
 * Of each group one choice is taken; costs and losses add up. A point (cost, loss) is efficient
 * when no other way costs no more and loses no more. The efficient points of g + 1 groups are
 * found among those of g, each extended by every choice (Nemhauser & Ullmann 1969, Management
 * Science 15(9), 494-505): nothing is rounded, no budget is needed beforehand, and the best for
 * any budget is one of them. There may be exponentially many; of networks with 50 layers and 5
 * bit widths there are some ten thousand.
 */
#ifndef NT_QUANT_KNAPSACK_H
#define NT_QUANT_KNAPSACK_H

#include "base/err.h"

#include <stdint.h>

typedef struct nt_kchoice {
    double cost, loss; /* a cost that is not finite: the choice cannot be had */
} nt_kchoice;

typedef struct nt_kfront nt_kfront;

/* c [n_groups][n_choices], of at most 255 choices. NT_EINVAL where a group has none that can be
 * had, NT_EUNSUPPORTED where the efficient points are past 2^24 in all. */
nt_status nt_kfront_new(nt_kfront **out, const nt_kchoice *c, int n_groups, int n_choices,
                        nt_err *e) NT_MUST_CHECK;
void nt_kfront_free(nt_kfront *f);
/* The points, costs rising and losses falling, both strictly. */
int nt_kfront_count(const nt_kfront *f);
nt_kchoice nt_kfront_at(const nt_kfront *f, int i);
/* What point i takes of each group, out [n_groups]. */
void nt_kfront_choices(uint8_t *out, const nt_kfront *f, int i);
/* The point of least loss whose cost is at most the budget; -1: there is none. */
int nt_kfront_best(const nt_kfront *f, double budget);

#endif
