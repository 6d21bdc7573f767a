/* SPDX-License-Identifier: MIT */
/* constant.c - Constant, as far as a reader leaves it in the graph. */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"

#include <string.h>

static const nt_attr *value_attr(const nt_node *n)
{
    return n->n_attrs == 1 ? &n->attrs[0] : NULL;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    return value_attr(n) ? NT_OK : nt_fail(e, NT_EFORMAT, "%d values, want one", n->n_attrs);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = value_attr(n);
    nt_dim dims[NT_MAX_RANK];

    (void)g;
    (void)e;
    if (a->kind == NT_ATTR_TENSOR) {
        for (int i = 0; i < a->t->rank; i++)
            dims[i] = nt_dim_of(a->t->dims[i]);
        nt_infer_set(n->out[0], a->t->dtype, a->t->rank, dims);
    } else {
        bool many = a->kind == NT_ATTR_FLOATS || a->kind == NT_ATTR_INTS;
        bool real = a->kind == NT_ATTR_FLOATS || a->kind == NT_ATTR_FLOAT;

        dims[0] = nt_dim_of((int64_t)a->n);
        nt_infer_set(n->out[0], real ? NT_F32 : NT_I64, many, dims);
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_attr *a = value_attr(n);

    (void)in;
    (void)e;
    switch (a->kind) {
    case NT_ATTR_TENSOR:
        memcpy(out[0]->data, a->t->data, nt_tensor_bytes(a->t));
        break;
    case NT_ATTR_FLOAT:
        nt_tensor_set(out[0], 0, a->f);
        break;
    case NT_ATTR_INT:
        nt_tensor_set_i64(out[0], 0, a->i);
        break;
    default:
        for (size_t i = 0; i < a->n; i++)
            if (a->kind == NT_ATTR_FLOATS)
                nt_tensor_set(out[0], (int64_t)i, a->floats[i]);
            else
                nt_tensor_set_i64(out[0], (int64_t)i, a->ints[i]);
    }
    return NT_OK;
}

static const nt_attr_spec attrs[] = {
    {"value", NT_ATTR_TENSOR, false},        {"value_float", NT_ATTR_FLOAT, false},
    {"value_floats", NT_ATTR_FLOATS, false}, {"value_int", NT_ATTR_INT, false},
    {"value_ints", NT_ATTR_INTS, false},     {0}};

const nt_op nt_op_constant[] = {
    {.name = "Constant",
     .domain = "",
     .since = 1,
     .min_in = 0,
     .max_in = 0,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = check,
     .infer = infer,
     .eval = eval},
    {0},
};
