/* SPDX-License-Identifier: MIT */
/*
 * Experimental operators, which Caffe2's, Core ML's and WinML's exporters wrote: ONNX had them
 * without a version until opset 9, and then no more. What they compute stands in ONNX 1.4's
 * text, and where that is silent (Crop) in ONNX Runtime's operators of these names.
 */
#include "graph/upgrade.h"

#include <stdint.h>
#include <string.h>

enum { MOST = 1 << 16 }; /* channels, and pixels of a side */

/* factor x before n; x itself where the factor is 1. */
static nt_status times(nt_value **out, nt_graph *g, const nt_node *n, nt_value *x, float factor,
                       nt_err *e)
{
    nt_value *in[2] = {x, NULL};
    nt_status s = NT_OK;

    *out = x;
    if (factor == 1)
        return NT_OK;
    NT_TRY(nt_upgrade_numbers(&in[1], g, x, &factor, 1, e));
    NT_TRY(nt_upgrade_put(out, g, n, nt_node_of("Mul", in, 2), e));
done:
    return s;
}

static nt_status one_input(nt_value **x, const nt_node *n, nt_err *e)
{
    if (n->n_in < 1 || !n->in[0])
        return nt_fail(e, NT_EFORMAT, "input 0 is missing");
    *x = n->in[0];
    return NT_OK;
}

/* n becomes op(x, v) */
static nt_status finish(nt_graph *g, nt_node *n, const char *op, nt_value *x, float v,
                        nt_err *e)
{
    nt_value *in[2] = {x, NULL};
    nt_status s = NT_OK;

    NT_TRY(nt_upgrade_numbers(&in[1], g, x, &v, 1, e));
    NT_TRY(nt_upgrade_become(g, n, op, in, 2, e));
done:
    return s;
}

/* alpha x + beta */
static nt_status affine(nt_graph *g, nt_node *n, nt_err *e)
{
    float beta = nt_node_float(n, "beta", 0);
    nt_value *x = NULL;
    nt_status s = NT_OK;

    NT_TRY(one_input(&x, n, e));
    NT_TRY(times(&x, g, n, x, nt_node_float(n, "alpha", 1), e));
    NT_TRY(finish(g, n, "Add", x, beta, e));
done:
    return s;
}

/* scale x + bias, with a bias per channel */
static nt_status image_scaler(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *bias = nt_node_attr(n, "bias");
    nt_value *in[2] = {NULL, NULL}, *x = NULL;
    nt_status s = NT_OK;

    NT_TRY(one_input(&x, n, e));
    if (!bias || bias->kind != NT_ATTR_FLOATS || bias->n < 1 || bias->n > MOST)
        NT_TRY(nt_fail(e, NT_EFORMAT, "it has no bias"));
    NT_TRY(nt_upgrade_wants_rank(x, e));
    NT_TRY(times(&in[0], g, n, x, nt_node_float(n, "scale", 1), e));
    NT_TRY(nt_upgrade_numbers(&in[1], g, x, bias->floats, bias->n, e));
    NT_TRY(nt_upgrade_become(g, n, "Add", in, 2, e));
    if (bias->n > 1 && x->rank > 2)
        NT_TRY(nt_upgrade_append_ones(g, n, 1, x->rank - 2, e));
done:
    return s;
}

static nt_status scale(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_value *x = NULL;
    nt_status s = NT_OK;

    NT_TRY(one_input(&x, n, e));
    NT_TRY(finish(g, n, "Mul", x, nt_node_float(n, "scale", 1), e));
done:
    return s;
}

/* alpha f(beta x) */
static nt_status scaled(nt_graph *g, nt_node *n, const char *f, nt_err *e)
{
    float alpha = nt_node_float(n, "alpha", 1);
    nt_value *x = NULL;
    nt_status s = NT_OK;

    NT_TRY(one_input(&x, n, e));
    NT_TRY(times(&x, g, n, x, nt_node_float(n, "beta", 1), e));
    NT_TRY(nt_upgrade_put(&x, g, n, nt_node_of(f, &x, 1), e));
    NT_TRY(finish(g, n, "Mul", x, alpha, e));
done:
    return s;
}

