/* SPDX-License-Identifier: MIT */
/* flatten.c - Flatten: two axes, what stands before `axis` and what stands from there on. */
#include "facet/infer.h"
#include "op/view.h"

#include "base/alloc.h"

/* A symbol survives when it is multiplied by ones only. */
static nt_dim product(const nt_dim *d, int n)
{
    nt_dim p = nt_dim_of(1);

    for (int i = 0; i < n; i++) {
        if (p.value == 1)
            p = d[i];
        else if (d[i].value != 1 &&
                 (p.value < 0 || d[i].value < 0 || !nt_i64_mul(&p.value, p.value, d[i].value)))
            return nt_dim_of(-1);
    }
    return p;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t axis = nt_node_int(n, "axis", 1);
    nt_dim dims[2];

    (void)g;
    if (x->rank < 0) {
        nt_infer_type(n->out[0], x->dtype);
        return NT_OK;
    }
    if (axis < -x->rank || axis > x->rank)
        return nt_fail(e, NT_EFORMAT, "axis %d is outside a tensor of %d dimensions", (int)axis,
                       x->rank);
    if (axis < 0)
        axis += x->rank;
    dims[0] = product(x->dims, (int)axis);
    dims[1] = product(x->dims + axis, x->rank - (int)axis);
    nt_infer_set(n->out[0], x->dtype, 2, dims);
    return NT_OK;
}

static const nt_attr_spec attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_flatten[] = {
    {.name = "Flatten",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = nt_view_eval,
     .grad = nt_view_grad,
     .lower = nt_view_lower,
     .lower_grad = nt_view_lower_grad,
     .couple = nt_view_couple,
     .flags = NT_OPF_BY_SAMPLE},
    {0},
};
