/* SPDX-License-Identifier: MIT */
/*
 * Gemm and MatMul: by a constant FULLY_CONNECTED, by what is computed BATCH_MATMUL. Where the
 * input is a flattened picture, the weight's columns are put in the order of channels last, so
 * that nothing is transposed.
 */
#include "base/alloc.h"
#include "export/tfl_code.h"
#include "export/tfl_writers.h"

#include <string.h>

/* y[..][k] = x[..][c] w[k][c] + b[k] */
typedef struct dense {
    const nt_node *n;
    int64_t c, k;
    const nt_value *w;
    bool transposed;   /* w is [k][c] */
    float alpha, beta; /* of w and b */
    const nt_value *b; /* or NULL; [k], or one for all */
} dense;

/* Where column c of ONNX's order is, of rows of a picture's elements. */
static int64_t moved(const nt_value *rows, int64_t c)
{
    int64_t inner = 1;

    if (!rows)
        return c;
    for (int i = 2; i < rows->rank; i++)
        inner *= rows->dims[i].value;
    return c % inner * rows->dims[1].value + c / inner;
}

static nt_status add_weight(int *t, nt_tfl *l, const dense *d, const nt_value *rows, nt_err *e)
{
    const float *from = nt_tfl_numbers(l, d->w);
    float *to = nt_tfl_floats(l, d->c * d->k);
    nt_tfl_shape shape = {2, {d->k, d->c}};

    if (!to || !from)
        return nt_fail_nomem(e);
    for (int64_t c = 0; c < d->c; c++) {
        int64_t at = moved(rows, c);

        for (int64_t k = 0; k < d->k; k++)
            to[k * d->c + at] = d->alpha * from[d->transposed ? k * d->c + c : c * d->k + k];
    }
    if (!l->coded)
        return nt_tfl_weight(t, l, d->w->name, &shape, to, e);
    shape = (nt_tfl_shape){4, {d->k, 1, 1, d->c}};
    return nt_tfl_code_weight(t, l, d->w, &shape, &(nt_tfl_part){to, 0, d->k}, e);
}

static int64_t count_of(const nt_value *v)
{
    nt_tfl_shape s = nt_tfl_shape_of(v, NT_TFL_PLAIN);

    return nt_tfl_count(&s);
}

static nt_status add_bias(int *t, nt_tfl *l, const dense *d, nt_err *e)
{
    float *to = nt_tfl_floats(l, d->k);
    const float *from = d->b ? nt_tfl_numbers(l, d->b) : NULL;
    bool one = d->b && count_of(d->b) == 1;

    if (!to)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < d->k && from; k++)
        to[k] = d->beta * from[one ? 0 : k];
    if (l->coded)
        return nt_tfl_code_bias(t, l, d->n->in[0], d->w, &(nt_tfl_part){to, 0, d->k}, e);
    return nt_tfl_const(t, l, d->b ? d->b->name : nt_tfl_name(l, d->w, "bias"),
                        &(nt_tfl_shape){1, {d->k}}, to, e);
}

/* A flattened picture as it lies, in rows. */
static nt_status rows_in(int *t, nt_tfl *l, const nt_value *v, const nt_value *rows, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_shape_of(v, NT_TFL_PLAIN);
    nt_status s = NT_OK;
    int x;

    NT_TRY(nt_tfl_in(&x, l, rows, NT_TFL_LAST, e));
    NT_TRY(nt_tfl_temp(t, l, v, "rows", &shape, e));
    NT_TRY(nt_tfl_reshape(l, x, *t, e));
done:
    return s;
}

static nt_status input(int *t, nt_tfl *l, const nt_value *x, const nt_value *rows, nt_err *e)
{
    return rows ? rows_in(t, l, x, rows, e) : nt_tfl_in(t, l, x, NT_TFL_PLAIN, e);
}

/* Of codes with a scale for each output, which FULLY_CONNECTED knows only lately, CONV_2D does
 * the same at pictures of one point. */
