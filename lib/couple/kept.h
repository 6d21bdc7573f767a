/* SPDX-License-Identifier: MIT */
/* kept.h - what is left of every span once classes are removed; read with nt_kept_indices. */
#ifndef NT_COUPLE_KEPT_H
#define NT_COUPLE_KEPT_H

#include "couple/couple.h"

/* removed: a flag per class. Needs neither c nor removed afterwards, and remembers the extents
 * of all values, which may change while operators adapt. */
nt_status nt_kept_new(nt_kept **out, const nt_coupling *c, const bool *removed,
                      nt_err *e) NT_MUST_CHECK;
void nt_kept_free(nt_kept *k);

#endif
