/* SPDX-License-Identifier: MIT */
/* generate.c - tensors out of a few numbers: ConstantOfShape and Range. */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static nt_status fill_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "value");

    (void)g;
    if (a && nt_tensor_count(a->t) != 1)
        return nt_fail(e, NT_EFORMAT, "value is not one number");
    return NT_OK;
}

static nt_status fill_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "value");
    const nt_tensor *t = nt_const_in(n, 0);
    int64_t want[NT_MAX_RANK];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t rank;

    (void)g;
    nt_infer_type(n->out[0], a ? a->t->dtype : NT_F32);
    if (!t)
        goto done;
    NT_TRY(nt_tensor_ints(want, &rank, NT_MAX_RANK, t, e));
    for (size_t i = 0; i < rank; i++) {
        if (want[i] < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "an extent of %" PRId64, want[i]));
        dims[i] = nt_dim_of(want[i]);
    }
    nt_infer_set(n->out[0], n->out[0]->dtype, (int)rank, dims);
done:
    return s;
}

static nt_status fill_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "value");
    int64_t count = nt_tensor_count(out[0]);
    size_t size = nt_dtype_size(out[0]->dtype);
    nt_status s = NT_OK;

    (void)in;
    NT_TRY(nt_eval_wants_bytes(out[0], e));
    for (int64_t i = 0; i < count; i++)
        if (a && a->t->dtype == out[0]->dtype)
            memcpy((char *)out[0]->data + (size_t)i * size, a->t->data, size);
        else /* a plan may compute a wider type */
            nt_tensor_set(out[0], i, a ? nt_tensor_get(a->t, 0) : 0);
done:
    return s;
}

/* max(ceil((limit - start) / delta), 0) elements. */
static nt_status range_count(int64_t *count, const nt_tensor *start, const nt_tensor *limit,
                             const nt_tensor *delta, nt_err *e)
{
    double d = nt_tensor_get(delta, 0);
    double n = ceil((nt_tensor_get(limit, 0) - nt_tensor_get(start, 0)) / d);

    if (!(n <= 0x1p40)) /* NaN too */
        return nt_fail(e, NT_EFORMAT, "%g elements", n);
    *count = n > 0 ? (int64_t)n : 0;
    return NT_OK;
}

static nt_status range_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim dim = nt_dim_of(-1);
    nt_status s = NT_OK;

    (void)g;
    if (nt_const_in(n, 0) && nt_const_in(n, 1) && nt_const_in(n, 2))
        NT_TRY(range_count(&dim.value, nt_const_in(n, 0), nt_const_in(n, 1), nt_const_in(n, 2),
                           e));
    nt_infer_set(n->out[0], n->in[0]->dtype, 1, &dim);
done:
    return s;
}

static nt_status range_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                            nt_err *e)
{
    bool real = nt_dtype_is_real(in[0]->dtype);

    (void)n;
    (void)e;
    for (int64_t i = 0; i < out[0]->dims[0]; i++)
        if (real)
            nt_tensor_set(out[0], i,
                          nt_tensor_get(in[0], 0) + (double)i * nt_tensor_get(in[2], 0));
        else
            nt_tensor_set_i64(out[0], i,
                              nt_tensor_get_i64(in[0], 0) + i * nt_tensor_get_i64(in[2], 0));
    return NT_OK;
}

static const nt_attr_spec fill_attrs[] = {{"value", NT_ATTR_TENSOR, false}, {0}};

const nt_op nt_op_generate[] = {
    {.name = "ConstantOfShape",
     .domain = "",
     .since = 9,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = fill_attrs,
     .check = fill_check,
     .infer = fill_infer,
     .eval = fill_eval},
    {.name = "Range",
     .domain = "",
     .since = 11,
     .min_in = 3,
     .max_in = 3,
     .min_out = 1,
     .max_out = 1,
     .infer = range_infer,
     .eval = range_eval},
    {0},
};
