/* SPDX-License-Identifier: MIT */
/* info.h - what a model is and where it comes from, without running it. */
#ifndef NT_REPORT_INFO_H
#define NT_REPORT_INFO_H

#include "base/json.h"
#include "base/str.h"
#include "graph/model.h"

/* {"digest", "file_size_bytes", "task", "opset", "ir_version", "inputs", "outputs", "layers",
 * "members", "history"}. NULL when memory ran out. */
cJSON *nt_info_json(nt_model *m);
/* The same as text; layers adds the table of layers. */
nt_status nt_info_text(nt_str *out, nt_model *m, bool layers, nt_err *e) NT_MUST_CHECK;
/* One shell-like line per history record: how to rebuild the model. */
nt_status nt_info_history(nt_str *out, nt_model *m, nt_err *e) NT_MUST_CHECK;

#endif
