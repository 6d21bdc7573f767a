/* SPDX-License-Identifier: MIT */
#include "export/jit_ops.h"

#include "facet/arg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- attributes as numbers: a % each, in order */

typedef struct with_numbers {
    const char *op_type, *text;
    const char *attr[2];
    float dflt[2];
} with_numbers;

static const with_numbers numbered[] = {
    {"Celu", "torch.celu($0, %)", {"alpha"}, {1}},
    {"Elu", "torch.elu($0, %, 1., 1.)", {"alpha"}, {1}},
    {"HardSigmoid",
     "torch.clamp(torch.add(torch.mul($0, %), %), 0., 1.)",
     {"alpha", "beta"},
     {0.2F, 0.5F}},
    {"LeakyRelu", "torch.leaky_relu($0, %)", {"alpha"}, {0.01F}},
    {"Selu", "torch.elu($0, %, %, 1.)", {"alpha", "gamma"}, {1.67326319F, 1.05070102F}},
    {"ThresholdedRelu", "torch.threshold($0, %, 0.)", {"alpha"}, {1}},
};

static nt_status write_numbered(nt_jit *j, const nt_node *n, nt_err *e)
{
    const with_numbers *u = numbered;
    char line[256], f[NT_JIT_FLOAT];
    size_t at = 0;
    int k = 0;

    while (!nt_node_is(n, u->op_type))
        u++;
    for (const char *t = u->text; *t; t++) {
        bool number = *t == '%';

        if (number)
            nt_jit_float(f, nt_node_float(n, u->attr[k], u->dflt[k]));
        at += (size_t)snprintf(line + at, sizeof line - at, number ? "%s" : "%.1s",
                               number ? f : t);
        k += number;
    }
    return nt_jit_set(j, n, e, "%s", line);
}

/* ---- arithmetic */

static nt_status write_div(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_jit_need(j, 4); /* before, integers were divided so without being told */
    if (nt_dtype_is_real(n->in[0]->dtype))
        return nt_jit_set(j, n, e, "torch.div($0, $1)");
    return nt_jit_set(j, n, e, "torch.div($0, $1, rounding_mode=\"trunc\")");
}

static nt_status write_pow(nt_jit *j, const nt_node *n, nt_err *e)
{
    if (n->in[0]->dtype != n->in[1]->dtype || !nt_dtype_is_real(n->in[0]->dtype))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "types other than floats have no form in TorchScript");
    return nt_jit_set(j, n, e, "torch.pow($0, $1)");
}

static nt_status write_mod(nt_jit *j, const nt_node *n, nt_err *e)
{
    return nt_jit_set(
        j, n, e, nt_node_int(n, "fmod", 0) ? "torch.fmod($0, $1)" : "torch.remainder($0, $1)");
}

static nt_status write_gelu(nt_jit *j, const nt_node *n, nt_err *e)
{
    nt_jit_need(j, 10);
    return nt_jit_set(j, n, e, "torch.gelu($0, approximate=\"%s\")",
                      strcmp(nt_node_str(n, "approximate", "none"), "tanh") == 0 ? "tanh"
                                                                                 : "none");
}

/* Max, Min, Sum and Mean of any number. */
static nt_status write_many(nt_jit *j, const nt_node *n, nt_err *e)
{
    const char *f = nt_node_is(n, "Max") ? "maximum" : nt_node_is(n, "Min") ? "minimum" : "add";
    nt_status s = NT_OK;

    if (n->n_in > 9)
        return nt_fail(e, NT_EUNSUPPORTED, "%d inputs have no form in TorchScript", n->n_in);
    NT_TRY(nt_jit_set(j, n, e, "$0"));
    for (int i = 1; i < n->n_in; i++)
        NT_TRY(nt_jit_set(j, n, e, "torch.%s(v%d, $%d)", f, n->out[0]->id, i));
    if (nt_node_is(n, "Mean"))
        NT_TRY(nt_jit_set(j, n, e, "torch.div(v%d, %d.)", n->out[0]->id, n->n_in));
done:
    return s;
}

