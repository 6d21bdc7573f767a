/* SPDX-License-Identifier: MIT */
/*
 * jit.h - a model as an archive of TorchScript: a zip file that PyTorch loads, in Python and in
 * C++, to run or to train. Batch and size that are open stay so.
 *
 * It holds, in one folder, `version` (the lowest that the operators want: 3, 4 where there is a
 * division, 10 with Gelu), data.pkl (the modules' attributes), constants.pkl (none),
 * code/__torch__.py and data/N, the bytes of each constant.
 */
#ifndef NT_EXPORT_JIT_H
#define NT_EXPORT_JIT_H

#include "export/onnx_export.h"

/* The graph that nt_onnx_export_graph makes of it. NT_EUNSUPPORTED names the node that has no
 * form in TorchScript. */
nt_status nt_jit_save(const char *path, const nt_graph *g, const nt_onnx_export *o,
                      nt_err *e) NT_MUST_CHECK;

#endif
