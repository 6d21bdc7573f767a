/* SPDX-License-Identifier: MIT */
#include "search/optimize.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "search/finish.h"
#include "search/pipeline.h"
#include "search/reuse.h"
#include "search/run.h"
#include "search/state.h"
#include "train/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- who we are */

static nt_status make_dir(nt_run *r, nt_err *e)
{
    const char *home = getenv("NEUTRINO_HOME"), *user = getenv("HOME");

    if (r->o->dir)
        r->dir = nt_strdup(r->o->dir);
    else if (home && *home)
        r->dir = nt_strfmt("%s/jobs/%s", home, r->id);
    else if (user && *user)
        r->dir = nt_strfmt("%s/.neutrino/jobs/%s", user, r->id);
    else
        return nt_fail(e, NT_EINVAL, "neither --job-dir, NEUTRINO_HOME nor HOME is set");
    if (!r->dir)
        return nt_fail_nomem(e);
    r->new_dir = !nt_path_exists(r->dir);
    return nt_make_dirs(r->dir, e);
}

static void leave_file(const nt_run *r, const char *name)
{
    char *path = nt_run_path(r, name);

    if (path)
        unlink(path);
    nt_free(path);
}

/* A job that is refused leaves no folder. One that was there before only loses what was made
 * and measured by this job's word, which another would take for its own. */
static void leave_nothing(const nt_run *r)
{
    static const char *const own[] = {"ref_model.json", "ref_model.nt", "digests.json",
                                      "data.digests", NULL};

    if (r->new_dir)
        nt_remove_tree(r->dir);
    for (int i = 0; own[i] && !r->new_dir && r->search.n == 0; i++)
        leave_file(r, own[i]);
}

/* ---- state.json */

static void say_accepted(void *ctx, const char *change)
{
    nt_run *r = ctx;

    nt_joblog_info(&r->log, "Accepted: %s", change);
}

static nt_status open_trust(nt_run *r, nt_err *e)
{
    const nt_trust_opts o = {.dir = r->dir,
                             .job = r->job,
                             .bin = r->o->bin,
                             .accept = r->o->accept,
                             .say = say_accepted,
                             .ctx = r};

    return nt_trust_open(&r->trust, &o, e);
}