static nt_status scaled_tanh(nt_graph *g, nt_node *n, nt_err *e)
{
    return scaled(g, n, "Tanh", e);
}

static nt_status parametric_softplus(nt_graph *g, nt_node *n, nt_err *e)
{
    return scaled(g, n, "Softplus", e);
}

/* x where it is greater than alpha, else 0 */
static nt_status thresholded_relu(nt_graph *g, nt_node *n, nt_err *e)
{
    const float alpha = nt_node_float(n, "alpha", 1), nothing = 0;
    nt_value *in[3] = {NULL, NULL, NULL}, *pair[2];
    nt_status s = NT_OK;

    NT_TRY(one_input(&in[1], n, e));
    pair[0] = in[1];
    NT_TRY(nt_upgrade_numbers(&pair[1], g, in[1], &alpha, 1, e));
    NT_TRY(nt_upgrade_put(&in[0], g, n, nt_node_of("Greater", pair, 2), e));
    NT_TRY(nt_upgrade_numbers(&in[2], g, in[1], &nothing, 1, e));
    NT_TRY(nt_upgrade_become(g, n, "Where", in, 3, e));
done:
    return s;
}

/* Of one side: where what stays begins and ends. size: how much stays, or 0. */
static nt_status crop_side(int64_t *start, int64_t *end, int64_t before, int64_t behind,
                           int64_t size, nt_err *e)
{
    if (before < 0 || behind < 0 || size < 0 || before > MOST || behind > MOST || size > MOST)
        return nt_fail(e, NT_EFORMAT, "border or scale is negative, or more than %d", MOST);
    *start = before;
    *end = size ? before + size : behind ? -behind : INT64_MAX;
    return NT_OK;
}

/* border: left, top, right, bottom; scale: height and width of what is left, if given */
static nt_status crop(nt_graph *g, nt_node *n, nt_err *e)
{
    static const int64_t axes[] = {2, 3};
    int64_t b[4] = {0}, size[2] = {0, 0}, ends[2], starts[2];
    size_t n_border = nt_node_ints(n, "border", b, 4);
    size_t n_size = nt_node_ints(n, "scale", size, 2);
    nt_value *x = NULL;
    nt_status s = NT_OK;

    NT_TRY(one_input(&x, n, e));
    if (n_border != 4 || (n_size != 0 && n_size != 2))
        NT_TRY(nt_fail(e, NT_EFORMAT, "border has %zu numbers and scale %zu, want 4 and 0 or 2",
                       n_border, n_size));
    for (int i = 0; i < 2; i++)
        NT_TRY(crop_side(&starts[i], &ends[i], b[1 - i], b[3 - i], size[i], e));
    NT_TRY(nt_upgrade_become(g, n, "Slice", &x, 1, e));
    NT_TRY(nt_node_set_ints(g, n, "axes", axes, 2, e));
    NT_TRY(nt_node_set_ints(g, n, "starts", starts, 2, e));
    NT_TRY(nt_node_set_ints(g, n, "ends", ends, 2, e));
done:
    return s;
}

/* The extents of a tensor that attributes say. */
static nt_status fill_shape(int64_t *dims, int *rank, const nt_node *n, nt_err *e)
{
    size_t have = nt_node_ints(n, "shape", dims, NT_MAX_RANK);
    int64_t count;

    if (have > NT_MAX_RANK || nt_node_attr(n, "extra_shape"))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "more than %d dimensions, or extra_shape, are not supported",
                       NT_MAX_RANK);
    *rank = (int)have;
    if (!nt_shape_count(&count, *rank, dims))
        return nt_fail(e, NT_EFORMAT, "the shape is negative or too large");
    return NT_OK;
}

