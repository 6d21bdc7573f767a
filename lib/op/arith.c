/* SPDX-License-Identifier: MIT */
/*
 * arith.c - Add, Sub, Mul, Div, and Sum of any number of inputs.
 *
 * Planned forms keep the format of the full-size operand; an operand that is stretched goes in
 * PLAIN, with leading axes of extent 1. The backward pass of Add hands the gradient on as it
 * is.
 */
#include "kernel/eltwise.h"
#include "op/binary.h"
#include "op/couple.h"
#include "op/program.h"
#include "op/util.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* Integers wrap around as unsigned ones do. x / 0 is refused before; INT64_MIN / -1 wraps. */
NT_BINARY_FN(add, a + b, (int64_t)((uint64_t)a + (uint64_t)b))
NT_BINARY_FN(first_of, ((void)b, a), ((void)b, a))
NT_BINARY_FN(sub, a - b, (int64_t)((uint64_t)a - (uint64_t)b))
NT_BINARY_FN(mul, (a) * (b), (int64_t)((uint64_t)a *(uint64_t)b))
NT_BINARY_FN(quot, a / b, b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)

static nt_status add_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    (void)e;
    nt_binary_eval(&add, in[0], in[1], out[0]);
    return NT_OK;
}

static nt_status sub_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    (void)e;
    nt_binary_eval(&sub, in[0], in[1], out[0]);
    return NT_OK;
}

static nt_status mul_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    (void)e;
    nt_binary_eval(&mul, in[0], in[1], out[0]);
    return NT_OK;
}

static bool is_whole(nt_dtype t)
{
    return t != NT_F32 && t != NT_F64 && t != NT_F16 && t != NT_BF16;
}

static nt_status div_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)n;
    for (int64_t i = 0; is_whole(in[1]->dtype) && i < nt_tensor_count(in[1]); i++)
        if (nt_tensor_get_i64(in[1], i) == 0)
            return nt_fail(e, NT_EFORMAT, "an integer is divided by zero");
    nt_binary_eval(&quot, in[0], in[1], out[0]);
    return NT_OK;
}

static nt_status sum_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)e;
    nt_binary_eval(&first_of, in[0], in[0], out[0]); /* stretched */
    for (int i = 1; i < n->n_in; i++)
        nt_binary_eval(&add, out[0], in[i], out[0]);
    return NT_OK;
}

/* ---- plain gradients: what dy is multiplied by */
typedef float (*factor)(float a, float b);

static float one(float a, float b)
{
    (void)a;
    (void)b;
    return 1;
}

static float minus_one(float a, float b)
{
    (void)a;
    (void)b;
    return -1;
}

static float first(float a, float b)
{
    (void)b;
    return a;
}

static float second(float a, float b)
{
    (void)a;
    return b;
}

static float over_b(float a, float b)
{
    (void)a;
    return 1 / b;
}

static float minus_a_over_b2(float a, float b)
{
    return -a / b / b;
}

static nt_status grads(factor fa, factor fb, const nt_tensor *const *in,
                       const nt_tensor *const *dout, nt_tensor *const *din)
{
    if (din[0])
        nt_binary_grad(din[0], fa, in[0], in[1], dout[0]);
    if (din[1])
        nt_binary_grad(din[1], fb, in[0], in[1], dout[0]);
    return NT_OK;
}

#define GRAD(name, fa, fb)                                                                     \
    static nt_status name(const nt_node *n, const nt_tensor *const *in,                        \
                          const nt_tensor *const *out, const nt_tensor *const *dout,           \
                          nt_tensor *const *din, nt_err *e)                                    \
    {                                                                                          \
        (void)n;                                                                               \
        (void)out;                                                                             \
        (void)e;                                                                               \
        return grads(fa, fb, in, dout, din);                                                   \
    }

GRAD(add_grad, one, one)
GRAD(sub_grad, one, minus_one)
GRAD(mul_grad, second, first)
GRAD(div_grad, over_b, minus_a_over_b2)

static nt_status sum_grad(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e)
{
    (void)out;
    (void)e;
    for (int i = 0; i < n->n_in; i++)
        if (din[i])
            nt_binary_grad(din[i], one, in[i], in[i], dout[0]);
    return NT_OK;
}

/* ---- planned forms */
static bool is_full(const nt_value *v, const nt_value *y)
{
    if (v->rank != y->rank)
        return false;
    for (int i = 0; i < v->rank; i++)
        if (v->dims[i].value != y->dims[i].value)
            return false;
    return true;
}

/* With as many axes as the full-size operand, in its format and type. */
static nt_status stretched(nt_program *p, const nt_value *v, nt_desc full, nt_tid *out,
                           nt_err *e)
{
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_tid t;

    for (int i = 0; i < full.rank; i++) {
        int from = i - (full.rank - v->rank);

        dims[i] = from < 0 ? 1 : v->dims[from].value;
    }
    NT_TRY(nt_program_value_as(p, v, v->rank == full.rank ? full.fmt : NT_FMT_PLAIN, full.dtype,
                               &t, e));
    if (v->rank < full.rank) {
        NT_TRY(nt_program_view(p, t, full.rank, dims, &t, e));
        NT_TRY(nt_program_as(p, t, full.fmt, full.dtype, &t, e));
    }
    *out = t;
done:
    return s;
}

/* The operand that decides the format: full-size, computed rather than constant; -1: none. */
static int leading(const nt_node *n)
{
    int best = -1;

    for (int i = 1; i >= 0; i--)
        if (is_full(n->in[i], n->out[0]) && (best < 0 || !n->in[i]->data))
            best = i;
    return best;
}

