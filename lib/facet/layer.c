/* SPDX-License-Identifier: MIT */
#include "facet/layer.h"

#include "facet/arg.h"
#include "facet/op.h"

bool nt_layer_of(nt_layer *l, const nt_node *n)
{
    if (!n->op || !n->op->layer)
        return false;
    *l = (nt_layer){.weight = 1,
                    .bias = -1,
                    .reads = 1,
                    .y_axis = 1,
                    .x_axis = 1,
                    .groups = 1,
                    .plain = true};
    n->op->layer(l, n);
    if (l->bias >= 0 && !nt_has_in(n, l->bias))
        l->bias = -1;
    return true;
}

nt_value *nt_layer_weight(const nt_node *n)
{
    nt_layer l;
    nt_value *w = nt_layer_of(&l, n) ? n->in[l.weight] : NULL;

    return w && w->data && w->rank >= 2 ? w : NULL;
}

const nt_value *nt_layer_stored_weight(const nt_node *n)
{
    nt_layer l;
    const nt_value *w = nt_layer_of(&l, n) ? nt_value_source(n->in[l.weight]) : NULL;

    return w && w->rank >= 2 ? w : NULL;
}

nt_layer nt_layer_at(const nt_node *layer)
{
    nt_layer l = {.groups = 1};

    (void)nt_layer_of(&l, layer);
    return l;
}

int nt_layer_axis(const nt_node *layer)
{
    return nt_layer_at(layer).makes;
}

int64_t nt_layer_made(const nt_layer *l, const int64_t *dims)
{
    return dims[l->makes] * (l->makes_part ? l->groups : 1);
}

int64_t nt_layer_read(const nt_layer *l, const int64_t *dims)
{
    return dims[l->reads] * (l->makes_part ? 1 : l->groups);
}

/* A part's axis comes behind the whole one, in which the groups lie one after the other. */
static int64_t channel_of(const nt_layer *l, const nt_tensor *w, int axis, int64_t at)
{
    nt_axis_view v = nt_tensor_axis(w, axis);
    int64_t k = at / v.inner % v.n;

    if (l->groups == 1 || axis != (l->makes_part ? l->makes : l->reads))
        return k;
    return at / (v.n * v.inner) / (w->dims[axis - 1] / l->groups) * v.n + k;
}

int64_t nt_layer_output_of(const nt_layer *l, const nt_tensor *w, int64_t at)
{
    return channel_of(l, w, l->makes, at);
}

int64_t nt_layer_input_of(const nt_layer *l, const nt_tensor *w, int64_t at)
{
    return channel_of(l, w, l->reads, at);
}
