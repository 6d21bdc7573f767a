/* SPDX-License-Identifier: MIT */
#include "export/fp16.h"

#include "base/alloc.h"
#include "graph/pass.h"

#include <math.h>
#include <string.h>

#define F16_MAX 65504.0f

/* Operators that know no float16 below an opset (0: at none). */
static const struct {
    const char *op;
    int since;
} f32_ops[] = {{"NonMaxSuppression", 0},
               {"Range", 0},
               {"TfIdfVectorizer", 0},
               {"Celu", 0},
               {"IsInf", 20},
               {"CumSum", 14},
               {"QuantizeLinear", 19},
               {"DequantizeLinear", 19},
               {"DynamicQuantizeLinear", 0}};

static bool is_f32_op(const nt_graph *g, const nt_node *n)
{
    for (size_t i = 0; i < sizeof f32_ops / sizeof f32_ops[0]; i++)
        if (nt_node_is(n, f32_ops[i].op))
            return f32_ops[i].since == 0 || g->opset < f32_ops[i].since;
    return false;
}

/* Operands that stay float32: ONNX says so in the operator's type constraints. */
static bool stays_f32(const nt_graph *g, const nt_node *n, int index)
{
    if (nt_node_is(n, "Resize") || nt_node_is(n, "Upsample") || nt_node_is(n, "QLinearConv") ||
        nt_node_is(n, "QLinearMatMul"))
        return index > 0;
    return is_f32_op(g, n);
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

    NT_TRY(
        nt_graph_insert_node(&n, g, before, &(nt_node_spec){"Cast", "", &from, 1, &to, 1}, e));
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

/* What stays float32 gets a constant of its own, or a cast before the node. */
static nt_status keep_operand(nt_graph *g, nt_node *n, int index, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v = n->in[index], *own = NULL;
    nt_tensor *t = NULL;

    if (v->data) {
        NT_TRY(nt_tensor_dup(&t, v->data, e));
        NT_TRY(nt_graph_add_const(&own, g, NULL, t, e));
    } else {
        NT_TRY(nt_graph_add_value(&own, g, NULL, e));
        NT_TRY(add_cast(g, n, v, own, NT_F32, e));
    }
    NT_TRY(nt_graph_set_input(g, n, index, own, e));
done:
    return s;
}

/* The node's float32 is float16 to those who read it. */
static nt_status narrow_result(nt_graph *g, nt_node *n, int index, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *v = n->out[index], *wide = NULL;
    const nt_node *next = n->id + 1 < g->n_nodes ? g->nodes[n->id + 1] : NULL;

    NT_TRY(nt_graph_add_value(&wide, g, NULL, e));
    n->out[index] = wide;
    wide->producer = n;
    wide->producer_index = index;
    v->producer = NULL;
    NT_TRY(add_cast(g, next, wide, v, NT_F16, e));
done:
    return s;
}

static nt_status isolate(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->dtype == NT_F32 && stays_f32(g, n, i))
            NT_TRY(keep_operand(g, n, i, e));
    for (int i = 0; is_f32_op(g, n) && i < n->n_out; i++)
        if (n->out[i] && n->out[i]->dtype == NT_F32)
            NT_TRY(narrow_result(g, n, i, e));
done:
    return s;
}

/* Those that are there now: casts that are put in come between them. */
static nt_status isolate_all(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int n_nodes = g->n_nodes;
    nt_node **nodes = nt_alloc((size_t)n_nodes, sizeof *nodes);

    if (!nodes)
        return nt_fail_nomem(e);
    if (n_nodes)
        memcpy(nodes, g->nodes, (size_t)n_nodes * sizeof *nodes);
    for (int i = 0; i < n_nodes; i++)
        NT_TRY(isolate(g, nodes[i], e));
done:
    nt_free(nodes);
    return s;
}

/* A tensor attribute of float32: ConstantOfShape's. */
static nt_status narrow_tensor(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e)
{
    nt_status s = NT_OK;
    nt_attr narrow = *a;

    narrow.t = NULL;
    NT_TRY(nt_tensor_new(&narrow.t, NT_F16, a->t->rank, a->t->dims, e));
    for (int64_t i = 0, k = nt_tensor_count(a->t); i < k; i++)
        nt_tensor_set(narrow.t, i, nt_tensor_get(a->t, i));
    NT_TRY(nt_node_set_attr(g, n, &narrow, e));
done:
    nt_tensor_free(narrow.t);
    return s;
}

/* What in the model makes float32 makes float16 now. */
static nt_status retarget(nt_graph *g, nt_node *n, nt_err *e)
{
    static const char *const types[] = {"to", "dtype", "output_dtype", "output_datatype"};
    nt_status s = NT_OK;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (nt_node_attr(n, types[i]) && nt_node_int(n, types[i], 0) == NT_F32)
            NT_TRY(nt_node_set_int(g, n, types[i], NT_F16, e));
    for (int i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].kind == NT_ATTR_TENSOR && n->attrs[i].t &&
            n->attrs[i].t->dtype == NT_F32)
            NT_TRY(narrow_tensor(g, n, &n->attrs[i], e));
done:
    return s;
}

/* The first n values' constants; one that is an output stays, and another one takes its place
 * in the graph. */
static nt_status narrow_constants(nt_graph *g, int n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n; i++) {
        nt_value *v = g->values[i], *own = v;
        nt_tensor *t = NULL;

        if (!v->data || v->dtype != NT_F32)
            continue;
        if (v->is_output) {
            NT_TRY(nt_tensor_dup(&t, v->data, e));
            NT_TRY(nt_graph_add_const(&own, g, NULL, t, e));
            while (v->n_uses)
                NT_TRY(nt_graph_set_input(g, v->uses[0].node, v->uses[0].index, own, e));
        }
        NT_TRY(to_f16(own, e));
    }
done:
    return s;
}

static nt_status narrow_ends(nt_graph *g, const nt_fp16_ends *ends, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_inputs; i++) {
        if (g->inputs[i]->dtype != NT_F32)
            continue;
        if (ends->in && ends->in[i])
            g->inputs[i]->dtype = NT_F16;
        else
            NT_TRY(cast_input(g, g->inputs[i], e));
    }
    for (int i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i]->dtype == NT_F32 && !(ends->out && ends->out[i]))
            NT_TRY(cast_output(g, g->outputs[i], e));
    }
done:
    return s;
}

/* No type that was inferred holds, but at the ends that stay. */
static void forget_types(nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        if (v->producer && v->dtype == NT_F32)
            v->dtype = NT_UNDEFINED;
    }
}

nt_status nt_fp16_convert(nt_graph *g, const nt_fp16_ends *ends, nt_err *e)
{
    nt_status s = NT_OK;
    int n_values = g->n_values;

    for (int i = 0; i < g->n_nodes; i++) {
        NT_TRY(nt_node_check_no_graph(g->nodes[i], "float16", e));
        if (!is_f32_op(g, g->nodes[i]))
            NT_TRY(retarget(g, g->nodes[i], e));
    }
    NT_TRY(isolate_all(g, e));
    NT_TRY(narrow_constants(g, n_values, e));
    NT_TRY(narrow_ends(g, ends, e));
    forget_types(g);
    NT_TRY(nt_graph_sort(g, e));
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}
