/* SPDX-License-Identifier: MIT */
/* contrib.h - the operators of ONNX Runtime's own as ONNX's; each takes the node n's place. */
#ifndef NT_GRAPH_CONTRIB_H
#define NT_GRAPH_CONTRIB_H

#include "graph/rewrite.h"

typedef nt_status nt_contrib_fn(nt_graph *g, nt_node *n, nt_err *e) NT_MUST_CHECK;

/* pass_contrib.c: act(X * W + B + Z), act(Gemm), alpha A^T B^T, and products of integers that
 * are brought back to floats, of activations that are quantized as they come. */
nt_contrib_fn nt_contrib_conv, nt_contrib_gemm, nt_contrib_matmul, nt_contrib_dynamic,
    nt_contrib_integer;
/* contrib_act.c: Gelu and BiasGelu, FastGelu, QuickGelu. */
nt_contrib_fn nt_contrib_gelu, nt_contrib_fast_gelu, nt_contrib_quick_gelu;
/* contrib_norm.c: normalisations that older opsets lack, and those of a sum; rms: without mean
 * and shift. */
nt_contrib_fn nt_contrib_norm, nt_contrib_rms, nt_contrib_skip_norm, nt_contrib_skip_rms;

#endif
