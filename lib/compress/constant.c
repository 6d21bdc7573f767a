/* SPDX-License-Identifier: MIT */
/*
 * The constants are found by running the network: the inputs of the layers that read removed
 * channels are looked at on two different pictures. Only convolutions, dense layers and graph
 * ends read a constant in a way that matters; what lies between them (activations, pooling,
 * sums) is in the run.
 */
#include "compress/constant.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "exec/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct reader { /* a layer that reads removed channels */
    const nt_channel_layer *l;
    nt_value *x;
    int axis;       /* of the weight, along its inputs */
    int64_t n;      /* extent of that axis */
    int *channel;   /* [n], -1: not removed */
    float *value;   /* [n], the constant */
} reader;

/* Does anything but zeroed filters feed this channel: a bias, shift or the like? */
static bool carries(const nt_channels *c, int channel)
{
    size_t n = nt_coupling_members(c->coupling, c->channels[channel].cls, NULL, 0);
    nt_member *v = nt_alloc(n + 1, sizeof *v);
    bool any = !v;

    (void)nt_coupling_members(c->coupling, c->channels[channel].cls, v, v ? n : 0);
    for (size_t i = 0; v && i < n && !any; i++) {
        const nt_tensor *t = v[i].span.v->data;

        any = t && t->rank == 1 && t->dtype == NT_F32 && v[i].index < t->dims[0] &&
              ((const float *)t->data)[v[i].index] != 0;
    }
    nt_free(v);
    return any;
}

/* The weight's axis along inputs, for layers whose input may be cut; -1 otherwise. */
static int input_axis(const nt_channel_layer *l)
{
    if (strcmp(l->node->op_type, "Conv") == 0)
        return nt_node_int(l->node, "group", 1) == 1 ? 1 : -1;
    if (strcmp(l->node->op_type, "Gemm") == 0 && nt_node_int(l->node, "transA", 0) == 0)
        return 1 - l->axis;
    return -1;
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

static int channel_of_class(const nt_channels *c, int cls)
{
    for (int i = 0; i < c->n_channels; i++) {
        if (c->channels[i].cls == cls)
            return i;
    }
    return -1;
}

/* Which inputs of the layer belong to channels that are wanted gone and carry something. */
static nt_status find_reader(reader *r, const nt_channels *c, const nt_channel_layer *l,
                             const bool *look, nt_arena *a, bool *any, nt_err *e)
{
    const nt_tensor *w = l->weight->data;

    *r = (reader){.l = l, .x = l->node->in[0], .axis = input_axis(l)};
    *any = false;
    if (r->axis < 0)
        return NT_OK;
    r->n = w->dims[r->axis];
    r->channel = nt_arena_alloc(a, (size_t)r->n + 1, sizeof *r->channel);
    r->value = nt_arena_alloc(a, (size_t)r->n + 1, sizeof *r->value);
    if (!r->channel || !r->value)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < r->n; k++) {
        int cls = nt_coupling_class(c->coupling, (nt_span){l->weight, r->axis, 1}, k);
        int ch = cls < 0 ? -1 : channel_of_class(c, cls);

        r->channel[k] = ch >= 0 && look[ch] ? ch : -1;
        *any = *any || r->channel[k] >= 0;
    }
    return NT_OK;
}

/* ---- looking */

static void fill(nt_plan *p, uint64_t seed)
{
    nt_rng root, rng;
    nt_tensor *t;

    nt_rng_init(&root, seed);
    for (int i = 0; (t = nt_plan_input(p, i)); i++) {
        rng = nt_rng_fork_index(&root, (uint64_t)i);
        for (int64_t k = 0, n = nt_tensor_count(t); t->dtype == NT_F32 && k < n; k++)
            ((float *)t->data)[k] = (float)nt_rng_normal(&rng);
    }
}

