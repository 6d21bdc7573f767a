/* SPDX-License-Identifier: MIT */
#include "graph/load_log.h"

#include "base/alloc.h"

#include <string.h>

typedef struct watched {
    const nt_node *node; /* NULL: gone */
    const char *name, *op;
} watched;

struct nt_load_log {
    nt_arena *arena;
    watched *nodes; /* of the file; void once the graph has gone */
    int n_nodes;
    nt_load_event *v;
    size_t n, room;
};

nt_status nt_load_log_new(nt_load_log **out, nt_err *e)
{
    nt_load_log *l = nt_calloc(1, sizeof *l);

    if (l)
        l->arena = nt_arena_new();
    if (!l || !l->arena) {
        nt_load_log_free(l);
        return nt_fail_nomem(e);
    }
    *out = l;
    return NT_OK;
}

void nt_load_log_free(nt_load_log *l)
{
    if (!l)
        return;
    nt_arena_free(l->arena);
    nt_free(l->nodes);
    nt_free(l->v);
    nt_free(l);
}

const nt_load_event *nt_load_log_events(const nt_load_log *l, size_t *n)
{
    *n = l->n;
    return l->v;
}

static nt_status add(nt_load_log *l, const char *what, const char *node, const char *op,
                     nt_err *e)
{
    if (l->n == l->room) {
        nt_load_event *v = nt_realloc(l->v, l->room * 2 + 64, sizeof *v);

        if (!v)
            return nt_fail_nomem(e);
        l->v = v;
        l->room = l->room * 2 + 64;
    }
    l->v[l->n++] = (nt_load_event){what, node, op};
    return NT_OK;
}

static nt_status copy(const char **out, nt_load_log *l, const char *s, nt_err *e)
{
    *out = nt_arena_strdup(l->arena, s);
    return *out ? NT_OK : nt_fail_nomem(e);
}

static nt_status add_calls(nt_load_log *l, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    const char *name, *op;

    for (int i = 0; i < g->n_calls; i++) {
        NT_TRY(copy(&name, l, g->calls[i].key, e));
        NT_TRY(copy(&op, l, g->calls[i].val, e));
        NT_TRY(add(l, "inlined", name, op, e));
    }
done:
    return s;
}

nt_status nt_load_log_watch(nt_load_log *l, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    char label[256];

    l->nodes = nt_calloc((size_t)g->n_nodes + 1, sizeof *l->nodes);
    if (!l->nodes)
        return nt_fail_nomem(e);
    l->n_nodes = g->n_nodes;
    for (int i = 0; i < g->n_nodes; i++) {
        l->nodes[i].node = g->nodes[i];
        NT_TRY(copy(&l->nodes[i].name, l, nt_node_label(label, sizeof label, g->nodes[i]), e));
        NT_TRY(copy(&l->nodes[i].op, l, g->nodes[i]->op_type, e));
    }
    NT_TRY(add_calls(l, g, e));
done:
    return s;
}

static bool is_control(const char *op)
{
    return strcmp(op, "If") == 0 || strcmp(op, "Loop") == 0;
}

nt_status nt_load_log_gone(nt_load_log *l, const char *what, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < l->n_nodes; i++) {
        watched *w = &l->nodes[i];

        if (!w->node || w->node->id >= 0)
            continue;
        w->node = NULL;
        NT_TRY(add(l, is_control(w->op) ? "inlined" : what, w->name, w->op, e));
    }
done:
    return s;
}
