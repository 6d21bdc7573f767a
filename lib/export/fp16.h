/* SPDX-License-Identifier: MIT */
/* fp16.h - a graph that computes in float16 and still takes and gives float32. */
#ifndef NT_EXPORT_FP16_H
#define NT_EXPORT_FP16_H

#include "graph/graph.h"

/*
 * Float32 constants become float16 (values past 65504 are NT_EUNSUPPORTED, by name), inputs are
 * cast after they come in and outputs before they leave. Operands that ONNX wants in float32
 * whatever the data is (scales of Resize) stay as they are. The graph must be bound; types are
 * inferred anew.
 */
nt_status nt_fp16_convert(nt_graph *g, nt_err *e) NT_MUST_CHECK;

#endif
