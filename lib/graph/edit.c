/* SPDX-License-Identifier: MIT */
/* Surgery: what changes a graph that stands, keeping uses, names and order consistent. */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/map.h"

#include <assert.h>
#include <string.h>

/* Searched from the end: what was hooked in last goes first. */
static void remove_use(nt_value *v, const nt_node *n, int index)
{
    for (int i = v->n_uses; i-- > 0;) {
        if (v->uses[i].node == n && v->uses[i].index == index) {
            v->n_uses--;
            memmove(v->uses + i, v->uses + i + 1, (size_t)(v->n_uses - i) * sizeof *v->uses);
            return;
        }
    }
    assert(!"a node's input has no use entry");
}

static nt_status grow_inputs(nt_graph *g, nt_node *n, int want, nt_err *e)
{
    nt_value **in = nt_arena_alloc(g->arena, (size_t)want, sizeof *in);

    if (!in)
        return nt_fail_nomem(e);
    if (n->n_in)
        memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    n->in = in;
    n->n_in = want;
    return NT_OK;
}

nt_status nt_graph_set_input(nt_graph *g, nt_node *n, int index, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    assert(index >= 0);
    if (index >= n->n_in)
        NT_TRY(grow_inputs(g, n, index + 1, e));
    if (n->in[index] == v)
        goto done;
    if (v)
        NT_TRY(nt_value_add_use(g, v, n, index, e));
    if (n->in[index])
        remove_use(n->in[index], n, index);
    n->in[index] = v;
done:
    return s;
}

nt_status nt_graph_drop_input(nt_graph *g, nt_node *n, int index, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = index; i + 1 < n->n_in; i++)
        NT_TRY(nt_graph_set_input(g, n, i, n->in[i + 1], e));
    NT_TRY(nt_graph_set_input(g, n, n->n_in - 1, NULL, e));
    n->n_in--;
done:
    return s;
}

void nt_graph_drop_output(nt_node *n, int index)
{
    if (n->out[index]) {
        assert(nt_value_is_unused(n->out[index]));
        n->out[index]->producer = NULL;
    }
    n->n_out--;
    for (int i = index; i < n->n_out; i++) {
        n->out[i] = n->out[i + 1];
        if (n->out[i])
            n->out[i]->producer_index = i;
    }
}

static void set_name(nt_graph *g, nt_value *v, const char *name)
{
    nt_map_remove(g->names, v->name);
    v->name = name;
}

/* The map cannot grow here: as many go out as come in. */
void nt_graph_swap_names(nt_graph *g, nt_value *a, nt_value *b)
{
    const char *name = a->name;
    bool ok;

    set_name(g, a, b->name);
    set_name(g, b, name);
    ok = nt_map_put(g->names, a->name, a);
    ok = nt_map_put(g->names, b->name, b) && ok;
    assert(ok);
    (void)ok;
}

nt_status nt_graph_rename_value(nt_graph *g, nt_value *v, const char *name, nt_err *e)
{
    nt_value *other = nt_map_get(g->names, name);
    char *copy;

    if (other == v)
        return NT_OK;
    if (other)
        return nt_fail(e, NT_EINVAL, "there is a value '%s' already", name);
    copy = nt_arena_strdup(g->arena, name);
    if (!copy || !nt_map_put(g->names, copy, v))
        return nt_fail_nomem(e);
    set_name(g, v, copy);
    return NT_OK;
}

bool nt_value_keeps_name(const nt_value *v)
{
    return v->is_input || v->is_output || v->pinned;
}

/* The open extents of an output go by the names that the file gives them. */
static void take_dim_names(nt_value *to, const nt_value *from)
{
    for (int k = 0; to->rank == from->rank && k < to->rank; k++) {
        if (to->dims[k].value >= 0 || !from->dims[k].sym)
            continue;
        to->dims[k].sym = from->dims[k].sym;
        to->declared = true;
    }
}