/* Notes the value of each watched input, or NAN where it is not the same everywhere. */
static void watch(reader *r, const nt_tensor *x, bool first)
{
    int64_t outer = x->dims[0], inner = 1;
    const float *p = x->data;

    for (int i = 2; i < x->rank; i++)
        inner *= x->dims[i];
    for (int64_t k = 0; k < r->n; k++) {
        if (r->channel[k] < 0)
            continue;
        if (first)
            r->value[k] = p[k * inner];
        for (int64_t o = 0; o < outer; o++) {
            for (int64_t i = 0; i < inner; i++) {
                if (p[(o * r->n + k) * inner + i] != r->value[k])
                    r->value[k] = NAN;
            }
        }
    }
}

static nt_status look(reader *r, int n, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    const char **keep = nt_calloc((size_t)n + 1, sizeof *keep);
    nt_device *dev = NULL;
    nt_plan *plan = NULL;
    nt_plan_opts o = {.no_fusion = true};

    if (!keep)
        return nt_fail_nomem(e);
    for (int i = 0; i < n; i++)
        keep[i] = r[i].x->name;
    o.keep = keep;
    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_plan_new(&plan, g, dev, &o, e));
    for (int run = 0; run < 2; run++) {
        fill(plan, (uint64_t)run);
        NT_TRY(nt_plan_forward(plan, e));
        for (int i = 0; i < n; i++) {
            const nt_tensor *x = nt_plan_kept(plan, keep[i]);

            if (!x)
                NT_TRY(nt_fail(e, NT_EINVAL, "value '%s' can't be looked at", keep[i]));
            watch(&r[i], x, run == 0);
        }
    }
done:
    nt_plan_free(plan);
    nt_device_free(dev);
    nt_free(keep);
    return s;
}

/* ---- folding */

/* A channel stays where its value is not constant, or meets zero padding. */
static void keep_what_must(const reader *r, bool *removed, int64_t *kept)
{
    bool padded = is_padded(r->l->node);

    for (int64_t k = 0; k < r->n; k++) {
        int ch = r->channel[k];

        if (ch < 0 || !removed[ch])
            continue;
        if (isnan(r->value[k]) || (padded && r->value[k] != 0)) {
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

    if (v && (!v->data || v->data->rank != 1 || v->n_uses > 1))
        return nt_fail(e, NT_EUNSUPPORTED, "layer '%s': its bias is shared or computed", l->name);
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
    const nt_tensor *w = r->l->weight->data;
    const float *p = w->data;
    int64_t inner = 1, out = r->l->n;
    float *b = NULL;

    for (int i = 2; i < w->rank; i++)
        inner *= w->dims[i];
    for (int64_t k = 0; k < r->n; k++) {
        if (r->channel[k] < 0 || !removed[r->channel[k]] || r->value[k] == 0)
            continue;
        if (!b)
            NT_TRY(bias_of(&b, g, r->l, e));
        for (int64_t o = 0; o < out; o++) {
            int64_t at = r->axis == 1 ? (o * r->n + k) * inner : k * out + o;
            double sum = 0;

            for (int64_t i = 0; i < inner; i++)
                sum += (double)p[at + i];
            b[o] += (float)(sum * (double)r->value[k]);
        }
    }
done:
    return s;
}

nt_status nt_constant_fold(nt_graph *g, const nt_channels *c, bool *removed, int64_t *kept,
                           nt_err *e)
{
    nt_status s = NT_OK;
    nt_arena *a = nt_arena_new();
    bool *wanted = nt_calloc((size_t)c->n_channels + 1, sizeof *wanted), any = false;
    reader *r = nt_calloc((size_t)c->n_layers + 1, sizeof *r);
    int n = 0;

    if (!a || !wanted || !r)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < c->n_channels; i++) {
        wanted[i] = removed[i] && carries(c, i);
        any = any || wanted[i];
    }
    for (int i = 0; any && i < c->n_layers; i++) {
        bool reads = false;

        NT_TRY(find_reader(&r[n], c, &c->layers[i], wanted, a, &reads, e));
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
    nt_free(wanted);
    nt_free(r);
    return s;
}
