/* SPDX-License-Identifier: MIT */
/* c_pool.h - pools and means as C. */
#ifndef NT_EXPORT_C_POOL_H
#define NT_EXPORT_C_POOL_H

#include "export/c_emit.h"

nt_status nt_c_max_pool(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_average_pool(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_global_average(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_global_max(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Over axes beside one another (those of one entry count for nothing). */
nt_status nt_c_reduce_mean(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_softmax(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
