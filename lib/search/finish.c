/* SPDX-License-Identifier: MIT */
/* The end of a job: the best candidate is judged, what it comes to is written down. */
#include "search/finish.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "search/pipeline.h"
#include "search/state.h"

#include <string.h>

#define MAX_REPORT ((size_t)1 << 20)

/* The drop on eval_split. */
static nt_status judge(nt_run *r, int i, double *drop, nt_err *e)
{
    nt_status s = NT_OK;
    char name[NT_RUN_NAME];
    const char *target[] = {name};
    char *path = NULL;
    cJSON *j = NULL;

    nt_run_file(name, r, i, ".judged.json");
    NT_TRY(nt_run_make(r, target, 1, e));
    if (!(path = nt_run_path(r, name)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_json_load(&j, path, e));
    NT_TRY(nt_measure_drop(drop, j, r->job, e));
    NT_TRY(nt_trust_record(r->trust, name, e));
    nt_joblog_info(&r->log, "%s on '%s': drop %.4g (%.4g on '%s', which the search saw)",
                   r->search.v[i].id, r->job->eval_split, *drop, r->search.v[i].m.drop,
                   r->job->search_split);
done:
    nt_json_free(j);
    nt_free(path);
    return s;
}

/* The smallest candidate that keeps the promise on eval_split. */
static nt_status choose(nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_search *q = &r->search;
    bool same = strcmp(r->job->search_split, r->job->eval_split) == 0;
    bool *skip = nt_calloc((size_t)q->n + 1, sizeof *skip);
    int i;

    if (!skip)
        return nt_fail_nomem(e);
    r->best = "";
    if (r->job->dryrun && q->n > 0)
        r->best = q->v[q->n - 1].id;
    while (!r->job->dryrun && (i = nt_search_best(q, skip)) >= 0) {
        r->final_drop = r->search_drop = q->v[i].m.drop;
        if (!same)
            NT_TRY(judge(r, i, &r->final_drop, e));
        if (r->job->target_ms > 0 || r->final_drop <= r->job->delta) {
            r->best = q->v[i].id;
            break;
        }
        skip[i] = true;
    }
done:
    nt_free(skip);
    return s;
}

static nt_status make_metrics(cJSON **out, const nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_run_path(r, "profile.json");
    cJSON *j = cJSON_CreateObject(), *profile = NULL, *list = nt_search_json(&r->search);
    cJSON *ref = nt_measure_json(&r->search.ref);

    if (!j || !path || !list || !ref)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_json_load(&profile, path, e));
    if (!nt_json_add_str(j, "job", r->id) || !nt_json_add_bool(j, "dryrun", r->job->dryrun) ||
        !nt_json_add_str(j, "best", *r->best ? r->best : "reference") ||
        !nt_json_add_str(j, "eval_key", r->job->eval_key) ||
        !nt_json_add_str(j, "eval_split", r->job->eval_split) ||
        !nt_json_add_str(j, "search_split", r->job->search_split) ||
        !nt_json_add_double(j, "target", r->target) ||
        !nt_json_add_double(j, "delta", r->job->delta) ||
        !nt_json_add_double(j, "drop", *r->best ? r->final_drop : 0) ||
        !nt_json_add_double(j, "search_drop", *r->best ? r->search_drop : 0) ||
        !nt_json_add_double(j, "elapsed_s", nt_run_elapsed(r)) ||
        !nt_json_add_i64(j, "looked_at", r->search.n))
        NT_TRY(nt_fail_nomem(e));
    cJSON_AddItemToObject(j, "comparison", profile);
    cJSON_AddItemToObject(j, "reference", ref);
    cJSON_AddItemToObject(j, "candidates", list);
    profile = list = ref = NULL;
    *out = j;
    j = NULL;
done:
    nt_json_free(ref);
    nt_json_free(list);
    nt_json_free(profile);
    nt_json_free(j);
    nt_free(path);
    return s;
}

/* "Optimized model exported: DIR/opt_modelint8_dynamic_shape.onnx, DIR/opt_model.dlrt" */
static nt_status say_exported(nt_run *r, nt_err *e)
{
    const char *type = nt_pipeline_type(&r->search, r->job, r->best);
    const char *dir = r->job->root_path ? r->job->root_path : r->dir;
    nt_status s = NT_OK;
    const cJSON *f;
    nt_str t = {0};

    cJSON_ArrayForEach(f, r->job->formats)
    {
        const char *v = f->valuestring;

        nt_str_addf(&t, "%s%s/opt_model", t.n ? ", " : "", dir);
        if (strcmp(v, "onnx") == 0)
            nt_str_addf(&t, "%s_dynamic_shape.onnx", type);
        else if (strcmp(v, "jit") == 0)
            nt_str_add(&t, "_jit.pt");
        else
            nt_str_addf(&t, ".%s", v);
    }
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    nt_joblog_info(&r->log, "%s%s: %s", r->job->dryrun ? "Dry run, not a result: " : "",
                   *r->best ? "Optimized model exported"
                            : "Nothing smaller keeps the promise; the "
                              "reference exported",
                   t.p);
done:
    nt_str_release(&t);
    return s;
}

static nt_status fail_missed(const nt_run *r, nt_err *e)
{
    if (r->job->target_ms > 0)
        return nt_fail(e, NT_EMISSED, "nothing takes at most %g ms (%d candidates)",
                       r->job->target_ms, r->search.n);
    return nt_fail(e, NT_EMISSED,
                   "nothing %s than the reference keeps %s within %g of %.6g (%d candidates)",
                   r->search.strategy->by_time ? "faster" : "smaller", r->job->eval_key,
                   r->job->delta, r->search.ref.metric, r->search.n);
}

nt_status nt_run_finish(nt_optimize_result *out, nt_run *r, nt_err *e)
{
    static const char *const target[] = {"results"}, *const page[] = {"report.html"};
    nt_status s = NT_OK;
    char *path = nt_run_path(r, "report");
    size_t n;

    if (!path)
        return nt_fail_nomem(e);
    NT_TRY(choose(r, e));
    NT_TRY(nt_run_write_makefile(r, e));
    NT_TRY(nt_run_make(r, target, 1, e));
    NT_TRY(nt_trust_record(r->trust, "opt_model.nt", e));
    NT_TRY(make_metrics(&out->metrics, r, e));
    NT_TRY(nt_run_save_json(r, "metrics.json", out->metrics, e));
    NT_TRY(nt_run_save_state(r, e));
    NT_TRY(nt_run_make(r, page, 1, e));
    NT_TRY(nt_file_read(&out->report, &n, path, MAX_REPORT, e));
    NT_TRY(say_exported(r, e));
    nt_joblog_info(&r->log, "Job %s finished, %d candidates, %.0f s in all", r->id, r->search.n,
                   nt_run_elapsed(r));
    if (!*r->best)
        s = fail_missed(r, e);
done:
    nt_free(path);
    return s;
}
