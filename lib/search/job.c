/* SPDX-License-Identifier: MIT */
#include "search/job.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "data/data.h"
#include "prune/rules.h"
#include "search/job_check.h"
#include "search/search.h"
#include "train/eval.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MAX_COUNT 1000000000

const char *const nt_job_tools[] = {"nt-import",   "nt-prune", "nt-shrink", "nt-fuse-bn",
                                    "nt-finetune", "nt-eval",  "nt-export", "nt-profile",
                                    "nt-report",   NULL};

static cJSON *item(const cJSON *j, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(j, key);
}

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
    const cJSON *model = item(j, "model"), *data = item(j, "data");
    cJSON *inner = cJSON_IsObject(data) ? item(data, "path") : NULL;
    cJSON *kwargs = item(item(j, "export"), "kwargs");
    const cJSON *root = item(kwargs, "root_path");

    if (cJSON_IsString(model))
        NT_TRY(set_string(j, "model", absolute(dir, model->valuestring), e));
    if (cJSON_IsString(data))
        NT_TRY(set_string(j, "data", absolute_data(dir, data->valuestring), e));
    if (cJSON_IsString(inner))
        NT_TRY(set_string(item(j, "data"), "path", absolute(dir, inner->valuestring), e));
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
    NT_TRY(nt_json_load(&j, path, e));
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

/* ---- the keys */

/* What is read before it is written down again with its defaults. */
typedef struct reader {
    const cJSON *in;
    cJSON *out;
    nt_job *job;
    nt_err *e;
} reader;

static nt_status put(const reader *r, const char *key, cJSON *value)
{
    if (value && cJSON_AddItemToObject(r->out, key, value))
        return NT_OK;
    nt_json_free(value);
    return nt_fail_nomem(r->e);
}

static nt_status get_bool(const reader *r, const char *key, bool *out)
{
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_bool(out, r->in, key, "", r->e));
    NT_TRY(put(r, key, cJSON_CreateBool(*out)));
done:
    return s;
}

/* *out NULL: no default, null is written. */
static nt_status get_str(const reader *r, const char *key, const char **out)
{
    nt_status s = NT_OK;

    if (!cJSON_IsNull(item(r->in, key)))
        NT_TRY(nt_json_get_str(out, r->in, key, "", r->e));
    NT_TRY(put(r, key, *out ? cJSON_CreateString(*out) : cJSON_CreateNull()));
    if (*out)
        *out = item(r->out, key)->valuestring;
done:
    return s;
}

static nt_status get_double(const reader *r, const char *key, double lo, double hi, double *out)
{
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_double(out, r->in, key, lo, hi, "", r->e));
    NT_TRY(put(r, key, cJSON_CreateNumber(*out)));
done:
    return s;
}

static nt_status get_i64(const reader *r, const char *key, int64_t lo, int64_t hi, int64_t *out)
{
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_i64(out, r->in, key, lo, hi, "", r->e));
    NT_TRY(put(r, key, cJSON_CreateNumber((double)*out)));
done:
    return s;
}

/* The value as it is, NULL where it is not given or null. */
static nt_status get_copy(const reader *r, const char *key, const cJSON **out)
{
    const cJSON *v = item(r->in, key);
    nt_status s = NT_OK;

    if (!v || cJSON_IsNull(v))
        return NT_OK;
    NT_TRY(put(r, key, cJSON_Duplicate(v, true)));
    if (out)
        *out = item(r->out, key);
done:
    return s;
}

static nt_status read_task(const reader *r)
{
    static const char *const optimizations[] = {"compression", "latency", "quantization", NULL};
    static const char *const tasks[] = {"classification", "object_detection", "segmentation",
                                        NULL};
    nt_status s = NT_OK;
    int i = 0, k = 0;
    const char *device = "CPU";

    NT_TRY(nt_json_get_enum(&i, r->in, "optimization", optimizations, "", r->e));
    NT_TRY(put(r, "optimization", cJSON_CreateString(optimizations[i])));
    r->job->strategy = nt_strategy_find(optimizations[i]);
    NT_TRY(nt_json_get_enum(&k, r->in, "task_type", tasks, "", r->e));
    NT_TRY(put(r, "task_type", cJSON_CreateString(tasks[k])));
    NT_TRY(get_str(r, "device", &device));
    if (strcasecmp(device, "CPU") != 0 && strcasecmp(device, "GPU") != 0)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "device: '%s', want 'CPU' or 'GPU'", device));
