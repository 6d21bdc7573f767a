/* SPDX-License-Identifier: MIT */
/*
 * coded.h - layers on 8-bit codes, as the planner (exec/int8.h) writes them in the place of
 * DequantizeLinear, a layer and QuantizeLinear. No file has them: they are not in the registry.
 *
 *   CodedConv, CodedDense   codes.h: x, w, scale, bias [, r]
 *       x      u8 or s8
 *       w      s8, constant: [k][c/g][taps...], or of a dense layer [k][n], [n][k] with transB
 *       scale, bias   float32, constant: one for each output channel
 *       r      codes to add, of the output's shape
 *       attributes: Conv's; x_zero; sum_scale, of r; lo, hi: a clip of the codes;
 *           function, f_alpha, f_beta: a nt_post of the sum, and what makes codes of
 *           that: y_scale, y_zero
 *       output: u8, s8 or float32; the latter takes in what follows (nt_fusion)
 *
 *   CodedAdd                codes.h, nt_codes_add: a, b
 *       attributes: a_scale, a_zero, b_scale, b_zero, y_scale, y_zero; lo, hi
 */
#ifndef NT_OP_CODED_H
#define NT_OP_CODED_H

#include "facet/op.h"

/* [0]: codes come out, [1]: float32 */
extern const nt_op nt_op_coded_conv[2], nt_op_coded_dense[2];
extern const nt_op nt_op_coded_add;

/* Does the device compute this CodedConv or CodedDense? All shapes are known. */
bool nt_coded_fits(nt_device *dev, const nt_node *n);

#endif
