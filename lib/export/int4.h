/* SPDX-License-Identifier: MIT */
/* int4.h - weights of at most 4 bits in ONNX's own types of 4 bits, which opset 21 brought. */
#ifndef NT_EXPORT_INT4_H
#define NT_EXPORT_INT4_H

#include "graph/graph.h"

/*
 * Constant codes of 8-bit types behind DequantizeLinear that fit 4 bits become int4 or uint4,
 * with their zero points; *n of them. The graph is raised to opset 21 and IR version 10 where
 * it is older. It must be bound; types are inferred anew.
 *
 * NT_EUNSUPPORTED below opset 13 and for operators that mean something else at opset 21
 * (GridSample, DFT, GroupNormalization); Reduce operators and Split are written as it wants.
 */
nt_status nt_int4_convert(nt_graph *g, int *n, nt_err *e) NT_MUST_CHECK;

#endif
