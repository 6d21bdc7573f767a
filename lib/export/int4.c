/* SPDX-License-Identifier: MIT */
#include "export/int4.h"

#include "graph/pass.h"

#include <string.h>

enum { OPSET = 21, IR = 10 };

/* ---- a newer opset */

/* Axes are an input from 18 on; no axes mean all, in both. */
static nt_status move_axes(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "axes");
    int64_t count = a ? (int64_t)a->n : 0;
    nt_tensor *t = NULL;
    nt_value *v = NULL;
    nt_status s = NT_OK;

    if (!a || a->kind != NT_ATTR_INTS)
        return NT_OK;
    NT_TRY(nt_tensor_new(&t, NT_I64, 1, &count, e));
    memcpy(t->data, a->ints, (size_t)count * sizeof *a->ints);
    NT_TRY(nt_graph_add_const(&v, g, NULL, t, e));
    NT_TRY(nt_graph_set_input(g, n, 1, v, e));
    nt_node_remove_attr(n, "axes");
done:
    return s;
}

static nt_status raise_node(nt_graph *g, nt_node *n, nt_err *e)
{
    static const char *const other[] = {"GridSample", "DFT", "GroupNormalization"};
    char name[256];

    if (n->domain[0])
        return NT_OK;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (nt_node_is(n, other[i]))
            return nt_fail(e, NT_EUNSUPPORTED,
                           "node '%s': %s of opset %d is another one at opset %d",
                           nt_node_label(name, sizeof name, n), n->op_type, g->opset, OPSET);
    if (g->opset < 18 && strncmp(n->op_type, "Reduce", 6) == 0)
        return move_axes(g, n, e);
    if (g->opset < 18 && nt_node_is(n, "Split") && n->n_in < 2)
        return nt_node_set_int(g, n, "num_outputs", n->n_out, e);
    return NT_OK;
}

static nt_status raise_graph(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    if (g->opset < 13)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "the model is of opset %d, and only those from 13 on can be written at "
                       "opset %d, where types of 4 bits are: export it at a newer one",
                       g->opset, OPSET);
    for (int i = 0; g->opset < OPSET && i < g->n_nodes; i++)
        NT_TRY(raise_node(g, g->nodes[i], e));
    g->opset = g->opset < OPSET ? OPSET : g->opset;
    g->ir_version = g->ir_version < IR ? IR : g->ir_version;
done:
    return s;
}

/* ---- codes */

static bool fits(const nt_tensor *t)
{
    int64_t lo = t->dtype == NT_I8 ? -8 : 0, hi = t->dtype == NT_I8 ? 7 : 15;

    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        if (nt_tensor_get_i64(t, i) < lo || nt_tensor_get_i64(t, i) > hi)
            return false;
    return t->dtype == NT_I8 || t->dtype == NT_U8;
}

/* The node's input, a constant of 8 bits, becomes one of 4, beside it for whoever else reads
 * it. */
static nt_status narrow(nt_graph *g, nt_node *n, int index, nt_err *e)
{
    nt_value *v = n->in[index], *small = NULL;
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_tensor_new(&t, v->data->dtype == NT_I8 ? NT_I4 : NT_U4, v->data->rank,
                         v->data->dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set_i64(t, i, nt_tensor_get_i64(v->data, i));
    if (v->n_uses == 1) {
        nt_value_take_data(v, t);
        return NT_OK;
    }
    NT_TRY(nt_graph_add_const(&small, g, NULL, t, e));
    NT_TRY(nt_graph_set_input(g, n, index, small, e));
done:
    return s;
}

nt_status nt_int4_convert(nt_graph *g, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    *n = 0;
    NT_TRY(raise_graph(g, e));
    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *d = g->nodes[i];
        const nt_value *zero = d->n_in > 2 ? d->in[2] : NULL;

        if (!nt_node_is(d, "DequantizeLinear") || !d->in[0]->data || !fits(d->in[0]->data) ||
            (zero && (!zero->data || !fits(zero->data))))
            continue;
        NT_TRY(narrow(g, d, 0, e));
        if (zero)
            NT_TRY(narrow(g, d, 2, e));
        ++*n;
    }
    nt_pass_forget_shapes(g);
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}
