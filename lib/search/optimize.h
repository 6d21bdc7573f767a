/* SPDX-License-Identifier: MIT */
/*
 * optimize.h - a whole job: asks the search what to try, has make make it, reads what came of
 * it.
 *
 * All that is pruned, trained and measured is done by tools under make in the job folder; here
 * are only the order of things, the log and the two files state.json and metrics.json. A job
 * that was stopped goes on when it is run again in the same folder.
 */
#ifndef NT_SEARCH_OPTIMIZE_H
#define NT_SEARCH_OPTIMIZE_H

#include "search/job.h"

#include <signal.h>

typedef struct nt_optimize_opts {
    const char *dir;   /* the job folder; NULL: NEUTRINO_HOME/jobs/ID */
    const char *bin;   /* folder of the tools, in front of PATH; NULL: as PATH has them */
    const char *cache; /* folder of what other jobs have made; NULL: none */
    int64_t threads;   /* to share among the candidates made side by side */
    bool accept;       /* a job goes on though what it was made with changed; see trust.h */
    volatile sig_atomic_t *group; /* see runner.h */
    /* Each line of the log, as it is written; may be NULL. */
    void (*say)(void *ctx, const char *line);
    void *ctx;
} nt_optimize_opts;

typedef struct nt_optimize_result {
    char *dir;
    char *report;   /* text: the comparison of reference and result */
    cJSON *metrics; /* metrics.json */
} nt_optimize_result;

void nt_optimize_result_release(nt_optimize_result *r);
/* Of a job that nt_job_check_inputs has looked at. NT_EMISSED where nothing smaller than the
 * reference keeps the promise; *r is filled in then, too, with the reference as the result. */
nt_status nt_optimize(nt_optimize_result *r, const nt_job *job, const nt_optimize_opts *o,
                      nt_err *e) NT_MUST_CHECK;

#endif
