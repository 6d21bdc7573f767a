/* SPDX-License-Identifier: MIT */
#include "measure/cost.h"

#include "base/alloc.h"
#include "facet/layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A larger count that takes less than this much longer is had for nothing. */
#define WORTH 1.02

/* ---- points */

nt_status nt_cost_new(nt_cost **out, int max_layers, nt_err *e)
{
    nt_cost *c = nt_calloc(1, sizeof *c);

    *out = NULL;
    if (c)
        c->layer = nt_calloc((size_t)max_layers + 1, sizeof *c->layer);
    if (!c || !c->layer) {
        nt_free(c);
        return nt_fail_nomem(e);
    }
    *out = c;
    return NT_OK;
}

void nt_cost_free(nt_cost *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n; i++)
        nt_free(c->layer[i].point);
    nt_free(c->layer);
    nt_free(c);
}

static int before(const nt_cost_point *a, const nt_cost_point *b)
{
    return a->in != b->in ? a->in < b->in : a->out < b->out;
}

nt_status nt_cost_add(nt_cost_layer *l, nt_cost_point p, nt_err *e)
{
    int at = 0;

    while (at < l->n && before(&l->point[at], &p))
        at++;
    if (at < l->n && !before(&p, &l->point[at])) {
        l->point[at].ms = fmin(l->point[at].ms, p.ms);
        return NT_OK;
    }
    if (l->n == l->room) {
        int room = l->room ? 2 * l->room : 64;
        nt_cost_point *v = nt_realloc(l->point, (size_t)room, sizeof *v);

        if (!v)
            return nt_fail_nomem(e);
        l->point = v;
        l->room = room;
    }
    memmove(&l->point[at + 1], &l->point[at], (size_t)(l->n++ - at) * sizeof p);
    l->point[at] = p;
    return NT_OK;
}

/* ---- JSON */

static bool add_point(cJSON *points, const nt_cost_point *p)
{
    cJSON *o = cJSON_CreateObject();

    if (!o || !cJSON_AddItemToArray(points, o))
        return false;
    return nt_json_add_i64(o, "in", p->in) && nt_json_add_i64(o, "out", p->out) &&
           nt_json_add_double(o, "time_ms", p->ms);
}

static bool add_layer(cJSON *layers, const nt_cost_layer *l)
{
    cJSON *o = cJSON_CreateObject(), *points = NULL;
    bool ok = o && cJSON_AddItemToArray(layers, o);

    ok = ok && nt_json_add_str(o, "layer", l->name) && nt_json_add_str(o, "op", l->op) &&
         nt_json_add_str(o, "weight_shape", l->weight) &&
         nt_json_add_str(o, "output_shape", l->output) &&
         nt_json_add_i64(o, "in_channels", l->in) &&
         nt_json_add_i64(o, "out_channels", l->out) && nt_json_add_bool(o, "tied", l->tied) &&
         (points = nt_json_add_array(o, "points"));
    for (int i = 0; ok && i < l->n; i++)
        ok = add_point(points, &l->point[i]);
    return ok;
}

cJSON *nt_cost_json(const nt_cost *c)
{
    cJSON *o = cJSON_CreateObject(), *layers = NULL;
    bool ok = o && nt_json_add_str(o, "backend", c->backend) &&
              nt_json_add_str(o, "cpu", c->cpu) && nt_json_add_i64(o, "threads", c->threads) &&
              nt_json_add_i64(o, "batch_size", c->batch) &&
              nt_json_add_str(o, "precision", c->precision) &&
              nt_json_add_i64(o, "step", c->step) && nt_json_add_i64(o, "runs", c->runs) &&
              nt_json_add_i64(o, "networks", c->networks) &&
              (layers = nt_json_add_array(o, "layers"));

    for (int i = 0; ok && i < c->n; i++)
        ok = add_layer(layers, &c->layer[i]);
    if (ok)
        return o;
    nt_json_free(o);
    return NULL;
}