/* v as an operand beside the full-size tensor t. */
static nt_status beside(nt_program *p, const nt_node *n, const nt_value *v, nt_tid t,
                        nt_tid *out, nt_err *e)
{
    nt_desc d = *nt_program_desc(p, t);

    return is_full(v, n->out[0]) ? nt_program_value_as(p, v, d.fmt, d.dtype, out, e)
                                 : stretched(p, v, d, out, e);
}

/* y = a op b as a step; y gets the lead's description. */
static nt_status binary_step(nt_program *p, const nt_node *n, nt_binary_kind kind,
                             const nt_tid *t, int lead, nt_tid *y, nt_err *e)
{
    nt_desc a = *nt_program_desc(p, t[0]), b = *nt_program_desc(p, t[1]);
    nt_desc d = lead ? b : a;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_binary_new(&prim, nt_program_device(p), kind, &a, &b, &d, e));
    s = nt_program_temp(p, &d, y, e);
    if (s != NT_OK) {
        nt_prim_free(prim);
        goto done;
    }
    NT_TRY(nt_program_call(p, n, n->op_type, prim, t, 2, y, 1, e));
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_binary_kind kind, nt_err *e)
{
    nt_status s = NT_OK;
    int lead = leading(n);
    nt_tid t[2], y;

    if (n->out[0]->dtype != NT_F32 || lead < 0 || n->out[0]->rank == 0)
        return nt_lower_default(p, n, e);
    NT_TRY(nt_program_value(p, n->in[lead], &t[lead], e));
    NT_TRY(beside(p, n, n->in[1 - lead], t[lead], &t[1 - lead], e));
    NT_TRY(binary_step(p, n, kind, t, lead, &y, e));
    NT_TRY(nt_program_inplace(p, y, t[lead], false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status add_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower(p, n, NT_BIN_ADD, e);
}

/* Two inputs are what old exporters made of a residual connection. */
static nt_status sum_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return n->n_in == 2 ? lower(p, n, NT_BIN_ADD, e) : nt_lower_default(p, n, e);
}

static nt_status sub_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower(p, n, NT_BIN_SUB, e);
}

static nt_status mul_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower(p, n, NT_BIN_MUL, e);
}

static nt_status div_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower(p, n, NT_BIN_DIV, e);
}

/* g, of the output's size, summed over what v was stretched along; contributed to v. */
static nt_status give(nt_program *p, const nt_node *n, const nt_value *v, nt_tid g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_prim *prim = NULL;
    nt_tid from, to;
    nt_desc a, b;

    if (is_full(v, n->out[0])) {
        NT_TRY(nt_program_add_grad(p, v, g, e));
        goto done;
    }
    NT_TRY(nt_program_as(p, g, NT_FMT_PLAIN, NT_F32, &from, e));
    NT_TRY(nt_program_param_grad(p, v, &to, e));
    a = b = *nt_program_desc(p, from);
    for (int i = 0; i < b.rank; i++) {
        int axis = i - (b.rank - v->rank);

        b.dims[i] = axis < 0 ? 1 : v->dims[axis].value;
    }
    NT_TRY(nt_reduce_to_new(&prim, nt_program_device(p), &a, &b, e));
    NT_TRY(nt_program_call(p, n, "reduce", prim, &from, 1, &to, 1, e));
    NT_TRY(nt_program_add_grad(p, v, to, e));
done:
    return s;
}

static nt_status add_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy;

    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    for (int i = 0; i < n->n_in && dy >= 0; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(give(p, n, n->in[i], dy, e));
done:
    return s;
}

/* dy times operand i. */
static nt_status times(nt_program *p, const nt_node *n, nt_tid dy, int i, nt_tid *out,
                       nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t[2] = {dy, -1};

    NT_TRY(beside(p, n, n->in[i], dy, &t[1], e));
    NT_TRY(binary_step(p, n, NT_BIN_MUL, t, 0, out, e));
done:
    return s;
}

static nt_status mul_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy, g;

    if (n->out[0]->rank == 0)
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    for (int i = 0; i < 2 && dy >= 0; i++) {
        if (!nt_program_needs_grad(p, n->in[i]))
            continue;
        NT_TRY(times(p, n, dy, 1 - i, &g, e));
        NT_TRY(give(p, n, n->in[i], g, e));
    }
done:
    return s;
}

#define BINARY                                                                                 \
    .domain = "", .since = 7, .min_in = 2, .max_in = 2, .min_out = 1, .max_out = 1,            \
    .infer = nt_binary_infer, .couple = nt_couple_elementwise

const nt_op nt_op_arith[] = {
    {BINARY, .name = "Add", .flags = NT_OPF_SUM | NT_OPF_FIXED_SCALARS, .trainable = 3,
     .eval = add_eval, .grad = add_grad, .lower = add_lower, .lower_grad = add_lower_grad},
    {BINARY, .name = "Sub", .eval = sub_eval, .grad = sub_grad, .lower = sub_lower},
    {BINARY, .name = "Mul", .flags = NT_OPF_FIXED_SCALARS, .trainable = 3, .eval = mul_eval,
     .grad = mul_grad, .lower = mul_lower, .lower_grad = mul_lower_grad},
    {BINARY, .name = "Div", .eval = div_eval, .grad = div_grad, .lower = div_lower},
    {.name = "Sum",
     .domain = "",
     .since = 6,
     .min_in = 1,
     .max_in = -1,
     .min_out = 1,
     .max_out = 1,
     .infer = nt_binary_infer,
     .eval = sum_eval,
     .grad = sum_grad,
     .lower = sum_lower,
     .lower_grad = add_lower_grad,
     .couple = nt_couple_elementwise},
    {0},
};
