/* SPDX-License-Identifier: MIT */
/* elementary.c - mathematical functions of one tensor: each is its value and its slope, and an
 * entry in the table. They run their plain forms. */
#include "op/unary.h"

#include <math.h>

#define TWO_BY_ROOT_PI 1.1283791670955126

static double sign_of(double x)
{
    return x != x ? x : (x > 0) - (x < 0);
}

static int64_t whole_sign(int64_t x)
{
    return (x > 0) - (x < 0);
}

static int64_t whole_minus(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}

static int64_t whole_abs(int64_t x)
{
    return x < 0 ? whole_minus(x) : x;
}

NT_UNARY(abs, fabs(x), (x > 0) - (x < 0))
NT_UNARY(acos, acos(x), -1 / sqrt(1 - x * x))
NT_UNARY(acosh, acosh(x), 1 / sqrt(x * x - 1))
NT_UNARY(asin, asin(x), 1 / sqrt(1 - x * x))
NT_UNARY(asinh, asinh(x), 1 / sqrt(x * x + 1))
NT_UNARY(atan, atan(x), 1 / (1 + x * x))
NT_UNARY(atanh, atanh(x), 1 / (1 - x * x))
NT_UNARY(ceil, ceil(x), 0)
NT_UNARY(cos, cos(x), -sin(x))
NT_UNARY(cosh, cosh(x), sinh(x))
NT_UNARY(erf, erf(x), (TWO_BY_ROOT_PI * exp(-(x * x))))
NT_UNARY(exp, exp(x), y)
NT_UNARY(floor, floor(x), 0)
NT_UNARY(log, log(x), 1 / x)
NT_UNARY(neg, -x, -1)
NT_UNARY(reciprocal, 1 / x, -(y *y))
NT_UNARY(round, nearbyint(x), 0) /* halves to even, as the default rounding mode does */
NT_UNARY(sign, sign_of(x), 0)
NT_UNARY(sin, sin(x), cos(x))
NT_UNARY(sinh, sinh(x), cosh(x))
NT_UNARY(sqrt, sqrt(x), 0.5 / y)
NT_UNARY(tan, tan(x), 1 + y * y)

#define OP(onnx, version, ...)                                                                 \
    {                                                                                          \
        NT_UNARY_OP(onnx, version, NULL, __VA_ARGS__)                                          \
    }

const nt_op nt_op_elementary[] = {
    OP("Abs", 6, abs, .whole = whole_abs),
    OP("Acos", 7, acos),
    OP("Acosh", 9, acosh),
    OP("Asin", 7, asin),
    OP("Asinh", 9, asinh),
    OP("Atan", 7, atan),
    OP("Atanh", 9, atanh),
    OP("Ceil", 6, ceil),
    OP("Cos", 7, cos),
    OP("Cosh", 9, cosh),
    OP("Erf", 9, erf),
    OP("Exp", 6, exp),
    OP("Floor", 6, floor),
    OP("Log", 6, log),
    OP("Neg", 6, neg, .whole = whole_minus),
    OP("Reciprocal", 6, reciprocal),
    OP("Round", 11, round),
    OP("Sign", 9, sign, .whole = whole_sign),
    OP("Sin", 7, sin),
    OP("Sinh", 9, sinh),
    OP("Sqrt", 6, sqrt),
    OP("Tan", 7, tan),
    {0},
};
