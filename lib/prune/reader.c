/* SPDX-License-Identifier: MIT */
#include "prune/reader.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "prune/stored.h"

#include <string.h>

/* ---- layers */

/* The operand that is not the weight, and its axis of channels. */
static bool find_operand(nt_reader *r)
{
    nt_layer l;

    if (!nt_layer_of(&l, r->l->node))
        return false;
    r->x = r->l->node->in[l.x];
    r->axis = l.x_axis;
    if (!r->x || r->x->data || r->x->rank < 1)
        return false;
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

/* Is the weight's number what is stored, or what its codes mean? */
static bool reads_as_stored(const nt_channel_layer *l)
{
    const nt_value *w = l->node->in[1];

    return w == l->weight ? w->dtype == NT_F32
                          : w->producer && w->producer == nt_stored_dequantizer(l->weight);
}

static bool takes_constants(const nt_channel_layer *l)
{
    const nt_node *n = l->node;
    nt_layer f;

    if (!reads_as_stored(l) || !has_own_bias(l))
        return false;
    if (nt_node_is(n, "Conv"))
        return !is_padded(n);
    return nt_node_is(n, "Gemm") && nt_layer_of(&f, n) && f.plain;
}

/* The channel of index k that is removed, or -1. */
static int removed_at(const nt_removal *m, const nt_value *v, int axis, int64_t k)
{
    int cls = nt_coupling_class(m->c->coupling, (nt_span){v, axis, 1}, k);

    return cls < 0 || !m->cls[cls] ? -1 : m->channel[cls];
}

/* Adds the reader of these indices, if any of them is removed. */
static nt_status add_reader(nt_readers *k, nt_reader r, nt_err *e)
{
    bool any = false;

    r.n = r.x->dims[r.axis].value;
    r.channel = nt_arena_alloc(k->arena, (size_t)r.n + 1, sizeof *r.channel);
    r.value = nt_arena_alloc(k->arena, (size_t)r.n + 1, sizeof *r.value);
    if (!r.channel || !r.value)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < r.n; i++) {
        r.channel[i] = removed_at(k->r, r.x, r.axis, i);
        any = any || r.channel[i] >= 0;
    }
    if (any)
        k->reader[k->n++] = r;
    return NT_OK;
}

/* ---- products of two computed values */

/* Is the node there afterwards, and are its outputs not the same for every input? */
static bool is_alive(const nt_removal *r, const nt_node *n)
{
    return r->needed[n->id] && r->part[n->out[0]->id] == NT_PART_LIVE;
}

static bool is_layer(const nt_channels *c, const nt_node *n)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].node == n)
            return true;
    }
    return false;
}

/* Does an output of n have this class along one of its axes? */
static bool hands_on(const nt_removal *r, const nt_node *n, int cls)
{
    const nt_value *y = n->out[0];

    for (int axis = 0; axis < y->rank; axis++) {
        for (int64_t k = 0; k < y->dims[axis].value; k++) {
            if (nt_coupling_class(r->c->coupling, (nt_span){y, axis, 1}, k) == cls)
                return true;
        }
    }
    return false;
}

/* The axis along which x's removed channels are summed, -1: none. */
static int summed_axis(const nt_removal *r, const nt_node *n, const nt_value *x)
{
    for (int axis = 0; axis < x->rank; axis++) {
        for (int64_t k = 0; k < x->dims[axis].value; k++) {
            int ch = removed_at(r, x, axis, k);

            if (ch >= 0 && !hands_on(r, n, r->c->channels[ch].cls))
                return axis;
        }
    }
    return -1;
}

static bool is_product(const nt_node *n)
{
    static const char *const ops[] = {"MatMul", "Gemm",          "Einsum",
                                      "Conv",   "ConvTranspose", "DeformConv"};

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (nt_node_is(n, ops[i]))
            return true;
    }
    return false;
}

/* Both operands of a product that is no layer. */
static nt_status add_product(nt_readers *k, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int first = k->n;

    for (int i = 0; i < 2 && i < n->n_in; i++) {
        int axis = n->in[i]->data ? -1 : summed_axis(k->r, n, n->in[i]);

        if (axis >= 0)
            NT_TRY(add_reader(k, (nt_reader){.x = n->in[i], .axis = axis, .partner = -1}, e));
    }
    if (k->n == first + 2 && k->reader[first].n == k->reader[first + 1].n) {
        k->reader[first].partner = first + 1;
        k->reader[first + 1].partner = first;
    }
done:
    return s;
}

static nt_status find_readers(nt_readers *k, nt_err *e)
{
    const nt_removal *r = k->r;
    nt_status s = NT_OK;

    for (int i = 0; i < r->c->n_layers; i++) {
        const nt_channel_layer *l = &r->c->layers[i];
        nt_reader q = {.l = l, .partner = -1};

        if (!is_alive(r, l->node) || !find_operand(&q))
            continue;
        q.folds = takes_constants(l);
        NT_TRY(add_reader(k, q, e));
    }
    for (int i = 0; i < r->g->n_nodes; i++) {
        const nt_node *n = r->g->nodes[i];

        if (is_product(n) && is_alive(r, n) && !is_layer(r->c, n))
            NT_TRY(add_product(k, n, e));
    }
done:
    return s;
}

nt_status nt_readers_find(nt_readers *k, nt_removal *r, nt_err *e)
{
    *k = (nt_readers){.r = r, .arena = nt_arena_new()};
    k->reader = nt_calloc((size_t)(r->c->n_layers + 2 * r->g->n_nodes) + 1, sizeof *k->reader);
    if (!k->arena || !k->reader)
        return nt_fail_nomem(e);
    return find_readers(k, e);
}

void nt_readers_release(nt_readers *k)
{
    nt_arena_free(k->arena);
    nt_free(k->reader);
    *k = (nt_readers){0};
}
