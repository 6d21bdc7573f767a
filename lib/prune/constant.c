/* SPDX-License-Identifier: MIT */
/*
 * The constants are found by running the network: the inputs of the layers that read removed
 * channels are looked at on two different pictures. Only convolutions, dense layers and graph
 * ends read a constant in a way that matters; what lies between them (activations, pooling,
 * sums) is in the run.
 */
#include "prune/constant.h"

#include "base/alloc.h"
#include "exec/staged.h"
#include "facet/layer.h"
#include "prune/opensize.h"
#include "prune/stored.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- looking */

/* Notes the value of each watched input, or NAN where it is not the same everywhere. */
static void watch(nt_reader *r, const nt_tensor *x, bool first)
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

static bool is_same(const nt_tensor *a, const nt_tensor *b)
{
    return nt_tensor_same_shape(a, b) && memcmp(a->data, b->data, nt_tensor_bytes(a)) == 0;
}

static bool is_watched(const nt_removal *r, int i)
{
    return r->part[r->edge[i].v->id] == NT_PART_STILL;
}

static void forget(nt_removal *r, int i)
{
    nt_tensor_free(r->found[i]);
    r->found[i] = NULL;
}

/* The second time: NULL where it is another. */
static nt_status compare_edge(nt_removal *r, int i, const nt_tensor *t, nt_err *e)
{
    nt_tensor *again = NULL;
    nt_status s = NT_OK;

    if (!r->found[i])
        return NT_OK;
    NT_TRY(nt_edge_constant(&again, &r->edge[i], t, e));
    if (!again || !is_same(again, r->found[i]))
        forget(r, i);
done:
    nt_tensor_free(again);
    return s;
}

/* What the still values at the edges are; NULL where they are not the same twice. */
static nt_status watch_edges(nt_removal *r, const nt_staged *net, bool first, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < r->n_edges; i++) {
        const nt_tensor *t = is_watched(r, i) ? nt_staged_kept(net, r->edge[i].v->name) : NULL;

        if (t && first)
            NT_TRY(nt_edge_constant(&r->found[i], &r->edge[i], t, e));
        else if (t)
            NT_TRY(compare_edge(r, i, t, e));
    }
done:
    return s;
}

static nt_status run_twice(nt_readers *k, nt_staged *net, nt_err *e)
{
    nt_status s = NT_OK;

    for (int run = 0; run < 2; run++) {
        nt_staged_fill_noise(net, (uint64_t)run);
        NT_TRY(nt_staged_forward(net, e));
        for (int i = 0; i < k->n; i++) {
            const nt_tensor *x = nt_staged_kept(net, k->reader[i].x->name);

            if (!x)
                NT_TRY(nt_fail(e, NT_EINVAL, "value '%s' can't be looked at",
                               k->reader[i].x->name));
            watch(&k->reader[i], x, run == 0);
        }
        NT_TRY(watch_edges(k->r, net, run == 0, e));
    }
    k->r->looked = true;
done:
    return s;
}

/* The names of all values to look at; how many in *n. */
static const char **names_of(const nt_readers *k, int *n)
{
    const nt_removal *r = k->r;
    const char **keep = nt_calloc((size_t)(k->n + r->n_edges) + 1, sizeof *keep);

    *n = 0;
    for (int i = 0; keep && i < k->n; i++)
        keep[(*n)++] = k->reader[i].x->name;
    for (int i = 0; keep && i < r->n_edges; i++) {
        if (is_watched(r, i))
            keep[(*n)++] = r->edge[i].v->name;
    }
    return keep;
}

static nt_status look(nt_readers *k, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_graph *g = k->r->g;
    int n = 0;
    const char **keep = names_of(k, &n);
    int64_t(*dims)[NT_MAX_RANK] = NULL;
    nt_device *dev = NULL;
    nt_staged *net = NULL;
    nt_plan_opts o = {.no_fusion = true, .keep = keep};

    if (!keep)
        NT_TRY(nt_fail_nomem(e));
    if (n == 0)
        goto done;
    NT_TRY(nt_open_sizes(&dims, g, e));
    o.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_staged_new(&net, g, dev, &o, e));
    NT_TRY(run_twice(k, net, e));
