/* SPDX-License-Identifier: MIT */
#include "prune/channels.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "facet/layer.h"
#include "graph/pass.h"

#include <stdio.h>
#include <string.h>

/* The axis of the operand w whose entries go when outputs do. Where each group has one output,
 * it goes with the group. */
static int output_axis(const nt_layer *l, const nt_value *w)
{
    bool one = l->makes_part && l->groups > 1 && w->dims[l->makes].value == 1;

    return one ? l->reads : l->makes;
}

static bool same_axis(const nt_coupling *c, nt_span a, nt_span b)
{
    int64_t n = nt_span_size(a);

    for (int64_t k = 0; k < n && n == nt_span_size(b); k++) {
        int cls = nt_coupling_class(c, a, k);

        if (cls < 0 || cls != nt_coupling_class(c, b, k))
            return false;
    }
    return n > 0 && n == nt_span_size(b);
}

/* The axis of the stored weight that is this one of the operand, -1: none. */
static int stored_axis(const nt_coupling *c, const nt_value *stored, const nt_value *w,
                       int axis)
{
    if (stored == w)
        return axis;
    for (int i = 0; i < stored->rank; i++) {
        if (same_axis(c, (nt_span){stored, i, 1}, (nt_span){w, axis, 1}))
            return i;
    }
    return -1;
}

static nt_status add_layer(nt_channels *c, const nt_graph *g, const nt_node *n, nt_err *e)
{
    nt_channel_layer *l = &c->layers[c->n_layers];
    const nt_layer form = nt_layer_at(n);
    const nt_value *stored = nt_layer_stored_weight(n), *w = n->in[form.weight];
    int axis = stored_axis(c->coupling, stored, w, output_axis(&form, w));

    *l = (nt_channel_layer){
        .node = n, .weight = g->values[stored->id], .axis = axis < 0 ? 0 : axis, .set = -1};
    l->why = axis < 0 ? "its weight is stored in another form" : NULL;
    l->n = l->weight->data->dims[l->axis];
    nt_layer_name(l->name, sizeof l->name, g, l->node);
    l->channel = nt_arena_alloc(c->arena, (size_t)l->n + 1, sizeof *l->channel);
    if (!l->channel)
        return nt_fail_nomem(e);
    for (int64_t k = 0; k < l->n; k++)
        l->channel[k] = -1;
    c->n_layers++;
    return NT_OK;
}

static nt_status find_layers(nt_channels *c, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    c->layers = nt_arena_alloc(c->arena, (size_t)g->n_nodes + 1, sizeof *c->layers);
    if (!c->layers)
        return nt_fail_nomem(e);
    for (int i = 0; i < g->n_nodes; i++) {
        if (nt_layer_stored_weight(g->nodes[i]))
            NT_TRY(add_layer(c, g, g->nodes[i], e));
    }
done:
    return s;
}

/* The reason, without the name of the layer it is said of. */
static const char *without_name(const nt_channel_layer *l, const char *why)
{
    char own[sizeof l->name + 16];
    size_t n = (size_t)snprintf(own, sizeof own, "layer '%s': ", l->name);

    return strncmp(why, own, n) == 0 ? why + n : why;
}

/* Numbers the classes that hold outputs of layers and may go. */
static nt_status number_channels(nt_channels *c, nt_err *e)
{
    int n_classes = nt_coupling_n_classes(c->coupling);
    int *of_class = nt_arena_alloc(c->arena, (size_t)n_classes + 1, sizeof *of_class);

    c->channels = nt_arena_alloc(c->arena, (size_t)n_classes + 1, sizeof *c->channels);
    if (!of_class || !c->channels)
        return nt_fail_nomem(e);
    for (int i = 0; i < n_classes; i++)
        of_class[i] = -1;
    for (int i = 0; i < c->n_layers; i++) {
        nt_channel_layer *l = &c->layers[i];
        bool other_form = l->why != NULL;

        for (int64_t k = 0; k < l->n && !other_form; k++) {
            int cls = nt_coupling_class(c->coupling, (nt_span){l->weight, l->axis, 1}, k);
            const char *why = cls < 0 ? "not coupled" : nt_coupling_frozen(c->coupling, cls);

            if (why) {
                l->why = l->why ? l->why : without_name(l, why);
                continue;
            }
            if (of_class[cls] < 0) {
                of_class[cls] = c->n_channels;
                c->channels[c->n_channels++] = (nt_channel){cls, -1};
            }
            l->channel[k] = of_class[cls];
        }
    }
    return NT_OK;
}