static nt_status read_text(char *out, size_t room, const cJSON *o, const char *key,
                           const char *where, nt_err *e)
{
    const char *text = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_str(&text, o, key, where, e));
    if (!text)
        return nt_fail(e, NT_EINVAL, "%s.%s is missing", where, key);
    snprintf(out, room, "%s", text);
done:
    return s;
}

static nt_status read_count(int64_t *out, const cJSON *o, const char *key, const char *where,
                            nt_err *e)
{
    nt_status s;

    *out = 0;
    s = nt_json_get_i64(out, o, key, (nt_bounds){1, INT32_MAX}, where, e);
    return s == NT_OK && !*out ? nt_fail(e, NT_EINVAL, "%s.%s is missing", where, key) : s;
}

static nt_status read_points(nt_cost_layer *l, const cJSON *points, const char *where,
                             nt_err *e)
{
    static const char *const keys[] = {"in", "out", "time_ms", NULL};
    nt_status s = NT_OK;
    const cJSON *o;
    char at[96];
    int i = 0;

    if (!cJSON_IsArray(points) || !points->child)
        return nt_fail(e, NT_EINVAL, "%s.points: an array of objects is wanted", where);
    cJSON_ArrayForEach(o, points)
    {
        nt_cost_point p = {.ms = NAN};

        snprintf(at, sizeof at, "%s.points[%d]", where, i++);
        NT_TRY(nt_json_check_keys(o, keys, at, e));
        NT_TRY(read_count(&p.in, o, "in", at, e));
        NT_TRY(read_count(&p.out, o, "out", at, e));
        NT_TRY(nt_json_get_double(&p.ms, o, "time_ms", (nt_bounds){0, 1e12}, at, e));
        if (isnan(p.ms))
            NT_TRY(nt_fail(e, NT_EINVAL, "%s.time_ms is missing", at));
        NT_TRY(nt_cost_add(l, p, e));
    }
done:
    return s;
}

static nt_status read_layer(nt_cost_layer *l, const cJSON *o, const char *where, nt_err *e)
{
    static const char *const keys[] = {"layer",        "op",          "weight_shape",
                                       "output_shape", "in_channels", "out_channels",
                                       "tied",         "points",      NULL};
    nt_status s = NT_OK;

    NT_TRY(nt_json_check_keys(o, keys, where, e));
    NT_TRY(read_text(l->name, sizeof l->name, o, "layer", where, e));
    NT_TRY(read_text(l->op, sizeof l->op, o, "op", where, e));
    NT_TRY(read_text(l->weight, sizeof l->weight, o, "weight_shape", where, e));
    NT_TRY(read_text(l->output, sizeof l->output, o, "output_shape", where, e));
    NT_TRY(read_count(&l->in, o, "in_channels", where, e));
    NT_TRY(read_count(&l->out, o, "out_channels", where, e));
    NT_TRY(nt_json_get_bool(&l->tied, o, "tied", where, e));
    NT_TRY(read_points(l, cJSON_GetObjectItemCaseSensitive(o, "points"), where, e));
done:
    return s;
}

static nt_status read_layers(nt_cost *c, const cJSON *layers, nt_err *e)
{
    nt_status s = NT_OK;
    char where[32];
    const cJSON *o;

    cJSON_ArrayForEach(o, layers)
    {
        snprintf(where, sizeof where, "layers[%d]", c->n);
        c->n++;
        NT_TRY(read_layer(&c->layer[c->n - 1], o, where, e));
    }
done:
    return s;
}

