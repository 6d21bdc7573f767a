/* SPDX-License-Identifier: MIT */
/*
 * A model that is stored in float16 or bfloat16, in float32: what surgery and training work
 * with. Both widen without loss, so that the model only computes more exactly.
 */
#include "graph/internal.h"
#include "graph/pass.h"

#include <string.h>

static bool is_narrow(int64_t t)
{
    return t == NT_F16 || t == NT_BF16;
}

static nt_status widen(nt_tensor **out, const nt_tensor *t, nt_err *e)
{
    nt_status s = nt_tensor_new(out, NT_F32, t->rank, t->dims, e);

    for (int64_t i = 0, n = nt_tensor_count(t); s == NT_OK && i < n; i++)
        nt_tensor_set(*out, i, nt_tensor_get(t, i));
    return s;
}

nt_status nt_node_check_no_graph(const nt_node *n, const char *type, nt_err *e)
{
    char label[64];

    for (int i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].kind == NT_ATTR_GRAPH)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "node '%s' holds a subgraph: it cannot be brought to %s",
                           nt_node_label(label, sizeof label, n), type);
    return NT_OK;
}

/* Attributes that name a type, and tensors in attributes. */
static nt_status widen_attr(nt_graph *g, nt_node *n, const nt_attr *a, nt_err *e)
{
    static const char *const types[] = {"to",
                                        "dtype",
                                        "output_dtype",
                                        "precision",
                                        "output_datatype",
                                        "softmax_precision",
                                        "stash_type",
                                        "attention_softmax_precision"};
    nt_status s = NT_OK;
    nt_attr wide = *a;

    for (size_t i = 0; a->kind == NT_ATTR_INT && i < sizeof types / sizeof types[0]; i++)
        if (is_narrow(a->i) && strcmp(a->name, types[i]) == 0)
            return nt_node_set_int(g, n, types[i], NT_F32, e);
    if (a->kind != NT_ATTR_TENSOR || !a->t || !is_narrow(a->t->dtype))
        return NT_OK;
    wide.t = NULL;
    NT_TRY(widen(&wide.t, a->t, e));
    NT_TRY(nt_node_set_attr(g, n, &wide, e));
done:
    nt_tensor_free(wide.t);
    return s;
}

static nt_status widen_node(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_node_check_no_graph(n, "float32", e));
    for (int i = 0; i < n->n_attrs; i++)
        NT_TRY(widen_attr(g, n, &n->attrs[i], e));
    if (nt_node_is(n, "Cast") && nt_node_int(n, "to", 0) == NT_F32 && n->in[0] &&
        (n->in[0]->dtype == NT_F32 || is_narrow(n->in[0]->dtype))) {
        n->op_type = "Identity"; /* a cast to where it comes from */
        n->n_attrs = 0;
    }
done:
    return s;
}

static nt_status widen_value(nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *t = NULL;

    if (!v->data) {
        v->dtype = NT_F32;
        return NT_OK;
    }
    NT_TRY(widen(&t, v->data, e));
    nt_value_take_data(v, t);
    t = NULL;
done:
    nt_tensor_free(t);
    return s;
}

nt_status nt_pass_to_f32(nt_graph *g, bool *changed, nt_err *e)
{
    nt_status s = NT_OK;

    *changed = false;
    for (int i = 0; i < g->n_values; i++)
        *changed = *changed || is_narrow(g->values[i]->dtype);
    if (!*changed)
        return NT_OK;
    for (int i = 0; i < g->n_nodes; i++) /* while types still say what casts cast */
        NT_TRY(widen_node(g, g->nodes[i], e));
    for (int i = 0; i < g->n_values; i++)
        if (is_narrow(g->values[i]->dtype))
            NT_TRY(widen_value(g->values[i], e));
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_identity(g, NULL, e));
    NT_TRY(nt_pass_infer(g, e));
done:
    return s;
}
