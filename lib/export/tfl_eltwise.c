/* SPDX-License-Identifier: MIT */
/* What works element by element, in the form that its inputs have. */
#include "base/alloc.h"
#include "export/plain.h"
#include "export/tfl_writers.h"

#include <math.h>
#include <string.h>

/* ---- one input */

static nt_status unary(nt_tfl *l, const nt_node *n, nt_tfl_code code, nt_tfl_op **o, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    int x, y;

    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(nt_tfl_op1(o, l, (nt_tfl_from){code, &x, 1}, y, e));
done:
    return s;
}

static const struct {
    const char *op_type;
    nt_tfl_code code;
} unaries[] = {
    {"Abs", NT_TFL_ABS},
    {"Ceil", NT_TFL_CEIL},
    {"Elu", NT_TFL_ELU},
    {"Exp", NT_TFL_EXP},
    {"Floor", NT_TFL_FLOOR},
    {"Gelu", NT_TFL_GELU},
    {"HardSwish", NT_TFL_HARD_SWISH},
    {"LeakyRelu", NT_TFL_LEAKY_RELU},
    {"Log", NT_TFL_LOG},
    {"Neg", NT_TFL_NEG},
    {"Relu", NT_TFL_RELU},
    {"Sigmoid", NT_TFL_LOGISTIC},
    {"Sqrt", NT_TFL_SQRT},
    {"Tanh", NT_TFL_TANH},
};

static nt_tfl_code code_of(const nt_node *n)
{
    size_t i = 0;

    while (!nt_node_is(n, unaries[i].op_type))
        i++;
    return unaries[i].code;
}

nt_status nt_tfl_unary(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tfl_op *o;

    if (nt_node_is(n, "Elu") && nt_node_float(n, "alpha", 1) != 1)
        return nt_tfl_refuse(e, "an alpha other than 1 has");
    NT_TRY(unary(l, n, code_of(n), &o, e));
    if (nt_node_is(n, "LeakyRelu"))
        nt_tfl_set_float(o, 0, nt_node_float(n, "alpha", 0.01F));
    if (nt_node_is(n, "Gelu"))
        nt_tfl_set_int8(o, 0, strcmp(nt_node_str(n, "approximate", "none"), "none") != 0);
done:
    return s;
}

/* ---- bounds */

/* y = op(x, v) */
static nt_status with_number(nt_tfl *l, nt_tfl_code code, int x, float v, int y, nt_err *e)
{
    nt_status s = NT_OK;
    int in[2] = {x};
    nt_tfl_op *o;

    NT_TRY(nt_tfl_scalar(&in[1], l, v, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){code, in, 2}, y, e));
done:
    return s;
}

/* x cut to [lo, hi] into y, which v is. */
static nt_status cut(nt_tfl *l, const nt_value *v, int x, int y, nt_plain_range r, nt_err *e)
{
    bool both = r.lo > -INFINITY && r.hi < INFINITY;
    nt_status s = NT_OK;
    nt_tfl_shape shape;
    int low = y;

    if (both) {
        shape = (nt_tfl_shape){.rank = l->m.tensors[y].rank};
        memcpy(shape.dims, l->m.tensors[y].dims, sizeof shape.dims);
        NT_TRY(nt_tfl_temp(&low, l, v, "low", &shape, e));
    }
    if (r.lo > -INFINITY)
        NT_TRY(with_number(l, NT_TFL_MAXIMUM, x, r.lo, low, e));
    if (r.hi < INFINITY)
        NT_TRY(with_number(l, NT_TFL_MINIMUM, both ? low : x, r.hi, y, e));
done:
    return s;
}

nt_status nt_tfl_clip(nt_tfl *l, const nt_node *n, nt_err *e)
{
    static const nt_tfl_code codes[] = {0, NT_TFL_RELU, NT_TFL_RELU_N1_TO_1, NT_TFL_RELU6};
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    nt_tfl_act act;
    nt_tfl_op *o;
    nt_plain_range r;
    int x, y;

    if (!nt_plain_is_bounds(&r, n))
        return nt_tfl_refuse(e, "bounds that are no constants, or in no order, have");
    if (r.lo == -INFINITY && r.hi == INFINITY)
        return nt_tfl_identity(l, n, e);
    if (nt_tfl_act_of(&act, r.lo, r.hi))
        return unary(l, n, codes[act], &o, e);
    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(cut(l, n->out[0], x, y, r, e));
done:
    return s;
}

