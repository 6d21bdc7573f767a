/* SPDX-License-Identifier: MIT */
#include "search/pipeline.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/outfile.h"
#include "base/share.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 24)
#define DRY_SAMPLES 256
#define DRY_COST_S 2

/* ---- words of a Makefile */

/* One word of the recipe's shell: in single quotes, make's '$' doubled. */
static void add_quoted(nt_str *t, const char *text)
{
    nt_str_add(t, "'");
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            nt_str_add(t, "'\\''");
        else if (*p == '$')
            nt_str_add(t, "$$");
        else if (*p == '#')
            nt_str_add(t, "\\#");
        else
            nt_str_addn(t, p, 1);
    }
    nt_str_add(t, "'");
}

/* A command as the user wrote it: the shell sees all of it. */
static void add_command(nt_str *t, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '$')
            nt_str_add(t, "$$");
        else if (*p == '#')
            nt_str_add(t, "\\#");
        else
            nt_str_addn(t, p, 1);
    }
}

/* ---- stages */

static nt_stage_at place(const nt_candidate *c, const nt_search *s, const nt_job *job)
{
    const nt_measure *m = c->parent < 0 ? &s->ref : &s->v[c->parent].m;

    return (nt_stage_at){.job = job,
                         .id = c->id,
                         .parent =
                             c->parent < 0 ? 1 : (double)m->params / (double)s->ref.params,
                         .parent_time = c->parent < 0 ? 1 : m->time_share};
}

/* What the candidate's own stages are told from others by. */
static void add_stages(nt_str *t, const nt_candidate *c, const nt_stage_at *at)
{
    for (int i = 0; i < c->n_stages; i++) {
        const nt_search_stage *g = &c->stage[i];

        nt_str_addf(t, " %s ", g->kind->name);
        g->kind->options(t, g, at);
        if (g->kind->key)
            g->kind->key(t, g);
    }
}

nt_status nt_pipeline_name(nt_candidate *c, const nt_search *s, const nt_job *job, nt_err *e)
{
    nt_stage_at at;
    nt_str t = {0};
    nt_sha256_hex h;

    memset(c->id, 0, sizeof c->id);
    at = place(c, s, job);
    nt_str_add(&t, c->parent < 0 ? "ref" : s->v[c->parent].id);
    add_stages(&t, c, &at);
    if (t.failed)
        return nt_fail_nomem(e);
    h = nt_sha256(t.p, t.n);
    memcpy(c->id, h.text, 12);
    nt_str_release(&t);
    return NT_OK;
}

void nt_pipeline_chain(nt_str *t, int i, const nt_search *s, const nt_job *job)
{
    for (; i >= 0; i = s->v[i].parent) {
        nt_stage_at at = place(&s->v[i], s, job);

        add_stages(t, &s->v[i], &at);
        nt_str_add(t, "\n");
    }
}

/* ---- files */

/* Writes what is not there yet, so that make sees no news where there is none. */
static nt_status save(const char *dir, const char *name, const char *text, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_path_join(dir, name), *old = NULL;
    size_t n = strlen(text), n_old = 0;
    nt_err ignored;

    if (!path)
        return nt_fail_nomem(e);
    if (nt_file_read(&old, &n_old, path, MAX_FILE, &ignored) != NT_OK || n_old != n ||
        memcmp(old, text, n) != 0)
        NT_TRY(nt_outfile_save(path, text, n, e));
done:
    nt_free(old);
    nt_free(path);
    return s;
}

static nt_status save_json(const char *dir, const char *name, const cJSON *j, nt_err *e)
{
    char *text = nt_json_text(j);
    nt_status s = text ? save(dir, name, text, e) : nt_fail_nomem(e);

    nt_free(text);
    return s;
}

static nt_status copy_rules(const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_share_path("pipelines/compress.mk"), *text = NULL;
    size_t n;

    if (!path) /* in the source tree */
        path = nt_share_path("../pipelines/compress.mk");
    if (!path)
        return nt_fail(e, NT_EIO,
                       "pipelines/compress.mk is not installed (NT_SHARE names the "
                       "folder it is in)");
    if ((s = nt_file_read(&text, &n, path, MAX_FILE, e)) != NT_OK) {
        nt_err_prefix(e, "%s", path);
        goto done;
    }
    NT_TRY(save(dir, "pipeline.mk", text, e));
done:
    nt_free(text);
    nt_free(path);
    return s;
}

