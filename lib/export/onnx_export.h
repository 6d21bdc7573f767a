/* SPDX-License-Identifier: MIT */
/* onnx_export.h - plain ONNX files for others: open or fixed shapes, fp32 or fp16. */
#ifndef NT_EXPORT_ONNX_EXPORT_H
#define NT_EXPORT_ONNX_EXPORT_H

#include "graph/graph.h"

/* Inputs and outputs of a float16 file: as the model has them, or so. */
typedef enum nt_export_io { NT_IO_KEEP, NT_IO_F32, NT_IO_F16 } nt_export_io;

typedef struct nt_onnx_export {
    bool fp16; /* constants and computation in float16; inputs and outputs as io says */
    nt_export_io io;
    bool int4;    /* weights of at most 4 bits in ONNX's types for those (int4.h) */
    bool dynamic; /* batch, and height and width, open where the network takes any */
    bool fixed;   /* batch 1, and nothing open */
    int64_t h, w; /* fixed, at this resolution; 0: at the model's own */
    bool nchw;    /* pictures keep their order in formats that have channels last */
} nt_onnx_export;

/* A changed copy of g, all of it in float32 (a model in float16 or bfloat16 too) or float16.
 * What is open in g stays open, under its name, unless it is to be fixed. NT_EINVAL where the
 * network cannot take h x w, or an open size is to be fixed and not given.
 */
nt_status nt_onnx_export_graph(nt_graph **out, const nt_graph *g, const nt_onnx_export *o,
                               nt_err *e) NT_MUST_CHECK;
/* The same, written to a file ("-": standard output). Past 2 GiB NT_EUNSUPPORTED. */
nt_status nt_onnx_export_save(const char *path, const nt_graph *g, const nt_onnx_export *o,
                              nt_err *e) NT_MUST_CHECK;
/* The name in the job folder: "STEMfp32_dynamic_shape.onnx", "STEM32x32fp32.onnx". nt_free;
 * NULL when memory ran out. */
char *nt_onnx_export_name(const char *stem, const nt_graph *g, const nt_onnx_export *o);

#endif
