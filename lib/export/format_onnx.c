/* SPDX-License-Identifier: MIT */
#include "export/format.h"
#include "export/verify.h"

static const char *says(const nt_onnx_export *x)
{
    if (x->dynamic)
        return "open batch";
    return x->fixed || x->h > 0 ? "the batch is fixed at 1"
                                : "what is open in the model is open (--fixed fixes it)";
}

const nt_export_format nt_format_onnx = {.name = "onnx",
                                         .open = true,
                                         .file_name = nt_onnx_export_name,
                                         .save = nt_onnx_export_save,
                                         .verify = nt_verify_onnx,
                                         .says = says};
