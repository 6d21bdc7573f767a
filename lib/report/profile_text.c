/* SPDX-License-Identifier: MIT */
/* A profile as JSON and as the tables that people read: the rows and their order are listed
 * once, for both. */
#include "measure/profile.h"
#include "report/table.h"

#include <math.h>
#include <string.h>

typedef struct row {
    const char *key, *title;
    double scale; /* from the stored number to what the table shows */
    double (*get)(const nt_profile *p);
} row;

static double model_size(const nt_profile *p)
{
    return (double)p->model_size_bytes;
}

static double file_size(const nt_profile *p)
{
    return (double)p->file_size_bytes;
}

static double macs(const nt_profile *p)
{
    return (double)p->macs;
}

static double params(const nt_profile *p)
{
    return (double)p->params;
}

static double nonzero(const nt_profile *p)
{
    return (double)p->nonzero_params;
}

static double footprint(const nt_profile *p)
{
    return (double)p->memory_footprint_bytes;
}

static double peak(const nt_profile *p)
{
    return (double)p->peak_memory_bytes;
}

static double execution_time(const nt_profile *p)
{
    return p->execution_time_ms;
}

#define MIB (1.0 / (1 << 20))

static const row rows[] = {
    {"model_size_bytes", "Model Size (MiB)", MIB, model_size},
    {"file_size_bytes", "File Size (MiB)", MIB, file_size},
    {"macs", "Computational Complexity (MMACs)", 1e-6, macs},
    {"params", "Total Parameters (Millions)", 1e-6, params},
    {"nonzero_params", "Nonzero Parameters (Millions)", 1e-6, nonzero},
    {"memory_footprint_bytes", "Memory Footprint (MiB)", MIB, footprint},
    {"peak_memory_bytes", "Peak Memory (MiB)", MIB, peak},
    {"execution_time_ms", "Execution Time (ms)", 1, execution_time},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

/* ---- JSON */

static bool add_precision(cJSON *o, const char *precision)
{
    return precision ? nt_json_add_str(o, "precision", precision)
                     : cJSON_AddNullToObject(o, "precision") != NULL;
}

static bool add_layer(cJSON *a, const nt_layer_profile *l)
{
    cJSON *o = cJSON_CreateObject();

    if (!o || !cJSON_AddItemToArray(a, o))
        return false;
    return nt_json_add_str(o, "name", l->name) && nt_json_add_str(o, "op", l->op) &&
           nt_json_add_str(o, "weight_shape", l->weight) &&
           nt_json_add_str(o, "output_shape", l->output) &&
           nt_json_add_i64(o, "activation_bytes", l->activation_bytes) &&
           nt_json_add_i64(o, "params", l->params) && nt_json_add_i64(o, "macs", l->macs) &&
           nt_json_add_i64(o, "bits", l->bits) && add_precision(o, l->precision) &&
           nt_json_add_double(o, "sparsity", l->sparsity) &&
           nt_json_add_double(o, "execution_time_ms", l->time_ms);
}

static bool add_interval(cJSON *o, const char *key, double low, double high)
{
    cJSON *a = nt_json_add_array(o, key);

    return a && cJSON_AddItemToArray(a, cJSON_CreateNumber(low)) &&
           cJSON_AddItemToArray(a, cJSON_CreateNumber(high));
}

static cJSON *one(const nt_profile *p)
{
    cJSON *o = cJSON_CreateObject(), *layers;
    bool ok = o != NULL;

    if (ok && !isnan(p->eval_metric)) {
        ok = nt_json_add_double(o, "eval_metric", p->eval_metric) &&
             nt_json_add_str(o, "eval_key", p->eval_key) &&
             (isnan(p->eval_low) ||
              add_interval(o, "eval_confidence", p->eval_low, p->eval_high));
    }
    for (int i = 0; ok && i < N_ROWS; i++) {
        double v = rows[i].get(p);

        ok = v == floor(v) && fabs(v) < 9e15 ? nt_json_add_i64(o, rows[i].key, (int64_t)v)
                                             : nt_json_add_double(o, rows[i].key, v);
    }
    ok = ok && add_interval(o, "execution_time_spread_ms", p->time_min_ms, p->time_max_ms) &&
         nt_json_add_i64(o, "batch_size", p->batch) &&
         nt_json_add_str(o, "backend", p->backend);
    layers = ok ? nt_json_add_array(o, "layers") : NULL;
    ok = layers != NULL;
    for (int i = 0; ok && i < p->n_layers; i++)
        ok = add_layer(layers, &p->layers[i]);
    if (ok)
        return o;
    nt_json_free(o);
    return NULL;
}

/* How the two times compare: measured in turn, so more is known than two numbers say. */
static bool add_turns(cJSON *o, const nt_turns *t)
{
    cJSON *a;

    if (t->rounds == 0)
        return true;
    a = nt_json_add_object(o, "turns");
    return a && nt_json_add_double(a, "ratio", 1 / t->ratio) &&
           nt_json_add_double(a, "spread", t->spread) &&
           nt_json_add_double(a, "cpu_share", t->cpu_share) &&
           nt_json_add_i64(a, "rounds", t->rounds) && nt_json_add_i64(a, "tries", t->tries) &&
           nt_json_add_bool(a, "disturbed", t->disturbed);
}

static double ratio_of(const row *r, const nt_profile *p, const nt_profile *other)
{
    if (r->get == execution_time && p->turns.rounds > 0)
        return 1 / p->turns.ratio;
    return r->get(other) / r->get(p);
}

cJSON *nt_profile_json(const nt_profile *p, const nt_profile *other)
{
    cJSON *o = one(p), *second, *ratio;
    bool ok = o != NULL;

    if (!ok || !other)
        return o;
    second = one(other);
    ok = second && cJSON_AddItemToObject(o, "other", second);
    ratio = ok ? nt_json_add_object(o, "ratio") : NULL;
    ok = ratio != NULL;
    for (int i = 0; ok && i < N_ROWS; i++)
        ok = nt_json_add_double(ratio, rows[i].key, ratio_of(&rows[i], p, other));
    if (ok && add_turns(o, &p->turns))
        return o;
    nt_json_free(o);
    return NULL;
}

/* ---- text */

static void metric_cell(nt_table *t, const nt_profile *p)
{
    if (isnan(p->eval_low))
        nt_table_cell(t, "%.4f", p->eval_metric);
    else
        nt_table_cell(t, "%.2f [%.2f, %.2f]", p->eval_metric, p->eval_low, p->eval_high);
}

static void summary(nt_table *t, const nt_profile *p, const nt_profile *other)
{
    if (!isnan(p->eval_metric)) {
        nt_table_cell(t, "Evaluation Metric (%s)", p->eval_key);
        metric_cell(t, p);
        if (other) {
            metric_cell(t, other);
            nt_table_cell(t, "%+.2f", p->eval_metric - other->eval_metric);
        }
    }
    for (int i = 0; i < N_ROWS; i++) {
        nt_table_cell(t, "%s", rows[i].title);
        nt_table_cell(t, "%.4f", rows[i].get(p) * rows[i].scale);
        if (other) {
            nt_table_cell(t, "%.4f", rows[i].get(other) * rows[i].scale);
            nt_table_cell(t, "%.2fx", ratio_of(&rows[i], p, other));
        }
    }
}

static void layer_rows(nt_table *t, const nt_profile *p)
{
    static const char *const head[] = {"Layer",          "Op",     "Weight",   "Output",
                                       "Activation (B)", "Params", "MACs",     "Bits",
                                       "Precision",      "Zeros",  "Time (ms)"};

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        nt_table_cell(t, "%s", head[i]);
    nt_table_rule(t);
    for (int i = 0; i < p->n_layers; i++) {
        const nt_layer_profile *l = &p->layers[i];

        nt_table_cell(t, "%s", l->name);
        nt_table_cell(t, "%s", l->op);
        nt_table_cell(t, "%s", l->weight);
        nt_table_cell(t, "%s", l->output);
        nt_table_cell(t, "%lld", (long long)l->activation_bytes);
        nt_table_cell(t, "%lld", (long long)l->params);
        nt_table_cell(t, "%lld", (long long)l->macs);
        nt_table_cell(t, "%d", l->bits);
        nt_table_cell(t, "%s", l->precision ? l->precision : "-");
        nt_table_cell(t, "%.1f%%", 100 * l->sparsity);
        if (isnan(l->time_ms))
            nt_table_cell(t, "-");
        else
            nt_table_cell(t, "%.4f", l->time_ms);
    }
}

static void note_disturbed(nt_str *out, const nt_turns *t)
{
    if (t->disturbed)
        nt_str_addf(
            out,
            "The times are disturbed: of %d tries the calmest has rounds that differ by "
            "%.0f %%,\nand %.0f %% of the time without a processor.\n",
            t->tries, 100 * t->spread, 100 * (1 - t->cpu_share));
}

nt_status nt_profile_text(nt_str *out, const nt_profile *p, const char *name,
                          const nt_profile *other, const char *other_name, nt_err *e)
{
    nt_table *t = nt_table_new(other ? "lrrr" : "lr"), *layers = NULL;
    bool timed = false, ok;

    nt_table_cell(t, "nt Model Profiler");
    nt_table_cell(t, "%s", name);
    if (other) {
        nt_table_cell(t, "%s", other_name);
        nt_table_cell(t, "Enhancement");
    }
    nt_table_rule(t);
    summary(t, p, other);
    ok = nt_table_write(t, out);
    note_disturbed(out, &p->turns);
    for (int i = 0; i < p->n_layers; i++)
        timed = timed || !isnan(p->layers[i].time_ms);
    if (ok && timed) {
        layers = nt_table_new("llllrrrrlrr");
        layer_rows(layers, p);
        nt_str_add(out, "\n");
        ok = nt_table_write(layers, out);
    }
    nt_table_free(t);
    nt_table_free(layers);
    return ok ? NT_OK : nt_fail_nomem(e);
}
