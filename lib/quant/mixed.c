/* SPDX-License-Identifier: MIT */
#include "quant/mixed.h"

#include "base/alloc.h"
#include "base/str.h"
#include "quant/knapsack.h"
#include "quant/sensitivity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WIDTHS = 16 };
static const char digits[] = "0123456789abcdef";

/* By nt_measure. */
static const struct {
    const char *name;
    nt_status (*find)(double *out, nt_sensitivity *s, const nt_qlayer *l, nt_err *e);
} measures[] = {
    {"kl", nt_sensitivity_kl}, {"fisher", nt_sensitivity_fisher}, {"mse", nt_sensitivity_mse}};

struct nt_mixed {
    nt_qspec *q; /* of the graph: its layers */
    nt_qwidth w[MAX_WIDTHS];
    int n_widths;
    nt_measure measure;
    bool ends;
    const char *unit;
    nt_bitcost_kind kind;
    double budget; /* of all, the rest included */
    double rest;
    nt_kchoice *c; /* [n_weighted][n_widths] */
    nt_kfront *front;
    uint8_t *take; /* [n_weighted] */
    int chosen;
};

/* ---- options */

static nt_status read_widths(nt_mixed *m, const char *text, nt_err *e)
{
    const char *at = text;
    bool ok = true;

    for (m->n_widths = 0; ok && m->n_widths < MAX_WIDTHS; at++) {
        nt_qwidth *w = &m->w[m->n_widths];

        ok = nt_qspec_read_width(&w->weight, &w->input, &at) && (*at == ',' || !*at);
        m->n_widths += ok;
        if (ok && !*at)
            break;
    }
    if (!ok || *at)
        return nt_fail(
            e, NT_EINVAL,
            "widths '%s': want W or W/A, each 1 to 16, or 32 for floating point, up to "
            "%d of them between commas",
            text, MAX_WIDTHS);
    return NT_OK;
}

/* *bits: the average that is asked for; NAN. */
static nt_status read_budget(nt_mixed *m, double *bits, const char *text, nt_err *e)
{
    static const struct {
        const char *word, *unit;
        nt_bitcost_kind kind;
    } kinds[] = {{"bits=", "bytes", NT_BITCOST_BYTES},
                 {"bytes=", "bytes", NT_BITCOST_BYTES},
                 {"bops=", "bops", NT_BITCOST_BOPS},
                 {"ms=", "ms", NT_BITCOST_MS}};

    *bits = NAN;
    for (int i = 0; i < 4; i++) {
        size_t n = strlen(kinds[i].word);

        if (strncmp(text, kinds[i].word, n) != 0)
            continue;
        m->unit = kinds[i].unit;
        m->kind = kinds[i].kind;
        if (nt_parse_double(i == 0 ? bits : &m->budget, text + n, 0, 1e18))
            return NT_OK;
    }
    return nt_fail(e, NT_EINVAL, "budget '%s': want bits=N, bytes=N, bops=N or ms=N", text);
}

/* ---- what layers lose and cost */

static nt_qlayer *layer_at(const nt_mixed *m, int index)
{
    for (int i = 0; i < m->q->n; i++)
        if (m->q->layers[i].index == index)
            return &m->q->layers[i];
    return NULL;
}

static int at_least_8(int bits)
{
    return bits && bits < 8 ? 8 : bits;
}

/* What choice k means for a layer. */
static nt_qwidth width_of(const nt_mixed *m, int index, int k)
{
    bool end = m->ends && (index == 0 || index == m->q->n_weighted - 1);
    nt_qwidth w = m->w[k];

    return end ? (nt_qwidth){at_least_8(w.weight), at_least_8(w.input)} : w;
}

static void set_width(nt_qlayer *l, nt_qwidth w)
{
    l->weight = w.weight ? nt_qtarget_weight(w.weight) : (nt_qtarget){0};
    l->input = w.input ? nt_qtarget_input(w.input) : (nt_qtarget){0};
}

static bool same_width(nt_qwidth a, nt_qwidth b)
{
    return a.weight == b.weight && a.input == b.input;
}

/* The loss of an earlier choice that means the same; NAN. */
static double known_loss(const nt_mixed *m, int index, int k)
{
    for (int i = 0; i < k; i++)
        if (same_width(width_of(m, index, i), width_of(m, index, k)))
            return m->c[index * m->n_widths + i].loss;
    return NAN;
}

