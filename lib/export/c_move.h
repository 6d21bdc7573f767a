/* SPDX-License-Identifier: MIT */
/*
 * c_move.h - operators that only move elements, as C: Transpose, Slice, Concat, Split, Pad,
 * Gather by constants, nearest Resize and so on.
 *
 * What goes where is found by asking the operator itself: its plain form (facet/op.h) is run on
 * the elements' numbers. What comes of it must be a box of the output in which each axis moves
 * the source on its own, evenly or by a table; the rest of the output holds one number.
 * NT_EUNSUPPORTED where that is not so.
 */
#ifndef NT_EXPORT_C_MOVE_H
#define NT_EXPORT_C_MOVE_H

#include "export/c_emit.h"

nt_status nt_c_move(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
