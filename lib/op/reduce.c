/* SPDX-License-Identifier: MIT */
/*
 * reduce.c - the Reduce operators: axes are an attribute up to opset 17 (ReduceSum: 12), an
 * input since. reduction.h has the arithmetic.
 *
 * Sum, mean and (at inference) maximum over all spatial axes of a picture are planned as global
 * pooling, which takes pictures as they lie.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "lower/program.h"
#include "lower/steps.h"
#include "op/reduction.h"

#include "kernel/pool.h"

#include <string.h>

static nt_reduction kind(const nt_node *n)
{
    static const char *const names[] = {"L1",   "L2",  "LogSum", "LogSumExp", "Max",
                                        "Mean", "Min", "Prod",   "Sum",       "SumSquare"};
    int i = 0;

    while (strcmp(n->op->name + strlen("Reduce"), names[i]))
        i++;
    return (nt_reduction)i;
}

/* Which axes go. */
static nt_status read_axes(bool *flags, const nt_node *n, const nt_tensor *t, int rank,
                           nt_err *e)
{
    nt_status s = NT_OK;
    bool given, any = false;

    NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", t}, rank, e));
    for (int i = 0; i < rank; i++)
        any = any || flags[i];
    for (int i = 0; i < rank && !any && !nt_node_int(n, "noop_with_empty_axes", 0); i++)
        flags[i] = true;
done:
    return s;
}

