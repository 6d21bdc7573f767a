/* SPDX-License-Identifier: MIT */
/*
 * The constants are found by running the network: the inputs of the layers that read removed
 * channels are looked at on two different pictures. Only convolutions, dense layers and graph
 * ends read a constant in a way that matters; what lies between them (activations, pooling,
 * sums) is in the run.
 */
#include "compress/constant.h"

#include "base/alloc.h"
#include "compress/opensize.h"
#include "exec/staged.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct reader { /* a layer that reads removed channels */
    const nt_channel_layer *l;
    nt_value *x;
    int axis;     /* of x, along its channels */
    int64_t n;    /* extent of that axis */
    bool folds;   /* the layer's bias can take a constant */
    int *channel; /* [n], -1: not removed */
    float *value; /* [n], the constant; NAN: it is none */
} reader;

/* ---- who reads what */

/* The operand that is not the weight, and its axis of channels. */
static bool find_operand(reader *r)
{
    const nt_node *n = r->l->node;
    int i = n->in[0] == r->l->weight ? 1 : 0;

    r->x = n->in[i];
    if (!r->x || r->x->data || r->x->rank < 1)
        return false;
    if (strcmp(n->op_type, "MatMul") == 0)
        r->axis = i == 0 ? r->x->rank - 1 : r->x->rank - (r->x->rank > 1 ? 2 : 1);
    else if (strcmp(n->op_type, "Gemm") == 0)
        r->axis = nt_node_int(n, "transA", 0) ? 0 : 1;
    else
        r->axis = 1;
    return r->axis < r->x->rank && r->x->dims[r->axis].value > 0;
}

static bool is_padded(const nt_node *n)
{
    int64_t pads[6] = {0};
    size_t k = nt_node_ints(n, "pads", pads, 6);

    for (size_t i = 0; i < k; i++) {
        if (pads[i])
            return true;
    }
    return strncmp(nt_node_str(n, "auto_pad", "NOTSET"), "SAME", 4) == 0;
}

/* No bias yet, or one of the layer's own with a number per output. */
static bool has_own_bias(const nt_channel_layer *l)
{
    const nt_value *b = l->node->n_in > 2 ? l->node->in[2] : NULL;

    return !b || (b->data && b->dtype == NT_F32 && b->data->rank == 1 &&
                  b->data->dims[0] == l->n && b->n_uses == 1 && !b->is_output);
}

static bool takes_constants(const nt_channel_layer *l)
{
    const nt_node *n = l->node;

    if (l->weight->dtype != NT_F32 || !has_own_bias(l))
        return false;
    if (strcmp(n->op_type, "Conv") == 0)
        return !is_padded(n);
    return strcmp(n->op_type, "Gemm") == 0 && nt_node_float(n, "alpha", 1) == 1 &&
           nt_node_float(n, "beta", 1) == 1 && nt_node_int(n, "transA", 0) == 0;
}

/* channel of a class, -1 for those that stay. */
static int *channels_by_class(const nt_channels *c, const bool *removed)
{
    int n = nt_coupling_n_classes(c->coupling);
    int *v = nt_alloc((size_t)n + 1, sizeof *v);

    for (int i = 0; v && i < n; i++)
        v[i] = -1;
    for (int i = 0; v && i < c->n_channels; i++) {
        if (removed[i])
            v[c->channels[i].cls] = i;
    }
    return v;
}

/* Which inputs of the layer belong to channels that are wanted gone. */
static nt_status find_reader(reader *r, const nt_channels *c, const nt_channel_layer *l,
                             const int *by_class, nt_arena *a, bool *any, nt_err *e)
{
    *r = (reader){.l = l, .folds = takes_constants(l)};
    *any = false;
    if (!find_operand(r))
        return NT_OK;
    r->n = r->x->dims[r->axis].value;
    r->channel = nt_arena_alloc(a, (size_t)r->n + 1, sizeof *r->channel);
    r->value = nt_arena_alloc(a, (size_t)r->n + 1, sizeof *r->value);
    if (!r->channel || !r->value)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < r->n; k++) {
        int cls = nt_coupling_class(c->coupling, (nt_span){r->x, r->axis, 1}, k);

        r->channel[k] = cls < 0 ? -1 : by_class[cls];
        *any = *any || r->channel[k] >= 0;
    }
    return NT_OK;
}

/* ---- looking */

/* Notes the value of each watched input, or NAN where it is not the same everywhere. */
static void watch(reader *r, const nt_tensor *x, bool first)
{
    nt_axis_view v = nt_tensor_axis(x, r->axis);

    for (int64_t k = 0; k < r->n; k++) {
        if (r->channel[k] < 0)
            continue;
        if (first)
            r->value[k] = (float)nt_tensor_get(x, k * v.inner);
        for (int64_t o = 0; o < v.outer; o++) {
            for (int64_t i = 0; i < v.inner; i++) {
                if ((float)nt_tensor_get(x, (o * v.n + k) * v.inner + i) != r->value[k])
                    r->value[k] = NAN;
            }
        }
    }
}

static nt_status run_twice(reader *r, int n, nt_staged *net, nt_err *e)
{
    nt_status s = NT_OK;

    for (int run = 0; run < 2; run++) {
        nt_staged_fill_noise(net, (uint64_t)run);
        NT_TRY(nt_staged_forward(net, e));
        for (int i = 0; i < n; i++) {
            const nt_tensor *x = nt_staged_kept(net, r[i].x->name);

            if (!x)
                NT_TRY(nt_fail(e, NT_EINVAL, "value '%s' can't be looked at", r[i].x->name));
            watch(&r[i], x, run == 0);
        }
    }
done:
    return s;
}

