/* SPDX-License-Identifier: MIT */
/*
 * SparseTensorProto to tensor: values beside their places, which are indices into the flat
 * tensor, or one for each axis. All tools know tensors with all elements only, so that a few
 * bytes of a file may become many: what they may become has a bound.
 */
#include "base/alloc.h"
#include "graph/onnx_private.h"

#include <string.h>

#define MOST ((size_t)1 << 30) /* bytes of all sparse tensors of a model in full */

/* How many places there are, and how many indices each has. */
static nt_status check_places(const nt_tensor *values, const nt_tensor *at, int rank,
                              bool *by_axis, nt_err *e)
{
    int64_t n = nt_tensor_count(values);

    *by_axis = at->rank == 2;
    if (values->rank != 1)
        return nt_fail(e, NT_EFORMAT, "its values have %d dimensions, want 1", values->rank);
    if (at->dtype != NT_I64 || at->rank < 1 || at->rank > 2 || at->dims[0] != n ||
        (*by_axis && at->dims[1] != rank))
        return nt_fail(e, NT_EFORMAT, "its indices do not fit %lld values", (long long)n);
    return NT_OK;
}

/* The flat index of place i; -1: there is none such in t. */
static int64_t place(const nt_tensor *t, const nt_tensor *at, int64_t i, bool by_axis)
{
    const int64_t *v = at->data;
    int64_t flat = 0;

    if (!by_axis)
        return v[i] < 0 || v[i] >= nt_tensor_count(t) ? -1 : v[i];
    for (int a = 0; a < t->rank; a++) {
        int64_t k = v[i * t->rank + a];

        if (k < 0 || k >= t->dims[a])
            return -1;
        flat = flat * t->dims[a] + k;
    }
    return flat;
}

static nt_status spread(nt_tensor *t, const nt_tensor *values, const nt_tensor *at, nt_err *e)
{
    size_t size = nt_dtype_size(t->dtype);
    nt_status s = NT_OK;
    bool by_axis;

    NT_TRY(check_places(values, at, t->rank, &by_axis, e));
    for (int64_t i = 0; i < nt_tensor_count(values); i++) {
        int64_t k = place(t, at, i, by_axis);

        if (k < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "index %lld lies outside of it", (long long)i));
        memcpy((char *)t->data + (size_t)k * size, (char *)values->data + (size_t)i * size,
               size);
    }
done:
    return s;
}

static nt_status check_shape(size_t *bytes, const Onnx__SparseTensorProto *p, nt_err *e)
{
    nt_dtype t = (nt_dtype)p->values->data_type;
    int64_t count;

    if (nt_dtype_size(t) == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "sparse tensors of type %s are not supported",
                       nt_dtype_name(t));
    if (p->n_dims > NT_MAX_RANK || !nt_shape_count(&count, (int)p->n_dims, p->dims) ||
        !nt_size_mul(bytes, (size_t)count, nt_dtype_size(t)))
        return nt_fail(e, NT_EFORMAT, "its dimensions are negative, too many or too large");
    return NT_OK;
}

nt_status nt_onnx_sparse_decode(nt_tensor **out, nt_onnx_reader *r,
                                const Onnx__SparseTensorProto *p, nt_err *e)
{
    nt_tensor *t = NULL, *values = NULL, *at = NULL;
    nt_status s = NT_OK;
    size_t bytes = 0;

    if (!p->values || !p->indices)
        return nt_fail(e, NT_EFORMAT, "a sparse tensor has no %s",
                       p->values ? "indices" : "values");
    NT_TRY(check_shape(&bytes, p, e));
    if (bytes > MOST - r->n_sparse)
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "is sparse, and takes %zu bytes in full", bytes));
    NT_TRY(nt_onnx_tensor_decode(&values, p->values, &r->src, e));
    NT_TRY(nt_onnx_tensor_decode(&at, p->indices, &r->src, e));
    NT_TRY(nt_tensor_new(&t, values->dtype, (int)p->n_dims, p->dims, e));
    NT_TRY(spread(t, values, at, e));
    r->n_sparse += bytes;
    *out = t;
    t = NULL;
done:
    nt_tensor_free(t);
    nt_tensor_free(values);
    nt_tensor_free(at);
    return s;
}
