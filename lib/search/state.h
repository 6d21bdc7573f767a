/* SPDX-License-Identifier: MIT */
/*
 * state.h - what a search knows, as files: state.json, and the measurements the tools printed.
 *
 * state.json: {"version": 2, "job": ID, "elapsed_s", "finished", "best", "candidates": [{id,
 * parent, phase, stages: [{stage, arguments}], threads, measured, seconds, params, macs, ...,
 * within_delta}]}; for readers also "move", the first stage, with that one's arguments (size,
 * layer, keep).
 */
#ifndef NT_SEARCH_STATE_H
#define NT_SEARCH_STATE_H

#include "search/job.h"
#include "search/search.h"

/* {"profile", "plan", "eval"} as the pipeline makes it; seconds are left alone. m->layers are
 * the layers that the plan does not say must stay. */
nt_status nt_measure_load(nt_measure *m, const char *path, const nt_job *job,
                          nt_err *e) NT_MUST_CHECK;
/* The drop of nt-eval's report by the job's key, or its upper bound where the job wants it. */
nt_status nt_measure_drop(double *drop, const cJSON *eval, const nt_job *job,
                          nt_err *e) NT_MUST_CHECK;
/* {seconds, params, model_size_bytes, macs, execution_time_ms, time_share, eval_metric, drop}.
 * NULL when memory ran out. */
cJSON *nt_measure_json(const nt_measure *m);
/* The whole curve: an array, in the order of the search. NULL when memory ran out. */
cJSON *nt_search_json(const nt_search *s);
/* "candidates" of a state; none is measured yet, what they took is known. */
nt_status nt_search_restore(nt_search *s, const cJSON *candidates, nt_err *e) NT_MUST_CHECK;

#endif
