/* SPDX-License-Identifier: MIT */
#include "search/job.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/opt_old.h"
#include "base/str.h"
#include "data/data.h"
#include "prune/rules.h"
#include "search/job_check.h"
#include "search/job_keys.h"
#include "search/job_split.h"
#include "search/search.h"
#include "train/eval.h"
#include "train/settings.h"

#include <string.h>
#include <unistd.h>

/* ---- the file */

/* Absolute: dir/path, or the current folder's. */
static char *absolute(const char *dir, const char *path)
{
    char cwd[4096];
    char *inner, *full;

    if (path[0] == '/')
        return nt_strdup(path);
    inner = dir ? nt_path_join(dir, path) : nt_strdup(path);
    if (!inner || inner[0] == '/' || !getcwd(cwd, sizeof cwd))
        return inner;
    full = nt_path_join(cwd, inner);
    nt_free(inner);
    return full;
}

static nt_status set_string(cJSON *j, const char *key, char *text, nt_err *e)
{
    cJSON *v = text ? cJSON_CreateString(text) : NULL;

    nt_free(text);
    return v && cJSON_ReplaceItemInObjectCaseSensitive(j, key, v) ? NT_OK : nt_fail_nomem(e);
}

/* "idx:PATH,mean=..." and a file's name alike. */
static char *absolute_data(const char *dir, const char *spec)
{
    size_t kind = strspn(spec, "abcdefghijklmnopqrstuvwxyz0123456789");
    char *path, *full;

    if (spec[kind] != ':')
        return absolute(dir, spec);
    path = absolute(dir, spec + kind + 1);
    full = path ? nt_strfmt("%.*s:%s", (int)kind, spec, path) : NULL;
    nt_free(path);
    return full;
}

static nt_status make_absolute(cJSON *j, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *model = nt_json_get(j, "model"), *data = nt_json_get(j, "data");
    const cJSON *costs = nt_json_get(j, "cost_table");
    cJSON *inner = cJSON_IsObject(data) ? nt_json_get(data, "path") : NULL;
    cJSON *kwargs = nt_json_get(nt_json_get(j, "export"), "kwargs");
    const cJSON *root = nt_json_get(kwargs, "root_path");

    if (cJSON_IsString(model))
        NT_TRY(set_string(j, "model", absolute(dir, model->valuestring), e));
    if (cJSON_IsString(costs))
        NT_TRY(set_string(j, "cost_table", absolute(dir, costs->valuestring), e));
    if (cJSON_IsString(data))
        NT_TRY(set_string(j, "data", absolute_data(dir, data->valuestring), e));
    if (cJSON_IsString(inner))
        NT_TRY(
            set_string(nt_json_get(j, "data"), "path", absolute(dir, inner->valuestring), e));
    if (cJSON_IsString(root))
        NT_TRY(set_string(kwargs, "root_path", absolute(dir, root->valuestring), e));
done:
    return s;
}

nt_status nt_job_load(cJSON **out, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    const char *slash = strrchr(path, '/');
    char *dir = slash ? nt_strfmt("%.*s", (int)(slash - path) + 1, path) : NULL;
    cJSON *j = NULL;

    if (slash && !dir)
        return nt_fail_nomem(e);
    s = nt_json_load(&j, path, e);
    NT_TRY(s == NT_EFORMAT ? NT_EINVAL : s); /* what is no JSON is no setting */
    if (!cJSON_IsObject(j))
        NT_TRY(nt_fail(e, NT_EINVAL, "%s: want a JSON object", path));
    NT_TRY(make_absolute(j, dir, e));
    *out = j;
    j = NULL;
done:
    nt_json_free(j);
    nt_free(dir);
    return s;
}

/* ---- the job as it is run: what was read, and what is written down with its defaults */

typedef struct reader {
    const cJSON *in;
    cJSON *out;
    nt_job *job;
    nt_job_settings s;
    nt_opt rows[NT_JOB_ROWS]; /* of s */
    nt_err *e;
} reader;

