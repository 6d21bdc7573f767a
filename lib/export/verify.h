/* SPDX-License-Identifier: MIT */
/* verify.h - does a written file compute what the model computes? */
#ifndef NT_EXPORT_VERIFY_H
#define NT_EXPORT_VERIFY_H

#include "base/tensor.h"
#include "export/onnx_export.h"

/* |a - b| / |b| in L2; |a - b| where b is 0. Of one shape. */
double nt_verify_error(const nt_tensor *a, const nt_tensor *b);

/*
 * path: as it was given to the writer; a file that is held (outfile.h) is found. Reads the file
 * back with our own reader, runs it and g on the same seeded numbers, one sample at x's size
 * (of a dynamic one too: which an open size has to be given for), and compares: relative error
 * of each output (L2) at most 1e-5, 1e-2 for fp16; else NT_EMISSED with the figure.
 */
nt_status nt_verify_onnx(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                         const nt_onnx_export *x, nt_err *e) NT_MUST_CHECK;

/* The same of a .dlrt file, whose outputs may differ by 5e-2: rounding to codes. */
nt_status nt_verify_dlrt(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                         const nt_onnx_export *x, nt_err *e) NT_MUST_CHECK;

#endif
