/* SPDX-License-Identifier: MIT */
/* Building a graph and asking it: values, nodes and their uses. Surgery stands in edit.c. */
#include "graph/graph.h"

#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/map.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

nt_status nt_graph_new(nt_graph **out, nt_err *e)
{
    nt_graph *g = nt_calloc(1, sizeof *g);

    if (!g)
        return nt_fail_nomem(e);
    g->arena = nt_arena_new();
    g->names = nt_map_new();
    g->name = "";
    g->ir_version = 8;
    g->opset = 17;
    if (!g->arena || !g->names) {
        nt_graph_free(g);
        return nt_fail_nomem(e);
    }
    *out = g;
    return NT_OK;
}

void nt_graph_free(nt_graph *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->n_values; i++)
        nt_value_drop_data(g->values[i]);
    nt_free(g->nodes);
    nt_free(g->values);
    nt_free(g->inputs);
    nt_free(g->outputs);
    nt_map_free(g->names);
    nt_arena_free(g->arena);
    nt_free(g);
}

void *nt_array_room(void *p, int n, size_t size)
{
    if (n & (n - 1)) /* between powers of two there is room */
        return p;
    return nt_realloc(p, n ? (size_t)n * 2 : 1, size);
}

void nt_value_drop_data(nt_value *v)
{
    if (!v->borrows)
        nt_tensor_free(v->data);
    v->data = NULL;
    v->borrows = false;
}

void nt_value_take_data(nt_value *v, nt_tensor *data)
{
    assert(!v->producer && !v->is_input);
    if (v->data != data)
        nt_value_drop_data(v);
    v->data = data;
    v->declared = false;
    nt_value_set_shape(v, data->dtype, data->rank, data->dims);
}

/* A name nobody has, after `base`; "" makes "t12". */
static char *free_name(nt_graph *g, const char *base)
{
    char buf[512];

    for (int i = g->n_values;; i++) {
        snprintf(buf, sizeof buf, *base ? "%.480s_%d" : "%st%d", base, i);
        if (!nt_map_get(g->names, buf))
            return nt_arena_strdup(g->arena, buf);
    }
}

char *nt_graph_free_name(nt_graph *g, const char *base)
{
    if (*base && !nt_map_get(g->names, base))
        return nt_arena_strdup(g->arena, base);
    return free_name(g, base);
}

nt_status nt_graph_add_value(nt_value **out, nt_graph *g, const char *name, nt_err *e)
{
    nt_value *v;
    nt_value **p;

    if (name && *name && nt_map_get(g->names, name))
        return nt_fail(e, NT_EFORMAT, "there are two values '%s'", name);
    if (g->n_values == g->cap_values) {
        p = nt_realloc(g->values, (size_t)g->cap_values * 2 + 64, sizeof *p);
        if (!p)
            return nt_fail_nomem(e);
        g->values = p;
        g->cap_values = g->cap_values * 2 + 64;
    }
    v = nt_arena_alloc(g->arena, 1, sizeof *v);
    if (!v)
        return nt_fail_nomem(e);
    v->name = name && *name ? nt_arena_strdup(g->arena, name) : free_name(g, "");
    if (!v->name || !nt_map_put(g->names, v->name, v))
        return nt_fail_nomem(e);
    v->rank = -1;
    v->id = g->n_values;
    g->values[g->n_values++] = v;
    *out = v;
    return NT_OK;
}

nt_status nt_graph_add_const(nt_value **out, nt_graph *g, const char *name, nt_tensor *data,
                             nt_err *e)
{
    nt_value *v;
    nt_status s = nt_graph_add_value(&v, g, name, e);

    if (s != NT_OK) {
        nt_tensor_free(data);
        return s;
    }
    nt_value_take_data(v, data);
    *out = v;
    return NT_OK;
}

