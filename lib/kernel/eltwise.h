/* SPDX-License-Identifier: MIT */
/* eltwise.h - elementwise kernels that keep whatever format their operands have. */
#ifndef NT_KERNEL_ELTWISE_H
#define NT_KERNEL_ELTWISE_H

#include "kernel/prim.h"

/* y = post(x) with any nt_post_kind but SUM. args: x, y (may be x). fp32 and bf16; the padding
 * of blocked formats stays zero. */
nt_status nt_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                         nt_err *e) NT_MUST_CHECK;
/* Is a prim of its own, in place, faster than p as a post-operation on tensors of type t, or p
 * no post-operation because this device is careful? */
bool nt_eltwise_apart(const nt_device *dev, const nt_post *p, nt_dtype t);
/* dx = dy post'(x). args: x, dy, dx (may be dy). */
nt_status nt_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                             nt_err *e) NT_MUST_CHECK;

typedef enum nt_binary_kind {
    NT_BIN_ADD,
    NT_BIN_SUB,
    NT_BIN_MUL,
    NT_BIN_DIV,
    NT_BIN_MIN, /* a NaN wins */
    NT_BIN_MAX,
    NT_BIN_PRELU /* a > 0 ? a : a b */
} nt_binary_kind;

/* y = a op b; each extent of a and b equals y's or is 1 (ranks are equal, formats too unless an
 * operand has one spatial point or one element). y.fmt is the format of the full-size operand.
 */
typedef struct nt_binary_desc {
    nt_binary_kind kind;
    nt_desc a, b, y;
} nt_binary_desc;

/* args: a, b, y (may be a or b where that has y's full size). */
nt_status nt_binary_new(nt_prim **out, nt_device *dev, const nt_binary_desc *d,
                        nt_err *e) NT_MUST_CHECK;

/* y = sum of n tensors of one description. args: x0 .. x(n-1), y (may be x0). n <= 8 */
nt_status nt_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x,
                     nt_err *e) NT_MUST_CHECK;

/* Copies between formats and types (round to nearest even). args: x, y */
nt_status nt_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                         nt_err *e) NT_MUST_CHECK;

/* Along axis; all in one format and type (blocked formats along channels need multiples of the
 * block, else NT_EUNSUPPORTED). args: x0 .. x(n-1), y. n <= 64 */
nt_status nt_concat_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis,
                        nt_err *e) NT_MUST_CHECK;

/* Sums over all but the dims where b's extent is full: the gradient of broadcasting.
 * a -> b, PLAIN fp32, equal ranks, b's extents are a's or 1. args: a, b */
nt_status nt_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b,
                           nt_err *e) NT_MUST_CHECK;

#endif
