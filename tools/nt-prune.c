/* SPDX-License-Identifier: MIT */
/* nt-prune - chooses what to prune and writes masks, or with --shrink the smaller network. */
#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "cli/model.h"
#include "data/data.h"
#include "facet/layer.h"
#include "graph/pass.h"
#include "graph/tensor_io.h"
#include "measure/cost.h"
#include "prune/planfile.h"
#include "prune/prune.h"
#include "prune/rules.h"
#include "prune/shrink.h"
#include "prune/taylor.h"

#include <math.h>
#include <string.h>

typedef struct options {
    double sparsity, size, time, macs_weight;
    int round; /* which of the option's names */
    int criterion, scope;
    const char *plan, *save_plan, *masks_dir, *cost_table;
    bool shrink;
    int64_t batches;
} options;

/* -s alone is the rule {"sparsity": s, "op_types": ["default"]}; --size or --time alone allow
 * everything. */
static nt_status make_rules(cJSON **out, const nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    char *text = NULL;
    bool given = !isnan(o->sparsity), sized = o->size > 0 || o->time > 0;

    if (sized && (given || o->plan))
        return nt_fail(e, NT_EINVAL, "--size and --time exclude -s and --plan");
    if (o->size > 0 && o->time > 0)
        return nt_fail(e, NT_EINVAL, "--size and --time exclude each other");
    if ((o->time > 0) != (o->cost_table != NULL))
        return nt_fail(e, NT_EINVAL, "--time and --costs go together");
    if (c->config && given)
        return nt_fail(e, NT_EINVAL, "-s and --config exclude each other");
    if (!c->config && !given && !o->plan && !sized)
        return nt_fail(e, NT_EINVAL,
                       "one of -s, --size, --time, --config and --plan is wanted");
    if (o->plan && (c->config || given))
        return nt_fail(e, NT_EINVAL, "--plan excludes -s and --config");
    if (o->plan)
        return NT_OK;
    if (c->config) {
        NT_TRY(nt_json_load(out, c->config, e));
    } else {
        text = nt_strfmt("[{\"%s\": %.17g, \"op_types\": [\"default\"]}]",
                         o->scope ? "total_sparsity" : "sparsity", given ? o->sparsity : 0);
        if (!text)
            NT_TRY(nt_fail_nomem(e));
        NT_TRY(nt_json_parse(out, text, strlen(text), e));
    }
    NT_TRY(nt_rules_check(*out, e));
done:
    nt_free(text);
    return s;
}

/* A machine's table of costs, by the layers that can be pruned. */
typedef struct costs {
    nt_cost *table;
    const nt_cost_layer **layer; /* NULL: the table has none of that name */
    const nt_channels *c;
    nt_prune_clock clock;
} costs;

/* A grouped layer has as many inputs as its outputs have groups for. */
static double layer_ms(const void *table, int i, int64_t in, int64_t out)
{
    const costs *v = table;
    const nt_cost_layer *l = v->layer[i];
    int64_t grouped = l && v->c->layers[i].n > 0 ? l->in * out / v->c->layers[i].n : 0;

    if (!l)
        return 0;
    if (nt_layer_at(v->c->layers[i].node).groups > 1)
        in = grouped > 0 ? grouped : 1;
    return nt_cost_ms(l, in, out);
}

static void release_costs(costs *v)
{
    nt_cost_free(v->table);
    nt_free(v->layer);
}

/* Where no layer of the table is one of this network, it is of another one. */
static nt_status read_costs(costs *v, const options *o, const nt_channels *c, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;
    int known = 0;

    if (!o->cost_table)
        return NT_OK;
    NT_TRY(nt_json_load(&j, o->cost_table, e));
    if ((s = nt_cost_read(&v->table, j, e)) != NT_OK) {
        nt_err_prefix(e, "%s", o->cost_table);
        goto done;
    }
    v->layer = nt_calloc((size_t)c->n_layers + 1, sizeof *v->layer);
    if (!v->layer)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < c->n_layers; i++) {
        v->layer[i] = nt_cost_find(v->table, c->layers[i].name);
        known += v->layer[i] != NULL;
    }
    if (known == 0)
        NT_TRY(nt_fail(e, NT_EINVAL, "%s: it has no layer of this network", o->cost_table));
    v->c = c;
    v->clock = (nt_prune_clock){layer_ms, v};
done:
    nt_json_free(j);
    return s;
}

