/* SPDX-License-Identifier: MIT */
/*
 * pipeline.h - the Makefile of a job folder.
 *
 * It sets what pipelines/compress.mk (copied beside it as pipeline.mk) leaves open: model,
 * data, options, tools, and for each candidate its parent and its stages.
 */
#ifndef NT_SEARCH_PIPELINE_H
#define NT_SEARCH_PIPELINE_H

#include "base/str.h"
#include "search/job.h"
#include "search/search.h"

typedef struct nt_pipeline_opts {
    const nt_job *job;
    const char *bin; /* folder that is put in front of PATH; NULL: none */
    int64_t threads; /* of each tool */
    const char
        *best; /* NULL while the search goes on, "" for the reference, else a candidate */
} nt_pipeline_opts;

/* Names the candidate after what makes it: its parent and its stages. */
nt_status nt_pipeline_name(nt_candidate *c, const nt_search *s, const nt_job *job,
                           nt_err *e) NT_MUST_CHECK;
/* All that makes candidate i of the reference, in words: its stages, its parent's and so on. */
void nt_pipeline_chain(nt_str *t, int i, const nt_search *s, const nt_job *job);
/* The folder's fixed files: job.json, data.json, pipeline.mk, the trainers' settings. Files
 * that already hold the same are left alone. */
nt_status nt_pipeline_prepare(const char *dir, const nt_job *job, nt_err *e) NT_MUST_CHECK;
/* What the result's ONNX file is of, as its name has it: "int8" where candidate `best` is
 * quantized and the export's precision is fp32, else that precision. */
const char *nt_pipeline_type(const nt_search *s, const nt_job *job, const char *best);
/* The Makefile for the candidates so far, and their plans. */
nt_status nt_pipeline_write(const char *dir, const nt_search *s, const nt_pipeline_opts *o,
                            nt_err *e) NT_MUST_CHECK;

#endif
