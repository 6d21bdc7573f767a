/* SPDX-License-Identifier: MIT */
/* Clip: y = min(max(x, min), max); the bounds are attributes before opset 11, inputs since. */
#include "facet/arg.h"
#include "op/binary.h"
#include "op/qrow.h"
#include "op/unary.h"

#include <math.h>

static const nt_attr_spec attrs_6[] = {
    {"max", NT_ATTR_FLOAT, false},
    {"min", NT_ATTR_FLOAT, false},
    {NULL, 0, false},
};

static double value(double x, double min, double max)
{
    x = x < min ? min : x; /* NaN stays NaN */
    return x > max ? max : x;
}

static double slope(double x, double y, double min, double max)
{
    (void)y;
    return x > min && x < max ? 1 : 0;
}

/* Of codes: the outermost ones are in range. */
static double code_slope(double x, double y, double min, double max)
{
    (void)y;
    return x >= min && x <= max ? 1 : 0;
}

/* From the tensor of input i, or the attribute, or the default. */
static double bound(const nt_node *n, const nt_tensor *t, const char *attr, double dflt)
{
    return t ? nt_tensor_get(t, 0) : nt_node_float(n, attr, (float)dflt);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    for (int i = 1; i < n->n_in; i++)
        if (nt_const_in(n, i) && nt_tensor_count(n->in[i]->data) != 1)
            return nt_fail(e, NT_EFORMAT, "bound '%s' is no scalar", n->in[i]->name);
    return NT_OK;
}

/* Of attributes, as ONNX Runtime does: whoever wrote such a file meant something else. */
static nt_status check_order(const nt_graph *g, const nt_node *n, nt_err *e)
{
    float min = nt_node_float(n, "min", -INFINITY), max = nt_node_float(n, "max", INFINITY);

    (void)g;
    return min > max ? nt_fail(e, NT_EFORMAT, "min %g is greater than max %g", (double)min,
                               (double)max)
                     : NT_OK;
}

static void whole_eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *y)
{
    nt_binary_eval(&nt_binary_max, in[0], n->n_in > 1 && in[1] ? in[1] : in[0], y);
    if (n->n_in > 2 && in[2])
        nt_binary_eval(&nt_binary_min, y, in[2], y);
}

static bool is_bytes(const nt_tensor *t)
{
    return t->dtype == NT_U8 || t->dtype == NT_I8;
}

/* Codes between the bounds that there are. */
static nt_qrow byte_row(const nt_tensor *x, double min, double max)
{
    bool sign = x->dtype == NT_I8;

    return (nt_qrow){.lo = (int)fmax(min, sign ? INT8_MIN : 0),
                     .hi = (int)fmin(max, sign ? INT8_MAX : UINT8_MAX),
                     .is_signed = sign};
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    double min = bound(n, n->n_in > 1 ? in[1] : NULL, "min", -INFINITY);
    double max = bound(n, n->n_in > 2 ? in[2] : NULL, "max", INFINITY);

    (void)e;
    if (is_bytes(in[0])) {
        nt_qrow r = byte_row(in[0], min, max);

        nt_qrow_clip(out[0]->data, in[0]->data, nt_tensor_count(in[0]), &r);
    } else if (!nt_dtype_is_real(in[0]->dtype))
        whole_eval(n, in, out[0]);
    else
        nt_unary_map(out[0], in[0], value, min, max);
    return NT_OK;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    double min = bound(n, n->n_in > 1 ? in[1] : NULL, "min", -INFINITY);
    double max = bound(n, n->n_in > 2 ? in[2] : NULL, "max", INFINITY);
    nt_unary_derivative d = {.a = min, .b = max};

    for (int i = 1; i < n->n_in; i++)
        if (din[i])
            return nt_fail(e, NT_EUNSUPPORTED, "no gradient flows into a bound");
    if (is_bytes(in[0]) && din[0] && dout[0]) {
        nt_qrow r = byte_row(in[0], min, max);

        nt_qrow_pull_clip(din[0]->data, in[0]->data, dout[0]->data, nt_tensor_count(in[0]), &r);
        return NT_OK;
    }
    d.slope = nt_dtype_is_real(in[0]->dtype) ? slope : code_slope;
    nt_unary_pull(din[0], in[0], out[0], dout[0], d);
    return NT_OK;
}

/* Only with bounds that are known beforehand. */
static bool as_post(const nt_node *n, nt_post *out)
{
    for (int i = 1; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->data)
            return false;
    *out = (nt_post){.kind = NT_POST_CLIP,
                     .alpha = (float)bound(n, nt_const_in(n, 1), "min", -INFINITY),
                     .beta = (float)bound(n, nt_const_in(n, 2), "max", INFINITY)};
    return true;
}

#define CLIP                                                                                   \
    .name = "Clip", .domain = "", .min_in = 1, .min_out = 1, .max_out = 1,                     \
    .infer = nt_unary_infer, .eval = eval, .grad = grad, .lower = nt_unary_lower,              \
    .lower_grad = nt_unary_lower_grad, .as_post = as_post, .couple = nt_couple_unary,          \
    .flags = NT_OPF_BY_SAMPLE

const nt_op nt_op_clip[] = {
    {CLIP, .since = 6, .until = 10, .max_in = 1, .attrs = attrs_6, .check = check_order},
    {CLIP, .since = 11, .max_in = 3, .check = check},
    {0},
};
