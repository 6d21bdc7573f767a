/* SPDX-License-Identifier: MIT */
/*
 * Gemm: y[m][n] = alpha op(A) op(B) + beta C, C stretched to [m][n].
 *
 * With a constant B and A as it is this is a fully connected layer (product.h, dense), and a C
 * of one row its bias; anything else is a general product, and C is added afterwards.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "kernel/eltwise.h"
#include "lower/steps.h"
#include "op/product.h"

#include <inttypes.h>

static const nt_attr_spec attrs[] = {
    {"alpha", NT_ATTR_FLOAT, false},
    {"beta", NT_ATTR_FLOAT, false},
    {"transA", NT_ATTR_INT, false},
    {"transB", NT_ATTR_INT, false},
    {NULL, 0, false},
};

static bool trans(const nt_node *n, int operand)
{
    return nt_node_int(n, operand ? "transB" : "transA", 0) != 0;
}

/* Extent of op(A) or op(B) along axis 0 or 1. */
static nt_dim extent(const nt_node *n, int operand, int axis)
{
    const nt_value *v = n->in[operand];

    return v->rank == 2 ? v->dims[trans(n, operand) ? 1 - axis : axis] : nt_dim_of(-1);
}

/* C, or NULL where it is left out or counts for nothing. */
static const nt_value *addend(const nt_node *n)
{
    return nt_has_in(n, 2) && nt_node_float(n, "beta", 1) != 0 ? n->in[2] : NULL;
}

static nt_status check_addend(const nt_value *c, nt_dim m, nt_dim n, nt_err *e)
{
    const nt_dim want[2] = {m, n};

    if (c->rank > 2)
        return nt_fail(e, NT_EFORMAT, "C has %d dimensions, want at most 2", c->rank);
    for (int i = 0; i < c->rank; i++) {
        int64_t have = c->dims[i].value, wanted = want[i + 2 - c->rank].value;

        if (have >= 0 && wanted >= 0 && have != 1 && have != wanted)
            return nt_fail(e, NT_EFORMAT,
                           "C has %" PRId64 " along axis %d, want %" PRId64 " or 1", have, i,
                           wanted);
    }
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dim ka = extent(n, 0, 1), kb = extent(n, 1, 0);
    nt_dim dims[2] = {extent(n, 0, 0), extent(n, 1, 1)};
    nt_status s = NT_OK;

    (void)g;
    for (int i = 0; i < 2; i++)
        if (n->in[i]->rank >= 0 && n->in[i]->rank != 2)
            NT_TRY(nt_fail(e, NT_EFORMAT, "input %d has %d dimensions, want 2", i,
                           n->in[i]->rank));
    if (ka.value >= 0 && kb.value >= 0 && ka.value != kb.value)
        NT_TRY(nt_fail(e, NT_EFORMAT, "A has %" PRId64 " columns and B %" PRId64 " rows",
                       ka.value, kb.value));
    if (nt_has_in(n, 2))
        NT_TRY(check_addend(n->in[2], dims[0], dims[1], e));
    nt_infer_set(n->out[0], n->in[0]->dtype, 2, dims);
done:
    return s;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    c->params = nt_count_params(n);
    c->macs = extent(n, 0, 0).value * extent(n, 0, 1).value * extent(n, 1, 1).value;
}

/* y[i] += beta c[k]; integers wrap around. */
static void add_to(nt_tensor *y, int64_t i, const nt_tensor *c, int64_t k, float beta)
{
    if (nt_dtype_is_real(y->dtype) || beta != 1)
        nt_tensor_set(y, i, nt_tensor_get(y, i) + beta * nt_tensor_get(c, k));
    else
        nt_tensor_set_i64(
            y, i,
            (int64_t)((uint64_t)nt_tensor_get_i64(y, i) + (uint64_t)nt_tensor_get_i64(c, k)));
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *c = n->n_in > 2 ? in[2] : NULL;
    float beta = nt_node_float(n, "beta", 1);
    nt_product l = {.m = out[0]->dims[0],
                    .k = in[0]->dims[trans(n, 0) ? 0 : 1],
                    .n = out[0]->dims[1],
                    .trans_a = trans(n, 0),
                    .trans_b = trans(n, 1),
                    .alpha = nt_node_float(n, "alpha", 1)};
    int64_t sc[2];

    (void)e;
    nt_product_eval(out[0], in[0], in[1], (const int64_t[3]){0}, &l);
    if (!c || beta == 0)
        return NT_OK;
    nt_strides_broadcast(sc, 2, c);
    for (int64_t i = 0; i < l.m * l.n; i++)
        add_to(out[0], i, c, i / l.n * sc[0] + i % l.n * sc[1], beta);
    return NT_OK;
}

/* ---- the planned forms */

static bool is_dense(const nt_node *n)
{
    return !trans(n, 0) && n->in[1]->data;
}

/* One row, as long as the output's. */
static bool is_row(const nt_value *c, int64_t cols)
{
    return c->rank >= 1 && c->dims[c->rank - 1].value == cols &&
           (c->rank == 1 || c->dims[0].value == 1);
}

static nt_dense_node dense_of(const nt_node *n)
{
    const nt_value *c = addend(n);
    nt_dense_node d = {.node = n,
                       .x = n->in[0],
                       .w = n->in[1],
                       .m = extent(n, 0, 0).value,
                       .k = extent(n, 0, 1).value,
                       .n = extent(n, 1, 1).value,
                       .w_nk = trans(n, 1),
                       .alpha = nt_node_float(n, "alpha", 1),
                       .beta = nt_node_float(n, "beta", 1)};

    if (c && is_row(c, d.n))
        d.b = c;
    d.more = c && !d.b;
    return d;
}

