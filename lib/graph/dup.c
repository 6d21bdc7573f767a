/* SPDX-License-Identifier: MIT */
/* A copy of a graph that shares nothing with it but, if asked, the constants' data. */
#include "base/alloc.h"
#include "graph/internal.h"

#include <string.h>

/* A copy in the arena; false when memory ran out. NULL stays NULL. */
static bool copy_text(const char **out, nt_graph *g, const char *s)
{
    *out = s ? nt_arena_strdup(g->arena, s) : NULL;
    return !s || *out;
}

static nt_status dup_props(nt_prop **out, nt_graph *g, const nt_prop *p, int n, nt_err *e)
{
    nt_prop *q = nt_arena_alloc(g->arena, (size_t)n, sizeof *q);

    if (!q)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++)
        if (!copy_text(&q[i].key, g, p[i].key) || !copy_text(&q[i].val, g, p[i].val))
            return nt_fail_nomem(e);
    *out = q;
    return NT_OK;
}

static nt_status dup_header(nt_graph *d, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    d->ir_version = g->ir_version;
    d->opset = g->opset;
    d->file_opset = g->file_opset;
    d->model_version = g->model_version;
    d->ops = g->ops;
    if (!copy_text(&d->name, d, g->name) || !copy_text(&d->producer, d, g->producer) ||
        !copy_text(&d->producer_version, d, g->producer_version) ||
        !copy_text(&d->doc, d, g->doc) || !copy_text(&d->domain, d, g->domain) ||
        !copy_text(&d->graph_doc, d, g->graph_doc))
        return nt_fail_nomem(e);
    NT_TRY(dup_props(&d->props, d, g->props, g->n_props, e));
    d->n_props = g->n_props;
    NT_TRY(dup_props(&d->domains, d, g->domains, g->n_domains, e));
    d->n_domains = g->n_domains;
done:
    return s;
}

static nt_status dup_value(nt_graph *d, const nt_value *v, bool share, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *w = NULL;

    NT_TRY(nt_graph_add_value(&w, d, v->name, e));
    w->dtype = v->dtype;
    w->rank = v->rank;
    w->is_input = v->is_input;
    w->is_output = v->is_output;
    w->live = v->live;
    w->trained = v->trained;
    w->pinned = v->pinned;
    w->declared = v->declared;
    w->type_raw_n = v->type_raw_n;
    for (int i = 0; i < v->rank; i++) {
        w->dims[i].value = v->dims[i].value;
        if (!copy_text(&w->dims[i].sym, d, v->dims[i].sym))
            return nt_fail_nomem(e);
    }
    if (!copy_text(&w->doc, d, v->doc))
        return nt_fail_nomem(e);
    if (v->type_raw && !(w->type_raw = nt_arena_dup(d->arena, v->type_raw, v->type_raw_n, 1)))
        return nt_fail_nomem(e);
    if (v->data && share) {
        w->data = v->data;
        w->borrows = true;
    } else if (v->data) {
        NT_TRY(nt_tensor_dup(&w->data, v->data, e));
    }
done:
    return s;
}

/* Those of d with the ids of v[0..n). */
static void translate(nt_value **out, const nt_graph *d, nt_value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = v[i] ? d->values[v[i]->id] : NULL;
}

static nt_status dup_node(nt_graph *d, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *m = NULL;
    nt_value **v = nt_alloc((size_t)n->n_in + (size_t)n->n_out, sizeof *v);

    if (!v)
        return nt_fail_nomem(e);
    translate(v, d, n->in, n->n_in);
    translate(v + n->n_in, d, n->out, n->n_out);
    NT_TRY(nt_graph_add_node(
        &m, d, &(nt_node_spec){n->op_type, n->name, v, n->n_in, v + n->n_in, n->n_out}, e));
    m->op = n->op;
    m->own = n->own;
    if (!copy_text(&m->domain, d, n->domain) || !copy_text(&m->doc, d, n->doc)) {
        s = nt_fail_nomem(e);
        goto done;
    }
    NT_TRY(nt_node_copy_attrs(d, m, n, e));
done:
    nt_free(v);
    return s;
}

static nt_status dup_list(nt_value ***out, int *n_out, const nt_graph *d, nt_value *const *v,
                          int n, nt_err *e)
{
    for (int i = 0; i < n; i++) {
        nt_value **p = nt_array_room(*out, i, sizeof *p);

        if (!p)
            return nt_fail_nomem(e);
        *out = p;
        translate(p + i, d, v + i, 1);
        *n_out = i + 1;
    }
    return NT_OK;
}

nt_status nt_graph_dup(nt_graph **out, const nt_graph *g, bool share_data, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *d = NULL;

    NT_TRY(nt_graph_new(&d, e));
    NT_TRY(dup_header(d, g, e));
    for (int i = 0; i < g->n_values; i++)
        NT_TRY(dup_value(d, g->values[i], share_data, e));
    for (int i = 0; i < g->n_nodes; i++)
        NT_TRY(dup_node(d, g->nodes[i], e));
    NT_TRY(dup_list(&d->inputs, &d->n_inputs, d, g->inputs, g->n_inputs, e));
    NT_TRY(dup_list(&d->outputs, &d->n_outputs, d, g->outputs, g->n_outputs, e));
    *out = d;
    d = NULL;
done:
    nt_graph_free(d);
    return s;
}
