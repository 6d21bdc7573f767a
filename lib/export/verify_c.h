/* SPDX-License-Identifier: MIT */
/* verify_c.h - does a network that was written as C compute what the model computes? */
#ifndef NT_EXPORT_VERIFY_C_H
#define NT_EXPORT_VERIFY_C_H

#include "export/onnx_export.h"

/*
 * As nt_verify_onnx, of NAME.c and the NAME.h beside it: they are compiled around a small main
 * function by what the environment's CC names (a command and its options; cc without it), in a
 * temporary folder, and run on one sample of seeded numbers. NT_EIO where there is no such
 * compiler or it has no success, NT_EMISSED where an output differs by more than 1e-5.
 */
nt_status nt_verify_c(const char *path, const nt_graph *g, const nt_graph_ops *ops,
                      const nt_onnx_export *x, nt_err *e) NT_MUST_CHECK;

#endif
