/* SPDX-License-Identifier: MIT */
/* fp16.h - a graph that computes in float16, and takes and gives float32 or float16. */
#ifndef NT_EXPORT_FP16_H
#define NT_EXPORT_FP16_H

#include "graph/graph.h"

/* Which inputs and outputs are float16, by their order; NULL: none. */
typedef struct nt_fp16_ends {
    const bool *in, *out;
} nt_fp16_ends;

/*
 * Float32 constants become float16 (values past 65504 are NT_EUNSUPPORTED, by name), inputs that
 * stay float32 are cast after they come in and outputs before they leave. What ONNX wants in
 * float32 whatever the data is (scales of Resize, all of NonMaxSuppression, QuantizeLinear before
 * opset 19) stays so, between casts. The graph must be bound and hold no float16 yet; types are
 * inferred anew.
 */
nt_status nt_fp16_convert(nt_graph *g, const nt_fp16_ends *ends, nt_err *e) NT_MUST_CHECK;

#endif
