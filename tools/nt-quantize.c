/* SPDX-License-Identifier: MIT */
/* nt-quantize - post-training quantization, or the start of quantization-aware training. */
#include "cli/cli.h"
#include "cli/model.h"
#include "data/data.h"
#include "graph/model.h"
#include "graph/pass.h"
#include "graph/pass_fuse_bn.h"
#include "quant/equalize.h"
#include "quant/mixed.h"
#include "quant/qconfig.h"
#include "quant/revert.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct options {
    const char *bits, *plan, *save_plan;
    const char *mixed, *budget, *costs, *eval_split;
    int method, range, weights, sensitivity;
    bool ends, keep_bn, no_bias, equalize;
    int64_t calibrate, steps;
    double percentile, delta;
} options;

/* What all of it works with, and what comes out. */
typedef struct job {
    nt_cli *c;
    const options *o;
    nt_dataset *data;
    nt_split *eval;
    nt_calib calib;
    nt_ptq_opts p;
    cJSON *record, *plan;
    cJSON *mixed, *log; /* how bits were chosen, and given back; NULL: they were not */
    cJSON *equalized;   /* pairs of layers; NULL: not asked for */
} job;

/* A method that is for weights of one bit has them, and inputs likewise. */
static const char *default_bits(const options *o)
{
    const nt_qmethod *m = nt_qmethod_find(nt_quantize_methods[o->method]);

    return m && m->weight == &nt_quantizer_range && m->sign ? "1" : "8";
}

static nt_status choose(nt_qspec *q, const options *o, const nt_qconfig *config, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;

    if (config->json)
        return nt_qconfig_apply(q, config, e);
    if (!o->plan)
        return nt_qspec_bits(q, o->bits ? o->bits : default_bits(o), o->ends, e);
    NT_TRY(nt_json_load(&j, o->plan, e));
    s = nt_qspec_plan(q, j, e);
done:
    nt_json_free(j);
    return s;
}

static nt_status save_plan(const char *path, const cJSON *plan, nt_err *e)
{
    char *text = nt_json_text(plan);
    nt_status s = text ? nt_outfile_save(path, text, strlen(text), e) : nt_fail_nomem(e);

    nt_free(text);
    return s;
}

static void show_blocks(void *ctx, double fraction)
{
    nt_cli_progress(ctx, fraction, "blocks");
}

static nt_ptq_rounding rounding_of(int method)
{
    switch (method) {
    case NT_QUANTIZE_ADAROUND:
        return NT_ROUND_ADAROUND;
    case NT_QUANTIZE_GPTQ:
        return NT_ROUND_GPTQ;
    case NT_QUANTIZE_BRECQ:
        return NT_ROUND_BRECQ;
    default:
        return NT_ROUND_NEAREST;
    }
}

static nt_status open_job(job *w, nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;

    *w = (job){.c = c, .o = o};
    nt_ptq_defaults(&w->p);
    w->p.method = (nt_range_method)o->range;
    w->p.percentile = o->percentile;
    w->p.weights_minmax = o->weights == 1;
    w->p.correct_bias = !o->no_bias && c->data;
    w->p.rounding = rounding_of(o->method);
    w->p.train = nt_qmethod_find(nt_quantize_methods[o->method]);
    w->calib.batch_size = c->batch_size;
    w->calib.samples = (size_t)o->calibrate;
    w->calib.seed = (uint64_t)c->seed;
    w->p.progress = show_blocks;
    w->p.ctx = c;
    if (o->steps)
        w->p.steps = o->steps;
    NT_TRY(nt_device_new(&w->calib.dev, (int)c->threads, e));
    if (!c->data)
        return NT_OK;
    NT_TRY(nt_dataset_open(&w->data, c->data, e));
    NT_TRY(nt_split_open(&w->calib.split, w->data, c->split ? c->split : "train", e));
    if (!isnan(o->delta))
        NT_TRY(nt_split_open(&w->eval, w->data, o->eval_split, e));
done:
    return s;
}