/* max(0, min(1, alpha x + beta)) */
nt_status nt_tfl_hard_sigmoid(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_tfl_shape shape = nt_tfl_shape_of(n->out[0], form);
    nt_status s = NT_OK;
    int x, times, plus, y;

    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_temp(&times, l, n->out[0], "times", &shape, e));
    NT_TRY(nt_tfl_temp(&plus, l, n->out[0], "plus", &shape, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(with_number(l, NT_TFL_MUL, x, nt_node_float(n, "alpha", 0.2F), times, e));
    NT_TRY(with_number(l, NT_TFL_ADD, times, nt_node_float(n, "beta", 0.5F), plus, e));
    NT_TRY(cut(l, n->out[0], plus, y, (nt_plain_range){0, 1}, e));
done:
    return s;
}

/* ---- two inputs */

static bool has_act(nt_tfl_code code)
{
    return code == NT_TFL_ADD || code == NT_TFL_SUB || code == NT_TFL_MUL || code == NT_TFL_DIV;
}

static const struct {
    const char *op_type;
    nt_tfl_code code;
} binaries[] = {
    {"Add", NT_TFL_ADD},     {"Sub", NT_TFL_SUB},     {"Mul", NT_TFL_MUL}, {"Div", NT_TFL_DIV},
    {"Max", NT_TFL_MAXIMUM}, {"Min", NT_TFL_MINIMUM}, {"Sum", NT_TFL_ADD}, {"Pow", NT_TFL_POW},
};

/* From an input on another: to out where it is the last one. */
static nt_status chain(nt_tfl *l, const nt_node *n, nt_tfl_code code, nt_tfl_form form,
                       nt_err *e)
{
    nt_tfl_act act = NT_TFL_NO_ACT;
    const nt_value *out = has_act(code) ? nt_tfl_fuse(&act, l, n) : n->out[0];
    nt_tfl_shape shape = nt_tfl_shape_of(n->out[0], form);
    int rank = n->out[0]->rank, in[2], y;
    nt_status s = NT_OK;
    nt_tfl_op *o;

    NT_TRY(nt_tfl_operand(&in[0], l, n->in[0], rank, form, e));
    for (int i = 1; i < n->n_in; i++) {
        NT_TRY(nt_tfl_operand(&in[1], l, n->in[i], rank, form, e));
        if (i == n->n_in - 1)
            NT_TRY(nt_tfl_out(&y, l, out, form, e));
        else
            NT_TRY(nt_tfl_temp(&y, l, n->out[0], "part", &shape, e));
        NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){code, in, 2}, y, e));
        if (has_act(code) && i == n->n_in - 1)
            nt_tfl_set_int8(o, 0, act);
        in[0] = y;
    }
done:
    return s;
}

nt_status nt_tfl_binary(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    size_t i = 0;

    while (!nt_node_is(n, binaries[i].op_type))
        i++;
    if (n->n_in < 2)
        return nt_tfl_identity(l, n, e);
    if (n->out[0]->rank > 4)
        return nt_tfl_refuse(e, "more than 4 axes have");
    return chain(l, n, binaries[i].code, form, e);
}

/* The slope's axes are those behind the first. */
nt_status nt_tfl_prelu(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    int in[2], y;
    nt_tfl_op *o;

    if (!n->in[1]->data)
        return nt_tfl_refuse(e, "a slope that is no constant has");
    NT_TRY(nt_tfl_in(&in[0], l, n->in[0], form, e));
    NT_TRY(nt_tfl_operand(&in[1], l, n->in[1], n->in[0]->rank, form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_PRELU, in, 2}, y, e));
done:
    return s;
}

/* ---- normalisation that stands alone */

static nt_status write_factors(nt_tfl *l, const nt_node *n, const float *a, const float *b,
                               nt_err *e)
{
    int64_t k = n->in[0]->dims[1].value;
    nt_tfl_shape row = {1, {k}}, shape = nt_tfl_shape_of(n->out[0], NT_TFL_LAST);
    int x[2], times[2], y;
    nt_status s = NT_OK;
    nt_tfl_op *o;

    NT_TRY(nt_tfl_in(&x[0], l, n->in[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_const(&x[1], l, n->in[1]->name, &row, a, e));
    NT_TRY(nt_tfl_const(&times[1], l, n->in[2]->name, &row, b, e));
    NT_TRY(nt_tfl_temp(&times[0], l, n->out[0], "times", &shape, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_MUL, x, 2}, times[0], e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_ADD, times, 2}, y, e));
done:
    return s;
}

nt_status nt_tfl_batchnorm(nt_tfl *l, const nt_node *n, nt_err *e)
{
    int64_t k = n->in[0]->rank > 1 ? n->in[0]->dims[1].value : 0;
    float *a = nt_tfl_floats(l, k), *b = nt_tfl_floats(l, k);
    nt_status s = nt_plain_norm_check(n, k, e);

    if (s != NT_OK)
        return s;
    if (nt_node_int(n, "training_mode", 0) || n->in[0]->rank > 4)
        return nt_tfl_refuse(e, "training_mode, or more than 4 axes, have");
    if (!a || !b)
        return nt_fail_nomem(e);
    nt_plain_norm_factors(a, b, n, k);
    return write_factors(l, n, a, b, e);
}
