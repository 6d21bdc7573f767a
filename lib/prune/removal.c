/* SPDX-License-Identifier: MIT */
#include "prune/removal.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "facet/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- making */

static nt_status alloc_layers(nt_removal *r, nt_err *e)
{
    const nt_channels *c = r->c;

    r->covered = nt_arena_alloc(r->arena, (size_t)c->n_layers + 1, sizeof *r->covered);
    if (!r->covered)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_layers; i++) {
        r->covered[i] =
            nt_arena_alloc(r->arena, (size_t)c->layers[i].n + 1, sizeof **r->covered);
        if (!r->covered[i])
            return nt_fail_nomem(e);
        memset(r->covered[i], 0, (size_t)c->layers[i].n * sizeof **r->covered);
    }
    return NT_OK;
}

static bool *flags(nt_removal *r, int n)
{
    bool *v = nt_arena_alloc(r->arena, (size_t)n + 1, sizeof *v);

    if (v)
        memset(v, 0, (size_t)n * sizeof *v);
    return v;
}

static size_t most_edges(const nt_graph *g)
{
    size_t n = (size_t)g->n_outputs + (size_t)g->n_values;

    for (int i = 0; i < g->n_nodes; i++)
        n += (size_t)g->nodes[i]->n_in;
    return n;
}

static nt_status alloc_rest(nt_removal *r, nt_err *e)
{
    int n_classes = nt_coupling_n_classes(r->c->coupling);
    size_t n_edges = most_edges(r->g) + 1;

    r->masked = flags(r, r->c->n_channels);
    r->stays = flags(r, r->c->n_channels);
    r->removed = flags(r, r->c->n_channels);
    r->cls = flags(r, n_classes);
    r->needed = flags(r, r->g->n_nodes);
    r->wanted = flags(r, r->g->n_values);
    r->channel = nt_arena_alloc(r->arena, (size_t)n_classes + 1, sizeof *r->channel);
    r->part = nt_arena_alloc(r->arena, (size_t)r->g->n_values + 1, sizeof *r->part);
    r->edge = nt_arena_alloc(r->arena, n_edges, sizeof *r->edge);
    r->found = nt_calloc(n_edges, sizeof *r->found);
    if (!r->masked || !r->stays || !r->removed || !r->cls || !r->needed || !r->wanted ||
        !r->channel || !r->part || !r->edge || !r->found)
        return nt_fail_nomem(e);
    for (int i = 0; i < n_classes; i++)
        r->channel[i] = -1;
    for (int i = 0; i < r->c->n_channels; i++)
        r->channel[r->c->channels[i].cls] = i;
    return NT_OK;
}

nt_status nt_removal_new(nt_removal **out, nt_graph *g, const nt_channels *c, nt_err *e)
{
    nt_status s = NT_OK;
    nt_removal *r = nt_calloc(1, sizeof *r);

    if (!r)
        return nt_fail_nomem(e);
    r->g = g;
    r->c = c;
    r->n_values = g->n_values;
    r->arena = nt_arena_new();
    if (!r->arena)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(alloc_layers(r, e));
    NT_TRY(alloc_rest(r, e));
    *out = r;
    r = NULL;
done:
    nt_removal_free(r);
    return s;
}

static void forget_found(nt_removal *r)
{
    for (int i = 0; r->found && i < r->n_edges; i++) {
        nt_tensor_free(r->found[i]);
        r->found[i] = NULL;
    }
}

void nt_removal_free(nt_removal *r)
{
    if (!r)
        return;
    forget_found(r);
    nt_free(r->found);
    nt_arena_free(r->arena);
    nt_free(r);
}

void nt_removal_cover(nt_removal *r, const bool *removed)
{
    for (int i = 0; i < r->c->n_layers; i++) {
        const nt_channel_layer *l = &r->c->layers[i];

        for (int64_t k = 0; k < l->n; k++)
            r->covered[i][k] |= l->channel[k] >= 0 && removed[l->channel[k]];
    }
}

/* ---- marking */

/* *goes: of every channel, whether all its slices are covered, or (still) made of nothing. */
static void find_channels(bool *goes, const nt_removal *r, bool still)
{
    for (int i = 0; i < r->c->n_channels; i++)
        goes[i] = true;
    for (int i = 0; i < r->c->n_layers; i++) {
        const nt_channel_layer *l = &r->c->layers[i];
        bool none = still && r->part[l->node->out[0]->id] >= NT_PART_STILL;

        for (int64_t k = 0; k < l->n && !none; k++) {
            if (l->channel[k] >= 0 && !r->covered[i][k])
                goes[l->channel[k]] = false;
        }
    }
}

