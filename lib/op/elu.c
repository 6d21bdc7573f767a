/* SPDX-License-Identifier: MIT */
/* Elu, Selu: y = gamma x where x > 0, else gamma alpha (exp(x) - 1); gamma is 1 in Elu
 * (Clevert et al. 2016, arXiv:1511.07289; Klambauer et al. 2017, arXiv:1706.02515). */
#include "op/couple.h"
#include "op/op.h"
#include "op/unary.h"
#include "op/util.h"

#include <math.h>

static const nt_attr_spec attrs_elu[] = {
    {"alpha", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

static const nt_attr_spec attrs_selu[] = {
    {"alpha", NT_ATTR_FLOAT, false},
    {"gamma", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

/* The defaults are ONNX's. */
static double alpha_selu(const nt_node *n)
{
    return nt_node_float(n, "alpha", 1.67326319217681884765625F);
}

static double gamma_selu(const nt_node *n)
{
    return nt_node_float(n, "gamma", 1.05070102214813232421875F);
}

static double value(double x, double alpha, double gamma)
{
    return gamma * (x > 0 ? x : alpha * expm1(x));
}

static double slope(double x, double y, double alpha, double gamma)
{
    return x > 0 ? gamma : y + gamma * alpha;
}

static nt_status eval_elu(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    (void)e;
    nt_unary_map(out[0], in[0], value, nt_node_float(n, "alpha", 1), 1);
    return NT_OK;
}

static nt_status grad_elu(const nt_node *n, const nt_tensor *const *in,
                          const nt_tensor *const *out, const nt_tensor *const *dout,
                          nt_tensor *const *din, nt_err *e)
{
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, nt_node_float(n, "alpha", 1), 1);
    return NT_OK;
}

static nt_status eval_selu(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                           nt_err *e)
{
    (void)e;
    nt_unary_map(out[0], in[0], value, alpha_selu(n), gamma_selu(n));
    return NT_OK;
}

static nt_status grad_selu(const nt_node *n, const nt_tensor *const *in,
                           const nt_tensor *const *out, const nt_tensor *const *dout,
                           nt_tensor *const *din, nt_err *e)
{
    (void)e;
    nt_unary_pull(din[0], in[0], out[0], dout[0], slope, alpha_selu(n), gamma_selu(n));
    return NT_OK;
}

const nt_op nt_op_elu[] = {
    {
        .name = "Elu",
        .domain = "",
        .since = 6,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs_elu,
        .infer = nt_infer_same,
        .eval = eval_elu,
        .grad = grad_elu,
        .couple = nt_couple_unary,
    },
    {
        .name = "Selu",
        .domain = "",
        .since = 6,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs_selu,
        .infer = nt_infer_same,
        .eval = eval_selu,
        .grad = grad_selu,
        .couple = nt_couple_unary,
    },
    {0},
};
