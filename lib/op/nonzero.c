/* SPDX-License-Identifier: MIT */
/* nonzero.c - NonZero and Compress: what is picked by its value, so that the data say how much.
 */
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <string.h>

/* ---- NonZero: the indices of what is not zero, a column each, in row-major order */

static nt_status nonzero_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dims[2] = {nt_dim_of(n->in[0]->rank), nt_dim_of(-1)};

    (void)g;
    (void)e;
    nt_infer_set(n->out[0], NT_I64, 2, dims);
    return NT_OK;
}

static nt_status nonzero_make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out,
                              nt_err *e)
{
    const nt_tensor *x = in[0];
    int64_t all = nt_tensor_count(x), dims[2] = {x->rank, 0}, stride[NT_MAX_RANK], k = 0;
    nt_status s = NT_OK;

    (void)n;
    for (int64_t i = 0; i < all; i++)
        dims[1] += nt_tensor_get(x, i) != 0;
    NT_TRY(nt_tensor_new(&out[0], NT_I64, 2, dims, e));
    nt_strides(stride, x->rank, x->dims);
    for (int64_t i = 0; i < all; i++) {
        if (nt_tensor_get(x, i) == 0)
            continue;
        for (int a = 0; a < x->rank; a++)
            ((int64_t *)out[0]->data)[a * dims[1] + k] = i / stride[a] % x->dims[a];
        k++;
    }
done:
    return s;
}

/* ---- Compress: the slices along an axis (or elements) whose condition is true */

static nt_status compress_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK] = {nt_dim_of(-1)};
    nt_status s = NT_OK;
    int axis, rank = 1;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (nt_node_attr(n, "axis")) {
        if (x->rank < 0)
            goto done;
        NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
        rank = x->rank;
        memcpy(dims, x->dims, sizeof dims);
        dims[axis] = nt_dim_of(-1);
    }
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

static nt_status compress_make(const nt_node *n, const nt_tensor *const *in, nt_tensor **out,
                               nt_err *e)
{
    const nt_tensor *x = in[0], *keep = in[1];
    int64_t given = nt_tensor_count(keep), dims[NT_MAX_RANK] = {0}, k = 0;
    nt_axis_view v = {1, nt_tensor_count(x), 1};
    int axis = 0, rank = 1;
    nt_status s = NT_OK;
    size_t bytes;

    NT_TRY(nt_eval_wants_bytes(x, e));
    if (nt_node_attr(n, "axis")) {
        NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
        v = nt_tensor_axis(x, axis);
        rank = x->rank;
        memcpy(dims, x->dims, sizeof dims);
    }
    given = given < v.n ? given : v.n; /* the rest is false */
    for (int64_t i = 0; i < given; i++)
        k += nt_tensor_get_i64(keep, i) != 0;
    dims[axis] = k;
    NT_TRY(nt_tensor_new(&out[0], x->dtype, rank, dims, e));
    bytes = (size_t)v.inner * nt_dtype_size(x->dtype);
    k = 0;
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < given; i++)
            if (nt_tensor_get_i64(keep, i))
                memcpy((char *)out[0]->data + (size_t)k++ * bytes,
                       (const char *)x->data + (size_t)(o * v.n + i) * bytes, bytes);
done:
    return s;
}

static const nt_attr_spec compress_attrs[] = {{"axis", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_nonzero[] = {
    {.name = "NonZero",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .infer = nonzero_infer,
     .make = nonzero_make},
    {.name = "Compress",
     .domain = "",
     .since = 9,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = compress_attrs,
     .infer = compress_infer,
     .make = compress_make},
    {0},
};