done:
    return s;
}

static nt_status read_constraint(const reader *r)
{
    nt_job *j = r->job;
    nt_status s = NT_OK;
    int64_t level = 1;

    j->delta = 1;
    NT_TRY(get_double(r, "delta", 0, 100, &j->delta));
    NT_TRY(get_double(r, "confidence", 0, 0.95, &j->confidence));
    if (j->confidence > 0 && j->confidence < 0.95)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "confidence: %g, want 0 or 0.95", j->confidence));
    NT_TRY(nt_json_get_i64(&level, r->in, "level", 1, 3, "", r->e));
    j->level = level > 1 ? 3 : 1;
    NT_TRY(put(r, "level", cJSON_CreateNumber(j->level)));
    NT_TRY(get_bool(r, "deepsearch", &j->deepsearch));
    NT_TRY(get_bool(r, "bn_fusion", &j->bn_fusion));
    NT_TRY(get_bool(r, "dryrun", &j->dryrun));
done:
    return s;
}

/* A string, or {"command": ...}. */
static nt_status read_eval_func(const reader *r)
{
    const cJSON *f = item(r->in, "eval_func");
    static const char *const known[] = {"command", NULL};
    nt_status s = NT_OK;

    if (!f || cJSON_IsNull(f))
        return NT_OK;
    if (!cJSON_IsString(f) && !cJSON_IsObject(f))
        return nt_fail(r->e, NT_EINVAL, "eval_func: want a command, or an object with one");
    NT_TRY(get_copy(r, "eval_func", &f));
    if (cJSON_IsString(f)) {
        r->job->eval_command = f->valuestring;
        goto done;
    }
    NT_TRY(nt_json_check_keys(f, known, "eval_func", r->e));
    NT_TRY(nt_json_get_str(&r->job->eval_command, f, "command", "eval_func", r->e));
    if (!r->job->eval_command)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "eval_func.command: missing"));
done:
    return s;
}

static nt_status read_eval(const reader *r)
{
    nt_job *j = r->job;
    nt_status s = NT_OK;
    const nt_metric *m;

    j->eval_key = "accuracy";
    j->eval_split = "test";
    NT_TRY(read_eval_func(r));
    NT_TRY(get_str(r, "eval_key", &j->eval_key));
    NT_TRY(get_str(r, "eval_split", &j->eval_split));
    j->search_split = j->eval_split;
    NT_TRY(get_str(r, "search_split", &j->search_split));
    if (!j->eval_command && (s = nt_metric_find(&m, j->eval_key, r->e)) != NT_OK)
        nt_err_prefix(r->e, "eval_key");
done:
    return s;
}

static nt_status read_inputs(const reader *r)
{
    nt_status s = NT_OK;
    const cJSON *data = item(r->in, "data"), *root;
    nt_dataset *d = NULL;
    char *text = NULL;

    NT_TRY(get_str(r, "model", &r->job->model));
    if (!r->job->model)
        NT_TRY(nt_fail(r->e, NT_EINVAL, "model: missing"));
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
    NT_TRY(put(r, "data", cJSON_Duplicate(nt_dataset_json(d), true)));
    NT_TRY(make_absolute(r->out, NULL, r->e));
    r->job->model = item(r->out, "model")->valuestring;
    r->job->data = item(r->out, "data");
    root = item(item(item(r->out, "export"), "kwargs"), "root_path");
    r->job->root_path = root ? root->valuestring : NULL;
done:
    nt_dataset_free(d);
    nt_free(text);
    return s;
}

static nt_status read_budget(const reader *r)
{
    static const char *const known[] = {"time_s", "steps", NULL};
    nt_status s = NT_OK;
    const cJSON *b = item(r->in, "budget");

    if (!b)
        return NT_OK;
    if (!cJSON_IsObject(b))
        return nt_fail(r->e, NT_EINVAL, "budget: want an object");
    NT_TRY(nt_json_check_keys(b, known, "budget", r->e));
    NT_TRY(nt_json_get_double(&r->job->time_s, b, "time_s", 0, 1e9, "budget", r->e));
    NT_TRY(nt_json_get_i64(&r->job->steps, b, "steps", 1, MAX_COUNT, "budget", r->e));
    NT_TRY(get_copy(r, "budget", NULL));
done:
    return s;
}

