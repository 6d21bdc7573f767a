/* SPDX-License-Identifier: MIT */
/*
 * unary.h - what operators of one tensor, element by element, share.
 *
 * An operator gives y = f(x) and its slope dy/dx with up to two numbers a and b from its
 * attributes; those that the kernel library has also say what they are as a post-operation
 * (nt_op.as_post) and are lowered through that.
 */
#ifndef NT_OP_UNARY_H
#define NT_OP_UNARY_H

#include "op/op.h"

typedef double (*nt_unary_fn)(double x, double a, double b);
typedef double (*nt_unary_slope)(double x, double y, double a, double b);

/* y[i] = f(x[i]), any type; integers pass through double: exact up to 2^53. */
void nt_unary_map(nt_tensor *y, const nt_tensor *x, nt_unary_fn f, double a, double b);
/* dx[i] = dy[i] slope(x[i], y[i]); nothing when dx is NULL, zeros when dy is. dx, dy fp32. */
void nt_unary_pull(nt_tensor *dx, const nt_tensor *x, const nt_tensor *y, const nt_tensor *dy,
                   nt_unary_slope slope, double a, double b);

/* Facets for operators with as_post: the kernel where as_post says yes and the type is a
 * floating-point one, else the plain form. Layout and type stay as they lie. */
nt_status nt_unary_lower(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_unary_lower_grad(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