/* The values of rows, in this order. */
static nt_status put_rows(const reader *r, const char *const *keys)
{
    nt_status s = NT_OK;

    for (int i = 0; keys[i]; i++)
        for (const nt_opt *o = r->rows; o->kind != NT_OPTK_END; o++)
            if (strcmp(o->key, keys[i]) == 0)
                NT_TRY(nt_json_put(r->out, keys[i], nt_opt_value(o), r->e));
done:
    return s;
}

/* null where it is NULL */
static nt_status put_str(const reader *r, const char *key, const char *text)
{
    return nt_json_put(r->out, key, text ? cJSON_CreateString(text) : cJSON_CreateNull(), r->e);
}

/* A copy of what is given, null where nothing is. */
static nt_status put_copy(const reader *r, const char *key, const cJSON *v)
{
    return nt_json_put(r->out, key, v ? cJSON_Duplicate(v, true) : cJSON_CreateNull(), r->e);
}

/* {"command": ...}, or null. *out is the command; left alone where there is none. */
static nt_status put_command(const reader *r, const char *key, const char *command,
                             const char **out)
{
    nt_status s = NT_OK;
    cJSON *o;

    if (!command)
        return nt_json_put(r->out, key, cJSON_CreateNull(), r->e);
    if (!(o = nt_json_add_object(r->out, key)))
        return nt_fail_nomem(r->e);
    NT_TRY(nt_json_put(o, "command", cJSON_CreateString(command), r->e));
    *out = o->child->valuestring;
done:
    return s;
}

/* NULL where it is null */
static const cJSON *kept_value(const reader *r, const char *key)
{
    const cJSON *v = nt_json_get(r->out, key);

    return cJSON_IsNull(v) ? NULL : v;
}

/* null where there is none */
static cJSON *bound(double v)
{
    return v > 0 ? cJSON_CreateNumber(v) : cJSON_CreateNull();
}

/* The string under a key of the job as run, which lives as long as the job. */
static const char *kept(const reader *r, const char *key)
{
    return cJSON_GetStringValue(nt_json_get(r->out, key));
}

/* One word where there is one search. */
static nt_status put_searches(reader *r)
{
    const cJSON *v = r->s.optimization, *one = cJSON_IsArray(v) ? v->child : v;
    nt_job *j = r->job;

    if (!v) {
        j->strategy[j->n_strategies++] =
            r->s.rules || r->s.layers ? &nt_strategy_quantization : &nt_strategy_compression;
        return nt_json_put(r->out, "optimization", cJSON_CreateString(j->strategy[0]->name),
                           r->e);
    }
    for (; one; one = cJSON_IsArray(v) ? one->next : NULL)
        j->strategy[j->n_strategies++] = nt_strategy_find(one->valuestring);
    one = cJSON_IsArray(v) && !v->child->next ? v->child : v;
    return nt_json_put(r->out, "optimization", cJSON_Duplicate(one, true), r->e);
}

/* A time that is to be met takes delta's place. */
static nt_status check_target(const reader *r)
{
    bool latency = r->job->strategy[0] == &nt_strategy_latency;

    if (r->s.target_ms > 0 && !latency)
        return nt_fail(r->e, NT_EINVAL, "target_ms: goes with the optimization 'latency'");
    if (r->s.cost_table && !latency)
        return nt_fail(r->e, NT_EINVAL, "cost_table: goes with the optimization 'latency'");
    if (r->s.scored > 0 && r->job->strategy[0] != &nt_strategy_compression)
        return nt_fail(r->e, NT_EINVAL,
                       "budget.scored: goes with the optimization 'compression'");
    if (r->s.target_ms > 0 && cJSON_IsNumber(nt_json_get(r->in, "delta")))
        return nt_fail(r->e, NT_EINVAL,
                       "target_ms: takes the place of delta, give one of them");
    return NT_OK;
}