static nt_status gradients(float ***out, const nt_cli *c, const options *o, nt_model *m,
                           const nt_channels *ch, nt_err *e)
{
    nt_status s = NT_OK;
    nt_device *dev = NULL;
    nt_dataset *d = NULL;
    nt_split *split = NULL;
    nt_taylor_opts t = {.batches = o->batches, .seed = (uint64_t)c->seed};

    if (!c->data)
        return nt_fail(e, NT_EINVAL, "criterion '%s' needs --data",
                       nt_criterion_at((size_t)o->criterion)->name);
    NT_TRY(nt_device_new(&dev, (int)c->threads, e));
    NT_TRY(nt_dataset_open(&d, c->data, e));
    NT_TRY(nt_split_open(&split, d, c->split ? c->split : "train", e));
    t.split = split;
    t.batch_size = c->batch_size ? c->batch_size : 128;
    t.compute = c->precision == NT_PREC_BF16 ? NT_BF16 : NT_F32;
    NT_TRY(nt_taylor_new(out, ch, nt_model_graph(m), dev, &t, e));
    nt_cli_warn_take(c, nt_split_skipped_text(split));
done:
    nt_split_free(split);
    nt_dataset_free(d);
    nt_device_free(dev);
    return s;
}

static nt_status export_mask(const char *dir, const char *parameter, const nt_tensor *mask,
                             nt_err *e)
{
    nt_status s = NT_OK;
    char *member = nt_mask_member(parameter);
    char *path = member ? nt_path_join(dir, strchr(member, '/') + 1) : NULL;

    if (!path)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_npy_save(path, mask, e));
done:
    nt_free(member);
    nt_free(path);
    return s;
}

/* The files are called as in the archive. */
static nt_status export_masks(nt_model *m, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_graph *g = nt_model_graph(m);
    char *text = NULL, *path = NULL;

    NT_TRY(nt_outfile_make_dirs(dir, e));
    for (int i = 0; i < g->n_values; i++) {
        const nt_tensor *mask = nt_model_mask(m, g->values[i]->name);

        if (mask)
            NT_TRY(export_mask(dir, g->values[i]->name, mask, e));
    }
    path = nt_path_join(dir, "masks.json");
    text = nt_json_text(nt_model_masks_json(m));
    if (!path || !text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_outfile_save(path, text, strlen(text), e));
done:
    nt_free(text);
    nt_free(path);
    return s;
}

static nt_status save_plan(const char *path, const nt_channels *c, const bool *removed,
                           nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *plan = nt_planfile_new(c, removed);
    char *text = plan ? nt_json_text(plan) : NULL;

    if (!text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_outfile_save(path, text, strlen(text), e));
done:
    nt_free(text);
    nt_json_free(plan);
    return s;
}

/* Rules that do nothing here are no error, since one list may serve many networks. */
static nt_status note_idle_rules(const nt_cli *c, const nt_channels *ch, const cJSON *rules,
                                 nt_err *e)
{
    nt_status s = NT_OK;
    nt_str lines = {0};

    if (!c->config) /* the rule is ours */
        return NT_OK;
    NT_TRY(nt_prune_idle_rules(&lines, ch, rules, e));
    nt_cli_note_lines(c, lines.p);
done:
    nt_str_release(&lines);
    return s;
}

static nt_status choose(bool *removed, nt_cli *c, const options *o, nt_model *m,
                        const nt_channels *ch, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *rules = NULL, *plan = NULL;
    float **taylor = NULL;
    bool *gone = NULL;
    nt_str why = {0};
    costs by_time = {0};
    nt_prune_opts p = {.global = o->scope == 1,
                       .size = o->time > 0 ? o->time : o->size,
                       .macs_weight = o->macs_weight,
                       .round = 1 << o->round};
    const nt_criterion *by = nt_criterion_at((size_t)o->criterion);

    gone = nt_calloc((size_t)ch->n_channels + 1, sizeof *gone);
    if (!gone)
        NT_TRY(nt_fail_nomem(e));
    nt_shrink_find(gone, ch, m);
    NT_TRY(make_rules(&rules, c, o, e));
    NT_TRY(read_costs(&by_time, o, ch, e));
    p.clock = o->time > 0 ? &by_time.clock : NULL;
    if (o->plan) {
        NT_TRY(nt_json_load(&plan, o->plan, e));
        NT_TRY(nt_planfile_check(plan, e));
    } else {
        NT_TRY(nt_prune_check_rules(ch, rules, e));
        NT_TRY(note_idle_rules(c, ch, rules, e));
    }
    if (by->wants_gradients)
        NT_TRY(gradients(&taylor, c, o, m, ch, e));
    p.rules = rules;
    p.plan = plan;
    p.gone = gone;
    p.importance = (nt_importance_opts){
        .criterion = by, .evidence = {(uint64_t)c->seed, taylor}, .why = &why};
    NT_TRY(nt_prune_select(removed, ch, &p, e));
    nt_cli_warn_lines(c, c->input, why.p);
done:
    nt_str_release(&why);
    nt_taylor_free(taylor, ch);
    release_costs(&by_time);
    nt_free(gone);
    nt_json_free(rules);
    nt_json_free(plan);
    return s;
}

