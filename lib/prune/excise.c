/* SPDX-License-Identifier: MIT */
#include "prune/excise.h"

#include "base/alloc.h"
#include "facet/op.h"

#include <string.h>

/* ---- cutting */

static nt_status cut_axis(nt_tensor **out, const nt_tensor *t, int axis, const int64_t *idx,
                          int64_t n, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(t, axis);
    size_t inner = nt_dtype_size(t->dtype) * (size_t)v.inner;
    int64_t dims[NT_MAX_RANK];
    nt_tensor *r = NULL;
    nt_status s;

    memcpy(dims, t->dims, sizeof dims);
    dims[axis] = n;
    s = nt_tensor_new(&r, t->dtype, t->rank, dims, e);
    if (s != NT_OK)
        return s;
    for (int64_t o = 0; o < v.outer; o++) {
        for (int64_t i = 0; i < n && inner; i++)
            memcpy((char *)r->data + (size_t)(o * n + i) * inner,
                   (const char *)t->data + (size_t)(o * v.n + idx[i]) * inner, inner);
        for (int64_t i = 0; i < n * v.inner && !inner; i++) /* two to a byte */
            nt_tensor_set_bits(
                r, o * n * v.inner + i,
                nt_tensor_get_bits(t, (o * v.n + idx[i / v.inner]) * v.inner + i % v.inner));
    }
    *out = r;
    return NT_OK;
}

nt_status nt_cut_tensor(nt_tensor **out, const nt_tensor *t, const nt_value *v,
                        const nt_kept *k, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *last = NULL;

    for (int axis = 0; axis < t->rank; axis++) {
        int64_t n = 0, old = nt_kept_old_dim(k, v, axis);
        const int64_t *idx = nt_kept_indices(k, (nt_span){v, axis, 1}, &n);
        nt_tensor *next = NULL;

        if (!idx || n == t->dims[axis] || (t->dims[axis] == 1 && old != 1))
            continue;
        NT_TRY(cut_axis(&next, last ? last : t, axis, idx, n, e));
        nt_tensor_free(last);
        last = next;
    }
    *out = last;
    last = NULL;
done:
    nt_tensor_free(last);
    return s;
}

/* ---- edges */

static bool is_zero(const nt_tensor *t)
{
    for (int64_t i = 0, n = nt_tensor_count(t); i < n; i++) {
        if (nt_tensor_get(t, i) != 0)
            return false;
    }
    return true;
}

/* A sum with 0 is the other operand, where that has the sum's extents. */
static bool adds_nothing(const nt_edge *d, const nt_tensor *t)
{
    const nt_node *n = d->node;
    const nt_value *x, *y = n->out[0];

    if (!(n->op->flags & NT_OPF_SUM) || n->n_in != 2 || !is_zero(t) || y->is_output)
        return false;
    x = n->in[1 - d->index];
    if (x->data || x->rank != y->rank)
        return false;
    for (int i = 0; i < y->rank; i++) {
        if (x->dims[i].value != y->dims[i].value)
            return false;
    }
    return true;
}

static nt_status put_constant(const nt_removal *r, int i, const nt_kept *k, nt_err *e)
{
    const nt_edge *d = &r->edge[i];
    nt_tensor *t = NULL;
    nt_value *c = NULL;
    nt_status s = NT_OK;

    if (adds_nothing(d, r->found[i])) {
        NT_TRY(nt_graph_replace_value(r->g, d->node->out[0], d->node->in[1 - d->index], e));
        r->needed[d->node->id] = false;
        goto done;
    }
    NT_TRY(nt_cut_tensor(&t, r->found[i], d->v, k, e));
    if (!t)
        NT_TRY(nt_tensor_dup(&t, r->found[i], e));
    NT_TRY(nt_graph_add_const(&c, r->g, NULL, t, e));
    NT_TRY(nt_graph_set_input(r->g, d->node, d->index, c, e));
done:
    return s;
}

static nt_status leave_out(const nt_removal *r, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = n->n_in; i-- > 0;) {
        const nt_value *x = n->in[i]; /* a constant that is new has no part */

        if (x->id < r->n_values && r->part[x->id] == NT_PART_GONE)
            NT_TRY(nt_graph_drop_input(r->g, n, i, e));
    }
done:
    return s;
}

/* Later nodes first, so that nobody reads what goes. */
static nt_status remove_nodes(const nt_removal *r, nt_err *e)
{
    nt_graph *g = r->g;
    int n = g->n_nodes;
    nt_node **all = nt_alloc((size_t)n + 1, sizeof *all);

    if (!all)
        return nt_fail_nomem(e);
    memcpy(all, g->nodes, (size_t)n * sizeof *all);
    for (int i = n; i-- > 0;) {
        if (!r->needed[i])
            nt_graph_remove_node(g, all[i]);
    }
    nt_free(all);
    return NT_OK;
}

nt_status nt_excise(const nt_removal *r, const nt_kept *k, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < r->n_edges; i++) {
        if (r->found[i] && r->needed[r->edge[i].node->id])
            NT_TRY(put_constant(r, i, k, e));
    }
    for (int i = 0; i < r->n_edges; i++) {
        if (nt_edge_is_left_out(r, &r->edge[i]))
            NT_TRY(leave_out(r, r->edge[i].node, e));
    }
    NT_TRY(remove_nodes(r, e));
done:
    return s;
}

static bool is_idle(const nt_node *n)
{
    return (nt_node_is(n, "Concat") || nt_node_is(n, "Split")) && n->op->does_nothing &&
           n->op->does_nothing(n);
}

nt_status nt_excise_idle(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = g->n_nodes; i-- > 0;) {
        nt_node *n = g->nodes[i];

        if (!is_idle(n) || n->out[0]->is_output || n->out[0]->pinned)
            continue;
        NT_TRY(nt_graph_replace_value(g, n->out[0], n->in[0], e));
        nt_graph_remove_node(g, n);
    }
done:
    return s;
}
