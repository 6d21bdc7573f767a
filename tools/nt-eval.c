/* SPDX-License-Identifier: MIT */
/* nt-eval - metrics of a model on a split, with their doubt; two models on the same samples. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "exec/precision.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "train/command.h"
#include "train/eval.h"
#include "train/views_of.h"

#include <math.h>
#include <string.h>

typedef struct options {
    const char *metrics, *compare, *command;
    const char *cache, *compare_cache; /* of what the model, the reference says; NULL: none */
    int64_t limit;
} options;

/* Which metrics were asked for, in order, NULL behind them; `names` is cut into its words. */
static nt_status find_metrics(const nt_metric *out[NT_MAX_METRICS + 1], char *names, nt_err *e)
{
    nt_status s = NT_OK;
    int n = 0;

    for (char *p = names; p != NULL && n < NT_MAX_METRICS; n++) {
        char *comma = strchr(p, ',');

        if (comma != NULL)
            *comma++ = '\0';
        NT_TRY(nt_metric_find(&out[n], p, e));
        for (int i = 0; i < n; i++)
            if (out[i] == out[n])
                NT_TRY(nt_fail(e, NT_EINVAL, "metric '%s' is asked for twice", p));
        p = comma;
    }
    out[n] = NULL;
done:
    return s;
}

/* ---- our own metrics */

static const char *split_name(const nt_cli *c)
{
    return c->split != NULL ? c->split : "test";
}

/* One that is measured, and where its outputs are kept (NULL: nowhere). */
typedef struct measured {
    const char *path, *cache;
} measured;

/* What models are measured with. */
typedef struct bench {
    const nt_cli *c;
    nt_device *dev;
    nt_dataset *data;
    nt_split *split;
    nt_eval_opts how;
} bench;

static nt_status name_outputs(nt_sha256_hex *out, const bench *b, const char *path,
                              nt_eval_opts *o, nt_err *e)
{
    nt_status s = nt_sha256_file(out, path, e);
    nt_sha256_hex model = *out;
    const nt_views_of of = {.model = model.text,
                            .data = b->data,
                            .split = b->split,
                            .split_name = split_name(b->c),
                            .dev = b->dev,
                            .compute = o->compute,
                            .threads = b->c->threads,
                            .batch_size = o->batch_size,
                            .limit = o->limit};

    o->identity = out->text;
    return s == NT_OK ? nt_views_identity(out, &of, e) : s;
}

