/* SPDX-License-Identifier: MIT */
/*
 * cumsum.c - CumSum and CumProd: running sums and products along one axis, forwards or in
 * reverse, with or without (exclusive) the element itself. The gradient of sums runs the other
 * way; that of products multiplies anew what stands beside each element, so that zeros do no
 * harm.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"

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

/* n elements along the axis: at, at + step, ... */
typedef struct line {
    int64_t at, step, n;
    bool exclusive, product;
} line;

static void run_real(nt_tensor *y, const nt_tensor *x, const line *l)
{
    double all = l->product ? 1 : 0;

    for (int64_t i = 0, at = l->at; i < l->n; i++, at += l->step) {
        double v = nt_tensor_get(x, at), next = l->product ? all * v : all + v;

        nt_tensor_set(y, at, l->exclusive ? all : next);
        all = next;
    }
}

/* Integers wrap around. */
static void run_whole(nt_tensor *y, const nt_tensor *x, const line *l)
{
    uint64_t all = l->product ? 1 : 0;

    for (int64_t i = 0, at = l->at; i < l->n; i++, at += l->step) {
        uint64_t v = nt_tensor_get_bits(x, at), next = l->product ? all * v : all + v;

        nt_tensor_set_bits(y, at, l->exclusive ? all : next);
        all = next;
    }
}

/* dx[k]: the sum over the products that x[k] is in of dy times the others in it. */
static void pull_product(nt_tensor *dx, const nt_tensor *x, const nt_tensor *dy, const line *l)
{
    double before = 1;

    for (int64_t k = 0; k < l->n; k++) {
        double others = before, sum = 0;

        for (int64_t i = k + l->exclusive; i < l->n; i++) {
            int64_t last = i - l->exclusive;

            if (last > k)
                others *= nt_tensor_get(x, l->at + last * l->step);
            sum += nt_tensor_get(dy, l->at + i * l->step) * others;
        }
        nt_tensor_set(dx, l->at + k * l->step, sum);
        before *= nt_tensor_get(x, l->at + k * l->step);
    }
}

/* The o-th line of the view around the axis, for i within it. */
static line line_of(const nt_node *n, const nt_axis_view *v, int64_t o, int64_t i, bool reverse)
{
    return (line){.at = o * v->n * v->inner + i + (reverse ? (v->n - 1) * v->inner : 0),
                  .step = reverse ? -v->inner : v->inner,
                  .n = v->n,
                  .exclusive = nt_node_int(n, "exclusive", 0) != 0,
                  .product = n->op->data != NULL};
}

static void run_all(const nt_node *n, nt_tensor *y, const nt_tensor *x, int axis, bool reverse)
{
    nt_axis_view v = nt_tensor_axis(x, axis);

    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.inner; i++) {
            line l = line_of(n, &v, o, i, reverse);

            if (nt_dtype_is_real(x->dtype))
                run_real(y, x, &l);
            else
                run_whole(y, x, &l);
        }
}

static void pull_all(const nt_node *n, nt_tensor *dx, const nt_tensor *x, const nt_tensor *dy,
                     int axis)
{
    nt_axis_view v = nt_tensor_axis(x, axis);

    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t i = 0; i < v.inner; i++) {
            line l = line_of(n, &v, o, i, nt_node_int(n, "reverse", 0) != 0);

            pull_product(dx, x, dy, &l);
        }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    int axis;

    NT_TRY(axis_of(&axis, in[1], in[0]->rank, e));
    run_all(n, out[0], in[0], axis, nt_node_int(n, "reverse", 0) != 0);
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
    if (n->op->data)
        pull_all(n, din[0], in[0], dout[0], axis);
    else
        run_all(n, din[0], dout[0], axis, nt_node_int(n, "reverse", 0) == 0);
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

#define RUNNING(onnx, version)                                                                 \
    .name = onnx, .domain = "", .since = version, .min_in = 2, .max_in = 2, .min_out = 1,      \
    .max_out = 1, .attrs = attrs, .infer = infer, .eval = eval, .grad = grad, .couple = couple

const nt_op nt_op_cumsum[] = {
    {RUNNING("CumSum", 11)},
    {RUNNING("CumProd", 26), .data = "product"},
    {0},
};