static void close_job(job *w)
{
    nt_json_free(w->record);
    nt_json_free(w->plan);
    nt_json_free(w->mixed);
    nt_json_free(w->log);
    nt_json_free(w->equalized);
    nt_split_free(w->eval);
    nt_split_free(w->calib.split);
    nt_dataset_free(w->data);
    nt_device_free(w->calib.dev);
}

static void show_equalize(void *ctx, double fraction)
{
    nt_cli_progress(ctx, fraction, "equalization");
}

/* Bits of --mixed are chosen afterwards: the first of the choice stand for them. */
static nt_status choose_first(nt_qspec *q, const char *mixed, nt_err *e)
{
    char text[16];

    snprintf(text, sizeof text, "%.*s", (int)strcspn(mixed, ","), mixed);
    return nt_qspec_bits(q, text, false, e);
}

static nt_status equalize(job *w, nt_graph *g, const nt_qconfig *config, nt_err *e)
{
    nt_equalize_opts eo = {.ptq = &w->p,
                           .calib = w->calib.split ? &w->calib : NULL,
                           .progress = show_equalize,
                           .ctx = w->c};
    nt_qspec *q = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_qspec_new(&q, g, e));
    NT_TRY(w->o->mixed ? choose_first(q, w->o->mixed, e) : choose(q, w->o, config, e));
    eo.spec = q;
    NT_TRY(nt_equalize(&w->equalized, g, &eo, e));
done:
    nt_cli_progress_end(w->c);
    nt_qspec_free(q);
    return s;
}

static void show_mixed(void *ctx, double fraction)
{
    nt_cli_progress(ctx, fraction, "sensitivity");
}

static nt_status choose_mixed(nt_qspec *q, job *w, const nt_graph *g, nt_err *e)
{
    const options *o = w->o;
    nt_mixed_opts mo = {.widths = o->mixed,
                        .budget = o->budget,
                        .measure = (nt_measure)o->sensitivity,
                        .ends = o->ends,
                        .progress = show_mixed,
                        .ctx = w->c};
    nt_ptq_opts nearest = w->p; /* so many times over, rounding is not learned */
    nt_mixed *m = NULL;
    cJSON *costs = NULL;
    nt_status s = NT_OK;

    nearest.rounding = NT_ROUND_NEAREST;
    if (o->costs)
        NT_TRY(nt_json_load(&costs, o->costs, e));
    mo.costs = costs;
    NT_TRY(nt_mixed_new(&m, g, &w->calib, &mo, &nearest, e));
    nt_mixed_apply(q, m);
    w->mixed = nt_mixed_json(m);
    if (!w->mixed)
        NT_TRY(nt_fail_nomem(e));
done:
    nt_cli_progress_end(w->c);
    nt_mixed_free(m);
    nt_json_free(costs);
    return s;
}

static void show_step(void *ctx, const char *layer, double drop)
{
    nt_cli_note(ctx, "drop %.3g: layer '%s' gets more bits", drop, layer);
}

static nt_status quantize(job *w, nt_model *m, nt_qspec *q, nt_err *e)
{
    nt_revert_opts ro = {.ptq = &w->p,
                         .delta = w->o->delta,
                         .metric = &nt_metric_accuracy,
                         .eval = w->eval,
                         .how = {.batch_size = w->c->batch_size, .workers = 1},
                         .progress = show_step,
                         .ctx = w->c};
    nt_reverted r = {0};
    nt_status s = NT_OK;

    if (isnan(w->o->delta)) {
        NT_TRY(nt_ptq(&w->record, nt_model_graph(m), q, &w->calib, &w->p, e));
    } else {
        NT_TRY(nt_ptq_within(&r, nt_model_graph(m), q, &w->calib, &ro, e));
        w->record = r.record;
        w->log = r.log;
    }
    w->plan = nt_qspec_to_plan(q); /* while there is the graph it is of */
    if (!w->plan)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_model_set_quant_record(m, w->record, e));