static nt_status look(reader *r, int n, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    const char **keep = nt_calloc((size_t)n + 1, sizeof *keep);
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_device *dev = NULL;
    nt_staged *net = NULL;
    nt_plan_opts o = {.no_fusion = true, .keep = keep};

    if (!keep)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < n; i++)
        keep[i] = r[i].x->name;
    NT_TRY(nt_open_sizes(&dims, g, e));
    o.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_staged_new(&net, g, dev, &o, e));
    NT_TRY(run_twice(r, n, net, e));
done:
    nt_staged_free(net);
    nt_device_free(dev);
    nt_free(keep);
    nt_free(dims);
    return s;
}

/* ---- folding */

/* The outputs [*first, *first + *count) that read input k, and the weight's element where
 * output *first does. For layers that take constants. */
static int64_t weight_at(const reader *r, int64_t k, int64_t *first, int64_t *count,
                         int64_t *stride)
{
    const nt_tensor *w = r->l->weight->data;
    int64_t groups = 1, per_group = r->n, inner = nt_tensor_axis(w, 1).inner;

    if (strcmp(r->l->node->op_type, "Gemm") == 0) {
        *first = 0;
        *count = r->l->n;
        *stride = r->l->axis == 0 ? r->n : 1;
        return r->l->axis == 0 ? k : k * r->l->n;
    }
    groups = nt_node_int(r->l->node, "group", 1);
    per_group = r->n / groups;
    *count = r->l->n / groups;
    *first = k / per_group * *count;
    *stride = per_group * inner;
    return *first * *stride + k % per_group * inner;
}

/* Adds the constant of input k to the bias b of all outputs that read it. */
static void add_constant(float *b, const reader *r, int64_t k)
{
    int64_t first, count, stride, at = weight_at(r, k, &first, &count, &stride);
    int64_t inner = strcmp(r->l->node->op_type, "Gemm") == 0
                        ? 1
                        : nt_tensor_axis(r->l->weight->data, 1).inner;
    const float *w = r->l->weight->data->data;

    for (int64_t o = 0; o < count; o++) {
        double sum = 0;

        for (int64_t i = 0; i < inner; i++)
            sum += (double)w[at + o * stride + i];
        b[first + o] += (float)(sum * (double)r->value[k]);
    }
}

/* Is the layer itself wholly masked where it reads the input: a depthwise filter of the same
 * channel? */
static bool reads_in_vain(const reader *r, int64_t k)
{
    int64_t group = nt_node_int(r->l->node, "group", 1);

    return group == r->n && r->l->n == group && r->l->channel[k] == r->channel[k];
}

/* A channel stays where its value is not constant, or another than 0 that can't be folded. */
static void keep_what_must(const reader *r, bool *removed, int64_t *kept)
{
    for (int64_t k = 0; k < r->n; k++) {
        int ch = r->channel[k];

        if (ch < 0 || !removed[ch] || reads_in_vain(r, k))
            continue;
        if (isnan(r->value[k]) || (r->value[k] != 0 && !r->folds)) {
            removed[ch] = false;
            ++*kept;
        }
    }
}

static nt_status bias_of(float **out, nt_graph *g, const nt_channel_layer *l, nt_err *e)
{
    nt_status s = NT_OK;
    nt_node *n = g->nodes[l->node->id];
    nt_tensor *t = NULL;
    nt_value *v = n->n_in > 2 ? n->in[2] : NULL;
    char name[160];

    if (!v) {
        snprintf(name, sizeof name, "%s.bias", l->name);
        NT_TRY(nt_tensor_new(&t, NT_F32, 1, &l->n, e));
        NT_TRY(nt_graph_add_const(&v, g, nt_graph_find_value(g, name) ? NULL : name, t, e));
        NT_TRY(nt_graph_set_input(g, n, 2, v, e));
    }
    *out = v->data->data;
done:
    return s;
}

static nt_status fold(nt_graph *g, const reader *r, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    float *b = NULL;

    for (int64_t k = 0; k < r->n; k++) {
        if (r->channel[k] < 0 || !removed[r->channel[k]] || r->value[k] == 0 ||
            reads_in_vain(r, k))
            continue;
        if (!b)
            NT_TRY(bias_of(&b, g, r->l, e));
        add_constant(b, r, k);
    }
done:
    return s;
}

nt_status nt_constant_fold(nt_graph *g, const nt_channels *c, bool *removed, int64_t *kept,
                           nt_err *e)
{
    nt_status s = NT_OK;
    nt_arena *a = nt_arena_new();
    int *by_class = channels_by_class(c, removed);
    reader *r = nt_calloc((size_t)c->n_layers + 1, sizeof *r);
    int n = 0;

    if (!a || !by_class || !r)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < c->n_layers; i++) {
        bool reads = false;

        NT_TRY(find_reader(&r[n], c, &c->layers[i], by_class, a, &reads, e));
        n += reads;
    }
    if (n)
        NT_TRY(look(r, n, g, e));
    for (int i = 0; i < n; i++)
        keep_what_must(&r[i], removed, kept);
    for (int i = 0; i < n; i++)
        NT_TRY(fold(g, &r[i], removed, e));
done:
    nt_arena_free(a);
    nt_free(by_class);
    nt_free(r);
    return s;
}