/* The values are there; they become a constant, which n hands on. */
static nt_status given_tensor_fill(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "values");
    int64_t dims[NT_MAX_RANK], count = 0;
    nt_tensor *t = NULL;
    nt_value *v = NULL;
    nt_status s = NT_OK;
    int rank = 0;

    if (n->n_in > 0 && n->in[0])
        return nt_fail(e, NT_EUNSUPPORTED, "a shape that is an input is not supported");
    NT_TRY(fill_shape(dims, &rank, n, e));
    if (!a || a->kind != NT_ATTR_FLOATS || !nt_shape_count(&count, rank, dims) ||
        a->n != (size_t)count)
        NT_TRY(nt_fail(e, NT_EFORMAT, "it has not as many values as its shape says"));
    NT_TRY(nt_tensor_new(&t, NT_F32, rank, dims, e));
    if (a->n)
        memcpy(t->data, a->floats, a->n * sizeof *a->floats);
    NT_TRY(nt_graph_add_const(&v, g, NULL, t, e));
    NT_TRY(nt_upgrade_become(g, n, "Identity", &v, 1, e));
done:
    return s;
}

/* The shape as ConstantOfShape takes it: from the attribute, an input's values or an input's
 * own. */
static nt_status shape_to_fill(nt_value **out, nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_value *in = n->n_in > 0 ? n->in[0] : NULL;
    int64_t dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank = 0;

    *out = in;
    NT_TRY(fill_shape(dims, &rank, n, e));
    if (!in)
        NT_TRY(nt_upgrade_ints(out, g, dims, (size_t)rank, e));
    else if (!nt_node_int(n, "input_as_shape", 0))
        NT_TRY(nt_upgrade_put(out, g, n, nt_node_of("Shape", &in, 1), e));
done:
    return s;
}

static nt_status constant_fill(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_dtype type = (nt_dtype)nt_node_int(n, "dtype", NT_F32);
    nt_attr a = {.name = "value", .kind = NT_ATTR_TENSOR};
    double value = nt_node_float(n, "value", 0);
    const int64_t one[] = {1};
    nt_value *shape = NULL;
    nt_status s = NT_OK;

    NT_TRY(shape_to_fill(&shape, g, n, e));
    NT_TRY(nt_tensor_new(&a.t, type, 1, one, e));
    nt_tensor_set(a.t, 0, value);
    NT_TRY(nt_upgrade_become(g, n, "ConstantOfShape", &shape, 1, e));
    NT_TRY(nt_node_set_attr(g, n, &a, e));
done:
    nt_tensor_free(a.t);
    return s;
}

/* Means by channel, or of all; over the batch, as opset 9 says of its axes. */
static nt_status normalise_means(nt_graph *g, nt_node *n, nt_err *e)
{
    bool across = nt_node_int(n, "across_channels", 0) != 0;
    bool variance = nt_node_int(n, "normalize_variance", 1) != 0;
    int64_t axes[NT_MAX_RANK];
    nt_value *in[2] = {NULL, NULL};
    nt_node *at = n;
    size_t n_axes = 0;
    nt_status s = NT_OK;

    NT_TRY(one_input(&in[0], n, e));
    NT_TRY(nt_upgrade_wants_rank(in[0], e));
    for (int i = 0; i < in[0]->rank; i++)
        if (across || i != 1)
            axes[n_axes++] = i;
    if (!variance) {
        NT_TRY(nt_upgrade_put(&in[1], g, n, nt_node_of("ReduceMean", in, 1), e));
        at = in[1]->producer;
    }
    NT_TRY(nt_upgrade_become(g, n, variance ? "MeanVarianceNormalization" : "Sub", in,
                             variance ? 1 : 2, e));
    NT_TRY(nt_node_set_ints(g, at, "axes", axes, n_axes, e));
done:
    return s;
}

const nt_upgrade_rule nt_upgrade_experiments[] = {
    {"Affine", 1, 9, affine},
    {"ConstantFill", 1, 9, constant_fill},
    {"Crop", 1, 9, crop},
    {"GivenTensorFill", 1, 9, given_tensor_fill},
    {"ImageScaler", 1, 9, image_scaler},
    {"MeanVarianceNormalization", 1, 8, normalise_means},
    {"ParametricSoftplus", 1, 9, parametric_softplus},
    {"Scale", 1, 9, scale},
    {"ScaledTanh", 1, 9, scaled_tanh},
    {"ThresholdedRelu", 1, 9, thresholded_relu},
    {NULL, 0, 0, NULL},
};
