/* SPDX-License-Identifier: MIT */
/* one_hot.c - OneHot: an axis of `depth` in which the index is on and the rest off. */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

static nt_status read_depth(int64_t *depth, const nt_tensor *t, nt_err *e)
{
    if (nt_tensor_count(t) != 1)
        return nt_fail(e, NT_EFORMAT, "depth is not one number");
    *depth = nt_tensor_get_i64(t, 0);
    if (*depth < 0)
        return nt_fail(e, NT_EFORMAT, "a depth of %" PRId64, *depth);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *idx = n->in[0];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}};
    nt_status s = NT_OK;
    int axis = 0;

    (void)g;
    nt_infer_type(n->out[0], n->in[2]->dtype);
    if (idx->rank < 0)
        goto done;
    if (idx->rank == NT_MAX_RANK)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "%d dimensions, want at most %d", idx->rank + 1,
                       NT_MAX_RANK));
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), idx->rank + 1, e));
    for (int i = 0; i <= idx->rank; i++)
        dims[i] = i == axis ? nt_dim_of(-1) : idx->dims[i - (i > axis)];
    if (nt_const_in(n, 1))
        NT_TRY(read_depth(&dims[axis].value, nt_const_in(n, 1), e));
    nt_infer_set(n->out[0], n->in[2]->dtype, idx->rank + 1, dims);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    size_t size = nt_dtype_size(out[0]->dtype);
    const char *values = in[2]->data;
    char *y = out[0]->data;
    nt_status s = NT_OK;
    nt_axis_view v;
    int axis = 0;

    NT_TRY(nt_eval_wants_bytes(out[0], e));
    if (nt_tensor_count(in[2]) != 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%" PRId64 " values, want off and on",
                       nt_tensor_count(in[2])));
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", -1), out[0]->rank, e));
    v = nt_tensor_axis(out[0], axis);
    for (int64_t i = 0; i < nt_tensor_count(out[0]); i++)
        memcpy(y + (size_t)i * size, values, size);
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.inner; i++) {
            int64_t k = nt_tensor_get_i64(in[0], o * v.inner + i);

            k += k < 0 ? v.n : 0;
            if (k >= 0 && k < v.n) /* others are off everywhere */
                memcpy(y + (size_t)((o * v.n + k) * v.inner + i) * size, values + size, size);
        }
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_one_hot[] = {
    {.name = "OneHot",
     .domain = "",
     .since = 9,
     .min_in = 3,
     .max_in = 3,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval},
    {0},
};