nt_status nt_graph_add_input(nt_value **out, nt_graph *g, const char *name, nt_value_type t,
                             nt_err *e)
{
    nt_value *v;
    nt_value **p = nt_array_room(g->inputs, g->n_inputs, sizeof *p);
    nt_status s;

    if (!p)
        return nt_fail_nomem(e);
    g->inputs = p;
    if (t.rank > NT_MAX_RANK)
        return nt_fail(e, NT_EINVAL, "input '%s' has %d dimensions, more than %d", name, t.rank,
                       NT_MAX_RANK);
    s = nt_graph_add_value(&v, g, name, e);
    if (s != NT_OK)
        return s;
    v->dtype = t.dtype;
    v->rank = t.rank;
    for (int i = 0; i < t.rank; i++) {
        v->dims[i] = t.dims[i];
        if (t.dims[i].sym && !(v->dims[i].sym = nt_arena_strdup(g->arena, t.dims[i].sym)))
            return nt_fail_nomem(e);
    }
    v->is_input = true;
    g->inputs[g->n_inputs++] = v;
    *out = v;
    return NT_OK;
}

nt_status nt_graph_add_output(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_value **p = nt_array_room(g->outputs, g->n_outputs, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    g->outputs = p;
    if (v->is_output)
        return nt_fail(e, NT_EFORMAT, "output '%s' is listed twice", v->name);
    v->is_output = true;
    g->outputs[g->n_outputs++] = v;
    return NT_OK;
}

nt_status nt_value_add_use(nt_graph *g, nt_value *v, nt_node *n, int index, nt_err *e)
{
    if (v->n_uses == v->cap_uses) {
        int cap = v->cap_uses ? v->cap_uses * 2 : 2;
        nt_use *u = nt_arena_alloc(g->arena, (size_t)cap, sizeof *u);

        if (!u)
            return nt_fail_nomem(e);
        if (v->n_uses)
            memcpy(u, v->uses, (size_t)v->n_uses * sizeof *u);
        v->uses = u;
        v->cap_uses = cap;
    }
    v->uses[v->n_uses++] = (nt_use){n, index};
    return NT_OK;
}

/* The node with its arrays, not yet in the order nor in any use list. */
static nt_status make_node(nt_node **out, nt_graph *g, const nt_node_spec *d, nt_err *e)
{
    nt_node *n = nt_arena_alloc(g->arena, 1, sizeof *n);

    if (!n)
        return nt_fail_nomem(e);
    n->name = nt_arena_strdup(g->arena, d->name ? d->name : "");
    n->op_type = nt_arena_strdup(g->arena, d->op_type);
    n->domain = "";
    n->in = nt_arena_alloc(g->arena, (size_t)d->n_in, sizeof(nt_value *));
    n->out = nt_arena_alloc(g->arena, (size_t)d->n_out, sizeof(nt_value *));
    if (!n->name || !n->op_type || !n->in || !n->out)
        return nt_fail_nomem(e);
    n->n_in = d->n_in;
    n->n_out = d->n_out;
    *out = n;
    return NT_OK;
}

static nt_status check_outputs(nt_value *const *v, int n, nt_err *e)
{
    for (int i = 0; i < n; i++) {
        if (!v[i])
            continue;
        if (v[i]->is_input || v[i]->data)
            return nt_fail(e, NT_EFORMAT, "output '%s' is a graph %s already", v[i]->name,
                           v[i]->is_input ? "input" : "constant");
        if (v[i]->producer)
            return nt_fail(e, NT_EFORMAT, "output '%s' is produced twice", v[i]->name);
        for (int j = 0; j < i; j++)
            if (v[j] == v[i])
                return nt_fail(e, NT_EFORMAT, "output '%s' is listed twice", v[i]->name);
    }
    return NT_OK;
}

/* Puts n into the order at index `at`. */
static nt_status place_node(nt_graph *g, nt_node *n, int at, nt_err *e)
{
    if (g->n_nodes == g->cap_nodes) {
        int cap = g->cap_nodes * 2 + 32;
        nt_node **p = nt_realloc(g->nodes, (size_t)cap, sizeof *p);

        if (!p)
            return nt_fail_nomem(e);
        g->nodes = p;
        g->cap_nodes = cap;
    }
    memmove(g->nodes + at + 1, g->nodes + at, (size_t)(g->n_nodes - at) * sizeof *g->nodes);
    g->nodes[at] = n;
    g->n_nodes++;
    for (int i = at; i < g->n_nodes; i++)
        g->nodes[i]->id = i;
    return NT_OK;
}

nt_node_spec nt_node_of(const char *op_type, nt_value *const *in, int n_in)
{
    return (nt_node_spec){.op_type = op_type, .in = in, .n_in = n_in};
}

nt_status nt_graph_insert_node(nt_node **out, nt_graph *g, const nt_node *before,
                               const nt_node_spec *d, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *n = NULL;

    NT_TRY(check_outputs(d->out, d->n_out, e));
    NT_TRY(make_node(&n, g, d, e));
    NT_TRY(place_node(g, n, before ? before->id : g->n_nodes, e));
    for (int i = 0; i < d->n_out; i++) {
        n->out[i] = d->out[i];
        if (d->out[i]) {
            d->out[i]->producer = n;
            d->out[i]->producer_index = i;
        }
    }
    for (int i = 0; i < d->n_in; i++) {
        if (d->in[i])
            NT_TRY(nt_value_add_use(g, d->in[i], n, i, e));
        n->in[i] = d->in[i];
    }
    if (out)
        *out = n;
done:
    return s;
}

nt_status nt_graph_add_node(nt_node **out, nt_graph *g, const nt_node_spec *d, nt_err *e)
{
    return nt_graph_insert_node(out, g, NULL, d, e);
}

nt_value *nt_graph_find_value(const nt_graph *g, const char *name)
{
    return nt_map_get(g->names, name);
}

nt_node *nt_graph_find_node(const nt_graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->name, name) == 0)
            return g->nodes[i];
    return NULL;
}

