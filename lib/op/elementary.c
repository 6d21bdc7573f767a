/* SPDX-License-Identifier: MIT */
/*
 * Functions of one tensor without attributes that the kernel library does not have: they run
 * their plain forms. Each is a line here, its value and its slope, and a line in the table.
 */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>

#define UNUSED __attribute__((unused))

/* y = f(x) and dy/dx in terms of x and y. */
#define FUNCTION(id, f, slope)                                                                 \
    static double value_##id(double x, double a UNUSED, double b UNUSED)                       \
    {                                                                                          \
        return f;                                                                              \
    }                                                                                          \
    static double slope_##id(double x UNUSED, double y UNUSED, double a UNUSED,                \
                             double b UNUSED)                                                  \
    {                                                                                          \
        return slope;                                                                          \
    }                                                                                          \
    static nt_status eval_##id(const nt_node *n UNUSED, const nt_tensor *const *in,            \
                               nt_tensor *const *out, nt_err *e UNUSED)                        \
    {                                                                                          \
        nt_unary_map(out[0], in[0], value_##id, 0, 0);                                         \
        return NT_OK;                                                                          \
    }                                                                                          \
    static nt_status grad_##id(const nt_node *n UNUSED, const nt_tensor *const *in,            \
                               const nt_tensor *const *out, const nt_tensor *const *dout,      \
                               nt_tensor *const *din, nt_err *e UNUSED)                        \
    {                                                                                          \
        nt_unary_pull(din[0], in[0], out[0], dout[0], slope_##id, 0, 0);                       \
        return NT_OK;                                                                          \
    }

#define TWO_BY_ROOT_PI 1.1283791670955126

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double mish_slope(double x)
{
    double t = tanh(softplus(x));

    return t + x * (1 - t * t) * logistic(x);
}

FUNCTION(abs, fabs(x), sign(x))
FUNCTION(ceil, ceil(x), 0)
FUNCTION(cos, cos(x), -sin(x))
FUNCTION(erf, erf(x), (TWO_BY_ROOT_PI * exp(-(x * x))))
FUNCTION(exp, exp(x), y)
FUNCTION(floor, floor(x), 0)
FUNCTION(log, log(x), 1 / x)
FUNCTION(mish, (x * tanh(softplus(x))), mish_slope(x))
FUNCTION(neg, -x, -1)
FUNCTION(reciprocal, 1 / x, -(y *y))
FUNCTION(round, nearbyint(x), 0) /* halves to even, as the default rounding mode does */
FUNCTION(sign, sign(x), 0)
FUNCTION(sin, sin(x), cos(x))
FUNCTION(softplus, softplus(x), logistic(x))
FUNCTION(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))))
FUNCTION(sqrt, sqrt(x), 0.5 / y)

#define OP(onnx, version, id)                                                                  \
    {                                                                                          \
        .name = onnx, .domain = "", .since = version, .min_in = 1, .max_in = 1, .min_out = 1,  \
        .max_out = 1, .infer = nt_infer_same, .eval = eval_##id, .grad = grad_##id,            \
        .couple = nt_couple_unary                                                              \
    }

const nt_op nt_op_elementary[] = {
    OP("Abs", 6, abs),
    OP("Ceil", 6, ceil),
    OP("Cos", 7, cos),
    OP("Erf", 9, erf),
    OP("Exp", 6, exp),
    OP("Floor", 6, floor),
    OP("Log", 6, log),
    OP("Mish", 18, mish),
    OP("Neg", 6, neg),
    OP("Reciprocal", 6, reciprocal),
    OP("Round", 11, round),
    OP("Sign", 9, sign),
    OP("Sin", 7, sin),
    OP("Softplus", 1, softplus),
    OP("Softsign", 1, softsign),
    OP("Sqrt", 6, sqrt),
    {0},
};