static nt_status put_constraint(reader *r)
{
    static const char *const words[] = {"task_type", NULL}, *const bounds[] = {
                                                                "delta",     "confidence",
                                                                "level",     "deepsearch",
                                                                "bn_fusion", "dryrun",
                                                                NULL};
    nt_status s = NT_OK;
    nt_job *j = r->job;

    if (r->s.confidence > 0 && r->s.confidence < 0.95)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "confidence: %g, want 0 or 0.95", r->s.confidence));
    NT_TRY(put_searches(r));
    NT_TRY(check_target(r));
    NT_TRY(put_rows(r, words));
    NT_TRY(put_str(r, "device", r->s.device));
    NT_TRY(put_rows(r, bounds));
    if (r->s.target_ms > 0 &&
        !cJSON_ReplaceItemInObjectCaseSensitive(r->out, "delta", cJSON_CreateNull()))
        NT_TRY(nt_fail_nomem(r->e));
    NT_TRY(nt_json_put(r->out, "target_ms", bound(r->s.target_ms), r->e));
    NT_TRY(put_str(r, "cost_table", r->s.cost_table));
    j->target_ms = r->s.target_ms;
    j->delta = r->s.delta;
    j->confidence = r->s.confidence;
    j->level = (int)r->s.level;
    j->deepsearch = r->s.deepsearch;
    j->bn_fusion = r->s.bn_fusion;
    j->dryrun = r->s.dryrun;
done:
    return s;
}

/* The command itself, or that of the object. */
static const char *command_of(const cJSON *given, const char *inner)
{
    return cJSON_IsString(given) ? given->valuestring : inner;
}

static nt_status put_eval(reader *r)
{
    static const char *const how[] = {"eval_key", "eval_split", "search_split", NULL};
    nt_job *j = r->job;
    nt_status s = NT_OK;
    const nt_metric *m;

    if (!r->s.search_split)
        r->s.search_split = r->s.eval_split;
    NT_TRY(put_command(r, "eval_func", command_of(r->s.eval_func, r->s.eval_command),
                       &j->eval_command));
    NT_TRY(put_rows(r, how));
    j->eval_key = kept(r, "eval_key");
    j->eval_split = kept(r, "eval_split");
    j->search_split = kept(r, "search_split");
    if (!j->eval_command && (s = nt_metric_find(&m, j->eval_key, r->e)) != NT_OK)
        nt_err_prefix(r->e, "eval_key");
done:
    return s;
}

static nt_status put_budget(reader *r)
{
    cJSON *o = nt_json_add_object(r->out, "budget");
    nt_status s = NT_OK;

    if (!o)
        return nt_fail_nomem(r->e);
    NT_TRY(nt_json_put(o, "time_s", bound(r->s.time_s), r->e));
    NT_TRY(nt_json_put(o, "steps", bound((double)r->s.steps), r->e));
    r->job->time_s = r->s.time_s;
    NT_TRY(nt_json_put(o, "scored", bound((double)r->s.scored), r->e));
    r->job->steps = r->s.steps;
    r->job->scored = r->s.scored;
done:
    return s;
}

static nt_status put_running(reader *r)
{
    static const char *const counts[] = {"seed", "jobs", NULL};
    static const char *const others[] = {"teacher_precision", "use_horovod", NULL};
    nt_job *j = r->job;
    nt_status s = NT_OK;

    NT_TRY(put_command(r, "external_training_loop",
                       command_of(r->s.train_loop, r->s.train_command), &j->train_command));
    NT_TRY(put_budget(r));
    NT_TRY(put_rows(r, counts));
    NT_TRY(put_str(r, "launcher", r->s.launcher));
    NT_TRY(put_copy(r, "tools", r->s.tools));
    NT_TRY(put_copy(r, "config_list", r->s.config_list));
    NT_TRY(put_rows(r, others));
    NT_TRY(nt_job_put_custom(j, r->out, &r->s, r->in, r->e));
    j->int8_teacher = strcmp(kept(r, "teacher_precision"), "int8") == 0;
    j->seed = r->s.seed;
    j->jobs = r->s.jobs;
    j->launcher = kept(r, "launcher");
    j->tools = kept_value(r, "tools");
    j->config_list = kept_value(r, "config_list");
done:
    return s;
}