/* Bounds that are no constants are tensors; the upper one is taken last. */
static nt_status write_clip(nt_jit *j, const nt_node *n, nt_err *e)
{
    char bound[2][NT_JIT_FLOAT];
    static const char *const names[] = {"min", "max"};
    nt_status s = NT_OK;
    char from[32] = "$0";

    for (int i = 0; i < 2; i++) {
        const nt_tensor *t = nt_const_in(n, i + 1);
        double v = nt_node_float(n, names[i], i ? INFINITY : -INFINITY);

        if (nt_has_in(n, i + 1) && (!t || nt_tensor_count(t) != 1))
            return nt_fail(e, NT_EUNSUPPORTED,
                           "bounds that are no constants have no form in "
                           "TorchScript");
        v = t ? nt_tensor_get(t, 0) : v;
        if (!nt_dtype_is_real(n->in[0]->dtype))
            return nt_fail(e, NT_EUNSUPPORTED, "of %s has no form in TorchScript",
                           nt_dtype_name(n->in[0]->dtype));
        nt_jit_float(bound[i], v);
        if (isinf(v) && (v > 0) == i)
            strcpy(bound[i], "None");
    }
    if (strcmp(bound[0], "None") == 0 && strcmp(bound[1], "None") == 0)
        return nt_jit_set(j, n, e, "$0");
    NT_TRY(nt_jit_set(j, n, e, "torch.clamp(%s, %s, %s)", from, bound[0], bound[1]));
done:
    return s;
}

static nt_status write_cast(nt_jit *j, const nt_node *n, nt_err *e)
{
    int type = nt_jit_type(n->out[0]->dtype);

    if (type < 0 || nt_jit_type(n->in[0]->dtype) < 0)
        return nt_fail(e, NT_EUNSUPPORTED, "from %s to %s has no form in TorchScript",
                       nt_dtype_name(n->in[0]->dtype), nt_dtype_name(n->out[0]->dtype));
    return nt_jit_set(j, n, e, "torch.to($0, %d)", type);
}

static nt_status write_trilu(nt_jit *j, const nt_node *n, nt_err *e)
{
    const nt_tensor *k = nt_const_in(n, 1);

    if (nt_has_in(n, 1) && !k)
        return nt_fail(e, NT_EUNSUPPORTED, "k that is no constant has no form in TorchScript");
    return nt_jit_set(j, n, e, "torch.tri%s($0, %d)", nt_node_int(n, "upper", 1) ? "u" : "l",
                      k ? (int)nt_tensor_get_i64(k, 0) : 0);
}

/* ---- the table */

