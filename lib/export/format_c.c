/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/c_export.h"
#include "export/format.h"
#include "export/verify_c.h"

static nt_status check(const nt_onnx_export *x, nt_err *e)
{
    if (x->fp16 || x->dynamic)
        return nt_fail(e, NT_EINVAL, "C has neither --precision fp16 nor --dynamic");
    if (x->int4)
        return nt_fail(e, NT_EINVAL, "--int4 is for onnx");
    return NT_OK;
}

/* NAME.c, or NAMEHxW.c for a resolution that was asked for. */
static char *file_name(const char *stem, const nt_graph *g, const nt_onnx_export *x)
{
    (void)g;
    return x->h ? nt_strfmt("%s%lldx%lld.c", stem, (long long)x->h, (long long)x->w)
                : nt_strfmt("%s.c", stem);
}

static nt_status save(const char *path, const nt_graph *g, const nt_onnx_export *x, nt_err *e)
{
    return nt_c_save(path, g, x->h, x->w, e);
}

static nt_status report(char **out, const nt_graph *g, const nt_onnx_export *x, nt_err *e)
{
    return nt_c_report(out, g, x->h, x->w, e);
}

static const char *says(const nt_onnx_export *x)
{
    (void)x;
    return "one sample at a time";
}

const nt_export_format nt_format_c = {.name = "c",
                                      .check = check,
                                      .file_name = file_name,
                                      .save = save,
                                      .verify = nt_verify_c,
                                      .report = report,
                                      .says = says};
