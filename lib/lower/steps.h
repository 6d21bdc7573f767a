/* SPDX-License-Identifier: MIT */
/* steps.h - pieces of lowering that several operators share. */
#ifndef NT_LOWER_STEPS_H
#define NT_LOWER_STEPS_H

#include "lower/program.h"

/* *w, plain fp32 weights, becomes so many bytes of them packed by a prim made for it (taken).
 */
nt_status nt_steps_pack(nt_program *p, const nt_node *n, nt_prim *pack, size_t bytes, nt_tid *w,
                        nt_err *e) NT_MUST_CHECK;
/* A forward kernel's call. residual (-1: none): what its first write holds before; the sum is
 * made in the residual's own memory. */
nt_status nt_steps_call(nt_program *p, const nt_call *c, nt_tid residual,
                        nt_err *e) NT_MUST_CHECK;
/* How many of the node's post-operations its kernel is to take in: those before the first that
 * is faster by itself (nt_eltwise_apart). */
int nt_steps_n_fused(nt_program *p, const nt_node *n);
/* The node's post-operations from number `first` on as steps of their own, and *y bound as what
 * the node with all of them produces. */
nt_status nt_steps_finish(nt_program *p, const nt_node *n, int first, nt_tid y,
                          nt_err *e) NT_MUST_CHECK;
/* factor * t for a PLAIN fp32 tensor; t itself for factor 1. */
nt_status nt_steps_scale(nt_program *p, const nt_node *n, float factor, nt_tid t, nt_tid *out,
                         nt_err *e) NT_MUST_CHECK;
/* A PLAIN fp32 tensor for v's gradient: in the flat buffer for parameters, else a temporary. */
nt_status nt_steps_grad_target(nt_program *p, const nt_value *v, nt_tid *out,
                               nt_err *e) NT_MUST_CHECK;
/* Contributes factor * t (PLAIN fp32) to the gradient of v. */
nt_status nt_steps_add_grad_scaled(nt_program *p, const nt_node *n, const nt_value *v,
                                   float factor, nt_tid t, nt_err *e) NT_MUST_CHECK;
/* Are the value's elements floating-point numbers that kernels compute in fp32 or bf16? */
bool nt_steps_is_float(const nt_value *v);
/* The value as it lies when it is fp32 or bf16; float16 widened; NT_EUNSUPPORTED for others. */
nt_status nt_steps_activation(nt_program *p, const nt_value *v, nt_tid *out,
                              nt_err *e) NT_MUST_CHECK;
/* t in a layout without padding: as it lies, or else NHWC. For steps over memory that move 0.
 */
nt_status nt_steps_unpadded(nt_program *p, nt_tid t, nt_tid *out, nt_err *e) NT_MUST_CHECK;
/* Are the value's elements 8-bit integers? */
bool nt_steps_is_byte(const nt_value *v);
/* For eval facets that compute in float32 only: NT_EUNSUPPORTED when an input (NULLs skipped)
 * is of another type. */
nt_status nt_eval_wants_f32(const nt_tensor *const *in, int n, nt_err *e) NT_MUST_CHECK;

#endif
