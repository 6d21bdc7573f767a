/* SPDX-License-Identifier: MIT */
/* model.h - how a tool takes its model: loaded, and what is to be said of it said. */
#ifndef NT_CLI_MODEL_H
#define NT_CLI_MODEL_H

#include "cli/cli.h"
#include "graph/model.h"

typedef enum nt_cli_load {
    NT_CLI_TO_KEEP,   /* nt_model_load */
    NT_CLI_TO_RUN,    /* nt_dlrt_model_load */
    NT_CLI_TO_CHANGE, /* nt_model_load_f32; a note where float16 and bfloat16 become float32 */
    NT_CLI_TO_LOOK    /* nt_model_look */
} nt_cli_load;

/* path: of an archive or an .onnx, "-" for standard input. Warns of the model's remarks. */
nt_status nt_cli_model(nt_model **out, const nt_cli *c, const char *path, nt_cli_load how,
                       nt_err *e) NT_MUST_CHECK;

#endif
