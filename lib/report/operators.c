/* SPDX-License-Identifier: MIT */
#include "report/operators.h"

#include "base/alloc.h"
#include "op/registry.h"
#include "report/table.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct row {
    const char *name, *domain;
    const nt_op *op; /* NULL: nt does not know it */
    int nodes;
} row;

static bool runs(const nt_op *op)
{
    return op && (op->eval || op->lower || op->make);
}

static bool folds(const nt_op *op)
{
    return op && op->flags & NT_OPF_FOLDS;
}

static bool trains(const nt_op *op)
{
    return op && (op->grad || op->lower_grad);
}

static bool quantizes(const nt_op *op)
{
    return op && (op->layer || op->flags & NT_OPF_ON_CODES);
}

/* ---- rows */

static row *find_row(row *v, size_t n, const nt_node *node)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].name, node->op_type) == 0 && strcmp(v[i].domain, node->domain) == 0)
            return &v[i];
    return NULL;
}

/* Foreign domains have versions of their own; each of their operators has one entry. */
static const nt_op *operator_of(const nt_graph *g, const nt_node *n)
{
    bool own = !*n->domain || strcmp(n->domain, "ai.onnx") == 0;

    return nt_op_find(n->domain, n->op_type, own ? g->opset : INT_MAX);
}

static size_t rows_of_graph(row *v, const nt_graph *g)
{
    size_t n = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *node = g->nodes[i];
        row *r = find_row(v, n, node);

        if (r)
            r->nodes++;
        else
            v[n++] = (row){node->op_type, node->domain, operator_of(g, node), 1};
    }
    return n;
}

static size_t all_rows(row *v)
{
    size_t n = nt_op_count();

    for (size_t i = 0; i < n; i++)
        v[i] = (row){nt_op_at(i)->name, nt_op_at(i)->domain, nt_op_at(i), 0};
    return n;
}

/* nt_free; NULL when memory ran out. */
static row *make_rows(size_t *n, const nt_graph *g)
{
    row *v = nt_calloc((g ? (size_t)g->n_nodes : nt_op_count()) + 1, sizeof *v);

    if (v)
        *n = g ? rows_of_graph(v, g) : all_rows(v);
    return v;
}

/* ---- writing */

static void write_row(nt_table *t, const row *r, bool nodes)
{
    const nt_op *op = r->op;

    nt_table_cell(t, "%s%s%s", r->domain, *r->domain ? ":" : "", r->name);
    if (op)
        nt_table_cell(t, "%d-%d", op->since, op->until ? op->until : NT_OPSET_MAX);
    else
        nt_table_cell(t, "unknown");
    if (nodes)
        nt_table_cell(t, "%d", r->nodes);
    nt_table_cell(t, "%s", runs(op) ? "yes" : folds(op) ? "folded" : "no");
    nt_table_cell(t, "%s", trains(op) ? "yes" : "no");
    nt_table_cell(t, "%s", op && op->couple ? "yes" : "frozen");
    nt_table_cell(t, "%s", quantizes(op) ? "yes" : "no");
}

nt_status nt_operators_text(nt_str *out, const nt_graph *g, nt_err *e)
{
    static const char *const head[] = {"Operator", "Opsets", "Nodes",   "run",
                                       "train",    "prune",  "quantize"};
    nt_table *t = nt_table_new(g ? "lrrllll" : "lrllll");
    size_t n = 0;
    row *v = make_rows(&n, g);
    bool ok;

    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (g || i != 2)
            nt_table_cell(t, "%s", head[i]);
    nt_table_rule(t);
    for (size_t i = 0; v && i < n; i++)
        write_row(t, &v[i], g != NULL);
    ok = v && nt_table_write(t, out);
    nt_table_free(t);
    nt_free(v);
    return ok ? NT_OK : nt_fail_nomem(e);
}

static bool add_opsets(cJSON *j, const nt_op *op)
{
    if (!op)
        return cJSON_AddNullToObject(j, "opset_first") &&
               cJSON_AddNullToObject(j, "opset_last");
    return nt_json_add_i64(j, "opset_first", op->since) &&
           nt_json_add_i64(j, "opset_last", op->until ? op->until : NT_OPSET_MAX);
}

static bool add_row(cJSON *list, const row *r, bool nodes)
{
    cJSON *j = cJSON_CreateObject();

    return j && cJSON_AddItemToArray(list, j) && nt_json_add_str(j, "name", r->name) &&
           nt_json_add_str(j, "domain", r->domain) && add_opsets(j, r->op) &&
           (!nodes || nt_json_add_i64(j, "nodes", r->nodes)) &&
           cJSON_AddBoolToObject(j, "run", runs(r->op)) &&
           cJSON_AddBoolToObject(j, "train", trains(r->op)) &&
           cJSON_AddBoolToObject(j, "prune", r->op && r->op->couple) &&
           cJSON_AddBoolToObject(j, "quantize", quantizes(r->op));
}

cJSON *nt_operators_json(const nt_graph *g)
{
    size_t n = 0;
    row *v = make_rows(&n, g);
    cJSON *o = cJSON_CreateObject();
    cJSON *list = v && o ? nt_json_add_array(o, "operators") : NULL;
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < n; i++)
        ok = add_row(list, &v[i], g != NULL);
    nt_free(v);
    if (ok)
        return o;
    nt_json_free(o);
    return NULL;
}
