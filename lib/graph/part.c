/* SPDX-License-Identifier: MIT */
#include "graph/part.h"

#include "base/alloc.h"
#include "graph/internal.h"

#include <string.h>

/* ---- a part of a graph */

static void drop_others(nt_graph *d, const bool *take)
{
    for (int i = 0; i < d->n_nodes; i++)
        if (!take[i])
            nt_graph_unhook_node(d->nodes[i]);
    nt_graph_sweep(d);
    for (int i = 0; i < d->n_inputs; i++)
        d->inputs[i]->is_input = false;
    for (int i = 0; i < d->n_outputs; i++)
        d->outputs[i]->is_output = false;
    d->n_inputs = d->n_outputs = 0;
}

/* d's values have the ids of g's. */
static nt_status set_list(nt_value ***list, int *count, const nt_graph *d, nt_value *const *v,
                          int n, nt_err *e)
{
    nt_value **p = nt_realloc(*list, (size_t)n + 1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    *list = p;
    for (int i = 0; i < n; i++)
        p[i] = d->values[v[i]->id];
    *count = n;
    return NT_OK;
}

nt_status nt_graph_part(nt_graph **out, const nt_graph *g, const nt_part_spec *p, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *d = NULL;

    NT_TRY(nt_graph_dup(&d, g, true, e));
    drop_others(d, p->take);
    NT_TRY(set_list(&d->inputs, &d->n_inputs, d, p->in, p->n_in, e));
    NT_TRY(set_list(&d->outputs, &d->n_outputs, d, p->out, p->n_out, e));
    for (int i = 0; i < p->n_in; i++) {
        d->inputs[i]->is_input = true;
        d->inputs[i]->declared = false;
    }
    for (int i = 0; i < p->n_out; i++)
        d->outputs[i]->is_output = true;
    for (int i = 0; i < d->n_values; i++) {
        nt_value *v = d->values[i];

        v->pinned = v->pinned && (v->producer || v->data || v->is_input);
    }
    nt_graph_compact(d);
    *out = d;
    d = NULL;
done:
    nt_graph_free(d);
    return s;
}

/* ---- one node */

static nt_status new_outputs(nt_tensor **out, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_out; i++) {
        int64_t dims[NT_MAX_RANK];

        if (!n->out[i])
            continue;
        if (!nt_value_shape(n->out[i], dims))
            return nt_fail(e, NT_EUNSUPPORTED, "the shape of '%s' cannot be found",
                           n->out[i]->name);
        NT_TRY(nt_tensor_new(&out[i], n->out[i]->dtype, n->out[i]->rank, dims, e));
    }
done:
    return s;
}

nt_status nt_node_compute(nt_tensor **out, const nt_graph *g, const nt_node *n,
                          const nt_tensor *const *in, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_out; i++)
        out[i] = NULL;
    if (g->ops->is_made && g->ops->is_made(n)) {
        NT_TRY(g->ops->make(n, in, out, e));
    } else {
        NT_TRY(new_outputs(out, n, e));
        NT_TRY(g->ops->eval(n, in, out, e));
    }
done:
    for (int i = 0; s != NT_OK && i < n->n_out; i++) {
        nt_tensor_free(out[i]);
        out[i] = NULL;
    }
    return s;
}

/* The values around a node, put back after it was asked about other tensors. */
static void save(nt_value *was, const nt_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            was[i] = *n->in[i];
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            was[n->n_in + i] = *n->out[i];
}

static void restore(const nt_node *n, const nt_value *was)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            *n->in[i] = was[i];
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            *n->out[i] = was[n->n_in + i];
}

/* Inference sees the tensors as if they were constants. */
static void pretend(const nt_node *n, const nt_tensor *const *in)
{
    for (int i = 0; i < n->n_in; i++) {
        nt_value *v = n->in[i];

        if (!v)
            continue;
        nt_value_set_shape(v, in[i]->dtype, in[i]->rank, in[i]->dims);
        v->data = (nt_tensor *)in[i]; /* only read, and taken away again */
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            n->out[i]->declared = false; /* the tensors decide */
}

nt_status nt_graph_eval_node(nt_tensor **out, nt_graph *g, nt_node *n,
                             const nt_tensor *const *in, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *was = nt_alloc((size_t)n->n_in + (size_t)n->n_out + 1, sizeof *was);

    for (int i = 0; i < n->n_out; i++)
        out[i] = NULL;
    if (!was)
        return nt_fail_nomem(e);
    save(was, n);
    pretend(n, in);
    NT_TRY(nt_node_infer(g, n, e));
    NT_TRY(nt_node_compute(out, g, n, in, e));
done:
    restore(n, was);
    nt_free(was);
    return s;
}
