/* SPDX-License-Identifier: MIT */
/*
 * The If and Loop that loading leaves in a graph: those that shapes will decide. Which way they
 * go is not known, so all ways must be such that nt can go them.
 */
#include "base/alloc.h"
#include "graph/onnx_private.h"
#include "graph/pass.h"

/* By value id: can it be computed from constants and shapes alone? */
static void mark_fixed(const nt_graph *g, bool *fixed)
{
    for (int i = 0; i < g->n_values; i++)
        fixed[g->values[i]->id] = g->values[i]->data != NULL;
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        bool all = true;

        for (int k = 0; k < n->n_in && !nt_node_is(n, "Shape") && !nt_node_is(n, "Size"); k++)
            all = all && (!n->in[k] || fixed[n->in[k]->id]);
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k])
                fixed[n->out[k]->id] = all;
    }
}

static nt_status check_node(const nt_node *n, const bool *fixed, nt_err *e)
{
    char label[128];
    int n_in = nt_node_is(n, "If") ? 1 : nt_node_is(n, "Loop") ? 2 : 0;

    for (int k = 0; k < n_in && k < n->n_in; k++)
        if (n->in[k] && !fixed[n->in[k]->id])
            return nt_fail(e, NT_EUNSUPPORTED,
                           "node '%s': operator '%s' whose %s depends on the data is not "
                           "supported",
                           nt_node_label(label, sizeof label, n), n->op_type,
                           n_in == 1 ? "condition" : "end");
    return NT_OK;
}

static nt_status try_subgraphs(const nt_graph *g, int from, nt_err *e);

/* The subgraph in a copy of g, and those that are in it. */
static nt_status try_one(const nt_graph *g, const nt_node *n, const char *attr, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *c = NULL;
    char label[128];

    NT_TRY(nt_graph_dup(&c, g, true, e));
    c->ops = g->ops;
    s = nt_onnx_try_subgraph(c, c->nodes[n->id], attr, e);
    if (s == NT_OK)
        s = try_subgraphs(c, g->n_nodes, e);
    if (s != NT_OK) {
        nt_err_prefix(e, "%s", attr);
        nt_err_prefix(e, "node '%s'", nt_node_label(label, sizeof label, n));
    }
done:
    nt_graph_free(c);
    return s;
}

/* Of the nodes from this index on. Nesting is bounded where messages are unpacked. */
static nt_status try_subgraphs(const nt_graph *g, int from, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = from; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_attrs; k++)
            if (g->nodes[i]->attrs[k].kind == NT_ATTR_GRAPH)
                NT_TRY(try_one(g, g->nodes[i], g->nodes[i]->attrs[k].name, e));
done:
    return s;
}

nt_status nt_pass_check_control(const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    bool *fixed = nt_calloc((size_t)g->n_values + 1, sizeof *fixed);

    if (!fixed)
        return nt_fail_nomem(e);
    mark_fixed(g, fixed);
    for (int i = 0; i < g->n_nodes; i++)
        NT_TRY(check_node(g->nodes[i], fixed, e));
    NT_TRY(try_subgraphs(g, 0, e));
done:
    nt_free(fixed);
    return s;
}
