/* SPDX-License-Identifier: MIT */
/*
 * onnx_watch.h - can what comes still become an ONNX file?
 *
 * A file on a pipe or a device has no size, and may have no end. protobuf says of each field
 * how long it is, and where the next one begins: a stream whose fields are none of a
 * ModelProto, or are in a wire type that they do not have, is refused as soon as that is seen.
 */
#ifndef NT_GRAPH_ONNX_WATCH_H
#define NT_GRAPH_ONNX_WATCH_H

#include "base/err.h"

#include <stddef.h>

/* Zeros to begin with; the same for each look at one stream. */
typedef struct nt_onnx_watch {
    size_t at;        /* of the next field */
    size_t graph_end; /* of the graph message that it is in */
} nt_onnx_watch;

/* The first n bytes; watch is an nt_onnx_watch, the function one of nt_file_watch. NT_EFORMAT
 * for what cannot be a model, and past protobuf's 2 GiB. */
nt_status nt_onnx_look(void *watch, const char *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
/* The same of a TensorProto (.pb). */
nt_status nt_onnx_tensor_look(void *watch, const char *bytes, size_t n,
                              nt_err *e) NT_MUST_CHECK;

#endif
