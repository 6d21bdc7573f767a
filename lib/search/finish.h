/* SPDX-License-Identifier: MIT */
/* finish.h - the end of a job, when the search has ended. */
#ifndef NT_SEARCH_FINISH_H
#define NT_SEARCH_FINISH_H

#include "search/run.h"

/* Chooses the smallest candidate that keeps the promise on eval_split, and has the results
 * made: files, metrics.json, the page, out->report and out->metrics. NT_EMISSED where there is
 * none; the reference is the result then. */
nt_status nt_run_finish(nt_optimize_result *out, nt_run *r, nt_err *e) NT_MUST_CHECK;

#endif
