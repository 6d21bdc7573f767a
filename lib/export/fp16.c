/* SPDX-License-Identifier: MIT */
#include "export/fp16.h"

#include "graph/pass.h"

#include <math.h>
#include <string.h>

#define F16_MAX 65504.0f

/* Operands that stay float32: ONNX says so in the operator's type constraints. */
static bool stays_f32(const nt_use *u)
{
    return strcmp(u->node->op_type, "Resize") == 0 && u->index > 0;
}

static bool all_stay(const nt_value *v)
{
    for (int i = 0; i < v->n_uses; i++) {
        if (!stays_f32(&v->uses[i]))
            return false;
    }
    return v->n_uses > 0;
}

static nt_status to_f16(nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;
    const float *x = v->data->data;
    uint16_t *y;

    NT_TRY(nt_tensor_new(&t, NT_F16, v->data->rank, v->data->dims, e));
    y = t->data;
    for (int64_t i = 0, n = nt_tensor_count(t); i < n; i++) {
        if (fabsf(x[i]) > F16_MAX && !isinf(x[i]))
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "constant '%s' holds %g, past float16's range",
                           v->name, (double)x[i]));
        y[i] = nt_f32_to_f16(x[i]);
    }
    nt_value_take_data(v, t);
    t = NULL;
done:
    nt_tensor_free(t);
    return s;
}

static nt_status add_cast(nt_graph *g, const nt_node *before, nt_value *from, nt_value *to,
                          nt_dtype type, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *n;

    NT_TRY(before ? nt_graph_insert_node(&n, g, before, "Cast", "", &from, 1, &to, 1, e)
                  : nt_graph_add_node(&n, g, "Cast", "", &from, 1, &to, 1, e));
    NT_TRY(nt_node_set_int(g, n, "to", type, e));
done:
    return s;
}

static nt_status cast_input(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *h = NULL;

    NT_TRY(nt_graph_add_value(&h, g, NULL, e));
    while (v->n_uses)
        NT_TRY(nt_graph_set_input(g, v->uses[0].node, v->uses[0].index, h, e));
    NT_TRY(add_cast(g, g->n_nodes ? g->nodes[0] : NULL, v, h, NT_F16, e));
done:
    return s;
}

/* The producer gets a new output value; the graph output is what the cast makes of it. */
static nt_status cast_output(nt_graph *g, nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *p = v->producer;
    nt_value *h = NULL;

    if (!p)
        return NT_OK;
    NT_TRY(nt_graph_add_value(&h, g, NULL, e));
    while (v->n_uses)
        NT_TRY(nt_graph_set_input(g, v->uses[0].node, v->uses[0].index, h, e));
    p->out[v->producer_index] = h;
    h->producer = p;
    h->producer_index = v->producer_index;
    v->producer = NULL;
    NT_TRY(add_cast(g, NULL, h, v, NT_F32, e));
done:
    return s;
}

/* Casts in the model that made float32 make float16 now. */
static nt_status retarget_casts(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];

        if (strcmp(n->op_type, "Cast") == 0 && nt_node_int(n, "to", 0) == NT_F32)
            NT_TRY(nt_node_set_int(g, n, "to", NT_F16, e));
    }
done:
    return s;
}

nt_status nt_fp16_convert(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int n_values = g->n_values;

    NT_TRY(retarget_casts(g, e));
    for (int i = 0; i < n_values; i++) {
        nt_value *v = g->values[i];

        if (v->data && v->dtype == NT_F32 && !all_stay(v))
            NT_TRY(to_f16(v, e));
    }
    for (int i = 0; i < g->n_inputs; i++) {
        if (g->inputs[i]->dtype == NT_F32)
            NT_TRY(cast_input(g, g->inputs[i], e));
    }
    for (int i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i]->dtype == NT_F32)
            NT_TRY(cast_output(g, g->outputs[i], e));
    }
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        if (v->producer && v->dtype == NT_F32 && !v->is_output)
            v->dtype = NT_UNDEFINED;
    }
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}
