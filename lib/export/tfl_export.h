/* SPDX-License-Identifier: MIT */
/*
 * tfl_export.h - a network as TensorFlow Lite's .tflite, for one sample at the graph's own
 * resolution or at h x w, in float32, and in int8 what a quantized network says so of
 * (tfl_code.h). Inputs and outputs are float32; pictures (values of four axes) go in and come
 * out with their channels last, NHWC. Batch normalisation is folded into the layer before it
 * where it can be, activations into their operators. The same graph gives the same bytes.
 *
 * NT_EUNSUPPORTED names the node that has no form in TFLite.
 */
#ifndef NT_EXPORT_TFL_EXPORT_H
#define NT_EXPORT_TFL_EXPORT_H

#include "graph/graph.h"

typedef struct nt_tfl_opts {
    int64_t h, w; /* 0: the graph's own */
    bool fp16;    /* weights stored in float16, which runtimes widen when they load it */
    bool nchw;    /* pictures go in and come out as ONNX has them */
} nt_tfl_opts;

/* The bytes of the file, nt_free. g must be bound. */
nt_status nt_tfl_bytes(uint8_t **out, size_t *n, const nt_graph *g, const nt_tfl_opts *o,
                       nt_err *e) NT_MUST_CHECK;
/* path "-": standard output. */
nt_status nt_tfl_save(const char *path, const nt_graph *g, const nt_tfl_opts *o,
                      nt_err *e) NT_MUST_CHECK;

#endif