static nt_status evaluate(nt_eval_result *r, const bench *b, measured what, nt_err *e)
{
    const char *path = what.path;
    nt_sha256_hex identity;
    nt_eval_opts o = b->how;
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_evaluator *v = NULL;
    bool widened;
    char bad[256];

    NT_TRY(nt_cli_model(&m, b->c, path, NT_CLI_TO_RUN, e));
    s = nt_pass_to_f32(nt_model_graph(m), &widened, e); /* which data are of */
    if (s == NT_OK)
        s = nt_choose_bf16(&o.compute, nt_model_graph(m), b->dev, b->c->tolerance, e);
    if (s == NT_OK && (o.keep = what.cache) != NULL)
        s = name_outputs(&identity, b, path, &o, e);
    if (s == NT_OK)
        s = nt_evaluator_new(&v, nt_model_graph(m), b->dev, b->split, &o, e);
    if (s == NT_OK)
        s = nt_evaluator_run(v, r, e);
    if (s != NT_OK)
        nt_err_prefix(e, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    else
        nt_cli_warn_lines(b->c, path, nt_nonfinite_text(bad, sizeof bad, &r->bad));
    if (s == NT_OK && what.cache != NULL)
        nt_cli_warn_lines(b->c, what.cache, nt_views_file_text(nt_evaluator_kept(v)));
done:
    nt_evaluator_free(v);
    nt_model_free(m);
    return s;
}

static bool add_interval(cJSON *j, const char *key, nt_interval i)
{
    const double v[2] = {i.lo, i.hi};
    cJSON *pair = cJSON_CreateDoubleArray(v, 2);

    return pair != NULL && cJSON_AddItemToObject(j, key, pair);
}

static bool add_metrics(cJSON *j, const nt_eval_result *r)
{
    cJSON *metrics = nt_json_add_object(j, "metrics"), *confidence;
    bool ok = metrics != NULL && nt_json_add_i64(j, "samples", (int64_t)r->samples) &&
              nt_nonfinite_json(j, "", &r->bad);

    confidence = ok ? nt_json_add_object(j, "confidence") : NULL;
    ok = confidence != NULL;
    for (int i = 0; ok && i < r->n; i++) {
        const nt_metric *m = r->score[i].metric;

        ok = nt_json_add_double(metrics, m->name, r->score[i].value) &&
             add_interval(confidence, m->name, nt_eval_interval(r, m));
    }
    return ok;
}

/* Positive: the model is worse than the reference. */
static bool add_comparison(cJSON *j, const nt_eval_result *r, const nt_eval_result *ref)
{
    static const char *const keys[] = {"reference", "drop", "drop_confidence", "mcnemar_p"};
    cJSON *c = nt_json_add_object(j, "compare"), *part[4] = {NULL};
    bool ok = c != NULL;

    for (int i = 0; ok && i < 4; i++)
        ok = (part[i] = nt_json_add_object(c, keys[i])) != NULL;
    ok = ok && nt_nonfinite_json(c, "reference_", &ref->bad);
    for (int i = 0; ok && i < r->n; i++) {
        const nt_metric *m = r->score[i].metric;
        nt_comparison d = nt_eval_compare(r, ref, m);

        ok = nt_json_add_double(part[0], m->name, nt_eval_value(ref, m)) &&
             nt_json_add_double(part[1], m->name, d.drop) &&
             add_interval(part[2], m->name, d.interval) &&
             (isnan(d.p) || nt_json_add_double(part[3], m->name, d.p));
    }
    return ok;
}

static nt_status run_own(cJSON *j, const nt_cli *c, const options *o, nt_err *e)
{
    char tuning[512];
    nt_status s = NT_OK;
    const nt_metric *metrics[NT_MAX_METRICS + 1];
    bench b = {.c = c,
               .how = {.batch_size = c->batch_size,
                       .workers = c->threads > 1 ? (int)c->threads - 1 : 1,
                       .compute = nt_cli_compute(c),
                       .limit = (size_t)o->limit,
                       .metrics = metrics}};
    nt_eval_result r = {0}, ref = {0};
    char *names = nt_strdup(o->metrics);

    if (names == NULL)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(find_metrics(metrics, names, e));
    NT_TRY(nt_dataset_open(&b.data, c->data, e));
    NT_TRY(nt_split_open(&b.split, b.data, split_name(c), e));
    if (b.how.batch_size == 0)
        b.how.batch_size = nt_dataset_batch_size(b.data);
    NT_TRY(nt_device_new(&b.dev, (int)c->threads, e));
    NT_TRY(evaluate(&r, &b, (measured){c->input, o->cache}, e));
    if (o->compare != NULL)
        NT_TRY(evaluate(&ref, &b, (measured){o->compare, o->compare_cache}, e));
    if (!add_metrics(j, &r) || (o->compare != NULL && !add_comparison(j, &r, &ref)) ||
        !nt_split_report_left_out(j, b.split))
        NT_TRY(nt_fail_nomem(e));
    nt_cli_warn_take(c, nt_split_skipped_text(b.split));
done:
    nt_eval_result_release(&r);
    nt_eval_result_release(&ref);
    nt_split_free(b.split);
    nt_dataset_free(b.data);
    if (nt_device_tuning(b.dev, tuning, sizeof tuning))
        nt_cli_note(c, "%s", tuning);
    nt_device_free(b.dev);
    nt_free(names);
    return s;
}

/* ---- the user's program */

/* Adds {"reference": ref, "drop": reference - model}; takes ref. */
static nt_status compare_command(cJSON *j, cJSON *ref, nt_err *e)
{
    cJSON *c = nt_json_add_object(j, "compare"), *drop;
    const cJSON *metrics = cJSON_GetObjectItemCaseSensitive(j, "metrics");

    if (c == NULL || !cJSON_AddItemToObject(c, "reference", ref)) {
        nt_json_free(ref);
        return nt_fail_nomem(e);
    }
    if ((drop = nt_json_add_object(c, "drop")) == NULL)
        return nt_fail_nomem(e);
    for (const cJSON *m = metrics->child; m != NULL; m = m->next) {
        const cJSON *r = cJSON_GetObjectItemCaseSensitive(ref, m->string);

        if (r != NULL && !nt_json_add_double(drop, m->string, r->valuedouble - m->valuedouble))
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

static nt_status run_command(cJSON *j, const nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *metrics = NULL, *ref = NULL;

    NT_TRY(nt_command_metrics(&metrics, o->command, c->input, e));
    if (!cJSON_AddItemToObject(j, "metrics", metrics)) {
        nt_json_free(metrics);
        NT_TRY(nt_fail_nomem(e));
    }
    if (o->compare != NULL) {
        NT_TRY(nt_command_metrics(&ref, o->command, o->compare, e));
        NT_TRY(compare_command(j, ref, e));
    }
done:
    return s;
}

/* ---- as text */

/* One "name value" line; of a pair two, name_low and name_high. */
static void add_line(nt_str *text, const char *name, const char *suffix, const cJSON *v)
{
    if (cJSON_IsArray(v)) {
        nt_str_addf(text, "%s%s_low %.6g\n", name, suffix,
                    cJSON_GetArrayItem(v, 0)->valuedouble);
        nt_str_addf(text, "%s%s_high %.6g\n", name, suffix,
                    cJSON_GetArrayItem(v, 1)->valuedouble);
    } else {
        nt_str_addf(text, "%s%s %.6g\n", name, suffix, v->valuedouble);
    }
}

static void add_lines(nt_str *text, const cJSON *j, const char *key, const char *suffix)
{
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(j, key);

    for (const cJSON *c = part != NULL ? part->child : NULL; c != NULL; c = c->next)
        add_line(text, c->string, suffix, c);
}

static nt_status report(const nt_cli *c, const cJSON *j, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};
    const cJSON *compare = cJSON_GetObjectItemCaseSensitive(j, "compare");
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(j, "samples");
    const cJSON *skipped = cJSON_GetObjectItemCaseSensitive(j, "skipped_samples");

    add_lines(&text, j, "metrics", "");
    add_lines(&text, j, "confidence", "");
    add_lines(&text, compare, "reference", "_reference");
    add_lines(&text, compare, "drop", "_drop");
    add_lines(&text, compare, "drop_confidence", "_drop");
    add_lines(&text, compare, "mcnemar_p", "_mcnemar_p");
    if (samples != NULL)
        nt_str_addf(&text, "samples %.0f\n", samples->valuedouble);
    if (skipped != NULL)
        nt_str_addf(&text, "skipped_samples %.0f\n", skipped->valuedouble);
    if (text.failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_cli_report(c, j, text.p, e));
done:
    nt_str_release(&text);
    return s;
}

static void check_usage(const nt_cli *c, const options *o)
{
    if (o->command == NULL && c->data == NULL)
        nt_cli_usage(c, "--data is missing (or --command)");
    if (o->command != NULL && strcmp(c->input, "-") == 0)
        nt_cli_usage(c, "--command wants the model as a file");
    if (o->command != NULL && (o->cache != NULL || o->compare_cache != NULL))
        nt_cli_usage(c, "--cache and --compare-cache do not go with --command");
    if ((o->cache != NULL && strcmp(c->input, "-") == 0) ||
        (o->compare_cache != NULL && o->compare != NULL && strcmp(o->compare, "-") == 0))
        nt_cli_usage(c, "--cache and --compare-cache want the model as a file");
    if (o->compare_cache != NULL && o->compare == NULL)
        nt_cli_usage(c, "--compare-cache needs --compare");
    if (o->compare != NULL && strcmp(o->compare, "-") == 0 && strcmp(c->input, "-") == 0)
        nt_cli_usage(c, "--compare: standard input is taken by the model");
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-eval",
                .synopsis =
                    "--data SPEC [--split NAME] [--metric NAME,...] [--compare REF] [MODEL]",
                .about = "Measures a model on a split (default: test), in fp32 unless asked "
                         "otherwise; intervals hold at 95 %.",
                .takes = NT_CLI_INPUT | NT_CLI_DATA | NT_CLI_COMPUTE | NT_CLI_TOLERANCE |
                         NT_CLI_REPORT};
    options o = {.metrics = "accuracy"};
    const nt_opt opts[] = {
        NT_OPT_STR(0, "metric", &o.metrics, "NAME,...", "what to measure, separated by commas",
                   .words = NT_METRICS, .def = "accuracy"),
        NT_OPT_STR(0, "compare", &o.compare, "MODEL",
                   "measure a reference on the same samples: drop, its paired interval, "
                   "McNemar's exact p"),
        NT_OPT_STR(0, "cache", &o.cache, "FILE",
                   "keep there what the model says, and read it from there the next time"),
        NT_OPT_STR(0, "compare-cache", &o.compare_cache, "FILE", "the same of the reference"),
        NT_OPT_STR(0, "command", &o.command, "CMD",
                   "run CMD with the model's path; it prints a JSON object of metrics"),
        NT_OPT_I64(0, "limit", &o.limit, "N", 1, INT32_MAX, "only the first N samples"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s = NT_OK;
    cJSON *j = NULL;

    nt_cli_parse(&c, opts, argc, argv);
    check_usage(&c, &o);
    nt_cli_check_terminal(&c, false);
    if ((j = cJSON_CreateObject()) == NULL)
        NT_TRY(nt_fail_nomem(&e));
    NT_TRY(o.command != NULL ? run_command(j, &c, &o, &e) : run_own(j, &c, &o, &e));
    NT_TRY(report(&c, j, &e));
done:
    nt_json_free(j);
    return nt_cli_finish(&c, s, &e);
}
