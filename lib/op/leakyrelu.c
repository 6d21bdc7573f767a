/* SPDX-License-Identifier: MIT */
/* LeakyRelu: y = x where x > 0, else alpha x. */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

static const nt_attr_spec attrs[] = {
    {"alpha", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

static double value(double x, double a, double b)
{
    (void)b;
    return x > 0 ? x : a * x;
}

static double slope(double x, double y, double a, double b)
{
    (void)y;
    (void)b;
    return x > 0 ? 1 : a;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    (void)e;
    nt_unary_map(out[0], in[0], value, nt_node_float(n, "alpha", 0.01F), 0);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, nt_node_float(n, "alpha", 0.01F), 0);
    return NT_OK;
}

static bool as_post(const nt_node *n, nt_post *out)
{
    *out = (nt_post){.kind = NT_POST_RELU, .alpha = nt_node_float(n, "alpha", 0.01F)};
    return true;
}

const nt_op nt_op_leakyrelu[] = {
    {
        .name = "LeakyRelu",
        .domain = "",
        .since = 6,
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
