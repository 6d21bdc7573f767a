/* SPDX-License-Identifier: MIT */
/*
 * Numbers of other widths are computed as float32: kernels know that type, and float16 is a way
 * to store a model, not to run one. Inputs and outputs keep their types through casts.
 */
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

static bool is_other(nt_dtype t)
{
    return t == NT_F16 || t == NT_BF16 || t == NT_F64;
}

static nt_status use_instead(nt_graph *g, nt_value *from, nt_value *to, nt_err *e)
{
    nt_status s = NT_OK;

    while (from->n_uses > 0)
        NT_TRY(nt_graph_set_input(g, from->uses[0].node, from->uses[0].index, to, e));
done:
    return s;
}

static nt_status widen_const(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    nt_value *wide;

    NT_TRY(nt_tensor_new(&t, NT_F32, v->rank, v->data->dims, e));
    for (int64_t i = 0, n = nt_tensor_count(t); i < n; i++)
        nt_tensor_set(t, i, nt_tensor_get(v->data, i));
    if (!v->is_output) {
        nt_value_take_data(v, t);
        goto done;
    }
    NT_TRY(nt_graph_add_const(&wide, g, NULL, t, e));
    NT_TRY(use_instead(g, v, wide, e));
done:
    return s;
}

/* A float32 value of v's shape. */
static nt_status wide_value(nt_value **out, nt_graph *g, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(out, g, NULL, e));
    (*out)->dtype = NT_F32;
    (*out)->rank = v->rank;
    memcpy((*out)->dims, v->dims, sizeof v->dims);
done:
    return s;
}

static nt_status cast(nt_graph *g, const nt_node *before, nt_value *from, nt_value *to,
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *n;

    NT_TRY(
        nt_graph_insert_node(&n, g, before, &(nt_node_spec){"Cast", "", &from, 1, &to, 1}, e));
    NT_TRY(nt_node_set_int(g, n, "to", to->dtype, e));
done:
    return s;
}

static nt_status widen_input(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *wide;

    if (v->n_uses == 0)
        return NT_OK;
    NT_TRY(wide_value(&wide, g, v, e));
    NT_TRY(use_instead(g, v, wide, e));
    NT_TRY(cast(g, g->nodes[0], v, wide, e));
done:
    return s;
}

static nt_status widen_output(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *p = v->producer;
    nt_value *wide;

    NT_TRY(wide_value(&wide, g, v, e));
    NT_TRY(use_instead(g, v, wide, e));
    p->out[v->producer_index] = wide;
    wide->producer = p;
    wide->producer_index = v->producer_index;
    v->producer = NULL;
    NT_TRY(cast(g, NULL, wide, v, e));
done:
    return s;
}

static bool has_other(const nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++)
        if (is_other(g->values[i]->dtype))
            return true;
    return false;
}

/* float64 and float32, and nothing in it that needs a kernel: that can be computed as it is. */
static bool is_arithmetic(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (!g->ops->is_double || !g->ops->is_double(g->nodes[i]))
            return false;
    for (int i = 0; i < g->n_values; i++)
        if (is_other(g->values[i]->dtype) && g->values[i]->dtype != NT_F64)
            return false;
    return true;
}

/* Also the cast that was put there for an output that stands twice in the list. */
static bool is_cast_already(const nt_value *v)
{
    return v->producer && strcmp(v->producer->op_type, "Cast") == 0 && v->n_uses == 0;
}

nt_status nt_pass_widen(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int n_values = g->n_values;

    if (!has_other(g) || is_arithmetic(g))
        return NT_OK;
    for (int i = 0; i < n_values; i++)
        if (g->values[i]->data && is_other(g->values[i]->dtype))
            NT_TRY(widen_const(g, g->values[i], e));
    for (int i = 0; i < g->n_inputs; i++)
        if (is_other(g->inputs[i]->dtype))
            NT_TRY(widen_input(g, g->inputs[i], e));
    for (int i = 0; i < g->n_outputs; i++)
        if (is_other(g->outputs[i]->dtype) && g->outputs[i]->producer &&
            !is_cast_already(g->outputs[i]))
            NT_TRY(widen_output(g, g->outputs[i], e));
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        if (v->producer && !v->is_output && is_other(v->dtype))
            v->dtype = NT_F32;
    }
    NT_TRY(nt_graph_bind(g, g->ops, e));
done:
    return s;
}
