/* SPDX-License-Identifier: MIT */
/*
 * activation.c - activations: each is its value and its slope, and an entry in the table.
 *
 *   Elu          Clevert et al. 2016, arXiv:1511.07289
 *   Celu         Barron 2017, arXiv:1704.07483
 *   Selu         Klambauer et al. 2017, arXiv:1706.02515
 *   Gelu         Hendrycks & Gimpel 2016, arXiv:1606.08415
 *   Swish        Ramachandran et al. 2017, arXiv:1710.05941; SiLU for alpha 1
 *   HardSwish    Howard et al. 2019, arXiv:1905.02244
 *   Mish         Misra 2019, arXiv:1908.08681
 */
#include "op/unary.h"

#include <math.h>
#include <string.h>

#define ROOT_HALF 0.70710678118654752
#define ROOT_2_BY_PI 0.79788456080286536
#define CUBIC 0.044715

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x; /* NaN stays NaN */
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double mish_slope_at(double x)
{
    double t = tanh(softplus(x));

    return t + x * (1 - t * t) * logistic(x);
}

/* What erf(x / sqrt(2)) is, exactly or nearly. */
static double gelu_gate(double x, bool near)
{
    return near ? tanh(ROOT_2_BY_PI * (x + CUBIC * x * x * x)) : erf(x * ROOT_HALF);
}

static double gelu_slope_at(double x, bool near)
{
    double t = gelu_gate(x, near);
    double gate_slope = near ? (1 - t * t) * (1 + 3 * CUBIC * x * x) : exp(-0.5 * x * x);

    return 0.5 * (1 + t) + 0.5 * x * ROOT_2_BY_PI * gate_slope;
}

NT_UNARY(relu, x<0 ? 0 : x, x> 0 ? 1 : 0)
NT_UNARY(leaky, x > 0 ? x : a * x, x > 0 ? 1 : a)
NT_UNARY(thresholded, x <= a ? 0 : x, x > a ? 1 : 0)
NT_UNARY(shrink, x<-a ? x + b : x> a ? x - b : x != x ? x : 0, x<-a || x> a ? 1 : 0)
NT_UNARY(sigmoid, logistic(x), y *(1 - y))
NT_UNARY(hardsigmoid, clamp(a *x + b, 0, 1), y > 0 && y < 1 ? a : 0)
NT_UNARY(hardswish, x *clamp(x / 6 + 0.5, 0, 1), x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5)
NT_UNARY(swish, x *logistic(a *x), logistic(a *x) + a * y * (1 - logistic(a * x)))
NT_UNARY(mish, x *tanh(softplus(x)), mish_slope_at(x))
NT_UNARY(gelu, 0.5 * x * (1 + gelu_gate(x, a != 0)), gelu_slope_at(x, a != 0))
NT_UNARY(hyperbolic, tanh(x), 1 - y * y)
NT_UNARY(elu, b *(x > 0 ? x : a * expm1(x)), x > 0 ? b : y + b * a)
NT_UNARY(celu, x > 0 ? x : a * expm1(x / a), x > 0 ? 1 : exp(x / a))
NT_UNARY(softplus, softplus(x), logistic(x))
NT_UNARY(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))))

static nt_status gelu_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const char *mode = nt_node_str(n, "approximate", "none");

    (void)g;
    if (strcmp(mode, "none") && strcmp(mode, "tanh"))
        return nt_fail(e, NT_EUNSUPPORTED, "approximate '%s' is not supported", mode);
    return NT_OK;
}

static bool gelu_as_post(const nt_node *n, nt_post *out)
{
    *out = (nt_post){.kind = strcmp(nt_node_str(n, "approximate", "none"), "tanh")
                                 ? NT_POST_GELU
                                 : NT_POST_GELU_TANH};
    return true;
}

static nt_status celu_check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    if (nt_node_float(n, "alpha", 1) == 0)
        return nt_fail(e, NT_EFORMAT, "alpha is 0");
    return NT_OK;
}

static const nt_attr_spec with_alpha[] = {{"alpha", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec with_beta[] = {
    {"alpha", NT_ATTR_FLOAT, false}, {"beta", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec with_gamma[] = {
    {"alpha", NT_ATTR_FLOAT, false}, {"gamma", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec with_lambda[] = {
    {"lambd", NT_ATTR_FLOAT, false}, {"bias", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec with_approximate[] = {{"approximate", NT_ATTR_STRING, false}, {0}};

#define ALPHA(number) .a = {.name = "alpha", .dflt = number}
#define KERNEL(kind) .has_kernel = true, .post = kind
#define FAST(...)                                                                              \
    {                                                                                          \
        .as_post = nt_unary_as_post, NT_UNARY_OP(__VA_ARGS__)                                  \
    }
#define PLAIN(...)                                                                             \
    {                                                                                          \
        NT_UNARY_OP(__VA_ARGS__)                                                               \
    }

/* The defaults are ONNX's. */
const nt_op nt_op_activation[] = {
    FAST("Relu", 6, NULL, relu, KERNEL(NT_POST_RELU)),
    FAST("LeakyRelu", 6, with_alpha, leaky, ALPHA(0.01F), KERNEL(NT_POST_RELU)),
    FAST("Sigmoid", 6, NULL, sigmoid, KERNEL(NT_POST_SIGMOID)),
    FAST("Tanh", 6, NULL, hyperbolic, KERNEL(NT_POST_TANH)),
    FAST("HardSigmoid", 6, with_beta, hardsigmoid, ALPHA(0.2F),
         .b = {.name = "beta", .dflt = 0.5F}, KERNEL(NT_POST_HARDSIGMOID)),
    FAST("HardSwish", 14, NULL, hardswish, KERNEL(NT_POST_HARDSWISH)),
    FAST("Swish", 24, with_alpha, swish, ALPHA(1), KERNEL(NT_POST_SWISH)),
    FAST("Mish", 18, NULL, mish, KERNEL(NT_POST_MISH)),
    FAST("Elu", 6, with_alpha, elu, ALPHA(1), .b = {.dflt = 1}, KERNEL(NT_POST_ELU)),
    {.check = gelu_check,
     .as_post = gelu_as_post,
     NT_UNARY_OP("Gelu", 20, with_approximate, gelu,
                 .a = {.name = "approximate", .text = "tanh"})},
    {.check = celu_check, NT_UNARY_OP("Celu", 12, with_alpha, celu, ALPHA(1))},
    PLAIN("Selu", 6, with_gamma, elu, ALPHA(1.67326319217681884765625F),
          .b = {.name = "gamma", .dflt = 1.05070102214813232421875F}),
    PLAIN("ThresholdedRelu", 10, with_alpha, thresholded, ALPHA(1)),
    PLAIN("Shrink", 9, with_lambda, shrink, .a = {.name = "lambd", .dflt = 0.5F},
          .b = {.name = "bias"}),
    PLAIN("Softplus", 1, NULL, softplus),
    PLAIN("Softsign", 1, NULL, softsign),
    {0},
};
