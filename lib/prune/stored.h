/* SPDX-License-Identifier: MIT */
/* stored.h - parameters as they are stored: numbers, or codes behind a DequantizeLinear. */
#ifndef NT_PRUNE_STORED_H
#define NT_PRUNE_STORED_H

#include "graph/graph.h"

/* The DequantizeLinear that reads this constant's codes, or NULL. */
const nt_node *nt_stored_dequantizer(const nt_value *v);
/* Elements [count] as the network computes with them; NULL when memory ran out. nt_free. */
float *nt_stored_numbers(const nt_value *v);
/* Element i becomes what means 0: the code of the zero point. */
void nt_stored_clear(nt_value *v, int64_t i);
/* A parameter, or the codes of one; not the scales and zero points of codes. */
bool nt_stored_is_param(const nt_value *v);

#endif