done:
    if (r.g)
        nt_model_take_graph(m, r.g);
    return s;
}

static int count_kind(const cJSON *tensors, const char *kind)
{
    const cJSON *t;
    int n = 0;

    cJSON_ArrayForEach(t, tensors)
    {
        n += strcmp(cJSON_GetObjectItem(t, "kind")->valuestring, kind) == 0;
    }
    return n;
}

static void add_mixed(nt_str *text, const cJSON *mixed)
{
    const cJSON *front = cJSON_GetObjectItem(mixed, "front"), *at;

    at = cJSON_GetArrayItem(front, cJSON_GetObjectItem(mixed, "chosen")->valueint);
    nt_str_addf(text, "%.10g %s of %.10g, %s %.4g, one of %d efficient choices\n",
                cJSON_GetObjectItem(at, "cost")->valuedouble,
                cJSON_GetObjectItem(mixed, "unit")->valuestring,
                cJSON_GetObjectItem(mixed, "budget")->valuedouble,
                cJSON_GetObjectItem(mixed, "measure")->valuestring,
                cJSON_GetObjectItem(at, "loss")->valuedouble, cJSON_GetArraySize(front));
}

static const char *word_of(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItem(j, key);

    return v ? v->valuestring : NULL;
}

/* One line, and under -v another for each layer. */
static void add_equalized(nt_str *text, const nt_cli *c, const cJSON *list)
{
    const cJSON *j;
    int pairs = 0, taken = 0;

    cJSON_ArrayForEach(j, list)
    {
        const char *second = word_of(j, "second"), *why = word_of(j, "why");

        pairs += second != NULL;
        taken += cJSON_IsTrue(cJSON_GetObjectItem(j, "taken"));
        nt_cli_note(c, "layer '%s'%s%s%s: %s%s", word_of(j, "first"), second ? " and '" : "",
                    second ? second : "", second ? "'" : "",
                    why ? "not equalized: " : "equalized by ", why ? why : word_of(j, "by"));
    }
    nt_str_addf(text, "%d of %d pairs of layers equalized\n", taken, pairs);
}

static void add_log(nt_str *text, const cJSON *log)
{
    const cJSON *step;

    cJSON_ArrayForEach(step, cJSON_GetObjectItem(log, "steps"))
    {
        nt_str_addf(text, "%s: %s became %s, as the drop was %.4g\n",
                    cJSON_GetObjectItem(step, "layer")->valuestring,
                    cJSON_GetObjectItem(step, "from")->valuestring,
                    cJSON_GetObjectItem(step, "to")->valuestring,
                    cJSON_GetObjectItem(step, "drop")->valuedouble);
    }
    nt_str_addf(text, "%s %.6g, reference %.6g, drop %.4g\n",
                cJSON_GetObjectItem(log, "metric")->valuestring,
                cJSON_GetObjectItem(log, "value")->valuedouble,
                cJSON_GetObjectItem(log, "reference")->valuedouble,
                cJSON_GetObjectItem(log, "drop")->valuedouble);
}

/* quant.json, and besides "mixed" and "revert" where there is such a thing. */
static nt_status report(job *w, nt_err *e)
{
    const cJSON *tensors = cJSON_GetObjectItem(w->record, "tensors");
    nt_str text = {0};
    nt_status s = NT_OK;

    nt_str_addf(&text, "%d weights and %d activations quantized\n",
                count_kind(tensors, "weight"), count_kind(tensors, "activation"));
    if (w->equalized)
        add_equalized(&text, w->c, w->equalized);
    if (w->mixed)
        add_mixed(&text, w->mixed);
    if (w->log)
        add_log(&text, w->log);
    if (w->equalized && !cJSON_AddItemReferenceToObject(w->record, "equalized", w->equalized))
        NT_TRY(nt_fail_nomem(e));
    if (w->mixed && !cJSON_AddItemReferenceToObject(w->record, "mixed", w->mixed))
        NT_TRY(nt_fail_nomem(e));
    if (w->log && !cJSON_AddItemReferenceToObject(w->record, "revert", w->log))
        NT_TRY(nt_fail_nomem(e));
    if (text.failed || !nt_split_report_left_out(w->record, w->calib.split))
        NT_TRY(nt_fail_nomem(e));
    nt_cli_warn_take(w->c, nt_split_skipped_text(w->calib.split));
    NT_TRY(nt_cli_report(w->c, w->record, text.p, e));
done:
    nt_str_release(&text);
    return s;
}

