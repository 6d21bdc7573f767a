/* SPDX-License-Identifier: MIT */
/* widen.h - plain forms that compute in fp32, on tensors of any floating-point type. */
#ifndef NT_FACET_WIDEN_H
#define NT_FACET_WIDEN_H

#include "graph/graph.h"

typedef nt_status nt_eval_fn(const nt_node *n, const nt_tensor *const *in,
                             nt_tensor *const *out, nt_err *e);

/* Runs eval with float32 copies in the place of all float16, bfloat16 and float64 tensors (at
 * most 8 inputs and 2 outputs, NULLs skipped), and rounds what it gives to the outputs' types.
 * Tensors of fp32 and of integers are passed as they are. */
nt_status nt_eval_in_f32(nt_eval_fn *eval, const nt_node *n, const nt_tensor *const *in,
                         nt_tensor *const *out, nt_err *e) NT_MUST_CHECK;

#endif
