/* SPDX-License-Identifier: MIT */
#include "graph/pass_fuse_bn.h"

#include "base/alloc.h"
#include "graph/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where the output channels of a weight are, and whether it can be folded into at all. */
typedef struct target {
    nt_node *node;
    nt_node *dq;     /* the DequantizeLinear that the weight comes from; NULL: it is constant */
    nt_value *w, *b; /* w: codes where there is dq; b NULL: no bias yet */
    int axis;
    int64_t
        groups; /* the outputs of a group are along axis, group by group along those before */
} target;

static bool in_list(const char *const *keep, const char *name)
{
    for (; keep && *keep; keep++) {
        if (strcmp(*keep, name) == 0)
            return true;
    }
    return false;
}

static bool is_plain_gemm(const nt_node *n)
{
    return nt_node_float(n, "alpha", 1) == 1 && nt_node_float(n, "beta", 1) == 1 &&
           nt_node_int(n, "transA", 0) == 0;
}

static bool find_axis(target *t)
{
    const nt_node *n = t->node;

    t->groups = 1;
    if (strcmp(n->op_type, "Conv") == 0)
        t->axis = 0;
    else if (strcmp(n->op_type, "ConvTranspose") == 0) {
        t->axis = 1;
        t->groups = nt_node_int(n, "group", 1);
    } else if (strcmp(n->op_type, "Gemm") == 0 && is_plain_gemm(n))
        t->axis = nt_node_int(n, "transB", 0) ? 0 : 1;
    else
        return false;
    return true;
}

static bool is_const_f32(const nt_value *v)
{
    return v && v->data && v->data->dtype == NT_F32;
}

/* One number per output: [k], or [1,k] as Gemm may have it. */
static bool is_row(const nt_tensor *b, int64_t k)
{
    return b->rank > 0 && b->dims[b->rank - 1] == k && nt_tensor_count(b) == k;
}

static bool all_zero(const nt_tensor *t)
{
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        if (nt_tensor_get(t, i) != 0)
            return false;
    return true;
}

/* Constant 8-bit codes around 0 with a scale for each output. */
static bool is_coded(const target *t)
{
    const nt_node *n = t->dq;
    int64_t axis = nt_node_int(n, "axis", 1), k;

    if (strcmp(n->op_type, "DequantizeLinear") != 0 || n->out[0]->n_uses != 1 ||
        !n->in[0]->data || n->in[0]->data->dtype != NT_I8 || !is_const_f32(n->in[1]) ||
        nt_node_int(n, "block_size", 0) || t->groups != 1)
        return false;
    k = n->in[0]->data->dims[t->axis];
    return (axis < 0 ? axis + n->in[0]->rank : axis) == t->axis && n->in[1]->data->rank == 1 &&
           n->in[1]->data->dims[0] == k &&
           (n->n_in < 3 || !n->in[2] || (n->in[2]->data && all_zero(n->in[2]->data)));
}

static bool find_weight(target *t)
{
    t->w = t->node->in[1];
    t->dq = t->w && !t->w->data ? t->w->producer : NULL;
    if (!t->dq)
        return is_const_f32(t->w);
    if (!is_coded(t))
        return false;
    t->w = t->dq->in[0];
    return true;
}

static int64_t n_outputs(const target *t)
{
    return t->w->data->dims[t->axis] * t->groups;
}

static bool is_target(target *t, const nt_node *bn, const char *const *keep)
{
    const nt_value *x = bn->in[0];
    int64_t k;

    if (bn->n_in < 5 || !x || !x->producer || x->n_uses != 1 || x->is_output ||
        in_list(keep, x->name))
        return false;
    if (nt_node_int(bn, "training_mode", 0))
        return false;
    for (int i = 1; i < 5; i++) {
        if (!is_const_f32(bn->in[i]))
            return false;
    }
    for (int i = 1; i < bn->n_out; i++) {
        if (bn->out[i] && (bn->out[i]->n_uses || bn->out[i]->is_output))
            return false;
    }
    t->node = x->producer;
    if (*t->node->domain || t->node->n_in < 2 || !find_axis(t))
        return false;
    t->b = t->node->n_in > 2 ? t->node->in[2] : NULL;
    if (!find_weight(t) || (t->b && !is_const_f32(t->b)))
        return false;
    k = n_outputs(t);
    for (int i = 1; i < 5; i++) {
        if (nt_tensor_count(bn->in[i]->data) != k)
            return false;
    }
    return !t->b || is_row(t->b->data, k);
}

/* A weight with its output channels scaled. */
static nt_status scaled_weight(nt_tensor **out, const target *t, const float *scale, nt_err *e)
{
    nt_status s = NT_OK;
    nt_axis_view v = nt_tensor_axis(t->w->data, t->axis);
    nt_tensor *r = NULL;
    float *p;

    NT_TRY(nt_tensor_dup(&r, t->w->data, e));
    p = r->data;
    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++) {
        int64_t group = i / (v.n * v.inner) * t->groups / v.outer;

        p[i] *= scale[group * v.n + i / v.inner % v.n];
    }
    *out = r;
done:
    return s;
}