static nt_status find_losses(nt_mixed *m, nt_sensitivity *sens, const nt_mixed_opts *o,
                             nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < m->q->n_weighted * m->n_widths; i++) {
        int index = i / m->n_widths, k = i % m->n_widths;
        nt_qlayer *l = layer_at(m, index);
        nt_kchoice *c = &m->c[i];

        if (o->progress)
            o->progress(o->ctx, (double)i / (m->q->n_weighted * m->n_widths));
        c->loss = known_loss(m, index, k);
        if (!isfinite(c->cost) || !isnan(c->loss))
            continue;
        set_width(l, width_of(m, index, k));
        NT_TRY(measures[m->measure].find(&c->loss, sens, l, e));
    }
done:
    return s;
}

static nt_status find_costs(nt_mixed *m, const nt_bitcost *b, nt_err *e)
{
    for (int i = 0; i < m->q->n_weighted; i++) {
        bool any = false;

        for (int k = 0; k < m->n_widths; k++) {
            nt_kchoice *c = &m->c[i * m->n_widths + k];

            c->cost = nt_bitcost_of(b, i, width_of(m, i, k));
            any = any || isfinite(c->cost);
        }
        if (!any)
            return nt_fail(e, NT_EINVAL, "costs: layer '%s' has none of the widths",
                           layer_at(m, i)->name);
    }
    return NT_OK;
}

/* ---- the choice */

/* Losses are 0 until they are found: what can be had at all is asked before. */
static nt_status choose(nt_mixed *m, nt_err *e)
{
    nt_status s = NT_OK;

    nt_kfront_free(m->front);
    m->front = NULL;
    NT_TRY(nt_kfront_new(&m->front, m->c, m->q->n_weighted, m->n_widths, e));
    m->chosen = nt_kfront_best(m->front, m->budget - m->rest);
    if (m->chosen < 0)
        NT_TRY(nt_fail(e, NT_EINVAL,
                       "the budget is %.10g %s, but these widths take at least %.10g",
                       m->budget, m->unit, m->rest + nt_kfront_at(m->front, 0).cost));
    nt_kfront_choices(m->take, m->front, m->chosen);
done:
    return s;
}

static nt_status set_costs(nt_mixed *m, const nt_graph *g, const nt_mixed_opts *o,
                           const nt_ptq_opts *p, nt_err *e)
{
    nt_bitcost *b = NULL;
    nt_status s = NT_OK;
    double bits;

    NT_TRY(read_widths(m, o->widths, e));
    NT_TRY(read_budget(m, &bits, o->budget, e));
    if ((m->kind == NT_BITCOST_MS) != (o->costs != NULL))
        NT_TRY(nt_fail(e, NT_EINVAL, "a table of costs and a budget in ms belong together"));
    NT_TRY(nt_bitcost_new(&b, g, m->kind, o->costs, p->correct_bias && !p->train, e));
    m->rest = nt_bitcost_rest(b);
    if (!isnan(bits))
        m->budget = nt_bitcost_average(b, bits);
    m->c = nt_calloc((size_t)m->q->n_weighted * (size_t)m->n_widths + 1, sizeof *m->c);
    m->take = nt_calloc((size_t)m->q->n_weighted + 1, 1);
    if (!m->c || !m->take)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(find_costs(m, b, e));
    NT_TRY(choose(m, e));
done:
    nt_bitcost_free(b);
    return s;
}

nt_status nt_mixed_new(nt_mixed **out, const nt_graph *g, const nt_calib *c,
                       const nt_mixed_opts *o, const nt_ptq_opts *p, nt_err *e)
{
    nt_mixed *m = nt_calloc(1, sizeof *m);
    nt_sensitivity *sens = NULL;
    nt_status s = NT_OK;

    *out = NULL;
    if (!m)
        return nt_fail_nomem(e);
    m->measure = o->measure;
    m->ends = o->ends;
    NT_TRY(nt_qspec_new(&m->q, g, e));
    NT_TRY(set_costs(m, g, o, p, e));
    NT_TRY(nt_sensitivity_new(&sens, g, c, p, e));
    NT_TRY(find_losses(m, sens, o, e));
    NT_TRY(choose(m, e));
    *out = m;
    m = NULL;
done:
    nt_sensitivity_free(sens);
    nt_mixed_free(m);
    return s;
}

