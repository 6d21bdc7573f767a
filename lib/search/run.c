/* SPDX-License-Identifier: MIT */
#include "search/run.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/outfile.h"
#include "search/pipeline.h"
#include "search/state.h"

#include <stdio.h>
#include <string.h>

double nt_run_now(void)
{
    return 1e-3 * nt_clock_ms();
}

double nt_run_elapsed(const nt_run *r)
{
    return r->before_s + nt_run_now() - r->start_s;
}

char *nt_run_path(const nt_run *r, const char *name)
{
    return nt_path_join(r->dir, name);
}

const char *nt_run_file(char name[NT_RUN_NAME], const nt_run *r, int i, const char *ending)
{
    snprintf(name, NT_RUN_NAME, "candidates/%s%s", r->search.v[i].id, ending);
    return name;
}

nt_status nt_run_save_json(const nt_run *r, const char *name, const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_run_path(r, name), *text = nt_json_text(j);

    if (!path || !text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_outfile_save(path, text, strlen(text), e));
done:
    nt_free(path);
    nt_free(text);
    return s;
}

nt_status nt_run_save_state(const nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = cJSON_CreateObject(), *list = nt_search_json(&r->search);

    if (!j || !list || !nt_json_add_i64(j, "version", NT_STATE_VERSION) ||
        !nt_json_add_str(j, "job", r->id) ||
        !nt_json_add_double(j, "elapsed_s", nt_run_elapsed(r)) ||
        !nt_json_add_bool(j, "finished", r->best != NULL) ||
        (r->best && !nt_json_add_str(j, "best", *r->best ? r->best : "reference")) ||
        !cJSON_AddItemToObject(j, "candidates", list)) {
        nt_json_free(list);
        NT_TRY(nt_fail_nomem(e));
    }
    NT_TRY(nt_trust_save(r->trust, e));
    NT_TRY(nt_run_save_json(r, "state.json", j, e));
done:
    nt_json_free(j);
    return s;
}

/* ---- making things */

int64_t nt_run_threads(const nt_run *r, int64_t n)
{
    int64_t each = r->o->threads / (n < r->job->jobs ? n : r->job->jobs);

    return each > 0 ? each : 1;
}

nt_status nt_run_write_makefile(const nt_run *r, nt_err *e)
{
    nt_pipeline_opts p = {
        .job = r->job, .bin = r->o->bin, .threads = r->o->threads, .best = r->best};

    return nt_pipeline_write(r->dir, &r->search, &p, e);
}

nt_status nt_run_make(nt_run *r, const char *const *targets, size_t n, nt_err *e)
{
    off_t mark = nt_joblog_mark(&r->log);
    nt_status s = nt_runner_make(&r->runner, targets, n, e);
    char why[200];

    if (s != NT_OK) {
        nt_joblog_why(&r->log, mark, why, sizeof why);
        if (*why)
            nt_fail(e, s, "%s (see %s/job.log)", why, r->dir);
        else
            nt_err_prefix(e, "%s/job.log", r->dir);
    }
    return s;
}
