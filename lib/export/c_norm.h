/* SPDX-License-Identifier: MIT */
/* c_norm.h - normalisation by what was computed, as C. */
#ifndef NT_EXPORT_C_NORM_H
#define NT_EXPORT_C_NORM_H

#include "export/c_emit.h"

/* Over the axes from `axis` on, with scale and shift of their extents. */
nt_status nt_c_layernorm(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* GroupNormalization and InstanceNormalization. */
nt_status nt_c_groupnorm(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
