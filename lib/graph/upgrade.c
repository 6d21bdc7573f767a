/* SPDX-License-Identifier: MIT */
#include "graph/upgrade.h"

#include <string.h>

nt_status nt_upgrade_put(nt_value **out, nt_graph *g, const nt_node *n, nt_node_spec d,
                         nt_err *e)
{
    nt_node *made = NULL;
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&y, g, NULL, e));
    d.out = &y;
    d.n_out = 1;
    NT_TRY(nt_graph_insert_node(&made, g, n, &d, e));
    *out = y; /* which may be one of d.in */
done:
    return s;
}

nt_status nt_upgrade_become(nt_graph *g, nt_node *n, const char *op, nt_value *const *in,
                            int n_in, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n_in; i++)
        NT_TRY(nt_graph_set_input(g, n, i, in[i], e));
    for (int i = n_in; i < n->n_in; i++)
        NT_TRY(nt_graph_set_input(g, n, i, NULL, e));
    n->n_in = n_in;
    n->op_type = op;
    n->n_attrs = 0;
done:
    return s;
}

nt_status nt_upgrade_ints(nt_value **out, nt_graph *g, const int64_t *v, size_t n, nt_err *e)
{
    int64_t dims[] = {(int64_t)n};
    nt_tensor *t = NULL;
    nt_status s = nt_tensor_new(&t, NT_I64, 1, dims, e);

    if (s != NT_OK)
        return s;
    if (n)
        memcpy(t->data, v, n * sizeof *v);
    return nt_graph_add_const(out, g, NULL, t, e);
}

nt_status nt_upgrade_numbers(nt_value **out, nt_graph *g, const nt_value *x, const float *v,
                             size_t n, nt_err *e)
{
    nt_dtype type = nt_dtype_is_real(x->dtype) ? x->dtype : NT_F32;
    int64_t dims[] = {(int64_t)n};
    nt_tensor *t = NULL;
    nt_status s = nt_tensor_new(&t, type, n > 1, dims, e);

    if (s != NT_OK)
        return s;
    for (size_t i = 0; i < n; i++)
        nt_tensor_set(t, (int64_t)i, v[i]);
    return nt_graph_add_const(out, g, NULL, t, e);
}

nt_status nt_upgrade_wants_rank(const nt_value *v, nt_err *e)
{
    if (v->rank < 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "the number of dimensions of '%.128s' is not known, and this form of an "
                       "old opset needs it",
                       v->name);
    return NT_OK;
}

/* A constant nobody else uses keeps its name: it is the layer's parameter. */
static nt_status reshape_const(nt_value **out, nt_graph *g, nt_value *v, int rank, nt_err *e)
{
    bool shared = v->n_uses > 1 || v->is_output || v->pinned;
    nt_tensor *t = v->data;
    nt_status s = NT_OK;

    if (shared)
        NT_TRY(nt_tensor_dup(&t, v->data, e));
    for (int i = t->rank; i < rank; i++)
        t->dims[i] = 1;
    t->rank = rank;
    if (shared)
        NT_TRY(nt_graph_add_const(&v, g, NULL, t, e));
    else
        nt_value_take_data(v, t);
    *out = v;
done:
    return s;
}

nt_status nt_upgrade_append_ones(nt_graph *g, nt_node *n, int i, int trailing, nt_err *e)
{
    nt_value *v = n->in[i];
    int64_t axes[NT_MAX_RANK];
    nt_status s = NT_OK;

    if (v->rank + trailing > NT_MAX_RANK)
        return nt_fail(e, NT_EFORMAT, "'%.128s' has too many dimensions", v->name);
    for (int k = 0; k < trailing; k++)
        axes[k] = v->rank + k;
    if (v->data) {
        NT_TRY(reshape_const(&v, g, v, v->rank + trailing, e));
    } else {
        NT_TRY(nt_upgrade_put(&v, g, n, nt_node_of("Unsqueeze", &v, 1), e));
        NT_TRY(nt_node_set_ints(g, v->producer, "axes", axes, (size_t)trailing, e));
    }
    NT_TRY(nt_graph_set_input(g, n, i, v, e));
done:
    return s;
}