static nt_status load_state(nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_run_path(r, "state.json");
    const char *id = "";
    int64_t version = 0;
    cJSON *j = NULL;

    if (!path)
        return nt_fail_nomem(e);
    if (!nt_path_exists(path))
        goto done;
    NT_TRY(nt_json_load(&j, path, e));
    NT_TRY(nt_json_get_i64(&version, j, "version", (nt_bounds){0, INT32_MAX}, "", e));
    if (version != NT_STATE_VERSION)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "version %d, this nt-optimize has %d", (int)version,
                       NT_STATE_VERSION));
    NT_TRY(nt_json_get_str(&id, j, "job", "", e));
    if (!nt_trust_is_old(r->trust) && strcmp(id, r->id) != 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "this folder holds another job (%s), not %s", id, r->id));
    NT_TRY(nt_json_get_double(&r->before_s, j, "elapsed_s", (nt_bounds){0, INFINITY}, "", e));
    NT_TRY(nt_search_restore(&r->search, cJSON_GetObjectItemCaseSensitive(j, "candidates"), e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    nt_json_free(j);
    nt_free(path);
    return s;
}

static nt_status load(const nt_run *r, nt_measure *m, const char *name, nt_err *e)
{
    char *path = nt_run_path(r, name);
    nt_status s = path ? nt_measure_load(m, path, r->job, e) : nt_fail_nomem(e);

    if (s == NT_EFORMAT && path)
        unlink(path); /* to be measured once more when the job is given again */
    nt_free(path);
    return s;
}

/* The time that is to be met, as a share of the reference's, in every phase. */
static nt_status set_target(nt_run *r, nt_err *e)
{
    double ref = r->search.ref.latency_ms, wanted = r->job->target_ms;

    if (wanted <= 0)
        return NT_OK;
    if (wanted >= ref) {
        leave_nothing(r);
        return nt_fail(e, NT_EINVAL, "target_ms: %g, but the reference takes only %.4g ms",
                       wanted, ref);
    }
    for (int i = 0; i < r->search.n_phases; i++)
        r->search.phase[i].o.target = wanted / ref;
    nt_search_begin(&r->search);
    return NT_OK;
}

static void say_target(nt_run *r)
{
    const nt_job *job = r->job;
    int64_t steps = 0;

    for (int i = 0; i < r->search.n_phases; i++)
        steps += r->search.phase[i].o.steps + r->search.phase[i].o.deep_steps;
    if (job->dryrun) /* two steps of each, and int8 where it is a move of its own */
        steps = 2 * r->search.n_phases + r->search.strategy->by_time;
    if (job->target_ms > 0)
        nt_joblog_info(&r->log, "Target: at most %g ms, with the best %s, at most %d steps",
                       job->target_ms, job->eval_key, (int)steps);
    else
        nt_joblog_info(&r->log, "Target: %s at %s %.4g (delta %g%s), at most %d steps",
                       job->eval_key, r->more_is_better ? "least" : "most", r->target,
                       job->delta, job->confidence > 0 ? ", with 95 % confidence" : "",
                       (int)steps);
}

/* A delta in per cent for a metric in 0..1 would be no bound at all. */
static nt_status check_delta(const nt_run *r, nt_err *e)
{
    const nt_job *job = r->job;

    if (job->target_ms > 0 || !r->more_is_better || job->delta <= 0 ||
        job->delta < r->search.ref.metric)
        return NT_OK;
    leave_nothing(r);
    return nt_fail(e, NT_EINVAL,
                   "delta: %g would accept any model, since the reference's %s on '%s' is %g: "
                   "want less than that",
                   job->delta, job->eval_key, job->search_split, r->search.ref.metric);
}

static nt_status measure_reference(nt_run *r, nt_err *e)
{
    static const char *const target[] = {"ref_model.json"};
    const nt_job *job = r->job;
    const nt_metric *metric;
    nt_err ignored;
    nt_status s = NT_OK;

    NT_TRY(nt_run_make(r, target, 1, e));
    NT_TRY(load(r, &r->search.ref, target[0], e));
    NT_TRY(nt_trust_record(r->trust, "ref_model.nt", e));
    NT_TRY(nt_trust_record(r->trust, target[0], e));
    r->more_is_better = job->eval_command || nt_metric_find(&metric, job->eval_key, &ignored) ||
                        metric->more_is_better;
    NT_TRY(check_delta(r, e));
    NT_TRY(set_target(r, e));
    r->target = r->search.ref.metric + (r->more_is_better ? -1 : 1) * job->delta;
    nt_joblog_info(&r->log, "Reference: %s %.4g on '%s', %.3f MiB, %.2f MMACs, %.3f ms",
                   job->eval_key, r->search.ref.metric, job->search_split,
                   (double)r->search.ref.bytes / (1 << 20), (double)r->search.ref.macs * 1e-6,
                   r->search.ref.latency_ms);
    say_target(r);
done:
    return s;
}

/* "ID: PARENT, pruned to 25 % of the reference's parameters, tuned" */
static void describe(nt_str *t, const nt_search *q, int i)
{
    const nt_candidate *c = &q->v[i];

    nt_str_addf(t, "%s: %s", c->id, c->parent < 0 ? "the reference" : q->v[c->parent].id);
    for (int k = 0; k < c->n_stages; k++) {
        nt_str_add(t, ", ");
        c->stage[k].kind->describe(t, &c->stage[k]);
    }
}

static double times(int64_t of, int64_t by)
{
    return by > 0 ? (double)of / (double)by : 0;
}

/* "; 3.10x fewer bytes, 2.04x fewer MACs, 1.52x faster (0.412 ms)" */
static void say_costs(nt_str *t, const nt_search *q, const nt_measure *m)
{
    nt_str_addf(t, "%.2fx fewer bytes, %.2fx fewer MACs, %.2fx faster (%.3f ms%s)",
                times(q->ref.bytes, m->bytes), times(q->ref.macs, m->macs),
                m->time_share > 0 ? 1 / m->time_share : 0, m->latency_ms,
                m->disturbed ? ", disturbed" : "");
}

static nt_status say_measured(nt_run *r, int i, nt_err *e)
{
    const nt_search *q = &r->search;
    const nt_measure *m = &q->v[i].m;
    int best = nt_search_best(q, NULL);
    const char *bound = q->o.target > 0 ? "the target" : "delta";
    nt_status s = NT_OK;
    nt_str t = {0};

    nt_str_addf(&t, "  %s %.4g, drop %.4g%s: %s %s; ", r->job->eval_key, m->metric, m->drop,
                r->job->confidence > 0 ? " at most" : "",
                nt_search_is_ok(q, i) ? "within" : "not within", bound);
    say_costs(&t, q, m);
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    nt_joblog_info(&r->log, "%s (%.0f s)", t.p, m->seconds);
    if (best < 0)
        goto done;
    nt_str_release(&t);
    say_costs(&t, q, &q->v[best].m);
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    nt_joblog_info(&r->log, "  best so far: %s, %s, drop %.4g; elapsed %.0f s", q->v[best].id,
                   t.p, q->v[best].m.drop, nt_run_elapsed(r));
done:
    nt_str_release(&t);
    return s;
}

/* What make is asked for: a file of each candidate from `first` on. */
typedef struct wanted {
    char (*name)[NT_RUN_NAME];
    const char **target;
    bool *is_new; /* is it not of the cache? */
    size_t n;
} wanted;

static nt_status want(wanted *w, const nt_search *q, int first, nt_err *e)
{
    w->n = (size_t)(q->n - first);
    w->name = nt_calloc(w->n + 1, sizeof *w->name);
    w->target = nt_calloc(w->n + 1, sizeof *w->target);
    w->is_new = nt_calloc(w->n + 1, sizeof *w->is_new);
    return w->name && w->target && w->is_new ? NT_OK : nt_fail_nomem(e);
}

static void release_wanted(wanted *w)
{
    nt_free(w->name);
    nt_free(w->target);
    nt_free(w->is_new);
}

static nt_status make_wanted(nt_run *r, wanted *w, int first, const char *ending, nt_err *e)
{
    for (size_t i = 0; i < w->n; i++)
        w->target[i] = nt_run_file(w->name[i], r, first + (int)i, ending);
    return nt_run_make(r, w->target, w->n, e);
}

/* Where times count, they are not taken while other candidates are being made. */
static nt_status make_candidates(nt_run *r, wanted *w, int first, nt_err *e)
{
    int jobs = r->runner.jobs;
    nt_status s = NT_OK;

    NT_TRY(nt_run_write_makefile(r, e));
    if (r->search.strategy->by_time && w->n > 1) {
        NT_TRY(make_wanted(r, w, first, ".nt", e));
        r->runner.jobs = 1;
    }
    s = make_wanted(r, w, first, ".json", e);
    r->runner.jobs = jobs;
done:
    return s;
}

/* Of those that are scored as it is, or not, the how manieth candidate i is, from 1. */
static int number_of(const nt_search *q, int i)
{
    bool scored = nt_search_is_scored(q, i);
    int n = 1;

    for (int k = 0; k < i; k++)
        n += nt_search_is_scored(q, k) == scored;
    return n;
}

/* Says what candidate i is; what the cache has of it is taken. */
static nt_status begin(nt_run *r, bool *is_new, int i, nt_err *e)
{
    nt_str text = {0};
    nt_status s = NT_OK;

    describe(&text, &r->search, i);
    if (text.failed)
        NT_TRY(nt_fail_nomem(e));
    nt_joblog_info(&r->log, "%s %d: %s", nt_search_is_scored(&r->search, i) ? "Score" : "Step",
                   number_of(&r->search, i), text.p);
    NT_TRY(nt_reuse_take(is_new, r, i, e));
done:
    nt_str_release(&text);
    return s;
}

/* Reads what candidate i came to; it took so many seconds, if nobody knows better. */
static nt_status end(nt_run *r, int i, double seconds, nt_err *e)
{
    nt_search *q = &r->search;
    nt_measure m = {.seconds = q->v[i].m.seconds > 0 ? q->v[i].m.seconds : seconds};
    char name[NT_RUN_NAME];
    nt_status s = NT_OK;

    NT_TRY(load(r, &m, nt_run_file(name, r, i, ".json"), e));
    nt_search_told(q, i, &m);
    NT_TRY(nt_trust_record(r->trust, name, e));
    NT_TRY(nt_trust_record(r->trust, nt_run_file(name, r, i, ".nt"), e));
    NT_TRY(say_measured(r, i, e));
done:
    return s;
}

/* Has make make the candidates from `first` on, and reads what they came to. */
static nt_status measure_from(nt_run *r, int first, nt_err *e)
{
    nt_status s = NT_OK;
    nt_search *q = &r->search;
    double start = nt_run_now();
    wanted w = {0};

    NT_TRY(want(&w, q, first, e));
    for (int i = first; i < q->n; i++)
        NT_TRY(begin(r, &w.is_new[i - first], i, e));
    NT_TRY(make_candidates(r, &w, first, e));
    NT_TRY(nt_trust_record(r->trust, "ref_model.costs.json", e));
    NT_TRY(nt_trust_record(r->trust, "teacher.nt", e));
    for (int i = first; i < q->n; i++) {
        NT_TRY(end(r, i, (nt_run_now() - start) / (double)w.n, e));
        if (w.is_new[i - first])
            NT_TRY(nt_reuse_put(r, i, e));
    }
done:
    release_wanted(&w);
    return s;
}

/* What an earlier run had begun comes first; those it had measured are only read. */
static nt_status resume(nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;

    if (r->search.n == 0)
        return NT_OK;
    nt_joblog_info(&r->log, "Going on: %d candidates so far", r->search.n);
    for (int i = 0; i < r->search.n; i++) {
        char name[NT_RUN_NAME];

        NT_TRY(nt_trust_verify(r->trust, nt_run_file(name, r, i, ".nt"), e));
    }
    NT_TRY(measure_from(r, 0, e));
    nt_search_go_on(&r->search);
    NT_TRY(nt_run_save_state(r, e));
done:
    return s;
}

static nt_status search(nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;
    nt_search *q = &r->search;

    NT_TRY(resume(r, e));
    for (;;) {
        int n = 0, first = q->n;

        q->elapsed_s = nt_run_elapsed(r);
        NT_TRY(nt_search_next(q, (int)r->job->jobs, &n, e));
        if (n == 0)
            break;
        for (int i = first; i < q->n; i++) {
            q->v[i].threads = nt_run_threads(r, n);
            NT_TRY(nt_pipeline_name(&q->v[i], q, r->job, e));
        }
        NT_TRY(nt_run_save_state(r, e));
        NT_TRY(measure_from(r, first, e));
        NT_TRY(nt_run_save_state(r, e));
    }
done:
    return s;
}

static double epochs_of(const cJSON *settings)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(settings, "epochs");

    return cJSON_IsNumber(n) && n->valuedouble > 0 ? n->valuedouble : 1;
}

