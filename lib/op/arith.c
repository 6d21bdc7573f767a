/* SPDX-License-Identifier: MIT */
/* arith.c - Add, Sub, Mul, Div, and Sum and Mean of any number of inputs. The backward pass of
 * Add and Sum hands the gradient on as it is. */
#include "couple/couple.h"
#include "op/binary.h"

typedef struct arith {
    const nt_binary_fn *fn;
    nt_binary_kind kind;
    float (*by_a)(float a, float b), (*by_b)(float a, float b); /* what dy is multiplied by */
} arith;

/* Integers wrap around as unsigned ones do. x / 0 is refused before; INT64_MIN / -1 wraps. */
NT_BINARY_FN(add, a + b, (uint64_t)a + (uint64_t)b)
NT_BINARY_FN(sub, a - b, (uint64_t)a - (uint64_t)b)
NT_BINARY_FN(mul, (a) * (b), (uint64_t)a *(uint64_t)b)
NT_BINARY_REAL(quot, a / b)

static int64_t quot_whole(int64_t a, int64_t b)
{
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static uint64_t quot_natural(uint64_t a, uint64_t b)
{
    return a / b;
}

static const nt_binary_fn quot = NT_BINARY_TABLE(quot);

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

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const arith *r = n->op->data;
    nt_status s = NT_OK;

    if (r->fn == &quot)
        s = nt_binary_wants_nonzero(in[1], e);
    if (s == NT_OK)
        nt_binary_eval(r->fn, in[0], in[1], out[0]);
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const arith *r = n->op->data;

    (void)out;
    (void)e;
    if (din[0])
        nt_binary_grad(din[0], r->by_a, in[0], in[1], dout[0]);
    if (din[1])
        nt_binary_grad(din[1], r->by_b, in[0], in[1], dout[0]);
    return NT_OK;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    const arith *r = n->op->data;

    return nt_binary_lower(p, n, r->kind, e);
}

/* Also of Sum. */
static nt_status add_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy;

    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    for (int i = 0; i < n->n_in && dy >= 0; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(nt_binary_give(p, n, n->in[i], dy, e));
done:
    return s;
}

static nt_status mul_lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid t[2], g;

    if (n->out[0]->rank == 0)
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &t[0], e));
    for (int i = 0; i < 2 && t[0] >= 0; i++) {
        if (!nt_program_needs_grad(p, n->in[i]))
            continue;
        NT_TRY(nt_binary_beside(p, n, n->in[1 - i], t[0], &t[1], e));
        NT_TRY(nt_binary_step(p, n, (nt_binary_term){NT_BIN_MUL, t[0], t[1], false}, &g, e));
        NT_TRY(nt_binary_give(p, n, n->in[i], g, e));
    }
done:
    return s;
}

/* ---- any number */

/* The running result is y itself. */
static nt_status sum_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)e;
    nt_binary_eval(&nt_binary_max, in[0], in[0], out[0]); /* stretched */
    for (int i = 1; i < n->n_in; i++)
        nt_binary_eval(&add, out[0], in[i], out[0]);
    return NT_OK;
}

static nt_status sum_grad(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e)
{
    (void)out;
    (void)e;
    for (int i = 0; i < n->n_in; i++)
        if (din[i])
            nt_binary_grad(din[i], nt_binary_one, in[i], in[i], dout[0]);
    return NT_OK;
}

static void divide(nt_tensor *t, double by)
{
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, nt_tensor_get(t, i) / by);
}

static nt_status mean_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    nt_status s = sum_eval(n, in, out, e);

    if (s == NT_OK)
        divide(out[0], n->n_in);
    return s;
}

static nt_status mean_grad(const nt_node *n, const nt_tensor *const *in,
                           const nt_tensor *const *out, const nt_tensor *const *dout,
                           nt_tensor *const *din, nt_err *e)
{
    nt_status s = sum_grad(n, in, out, dout, din, e);

    for (int i = 0; s == NT_OK && i < n->n_in; i++)
        if (din[i])
            divide(din[i], n->n_in);
    return s;
}

static nt_status sum_lower(nt_program *p, const nt_node *n, nt_err *e)
{
    return nt_binary_lower(p, n, NT_BIN_ADD, e);
}

#define ARITH(onnx, ...)                                                                       \
    .name = onnx, .domain = "", .since = 7, .min_in = 2, .max_in = 2, .min_out = 1,            \
    .max_out = 1, .infer = nt_binary_infer, .eval = eval, .grad = grad, .lower = lower,        \
    .couple = nt_couple_elementwise, .data = &(const arith)                                    \
    {                                                                                          \
        __VA_ARGS__                                                                            \
    }
#define VARIADIC(onnx)                                                                         \
    .name = onnx, .domain = "", .since = 6, .min_in = 1, .max_in = -1, .min_out = 1,           \
    .max_out = 1, .infer = nt_binary_infer, .couple = nt_couple_elementwise,                   \
    .flags = NT_OPF_DOUBLE

const nt_op nt_op_arith[] = {
    {ARITH("Add", &add, NT_BIN_ADD, nt_binary_one, nt_binary_one),
     .flags =
         NT_OPF_SUM | NT_OPF_FIXED_SCALARS | NT_OPF_ON_CODES | NT_OPF_BY_SAMPLE | NT_OPF_DOUBLE,
     .trainable = 3, .lower_grad = add_lower_grad},
    {ARITH("Sub", &sub, NT_BIN_SUB, nt_binary_one, minus_one),
     .flags = NT_OPF_BY_SAMPLE | NT_OPF_DOUBLE},
    {ARITH("Mul", &mul, NT_BIN_MUL, second, first),
     .flags = NT_OPF_FIXED_SCALARS | NT_OPF_ON_CODES | NT_OPF_BY_SAMPLE | NT_OPF_DOUBLE,
     .trainable = 3, .lower_grad = mul_lower_grad},
    {ARITH("Div", &quot, NT_BIN_DIV, over_b, minus_a_over_b2),
     .flags = NT_OPF_BY_SAMPLE | NT_OPF_DOUBLE},
    {VARIADIC("Sum"), .eval = sum_eval, .grad = sum_grad, .lower = sum_lower,
     .lower_grad = add_lower_grad},
    {VARIADIC("Mean"), .eval = mean_eval, .grad = mean_grad},
    {0},
};