static nt_status check_options(const nt_cli *c, const options *o, nt_err *e)
{
    if ((o->bits != NULL) + (o->plan != NULL) + (c->config != NULL) + (o->mixed != NULL) > 1)
        return nt_fail(e, NT_EINVAL, "--bits, --mixed, --config and --plan exclude each other");
    if (!o->mixed != !o->budget)
        return nt_fail(e, NT_EINVAL, "--mixed and --budget belong together");
    if (o->costs && !o->mixed)
        return nt_fail(e, NT_EINVAL, "--costs belongs to --mixed");
    if (o->mixed && !c->data)
        return nt_fail(e, NT_EINVAL, "--mixed needs --data");
    if (o->steps && o->method != NT_QUANTIZE_BRECQ)
        return nt_fail(e, NT_EINVAL, "--steps belongs to --method brecq");
    if (!isnan(o->delta) && !c->data)
        return nt_fail(e, NT_EINVAL, "--delta needs --data");
    if (!isnan(o->delta) && nt_qmethod_find(nt_quantize_methods[o->method]))
        return nt_fail(e, NT_EINVAL, "--delta is not for --method %s: training comes first",
                       nt_quantize_methods[o->method]);
    return NT_OK;
}

/* What --config says beside the layers holds where the command line says nothing. */
static nt_status read_config(nt_qconfig *config, options *o, const char *path, nt_err *e)
{
    nt_status s = NT_OK;

    if (path)
        NT_TRY(nt_qconfig_load(config, path, e));
    if (o->method < 0)
        o->method = config->method >= 0 ? config->method : NT_QUANTIZE_PTQ;
    o->keep_bn = o->keep_bn || config->keep_bn;
done:
    return s;
}

static nt_status run(nt_cli *c, options *o, nt_err *e)
{
    nt_qconfig config = {.method = -1};
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_qspec *q = NULL;
    job w = {0};

    NT_TRY(read_config(&config, o, c->config, e));
    NT_TRY(check_options(c, o, e));
    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_CHANGE, e));
    if (!o->keep_bn)
        NT_TRY(nt_pass_fuse_bn(nt_model_graph(m), NULL, NULL, e));
    NT_TRY(open_job(&w, c, o, e));
    if (o->equalize)
        NT_TRY(equalize(&w, nt_model_graph(m), &config, e));
    NT_TRY(nt_qspec_new(&q, nt_model_graph(m), e));
    NT_TRY(o->mixed ? choose_mixed(q, &w, nt_model_graph(m), e) : choose(q, o, &config, e));
    NT_TRY(quantize(&w, m, q, e));
    nt_cli_progress_end(c);
    if (o->save_plan)
        NT_TRY(save_plan(o->save_plan, w.plan, e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(c), e));
    NT_TRY(nt_model_save(m, c->output, e));
    NT_TRY(report(&w, e));
done:
    close_job(&w);
    nt_qspec_free(q);
    nt_model_free(m);
    nt_qconfig_release(&config);
    return s;
}

#define AT(member) .at = offsetof(options, member)

