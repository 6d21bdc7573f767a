/* SPDX-License-Identifier: MIT */
/*
 * html.h - a compression job as one page that needs nothing else: no scripts, no fonts, no
 * files beside it, nothing from a network. Pictures are inline SVG.
 *
 * The page has the result against what was promised, the trade-off of all candidates, the
 * layers before and after, the steps of the search, and the commands that rebuild the result.
 * It holds nothing that metrics.json, job.json and the result do not say: the same job gives
 * the same page.
 */
#ifndef NT_REPORT_HTML_H
#define NT_REPORT_HTML_H

#include "base/json.h"
#include "base/str.h"

typedef struct nt_html_job {
    const cJSON *metrics;  /* metrics.json of the job's folder */
    const cJSON *settings; /* its job.json */
    const char *history;   /* nt_info_history of its opt_model.nt */
} nt_html_job;

/* NT_EFORMAT where metrics are none of a finished job. */
nt_status nt_html_write(nt_str *out, const nt_html_job *j, nt_err *e) NT_MUST_CHECK;

#endif
