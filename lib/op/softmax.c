/* SPDX-License-Identifier: MIT */
/*
 * Softmax, LogSoftmax and Hardmax (1 at the first largest, else 0). Since opset 13 along one
 * axis (default: the last); before, over all axes from `axis` (default 1) on taken together.
 * Either way the tensor is [outer][n][inner] with the sums over n, in plain fp32.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "kernel/norm.h"
#include "lower/steps.h"

#include <math.h>

static const nt_attr_spec attrs[] = {
    {"axis", NT_ATTR_INT, false},
    {NULL, 0, false},
};

/* The entries of the table below that take axes together. */
static bool takes_all(const nt_node *n)
{
    return n->op->until != 0;
}

/* First axis and how many of them the sums go over. */
static nt_status range(int *axis, int *count, const nt_node *n, int rank, nt_err *e)
{
    int64_t a = nt_node_int(n, "axis", takes_all(n) ? 1 : -1);

    if (takes_all(n) && a == rank) { /* an empty product of axes: extent 1 */
        *axis = rank;
        *count = 0;
        return NT_OK;
    }
    *count = takes_all(n) ? rank - (int)(a < 0 ? a + rank : a) : 1;
    return nt_axis(axis, a, rank, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    int axis, count;
    nt_status s = NT_OK;

    (void)g;
    NT_TRY(nt_wants_numbers(n->in[0], e));
    if (n->in[0]->rank >= 0)
        NT_TRY(range(&axis, &count, n, n->in[0]->rank, e));
    nt_infer_like(n->out[0], n->in[0]);
done:
    return s;
}

/* [outer][n][inner] */
static nt_status shape_of(int64_t box[3], const nt_node *n, int rank, const int64_t *dims,
                          nt_err *e)
{
    int axis = 0, count = 0;
    nt_status s = NT_OK;

    NT_TRY(range(&axis, &count, n, rank, e));
    for (int i = 0; i < 3; i++)
        box[i] = 1;
    for (int i = 0; i < rank; i++)
        box[i < axis ? 0 : i < axis + count ? 1 : 2] *= dims[i];
done:
    return s;
}

/* n elements from `at` on, `step` apart. */
typedef void row_fn(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t n, int64_t step);

typedef struct form {
    row_fn *row;
    bool log;
} form;

static double peak(const nt_tensor *x, int64_t at, int64_t n, int64_t step)
{
    double max = -INFINITY;

    for (int64_t i = 0; i < n; i++)
        max = fmax(max, nt_tensor_get(x, at + i * step));
    return max;
}

static double exponentials(const nt_tensor *x, int64_t at, int64_t n, int64_t step, double max)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += exp(nt_tensor_get(x, at + i * step) - max);
    return sum;
}

static void soft_row(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t n, int64_t step)
{
    double max = peak(x, at, n, step), sum = exponentials(x, at, n, step, max);

    for (int64_t i = at; i < at + n * step; i += step)
        nt_tensor_set(y, i, exp(nt_tensor_get(x, i) - max) / sum);
}

static void log_row(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t n, int64_t step)
{
    double max = peak(x, at, n, step), sum = log(exponentials(x, at, n, step, max));

    for (int64_t i = at; i < at + n * step; i += step)
        nt_tensor_set(y, i, nt_tensor_get(x, i) - max - sum);
}

/* 1 where the greatest is, the first of several; a NaN is it, as in ArgMax. */
static void hard_row(nt_tensor *y, const nt_tensor *x, int64_t at, int64_t n, int64_t step)
{
    double most = nt_tensor_get(x, at);
    int64_t best = 0;

    for (int64_t i = 1; i < n && !isnan(most); i++) {
        double v = nt_tensor_get(x, at + i * step);

        if (v > most || isnan(v)) {
            most = v;
            best = i;
        }
    }
    for (int64_t i = 0; i < n; i++)
        nt_tensor_set(y, at + i * step, i == best);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const form *f = n->op->data;
    int64_t box[3];
    nt_status s = NT_OK;

    NT_TRY(shape_of(box, n, in[0]->rank, in[0]->dims, e));
    for (int64_t o = 0; o < box[0]; o++)
        for (int64_t i = 0; i < box[2]; i++)
            f->row(out[0], in[0], o * box[1] * box[2] + i, box[1], box[2]);
done:
    return s;
}

/* ---- the planned forms */

static bool is_log(const nt_node *n)
{
    return ((const form *)n->op->data)->log;
}

static nt_status describe(nt_desc *d, const nt_node *n, nt_err *e)
{
    nt_desc x = nt_program_desc_of(n->in[0], NT_FMT_PLAIN, NT_F32);

    *d = (nt_desc){.dtype = NT_F32, .rank = 3, .fmt = NT_FMT_PLAIN};
    return shape_of(d->dims, n, x.rank, x.dims, e);
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_desc full = nt_program_desc_of(n->out[0], NT_FMT_PLAIN, NT_F32);
    nt_tid x = -1, y = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_desc d;

    if (!nt_steps_is_float(n->in[0]))
        return nt_lower_default(p, n, e);
    NT_TRY(describe(&d, n, e));
    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_PLAIN, NT_F32, &x, e));
    NT_TRY(nt_program_temp(p, &full, &y, e));
    NT_TRY(nt_softmax_new(&prim, nt_program_device(p), &d, 1, is_log(n), e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "softmax", prim, &x, 1, &y, 1}, e));
    NT_TRY(nt_program_inplace(p, y, x, false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_desc full = nt_program_desc_of(n->in[0], NT_FMT_PLAIN, NT_F32);
    nt_tid in[2] = {-1, -1}, dx = -1; /* y, dy */
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_desc d;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(describe(&d, n, e));
    NT_TRY(nt_program_value_as(p, n->out[0], NT_FMT_PLAIN, NT_F32, &in[0], e));
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    NT_TRY(nt_program_temp(p, &full, &dx, e));
    NT_TRY(nt_softmax_bwd_new(&prim, nt_program_device(p), &d, 1, is_log(n), e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "softmax grad", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* What is summed over must stay whole; the other axes go through. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    int axis = 0, count = 0;
    nt_status s = NT_OK;

    NT_TRY(range(&axis, &count, n, n->in[0]->rank, e));
    for (int i = 1; i < n->in[0]->rank; i++) {
        nt_span x = {n->in[0], i, 1}, y = {n->out[0], i, 1};

        NT_TRY(nt_couple_same(c, x, y, e));
        if (i >= axis && i < axis + count)
            NT_TRY(nt_couple_freeze(c, x, n, "is summed over this axis", e));
    }
done:
    return s;
}

#define FACETS                                                                                 \
    .domain = "", .min_in = 1, .max_in = 1, .min_out = 1, .max_out = 1, .attrs = attrs,        \
    .infer = infer, .eval = eval, .couple = couple
#define PLANNED .lower = lower, .lower_grad = lower_grad

static const form soft = {soft_row, false}, logarithm = {log_row, true},
                  hard = {hard_row, false};

const nt_op nt_op_softmax[] = {
    {.name = "Softmax", .since = 1, .until = 12, FACETS, PLANNED, .data = &soft},
    {.name = "Softmax", .since = 13, FACETS, PLANNED, .data = &soft},
    {.name = "LogSoftmax", .since = 1, .until = 12, FACETS, PLANNED, .data = &logarithm},
    {.name = "LogSoftmax", .since = 13, FACETS, PLANNED, .data = &logarithm},
    {.name = "Hardmax", .since = 1, .until = 12, FACETS, .data = &hard},
    {.name = "Hardmax", .since = 13, FACETS, .data = &hard},
    {0},
};