static bool keeps_dims(const nt_node *n)
{
    return nt_node_int(n, "keepdims", 1) != 0;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool flags[NT_MAX_RANK], known = !nt_has_in(n, 1) || nt_const_in(n, 1);
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank = 0;

    (void)g;
    NT_TRY(nt_wants_numbers(x, e));
    if (x->dtype == NT_BOOL && kind(n) != NT_REDUCE_MAX && kind(n) != NT_REDUCE_MIN)
        return nt_fail(e, NT_EUNSUPPORTED, "input has type %s", nt_dtype_name(x->dtype));
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || (!known && !keeps_dims(n)))
        goto done;
    if (known)
        NT_TRY(read_axes(flags, n, nt_const_in(n, 1), x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        if (!known)
            dims[rank++] = nt_dim_of(-1);
        else if (!flags[i])
            dims[rank++] = x->dims[i];
        else if (keeps_dims(n))
            dims[rank++] = nt_dim_of(1);
    }
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

static const nt_tensor *axes_in(const nt_node *n, const nt_tensor *const *in)
{
    return n->n_in > 1 ? in[1] : NULL;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    bool gone[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(read_axes(gone, n, axes_in(n, in), in[0]->rank, e));
    nt_reduction_eval(out[0], in[0], gone, kind(n));
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    bool gone[NT_MAX_RANK];
    nt_status s = NT_OK;

    if (!din[0])
        goto done;
    NT_TRY(read_axes(gone, n, axes_in(n, in), in[0]->rank, e));
    nt_reduction_grad(din[0], in[0], out[0], dout[0], gone, kind(n));
done:
    return s;
}

/* ---- over all spatial axes */
static bool is_global_pool(const nt_program *p, const nt_node *n)
{
    const nt_value *x = n->in[0];
    bool flags[NT_MAX_RANK];
    nt_reduction r = kind(n);
    nt_err e;

    if (r != NT_REDUCE_MEAN && r != NT_REDUCE_SUM &&
        (r != NT_REDUCE_MAX || nt_program_training(p)))
        return false;
    if (x->dtype != NT_F32 || x->rank < 3 || x->rank > 5 ||
        (nt_has_in(n, 1) && !nt_const_in(n, 1)) ||
        read_axes(flags, n, nt_const_in(n, 1), x->rank, &e) != NT_OK)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (flags[i] != (i >= 2) || x->dims[i].value == 0)
            return false;
    return true;
}

static nt_pool_desc pool_of(const nt_node *n, const nt_desc *d)
{
    const nt_value *x = n->in[0];
    nt_pool_desc p = {.kind = kind(n) == NT_REDUCE_MAX ? NT_POOL_MAX : NT_POOL_AVG,
                      .sp = x->rank - 2,
                      .n = x->dims[0].value,
                      .c = x->dims[1].value,
                      .dtype = d->dtype,
                      .fmt = d->fmt};

    for (int i = 0; i < p.sp; i++) {
        p.in[i] = p.ker[i] = x->dims[i + 2].value;
        p.out[i] = p.stride[i] = p.dil[i] = 1;
    }
    return p;
}

/* The description of the pooled picture, [n][c][1]... */
static nt_desc pooled(const nt_desc *x)
{
    nt_desc y = *x;

    for (int i = 2; i < y.rank; i++)
        y.dims[i] = 1;
    return y;
}

/* What the average is multiplied by. */
static float factor(const nt_node *n)
{
    double count = 1;

    for (int i = 2; i < n->in[0]->rank; i++)
        count *= (double)n->in[0]->dims[i].value;
    return kind(n) == NT_REDUCE_SUM ? (float)count : 1;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *prim = NULL;
    nt_pool_desc pool;
    nt_tid x, y;
    nt_desc yd;

    if (!is_global_pool(p, n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    pool = pool_of(n, nt_program_desc(p, x));
    yd = pooled(nt_program_desc(p, x));
    NT_TRY(nt_program_temp(p, &yd, &y, e));
    NT_TRY(nt_pool_fwd_new(&prim, NULL, nt_program_device(p), &pool, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "pool", prim, &x, 1, &y, 1}, e));
    if (factor(n) != 1) {
        NT_TRY(nt_program_as(p, y, NT_FMT_PLAIN, NT_F32, &y, e));
        NT_TRY(nt_steps_scale(p, n, factor(n), y, &y, e));
    }
    if (!keeps_dims(n)) {
        NT_TRY(nt_program_as(p, y, NT_FMT_PLAIN, NT_UNDEFINED, &y, e));
        NT_TRY(nt_program_view(p, y, 2, yd.dims, &y, e));
    }
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *prim = NULL;
    nt_pool_desc pool;
    nt_tid x, dy, dx, args[2];
    nt_desc xd, yd;

    if (!is_global_pool(p, n))
        return nt_lower_grad_default(p, n, e);
    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    xd = *nt_program_desc(p, x);
    yd = pooled(&xd);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &dy, e));
    if (dy < 0)
        goto done;
    NT_TRY(nt_steps_scale(p, n, factor(n), dy, &dy, e));
    if (!keeps_dims(n))
        NT_TRY(nt_program_view(p, dy, yd.rank, yd.dims, &dy, e));
    NT_TRY(nt_program_as(p, dy, xd.fmt, xd.dtype, &dy, e));
    pool = pool_of(n, &xd);
    NT_TRY(nt_program_temp(p, &xd, &dx, e));
    NT_TRY(nt_pool_bwd_new(&prim, nt_program_device(p), &pool, e));
    args[0] = dy;
    args[1] = -1; /* averages leave no workspace */
    NT_TRY(nt_program_call(p, &(nt_call){n, "pool", prim, args, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* Axes that stay are tied; those that go are left out, and so needed whole. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    bool flags[NT_MAX_RANK];
    nt_status s = NT_OK;
    int to = 0;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        goto done;
    NT_TRY(read_axes(flags, n, nt_const_in(n, 1), x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        if (!flags[i])
            NT_TRY(nt_couple_same(c, (nt_span){x, i, 1}, (nt_span){y, to, 1}, e));
        to += !flags[i] || keeps_dims(n);
    }
done:
    return s;
}

static const nt_attr_spec attrs_1[] = {
    {"axes", NT_ATTR_INTS, false}, {"keepdims", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec attrs_13[] = {
    {"keepdims", NT_ATTR_INT, false}, {"noop_with_empty_axes", NT_ATTR_INT, false}, {0}};

#define FACETS                                                                                 \
    .domain = "", .min_in = 1, .min_out = 1, .max_out = 1, .infer = infer, .eval = eval,       \
    .grad = grad, .lower = lower, .lower_grad = lower_grad, .couple = couple

/* `moved`: the opset whose axes are an input. */
#define REDUCE(onnx, moved)                                                                    \
    {.name = onnx, .since = 1, .until = (moved)-1, .max_in = 1, .attrs = attrs_1, FACETS},     \
    {                                                                                          \
        .name = onnx, .since = moved, .max_in = 2, .attrs = attrs_13, FACETS                   \
    }

const nt_op nt_op_reduce[] = {
    REDUCE("ReduceL1", 18),
    REDUCE("ReduceL2", 18),
    REDUCE("ReduceLogSum", 18),
    REDUCE("ReduceLogSumExp", 18),
    REDUCE("ReduceMax", 18),
    REDUCE("ReduceMean", 18),
    REDUCE("ReduceMin", 18),
    REDUCE("ReduceProd", 18),
    REDUCE("ReduceSum", 13),
    REDUCE("ReduceSumSquare", 18),
    {0},
};
