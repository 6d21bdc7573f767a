/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "export/format.h"
#include "export/jit.h"
#include "graph/pass.h"

static nt_status check(const nt_onnx_export *x, nt_err *e)
{
    return x->int4 ? nt_fail(e, NT_EINVAL, "--int4 is for onnx") : NT_OK;
}

/* NAME_jit.pt; of one size NAMEHxW_jit.pt, or NAME_fixed_jit.pt where it is no picture's. */
static char *file_name(const char *stem, const nt_graph *g, const nt_onnx_export *x)
{
    int64_t h = x->h, w = x->w;

    for (int i = 0; i < g->n_inputs && !h; i++) {
        if (nt_value_is_picture(g->inputs[i])) {
            h = g->inputs[i]->dims[2].value;
            w = g->inputs[i]->dims[3].value;
        }
    }
    if (x->dynamic)
        return nt_strfmt("%s_jit.pt", stem);
    return h > 0 ? nt_strfmt("%s%lldx%lld_jit.pt", stem, (long long)h, (long long)w)
                 : nt_strfmt("%s_fixed_jit.pt", stem);
}

static const char *says(const nt_onnx_export *x)
{
    return x->fp16 ? "half precision: a GPU, or PyTorch 2.1 or later"
                   : "for PyTorch 1.13 or later";
}

const nt_export_format nt_format_jit = {.name = "jit",
                                        .open = true,
                                        .check = check,
                                        .file_name = file_name,
                                        .save = nt_jit_save,
                                        .says = says};