/* As nt-quantize --config takes it. */
static nt_status save_custom(const char *dir, const cJSON *custom, nt_err *e)
{
    cJSON *o = cJSON_CreateObject();
    nt_status s = NT_OK;

    if (!o)
        return nt_fail_nomem(e);
    NT_TRY(nt_json_put(o, "custom_compression", cJSON_Duplicate(custom, true), e));
    NT_TRY(save_json(dir, "quantize.json", o, e));
done:
    nt_json_free(o);
    return s;
}

nt_status nt_pipeline_prepare(const char *dir, const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    char *inner = nt_path_join(dir, "candidates");

    if (!inner)
        return nt_fail_nomem(e);
    NT_TRY(nt_make_dirs(inner, e));
    NT_TRY(save_json(dir, "job.json", job->json, e));
    NT_TRY(save_json(dir, "data.json", job->data, e));
    NT_TRY(save_json(dir, "full_trainer.json", job->full_trainer, e));
    NT_TRY(save_json(dir, "fine_tuner.json", job->loop_params, e));
    if (job->config_list)
        NT_TRY(save_json(dir, "config_list.json", job->config_list, e));
    if (job->custom)
        NT_TRY(save_custom(dir, job->custom, e));
    NT_TRY(copy_rules(dir, e));
done:
    nt_free(inner);
    return s;
}

/* What the stages' options name. */
static nt_status save_plans(const char *dir, const nt_candidate *c, nt_err *e)
{
    nt_status s = NT_OK;
    char name[64];
    cJSON *plan = NULL;

    snprintf(name, sizeof name, "candidates/%s.plan", c->id);
    for (int i = 0; i < c->n_stages; i++) {
        const nt_search_stage *g = &c->stage[i];

        if (!g->kind->file)
            continue;
        nt_json_free(plan);
        plan = g->kind->file(g);
        NT_TRY(plan ? save_json(dir, name, plan, e) : nt_fail_nomem(e));
    }
done:
    nt_json_free(plan);
    return s;
}

/* ---- the Makefile */

static void add_tools(nt_str *t, const nt_pipeline_opts *o)
{
    const nt_job *job = o->job;

    if (o->bin) {
        nt_str_add(t, "export PATH := ");
        add_command(t, o->bin);
        nt_str_add(t, ":$(PATH)\n");
    }
    for (const cJSON *c = job->tools ? job->tools->child : NULL; c; c = c->next) {
        for (const char *p = c->string; *p; p++)
            nt_str_addf(t, "%c", *p == '-' ? '_' : toupper((unsigned char)*p));
        nt_str_add(t, " = ");
        add_command(t, c->valuestring);
        nt_str_add(t, "\n");
    }
    if (job->launcher) {
        nt_str_add(t, "LAUNCHER = ");
        add_command(t, job->launcher);
        nt_str_add(t, "\n");
    }
    nt_str_addf(t, "THREADS = --threads %lld\n", (long long)o->threads);
    if (job->dryrun)
        nt_str_addf(t, "COST_TIME = --time %d\n", DRY_COST_S);
    if (job->cost_table) {
        nt_str_add(t, "COST_TABLE = ");
        add_quoted(t, job->cost_table);
        nt_str_add(t, "\n");
    }
}

static void add_eval(nt_str *t, const nt_job *job)
{
    nt_str_add(t, "EVAL = ");
    if (job->eval_command) {
        nt_str_add(t, "--command ");
        add_quoted(t, job->eval_command);
    } else {
        nt_str_add(t, "--data data.json --metric ");
        add_quoted(t, job->eval_key);
        if (job->dryrun)
            nt_str_addf(t, " --limit %d", DRY_SAMPLES);
    }
    nt_str_add(t, "\nSEARCH = --split ");
    add_quoted(t, job->search_split);
    nt_str_add(t, "\nJUDGE = --split ");
    add_quoted(t, job->eval_split);
    nt_str_add(t, "\nREPORT = ");
    if (!job->eval_command && !job->dryrun) {
        nt_str_add(t, "--data data.json --metric ");
        add_quoted(t, job->eval_key);
        nt_str_add(t, " $(JUDGE)");
    }
    nt_str_add(t, "\n");
}

static void add_train(nt_str *t, const nt_job *job)
{
    nt_str_addf(t, "TRAIN = --data data.json --teacher %s --seed %lld --loss ",
                job->int8_teacher ? "teacher.nt" : "ref_model.nt", (long long)job->seed);
    add_quoted(t, job->loss);
    if (job->train_command) {
        nt_str_add(t, " --command ");
        add_quoted(t, job->train_command);
    }
    nt_str_add(t, "\n");
}

static const nt_candidate *candidate(const nt_search *q, const char *id)
{
    for (int i = 0; id && i < q->n; i++)
        if (strcmp(q->v[i].id, id) == 0)
            return &q->v[i];
    return NULL;
}