#define FIRST_SHARE 0.5 /* of delta, for the first of two searches */
#define SETTLE 32       /* batches that normalisations settle by */

/* By our own tool, and data that it can read. */
static int64_t settle_batches(const nt_job *job)
{
    if (!job->data || nt_json_get(job->tools, "nt-finetune"))
        return 0;
    return job->dryrun ? 1 : SETTLE;
}

/* As nt-prune takes them. */
static bool has_gradients(const nt_job *job)
{
    return job->data && !job->train_command && strcmp(job->loss, "cross_entropy") == 0;
}

static nt_search_opts opts_of(const nt_job *job, int phase)
{
    nt_search_opts o = job->strategy[phase]->defaults(job->level, job->deepsearch);
    int last = job->n_strategies - 1;

    o.delta = job->delta * (phase < last ? FIRST_SHARE : 1);
    if (job->steps > 0) /* the first of two takes the odd one */
        o.steps = phase < last ? job->steps - job->steps / 2 : job->steps / (1 + last);
    o.time_s = job->time_s;
    o.long_cost = epochs_of(job->full_trainer) / epochs_of(job->loop_params);
    o.low_bits = strcmp(job->precision, "fp32") == 0;
    o.dry = job->dryrun;
    o.given = job->custom != NULL;
    o.has_gradients = has_gradients(job);
    o.has_rules = job->config_list != NULL;
    if (job->scored > 0)
        o.scored = job->scored;
    o.settle = settle_batches(job);
    return o;
}

