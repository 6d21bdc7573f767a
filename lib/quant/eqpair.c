/* SPDX-License-Identifier: MIT */
#include "quant/eqpair.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "quant/qdq.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what may be scaled */

static bool is_own(const nt_value *v)
{
    return v->data && v->data->dtype == NT_F32 && v->n_uses == 1 && !v->borrows &&
           !v->is_output;
}

static bool is_left_out(const nt_node *n, int i)
{
    return i >= n->n_in || !n->in[i];
}

static nt_tensor *weight_of(const nt_node *n)
{
    return nt_layer_weight(n)->data;
}

/* ---- what lies between */

/* The walk from the first layer on. */
typedef struct walk {
    nt_eqpair *p;
    int axis;
    int64_t after; /* elements of the axis that are one channel's, side by side */
} walk;

static bool stop(walk *t, const char *fmt, ...) NT_PRINTF(2, 3);
static bool stop(walk *t, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(t->p->why, sizeof t->p->why, fmt, args);
    va_end(args);
    return false;
}

static bool is_aside(const nt_node *n, int from)
{
    for (int i = from; i < n->n_out; i++)
        if (n->out[i] && (n->out[i]->n_uses || n->out[i]->is_output))
            return true;
    return false;
}

/* A constant operand of the node's product or sum with v; its axis is in *axis, -1: it has none
 * or one number for all channels. */
static nt_value *operand(int *axis, const nt_node *n, const nt_value *v, const walk *t)
{
    nt_value *c = n->in[0] == v ? n->in[1] : n->in[0];

    *axis = t->axis - (v->rank - (c ? c->rank : 0));
    if (!c || !c->data || c->rank > v->rank || n->out[0]->rank != v->rank)
        return NULL;
    if (*axis < 0 || c->data->dims[*axis] != t->p->channels * t->after)
        *axis = -1;
    return c;
}

static bool pass_product(walk *t, const nt_node *n, const nt_value *v)
{
    int axis;

    if (nt_node_is(n, "Div") && n->in[0] != v)
        return stop(t, "it is divided by, at '%s'", n->name);
    return operand(&axis, n, v, t) || stop(t, "'%s' is of two computed values", n->name);
}

static bool pass_sum(walk *t, const nt_node *n, const nt_value *v)
{
    int axis;
    nt_value *c = operand(&axis, n, v, t);

    if (!c)
        return stop(t, "'%s' is of two computed values", n->name);
    if (axis < 0 || !is_own(c))
        return stop(t, "'%s' adds what is not the channels' own", n->name);
    return true;
}

static bool pass_batchnorm(walk *t, const nt_node *n)
{
    if (t->axis != 1 || is_aside(n, 1) || nt_node_int(n, "training_mode", 0) ||
        is_left_out(n, 2) || is_left_out(n, 3) || !is_own(n->in[2]) || !is_own(n->in[3]))
        return stop(t, "BatchNormalization '%s' shares its numbers", n->name);
    return true;
}

/* The axes that a reduction takes away, as far as they are constants; -1: not known. */
static int reduced_axes(int64_t axes[NT_MAX_RANK], const nt_node *n)
{
    const nt_tensor *c = is_left_out(n, 1) ? NULL : n->in[1]->data;

    if (n->n_in < 2)
        return (int)nt_node_ints(n, "axes", axes, NT_MAX_RANK);
    if (!c || nt_tensor_count(c) > NT_MAX_RANK)
        return -1;
    for (int64_t i = 0; i < nt_tensor_count(c); i++)
        axes[i] = (int64_t)nt_tensor_get(c, i);
    return (int)nt_tensor_count(c);
}

static bool pass_mean(walk *t, const nt_node *n, const nt_value *v)
{
    int64_t axes[NT_MAX_RANK];
    int count = reduced_axes(axes, n), before = 0;

    for (int i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + v->rank : axes[i];

        if (axis == t->axis)
            return stop(t, "'%s' is a mean over the channels", n->name);
        before += axis < t->axis;
    }
    if (count < 1)
        return stop(t, "'%s' is a mean over the channels", n->name);
    t->axis -= nt_node_int(n, "keepdims", 1) ? 0 : before;
    return true;
}

/* Elements of axes from 1 on; -1: not known. */
static int64_t of_a_sample(const nt_value *v)
{
    int64_t n = 1;

    for (int i = 1; i < v->rank; i++)
        n = v->dims[i].value < 0 || n < 0 ? -1 : n * v->dims[i].value;
    return n;
}