static nt_status put_inputs(reader *r)
{
    nt_status s = NT_OK;
    const cJSON *data = r->s.data;
    nt_dataset *d = NULL;
    char *text = NULL;

    if (!r->s.model)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "model: missing"));
    NT_TRY(put_str(r, "model", r->s.model));
    if (!data)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "data: missing"));
    if (!cJSON_IsString(data) && !cJSON_IsObject(data))
        NT_TRY(nt_fail(r->e, NT_EINVAL, "data: want a description, or the path of one"));
    text = cJSON_IsObject(data) ? nt_json_text(data) : nt_strdup(data->valuestring);
    if (!text)
        NT_TRY(nt_fail_nomem(r->e));
    if ((s = nt_dataset_open(&d, text, r->e)) != NT_OK) {
        nt_err_prefix(r->e, "data");
        goto done;
    }
    NT_TRY(nt_json_put(r->out, "data", cJSON_Duplicate(nt_dataset_json(d), true), r->e));
    NT_TRY(make_absolute(r->out, NULL, r->e));
    if (!cJSON_IsString(nt_json_get(r->in, "search_split")))
        NT_TRY(nt_job_put_search_split(r->out, r->s.seed, r->e));
    r->job->search_split = kept(r, "search_split");
    r->job->model = kept(r, "model");
    r->job->cost_table = kept(r, "cost_table");
    r->job->data = nt_json_get(r->out, "data");
    r->job->root_path = cJSON_GetStringValue(
        nt_json_get(nt_json_get(nt_json_get(r->out, "export"), "kwargs"), "root_path"));
done:
    nt_dataset_free(d);
    nt_free(text);
    return s;
}

static nt_status read_all(reader *r)
{
    nt_status s = NT_OK;

    nt_job_settings_init(&r->s);
    nt_opt_bind(r->rows, nt_job_rows, &r->s);
    NT_TRY(nt_opt_read(r->rows, r->in, "", r->e));
    NT_TRY(put_constraint(r));
    NT_TRY(put_eval(r));
    NT_TRY(nt_job_put_export(r->job, r->out, &r->s, r->e));
    NT_TRY(nt_job_put_training(r->job, r->out, &r->s, r->in, r->e));
    NT_TRY(put_running(r));
    NT_TRY(put_inputs(r));
done:
    return s;
}

/* j in today's spelling, the trainings' settings included. */
static nt_status renew(nt_job *job, cJSON *j, nt_err *e)
{
    cJSON *full = nt_json_get(j, "full_trainer");
    cJSON *loop = nt_json_get(nt_json_get(j, "fine_tuner"), "loop_params");
    nt_status s = NT_OK;
    nt_str said = {0};

    NT_TRY(nt_opt_renew(nt_job_rows, j, "", &said, e));
    NT_TRY(nt_opt_renew(nt_train_rows, j, "", &said, e)); /* of both trainings */
    NT_TRY(nt_opt_renew(nt_train_rows, full, "full_trainer", &said, e));
    NT_TRY(nt_opt_renew(nt_train_rows, loop, "fine_tuner.loop_params", &said, e));
    if (said.n > 0)
        job->said = nt_str_take(&said);
done:
    nt_str_release(&said);
    return s;
}

nt_status nt_job_new(nt_job **out, const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_job *job = nt_calloc(1, sizeof *job);
    cJSON *in = cJSON_Duplicate(j, true);
    reader r = {.in = in, .job = job, .e = e};

    if (!job || !in || !(r.out = job->json = cJSON_CreateObject()))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(renew(job, in, e));
    NT_TRY(read_all(&r));
    NT_TRY(nt_job_check_supported(job, e));
    *out = job;
    job = NULL;
done:
    nt_json_free(in);
    nt_job_free(job);
    return s;
}

char *nt_job_text(const nt_job *j, const char *const *without)
{
    cJSON *keys = cJSON_Duplicate(j->json, true);
    char *text;

    for (int i = 0; keys && without[i]; i++)
        cJSON_DeleteItemFromObjectCaseSensitive(keys, without[i]);
    text = keys ? nt_json_text(keys) : NULL;
    nt_json_free(keys);
    return text;
}

void nt_job_free(nt_job *j)
{
    if (!j)
        return;
    nt_json_free(j->json);
    nt_free(j->said);
    nt_free(j);
}