/* Removes what is masked, warns, and adds to the report. */
static nt_status shrink(const nt_cli *c, nt_model *m, cJSON *report, nt_err *e)
{
    nt_status s = NT_OK;
    nt_shrink_stats st;
    nt_str lines = {0};
    cJSON *j = NULL;

    NT_TRY(nt_shrink(m, &st, e));
    NT_TRY(nt_shrink_warnings(&lines, &st, e));
    nt_cli_warn_lines(c, c->input, lines.p);
    j = nt_shrink_report(&st);
    if (!j || !cJSON_AddItemToObject(report, "shrunk", j))
        NT_TRY(nt_fail_nomem(e));
    j = NULL;
done:
    nt_json_free(j);
    nt_str_release(&lines);
    return s;
}

static nt_status run(nt_cli *c, const options *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_model *m = NULL;
    nt_channels *ch = NULL;
    bool *removed = NULL;
    cJSON *report = NULL;
    nt_str text = {0};

    NT_TRY(nt_cli_model(&m, c, c->input, NT_CLI_TO_CHANGE, e));
    NT_TRY(nt_pass_shuffle(nt_model_graph(m), NULL, e));
    NT_TRY(nt_channels_new(&ch, nt_model_graph(m), e));
    NT_TRY(nt_prune_check_any(ch, e));
    removed = nt_calloc((size_t)ch->n_channels + 1, sizeof *removed);
    if (!removed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(choose(removed, c, o, m, ch, e));
    report = nt_prune_report(ch, removed);
    if (!report)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_prune_text(&text, ch, removed, e));
    if (o->save_plan)
        NT_TRY(save_plan(o->save_plan, ch, removed, e));
    NT_TRY(nt_prune_apply(m, ch, removed, e));
    if (o->masks_dir)
        NT_TRY(export_masks(m, o->masks_dir, e));
    if (o->shrink)
        NT_TRY(shrink(c, m, report, e));
    NT_TRY(nt_model_add_history(m, nt_cli_record(c), e));
    NT_TRY(nt_model_save(m, c->output, e));
    NT_TRY(nt_cli_report(c, report, text.p, e));
done:
    nt_json_free(report);
    nt_str_release(&text);
    nt_free(removed);
    nt_channels_free(ch);
    nt_model_free(m);
    return s;
}

int main(int argc, char **argv)
{
    nt_cli c = {.tool = "nt-prune",
                .synopsis =
                    "[-s S | --size SHARE | --time SHARE | --plan FILE] [-o FILE] [MODEL]",
                .about = "Chooses channels to prune and writes their masks.",
                .takes = NT_CLI_INPUT | NT_CLI_OUTPUT | NT_CLI_CONFIG | NT_CLI_DATA |
                         NT_CLI_SEED | NT_CLI_COMPUTE | NT_CLI_REPORT};
    options o = {.sparsity = NAN, .macs_weight = 0.1, .batches = 8};
    const nt_opt opts[] = {
        NT_OPT_DOUBLE('s', "sparsity", &o.sparsity, "S", 0, 0.999999,
                      "share of channels to remove"),
        NT_OPT_DOUBLE(0, "size", &o.size, "SHARE", 1e-6, 1,
                      "keep SHARE of the weights, ranking by importance per cost"),
        NT_OPT_DOUBLE(0, "time", &o.time, "SHARE", 1e-6, 1,
                      "keep SHARE of the time by --costs, ranking by importance per time"),
        NT_OPT_STR(0, "costs", &o.cost_table, "FILE",
                   "what layers cost on a machine, a table of nt-profile"),
        NT_OPT_DOUBLE(0, "macs-weight", &o.macs_weight, "W", 0, 1,
                      "with --size: share of MACs in the cost, the rest are weights",
                      .def = "0.1"),
        NT_OPT_ENUM(
            0, "round", &o.round, "1|2|4|8|16|32",
            "with --size or --time: leave multiples of it in wide layers, as kernels like",
            .def = "1"),
        NT_OPT_ENUM(0, "criterion", &o.criterion, NT_CRITERIA, "which channels matter least",
                    .def = "l1"),
        NT_OPT_ENUM(0, "scope", &o.scope, "local|global",
                    "the share holds in each layer, or over all", .def = "local"),
        NT_OPT_STR(0, "plan", &o.plan, "FILE", "what to keep of each layer, as JSON"),
        NT_OPT_STR(0, "save-plan", &o.save_plan, "FILE",
                   "write what was chosen as such a plan"),
        NT_OPT_BOOL(0, "shrink", &o.shrink, "remove the channels at once, as nt-shrink does"),
        NT_OPT_STR(0, "export-masks", &o.masks_dir, "DIR", "write the masks as .npy files too"),
        NT_OPT_I64(0, "batches", &o.batches, "N", 1, 1 << 20, "batches for 'taylor'",
                   .def = "8"),
        NT_OPT_END,
    };
    nt_err e = {{0}};
    nt_status s;

    nt_cli_parse(&c, opts, argc, argv);
    nt_cli_check_terminal(&c, false);
    nt_cli_check_terminal(&c, true);
    s = run(&c, &o, &e);
    return nt_cli_finish(&c, s, &e);
}
