/* SPDX-License-Identifier: MIT */
/* Swish: y = x / (1 + exp(-alpha x)), SiLU for alpha 1. */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>

static const nt_attr_spec attrs[] = {
    {"alpha", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

static double value(double x, double a, double b)
{
    (void)b;
    return x / (1 + exp(-a * x));
}

static double slope(double x, double y, double a, double b)
{
    double g = 1 / (1 + exp(-a * x));

    (void)b;
    return g + a * y * (1 - g);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    (void)e;
    nt_unary_map(out[0], in[0], value, nt_node_float(n, "alpha", 1), 0);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, nt_node_float(n, "alpha", 1), 0);
    return NT_OK;
}

static bool as_post(const nt_node *n, nt_post *out)
{
    *out = (nt_post){.kind = NT_POST_SWISH, .alpha = nt_node_float(n, "alpha", 1)};
    return true;
}

const nt_op nt_op_swish[] = {
    {
        .name = "Swish",
        .domain = "",
        .since = 24,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .infer = nt_infer_same,
        .eval = eval,
        .grad = grad,
        .lower = nt_unary_lower,
        .lower_grad = nt_unary_lower_grad,
        .as_post = as_post,
        .couple = nt_couple_unary,
    },
    {0},
};
