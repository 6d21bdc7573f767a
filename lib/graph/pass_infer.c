/* SPDX-License-Identifier: MIT */
/* Inference itself is the operators'; this holds it against what the file declares. */
#include "base/alloc.h"
#include "graph/internal.h"
#include "graph/pass.h"

static nt_status contradiction(const nt_node *n, const nt_value *was, const nt_value *is,
                               nt_err *e)
{
    char label[64], a[64], b[64];

    return nt_fail(e, NT_EFORMAT, "node '%s': output '%.64s' is declared %s%s, computed %s%s",
                   nt_node_label(label, sizeof label, n), is->name, nt_dtype_name(was->dtype),
                   nt_value_shape_text(a, sizeof a, was), nt_dtype_name(is->dtype),
                   nt_value_shape_text(b, sizeof b, is));
}

/* A symbol that inference brings from the inputs is as good as a number. */
static bool is_known(const nt_dim *d)
{
    return d->value >= 0 || d->sym;
}

static bool is_complete(const nt_value *v)
{
    if (v->dtype == NT_UNDEFINED || v->rank < 0)
        return false;
    for (int i = 0; i < v->rank; i++)
        if (!is_known(&v->dims[i]))
            return false;
    return true;
}

/* An open extent of a graph output goes by the name that the file gives it. true: there is one.
 */
static bool keep_names(nt_value *v, const nt_value *was)
{
    bool kept = false;

    for (int i = 0; v->is_output && i < v->rank; i++) {
        if (v->dims[i].value >= 0 || was->dims[i].value >= 0 || !was->dims[i].sym)
            continue;
        v->dims[i].sym = was->dims[i].sym;
        kept = true;
    }
    return kept;
}

/* Fills in what inference does not know of v. Extents that contradict give way to the computed
 * ones: PyTorch's exporter writes wrong ones for poolings with ceil_mode. */
static nt_status merge(nt_value *v, const nt_value *was, const nt_node *n, nt_err *e)
{
    bool complete = is_complete(v);

    if (v->dtype == NT_UNDEFINED)
        v->dtype = was->dtype;
    if (was->dtype != NT_UNDEFINED && v->dtype != was->dtype)
        return contradiction(n, was, v, e);
    if (was->rank < 0)
        return NT_OK;
    if (v->rank < 0) {
        v->rank = was->rank;
        for (int i = 0; i < was->rank; i++)
            v->dims[i] = was->dims[i];
    }
    if (v->rank != was->rank)
        return contradiction(n, was, v, e);
    for (int i = 0; i < v->rank; i++)
        if (!is_known(&v->dims[i]))
            v->dims[i] = was->dims[i];
    v->declared = keep_names(v, was) || !complete;
    return NT_OK;
}

nt_status nt_node_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *was = nt_alloc((size_t)n->n_out, sizeof *was);

    if (!was)
        return nt_fail_nomem(e);
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            continue;
        was[i] = *n->out[i];
        n->out[i]->dtype = NT_UNDEFINED;
        n->out[i]->rank = -1;
    }
    NT_TRY(g->ops->infer(g, n, e));
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && was[i].declared)
            NT_TRY(merge(n->out[i], &was[i], n, e));
done:
    nt_free(was);
    return s;
}

nt_status nt_pass_infer(nt_graph *g, nt_err *e)
{
    for (int i = 0; i < g->n_nodes; i++) {
        nt_status s = nt_node_infer(g, g->nodes[i], e);

        if (s != NT_OK)
            return s;
    }
    return NT_OK;
}

/* Of what the file declares, names of open extents stay: no inference brings them back. */
static void forget(nt_value *v)
{
    bool named = false;

    for (int k = 0; k < v->rank; k++) {
        named = named || v->dims[k].sym;
        if (v->dims[k].value >= 0)
            v->dims[k] = (nt_dim){-1, NULL};
    }
    if (!v->declared || !named)
        v->rank = -1;
}

void nt_pass_forget_shapes(nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->producer)
            forget(g->values[i]);
    }
}
