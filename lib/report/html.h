/* SPDX-License-Identifier: MIT */
/*
 * html.h - a job of nt-optimize as one page that needs nothing else: no scripts, no fonts, no
 * files beside it, nothing from a network. Pictures are inline SVG.
 *
 * The page has the result against what was promised, the trade-off of all candidates, the
 * layers before and after, the steps of the search, and the commands that made the result. It
 * holds nothing that the job's folder does not say: the same folder gives the same page.
 */
#ifndef NT_REPORT_HTML_H
#define NT_REPORT_HTML_H

#include "base/json.h"
#include "base/str.h"

typedef struct nt_html_job {
    const cJSON *metrics;   /* metrics.json of the job's folder */
    const cJSON *settings;  /* its job.json */
    const char *history;    /* nt_info_history of its opt_model.nt */
    const cJSON *reference; /* its ref_model.json, for the times of layers; may be NULL */
    const cJSON *result;    /* likewise that of the best candidate; may be NULL */
    const char *log;        /* its job.log, for the commands; may be NULL */
} nt_html_job;

/* Where reference or result is missing, layers have no times, and without a log there are no
 * commands. NT_EFORMAT where metrics are none of a finished job. */
nt_status nt_html_write(nt_str *out, const nt_html_job *j, nt_err *e) NT_MUST_CHECK;
/* The same as Markdown: tables in place of pictures. */
nt_status nt_html_write_markdown(nt_str *out, const nt_html_job *j, nt_err *e) NT_MUST_CHECK;

#endif