static nt_status write_points(nt_tfl *l, const dense *d, nt_err *e)
{
    const nt_value *x = d->n->in[0], *rows = nt_tfl_rows(l, x), *out;
    nt_tfl_shape from = {4, {count_of(x) / d->c, 1, 1, d->c}}, to = from;
    nt_status s = NT_OK;
    int in[3], flat, point, y;
    nt_tfl_act act;
    nt_tfl_op *o;

    to.dims[3] = d->k;
    NT_TRY(input(&flat, l, x, rows, e));
    NT_TRY(nt_tfl_temp(&in[0], l, x, "point", &from, e));
    NT_TRY(nt_tfl_reshape(l, flat, in[0], e));
    NT_TRY(add_weight(&in[1], l, d, rows, e));
    NT_TRY(add_bias(&in[2], l, d, e));
    out = nt_tfl_fuse(&act, l, d->n);
    NT_TRY(nt_tfl_temp(&point, l, out, "point", &to, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_CONV_2D, in, 3}, point, e));
    o->version = 3;
    nt_tfl_set_int8(o, 0, NT_TFL_VALID);
    nt_tfl_set_int32(o, 1, 1, 0);
    nt_tfl_set_int32(o, 2, 1, 0);
    nt_tfl_set_int8(o, 3, act);
    NT_TRY(nt_tfl_out(&y, l, out, NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_reshape(l, point, y, e));
done:
    return s;
}

static nt_status write_dense(nt_tfl *l, const dense *d, nt_err *e)
{
    const nt_value *x = d->n->in[0], *rows = nt_tfl_rows(l, x), *out;
    nt_status s = NT_OK;
    nt_tfl_act act;
    nt_tfl_op *o;
    int in[3], y;

    if (l->coded)
        return write_points(l, d, e);
    NT_TRY(input(&in[0], l, x, rows, e));
    NT_TRY(add_weight(&in[1], l, d, rows, e));
    NT_TRY(add_bias(&in[2], l, d, e));
    out = nt_tfl_fuse(&act, l, d->n);
    NT_TRY(nt_tfl_out(&y, l, out, NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_FULLY_CONNECTED, in, 3}, y, e));
    nt_tfl_set_int8(o, 0, act);
    if (x->rank > 2) {
        nt_tfl_set_int8(o, 2, 1);
        o->version = 5;
    }
done:
    return s;
}

static bool is_f32(const nt_value *v)
{
    return nt_tfl_is_const(v) && v->dtype == NT_F32;
}

nt_status nt_tfl_gemm(nt_tfl *l, const nt_node *n, nt_err *e)
{
    bool transposed = nt_node_int(n, "transB", 0) != 0;
    const nt_value *b = n->n_in > 2 ? n->in[2] : NULL;
    dense d = {.n = n,
               .w = n->in[1],
               .transposed = transposed,
               .alpha = nt_node_float(n, "alpha", 1),
               .beta = nt_node_float(n, "beta", 1),
               .k = n->out[0]->dims[1].value,
               .c = n->in[1]->dims[transposed ? 1 : 0].value};

    if (nt_node_int(n, "transA", 0))
        return nt_tfl_refuse(e, "transA has");
    if (!is_f32(n->in[1]) || (b && !is_f32(b)))
        return nt_tfl_refuse(e, "B or C that is no constant has");
    if (b && d.beta != 0)
        d.b = b;
    if (d.b && count_of(d.b) != 1 &&
        (count_of(d.b) != d.k || d.b->dims[d.b->rank - 1].value != d.k))
        return nt_tfl_refuse(e, "a C other than one row has");
    return write_dense(l, &d, e);
}

static nt_status write_product(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int in[2], y;

    for (int i = 0; i < 2; i++)
        NT_TRY(nt_tfl_in(&in[i], l, n->in[i], NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_BATCH_MATMUL, in, 2}, y, e));
done:
    return s;
}

nt_status nt_tfl_matmul(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];

    if (x->rank < 2 || w->rank < 2)
        return nt_tfl_refuse(e, "a vector has");
    if (x->rank > 5 || w->rank > 5)
        return nt_tfl_refuse(e, "a product of more than 5 axes has");
    if (w->rank != 2 || !is_f32(w) || x->data)
        return write_product(l, n, e);
    return write_dense(
        l, &(dense){.n = n, .w = w, .alpha = 1, .c = w->dims[0].value, .k = w->dims[1].value},
        e);
}
