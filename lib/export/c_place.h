/* SPDX-License-Identifier: MIT */
/* c_place.h - where the values of a network as C lie: the caller's arrays, or one arena. */
#ifndef NT_EXPORT_C_PLACE_H
#define NT_EXPORT_C_PLACE_H

#include "export/c_emit.h"

/*
 * Fills in c->v, c->merged and c->arena. An output is written where the caller wants it; what
 * only has another shape, or takes over an operand that nobody needs any more, lies where that
 * lies; all else lies in the arena for as long as it is needed (exec/lives.h).
 *
 * NT_EUNSUPPORTED names the node that has no form in C, or the value that is of another type
 * than float32.
 */
nt_status nt_c_place_all(nt_c *c, nt_err *e) NT_MUST_CHECK;
/* Who lies where, a line each, by offset. */
void nt_c_place_report(nt_str *s, const nt_c *c);

#endif
