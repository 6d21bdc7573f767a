/* SPDX-License-Identifier: MIT */
/* HardSwish: y = x min(max(x / 6 + 1/2, 0), 1) (Howard et al. 2019, arXiv:1905.02244). */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>

static double value(double x, double a, double b)
{
    (void)a;
    (void)b;
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}

static double slope(double x, double y, double a, double b)
{
    (void)y;
    (void)a;
    (void)b;
    return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
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
    *out = (nt_post){.kind = NT_POST_HARDSWISH};
    return true;
}

const nt_op nt_op_hardswish[] = {
    {
        .name = "HardSwish",
        .domain = "",
        .since = 14,
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