static bool same_samples(const nt_value *v, const nt_value *y)
{
    nt_dim a = v->dims[0], b = y->dims[0];

    if (of_a_sample(v) >= 0 && of_a_sample(v) == of_a_sample(y))
        return true;
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.sym && b.sym && strcmp(a.sym, b.sym) == 0;
}

/* [n][channels][places..] to [n][channels x places], or to places of another shape. */
static bool pass_view(walk *t, const nt_node *n, const nt_value *v)
{
    const nt_value *y = n->out[0];
    int64_t places = 1;

    for (int i = 2; i < v->rank; i++)
        places = v->dims[i].value < 0 || places < 0 ? -1 : places * v->dims[i].value;
    if (t->axis != 1 || y->rank < 2 || !same_samples(v, y))
        return stop(t, "'%s' moves the channels", n->name);
    if (y->dims[1].value == t->p->channels * t->after)
        return true;
    if (y->rank != 2 || places < 1 || y->dims[1].value != t->p->channels * t->after * places)
        return stop(t, "'%s' moves the channels", n->name);
    t->after *= places;
    return true;
}

static bool pass_transpose(walk *t, const nt_node *n, const nt_value *v)
{
    int64_t perm[NT_MAX_RANK];
    size_t count = nt_node_ints(n, "perm", perm, NT_MAX_RANK);

    if (count == 0) {
        t->axis = v->rank - 1 - t->axis;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        if (perm[i] == t->axis) {
            t->axis = (int)i;
            return true;
        }
    return stop(t, "'%s' moves the channels", n->name);
}

static bool pass_activation(walk *t, const nt_node *n, const nt_value *v)
{
    (void)v;
    if (is_aside(n, 1))
        return stop(t, "'%s' has two outputs", n->name);
    return true;
}

/* Within a channel: of axis 1, the others behind it. */
static bool pass_pool(walk *t, const nt_node *n)
{
    static const char crop[] = "tf_crop_and_resize";

    if (t->axis != 1 || is_aside(n, 1) ||
        strcmp(nt_node_str(n, "coordinate_transformation_mode", ""), crop) == 0)
        return stop(t, "'%s' is not within the channels", n->name);
    return true;
}

/* May the node, which reads v, stay between? Follows the channels. */
static bool pass(walk *t, const nt_node *n, const nt_value *v, int index)
{
    static const char *const as_is[] = {"Relu",    "LeakyRelu", "PRelu", "Identity",
                                        "Dropout", "Abs",       NULL};
    static const char *const pools[] = {"MaxPool",       "AveragePool", "GlobalAveragePool",
                                        "GlobalMaxPool", "LpPool",      "GlobalLpPool",
                                        "Resize",        "Upsample",    NULL};
    static const char *const views[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", NULL};
    bool product = nt_node_is(n, "Mul") || nt_node_is(n, "Div");
    bool sum = nt_node_is(n, "Add") || nt_node_is(n, "Sub");

    if (product || sum)
        return product ? pass_product(t, n, v) : pass_sum(t, n, v);
    if (index != 0)
        return stop(t, "'%s' reads it aside", n->name);
    if (nt_node_is_any(n, as_is))
        return pass_activation(t, n, v);
    if (nt_node_is_any(n, pools))
        return pass_pool(t, n);
    if (nt_node_is_any(n, views))
        return pass_view(t, n, v);
    if (nt_node_is(n, "Transpose"))
        return pass_transpose(t, n, v);
    if (nt_node_is(n, "ReduceMean"))
        return pass_mean(t, n, v);
    if (nt_node_is(n, "BatchNormalization"))
        return pass_batchnorm(t, n);
    return stop(t, "%s does not commute with factors", n->op_type);
}

/* ---- the two layers */

static bool check_first(walk *t)
{
    const nt_node *n = t->p->first;
    nt_layer l = nt_layer_at(n);
    const nt_value *b = l.bias < 0 ? NULL : n->in[l.bias];

    if (!is_own(nt_layer_weight(n)))
        return stop(t, "its weight is shared, or no float32");
    if (b && (!is_own(b) || b->rank < 1 || b->data->dims[b->rank - 1] != t->p->channels ||
              nt_tensor_count(b->data) != t->p->channels))
        return stop(t, "its bias is shared, or not one for each channel");
    return true;
}

static bool check_second(walk *t, const nt_node *n, int index)
{
    nt_layer l = nt_layer_at(n);

    if (index != l.x || t->axis != l.x_axis)
        return stop(t, "'%s' reads it other than by channels", n->name);
    if (!is_own(nt_layer_weight(n)))
        return stop(t, "the weight of '%s' is shared, or no float32", n->name);
    if (nt_layer_read(&l, weight_of(n)->dims) != t->p->channels * t->after)
        return stop(t, "'%s' reads other channels", n->name);
    return true;
}

static void note_place(nt_eqpair *p, const walk *t)
{
    p->axis[p->n_way] = t->axis;
    p->after[p->n_way] = t->after;
}

/* Follows the channels of p->first as far as they go. */
static void find_second(nt_eqpair *p)
{
    walk t = {p, nt_layer_at(p->first).y_axis, 1};
    const nt_value *v = p->first->out[0];

    if (v->rank <= t.axis || !check_first(&t))
        return;
    for (;;) {
        nt_node *n;

        if (v->is_output || v->n_uses != 1) {
            stop(&t, v->is_output ? "the network puts it out" : "%d nodes read it", v->n_uses);
            return;
        }
        n = v->uses[0].node;
        note_place(p, &t);
        if (nt_layer_weight(n)) {
            if (check_second(&t, n, v->uses[0].index))
                p->second = n;
            p->second_axis = nt_layer_at(n).y_axis;
            return;
        }
        if (p->n_way == NT_EQ_WAY || !pass(&t, n, v, v->uses[0].index))
            return;
        p->way[p->n_way++] = n;
        v = n->out[0];
    }
}

nt_status nt_eqpairs_find(nt_eqpair **out, int *n, const nt_graph *g, nt_err *e)
{
    nt_eqpair *v = nt_calloc((size_t)g->n_nodes + 1, sizeof *v);
    nt_layer l;

    if (!v)
        return nt_fail_nomem(e);
    *n = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        nt_eqpair *p = &v[*n];

        if (!nt_layer_weight(g->nodes[i]))
            continue;
        l = nt_layer_at(g->nodes[i]);
        p->first = g->nodes[i];
        p->channels = nt_layer_made(&l, weight_of(p->first)->dims);
        snprintf(p->why, sizeof p->why, "its output has no axis of channels");
        find_second(p);
        (*n)++;
    }
    *out = v;
    return NT_OK;
}

/* ---- scaling */

static void note(float *largest, float x)
{
    *largest = fmaxf(*largest, fabsf(x));
}

void nt_eqpair_ranges(float *makes, float *reads, const nt_eqpair *p)
{
    const nt_tensor *a = weight_of(p->first), *b = weight_of(p->second);
    nt_layer first = nt_layer_at(p->first), second = nt_layer_at(p->second);
    int64_t after = p->after[p->n_way];

    memset(makes, 0, (size_t)p->channels * sizeof *makes);
    memset(reads, 0, (size_t)p->channels * sizeof *reads);
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        note(&makes[nt_layer_output_of(&first, a, i)], ((const float *)a->data)[i]);
    for (int64_t i = 0; i < nt_tensor_count(b); i++)
        note(&reads[nt_layer_input_of(&second, b, i) / after], ((const float *)b->data)[i]);
}

/* A constant along one axis of which `after` elements belong to a channel. */
static void divide_along(const nt_value *c, int axis, const float *s, int64_t after)
{
    nt_axis_view v = nt_tensor_axis(c->data, axis);
    float *x = c->data->data;

    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++)
        x[i] /= s[i / v.inner % v.n / after];
}

