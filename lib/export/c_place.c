/* SPDX-License-Identifier: MIT */
#include "export/c_place.h"

#include "base/alloc.h"
#include "exec/lives.h"

#include <stdlib.h>

#define ALIGN 16 /* bytes; vectors of four */
#define MAX_COUNT 0x7fffffff

static size_t bytes_of(const nt_c_place *p)
{
    return ((size_t)p->n * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- what C can hold */

static bool is_wanted(const nt_value *v)
{
    return v->n_uses > 0 || v->is_output;
}

static nt_status check_value(const nt_value *v, nt_err *e)
{
    const char *what = v->is_input ? "input" : v->is_output ? "output" : "value";
    int64_t dims[NT_MAX_RANK], n;

    if (v->dtype != NT_F32)
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' is of %s, want float32", what, v->name,
                       nt_dtype_name(v->dtype));
    if (!nt_value_shape(v, dims))
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s': its shape is not known", what, v->name);
    if (!nt_shape_count(&n, v->rank, dims) || n < 1 || n > MAX_COUNT)
        return nt_fail(e, NT_EUNSUPPORTED, "%s '%s' has none or too many elements", what,
                       v->name);
    return NT_OK;
}

static nt_status start(nt_c *c, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < c->g->n_values; i++) {
        const nt_value *v = c->g->values[i];

        c->v[i] = (nt_c_place){.root = i, .index = -1, .first = -1, .last = -1};
        if (v->data)
            c->v[i].kind = NT_C_CONST;
        else if (v->is_input || is_wanted(v)) {
            NT_TRY(check_value(v, e));
            c->v[i].n = nt_c_count(v);
        }
    }
    for (int i = 0; i < c->g->n_inputs; i++) {
        c->v[c->g->inputs[i]->id].kind = NT_C_INPUT;
        c->v[c->g->inputs[i]->id].index = i;
    }
done:
    return s;
}

/* ---- who lies where whom lay */

/* Is all that lies at root needed by nobody after node n? */
static bool ends_at(const nt_c *c, int root, const nt_node *n)
{
    for (int i = 0; i < c->g->n_values; i++) {
        const nt_value *v = c->g->values[i];

        if (c->v[i].root != root)
            continue;
        if (v->is_output)
            return false;
        for (int u = 0; u < v->n_uses; u++) {
            if (v->uses[u].node->id > n->id)
                return false;
        }
    }
    return true;
}

/* Is the place of n's input i read as another value as well? */
static bool is_read_twice(const nt_c *c, const nt_node *n, int i)
{
    for (int k = 0; k < n->n_in; k++) {
        if (n->in[k] && n->in[k] != n->in[i] &&
            c->v[n->in[k]->id].root == c->v[n->in[i]->id].root)
            return true;
    }
    return false;
}

static bool can_take_over(const nt_c *c, const nt_node *n, int i)
{
    int root;

    if (!n->in[i] || n->in[i]->data)
        return false;
    root = c->v[n->in[i]->id].root;
    return c->v[root].kind == NT_C_NOWHERE && c->v[root].n == c->v[n->out[0]->id].n &&
           !is_read_twice(c, n, i) && ends_at(c, root, n);
}

static bool can_merge(const nt_node *n)
{
    const nt_value *x = n->in[0];
    const nt_c_op *op = x->producer ? nt_c_find(x->producer) : NULL;
    nt_plain_range r;

    return op && (op->flags & NT_C_BOUNDS) && x->n_uses == 1 && !x->is_output &&
           nt_plain_is_bounds(&r, n);
}

static void share(nt_c *c, const nt_node *n, const nt_c_op *op)
{
    int *root;

    if (!n->out[0])
        return;
    root = &c->v[n->out[0]->id].root;
    c->merged[n->id] = can_merge(n);
    if ((c->merged[n->id] || (op->flags & NT_C_VIEW)) && !n->in[0]->data)
        *root = c->v[n->in[0]->id].root;
    for (int i = 0; (op->flags & NT_C_INPLACE) && i < n->n_in && *root == n->out[0]->id; i++) {
        if (can_take_over(c, n, i))
            *root = c->v[n->in[i]->id].root;
    }
}

static void touch(nt_c *c, const nt_value *v, int node)
{
    nt_c_place *p = v ? &c->v[c->v[v->id].root] : NULL;

    if (!p)
        return;
    p->first = p->first < 0 ? node : p->first;
    p->last = node;
}

