/* SPDX-License-Identifier: MIT */
#include "cli/model.h"

#include "export/dlrt_read.h"
#include "op/registry.h"

nt_status nt_cli_model(nt_model **out, const nt_cli *c, const char *path, nt_cli_load how,
                       nt_err *e)
{
    const nt_graph_ops *ops = nt_ops_table();
    bool widened = false;
    nt_status s = how == NT_CLI_TO_CHANGE ? nt_model_load_f32(out, path, ops, &widened, e)
                  : how == NT_CLI_TO_RUN  ? nt_dlrt_model_load(out, path, ops, e)
                  : how == NT_CLI_TO_LOOK ? nt_model_look(out, path, ops, e)
                                          : nt_model_load(out, path, ops, e);

    if (s != NT_OK)
        return s;
    nt_cli_warn_lines(c, path, nt_model_remarks(*out));
    if (widened)
        nt_cli_note(c, "the model's float16 and bfloat16 become float32");
    return NT_OK;
}