char *nt_node_label(char *buf, size_t n, const nt_node *node)
{
    if (*node->name)
        snprintf(buf, n, "%s", node->name);
    else
        snprintf(buf, n, "%s_%d", node->op_type, node->id);
    return buf;
}

bool nt_value_shape(const nt_value *v, int64_t *out)
{
    if (v->rank < 0)
        return false;
    for (int i = 0; i < v->rank; i++)
        if (v->dims[i].value < 0)
            return false;
    for (int i = 0; out && i < v->rank; i++)
        out[i] = v->dims[i].value;
    return true;
}

void nt_value_set_shape(nt_value *v, nt_dtype t, int rank, const int64_t *dims)
{
    assert(rank <= NT_MAX_RANK);
    v->dtype = t;
    v->rank = rank;
    for (int i = 0; i < rank; i++)
        v->dims[i] = (nt_dim){dims[i], NULL};
}

char *nt_value_shape_text(char *buf, size_t n, const nt_value *v)
{
    size_t at = 0;

    if (v->rank < 0) {
        snprintf(buf, n, "?");
        return buf;
    }
    snprintf(buf, n, "[]");
    for (int i = 0; i < v->rank && at < n; i++) {
        const char *sep = i ? "," : "[";
        const char *end = i + 1 < v->rank ? "" : "]";
        int k;

        if (v->dims[i].value >= 0)
            k = snprintf(buf + at, n - at, "%s%lld%s", sep, (long long)v->dims[i].value, end);
        else
            k = snprintf(buf + at, n - at, "%s%s%s", sep, v->dims[i].sym ? v->dims[i].sym : "?",
                         end);
        at += (size_t)k;
    }
    return buf;
}

nt_status nt_graph_bind(nt_graph *g, const nt_graph_ops *ops, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];

        n->op = n->own;
        if (!n->op)
            NT_TRY(ops->find(&n->op, g, n, e));
    }
    g->ops = ops;
done:
    return s;
}
