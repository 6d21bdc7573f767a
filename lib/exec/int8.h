/* SPDX-License-Identifier: MIT */
/* int8.h - a quantized graph is computed on its codes. */
#ifndef NT_EXEC_INT8_H
#define NT_EXEC_INT8_H

#include "graph/graph.h"
#include "kernel/prim.h"

/*
 * For inference, in the plan's own copy of the graph, all shapes known. A file says what a
 * quantized layer computes in floats, between DequantizeLinear and QuantizeLinear; here
 *
 *     [QuantizeLinear] ( [Relu|Clip] ( [f] ( [Add] ( Conv|Gemm|MatMul (x, w, [b]), [r] ) ) ) )
 *
 * with codes x and w (and r) dequantized, and f a function that the device has as a
 * post-operation (HardSwish, Sigmoid, ...), becomes one CodedConv or CodedDense (op/coded.h),
 * whose sums are exact: its result is that of the floats to rounding, which is a step of the
 * output's scale at most. The same with QLinearConv and QLinearMatMul, and
 * with ConvInteger and MatMulInteger where int8_integer.h has a way. A sum of two dequantized
 * tensors becomes a CodedAdd; what only moves or picks elements (MaxPool, Reshape, Concat of
 * one scale, ...) does so with codes, and dequantizing what is quantized again in the same
 * scale goes. What stands between and somebody else uses, or `keep` names, stays; and all else
 * stays as it is: codes are dequantized, and computed in floats.
 *
 * Codes are 8-bit, activations have one scale, weights one or one for each output channel; w,
 * b, scales and zero points are constants. Nothing is done on a device without
 * nt_device_has_int8.
 */
nt_status nt_int8(nt_graph *g, nt_device *dev, const char *const *keep,
                  nt_err *e) NT_MUST_CHECK;

#endif
