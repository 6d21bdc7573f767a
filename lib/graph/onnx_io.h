/* SPDX-License-Identifier: MIT */
/* onnx_io.h - ONNX in and out (onnx.proto IR version 1 to 13, opset 1 to 26). */
#ifndef NT_GRAPH_ONNX_IO_H
#define NT_GRAPH_ONNX_IO_H

#include "graph/graph.h"

/* Where a model's external data is: in files of a folder (which it must stay inside), or in
 * bytes in memory, an archive's weights.bin. */
typedef struct nt_onnx_outside {
    const char *dir; /* NULL: none */
    const void *ext; /* NULL: none */
    size_t ext_n;
} nt_onnx_outside;

/*
 * Reads a ModelProto. Where `outside` is NULL, external data is NT_EUNSUPPORTED. Initialisers
 * that are also graph inputs (IR < 4) become constants. Constant nodes become constants. Local
 * functions are inlined. Newer opsets and IR versions are refused by number; before IR version
 * 3 the opset is 1. Type and shape value_info is kept. Every length is checked; subgraphs are
 * carried as raw attributes. The graph is sorted but not yet bound or inferred. It is of IR
 * version 4 at least, since initialisers are no inputs in it.
 */
nt_status nt_onnx_read(nt_graph **out, const void *bytes, size_t n,
                       const nt_onnx_outside *outside, nt_err *e) NT_MUST_CHECK;
/* The same, but bytes (of nt_alloc) are of no use afterwards: each weight's go as it is read,
 * so that a large model is not there twice (nt_discard). */
nt_status nt_onnx_consume(nt_graph **out, void *bytes, size_t n, const nt_onnx_outside *outside,
                          nt_err *e) NT_MUST_CHECK;
/* The same of a regular file of n bytes, of which no more is held than the graph needs: each
 * weight is read to where it stays. */
nt_status nt_onnx_read_file(nt_graph **out, int fd, size_t n, const char *dir,
                            nt_err *e) NT_MUST_CHECK;

/* A written model, of nt_alloc. */
typedef struct nt_onnx_written {
    void *model; /* a ModelProto */
    size_t model_n;
    void *ext; /* NULL, or tensors outside of it, at the location "weights.bin" */
    size_t ext_n;
} nt_onnx_written;

/*
 * Writes a graph, deterministic: initialisers in order of first use as raw_data. With inferred
 * types as value_info. When the model would pass 2 GiB, tensors of 1 KiB and more go to
 * out->ext (64-byte aligned).
 */
nt_status nt_onnx_write(nt_onnx_written *out, const nt_graph *g, nt_err *e) NT_MUST_CHECK;

/* The same with another bound than 2 GiB on what stays in one piece. */
nt_status nt_onnx_write_split(nt_onnx_written *out, const nt_graph *g, size_t limit,
                              nt_err *e) NT_MUST_CHECK;

/* A TensorProto file (.pb), as the ONNX backend tests use; strings are not supported. */
nt_status nt_onnx_tensor_read(nt_tensor **out, char **name, const void *bytes, size_t n,
                              nt_err *e) NT_MUST_CHECK;

#endif