nt_status nt_graph_replace_value(nt_graph *g, nt_value *from, nt_value *to, nt_err *e)
{
    nt_status s = NT_OK;

    if (from == to)
        return NT_OK;
    if ((from->is_output || from->pinned) && (nt_value_keeps_name(to) || from->is_input))
        return nt_fail(e, NT_EINVAL, "value '%s' must keep its name and so must '%s'",
                       from->name, to->name);
    while (from->n_uses > 0) {
        nt_use u = from->uses[from->n_uses - 1];

        NT_TRY(nt_graph_set_input(g, u.node, u.index, to, e));
    }
    if (from->is_output || from->pinned) {
        nt_graph_swap_names(g, from, to);
        to->pinned = from->pinned;
        from->pinned = false;
    }
    if (from->is_output) {
        for (int i = 0; i < g->n_outputs; i++)
            if (g->outputs[i] == from)
                g->outputs[i] = to;
        take_dim_names(to, from);
        to->is_output = true;
        from->is_output = false;
    }
done:
    return s;
}

void nt_graph_unhook_node(nt_node *n)
{
    for (int i = n->n_in; i-- > 0;) { /* as remove_use likes it */
        if (n->in[i])
            remove_use(n->in[i], n, i);
        n->in[i] = NULL;
    }
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        n->out[i]->producer = NULL;
        n->out[i] = NULL;
    }
    n->id = -1;
}

void nt_graph_sweep(nt_graph *g)
{
    int k = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->id < 0)
            continue;
        g->nodes[k] = g->nodes[i];
        g->nodes[k]->id = k;
        k++;
    }
    g->n_nodes = k;
}

bool nt_value_is_unused(const nt_value *v)
{
    return v->n_uses == 0 && !v->is_output && !v->pinned;
}

void nt_graph_remove_node(nt_graph *g, nt_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        assert(!n->out[i] || nt_value_is_unused(n->out[i]));
    nt_graph_unhook_node(n);
    nt_graph_sweep(g);
}

static bool is_live(const nt_value *v)
{
    return v->is_input || v->is_output || v->pinned || v->producer || v->n_uses > 0;
}

void nt_graph_compact(nt_graph *g)
{
    int k = 0;

    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        if (!is_live(v)) {
            nt_map_remove(g->names, v->name);
            nt_value_drop_data(v);
            continue;
        }
        v->id = k;
        g->values[k++] = v;
    }
    g->n_values = k;
}

/*
 * Depth first: each node after the producers of its inputs, nodes taken in the order they have.
 * An order that is right already stays as it is. The stack is explicit, because a long chain in
 * the wrong order would exhaust the real one.
 */
typedef struct frame {
    nt_node *n;
    int next; /* input to look at */
} frame;

enum { NEW, OPEN, DONE };

typedef struct sorter {
    frame *stack;
    unsigned char *state; /* by node id */
    nt_node **order;
    int n_order;
} sorter;

static nt_status visit(sorter *t, nt_node *root, nt_err *e)
{
    int depth = 1;

    t->stack[0] = (frame){root, 0};
    t->state[root->id] = OPEN;
    while (depth > 0) {
        frame *f = &t->stack[depth - 1];
        nt_node *p = NULL;

        if (f->next == f->n->n_in) {
            t->state[f->n->id] = DONE;
            t->order[t->n_order++] = f->n;
            depth--;
            continue;
        }
        if (f->n->in[f->next])
            p = f->n->in[f->next]->producer;
        f->next++;
        if (!p || t->state[p->id] == DONE)
            continue;
        if (t->state[p->id] == OPEN) {
            char label[128];

            return nt_fail(e, NT_EFORMAT, "node '%s' depends on its own output",
                           nt_node_label(label, sizeof label, p));
        }
        t->state[p->id] = OPEN;
        t->stack[depth++] = (frame){p, 0};
    }
    return NT_OK;
}

nt_status nt_graph_sort(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = (size_t)g->n_nodes;
    sorter t = {.stack = nt_alloc(n, sizeof(frame)),
                .state = nt_calloc(n, 1),
                .order = nt_alloc(n, sizeof(nt_node *))};

    if (!t.stack || !t.state || !t.order) {
        s = nt_fail_nomem(e);
        goto done;
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (t.state[i] == NEW)
            NT_TRY(visit(&t, g->nodes[i], e));
    for (int i = 0; i < g->n_nodes; i++) {
        g->nodes[i] = t.order[i];
        g->nodes[i]->id = i;
    }
done:
    nt_free(t.stack);
    nt_free(t.state);
    nt_free(t.order);
    return s;
}
