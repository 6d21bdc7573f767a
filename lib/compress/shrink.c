/* SPDX-License-Identifier: MIT */
#include "compress/shrink.h"

#include "base/alloc.h"
#include "compress/constant.h"
#include "graph/pass.h"
#include "op/kept.h"
#include "op/op.h"

#include <string.h>

/* ---- what the masks say */

static bool slice_masked(const nt_tensor *mask, int axis, int64_t k)
{
    const uint8_t *p = mask->data;
    int64_t outer = 1, inner = 1, n = mask->dims[axis];

    for (int i = 0; i < axis; i++)
        outer *= mask->dims[i];
    for (int i = axis + 1; i < mask->rank; i++)
        inner *= mask->dims[i];
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < inner; i++) {
            if (p[(o * n + k) * inner + i])
                return false;
        }
    }
    return true;
}

void nt_shrink_find(bool *removed, const nt_channels *c, const nt_model *m)
{
    for (int i = 0; i < c->n_channels; i++)
        removed[i] = true;
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        const nt_tensor *mask = nt_model_mask(m, l->weight->name);

        for (int64_t k = 0; k < l->n; k++) {
            if (l->channel[k] >= 0 && !(mask && slice_masked(mask, l->axis, k)))
                removed[l->channel[k]] = false;
        }
    }
}

/* ---- cutting */

static nt_tensor *cut_axis(const nt_tensor *t, int axis, const int64_t *idx, int64_t n, nt_err *e)
{
    int64_t dims[NT_MAX_RANK], outer = 1, old = t->dims[axis];
    size_t inner = nt_dtype_size(t->dtype);
    nt_tensor *r = NULL;

    memcpy(dims, t->dims, sizeof dims);
    dims[axis] = n;
    if (nt_tensor_new(&r, t->dtype, t->rank, dims, e) != NT_OK)
        return NULL;
    for (int i = 0; i < axis; i++)
        outer *= t->dims[i];
    for (int i = axis + 1; i < t->rank; i++)
        inner *= (size_t)t->dims[i];
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < n; i++)
            memcpy((char *)r->data + (size_t)(o * n + i) * inner,
                   (const char *)t->data + (size_t)(o * old + idx[i]) * inner, inner);
    }
    return r;
}

static nt_status cut_constant(nt_value *v, const nt_kept *k, nt_err *e)
{
    for (int axis = 0; axis < v->data->rank; axis++) {
        int64_t n = 0;
        const int64_t *idx = nt_kept_indices(k, (nt_span){v, axis, 1}, &n);
        nt_tensor *t;

        if (!idx || n == v->data->dims[axis])
            continue;
        t = cut_axis(v->data, axis, idx, n, e);
        if (!t)
            return NT_ENOMEM;
        nt_value_take_data(v, t);
    }
    return NT_OK;
}

static void forget_shapes(nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->producer)
            g->values[i]->rank = -1;
    }
}

nt_status nt_shrink_graph(nt_graph *g, const nt_channels *c, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    bool *classes = nt_calloc((size_t)nt_coupling_n_classes(c->coupling) + 1, sizeof *classes);
    nt_kept *k = NULL;

    if (!classes)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_channels; i++)
        classes[c->channels[i].cls] = removed[i];
    NT_TRY(nt_kept_new(&k, c->coupling, classes, e));
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->data)
            NT_TRY(cut_constant(g->values[i], k, e));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->op->adapt)
            NT_TRY(g->nodes[i]->op->adapt(k, g, g->nodes[i], e));
    }
    forget_shapes(g);
    NT_TRY(nt_pass_infer(g, e));
done:
    nt_kept_free(k);
    nt_free(classes);
    return s;
}

/* ---- a whole model */

static int64_t count_weights(const nt_graph *g)
{
    int64_t n = 0;

    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->data && g->values[i]->dtype == NT_F32)
            n += nt_tensor_count(g->values[i]->data);
    }
    return n;
}

nt_status nt_shrink(nt_model *m, nt_shrink_stats *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = nt_model_graph(m);
    nt_channels *c = NULL;
    bool *removed = NULL;

    *st = (nt_shrink_stats){.params_before = count_weights(g)};
    NT_TRY(nt_pass_shuffle(g, NULL, e));
    NT_TRY(nt_channels_new(&c, g, e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    if (!removed)
        NT_TRY(nt_fail_nomem(e));
    nt_shrink_find(removed, c, m);
    NT_TRY(nt_constant_fold(g, c, removed, &st->kept_constant, e));
    st->channels = c->n_channels;
    for (int i = 0; i < c->n_channels; i++)
        st->removed += removed[i];
    NT_TRY(nt_shrink_graph(g, c, removed, e));
    nt_model_clear_masks(m);
    st->params_after = count_weights(g);
done:
    nt_free(removed);
    nt_channels_free(c);
    return s;
}