void nt_mixed_free(nt_mixed *m)
{
    if (!m)
        return;
    nt_kfront_free(m->front);
    nt_qspec_free(m->q);
    nt_free(m->c);
    nt_free(m->take);
    nt_free(m);
}

void nt_mixed_apply(nt_qspec *q, const nt_mixed *m)
{
    q->other_bits = 0;
    for (int k = 0; k < m->n_widths; k++)
        if (m->w[k].input && m->w[k].input <= 8)
            q->other_bits = 8;
    for (int i = 0; i < q->n; i++) {
        nt_qlayer *l = &q->layers[i];
        int k = l->index < 0 ? 0 : m->take[l->index];

        if (l->index < 0)
            continue;
        set_width(l, width_of(m, l->index, k));
        snprintf(l->why, sizeof l->why, "%s %.3g, %.10g %s", measures[m->measure].name,
                 m->c[l->index * m->n_widths + k].loss, m->c[l->index * m->n_widths + k].cost,
                 m->unit);
    }
}

/* ---- JSON */

static bool append(cJSON *a, cJSON *v)
{
    if (v && cJSON_AddItemToArray(a, v))
        return true;
    cJSON_Delete(v);
    return false;
}

static cJSON *number(double v)
{
    return isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull();
}

static bool add_widths(cJSON *j, const nt_mixed *m)
{
    cJSON *a = nt_json_add_array(j, "widths");
    char text[16];
    bool ok = a != NULL;

    for (int k = 0; ok && k < m->n_widths; k++) {
        snprintf(text, sizeof text, "%d/%d", m->w[k].weight ? m->w[k].weight : 32,
                 m->w[k].input ? m->w[k].input : 32);
        ok = append(a, cJSON_CreateString(text));
    }
    return ok;
}

static bool add_layers(cJSON *j, const nt_mixed *m)
{
    cJSON *a = nt_json_add_array(j, "layers");
    bool ok = a != NULL;

    for (int i = 0; ok && i < m->q->n_weighted; i++) {
        cJSON *o = cJSON_CreateObject(), *loss, *cost;

        ok = append(a, o) && nt_json_add_str(o, "layer", layer_at(m, i)->name);
        loss = ok ? nt_json_add_array(o, "loss") : NULL;
        cost = loss ? nt_json_add_array(o, "cost") : NULL;
        ok = cost != NULL;
        for (int k = 0; ok && k < m->n_widths; k++)
            ok = append(loss, number(m->c[i * m->n_widths + k].loss)) &&
                 append(cost, number(m->c[i * m->n_widths + k].cost));
    }
    return ok;
}

static bool add_front(cJSON *j, const nt_mixed *m)
{
    cJSON *a = nt_json_add_array(j, "front");
    uint8_t *take = nt_alloc((size_t)m->q->n_weighted + 1, 1);
    char *text = nt_calloc((size_t)m->q->n_weighted + 1, 1);
    bool ok = a && take && text;

    for (int i = 0; ok && i < nt_kfront_count(m->front); i++) {
        nt_kchoice at = nt_kfront_at(m->front, i);
        cJSON *o = cJSON_CreateObject();

        nt_kfront_choices(take, m->front, i);
        for (int g = 0; g < m->q->n_weighted; g++)
            text[g] = digits[take[g]];
        ok = append(a, o) && nt_json_add_double(o, "cost", m->rest + at.cost) &&
             nt_json_add_double(o, "loss", at.loss) && nt_json_add_str(o, "choice", text);
    }
    nt_free(take);
    nt_free(text);
    return ok;
}

cJSON *nt_mixed_json(const nt_mixed *m)
{
    cJSON *j = cJSON_CreateObject();
    bool ok = j && nt_json_add_str(j, "measure", measures[m->measure].name) &&
              nt_json_add_str(j, "unit", m->unit) &&
              nt_json_add_double(j, "budget", m->budget) && add_widths(j, m) &&
              add_layers(j, m) && nt_json_add_double(j, "rest", m->rest) && add_front(j, m) &&
              nt_json_add_i64(j, "chosen", m->chosen);

    if (ok)
        return j;
    nt_json_free(j);
    return NULL;
}
