/* SPDX-License-Identifier: MIT */
/* int8_integer.h - products of integers that become floats at once, as layers of dequantized
 * codes. */
#ifndef NT_EXEC_INT8_INTEGER_H
#define NT_EXEC_INT8_INTEGER_H

#include "graph/graph.h"

/*
 * ONNX Runtime's dynamic quantization finds an activation's scale and zero point z as the
 * network runs, and writes Cast(MatMulInteger(x, w, z, v)), v of the weight, as it does with
 * ConvInteger. As
 *
 *     sum (x - z) (w - v) = sum x (w - v) - z sum (w - v)
 *
 * that is MatMul(DequantizeLinear(x), DequantizeLinear(w, v)), with scales of 1, less a row
 * times z: the first of these int8.h computes on codes. Padded convolutions stay, unless x has
 * no zero point: what padding counts as is not known before.
 */
nt_status nt_int8_integer(nt_graph *g, const char *const *keep, nt_err *e) NT_MUST_CHECK;

#endif