nt_status nt_cost_read(nt_cost **out, const cJSON *table, nt_err *e)
{
    static const char *const keys[] = {"backend", "cpu",  "threads",  "batch_size", "precision",
                                       "step",    "runs", "networks", "layers",     NULL};
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(table, "layers");
    int64_t threads, runs, networks;
    nt_cost *c = NULL;
    nt_status s = NT_OK;

    if (!cJSON_IsObject(table) || !cJSON_IsArray(layers))
        return nt_fail(e, NT_EINVAL, "a table of costs is an object with an array 'layers'");
    NT_TRY(nt_json_check_keys(table, keys, "costs", e));
    NT_TRY(nt_cost_new(&c, cJSON_GetArraySize(layers), e));
    NT_TRY(read_text(c->backend, sizeof c->backend, table, "backend", "costs", e));
    NT_TRY(read_text(c->cpu, sizeof c->cpu, table, "cpu", "costs", e));
    NT_TRY(read_text(c->precision, sizeof c->precision, table, "precision", "costs", e));
    NT_TRY(read_count(&threads, table, "threads", "costs", e));
    NT_TRY(read_count(&c->batch, table, "batch_size", "costs", e));
    NT_TRY(read_count(&c->step, table, "step", "costs", e));
    NT_TRY(read_count(&runs, table, "runs", "costs", e));
    NT_TRY(read_count(&networks, table, "networks", "costs", e));
    c->threads = (int)threads;
    c->runs = (int)runs;
    c->networks = (int)networks;
    NT_TRY(read_layers(c, layers, e));
    *out = c;
    c = NULL;
done:
    nt_cost_free(c);
    return s;
}

/* ---- what it says */

const nt_cost_layer *nt_cost_find(const nt_cost *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->layer[i].name, name) == 0)
            return &c->layer[i];
    return NULL;
}

double nt_cost_ms(const nt_cost_layer *l, int64_t in, int64_t out)
{
    double pairs = (double)in * (double)out, sum = 0, weights = 0;

    for (int i = 0; i < l->n; i++) {
        const nt_cost_point *p = &l->point[i];
        double x = log((double)in / (double)p->in), y = log((double)out / (double)p->out);
        double d2 = x * x + y * y, w = 1 / (d2 * d2);

        if (p->in == in && p->out == out)
            return p->ms;
        sum += w * p->ms / ((double)p->in * (double)p->out);
        weights += w;
    }
    return pairs * sum / weights;
}

bool nt_cost_channels(int64_t *in, int64_t *out, const nt_node *n)
{
    const nt_value *w = nt_layer_weight(n);
    nt_layer l;

    if (!w || !nt_layer_of(&l, n) || l.makes > 1 || l.reads > 1)
        return false;
    *out = nt_layer_made(&l, w->data->dims);
    *in = nt_layer_read(&l, w->data->dims);
    return true;
}

double nt_cost_graph_ms(const nt_cost *c, const nt_graph *g)
{
    double sum = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        const nt_cost_layer *l = NULL;
        char name[128];
        int64_t in, out;

        if (nt_cost_channels(&in, &out, g->nodes[i]))
            l = nt_cost_find(c, nt_layer_name(name, sizeof name, g, g->nodes[i]));
        sum += l ? nt_cost_ms(l, in, out) : 0;
    }
    return sum;
}

static bool on_axis(const nt_cost_layer *l, const nt_cost_point *p, nt_cost_axis axis)
{
    return l->tied || (axis == NT_COST_OUT ? p->in == l->in : p->out == l->out);
}

int nt_cost_cheap(const nt_cost_layer *l, nt_cost_axis axis, int64_t *count, int max)
{
    double least = INFINITY;
    int n = 0;

    for (int i = l->n - 1; i >= 0; i--) { /* from the largest on */
        const nt_cost_point *p = &l->point[i];

        if (!on_axis(l, p, axis) || p->ms * WORTH > least)
            continue;
        least = p->ms;
        if (n < max)
            count[n] = axis == NT_COST_OUT ? p->out : p->in;
        n++;
    }
    for (int i = 0, j = (n < max ? n : max) - 1; i < j; i++, j--) {
        int64_t t = count[i];

        count[i] = count[j];
        count[j] = t;
    }
    return n;
}
