/* SPDX-License-Identifier: MIT */
/* classes.c - asks every node, freezes the borders, and numbers the classes (couple.h). */
#include "base/alloc.h"
#include "couple/couple_priv.h"
#include "facet/op.h"

#include <stdio.h>
#include <string.h>

/* ---- asking the nodes */
static bool depends_on_input(const nt_coupling *c, const nt_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && c->batched[n->in[i]->id])
            return true;
    return false;
}

static void mark_batched(nt_coupling *c)
{
    for (int i = 0; i < c->g->n_inputs; i++)
        c->batched[c->g->inputs[i]->id] = true;
    for (int i = 0; i < c->g->n_nodes; i++) {
        const nt_node *n = c->g->nodes[i];

        for (int k = 0; k < n->n_out && depends_on_input(c, n); k++)
            if (n->out[k])
                c->batched[n->out[k]->id] = true;
    }
}

static nt_status freeze_value(nt_coupling *c, const nt_value *v, const nt_node *n,
                              const char *why, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < v->rank; i++)
        NT_TRY(nt_couple_freeze(c, (nt_span){v, i, 1}, n, why, e));
done:
    return s;
}

static bool touched_by(const nt_coupling *c, const nt_value *v, int axis, const nt_node *n)
{
    for (int i = c->first[v->id]; i >= 0; i = c->spans[i].next) {
        const nt_span_row *s = &c->spans[i];

        if (s->touched == n->id && s->span.axis <= axis && axis < s->span.axis + s->span.n)
            return true;
    }
    return false;
}

/* What the node did not mention it needs whole. */
static nt_status freeze_rest(nt_coupling *c, const nt_value *v, const nt_node *n,
                             const char *fmt, nt_err *e)
{
    nt_status s = NT_OK;
    char why[96];

    snprintf(why, sizeof why, fmt, n->op_type);
    for (int i = 0; v && i < v->rank; i++)
        if (v->dims[i].value > 1 && !touched_by(c, v, i, n))
            NT_TRY(nt_couple_freeze(c, (nt_span){v, i, 1}, n, why, e));
done:
    return s;
}

static bool ranks_known(const nt_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->rank < 0)
            return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->rank < 0)
            return false;
    return true;
}

static nt_status ask(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    char label[128];
    const char *why = "%s needs this axis whole";

    c->node = n;
    if (!n->op->couple)
        why = "nothing is known about the channels of %s";
    else if (!ranks_known(n))
        why = "%s has operands of unknown shape";
    else
        NT_TRY(n->op->couple(c, n, e));
    for (int i = 0; i < n->n_in; i++)
        NT_TRY(freeze_rest(c, n->in[i], n, why, e));
    for (int i = 0; i < n->n_out; i++)
        NT_TRY(freeze_rest(c, n->out[i], n, why, e));
done:
    c->node = NULL;
    if (s != NT_OK)
        nt_err_prefix(e, "node '%s': %s", nt_node_label(label, sizeof label, n), n->op_type);
    return s;
}

static nt_status freeze_borders(nt_coupling *c, nt_err *e)
{
    nt_status s = NT_OK;
    char why[256];

    for (int i = 0; i < c->g->n_inputs; i++) {
        snprintf(why, sizeof why, "graph input '%s'", c->g->inputs[i]->name);
        NT_TRY(freeze_value(c, c->g->inputs[i], NULL, why, e));
    }
    for (int i = 0; i < c->g->n_outputs; i++)
        NT_TRY(
            freeze_value(c, c->g->outputs[i], c->g->outputs[i]->producer, "graph output", e));
done:
    return s;
}

/* ---- numbering */
/* parent becomes the class; the reason moves from the root to the class. */
static void number(nt_coupling *c)
{
    for (int32_t i = 0; i < c->n; i++)
        c->parent[i] = nt_couple_root(c, i);
    for (int32_t i = 0; i < c->n; i++) {
        bool is_root = c->parent[i] == i;

        if (is_root)
            c->frozen[c->n_classes] = c->frozen[i];
        c->parent[i] = is_root ? c->n_classes++ : c->parent[c->parent[i]];
    }
}

