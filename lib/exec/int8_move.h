/* SPDX-License-Identifier: MIT */
/* int8_move.h - what moves or picks elements does so with codes. */
#ifndef NT_EXEC_INT8_MOVE_H
#define NT_EXEC_INT8_MOVE_H

#include "graph/graph.h"

/* A mover of dequantized codes becomes a mover of codes that are dequantized afterwards, what
 * is moved and then quantized is quantized first, and QuantizeLinear of what DequantizeLinear
 * has just made in the same scale goes. */
nt_status nt_int8_move(nt_graph *g, const char *const *keep, nt_err *e) NT_MUST_CHECK;

#endif