static const nt_opt rows[] = {
    NT_OPT_STR(0, "bits", NULL, "W[/A]",
               "bits of weights and of activations, 1 to 16; 32: floating point", .def = "8",
               AT(bits)),
    NT_OPT_STR(0, "mixed", NULL, "W[/A],...",
               "bits to choose from layer by layer, to lose least within --budget", AT(mixed)),
    NT_OPT_STR(0, "budget", NULL, "KIND=N",
               "of --mixed: bits=N of a weight on average, bytes=N, bops=N or ms=N",
               AT(budget)),
    NT_OPT_STR(0, "costs", NULL, "FILE", "of --budget ms=N: each layer's times, as JSON",
               AT(costs)),
    NT_OPT_ENUM(0, "sensitivity", NULL, NT_MEASURES,
                "what --mixed goes by: divergence of class scores, squared gradients (needs "
                "labels), or squared error of any outputs",
                .def = "kl", AT(sensitivity)),
    NT_OPT_DOUBLE(0, "delta", NULL, "D", 0, 100,
                  "give bits back until accuracy drops by at most D per cent", AT(delta)),
    NT_OPT_STR(0, "eval-split", NULL, "NAME", "where --delta measures", .def = "test",
               AT(eval_split)),
    NT_OPT_ENUM(0, "method", NULL, "ptq|adaround|gptq|brecq|qat|lsq|lsq+|dorefa|pact|bnn|xnor",
                "quantize at once, adaround, gptq and brecq with rounding learned from the "
                "data; or prepare the model for nt-finetune (all others)",
                .def = "ptq", AT(method)),
    NT_OPT_I64(0, "steps", NULL, "N", 1, 1 << 30, "steps of --method brecq for each block",
               .def = "1000", AT(steps)),
    NT_OPT_I64(0, "calibrate", NULL, "N", 1, 1 << 30, "samples to find activation ranges with",
               .def = "512", AT(calibrate)),
    NT_OPT_ENUM(0, "range", NULL, NT_RANGE_METHODS, "range of an activation", .def = "mse",
                AT(range)),
    NT_OPT_DOUBLE(0, "percentile", NULL, "P", 50, 100, "of --range percentile", .def = "99.99",
                  AT(percentile)),
    NT_OPT_ENUM(0, "weight-range", NULL, "mse|minmax", "range of a weight", .def = "mse",
                AT(weights)),
    NT_OPT_BOOL(0, "keep-ends", NULL,
                "with --bits or --mixed: first and last layer at 8 bits at least", AT(ends)),
    NT_OPT_BOOL(0, "no-bias-correction", NULL,
                "leave biases as they are; else they take up what rounding does to the mean",
                AT(no_bias)),
    NT_OPT_BOOL(0, "equalize", NULL,
                "first scale channels between layers to one size, where that loses less",
                AT(equalize)),
    NT_OPT_BOOL(0, "keep-bn", NULL, "do not fold batch normalisation first", AT(keep_bn)),
    NT_OPT_STR(0, "plan", NULL, "FILE", "bits of each layer, as JSON", AT(plan)),
    NT_OPT_STR(0, "save-plan", NULL, "FILE", "write what was chosen as such a plan",
               AT(save_plan)),
    NT_OPT_END,
};

#define N_ROWS (sizeof rows / sizeof *rows)

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-quantize",
                .synopsis =
                    "[--bits W[/A] | --mixed W[/A],... --budget KIND=N | --config FILE | "
                    "--plan FILE] [--delta D] [--data SPEC] [-o FILE] [MODEL]",
                .about = "Makes weights and activations integers of few bits.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_DATA |
                         NT_CLI_SEED | NT_CLI_COMPUTE | NT_CLI_REPORT};
    nt_ptq_opts d;
    options o = {.method = -1, .delta = NAN, .eval_split = "test"};
    nt_opt opts[N_ROWS];
    nt_err e = {{0}};
    nt_status s;

    nt_ptq_defaults(&d);
    o.calibrate = NT_CALIB_SAMPLES;
    o.percentile = d.percentile;
    o.range = d.method;
    nt_opt_bind(opts, rows, &o);
    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
