/* SPDX-License-Identifier: MIT */
/* Passes that take away what does nothing. */
#include "graph/internal.h"
#include "graph/pass.h"

static bool is_dead(const nt_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && !nt_value_is_unused(n->out[i]))
            return false;
    return true;
}

nt_status nt_pass_dead(nt_graph *g, int *n_removed, nt_err *e)
{
    int before = g->n_nodes;

    (void)e;
    for (int i = g->n_nodes; i-- > 0;) /* users come after what they use */
        if (is_dead(g->nodes[i]))
            nt_graph_unhook_node(g->nodes[i]);
    nt_graph_sweep(g);
    nt_graph_compact(g);
    if (n_removed)
        *n_removed = before - g->n_nodes;
    return NT_OK;
}

/* Output 0 may stand for input 0: nobody wants the others, and one of two names is free. */
static bool is_removable(const nt_graph *g, const nt_node *n)
{
    const nt_value *in = n->n_in > 0 ? n->in[0] : NULL;
    const nt_value *out = n->n_out > 0 ? n->out[0] : NULL;

    if (!in || !out || !g->ops->is_identity(n))
        return false;
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i] && !nt_value_is_unused(n->out[i]))
            return false;
    return !nt_value_keeps_name(out) || (!nt_value_keeps_name(in) && !in->data);
}

nt_status nt_pass_identity(nt_graph *g, int *n_removed, nt_err *e)
{
    nt_status s = NT_OK;
    int before = g->n_nodes;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];

        if (!is_removable(g, n))
            continue;
        NT_TRY(nt_graph_replace_value(g, n->out[0], n->in[0], e));
        nt_graph_unhook_node(n);
    }
done:
    nt_graph_sweep(g);
    if (n_removed)
        *n_removed = before - g->n_nodes;
    return s;
}