done:
    nt_staged_free(net);
    nt_device_free(dev);
    nt_free(keep);
    nt_free(dims);
    return s;
}

/* ---- folding */

/* Adds the constant of input k to the bias b of all outputs that read it through w. For layers
 * that take constants. */
static void add_constant(float *b, const nt_reader *r, const nt_layer *l, const float *w,
                         int64_t k)
{
    nt_axis_view makes = nt_tensor_axis(r->l->weight->data, l->makes);
    nt_axis_view reads = nt_tensor_axis(r->l->weight->data, l->reads);
    int64_t per_group = r->n / l->groups, count = r->l->n / l->groups;
    int64_t first = k / per_group * count, taps = makes.outer * makes.inner / reads.n;
    int64_t at = first * makes.inner + k % per_group * reads.inner;

    for (int64_t o = 0; o < count; o++) {
        double sum = 0;

        for (int64_t i = 0; i < taps; i++)
            sum += (double)w[at + o * makes.inner + i];
        b[first + o] += (float)(sum * (double)r->value[k]);
    }
}

/* Is the layer itself wholly masked where it reads the input: a depthwise filter of the same
 * channel? */
static bool reads_in_vain(const nt_reader *r, int64_t k)
{
    int64_t group = nt_node_int(r->l->node, "group", 1);

    return group == r->n && r->l->n == group && r->l->channel[k] == r->channel[k];
}

/* Does the constant of input i stop at this reader? */
static bool vanishes(const nt_readers *k, const nt_reader *r, int64_t i)
{
    return r->value[i] == 0 || (r->partner >= 0 && k->reader[r->partner].value[i] == 0);
}

/* A channel stays where its value is not constant, or another than 0 that can't be folded. */
static bool keep_what_must(const nt_readers *k, const nt_reader *r)
{
    nt_removal *m = k->r;
    bool any = false;

    for (int64_t i = 0; i < r->n; i++) {
        int ch = r->channel[i];

        if (ch < 0 || m->stays[ch] || (r->l && reads_in_vain(r, i)) || vanishes(k, r, i) ||
            (r->folds && !isnan(r->value[i])))
            continue;
        m->stays[ch] = any = true;
        m->kept_constant += m->masked[ch];
    }
    return any;
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

static bool moves(const nt_reader *r, int64_t k)
{
    return r->channel[k] >= 0 && r->value[k] != 0 && !reads_in_vain(r, k);
}

static nt_status fold(nt_graph *g, const nt_reader *r, nt_err *e)
{
    nt_status s = NT_OK;
    float *b = NULL, *w = NULL;
    const nt_layer l = nt_layer_at(r->l->node);

    for (int64_t k = 0; k < r->n; k++) {
        if (!moves(r, k))
            continue;
        if (!b)
            NT_TRY(bias_of(&b, g, r->l, e));
        if (!w && !(w = nt_stored_numbers(r->l->weight)))
            NT_TRY(nt_fail_nomem(e));
        add_constant(b, r, &l, w, k);
    }
done:
    nt_free(w);
    return s;
}

nt_status nt_constant_fold(const nt_readers *k, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < k->n; i++) {
        if (k->reader[i].folds)
            NT_TRY(fold(k->r->g, &k->reader[i], e));
    }
done:
    return s;
}

nt_status nt_constant_find(nt_readers *k, bool *again, nt_err *e)
{
    bool kept = false;
    nt_status s = NT_OK;

    NT_TRY(look(k, e));
    for (int i = 0; i < k->n; i++)
        kept = keep_what_must(k, &k->reader[i]) || kept;
    if (kept)
        nt_removal_mark(k->r);
    *again = kept;
done:
    return s;
}
