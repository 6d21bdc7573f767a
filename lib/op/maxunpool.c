/* SPDX-License-Identifier: MIT */
/*
 * MaxUnpool: y[I[i]] = x[i], zero elsewhere; I is MaxPool's second output, flat offsets into
 * the whole of y. What extents MaxPool's input had cannot be told from its output alone:
 * output_shape says so, else the smallest ones are meant.
 */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "facet/window.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

static const nt_attr_spec attrs[] = {
    {"kernel_shape", NT_ATTR_INTS, true},
    {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},
    {NULL, 0, false},
};

static nt_status read_window(nt_window *w, const nt_node *n, nt_err *e)
{
    return nt_window_read(w, n, (int)nt_node_attr(n, "kernel_shape")->n, NULL, e);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_window w;

    (void)g;
    return read_window(&w, n, e);
}

/* From output_shape where it is given: unknown until it is constant. */
static nt_status given_dims(nt_dim *dims, const nt_node *n, int rank, nt_err *e)
{
    int64_t shape[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t count;

    for (int i = 0; i < rank; i++)
        dims[i] = nt_dim_of(-1);
    if (!nt_const_in(n, 2))
        goto done;
    NT_TRY(nt_tensor_ints(shape, &count, NT_MAX_RANK, nt_const_in(n, 2), e));
    if (count != (size_t)rank)
        NT_TRY(nt_fail(e, NT_EFORMAT, "output_shape has %zu entries, want %d", count, rank));
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "output_shape holds %" PRId64, shape[i]));
        dims[i] = nt_dim_of(shape[i]);
    }
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    NT_TRY(read_window(&w, n, e));
    if (x->rank < 0)
        goto done;
    if (x->rank != w.sp + 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "input has %d dimensions, want %d", x->rank, w.sp + 2));
    if (nt_has_in(n, 2))
        NT_TRY(given_dims(dims, n, x->rank, e));
    for (int i = 0; i < x->rank; i++)
        if (i < 2 && !nt_has_in(n, 2))
            dims[i] = x->dims[i];
        else if (!nt_has_in(n, 2)) {
            int64_t in = x->dims[i].value, k = i - 2;

            dims[i] =
                nt_dim_of(in < 0 ? -1 : (in - 1) * w.stride[k] + w.ker[k] - w.lo[k] - w.hi[k]);
        }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* Every index lies in y. */
static nt_status check_indices(const nt_tensor *at, int64_t count, nt_err *e)
{
    for (int64_t i = 0; i < nt_tensor_count(at); i++) {
        int64_t k = nt_tensor_get_i64(at, i);

        if (k < 0 || k >= count)
            return nt_fail(e, NT_EFORMAT, "index %" PRId64 " is outside [0, %" PRId64 ")", k,
                           count);
    }
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    size_t size = nt_dtype_size(in[0]->dtype);
    nt_status s = NT_OK;

    (void)n;
    NT_TRY(nt_eval_wants_bytes(in[0], e));
    if (!nt_tensor_same_shape(in[0], in[1]))
        NT_TRY(nt_fail(e, NT_EFORMAT, "indices and input have different shapes"));
    NT_TRY(check_indices(in[1], nt_tensor_count(out[0]), e));
    memset(out[0]->data, 0, nt_tensor_bytes(out[0]));
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        memcpy((char *)out[0]->data + (size_t)nt_tensor_get_i64(in[1], i) * size,
               (const char *)in[0]->data + (size_t)i * size, size);
done:
    return s;
}

/* dx = dy[I], also for elements that another one was written over (PyTorch's rule): they come
 * from the same maximum. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const float *dy = dout[0]->data;
    float *dx = din[0]->data;

    (void)n, (void)out, (void)e;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        dx[i] = dy[nt_tensor_get_i64(in[1], i)];
    return NT_OK;
}

/* Flat offsets count all channels, so that none may go where I is a constant; computed ones
 * come from a MaxPool that has lost the same channels. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_span x = {n->in[0], 1, 1}, y = {n->out[0], 1, 1}, at = {n->in[1], 1, 1};
    nt_status s = NT_OK;

    NT_TRY(nt_couple_same(c, x, y, e));
    NT_TRY(nt_couple_same(c, x, at, e));
    if (n->in[1]->data)
        NT_TRY(nt_couple_freeze(c, at, n, "MaxUnpool with constant indices", e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_has_in(n, 2) ? nt_adapt_shape(k, g, n, 2, e) : NT_OK;
}

const nt_op nt_op_maxunpool[] = {
    {
        .name = "MaxUnpool",
        .domain = "",
        .since = 9,
        .min_in = 2,
        .max_in = 3,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .check = check,
        .infer = infer,
        .eval = eval,
        .grad = grad,
        .couple = couple,
        .adapt = adapt,
    },
    {0},
};
