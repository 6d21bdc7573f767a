/* SPDX-License-Identifier: MIT */
/* c_conv.h - what moves a window, as C; and texts that others have a use for, too. */
#ifndef NT_EXPORT_C_CONV_H
#define NT_EXPORT_C_CONV_H

#include "export/c_emit.h"

/* first_tap(at, step), end_tap(at, step, n, ext). */
extern const char nt_c_taps[];
/* cut(v, lo, hi): NaN stays. */
extern const char nt_c_cut[];

nt_status nt_c_conv(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