static void set_search(nt_run *r)
{
    nt_search *q = &r->search;

    q->n_phases = r->job->n_strategies;
    for (int i = 0; i < q->n_phases; i++)
        q->phase[i] = (nt_search_phase){r->job->strategy[i], opts_of(r->job, i)};
    nt_search_begin(q);
}

static nt_status run_all(nt_optimize_result *out, nt_run *r, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_job_id(r->id, r->job, NT_VERSION, e));
    NT_TRY(make_dir(r, e));
    NT_TRY(nt_joblog_open(&r->log, r->dir, e));
    NT_TRY(open_trust(r, e));
    NT_TRY(load_state(r, e));
    r->runner = (nt_runner){
        .dir = r->dir, .log_fd = r->log.fd, .jobs = (int)r->job->jobs, .group = r->o->group};
    nt_joblog_info(&r->log, "Job %s starts in %s", r->id, r->dir);
    nt_joblog_warn(&r->log, r->job->said);
    NT_TRY(nt_pipeline_prepare(r->dir, r->job, e));
    NT_TRY(nt_reuse_open(r, e));
    NT_TRY(nt_run_write_makefile(r, e));
    NT_TRY(measure_reference(r, e));
    NT_TRY(search(r, e));
    NT_TRY(nt_run_finish(out, r, e));
done:
    return s;
}

void nt_optimize_result_release(nt_optimize_result *r)
{
    nt_free(r->dir);
    nt_free(r->report);
    nt_json_free(r->metrics);
    *r = (nt_optimize_result){0};
}

nt_status nt_optimize(nt_optimize_result *out, const nt_job *job, const nt_optimize_opts *o,
                      nt_err *e)
{
    nt_run r = {.job = job,
                .o = o,
                .log = {.fd = -1, .say = o->say, .ctx = o->ctx},
                .start_s = nt_run_now()};
    nt_status s;

    *out = (nt_optimize_result){0};
    set_search(&r);
    s = run_all(out, &r, e);
    out->dir = r.dir;
    nt_search_release(&r.search);
    nt_trust_free(r.trust);
    nt_cache_free(r.cache);
    nt_joblog_close(&r.log);
    return s;
}