/* Returns how many go. */
static int find_removed(nt_removal *r, bool still)
{
    int n = 0;

    find_channels(r->removed, r, still);
    for (int i = 0; i < r->c->n_channels; i++) {
        r->removed[i] = r->removed[i] && !r->stays[i];
        r->cls[r->c->channels[i].cls] = r->removed[i];
        n += r->removed[i];
    }
    return n;
}

static bool all_go(const nt_removal *r, nt_span s, int64_t size)
{
    for (int64_t k = 0; k < size; k++) {
        int cls = nt_coupling_class(r->c->coupling, s, k);

        if (cls < 0 || !r->cls[cls])
            return false;
    }
    return size > 0;
}

static void find_gone(nt_removal *r)
{
    const nt_coupling *c = r->c->coupling;

    for (int i = 0; i < r->n_values; i++)
        r->part[i] = NT_PART_CONST;
    for (int i = 0; i < nt_coupling_n_spans(c); i++) {
        nt_span s = nt_coupling_span(c, i);

        if (s.n == 1 && all_go(r, s, nt_coupling_span_size(c, i)))
            r->part[s.v->id] = NT_PART_GONE;
    }
}

/* What a node makes of such inputs, where something is left of it. What looks at shapes alone
 * makes the same of whatever there is to look at. */
static nt_part makes(const nt_removal *r, const nt_node *n)
{
    nt_part p = NT_PART_CONST;

    for (int i = 0; i < n->n_in; i++) {
        const nt_value *x = n->in[i];

        if (!x || x->data)
            continue;
        if (r->part[x->id] == NT_PART_LIVE)
            return NT_PART_LIVE;
        if (r->part[x->id] != NT_PART_CONST)
            p = n->op->couple == nt_couple_nothing ? NT_PART_LIVE : NT_PART_STILL;
    }
    return p;
}

static void find_parts(nt_removal *r)
{
    const nt_graph *g = r->g;

    find_gone(r);
    for (int i = 0; i < g->n_inputs; i++)
        r->part[g->inputs[i]->id] = NT_PART_LIVE;
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];
        nt_part p = makes(r, n);

        for (int k = 0; k < n->n_out; k++) {
            if (n->out[k] && r->part[n->out[k]->id] != NT_PART_GONE)
                r->part[n->out[k]->id] = (uint8_t)p;
        }
    }
}

static void want(nt_removal *r, nt_node *n, int index, nt_value *v)
{
    if (r->part[v->id] <= NT_PART_LIVE)
        r->wanted[v->id] = true;
    else
        r->edge[r->n_edges++] = (nt_edge){n, index, v};
}

/* Later nodes first. */
static void find_needed(nt_removal *r)
{
    nt_graph *g = r->g;

    r->n_edges = 0;
    memset(r->wanted, 0, (size_t)r->n_values * sizeof *r->wanted);
    for (int i = 0; i < g->n_outputs; i++)
        want(r, NULL, i, g->outputs[i]);
    for (int i = 0; i < r->n_values; i++) {
        if (g->values[i]->pinned)
            want(r, NULL, -1, g->values[i]);
    }
    for (int i = g->n_nodes; i-- > 0;) {
        nt_node *n = g->nodes[i];

        r->needed[i] = false;
        for (int k = 0; k < n->n_out; k++)
            r->needed[i] = r->needed[i] || (n->out[k] && r->wanted[n->out[k]->id]);
        for (int k = 0; k < n->n_in && r->needed[i]; k++) {
            if (n->in[k])
                want(r, n, k, n->in[k]);
        }
    }
}

void nt_removal_mark(nt_removal *r)
{
    int n = -1, before;

    forget_found(r);
    find_channels(r->masked, r, false);
    do {
        before = n;
        n = find_removed(r, before >= 0);
        find_parts(r);
    } while (n != before);
    find_needed(r);
}

/* ---- what cannot be */

/* May the operand there have extents of 1 that are stretched? */
static bool broadcasts(const nt_edge *d)
{
    return d->node && d->node->op->couple == nt_couple_elementwise;
}

bool nt_edge_is_left_out(const nt_removal *r, const nt_edge *d)
{
    return d->node && r->part[d->v->id] == NT_PART_GONE &&
           d->node->op->flags & NT_OPF_LEAVES_OUT;
}

static bool is_open(const nt_value *v)
{
    return !nt_value_shape(v, NULL);
}

static bool is_even(const nt_tensor *t, int axis)
{
    nt_axis_view v = nt_tensor_axis(t, axis);

    for (int64_t o = 0; o < v.outer; o++) {
        for (int64_t i = v.inner; i < v.n * v.inner; i++) {
            double a = nt_tensor_get(t, o * v.n * v.inner + i % v.inner);
            double b = nt_tensor_get(t, o * v.n * v.inner + i);

            if (a != b && !(isnan(a) && isnan(b)))
                return false;
        }
    }
    return true;
}

