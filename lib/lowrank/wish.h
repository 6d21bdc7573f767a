/* SPDX-License-Identifier: MIT */
/* wish.h - what is asked for of each layer: by rules, by a plan, or of all the same. */
#ifndef NT_LOWRANK_WISH_H
#define NT_LOWRANK_WISH_H

#include "lowrank/lowrank.h"

/* Sets each layer's kind, and its ranks where they are decided, or why it stays. by_budget
 * [l->n]: the ranks are up to the budget. */
nt_status nt_lowrank_wish(nt_lowrank_layers *l, bool *by_budget, const nt_lowrank_opts *o,
                          nt_err *e) NT_MUST_CHECK;

#endif
