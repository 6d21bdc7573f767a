/* SPDX-License-Identifier: MIT */
/*
 * BatchNormalization whose statistics training leaves alone:
 *
 *   y = a (x - mean) + shift, a = scale / sqrt(var + eps)
 *   dx = a dy, dscale = sum dy (x - mean) / sqrt(var + eps), dshift = sum dy
 */
#include "op/unary.h"
#include "train/frozen_bn.h"

#include <math.h>

enum { X, SCALE, SHIFT, MEAN, VAR };

static const nt_attr_spec attrs[] = {
    {"epsilon", NT_ATTR_FLOAT, false},
    {"momentum", NT_ATTR_FLOAT, false},
    {"training_mode", NT_ATTR_INT, false},
    {"spatial", NT_ATTR_INT, false},
    {NULL, 0, false},
};

static float at(const nt_tensor *t, int64_t k)
{
    return ((const float *)t->data)[k];
}

static float inverse(const nt_node *n, const nt_tensor *const *in, int64_t k)
{
    return 1 / sqrtf(at(in[VAR], k) + nt_node_float(n, "epsilon", 1e-5F));
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(in[X], 1);
    const float *x = in[X]->data;
    float *y = out[0]->data;

    (void)e;
#pragma omp parallel for
    for (int64_t row = 0; row < v.outer * v.n; row++) {
        int64_t k = row % v.n, end = (row + 1) * v.inner;
        float a = at(in[SCALE], k) * inverse(n, in, k);
        float b = at(in[SHIFT], k) - a * at(in[MEAN], k);

        for (int64_t i = row * v.inner; i < end; i++)
            y[i] = a * x[i] + b;
    }
    return NT_OK;
}

static void grad_channel(const nt_node *n, const nt_tensor *const *in, const float *dy,
                         nt_tensor *const *din, int64_t k)
{
    nt_axis_view v = nt_tensor_axis(in[X], 1);
    float inv = inverse(n, in, k), a = at(in[SCALE], k) * inv, mean = at(in[MEAN], k);
    const float *x = in[X]->data;
    double shift = 0, scale = 0;

    for (int64_t o = 0; o < v.outer; o++) {
        int64_t from = (o * v.n + k) * v.inner;

        for (int64_t i = from; i < from + v.inner; i++) {
            if (din[X])
                ((float *)din[X]->data)[i] = a * dy[i];
            shift += dy[i];
            scale += dy[i] * (x[i] - mean);
        }
    }
    if (din[SCALE])
        ((float *)din[SCALE]->data)[k] = (float)(scale * inv);
    if (din[SHIFT])
        ((float *)din[SHIFT]->data)[k] = (float)shift;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    (void)out;
    (void)e;
#pragma omp parallel for
    for (int64_t k = 0; k < in[X]->dims[1]; k++)
        grad_channel(n, in, dout[0]->data, din, k);
    return NT_OK;
}

const nt_op nt_op_frozen_bn = {.name = "FrozenBatchNormalization",
                               .domain = "",
                               .since = 7,
                               .min_in = 5,
                               .max_in = 5,
                               .min_out = 1,
                               .max_out = 5,
                               .attrs = attrs,
                               .trainable = 1 << SCALE | 1 << SHIFT,
                               .state = 1 << MEAN | 1 << VAR,
                               .infer = nt_unary_infer,
                               .eval = eval,
                               .grad = grad};

bool nt_freeze_norms(nt_graph *g)
{
    bool any = false;

    for (int i = 0; i < g->n_nodes; i++)
        if (nt_node_is(g->nodes[i], "BatchNormalization")) {
            g->nodes[i]->op_type = nt_op_frozen_bn.name;
            g->nodes[i]->own = &nt_op_frozen_bn;
            any = true;
        }
    return any;
}