static int root(int *parent, int i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* Layers that share a channel get the same root: the smaller index. */
static void unite_layers(const nt_channels *c, int *parent, int *owner)
{
    for (int i = 0; i < c->n_layers; i++)
        parent[i] = i;
    for (int i = 0; i < c->n_channels; i++)
        owner[i] = -1;
    for (int i = 0; i < c->n_layers; i++) {
        for (int64_t k = 0; k < c->layers[i].n; k++) {
            int ch = c->layers[i].channel[k], a, b;

            if (ch < 0)
                continue;
            if (owner[ch] < 0)
                owner[ch] = i;
            a = root(parent, owner[ch]);
            b = root(parent, i);
            parent[a > b ? a : b] = a > b ? b : a;
        }
    }
}

static bool has_channel(const nt_channel_layer *l)
{
    for (int64_t k = 0; k < l->n; k++) {
        if (l->channel[k] >= 0)
            return true;
    }
    return false;
}

static nt_status make_sets(nt_channels *c, nt_err *e)
{
    size_t n = (size_t)c->n_layers + 1, m = (size_t)c->n_channels + 1;
    int *parent = nt_arena_alloc(c->arena, n, sizeof *parent);
    int *owner = nt_arena_alloc(c->arena, m, sizeof *owner);

    c->sets = nt_arena_alloc(c->arena, n, sizeof *c->sets);
    if (!parent || !owner || !c->sets)
        return nt_fail_nomem(e);
    unite_layers(c, parent, owner);
    for (int i = 0; i < c->n_layers; i++) {
        nt_channel_set *s;
        int r = root(parent, i);

        if (!has_channel(&c->layers[i]))
            continue;
        if (r == i) {
            s = &c->sets[c->n_sets];
            s->layer = nt_arena_alloc(c->arena, n, sizeof *s->layer);
            s->channel = nt_arena_alloc(c->arena, m, sizeof *s->channel);
            if (!s->layer || !s->channel)
                return nt_fail_nomem(e);
            c->layers[i].set = c->n_sets++;
        }
        c->layers[i].set = c->layers[r].set;
        s = &c->sets[c->layers[i].set];
        s->layer[s->n_layers++] = i;
    }
    for (int i = 0; i < c->n_channels; i++) {
        nt_channel_set *s = &c->sets[c->layers[owner[i]].set];

        c->channels[i].set = c->layers[owner[i]].set;
        s->channel[s->n_channels++] = i;
    }
    return NT_OK;
}

/* ---- shapes: coupling wants them known, so a symbolic batch is 1 for its duration */

/* What a value's extents were. */
typedef struct was {
    nt_dim dims[NT_MAX_RANK];
    int rank;
    bool declared;
} was;

static was *remember(const nt_graph *g)
{
    was *w = nt_calloc((size_t)g->n_values + 1, sizeof *w);

    for (int i = 0; w && i < g->n_values; i++) {
        const nt_value *v = g->values[i];

        w[i].rank = v->rank;
        w[i].declared = v->declared;
        memcpy(w[i].dims, v->dims, sizeof v->dims);
    }
    return w;
}

/* false where no batch is symbolic. */
static bool fix_batch(nt_graph *g)
{
    bool any = false;

    for (int i = 0; i < g->n_inputs; i++) {
        nt_value *v = g->inputs[i];

        if (v->rank < 1 || v->dims[0].value >= 0)
            continue;
        v->dims[0] = (nt_dim){1, NULL};
        any = true;
    }
    return any;
}

/* Inputs as they were; of what nodes make, the names that the file gave and that were numbers
 * meanwhile. */
static void recall(nt_graph *g, const was *w)
{
    for (int i = 0; i < g->n_inputs; i++)
        memcpy(g->inputs[i]->dims, w[g->inputs[i]->id].dims, sizeof w->dims);
    nt_pass_forget_shapes(g);
    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];

        if (!v->producer || !w[i].declared)
            continue;
        v->declared = true;
        v->rank = w[i].rank;
        for (int k = 0; k < v->rank; k++)
            v->dims[k] = w[i].dims[k].value < 0 ? w[i].dims[k] : (nt_dim){-1, NULL};
    }
}

static nt_status couple_at_batch_1(nt_coupling **out, nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    was *w = remember(g);
    bool any = false;

    if (!w)
        return nt_fail_nomem(e);
    any = fix_batch(g);
    if (any) {
        nt_pass_forget_shapes(g);
        NT_TRY(nt_pass_infer(g, e));
    }
    NT_TRY(nt_coupling_new(out, g, e));
    if (any) {
        recall(g, w);
        NT_TRY(nt_pass_infer(g, e));
    }
done:
    nt_free(w);
    return s;
}

nt_status nt_channels_new(nt_channels **out, nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    nt_channels *c = nt_calloc(1, sizeof *c);

    if (!c)
        return nt_fail_nomem(e);
    c->arena = nt_arena_new();
    if (!c->arena)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(couple_at_batch_1(&c->coupling, g, e));
    NT_TRY(find_layers(c, g, e));
    NT_TRY(number_channels(c, e));
    NT_TRY(make_sets(c, e));
    *out = c;
    c = NULL;
done:
    nt_channels_free(c);
    return s;
}

void nt_channels_free(nt_channels *c)
{
    if (!c)
        return;
    nt_coupling_free(c->coupling);
    nt_arena_free(c->arena);
    nt_free(c);
}

int64_t nt_channels_kept(const nt_channel_layer *l, const bool *removed)
{
    int64_t n = 0;

    for (int64_t k = 0; k < l->n; k++)
        n += l->channel[k] < 0 || !removed[l->channel[k]];
    return n;
}