/* The first index of an even axis stands for all. */
static nt_status squash(nt_tensor **t, int axis, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(*t, axis);
    int64_t dims[NT_MAX_RANK];
    nt_tensor *r = NULL;
    nt_status s;

    memcpy(dims, (*t)->dims, sizeof dims);
    dims[axis] = 1;
    s = nt_tensor_new(&r, (*t)->dtype, (*t)->rank, dims, e);
    if (s != NT_OK)
        return s;
    for (int64_t i = 0; i < v.outer * v.inner; i++)
        nt_tensor_set(r, i, nt_tensor_get(*t, i / v.inner * v.n * v.inner + i % v.inner));
    nt_tensor_free(*t);
    *t = r;
    return NT_OK;
}

nt_status nt_edge_constant(nt_tensor **out, const nt_edge *d, const nt_tensor *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tensor *r = NULL;
    bool fits = true;

    NT_TRY(nt_tensor_dup(&r, t, e));
    for (int axis = 0; axis < t->rank; axis++) {
        if (broadcasts(d) && is_even(r, axis))
            NT_TRY(squash(&r, axis, e));
        else
            fits = fits && d->v->dims[axis].value == t->dims[axis];
    }
    if (fits) {
        *out = r;
        r = NULL;
    }
done:
    nt_tensor_free(r);
    return s;
}

/* NULL, or why the edge cannot be, to be followed by the value's name. */
static const char *why_not(const nt_removal *r, int i, bool by_constant)
{
    const nt_edge *d = &r->edge[i];

    if (!d->node)
        return d->index < 0 ? "a subgraph reads" : "nothing else makes the output";
    if (nt_edge_is_left_out(r, d))
        return NULL;
    if (r->part[d->v->id] == NT_PART_GONE)
        return "nothing would be left of";
    if (!by_constant || (!broadcasts(d) && is_open(d->v)))
        return "no constant can take the place of";
    return r->looked && !r->found[i] ? "there is no one value for all places of" : NULL;
}

/* The axis of a value that is gone of which no index is left. */
static nt_span gone_axis(const nt_removal *r, const nt_value *v)
{
    for (int axis = 0; axis < v->rank; axis++) {
        nt_span s = {v, axis, 1};

        if (nt_coupling_class(r->c->coupling, s, 0) >= 0 && all_go(r, s, nt_span_size(s)))
            return s;
    }
    return (nt_span){v, 0, 0};
}

/* The first of v's channels that masks took, -1: none. */
static int masked_channel(const nt_removal *r, const nt_value *v)
{
    nt_span s = gone_axis(r, v);
    int64_t size = s.n ? nt_span_size(s) : 0;

    for (int64_t k = 0; k < size; k++) {
        int ch = r->channel[nt_coupling_class(r->c->coupling, s, k)];

        if (ch >= 0 && r->masked[ch])
            return ch;
    }
    return -1;
}

/* Up to the nearest value that masks made gone. */
static int nearest_masked(const nt_removal *r, const nt_value *v)
{
    while (v) {
        const nt_node *n = v->producer;
        const nt_value *next = NULL;
        int ch = r->part[v->id] == NT_PART_GONE ? masked_channel(r, v) : -1;

        if (ch >= 0)
            return ch;
        for (int i = 0; n && i < n->n_in && !next; i++) {
            if (n->in[i] && !n->in[i]->data && r->part[n->in[i]->id] >= NT_PART_STILL)
                next = n->in[i];
        }
        v = next;
    }
    return -1;
}

static const char *layer_of(const nt_channels *c, int channel)
{
    for (int i = 0; i < c->n_layers; i++) {
        for (int64_t k = 0; k < c->layers[i].n; k++) {
            if (c->layers[i].channel[k] == channel)
                return c->layers[i].name;
        }
    }
    return "";
}

static nt_status keep_for(nt_removal *r, const nt_edge *d, const char *why, nt_err *e)
{
    int ch = nearest_masked(r, d->v);

    if (ch < 0)
        return nt_fail(e, NT_EUNSUPPORTED, "nothing is left of '%s'", d->v->name);
    r->stays[ch] = true;
    r->kept_part++;
    if (r->why[0])
        return NT_OK;
    snprintf(r->why, sizeof r->why, "layer '%.80s': %s '%.80s'", layer_of(r->c, ch), why,
             d->v->name);
    return NT_OK;
}

nt_status nt_removal_settle(nt_removal *r, bool by_constant, bool *again, nt_err *e)
{
    nt_status s = NT_OK;
    int i = 0;

    *again = false;
    while (i < r->n_edges) {
        const char *why = why_not(r, i++, by_constant);

        if (!why)
            continue;
        NT_TRY(keep_for(r, &r->edge[i - 1], why, e));
        r->looked = false;
        nt_removal_mark(r);
        *again = true;
        i = 0;
    }
done:
    return s;
}
