/* SPDX-License-Identifier: MIT */
/*
 * view.h - what operators share whose output has input 0's elements in the same order: Reshape,
 * Flatten, Squeeze, Unsqueeze, Identity. They have no other gradient and no other lowering.
 */
#ifndef NT_OP_VIEW_H
#define NT_OP_VIEW_H

#include "facet/op.h"

/* The facets. */
nt_status nt_view_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                       nt_err *e) NT_MUST_CHECK;
nt_status nt_view_grad(const nt_node *n, const nt_tensor *const *in,
                       const nt_tensor *const *out, const nt_tensor *const *dout,
                       nt_tensor *const *din, nt_err *e) NT_MUST_CHECK;
/* Other dims for the same memory. */
nt_status nt_view_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_view_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
/* Ties runs of axes with equal products: [n][c][h][w] as [n][chw] gives (1, 3 axes) with
 * (1, 1 axis). */
nt_status nt_view_couple(nt_coupling *c, const nt_node *n, nt_err *e) NT_MUST_CHECK;

/* The same tensor in the same format (Identity, Dropout at inference). */
nt_status nt_same_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_same_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
