/* SPDX-License-Identifier: MIT */
/* c_resize.h - Resize and Upsample as C. */
#ifndef NT_EXPORT_C_RESIZE_H
#define NT_EXPORT_C_RESIZE_H

#include "export/c_emit.h"

/* To the nearest as a move, linear and cubic along at most two axes. */
nt_status nt_c_resize(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