/* One line of text that the Makefile can hold. */
static nt_status check_command(const char *text, const char *where, nt_err *e)
{
    if (!*text || strpbrk(text, "\n\r"))
        return nt_fail(e, NT_EINVAL, "%s: want a command in one line", where);
    return NT_OK;
}

static nt_status read_tools(const reader *r)
{
    nt_status s = NT_OK;
    const cJSON *t = item(r->in, "tools");
    char where[80];

    if (!t)
        return NT_OK;
    if (!cJSON_IsObject(t))
        return nt_fail(r->e, NT_EINVAL, "tools: want an object: a command for a tool's name");
    NT_TRY(nt_json_check_keys(t, nt_job_tools, "tools", r->e));
    for (const cJSON *c = t->child; c; c = c->next) {
        snprintf(where, sizeof where, "tools.%s", c->string);
        NT_TRY(check_command(cJSON_IsString(c) ? c->valuestring : "", where, r->e));
    }
    NT_TRY(get_copy(r, "tools", &r->job->tools));
done:
    return s;
}

static nt_status read_running(const reader *r)
{
    nt_job *j = r->job;
    nt_status s = NT_OK;

    j->jobs = 1;
    NT_TRY(read_budget(r));
    NT_TRY(get_i64(r, "seed", 0, INT64_C(1) << 53, &j->seed));
    NT_TRY(get_i64(r, "jobs", 1, 1024, &j->jobs));
    NT_TRY(get_str(r, "launcher", &j->launcher));
    if (j->launcher)
        NT_TRY(check_command(j->launcher, "launcher", r->e));
    NT_TRY(read_tools(r));
    NT_TRY(get_copy(r, "config_list", &j->config_list));
    if (j->config_list && (s = nt_rules_check(j->config_list, r->e)) != NT_OK)
        goto done;
done:
    return s;
}

static nt_status read_all(const reader *r)
{
    static const char *const known[] = {"optimization",
                                        "task_type",
                                        "device",
                                        "use_horovod",
                                        "distributed",
                                        "eval_key",
                                        "eval_split",
                                        "delta",
                                        "level",
                                        "deepsearch",
                                        "bn_fusion",
                                        "dryrun",
                                        "export",
                                        "full_trainer",
                                        "fine_tuner",
                                        "optimizer",
                                        "scheduler",
                                        "epochs",
                                        "eval_freq",
                                        "ema",
                                        "eval_func",
                                        "model",
                                        "data",
                                        "config_list",
                                        "confidence",
                                        "search_split",
                                        "budget",
                                        "seed",
                                        "jobs",
                                        "launcher",
                                        "tools",
                                        "loss_function",
                                        "custom_compression",
                                        "external_training_loop",
                                        NULL};
    nt_status s = NT_OK;

    NT_TRY(nt_json_check_keys(r->in, known, "", r->e));
    NT_TRY(read_task(r));
    NT_TRY(read_constraint(r));
    NT_TRY(read_eval(r));
    NT_TRY(nt_job_read_export(r->job, r->out, r->in, r->e));
    NT_TRY(nt_job_read_training(r->job, r->out, r->in, r->e));
    NT_TRY(read_running(r));
    NT_TRY(nt_job_check_rest(r->out, r->in, r->e));
    NT_TRY(read_inputs(r));
done:
    return s;
}

nt_status nt_job_new(nt_job **out, const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_job *job = nt_calloc(1, sizeof *job);
    reader r = {.in = j, .job = job, .e = e};

    if (!job || !(r.out = job->json = cJSON_CreateObject()))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_all(&r));
    NT_TRY(nt_job_check_supported(job, e));
    *out = job;
    job = NULL;
done:
    nt_job_free(job);
    return s;
}

void nt_job_free(nt_job *j)
{
    if (!j)
        return;
    nt_json_free(j->json);
    nt_free(j);
}
