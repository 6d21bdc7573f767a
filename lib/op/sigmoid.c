/* SPDX-License-Identifier: MIT */
/* Sigmoid: y = 1 / (1 + exp(-x)). */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>

static double value(double x, double a, double b)
{
    (void)a;
    (void)b;
    return 1 / (1 + exp(-x));
}

static double slope(double x, double y, double a, double b)
{
    (void)x;
    (void)a;
    (void)b;
    return y * (1 - y);
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    (void)n;
    (void)e;
    nt_unary_map(out[0], in[0], value, 0, 0);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)n;
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, 0, 0);
    return NT_OK;
}

static bool as_post(const nt_node *n, nt_post *out)
{
    (void)n;
    *out = (nt_post){.kind = NT_POST_SIGMOID};
    return true;
}

const nt_op nt_op_sigmoid[] = {
    {
        .name = "Sigmoid",
        .domain = "",
        .since = 6,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
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
