/* SPDX-License-Identifier: MIT */
/* c_deconv.h - ConvTranspose as C. */
#ifndef NT_EXPORT_C_DECONV_H
#define NT_EXPORT_C_DECONV_H

#include "export/c_emit.h"

/* In one or two dimensions, by a constant weight. */
nt_status nt_c_deconv(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
