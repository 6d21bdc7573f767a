/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/dlrt.h"
#include "export/format.h"
#include "export/verify.h"

static nt_status check(const nt_onnx_export *x, nt_err *e)
{
    if (x->fp16 || x->dynamic)
        return nt_fail(e, NT_EINVAL, "a .dlrt file has neither --precision fp16 nor --dynamic");
    if (x->int4)
        return nt_fail(e, NT_EINVAL, "--int4 is for onnx: a .dlrt file is packed anyway");
    return NT_OK;
}

/* NAME.dlrt, or NAMEHxW.dlrt for a resolution that was asked for. */
static char *file_name(const char *stem, const nt_graph *g, const nt_onnx_export *x)
{
    (void)g;
    return x->h ? nt_strfmt("%s%lldx%lld.dlrt", stem, (long long)x->h, (long long)x->w)
                : nt_strfmt("%s.dlrt", stem);
}

static nt_status save(const char *path, const nt_graph *g, const nt_onnx_export *x, nt_err *e)
{
    return nt_dlrt_save(path, g, x->h, x->w, e);
}

static const char *says(const nt_onnx_export *x)
{
    (void)x;
    return "one sample at a time";
}

const nt_export_format nt_format_dlrt = {.name = "dlrt",
                                         .check = check,
                                         .file_name = file_name,
                                         .save = save,
                                         .verify = nt_verify_dlrt,
                                         .says = says};
