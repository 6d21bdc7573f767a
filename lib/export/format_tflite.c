/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/format.h"
#include "export/tfl_export.h"

static nt_status check(const nt_onnx_export *x, nt_err *e)
{
    if (x->dynamic)
        return nt_fail(e, NT_EINVAL, "a .tflite file has no --dynamic");
    if (x->io == NT_IO_F16)
        return nt_fail(e, NT_EINVAL, "a .tflite file has inputs and outputs of float32");
    if (x->int4)
        return nt_fail(e, NT_EINVAL, "--int4 is for onnx");
    return NT_OK;
}

/* NAME.tflite, or NAMEHxW.tflite for a resolution that was asked for. */
static char *file_name(const char *stem, const nt_graph *g, const nt_onnx_export *x)
{
    (void)g;
    return x->h ? nt_strfmt("%s%lldx%lld.tflite", stem, (long long)x->h, (long long)x->w)
                : nt_strfmt("%s.tflite", stem);
}

static nt_status save(const char *path, const nt_graph *g, const nt_onnx_export *x, nt_err *e)
{
    return nt_tfl_save(
        path, g, &(nt_tfl_opts){.h = x->h, .w = x->w, .fp16 = x->fp16, .nchw = x->nchw}, e);
}

static const char *says(const nt_onnx_export *x)
{
    return x->nchw ? "one sample at a time, NCHW" : "one sample at a time, NHWC";
}

const nt_export_format nt_format_tflite = {
    .name = "tflite", .check = check, .file_name = file_name, .save = save, .says = says};
