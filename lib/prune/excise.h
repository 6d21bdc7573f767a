/* SPDX-License-Identifier: MIT */
/* excise.h - takes out of a graph what no longer belongs to it once channels go. */
#ifndef NT_PRUNE_EXCISE_H
#define NT_PRUNE_EXCISE_H

#include "couple/kept.h"
#include "prune/removal.h"

/*
 * Puts constants in the place of still values, leaves out operands of which nothing is left,
 * and removes the nodes that are not needed. r is settled, with its constants found; k: what is
 * left of r's classes. Values keep their ids.
 */
nt_status nt_excise(const nt_removal *r, const nt_kept *k, nt_err *e) NT_MUST_CHECK;
/* Removes joins of one operand and splits into one part. */
nt_status nt_excise_idle(nt_graph *g, nt_err *e) NT_MUST_CHECK;

/* t without the indices of each axis of v that are not kept; axes of extent 1 stand for all
 * indices. *out stays NULL where all are kept. */
nt_status nt_cut_tensor(nt_tensor **out, const nt_tensor *t, const nt_value *v,
                        const nt_kept *k, nt_err *e) NT_MUST_CHECK;

#endif
