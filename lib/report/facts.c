/* SPDX-License-Identifier: MIT */
#include "report/facts.h"

#include "base/alloc.h"
#include "train/metric.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

double nt_fact_number(const cJSON *o, const char *key)
{
    const cJSON *v = nt_json_get(o, key);

    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

const char *nt_fact_text(const cJSON *o, const char *key)
{
    const cJSON *v = nt_json_get(o, key);

    return cJSON_IsString(v) ? v->valuestring : "";
}

const cJSON *nt_facts_find(const nt_facts *f, const char *id)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, f->candidates) if (strcmp(nt_fact_text(c, "id"), id) == 0) return c;
    return NULL;
}

/* ---- reading */

/* The first search that the job asks for, and the one after it ("": none). */
static void searches(const nt_facts *f, const char *name[2])
{
    const cJSON *v = nt_json_get(f->job->settings, "optimization");
    const cJSON *second = cJSON_IsArray(v) ? cJSON_GetArrayItem(v, 1) : NULL;

    if (cJSON_IsArray(v))
        v = cJSON_GetArrayItem(v, 0);
    name[0] = cJSON_IsString(v) ? v->valuestring : "compression";
    name[1] = cJSON_IsString(second) ? second->valuestring : "";
}

/* A program that judges, or a metric that is not ours: more is better, as nt-optimize has it.
 */
static bool is_more_better(const nt_facts *f)
{
    const nt_metric *m;
    nt_err ignored;

    return cJSON_IsString(nt_json_get(f->job->settings, "eval_func")) ||
           nt_metric_find(&m, f->key, &ignored) != NT_OK || m->more_is_better;
}

static void read_settings(nt_facts *f)
{
    const cJSON *settings = f->job->settings;
    const char *name[2];
    double target = nt_fact_number(settings, "target_ms");

    searches(f, name);
    f->by_time = strcmp(name[0], "latency") == 0 || strcmp(name[1], "latency") == 0;
    f->target_ms = target > 0 ? target : 0;
    f->surely = nt_fact_number(settings, "confidence") > 0;
    f->more_is_better = is_more_better(f);
}

nt_status nt_facts_read(nt_facts *f, const nt_html_job *job, nt_err *e)
{
    const cJSON *m = job->metrics;

    *f = (nt_facts){.job = job, .metrics = m};
    f->ref = nt_json_get(m, "reference");
    f->candidates = nt_json_get(m, "candidates");
    f->is = nt_json_get(m, "comparison");
    f->was = nt_json_get(f->is, "other");
    f->turns = nt_json_get(f->is, "turns");
    f->key = nt_fact_text(m, "eval_key");
    f->best = nt_fact_text(m, "best");
    f->dry = cJSON_IsTrue(nt_json_get(m, "dryrun"));
    if (!cJSON_IsObject(f->ref) || !cJSON_IsArray(f->candidates) || !cJSON_IsObject(f->was) ||
        !*f->key || !*f->best)
        return nt_fail(e, NT_EFORMAT, "not the metrics of a finished job");
    f->result = nt_facts_find(f, f->best);
    if (!f->result && strcmp(f->best, "reference") != 0)
        return nt_fail(e, NT_EFORMAT, "the best candidate, '%.40s', is none of the candidates",
                       f->best);
    read_settings(f);
    return NT_OK;
}

/* ---- times */

double nt_facts_time_share(const nt_facts *f, const cJSON *c)
{
    double share = nt_fact_number(c, "time_share");

    if (c == f->ref)
        return 1;
    return share > 0 ? share : NAN;
}

double nt_facts_ms(const nt_facts *f, const cJSON *c)
{
    return nt_facts_time_share(f, c) * nt_fact_number(f->ref, "execution_time_ms");
}

double nt_facts_result_share(const nt_facts *f)
{
    double ratio = nt_fact_number(f->turns, "ratio");

    return ratio > 0 ? 1 / ratio : NAN;
}

bool nt_facts_is_disturbed(const cJSON *c)
{
    return cJSON_IsTrue(nt_json_get(c, "time_disturbed"));
}

bool nt_facts_any_disturbed(const nt_facts *f)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, f->candidates) if (nt_facts_is_disturbed(c)) return true;
    return cJSON_IsTrue(nt_json_get(f->turns, "disturbed"));
}

/* ---- words */

static const char *capital(char *buf, size_t n, const char *word)
{
    snprintf(buf, n, "%s", word);
    buf[0] = (char)toupper((unsigned char)buf[0]);
    return buf;
}

void nt_facts_title(nt_str *t, const nt_facts *f)
{
    const char *name[2];
    char first[64];

    searches(f, name);
    nt_str_add(t, capital(first, sizeof first, name[0]));
    if (*name[1])
        nt_str_addf(t, ", then %s", name[1]);
    nt_str_addf(t, ": job %s", nt_fact_text(f->metrics, "job"));
}

const char *nt_facts_bound(const nt_facts *f)
{
    return f->target_ms > 0 ? "within the target" : "within delta";
}

static const char *less(const nt_facts *f)
{
    return f->by_time ? "faster" : "smaller";
}

static void say_nothing(nt_str *t, const nt_facts *f)
{
    if (f->target_ms > 0)
        nt_str_addf(t, "Nothing takes at most %g ms", f->target_ms);
    else
        nt_str_addf(t, "Nothing %s than the reference keeps %s within %g", less(f), f->key,
                    nt_fact_number(f->metrics, "delta"));
    nt_str_add(t, ": the result is the reference.");
}

