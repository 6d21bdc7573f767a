/* SPDX-License-Identifier: MIT */
/* inputs.h - what a job rests on: its keys, the model, the data, the tools; as digests. */
#ifndef NT_SEARCH_INPUTS_H
#define NT_SEARCH_INPUTS_H

#include "base/str.h"
#include "search/job.h"

/*
 * *out: {"job", "model", "description", "data", "tools": {NAME: ...}}, digests all of them:
 * of the keys but those below and those that change no result, of the model's file, of the
 * data's description, of `contents` (the data's, see data/contents.h), and of each tool's
 * program; of a tool that the job replaces the command as it is written. `bin` as make has it
 * in front of PATH; NULL: nothing is.
 */
nt_status nt_inputs_find(cJSON **out, nt_str *contents, const nt_job *job, const char *bin,
                         nt_err *e) NT_MUST_CHECK;

#endif