const char *nt_pipeline_type(const nt_search *q, const nt_job *job, const char *best)
{
    const nt_candidate *c = candidate(q, best);

    if (strcmp(job->precision, "fp32") != 0) /* as nt-export has it, quantized or not */
        return job->precision;
    for (; c; c = c->parent < 0 ? NULL : &q->v[c->parent])
        for (int i = 0; i < c->n_stages; i++)
            if (c->stage[i].kind->type)
                return c->stage[i].kind->type;
    return job->precision;
}

static void add_export(nt_str *t, const nt_search *q, const nt_pipeline_opts *o)
{
    const nt_job *job = o->job;
    const cJSON *r;

    nt_str_add(t, "FORMATS =");
    cJSON_ArrayForEach(r, job->formats) nt_str_addf(t, " %s", r->valuestring);
    nt_str_addf(t, "\nPRECISION = %s\nTYPE = %s\nRESOLUTIONS =", job->precision,
                nt_pipeline_type(q, job, o->best));
    cJSON_ArrayForEach(r, job->resolutions)
        nt_str_addf(t, " --resolution %.0fx%.0f", cJSON_GetArrayItem(r, 0)->valuedouble,
                    cJSON_GetArrayItem(r, 1)->valuedouble);
    nt_str_add(t, "\n");
    if (job->root_path) {
        nt_str_add(t, "ROOT_PATH = ");
        add_quoted(t, job->root_path);
        nt_str_add(t, "\n");
    }
    if (job->bn_fusion)
        nt_str_add(t, "FUSE = yes\n");
}

/* A pipe of stages: the first reads the parent. */
static void add_candidate(nt_str *t, const nt_candidate *c, const nt_search *s,
                          const nt_job *job)
{
    bool alone = s->strategy->by_time; /* then times are taken one by one */
    nt_stage_at at = place(c, s, job);

    nt_str_add(t, "\n#");
    for (int i = 0; i < c->n_stages; i++) {
        nt_str_add(t, i > 0 ? ", " : " ");
        c->stage[i].kind->describe(t, &c->stage[i]);
    }
    nt_str_addf(t, "\ncandidates/%s.nt: private STAGES = ", c->id);
    for (int i = 0; i < c->n_stages; i++) {
        nt_str_addf(t, "%s$(call stage_%s,%s,", i > 0 ? " | " : "", c->stage[i].kind->name,
                    i > 0 ? "-" : "$(PARENT)");
        c->stage[i].kind->options(t, &c->stage[i], &at);
        nt_str_add(t, ")");
    }
    if (c->threads > 0)
        nt_str_addf(t, "\ncandidates/%s.nt%s%s%s: private THREADS = --threads %lld", c->id,
                    alone ? "" : " candidates/", alone ? "" : c->id, alone ? "" : ".json",
                    (long long)c->threads);
    nt_str_addf(t, "\ncandidates/%s.nt: ", c->id);
    if (c->parent < 0)
        nt_str_add(t, "ref_model.nt");
    else
        nt_str_addf(t, "candidates/%s.nt ref_model.nt", s->v[c->parent].id);
    if (c->stage[0].time > 0)
        nt_str_add(t, " ref_model.costs.json");
    if (job->int8_teacher && nt_candidate_has(c, &nt_stage_train))
        nt_str_add(t, " teacher.nt");
    nt_str_add(t, "\n");
}

nt_status nt_pipeline_write(const char *dir, const nt_search *q, const nt_pipeline_opts *o,
                            nt_err *e)
{
    nt_status s = NT_OK;
    nt_str t = {0};

    nt_str_add(&t,
               "# Written by nt-optimize. `make` finishes what is missing, `make clean all` "
               "repeats it;\n# `make NT_FINETUNE=...` puts another program in a tool's place.\n"
               "MODEL = ");
    add_quoted(&t, o->job->model);
    nt_str_add(&t, "\n");
    add_tools(&t, o);
    add_eval(&t, o->job);
    add_train(&t, o->job);
    add_export(&t, q, o);
    if (o->best)
        nt_str_addf(&t, "DONE = yes\nBEST = %s\n", o->best);
    nt_str_add(&t, "\ninclude pipeline.mk\n");
    for (int i = 0; i < q->n; i++) {
        add_candidate(&t, &q->v[i], q, o->job);
        NT_TRY(save_plans(dir, &q->v[i], e));
    }
    if (t.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(save(dir, "Makefile", t.p, e));
done:
    nt_str_release(&t);
    return s;
}
