/* SPDX-License-Identifier: MIT */
/* run.h - a job that is being run: what is shared by those who run it. */
#ifndef NT_SEARCH_RUN_H
#define NT_SEARCH_RUN_H

#include "search/cache.h"
#include "search/job_id.h"
#include "search/joblog.h"
#include "search/optimize.h"
#include "search/runner.h"
#include "search/search.h"
#include "search/trust.h"

#define NT_STATE_VERSION 2 /* of state.json */

typedef struct nt_run {
    const nt_job *job;
    const nt_optimize_opts *o;
    char *dir;
    char id[NT_JOB_ID_BYTES];
    nt_joblog log;
    nt_runner runner;
    nt_trust *trust;
    nt_cache *cache; /* NULL: none */
    nt_search search;
    double target;
    bool more_is_better;
    double start_s, before_s;       /* clock at the start; what earlier runs took */
    const char *best;               /* NULL: not yet known, "": the reference */
    bool new_dir;                   /* the folder was not there before */
    double final_drop, search_drop; /* the best's, by the judge and by the search */
} nt_run;

/* The clock, in seconds. */
double nt_run_now(void);
/* What the job has taken so far, earlier runs included. */
double nt_run_elapsed(const nt_run *r);
/* A file's path in the job's folder; nt_free. NULL when memory ran out. */
char *nt_run_path(const nt_run *r, const char *name);
/* "candidates/ID" of candidate i, and this ending; returns name. */
enum { NT_RUN_NAME = 80 };
const char *nt_run_file(char name[NT_RUN_NAME], const nt_run *r, int i, const char *ending);
nt_status nt_run_save_json(const nt_run *r, const char *name, const cJSON *j,
                           nt_err *e) NT_MUST_CHECK;
/* state.json, and the digests of what was made. */
nt_status nt_run_save_state(const nt_run *r, nt_err *e) NT_MUST_CHECK;
/* Of each tool, when n candidates that are made side by side share the threads. */
int64_t nt_run_threads(const nt_run *r, int64_t n);
/* The Makefile, for the candidates so far. */
nt_status nt_run_write_makefile(const nt_run *r, nt_err *e) NT_MUST_CHECK;
/* Has make make n targets; why it did not stands in the message. */
nt_status nt_run_make(nt_run *r, const char *const *targets, size_t n, nt_err *e) NT_MUST_CHECK;

#endif
