/* SPDX-License-Identifier: MIT */
/* surgery.h - one layer becomes its factors, which follow each other in its place. */
#ifndef NT_LOWRANK_SURGERY_H
#define NT_LOWRANK_SURGERY_H

#include "lowrank/layers.h"

/*
 * Of l's rank; l->error is what is lost. The layers are called NAME.0, NAME.1 and so on; the
 * last has the bias. g's shapes and operators are to be found anew, and what nobody uses any
 * more is to be dropped.
 */
nt_status nt_lowrank_replace(nt_graph *g, nt_lowrank_layer *l, nt_err *e) NT_MUST_CHECK;

#endif
