/* SPDX-License-Identifier: MIT */
/* A comparison of two models as JSON and as a table. */
#include "measure/diff.h"
#include "report/table.h"
#include "train/stats.h"

static double agreement(const nt_diff *d)
{
    return 100.0 * (double)d->agreed / (double)d->samples;
}

static nt_interval agreement_interval(const nt_diff *d)
{
    nt_interval i = nt_wilson(d->agreed, d->samples, NT_Z95);

    return (nt_interval){100 * i.lo, 100 * i.hi};
}

/* ---- JSON */

static cJSON *add_item(cJSON *a, const nt_diff_row *r)
{
    cJSON *o = cJSON_CreateObject();

    if (!o || !cJSON_AddItemToArray(a, o)) {
        cJSON_Delete(o);
        return NULL;
    }
    return nt_json_add_str(o, "tensor", r->tensor) && nt_json_add_str(o, "layer", r->layer) &&
                   nt_json_add_str(o, "op", r->op) &&
                   nt_json_add_bool(o, "output", r->is_output)
               ? o
               : NULL;
}

static bool add_numbers(cJSON *o, const nt_diff_row *r)
{
    bool ok = nt_json_add_str(o, "shape", r->shape) && nt_json_add_i64(o, "elements", r->n) &&
              nt_json_add_bool(o, "equal", r->max_abs == 0) &&
              nt_json_add_double(o, "max_abs", r->max_abs) &&
              nt_json_add_double(o, "mean_abs", r->mean_abs) &&
              nt_json_add_double(o, "relative", r->relative) &&
              nt_json_add_double(o, "sqnr_db", r->sqnr_db) &&
              nt_json_add_double(o, "cosine", r->cosine);

    if (ok && r->scale != 0)
        ok = nt_json_add_double(o, "scale", r->scale) &&
             nt_json_add_double(o, "max_steps", r->max_steps) &&
             nt_json_add_double(o, "mean_steps", r->mean_steps);
    return ok;
}

static bool add_rows(cJSON *j, const nt_diff *d)
{
    cJSON *done = nt_json_add_array(j, "tensors"), *rest = nt_json_add_array(j, "not_compared");
    bool ok = done && rest;

    for (int i = 0; ok && i < d->n_rows; i++) {
        const nt_diff_row *r = &d->rows[i];
        cJSON *o = add_item(r->why ? rest : done, r);

        ok = o && (r->why ? nt_json_add_str(o, "why", r->why) : add_numbers(o, r));
    }
    return ok;
}

static bool add_top1(cJSON *j, const nt_diff *d)
{
    nt_interval i = agreement_interval(d);
    const double ends[2] = {i.lo, i.hi};
    cJSON *pair = cJSON_CreateDoubleArray(ends, 2);

    if (!pair || !cJSON_AddItemToObject(j, "top1_confidence", pair)) {
        cJSON_Delete(pair);
        return false;
    }
    return nt_json_add_double(j, "top1_agreement", agreement(d));
}

cJSON *nt_diff_json(const nt_diff *d)
{
    cJSON *j = cJSON_CreateObject();
    bool ok = j && nt_json_add_i64(j, "samples", (int64_t)d->samples) && add_rows(j, d) &&
              nt_json_add_double(j, "min_sqnr_db", d->min_sqnr_db) &&
              (d->first ? nt_json_add_str(j, "first", d->first->tensor)
                        : cJSON_AddNullToObject(j, "first") != NULL) &&
              nt_nonfinite_json(j, "reference_", &d->bad[0]) &&
              nt_nonfinite_json(j, "", &d->bad[1]) && (!d->has_top1 || add_top1(j, d));

    if (!ok) {
        nt_json_free(j);
        return NULL;
    }
    return j;
}

/* ---- text */

static void add_row(nt_table *t, const nt_diff_row *r)
{
    nt_table_cell(t, "%s", r->tensor);
    nt_table_cell(t, "%s", r->op);
    if (r->why) {
        nt_table_cell(t, "%s", r->why);
        for (int i = 0; i < 6; i++)
            nt_table_cell(t, "-");
        return;
    }
    nt_table_cell(t, "%s", r->shape);
    nt_table_cell(t, "%.3g", r->max_abs);
    nt_table_cell(t, "%.3g", r->mean_abs);
    nt_table_cell(t, "%.3g", r->relative);
    nt_table_cell(t, "%.1f", r->sqnr_db);
    nt_table_cell(t, "%.6f", r->cosine);
    if (r->scale != 0)
        nt_table_cell(t, "%.2f/%.2f", r->max_steps, r->mean_steps);
    else
        nt_table_cell(t, "-");
}

nt_status nt_diff_text(nt_str *out, const nt_diff *d, nt_err *e)
{
    static const char *const head[] = {"Tensor",  "Op",       "Shape",
                                       "Max abs", "Mean abs", "Relative",
                                       "SQNR dB", "Cosine",   "Steps max/mean"};
    nt_table *t = nt_table_new("lllrrrrrr");
    nt_interval i = agreement_interval(d);
    bool ok = t != NULL;

    for (int k = 0; ok && k < 9; k++)
        nt_table_cell(t, "%s", head[k]);
    for (int k = 0; ok && k < d->n_rows; k++)
        add_row(t, &d->rows[k]);
    ok = ok && nt_table_write(t, out);
    nt_table_free(t);
    if (d->first)
        nt_str_addf(out, "first_below_%g_db %s (layer %s)\n", d->min_sqnr_db, d->first->tensor,
                    d->first->layer);
    if (d->has_top1)
        nt_str_addf(out,
                    "top1_agreement %.6g\ntop1_agreement_low %.6g\ntop1_agreement_high %.6g\n",
                    agreement(d), i.lo, i.hi);
    nt_str_addf(out, "samples %zu\n", d->samples);
    return ok && !out->failed ? NT_OK : nt_fail_nomem(e);
}
