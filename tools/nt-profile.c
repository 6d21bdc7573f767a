/* SPDX-License-Identifier: MIT */
/* nt-profile - the metrics of one model, its layers, or two models side by side. */
#include "cli/cli.h"
#include "cli/model.h"
#include "data/data.h"
#include "exec/precision.h"
#include "graph/pass.h"
#include "measure/costrun.h"
#include "measure/profile.h"
#include "op/registry.h"
#include "report/cost.h"
#include "train/eval.h"

#include <math.h>
#include <string.h>

typedef struct options {
    nt_profile_opts o;
    const char *compare, *metric;
    const nt_metric *judge; /* what `metric` names */
    bool cost_table;
    nt_cost_opts cost;
} options;

static const char *title(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strcmp(path, "-") == 0 ? "model" : slash ? slash + 1 : path;
}

/* What models are measured with. split NULL: without data. */
typedef struct bench {
    const nt_cli *c;
    const options *o;
    nt_device *dev;
    nt_split *split;
} bench;

/* With --data: the metric and its interval. */
static nt_status evaluate(nt_profile *p, const bench *b, nt_model *m, nt_dtype compute,
                          nt_err *e)
{
    nt_status s = NT_OK;
    const nt_metric *metric = b->o->judge, *const asked[] = {metric, NULL};
    nt_eval_opts o = {.workers = 1, .compute = compute, .metrics = asked};
    nt_interval doubt;
    nt_evaluator *v = NULL;
    nt_eval_result r = {0};
    nt_graph *g = NULL; /* in float32, which data are of */
    bool widened;

    NT_TRY(nt_graph_dup(&g, nt_model_graph(m), true, e));
    NT_TRY(nt_graph_bind(g, nt_ops_table(), e));
    NT_TRY(nt_pass_to_f32(g, &widened, e));
    NT_TRY(nt_evaluator_new(&v, g, b->dev, b->split, &o, e));
    NT_TRY(nt_evaluator_run(v, &r, e));
    p->eval_metric = nt_eval_value(&r, metric);
    strncpy(p->eval_key, metric->name, sizeof p->eval_key - 1);
    doubt = nt_eval_interval(&r, metric);
    p->eval_low = doubt.lo;
    p->eval_high = doubt.hi;
done:
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    nt_graph_free(g);
    return s;
}

/* What --resolution says, or where the model leaves it open, the data. split may be NULL. */
static nt_status fix_size(nt_graph *g, const nt_cli *c, nt_split *split, nt_err *e)
{
    const nt_loader_opts one = {.batch_size = 1, .limit = 1, .workers = 1};
    nt_sample sample;
    nt_loader *l = NULL;
    nt_status s;

    if (c->resolution)
        return nt_pass_fix_size(g, c->size[0], c->size[1], e);
    if (!split || nt_graph_has_size(g))
        return NT_OK;
    if ((s = nt_loader_new(&l, split, &one, e)) != NT_OK)
        return s;
    sample = nt_loader_sample(l);
    nt_loader_free(l);
    return nt_pass_fix_size(g, sample.h, sample.w, e);
}

/* A model and its profile. */
typedef struct profiled {
    nt_model *m;
    nt_profile *p;
} profiled;

/* out: to be released, whatever comes of it. */
static nt_status profile(profiled *out, const bench *b, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    nt_profile_opts po = b->o->o;

    NT_TRY(nt_cli_model(&out->m, b->c, path, NT_CLI_TO_RUN, e));
    NT_TRY(fix_size(nt_model_graph(out->m), b->c, b->split, e));
    NT_TRY(nt_choose_bf16(&po.compute, nt_model_graph(out->m), b->dev, b->c->tolerance, e));
    NT_TRY(nt_profile_new(&out->p, out->m, b->dev, &po, e));
    if (b->split)
        NT_TRY(evaluate(out->p, b, out->m, po.compute, e));
done:
    return s;
}

static void release(profiled *v)
{
    nt_profile_free(v->p);
    nt_model_free(v->m);
}

/* Of a quantized model: how much of it is computed so. */
static void note_int8(const nt_cli *c, const nt_profile *p, const nt_device *dev)
{
    if (!p || !p->quantized || nt_cli_compute(c) != NT_I8)
        return;
    nt_cli_note(c, "int8: %d of %d quantized layers%s", p->int8, p->quantized,
                nt_device_has_int8(dev) ? ""
                                        : ", since there is no VNNI here: the others in fp32");
}

static void on_progress(void *ctx, double share)
{
    nt_cli_progress(ctx, share, "networks of fewer channels");
}

/* Gives the report, and releases it. json NULL: memory ran out. */
static nt_status give(const nt_cli *c, cJSON *json, const nt_str *text, nt_err *e)
{
    nt_status s = json ? nt_cli_report(c, json, text->p, e) : nt_fail_nomem(e);

    nt_json_free(json);
    return s;
}

