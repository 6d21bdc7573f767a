/* SPDX-License-Identifier: MIT */
/* adapt.h - how constant operands and attributes follow channels that went. */
#ifndef NT_COUPLE_ADAPT_H
#define NT_COUPLE_ADAPT_H

#include "couple/couple.h"

/* How many indices of an axis are left. */
int64_t nt_kept_dim(const nt_kept *k, const nt_value *v, int axis);
bool nt_kept_is_cut(const nt_kept *k, const nt_value *v, int axis);
/* How many of the kept indices of an axis lie below `index`. */
int64_t nt_kept_below(const nt_kept *k, const nt_value *v, int axis, int64_t index);
/* Input i becomes a new constant int64 vector (other users of the old one keep theirs). */
nt_status nt_adapt_input(nt_graph *g, nt_node *n, int i, const int64_t *v, size_t count,
                         nt_err *e) NT_MUST_CHECK;
/* Input i is the shape of output 0: what it says about axes that were cut follows; 0, -1 and 1
 * stay. NT_EUNSUPPORTED when it is not constant and something was cut. */
nt_status nt_adapt_shape(const nt_kept *k, nt_graph *g, nt_node *n, int i,
                         nt_err *e) NT_MUST_CHECK;

#endif
