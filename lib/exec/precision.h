/* SPDX-License-Identifier: MIT */
/* precision.h - may a network be computed in bf16? */
#ifndef NT_EXEC_PRECISION_H
#define NT_EXEC_PRECISION_H

#include "graph/graph.h"
#include "kernel/prim.h"

/*
 * How far a network's outputs in bf16 are from those in fp32, on standard normal inputs at
 * batch 1: the largest relative error of a floating-point output, the root of its mean square
 * over that of the fp32 output. INFINITY where a number is not finite in only one of them.
 */
nt_status nt_bf16_error(double *out, const nt_graph *g, nt_device *dev,
                        nt_err *e) NT_MUST_CHECK;

/*
 * *compute becomes NT_BF16 if the device computes it natively, no layer is quantized, and
 * nt_bf16_error is at most `tolerance`; else it stays as it is. tolerance 0 asks for fp32, and
 * costs nothing.
 */
nt_status nt_choose_bf16(nt_dtype *compute, const nt_graph *g, nt_device *dev, double tolerance,
                         nt_err *e) NT_MUST_CHECK;

#endif