static nt_product product_of(const nt_node *n)
{
    return (nt_product){.node = n,
                        .a = n->in[0],
                        .b = n->in[1],
                        .m = extent(n, 0, 0).value,
                        .k = extent(n, 0, 1).value,
                        .n = extent(n, 1, 1).value,
                        .trans_a = trans(n, 0),
                        .trans_b = trans(n, 1),
                        .alpha = nt_node_float(n, "alpha", 1)};
}

/* C as a matrix: its extents with ones in front. */
static nt_desc matrix_of(const nt_value *c, nt_dtype type)
{
    nt_desc d = {.dtype = type, .rank = 2, .dims = {1, 1}, .fmt = NT_FMT_PLAIN};

    for (int i = 0; i < c->rank; i++)
        d.dims[i + 2 - c->rank] = c->dims[i].value;
    return d;
}

/* y + beta C */
static nt_status add_c(nt_program *p, const nt_node *n, nt_tid *y, nt_err *e)
{
    nt_desc d = *nt_program_desc(p, *y);
    nt_desc c = matrix_of(n->in[2], d.dtype);
    nt_tid in[2] = {*y, -1}, sum = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, n->in[2], NT_FMT_PLAIN, NT_F32, &in[1], e));
    NT_TRY(nt_steps_scale(p, n, nt_node_float(n, "beta", 1), in[1], &in[1], e));
    NT_TRY(nt_program_as(p, in[1], NT_FMT_PLAIN, d.dtype, &in[1], e));
    NT_TRY(nt_program_temp(p, &d, &sum, e));
    NT_TRY(
        nt_binary_new(&prim, nt_program_device(p), &(nt_binary_desc){NT_BIN_ADD, d, c, d}, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "add", prim, in, 2, &sum, 1}, e));
    NT_TRY(nt_program_inplace(p, sum, in[0], false, e));
    *y = sum;
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_dense_node d = dense_of(n);
    nt_product l = product_of(n);
    nt_status s = NT_OK;
    nt_tid y = -1;

    if (!nt_steps_is_float(n->in[0]))
        return nt_lower_default(p, n, e);
    if (is_dense(n)) {
        NT_TRY(nt_dense_lower(p, &d, &y, e));
        if (!d.more)
            return NT_OK;
    } else {
        NT_TRY(nt_product_lower(p, &l, &y, e));
    }
    if (addend(n))
        NT_TRY(add_c(p, n, &y, e));
    NT_TRY(nt_steps_finish(p, n, 0, y, e));
done:
    return s;
}

/* dC = beta dy, summed over what C was stretched along. */
static nt_status grad_c(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_desc from = nt_program_desc_of(n->out[0], NT_FMT_PLAIN, NT_F32);
    nt_desc into = matrix_of(n->in[2], NT_F32);
    nt_tid dy = -1, sum = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &dy, e));
    if (dy < 0)
        return NT_OK;
    NT_TRY(nt_program_temp(p, &into, &sum, e));
    NT_TRY(nt_reduce_to_new(&prim, nt_program_device(p), &from, &into, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "reduce", prim, &dy, 1, &sum, 1}, e));
    NT_TRY(nt_steps_add_grad_scaled(p, n, n->in[2], nt_node_float(n, "beta", 1), sum, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_dense_node d = dense_of(n);
    nt_product l = product_of(n);
    const nt_value *c = addend(n);
    nt_status s = NT_OK;

    if (is_dense(n))
        NT_TRY(nt_dense_lower_grad(p, &d, e));
    else
        NT_TRY(nt_product_lower_grad(p, &l, e));
    if (c && nt_program_needs_grad(p, c) && !(is_dense(n) && d.b))
        NT_TRY(grad_c(p, n, e));
done:
    return s;
}

/* Columns of the output go with columns of op(B) and of C, columns of op(A) with rows of op(B).
 */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *v = nt_has_in(n, 2) ? n->in[2] : NULL;
    nt_span y = {n->out[0], 1, 1}, a = {n->in[0], trans(n, 0) ? 0 : 1, 1};
    nt_span rows = {n->in[1], trans(n, 1) ? 1 : 0, 1},
            cols = {n->in[1], trans(n, 1) ? 0 : 1, 1};
    nt_status s = NT_OK;

    NT_TRY(nt_couple_same(c, cols, y, e));
    NT_TRY(nt_couple_same(c, rows, a, e));
    if (v && v->rank >= 1 && v->dims[v->rank - 1].value == y.v->dims[1].value)
        NT_TRY(nt_couple_same(c, (nt_span){v, v->rank - 1, 1}, y, e));
done:
    return s;
}

static void layer(nt_layer *l, const nt_node *n)
{
    l->bias = 2;
    l->makes = trans(n, 1) ? 0 : 1;
    l->reads = 1 - l->makes;
    l->x_axis = trans(n, 0) ? 0 : 1;
    l->plain =
        !trans(n, 0) && nt_node_float(n, "alpha", 1) == 1 && nt_node_float(n, "beta", 1) == 1;
}

const nt_op nt_op_gemm[] = {
    {
        .name = "Gemm",
        .domain = "",
        .since = 7,
        .min_in = 2,
        .max_in = 3,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .flags = NT_OPF_FUSES | NT_OPF_RESIDUAL | NT_OPF_BY_SAMPLE,
        .trainable = 1 << 0 | 1 << 1 | 1 << 2,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .lower = lower,
        .lower_grad = lower_grad,
        .layer = layer,
        .couple = couple,
    },
    {0},
};