static nt_status visit(nt_c *c, const nt_node *n, nt_err *e)
{
    const nt_c_op *op = nt_c_find(n);
    char label[128];

    if (!op || (!n->out[0] && !(op->flags & NT_C_MANY)))
        return nt_fail(e, NT_EUNSUPPORTED, "node '%s': operator '%s' has no form in C",
                       nt_node_label(label, sizeof label, n), n->op_type);
    for (int i = 1; i < n->n_out && !(op->flags & NT_C_MANY); i++) {
        if (n->out[i] && is_wanted(n->out[i]))
            return nt_fail(e, NT_EUNSUPPORTED, "node '%s': output %d of '%s' has no form in C",
                           nt_node_label(label, sizeof label, n), i, n->op_type);
    }
    share(c, n, op);
    for (int i = 0; i < n->n_in; i++)
        touch(c, n->in[i], n->id);
    for (int i = 0; i < n->n_out; i++)
        touch(c, n->out[i], n->id);
    return NT_OK;
}

static void place_outputs(nt_c *c)
{
    for (int i = 0; i < c->g->n_outputs; i++) {
        nt_c_place *p = &c->v[c->v[c->g->outputs[i]->id].root];

        touch(c, c->g->outputs[i], c->g->n_nodes);
        if (p->kind != NT_C_NOWHERE)
            continue;
        p->kind = NT_C_OUTPUT;
        p->index = i;
    }
}

/* ---- the arena */

static nt_status collect(nt_life *l, int *n, nt_c *c, nt_err *e)
{
    size_t sum = 0;

    *n = 0;
    for (int i = 0; i < c->g->n_values; i++) {
        const nt_c_place *p = &c->v[i];

        if (p->root != i || p->kind != NT_C_NOWHERE || p->n < 1 || p->first < 0)
            continue;
        l[*n] = (nt_life){.t = i, .first = p->first, .last = p->last, .bytes = bytes_of(p)};
        if (!nt_size_add(&sum, sum, l[(*n)++].bytes))
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

static nt_status place_arena(nt_c *c, nt_err *e)
{
    size_t room = (size_t)c->g->n_values + 1;
    nt_life *l = nt_calloc(room, sizeof *l);
    const nt_life **near = nt_calloc(room, sizeof *near);
    nt_status s = NT_OK;
    int n = 0;

    if (!l || !near)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(collect(l, &n, c, e));
    c->arena = nt_lives_place(l, n, near) / sizeof(float);
    for (int i = 0; i < n; i++) {
        c->v[l[i].t].kind = NT_C_ARENA;
        c->v[l[i].t].at = l[i].offset / sizeof(float);
    }
done:
    nt_free(l);
    nt_free(near);
    return s;
}

nt_status nt_c_place_all(nt_c *c, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(start(c, e));
    for (int i = 0; i < c->g->n_nodes; i++)
        NT_TRY(visit(c, c->g->nodes[i], e));
    place_outputs(c);
    NT_TRY(place_arena(c, e));
done:
    return s;
}

/* ---- the report */

static void report_one(nt_str *s, const nt_c *c, int i)
{
    const nt_c_place *p = &c->v[i];
    bool more = false;

    nt_str_addf(s, "%12zu %12zu %6d %6d  ", p->at * sizeof(float), bytes_of(p), p->first,
                p->last);
    for (int k = 0; k < c->g->n_values; k++) {
        if (c->v[k].root != i)
            continue;
        nt_str_addf(s, "%s%s", more ? ", " : "", c->g->values[k]->name);
        more = true;
    }
    nt_str_add(s, "\n");
}

/* The next after `last` by offset, then by first node; -1: none. */
static int next_of(const nt_c *c, int last)
{
    int best = -1;

    for (int i = 0; i < c->g->n_values; i++) {
        const nt_c_place *p = &c->v[i], *b = best < 0 ? NULL : &c->v[best];
        const nt_c_place *from = last < 0 ? NULL : &c->v[last];

        if (p->root != i || p->kind != NT_C_ARENA)
            continue;
        if (from && (p->at < from->at || (p->at == from->at && p->first <= from->first)))
            continue;
        if (!b || p->at < b->at || (p->at == b->at && p->first < b->first))
            best = i;
    }
    return best;
}

void nt_c_place_report(nt_str *s, const nt_c *c)
{
    nt_str_addf(s, "arena: %zu bytes\n", c->arena * sizeof(float));
    nt_str_addf(s, "%12s %12s %6s %6s  %s\n", "offset", "bytes", "first", "last", "values");
    for (int i = next_of(c, -1); i >= 0; i = next_of(c, i))
        report_one(s, c, i);
}