static nt_status put_const(nt_graph *g, nt_node *n, int index, nt_tensor *data,
                           const char *name, nt_err *e)
{
    nt_status s = NT_OK;
    nt_value *old = index < n->n_in ? n->in[index] : NULL;
    nt_value *v;

    if (old && old->n_uses == 1 && !old->is_output) {
        nt_value_take_data(old, data);
        return NT_OK;
    }
    NT_TRY(nt_graph_add_const(&v, g, nt_graph_find_value(g, name) ? NULL : name, data, e));
    NT_TRY(nt_graph_set_input(g, n, index, v, e));
done:
    return s;
}

static nt_status fold_weight(nt_graph *g, const target *t, const float *scale, nt_err *e)
{
    nt_tensor *w = NULL;
    nt_status s = scaled_weight(&w, t, scale, e);

    return s == NT_OK ? put_const(g, t->node, 1, w, t->w->name, e) : s;
}

/* The lowest code has no opposite. */
static bool has_lowest(const nt_tensor *codes, nt_axis_view v, const float *scale)
{
    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++)
        if (scale[i / v.inner % v.n] < 0 && ((const int8_t *)codes->data)[i] == INT8_MIN)
            return true;
    return false;
}

/* Scales stay positive: codes change their sign instead; outputs that become constant have
 * codes of 0. */
static nt_status fold_codes(nt_graph *g, const target *t, const float *scale, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(t->w->data, t->axis);
    nt_tensor *codes = NULL, *scales = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_tensor_dup(&codes, t->w->data, e));
    NT_TRY(nt_tensor_dup(&scales, t->dq->in[1]->data, e));
    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++) {
        float k = scale[i / v.inner % v.n];
        int8_t *q = (int8_t *)codes->data + i;

        *q = (int8_t)(k > 0 ? *q : k < 0 ? -*q : 0);
    }
    for (int64_t k = 0; k < v.n; k++)
        ((float *)scales->data)[k] *= scale[k] != 0 ? fabsf(scale[k]) : 1;
    s = put_const(g, t->dq, 0, codes, t->w->name, e);
    codes = NULL;
    NT_TRY(s);
    s = put_const(g, t->dq, 1, scales, t->dq->in[1]->name, e);
    scales = NULL;
done:
    nt_tensor_free(codes);
    nt_tensor_free(scales);
    return s;
}

/* "conv1.weight" -> "conv1.bias", and so of "conv1.weight_quantized" */
static void bias_name(char *buf, size_t n, const nt_value *w)
{
    const char *dot = strrchr(w->name, '.');
    int len = dot ? (int)(dot - w->name) : (int)strlen(w->name);

    snprintf(buf, n, "%.*s.bias", len, w->name);
}

static nt_status fold(nt_graph *g, const target *t, nt_node *bn, const char *const *keep,
                      bool *folded, nt_err *e)
{
    nt_status s = NT_OK;
    bool has_name = bn->out[0]->is_output || bn->out[0]->pinned; /* handed on anyway */
    int64_t k = n_outputs(t);
    const float *gamma = bn->in[1]->data->data, *beta = bn->in[2]->data->data;
    const float *mean = bn->in[3]->data->data, *var = bn->in[4]->data->data;
    const float *b = t->b ? t->b->data->data : NULL;
    float eps = nt_node_float(bn, "epsilon", 1e-5f);
    nt_tensor *bias = NULL;
    float *scale = nt_alloc((size_t)k, sizeof *scale), *p;
    char name[512];

    if (!scale)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_tensor_new(&bias, NT_F32, 1, &k, e));
    p = bias->data;
    for (int64_t i = 0; i < k; i++) {
        scale[i] = gamma[i] / sqrtf(var[i] + eps);
        p[i] = ((b ? b[i] : 0) - mean[i]) * scale[i] + beta[i];
    }
    if (t->dq && has_lowest(t->w->data, nt_tensor_axis(t->w->data, t->axis), scale))
        goto done;
    bias_name(name, sizeof name, t->w);
    NT_TRY(t->dq ? fold_codes(g, t, scale, e) : fold_weight(g, t, scale, e));
    s = put_const(g, t->node, 2, bias, name, e);
    bias = NULL;
    NT_TRY(s);
    NT_TRY(nt_graph_replace_value(g, bn->out[0], bn->in[0], e));
    if (!has_name && in_list(keep, bn->out[0]->name))
        nt_graph_swap_names(g, bn->out[0], bn->in[0]);
    nt_graph_remove_node(g, bn);
    *folded = true;
done:
    nt_tensor_free(bias);
    nt_free(scale);
    return s;
}

nt_status nt_pass_fuse_bn(nt_graph *g, const char *const *keep, int *n_fused, nt_err *e)
{
    nt_status s = NT_OK;
    int n = 0;

    for (int i = 0; i < g->n_nodes;) {
        nt_node *bn = g->nodes[i];
        target t = {0};
        bool folded = false;

        if (strcmp(bn->op_type, "BatchNormalization") != 0 || !is_target(&t, bn, keep)) {
            i++;
            continue;
        }
        NT_TRY(fold(g, &t, bn, keep, &folded, e));
        n += folded;
        i += !folded;
    }
    if (n_fused)
        *n_fused = n;
done:
    return s;
}
