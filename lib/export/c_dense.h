/* SPDX-License-Identifier: MIT */
/* c_dense.h - products of matrices as C. */
#ifndef NT_EXPORT_C_DENSE_H
#define NT_EXPORT_C_DENSE_H

#include "export/c_emit.h"

nt_status nt_c_gemm(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_c_matmul(nt_c *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
