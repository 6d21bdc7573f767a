/* SPDX-License-Identifier: MIT */
/*
 * budget.h - ranks of all layers at once, so that a share of the cost is left.
 *
 * Each layer has a row of choices: as it is, or a rank that is smaller than it. Of these the
 * one of least  lost energy / energy of the layer + lambda cost  is taken, lambda being the
 * smallest that keeps to the budget: what one more unit of cost gives is the same everywhere
 * (Lagrange). What then is left of the budget goes to the choices that win most energy for
 * their cost.
 */
#ifndef NT_LOWRANK_BUDGET_H
#define NT_LOWRANK_BUDGET_H

#include "lowrank/layers.h"

typedef struct nt_lowrank_budget {
    int64_t cost; /* what all of the network may have */
    int64_t rest; /* what it has beside the layers that are wanted */
    bool macs;    /* in MACs, else in parameters */
    bool larger;  /* choices may be larger than the layer is */
} nt_lowrank_budget;

/* rank of the layers that `wanted` [l->n] names; 0: stays. Their energy is known. *met: is it
 * kept? Where it cannot be, ranks are the smallest. */
nt_status nt_lowrank_to_budget(nt_lowrank_layers *l, const bool *wanted,
                               const nt_lowrank_budget *b, bool *met, nt_err *e) NT_MUST_CHECK;

#endif
