/* SPDX-License-Identifier: MIT */
/* cumsum.c - CumSum: running sums along one axis, forwards or in reverse, with or without
 * (exclusive) the element itself. Its gradient runs the other way. */
#include "op/couple.h"
#include "op/op.h"
#include "op/util.h"

#include <inttypes.h>

static nt_status axis_of(int *axis, const nt_tensor *t, int rank, nt_err *e)
{
    if (nt_tensor_count(t) != 1)
        return nt_fail(e, NT_EFORMAT, "the axis has %" PRId64 " elements, want 1",
                       nt_tensor_count(t));
    return nt_axis(axis, nt_tensor_get_i64(t, 0), rank, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_tensor *t = nt_const_in(n, 1);
    nt_status s = NT_OK;
    int axis;

    (void)g;
    NT_TRY(nt_wants_numbers(n->in[0], e));
    if (t && n->in[0]->rank >= 0)
        NT_TRY(axis_of(&axis, t, n->in[0]->rank, e));
    nt_infer_like(n->out[0], n->in[0]);
done:
    return s;
}

/* y[at], y[at + step], ... are the sums of x's. */
static void run_floats(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t step, int64_t n,
                       bool exclusive)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++, at += step) {
        double v = nt_tensor_get(x, at);

        nt_tensor_set(y, at, exclusive ? sum : sum + v);
        sum += v;
    }
}

/* The same of integers, which wrap around. */
static void run_integers(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t step, int64_t n,
                         bool exclusive)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < n; i++, at += step) {
        uint64_t v = nt_tensor_get_bits(x, at);

        nt_tensor_set_bits(y, at, exclusive ? sum : sum + v);
        sum += v;
    }
}

static void run_all(nt_tensor *y, const nt_tensor *x, int axis, bool exclusive, bool reverse)
{
    nt_axis_view v = nt_tensor_axis(x, axis);
    int64_t first = reverse ? (v.n - 1) * v.inner : 0;
    void (*run)(nt_tensor *, const nt_tensor *, int64_t, int64_t, int64_t, bool) =
        nt_dtype_is_real(x->dtype) ? run_floats : run_integers;

    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.inner; i++)
            run(y, x, o * v.n * v.inner + i + first, reverse ? -v.inner : v.inner, v.n,
                exclusive);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    NT_TRY(axis_of(&axis, in[1], in[0]->rank, e));
    run_all(out[0], in[0], axis, nt_node_int(n, "exclusive", 0) != 0,
            nt_node_int(n, "reverse", 0) != 0);
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    (void)out;
    if (!din[0])
        goto done;
    NT_TRY(axis_of(&axis, in[1], in[0]->rank, e));
    run_all(din[0], dout[0], axis, nt_node_int(n, "exclusive", 0) != 0,
            nt_node_int(n, "reverse", 0) == 0);
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int axis;

    if (!nt_const_in(n, 1))
        goto done;
    NT_TRY(axis_of(&axis, nt_const_in(n, 1), x->rank, e));
    for (int i = 0; i < x->rank; i++)
        if (i != axis)
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){n->out[0], i, 1}, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {
    {"exclusive", NT_ATTR_INT, false}, {"reverse", NT_ATTR_INT, false}, {0}};

const nt_op nt_op_cumsum[] = {
    {.name = "CumSum",
     .domain = "",
     .since = 11,
     .min_in = 2,
     .max_in = 2,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .couple = couple},
    {0},
};