/* text, or who writes it */
static const struct {
    const char *op_type, *text;
    nt_jit_writer *write;
} ops[] = {
    {"Abs", "torch.abs($0)", NULL},
    {"Acos", "torch.acos($0)", NULL},
    {"Acosh", "torch.acosh($0)", NULL},
    {"Add", "torch.add($0, $1)", NULL},
    {"And", "torch.logical_and($0, $1)", NULL},
    {"ArgMax", NULL, nt_jit_arg},
    {"ArgMin", NULL, nt_jit_arg},
    {"Asin", "torch.asin($0)", NULL},
    {"Asinh", "torch.asinh($0)", NULL},
    {"Atan", "torch.atan($0)", NULL},
    {"Atanh", "torch.atanh($0)", NULL},
    {"AveragePool", NULL, nt_jit_average_pool},
    {"BatchNormalization", NULL, nt_jit_batchnorm},
    {"Cast", NULL, write_cast},
    {"Ceil", "torch.ceil($0)", NULL},
    {"Celu", NULL, write_numbered},
    {"Clip", NULL, write_clip},
    {"Concat", NULL, nt_jit_concat},
    {"Conv", NULL, nt_jit_conv},
    {"ConvTranspose", NULL, nt_jit_conv_transpose},
    {"Cos", "torch.cos($0)", NULL},
    {"Cosh", "torch.cosh($0)", NULL},
    {"DepthToSpace", NULL, nt_jit_depth},
    {"DequantizeLinear", NULL, nt_jit_dequantize},
    {"Div", NULL, write_div},
    {"Elu", NULL, write_numbered},
    {"Equal", "torch.eq($0, $1)", NULL},
    {"Erf", "torch.erf($0)", NULL},
    {"Exp", "torch.exp($0)", NULL},
    {"Expand", NULL, nt_jit_expand},
    {"Flatten", NULL, nt_jit_flatten},
    {"Floor", "torch.floor($0)", NULL},
    {"Gather", NULL, nt_jit_gather},
    {"GatherElements", NULL, nt_jit_gather},
    {"Gelu", NULL, write_gelu},
    {"Gemm", NULL, nt_jit_gemm},
    {"GlobalAveragePool", NULL, nt_jit_reduce},
    {"GlobalMaxPool", NULL, nt_jit_reduce},
    {"Greater", "torch.gt($0, $1)", NULL},
    {"GreaterOrEqual", "torch.ge($0, $1)", NULL},
    {"GroupNormalization", NULL, nt_jit_groupnorm},
    {"HardSigmoid", NULL, write_numbered},
    {"HardSwish", "torch.hardswish($0)", NULL},
    {"Identity", "$0", NULL},
    {"InstanceNormalization", NULL, nt_jit_groupnorm},
    {"IsNaN", "torch.isnan($0)", NULL},
    {"LRN", NULL, nt_jit_lrn},
    {"LayerNormalization", NULL, nt_jit_layernorm},
    {"LeakyRelu", NULL, write_numbered},
    {"Less", "torch.lt($0, $1)", NULL},
    {"LessOrEqual", "torch.le($0, $1)", NULL},
    {"Log", "torch.log($0)", NULL},
    {"LogSoftmax", NULL, nt_jit_softmax},
    {"MatMul", "torch.matmul($0, $1)", NULL},
    {"Max", NULL, write_many},
    {"MaxPool", NULL, nt_jit_max_pool},
    {"Mean", NULL, write_many},
    {"Min", NULL, write_many},
    {"Mish", "torch.mish($0)", NULL},
    {"Mod", NULL, write_mod},
    {"Mul", "torch.mul($0, $1)", NULL},
    {"Neg", "torch.neg($0)", NULL},
    {"Not", "torch.logical_not($0)", NULL},
    {"Or", "torch.logical_or($0, $1)", NULL},
    {"PRelu", "torch.add(torch.clamp_min($0, 0.), torch.mul($1, torch.clamp_max($0, 0.)))",
     NULL},
    {"Pad", NULL, nt_jit_pad},
    {"Pow", NULL, write_pow},
    {"QuantizeLinear", NULL, nt_jit_quantize},
    {"Reciprocal", "torch.reciprocal($0)", NULL},
    {"ReduceL1", NULL, nt_jit_reduce},
    {"ReduceL2", NULL, nt_jit_reduce},
    {"ReduceLogSum", NULL, nt_jit_reduce},
    {"ReduceLogSumExp", NULL, nt_jit_reduce},
    {"ReduceMax", NULL, nt_jit_reduce},
    {"ReduceMean", NULL, nt_jit_reduce},
    {"ReduceMin", NULL, nt_jit_reduce},
    {"ReduceSum", NULL, nt_jit_reduce},
    {"ReduceSumSquare", NULL, nt_jit_reduce},
    {"Relu", "torch.relu($0)", NULL},
    {"Reshape", NULL, nt_jit_reshape},
    {"Resize", NULL, nt_jit_resize},
    {"Round", "torch.round($0)", NULL},
    {"Selu", NULL, write_numbered},
    {"Shape", NULL, nt_jit_shape},
    {"Sigmoid", "torch.sigmoid($0)", NULL},
    {"Sign", "torch.sign($0)", NULL},
    {"Sin", "torch.sin($0)", NULL},
    {"Sinh", "torch.sinh($0)", NULL},
    {"Slice", NULL, nt_jit_slice},
    {"Softmax", NULL, nt_jit_softmax},
    {"Softplus", "torch.logaddexp($0, torch.zeros_like($0))", NULL},
    {"Softsign", "torch.div($0, torch.add(torch.abs($0), 1))", NULL},
    {"SpaceToDepth", NULL, nt_jit_depth},
    {"Split", NULL, nt_jit_split},
    {"Sqrt", "torch.sqrt($0)", NULL},
    {"Squeeze", NULL, nt_jit_squeeze},
    {"Sub", "torch.sub($0, $1)", NULL},
    {"Sum", NULL, write_many},
    {"Tan", "torch.tan($0)", NULL},
    {"Tanh", "torch.tanh($0)", NULL},
    {"ThresholdedRelu", NULL, write_numbered},
    {"Tile", NULL, nt_jit_tile},
    {"Transpose", NULL, nt_jit_transpose},
    {"Trilu", NULL, write_trilu},
    {"Unsqueeze", NULL, nt_jit_unsqueeze},
    {"Upsample", NULL, nt_jit_resize},
    {"Where", "torch.where($0, $1, $2)", NULL},
    {"Xor", "torch.logical_xor($0, $1)", NULL},
};

nt_status nt_jit_write(nt_jit *j, const nt_node *n, nt_err *e)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!nt_node_is(n, ops[i].op_type))
            continue;
        return ops[i].write ? ops[i].write(j, n, e) : nt_jit_set(j, n, e, "%s", ops[i].text);
    }
    return nt_fail(e, NT_EUNSUPPORTED, "it has no form in TorchScript");
}
