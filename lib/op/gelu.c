/* SPDX-License-Identifier: MIT */
/* Gelu: y = x Phi(x), exactly or with the tanh approximation (Hendrycks & Gimpel 2016,
 * arXiv:1606.08415). The kernel library has the exact form. */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>
#include <string.h>

#define ROOT_HALF 0.70710678118654752
#define ROOT_2_BY_PI 0.79788456080286536
#define CUBIC 0.044715

static const nt_attr_spec attrs[] = {
    {"approximate", NT_ATTR_STRING, false},
    {NULL, 0, false},
};

static bool is_tanh(const nt_node *n)
{
    return !strcmp(nt_node_str(n, "approximate", "none"), "tanh");
}

static double value(double x, double approximate, double b)
{
    (void)b;
    if (approximate != 0)
        return 0.5 * x * (1 + tanh(ROOT_2_BY_PI * (x + CUBIC * x * x * x)));
    return 0.5 * x * (1 + erf(x * ROOT_HALF));
}

static double slope(double x, double y, double approximate, double b)
{
    double t = tanh(ROOT_2_BY_PI * (x + CUBIC * x * x * x));

    (void)y;
    (void)b;
    if (approximate != 0)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT_2_BY_PI * (1 + 3 * CUBIC * x * x);
    return 0.5 * (1 + erf(x * ROOT_HALF)) + 0.5 * x * ROOT_2_BY_PI * exp(-0.5 * x * x);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "approximate", "none");

    (void)g;
    if (strcmp(mode, "none") && strcmp(mode, "tanh"))
        return nt_fail(e, NT_EUNSUPPORTED, "approximate '%s' is not supported", mode);
    return NT_OK;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    (void)e;
    nt_unary_map(out[0], in[0], value, is_tanh(n), 0);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, is_tanh(n), 0);
    return NT_OK;
}

static bool as_post(const nt_node *n, nt_post *out)
{
    *out = (nt_post){.kind = NT_POST_GELU};
    return !is_tanh(n);
}

const nt_op nt_op_gelu[] = {
    {
        .name = "Gelu",
        .domain = "",
        .since = 20,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .check = check,
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
