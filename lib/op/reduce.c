/* SPDX-License-Identifier: MIT */
/*
 * reduce.c - ReduceSum, ReduceMean, ReduceMax, ReduceMin: axes as an attribute up to
 * opset 17 (ReduceSum: 12), as an input since. Sums are made in double.
 *
 * The mean over all spatial axes of a picture is planned as global average pooling.
 */
#include "op/couple.h"
#include "op/op.h"
#include "op/program.h"
#include "op/util.h"

#include "base/alloc.h"
#include "kernel/pool.h"

#include <math.h>
#include <string.h>

typedef enum reduction { SUM, MEAN, MAX, MIN } reduction;

static reduction kind(const nt_node *n)
{
    static const char *const names[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"};
    int i = 0;

    while (strcmp(n->op_type, names[i]))
        i++;
    return (reduction)i;
}

/* Which axes go. */
static nt_status read_axes(bool *flags, const nt_node *n, const nt_tensor *t, int rank,
                           nt_err *e)
{
    nt_status s = NT_OK;
    bool given, any = false;

    NT_TRY(nt_arg_axes(flags, &given, n, "axes", t, rank, e));
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

/* The axes that stay make the outer box, those that go the inner one. */
typedef struct boxes {
    int n_out, n_in;
    int64_t out[NT_MAX_RANK], in[NT_MAX_RANK];
    int64_t out_stride[1][NT_MAX_RANK], in_stride[1][NT_MAX_RANK];
    int64_t count; /* elements of the inner box */
} boxes;

static nt_status make_boxes(boxes *b, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *x = in[0];
    bool flags[NT_MAX_RANK];
    int64_t stride[NT_MAX_RANK];
    nt_status s = NT_OK;

    NT_TRY(read_axes(flags, n, n->n_in > 1 ? in[1] : NULL, x->rank, e));
    nt_strides(stride, x->rank, x->dims);
    memset(b, 0, sizeof *b);
    b->count = 1;
    for (int i = 0; i < x->rank; i++) {
        if (flags[i]) {
            b->in_stride[0][b->n_in] = stride[i];
            b->in[b->n_in++] = x->dims[i];
            b->count *= x->dims[i];
        } else {
            b->out_stride[0][b->n_out] = stride[i];
            b->out[b->n_out++] = x->dims[i];
        }
    }
done:
    return s;
}

static double start_of(reduction r)
{
    return r == MAX ? -INFINITY : r == MIN ? INFINITY : 0;
}

static double step(reduction r, double acc, double v)
{
    switch (r) {
    case MAX:
        return v > acc || isnan(v) ? v : acc;
    case MIN:
        return v < acc || isnan(v) ? v : acc;
    default:
        return acc + v;
    }
}

static double reduce_one(reduction r, const boxes *b, const nt_tensor *x, int64_t at)
{
    const float *f = x->dtype == NT_F32 ? (const float *)x->data + at : NULL;
    double acc = start_of(r);
    nt_walk w;

    for (nt_walk_init(&w, b->n_in, b->in, 1, b->in_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            int64_t k = w.at[0] + i * w.step[0];

            acc = step(r, acc, f ? (double)f[k] : nt_tensor_get(x, at + k));
        }
    return r == MEAN ? acc / (double)b->count : acc;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    reduction r = kind(n);
    int64_t y = 0;
    nt_walk w;
    boxes b;

    NT_TRY(make_boxes(&b, n, in, e));
    for (nt_walk_init(&w, b.n_out, b.out, 1, b.out_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            nt_tensor_set(out[0], y++, reduce_one(r, &b, in[0], w.at[0] + i * w.step[0]));
done:
    return s;
}

/* d y / d x[k] for one output; n_best: how many elements share the maximum. */
static double slope(reduction r, const boxes *b, double x, double y, int64_t n_best)
{
    switch (r) {
    case SUM:
        return 1;
    case MEAN:
        return 1 / (double)b->count;
    default:
        return x == y ? 1 / (double)n_best : 0;
    }
}

static void pull_one(reduction r, const boxes *b, const float *x, float *dx, float y, float dy)
{
    int64_t n_best = 0;
    nt_walk w;

    for (nt_walk_init(&w, b->n_in, b->in, 1, b->in_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++)
            n_best += x[w.at[0] + i * w.step[0]] == y;
    for (nt_walk_init(&w, b->n_in, b->in, 1, b->in_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++) {
            int64_t k = w.at[0] + i * w.step[0];

            dx[k] = (float)(slope(r, b, x[k], y, n_best) * dy);
        }
}

/* A maximum that several share is split evenly between them, as PyTorch's amax does. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    reduction r = kind(n);
    int64_t y = 0;
    nt_walk w;
    boxes b;

    if (!din[0])
        goto done;
    NT_TRY(make_boxes(&b, n, in, e));
    for (nt_walk_init(&w, b.n_out, b.out, 1, b.out_stride); nt_walk_more(&w); nt_walk_next(&w))
        for (int64_t i = 0; i < w.len; i++, y++) {
            int64_t at = w.at[0] + i * w.step[0];

            pull_one(r, &b, (const float *)in[0]->data + at, (float *)din[0]->data + at,
                     ((const float *)out[0]->data)[y], ((const float *)dout[0]->data)[y]);
        }
done:
    return s;
}

/* ---- the mean over all spatial axes */
static bool is_global_pool(const nt_node *n)
{
    const nt_value *x = n->in[0];
    bool flags[NT_MAX_RANK];
    nt_err e;

    if (kind(n) != MEAN || x->dtype != NT_F32 || x->rank < 3 || x->rank > 5 ||
        (nt_has_in(n, 1) && !nt_const_in(n, 1)) ||
        read_axes(flags, n, nt_const_in(n, 1), x->rank, &e) != NT_OK)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (flags[i] != (i >= 2))
            return false;
    return true;
}

static nt_pool_desc pool_of(const nt_value *x, const nt_desc *d)
{
    nt_pool_desc p = {.kind = NT_POOL_AVG,
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

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *prim = NULL;
    nt_pool_desc pool;
    nt_tid x, y;
    nt_desc yd;

    if (!is_global_pool(n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    pool = pool_of(n->in[0], nt_program_desc(p, x));
    yd = pooled(nt_program_desc(p, x));
    NT_TRY(nt_program_temp(p, &yd, &y, e));
    NT_TRY(nt_pool_fwd_new(&prim, NULL, nt_program_device(p), &pool, e));
    NT_TRY(nt_program_call(p, n, "pool", prim, &x, 1, &y, 1, e));
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

    if (!is_global_pool(n))
        return nt_lower_grad_default(p, n, e);
    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    xd = *nt_program_desc(p, x);
    yd = pooled(&xd);
    NT_TRY(
        nt_program_grad(p, n->out[0], keeps_dims(n) ? xd.fmt : NT_FMT_PLAIN, xd.dtype, &dy, e));
    if (dy < 0)
        goto done;
    if (!keeps_dims(n)) {
        NT_TRY(nt_program_view(p, dy, yd.rank, yd.dims, &dy, e));
        NT_TRY(nt_program_as(p, dy, xd.fmt, NT_UNDEFINED, &dy, e));
    }
    pool = pool_of(n->in[0], &xd);
    NT_TRY(nt_program_temp(p, &xd, &dx, e));
    NT_TRY(nt_pool_bwd_new(&prim, nt_program_device(p), &pool, e));
    args[0] = dy;
    args[1] = -1; /* averages leave no workspace */
    NT_TRY(nt_program_call(p, n, "pool", prim, args, 2, &dx, 1, e));
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
static const nt_attr_spec attrs_18[] = {
    {"keepdims", NT_ATTR_INT, false}, {"noop_with_empty_axes", NT_ATTR_INT, false}, {0}};

#define REDUCE(onnx, moved)                                                                    \
    {.name = onnx,                                                                             \
     .domain = "",                                                                             \
     .since = 1,                                                                               \
     .until = (moved)-1,                                                                       \
     .min_in = 1,                                                                              \
     .max_in = 1,                                                                              \
     .min_out = 1,                                                                             \
     .max_out = 1,                                                                             \
     .attrs = attrs_1,                                                                         \
     .infer = infer,                                                                           \
     .eval = eval,                                                                             \
     .grad = grad,                                                                             \
     .lower = lower,                                                                           \
     .lower_grad = lower_grad,                                                                 \
     .couple = couple},                                                                        \
    {                                                                                          \
        .name = onnx, .domain = "", .since = moved, .min_in = 1, .max_in = 2, .min_out = 1,    \
        .max_out = 1, .attrs = attrs_18, .infer = infer, .eval = eval, .grad = grad,           \
        .lower = lower, .lower_grad = lower_grad, .couple = couple                             \
    }

const nt_op nt_op_reduce[] = {
    REDUCE("ReduceSum", 13),
    REDUCE("ReduceMean", 18),
    REDUCE("ReduceMax", 18),
    REDUCE("ReduceMin", 18),
    {0},
};