/* ", where its drop is 0.5" */
static const char *drop_text(char *buf, const nt_facts *f)
{
    double drop = nt_fact_number(f->metrics, "search_drop");

    if (!isfinite(drop))
        return "";
    snprintf(buf, 64, ", where its drop is %.4g", drop);
    return buf;
}

static void say_splits(nt_str *t, const nt_facts *f)
{
    char buf[64];
    const char *search = nt_fact_text(f->metrics, "search_split"),
               *judge = nt_fact_text(f->metrics, "eval_split");

    if (strcmp(search, judge) == 0)
        nt_str_addf(
            t,
            " It was chosen by the same samples that judge it, '%s', so that its drop is"
            " a little optimistic.",
            judge);
    else
        nt_str_addf(t, " It is judged by '%s', and was chosen by other samples, '%s'%s.", judge,
                    search, drop_text(buf, f));
}

static int count_measured(const nt_facts *f)
{
    const cJSON *c;
    int n = 0;

    cJSON_ArrayForEach(c, f->candidates) n += cJSON_IsTrue(nt_json_get(c, "measured"));
    return n;
}

void nt_facts_verdict(nt_str *t, const nt_facts *f)
{
    int n = count_measured(f);

    if (f->dry) {
        nt_str_add(t, "A dry run: one step of each stage, no result.");
        return;
    }
    if (!f->result) {
        say_nothing(t, f);
        return;
    }
    if (f->target_ms > 0)
        nt_str_addf(t, "The one with the best %s of %d candidates that takes at most %g ms.",
                    f->key, n, f->target_ms);
    else
        nt_str_addf(t, "The %s of %d candidates that keeps %s within %g of the reference%s.",
                    f->by_time ? "fastest" : "smallest", n, f->key,
                    nt_fact_number(f->metrics, "delta"),
                    f->surely ? ", with 95 % confidence" : "");
    say_splits(t, f);
}

/* ---- stages */

static void say_prune(nt_str *t, const cJSON *o)
{
    double time = nt_fact_number(o, "time");

    if (time > 0)
        nt_str_addf(t, "pruned to %.3g %% of the reference's time", 100 * time);
    else
        nt_str_addf(t, "pruned to %.3g %% of the reference's parameters",
                    100 * nt_fact_number(o, "size"));
    if (*nt_fact_text(o, "criterion"))
        nt_str_addf(t, " by %s", nt_fact_text(o, "criterion"));
    if (nt_fact_number(o, "macs_weight") > 0)
        nt_str_addf(t, ", %.3g %% of the cost MACs", 100 * nt_fact_number(o, "macs_weight"));
}

static void say_settle(nt_str *t, const cJSON *o)
{
    nt_str_addf(t, "settled by %.0f batches, not trained", nt_fact_number(o, "batches"));
}

static void say_cut(nt_str *t, const cJSON *o)
{
    nt_str_addf(t, "'%s' cut to %.0f outputs", nt_fact_text(o, "layer"),
                nt_fact_number(o, "keep"));
}

static void say_train(nt_str *t, const cJSON *o)
{
    nt_str_add(t, cJSON_IsTrue(nt_json_get(o, "full")) ? "trained on" : "trained briefly");
}

static void say_quantize(nt_str *t, const cJSON *o)
{
    double bits = nt_fact_number(o, "bits");

    if (bits > 0)
        nt_str_addf(t, "quantized to %.3g bits a weight", bits);
    else
        nt_str_add(t, "quantized as custom_compression says");
    nt_str_add(t, cJSON_IsTrue(nt_json_get(o, "trains")) ? ", to be trained so" : " at once");
}

static void say_stage(nt_str *t, const cJSON *o)
{
    static const struct {
        const char *name;
        void (*say)(nt_str *t, const cJSON *o);
    } stages[] = {{"prune", say_prune},
                  {"cut", say_cut},
                  {"train", say_train},
                  {"settle", say_settle},
                  {"quantize", say_quantize}};
    const char *name = nt_fact_text(o, "stage");

    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (strcmp(name, stages[i].name) == 0) {
            stages[i].say(t, o);
            return;
        }
    }
    nt_str_add(t, name); /* of a newer nt-optimize */
}

void nt_facts_stages(nt_str *t, const cJSON *candidate)
{
    const cJSON *o;

    cJSON_ArrayForEach(o, nt_json_get(candidate, "stages"))
    {
        nt_str_add(t, o->prev && o->prev->next ? ", " : "");
        say_stage(t, o);
    }
}

/* ---- commands */

/* make echoes a recipe: the last line that made the file is how it is. */
void nt_facts_commands(nt_str *t, const nt_facts *f, const char *id)
{
    const char *line = f->job->log, *found = NULL;
    char *end = id ? nt_strfmt(" -o candidates/%s.nt", id) : nt_strfmt(" -o opt_model.nt");
    size_t n_end = end ? strlen(end) : 0, n_found = 0;

    t->failed = t->failed || !end;
    while (end && line && *line) {
        size_t n = strcspn(line, "\n");

        if (n > n_end && strncmp(line + n - n_end, end, n_end) == 0) {
            found = line;
            n_found = n;
        }
        line += n + (line[n] == '\n');
    }
    if (found) {
        nt_str_addn(t, found, n_found);
        nt_str_add(t, "\n");
    }
    nt_free(end);
}