/* What a node between adds is divided, too. */
static void scale_way(const nt_eqpair *p, int i, const float *s)
{
    const nt_node *n = p->way[i];
    const nt_value *v = i ? p->way[i - 1]->out[0] : p->first->out[0];

    if (nt_node_is(n, "BatchNormalization")) {
        divide_along(n->in[2], 0, s, p->after[i]);
        divide_along(n->in[3], 0, s, p->after[i]);
    }
    if (nt_node_is(n, "Add") || nt_node_is(n, "Sub")) {
        const nt_value *c = n->in[0] == v ? n->in[1] : n->in[0];

        divide_along(c, p->axis[i] - (v->rank - c->rank), s, p->after[i]);
    }
}

void nt_eqpair_scale(const nt_eqpair *p, const float *s)
{
    nt_tensor *a = weight_of(p->first), *b = weight_of(p->second);
    nt_layer first = nt_layer_at(p->first), second = nt_layer_at(p->second);
    const nt_value *bias = first.bias < 0 ? NULL : p->first->in[first.bias];
    int64_t after = p->after[p->n_way];

    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        ((float *)a->data)[i] /= s[nt_layer_output_of(&first, a, i)];
    if (bias)
        divide_along(bias, bias->rank - 1, s, 1);
    for (int i = 0; i < p->n_way; i++)
        scale_way(p, i, s);
    for (int64_t i = 0; i < nt_tensor_count(b); i++)
        ((float *)b->data)[i] *= s[nt_layer_input_of(&second, b, i) / after];
}
