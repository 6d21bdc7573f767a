/* SPDX-License-Identifier: MIT */
/* pass_fuse_bn.h - batch normalisation folded into the convolution or dense layer before it. */
#ifndef NT_GRAPH_PASS_FUSE_BN_H
#define NT_GRAPH_PASS_FUSE_BN_H

#include "graph/graph.h"

/*
 * W' = W g / sqrt(var + eps) per output channel, b' = (b - mean) g / sqrt(var + eps) + beta,
 * where the BatchNormalization's parameters are constant, it follows a Conv, ConvTranspose (one
 * group) or Gemm with a constant weight, or one of 8-bit codes around 0 with a scale for each
 * output behind a DequantizeLinear (then the scales and signs change), and the value between
 * has no other use and is neither a graph output nor in `keep` (NULL terminated; NULL: none).
 * Weights that other nodes share are copied. The BatchNormalization's output value keeps its
 * name where it is a graph output or in `keep`. *n_fused may be NULL.
 */
nt_status nt_pass_fuse_bn(nt_graph *g, const char *const *keep, int *n_fused,
                          nt_err *e) NT_MUST_CHECK;

#endif