/* With --cost-table, instead of a profile. */
static nt_status cost_table(nt_cli *c, options *o, nt_device *dev, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_cost *cost = NULL;
    nt_str text = {0};

    o->cost.batch = o->o.batch;
    o->cost.compute = o->o.compute;
    o->cost.runs = o->o.runs;
    o->cost.progress = on_progress;
    o->cost.ctx = c;
    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_KEEP, e));
    NT_TRY(fix_size(nt_model_graph(m), c, NULL, e));
    NT_TRY(nt_cost_measure(&cost, nt_model_graph(m), dev, &o->cost, e));
    nt_cli_progress_end(c);
    NT_TRY(nt_cost_text(&text, cost, e));
    NT_TRY(give(c, nt_cost_json(cost), &text, e));
done:
    nt_str_release(&text);
    nt_cost_free(cost);
    nt_model_free(m);
    return s;
}

static nt_status profiles(nt_cli *c, options *o, nt_device *dev, nt_err *e)
{
    nt_status s = NT_OK;
    bench b = {.c = c, .o = o, .dev = dev};
    nt_dataset *data = NULL;
    profiled v[2] = {{0}}; /* the model, and what it is compared with */
    nt_str text = {0};
    cJSON *json;

    NT_TRY(nt_metric_find(&o->judge, o->metric, e));
    if (c->data) {
        NT_TRY(nt_dataset_open(&data, c->data, e));
        NT_TRY(nt_split_open(&b.split, data, c->split ? c->split : "test", e));
    }
    o->o.in_turn = o->compare != NULL;
    NT_TRY(profile(&v[0], &b, c->input, e));
    if (o->compare) {
        NT_TRY(profile(&v[1], &b, o->compare, e));
        NT_TRY(nt_profile_in_turn((nt_profile *const[]){v[0].p, v[1].p}, &o->o, e));
    }
    NT_TRY(nt_profile_text(&text, v[0].p, title(c->input), v[1].p,
                           o->compare ? title(o->compare) : NULL, e));
    json = nt_profile_json(v[0].p, v[1].p);
    if (!json || !nt_split_report_left_out(json, b.split)) {
        nt_json_free(json);
        NT_TRY(nt_fail_nomem(e));
    }
    nt_cli_warn_take(c, nt_split_skipped_text(b.split));
    NT_TRY(give(c, json, &text, e));
done:
    nt_str_release(&text);
    note_int8(c, v[0].p, dev);
    release(&v[0]);
    release(&v[1]);
    nt_split_free(b.split);
    nt_dataset_free(data);
    return s;
}

static nt_status run(nt_cli *c, options *o, nt_err *e)
{
    char tuning[512];
    nt_status s = NT_OK;
    nt_device *dev = NULL;

    o->o.batch = c->batch_size ? c->batch_size : 1;
    o->o.compute = nt_cli_compute(c);
    NT_TRY(nt_device_new(&dev, (int)c->threads, e));
    NT_TRY(o->cost_table ? cost_table(c, o, dev, e) : profiles(c, o, dev, e));
done:
    if (nt_device_tuning(dev, tuning, sizeof tuning))
        nt_cli_note(c, "%s", tuning);
    nt_device_free(dev);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-profile",
                .synopsis = "[--layers] [--compare OTHER] [--cost-table] [MODEL]",
                .about = "Counts and measures a model: parameters, MACs, bytes, memory, time.",
                .takes = NT_CLI_INPUT | NT_CLI_DATA | NT_CLI_COMPUTE | NT_CLI_TOLERANCE |
                         NT_CLI_SIZE | NT_CLI_REPORT};
    options o = {.metric = "accuracy"};
    int64_t runs = 0;
    const nt_opt opts[] = {
        NT_OPT_BOOL(0, "layers", &o.o.layers, "add the table of layers with their times"),
        NT_OPT_STR(0, "compare", &o.compare, "MODEL", "a second model, and the ratios to it"),
        NT_OPT_STR(0, "metric", &o.metric, "NAME", "evaluation metric with --data",
                   .words = NT_METRICS, .def = "accuracy"),
        NT_OPT_I64(0, "runs", &runs, "N", 1, 1001, "timed runs",
                   .def = "half a second of them; of each network of a cost table 5"),
        NT_OPT_BOOL(0, "cost-table", &o.cost_table,
                    "measure what layers cost with fewer channels, instead"),
        NT_OPT_I64(0, "step", &o.cost.step, "N", 1, 1024,
                   "most counts of channels in that table are multiples of N", .def = "8"),
        NT_OPT_DOUBLE(0, "time", &o.cost.time_s, "S", 1e-6, 1e6, "seconds that table may take",
                      .def = "60"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    if (o.cost_table && (o.compare || o.o.layers || c.data))
        nt_cli_usage(&c, "--cost-table goes without --compare, --layers and --data");
    if (!o.cost_table && (o.cost.step || o.cost.time_s > 0))
        nt_cli_usage(&c, "--step and --time are for --cost-table");
    o.o.runs = (int)runs;
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
