/* SPDX-License-Identifier: MIT */
/* c_eltwise.h - operators of single elements, and of two with broadcasting, as C. */
#ifndef NT_EXPORT_C_ELTWISE_H
#define NT_EXPORT_C_ELTWISE_H

#include "export/c_emit.h"

/* Activations and other functions of one element, by a table of their own: no form there is
 * NT_EUNSUPPORTED. */
nt_status nt_c_unary(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_clip(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Of two elements, broadcast. */
nt_status nt_c_binary(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* BatchNormalization that no layer could take in: a factor and a summand for each channel. */
nt_status nt_c_batchnorm(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* What has another shape only: nothing to do, but where it is made of a constant. */
nt_status nt_c_view(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