/* Elements sorted by class (a counting sort). */
static nt_status collect(nt_coupling *c, nt_err *e)
{
    c->start = nt_calloc((size_t)c->n_classes + 2, sizeof *c->start);
    c->members = nt_alloc((size_t)c->n, sizeof *c->members);
    if (!c->start || !c->members)
        return nt_fail_nomem(e);
    for (int32_t i = 0; i < c->n; i++)
        c->start[c->parent[i] + 2]++;
    for (int k = 2; k < c->n_classes + 2; k++)
        c->start[k] += c->start[k - 1];
    for (int32_t i = 0; i < c->n; i++)
        c->members[c->start[c->parent[i] + 1]++] = i;
    return NT_OK;
}

static nt_status prepare(nt_coupling *c, const nt_graph *g, nt_err *e)
{
    size_t n = (size_t)g->n_values;

    c->g = g;
    c->n_values = g->n_values;
    c->arena = nt_arena_new();
    c->first = nt_alloc(n, sizeof *c->first);
    c->batched = nt_calloc(n, sizeof *c->batched);
    if (!c->arena || !c->first || !c->batched)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < n; i++)
        c->first[i] = -1;
    mark_batched(c);
    return NT_OK;
}

nt_status nt_coupling_new(nt_coupling **out, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_coupling *c = nt_calloc(1, sizeof *c);

    if (!c)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(prepare(c, g, e));
    for (int i = 0; i < g->n_nodes; i++)
        NT_TRY(ask(c, g->nodes[i], e));
    NT_TRY(freeze_borders(c, e));
    NT_TRY(nt_couple_link_spans(c, e));
    number(c);
    NT_TRY(collect(c, e));
    *out = c;
    c = NULL;
done:
    nt_coupling_free(c);
    return s;
}

void nt_coupling_free(nt_coupling *c)
{
    if (!c)
        return;
    nt_arena_free(c->arena);
    nt_free(c->first);
    nt_free(c->batched);
    nt_free(c->spans);
    nt_free(c->parent);
    nt_free(c->frozen);
    nt_free(c->live);
    nt_free(c->reasons);
    nt_free(c->links);
    nt_free(c->start);
    nt_free(c->members);
    nt_free(c);
}

/* ---- reading */
const nt_graph *nt_coupling_graph(const nt_coupling *c)
{
    return c->g;
}

int nt_coupling_n_classes(const nt_coupling *c)
{
    return c->n_classes;
}

int nt_coupling_class(const nt_coupling *c, nt_span s, int64_t index)
{
    int i = s.v->id < c->n_values ? nt_couple_find(c, s) : -1;

    return i < 0 ? -1 : c->parent[c->spans[i].base + index];
}

const char *nt_coupling_frozen(const nt_coupling *c, int cls)
{
    return c->frozen[cls] ? c->reasons[c->frozen[cls] - 1] : NULL;
}

/* The span that holds element i: the last whose base is not past it. */
static const nt_span_row *span_of(const nt_coupling *c, int32_t i)
{
    int lo = 0, hi = c->n_spans - 1;

    while (lo < hi) {
        int mid = (lo + hi + 1) / 2;

        if (c->spans[mid].base <= i)
            lo = mid;
        else
            hi = mid - 1;
    }
    return &c->spans[lo];
}

size_t nt_coupling_members(const nt_coupling *c, int cls, nt_member *out, size_t max)
{
    const int32_t *m = c->members + c->start[cls];
    size_t n = (size_t)(c->start[cls + 1] - c->start[cls]);

    for (size_t i = 0; i < n && i < max; i++) {
        const nt_span_row *s = span_of(c, m[i]);

        out[i] = (nt_member){s->span, m[i] - s->base};
    }
    return n;
}

int nt_coupling_n_spans(const nt_coupling *c)
{
    return c->n_spans;
}

nt_span nt_coupling_span(const nt_coupling *c, int i)
{
    return c->spans[i].span;
}

int64_t nt_coupling_span_size(const nt_coupling *c, int i)
{
    return c->spans[i].size;
}
