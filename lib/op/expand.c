/* SPDX-License-Identifier: MIT */
/* expand.c - Expand: broadcasts in both directions with a shape. */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/trace.h"
#include "facet/walk.h"

#include <inttypes.h>
#include <string.h>

/* What the shape says, in a value to broadcast with; rank -1 where not even its length is
 * known. It may be known in part. */
static nt_status read_shape(nt_value *shape, const nt_value *v, nt_err *e)
{
    nt_traced q[NT_MAX_RANK];
    int64_t list[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t n;

    *shape = (nt_value){.name = "shape", .rank = -1};
    if (v->data) /* says what is wrong with it */
        NT_TRY(nt_tensor_ints(list, &n, NT_MAX_RANK, v->data, e));
    if (!nt_trace_ints(q, &n, NT_MAX_RANK, v))
        goto done;
    shape->rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (q[i].known && q[i].dim.value < 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "an extent of %" PRId64, q[i].dim.value));
        shape->dims[i] = q[i].dim;
    }
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_value shape;
    nt_value *both[2] = {n->in[0], &shape};
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank;

    (void)g;
    nt_infer_type(n->out[0], n->in[0]->dtype);
    NT_TRY(read_shape(&shape, n->in[1], e));
    NT_TRY(nt_infer_broadcast(dims, &rank, both, 2, e));
    if (rank >= 0)
        nt_infer_set(n->out[0], n->in[0]->dtype, rank, dims);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t xs[NT_MAX_RANK], ys[NT_MAX_RANK];
    nt_tensor *y = out[0];
    nt_status s = NT_OK;

    (void)n;
    NT_TRY(nt_eval_wants_bytes(in[0], e));
    nt_strides_broadcast(xs, y->rank, in[0]);
    nt_strides(ys, y->rank, y->dims);
    nt_copy_strided(y->data, in[0]->data, &(nt_strided){y->rank, y->dims, ys, xs},
                    nt_dtype_size(y->dtype));
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int64_t xs[NT_MAX_RANK], ys[NT_MAX_RANK];
    const nt_tensor *dy = dout[0];

    (void)n;
    (void)in;
    (void)out;
    (void)e;
    if (!din[0])
        return NT_OK;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    nt_strides_broadcast(xs, dy->rank, din[0]);
    nt_strides(ys, dy->rank, dy->dims);
    nt_add_strided(din[0]->data, dy->data, &(nt_strided){dy->rank, dy->dims, xs, ys});
    return NT_OK;
}

/* A computed shape follows where it copies the input's extents. */
static nt_status couple_computed(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_traced q[NT_MAX_RANK];
    nt_status s = NT_OK;
    size_t count;

    if (!nt_trace_ints(q, &count, NT_MAX_RANK, n->in[1]))
        goto done;
    for (int a = 0; a < x->rank; a++) {
        int to = a + y->rank - x->rank;

        if (nt_trace_follows(q, count, to - y->rank + (int)count, x, a))
            NT_TRY(nt_couple_same(c, (nt_span){x, a, 1}, (nt_span){y, to, 1}, e));
    }
done:
    return s;
}

/* Axes that are stretched take whatever extent others need: the shape follows. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    if (!nt_const_in(n, 1))
        return couple_computed(c, n, e);
    NT_TRY(nt_couple_operand(c, n->in[0], n->out[0], e));
    NT_TRY(nt_couple_free_all(c, n->out[0], e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_const_in(n, 1) ? nt_adapt_shape(k, g, n, 1, e) : NT_OK;
}

const nt_op nt_op_expand[] = {
    {.name = "Expand",
     .domain = "",
     .since = 8,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple,
     .adapt = adapt},
    {0},
};
