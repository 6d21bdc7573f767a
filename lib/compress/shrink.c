/* SPDX-License-Identifier: MIT */
#include "compress/shrink.h"

#include "base/alloc.h"
#include "compress/constant.h"
#include "compress/prune.h"
#include "graph/pass.h"
#include "op/kept.h"
#include "op/op.h"

#include <string.h>

/* ---- what the masks say */

bool nt_shrink_is_masked(const nt_tensor *mask, int axis, int64_t k)
{
    const uint8_t *p = mask->data;
    nt_axis_view v = nt_tensor_axis(mask, axis);

    for (int64_t o = 0; o < v.outer; o++) {
        for (int64_t i = 0; i < v.inner; i++) {
            if (p[(o * v.n + k) * v.inner + i])
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
            if (l->channel[k] >= 0 && !(mask && nt_shrink_is_masked(mask, l->axis, k)))
                removed[l->channel[k]] = false;
        }
    }
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].n > 0 && nt_channels_kept(&c->layers[i], removed) == 0)
            removed[c->layers[i].channel[0]] = false;
    }
}

/* ---- cutting */

static nt_tensor *cut_axis(const nt_tensor *t, int axis, const int64_t *idx, int64_t n,
                           nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(t, axis);
    size_t inner = nt_dtype_size(t->dtype) * (size_t)v.inner;
    bool packed = nt_dtype_is_packed(t->dtype);
    int64_t dims[NT_MAX_RANK];
    nt_tensor *r = NULL;

    memcpy(dims, t->dims, sizeof dims);
    dims[axis] = n;
    if (nt_tensor_new(&r, t->dtype, t->rank, dims, e) != NT_OK)
        return NULL;
    for (int64_t i = 0; packed && i < v.outer * n * v.inner; i++) {
        int64_t row = i / v.inner;

        nt_tensor_set_bits(
            r, i,
            nt_tensor_get_bits(t, (row / n * v.n + idx[row % n]) * v.inner + i % v.inner));
    }
    for (int64_t o = 0; !packed && o < v.outer; o++) {
        for (int64_t i = 0; i < n; i++)
            memcpy((char *)r->data + (size_t)(o * n + i) * inner,
                   (const char *)t->data + (size_t)(o * v.n + idx[i]) * inner, inner);
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

static nt_status what_stays(nt_kept **out, const nt_channels *c, const bool *removed, nt_err *e)
{
    bool *classes = nt_calloc((size_t)nt_coupling_n_classes(c->coupling) + 1, sizeof *classes);
    nt_status s;

    if (!classes)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_channels; i++)
        classes[c->channels[i].cls] = removed[i];
    s = nt_kept_new(out, c->coupling, classes, e);
    nt_free(classes);
    return s;
}

nt_status nt_shrink_graph(nt_graph *g, const nt_channels *c, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_kept *k = NULL;

    NT_TRY(what_stays(&k, c, removed, e));
    for (int i = 0; i < g->n_values; i++) {
        if (g->values[i]->data)
            NT_TRY(cut_constant(g->values[i], k, e));
    }
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->op->adapt)
            NT_TRY(g->nodes[i]->op->adapt(k, g, g->nodes[i], e));
    }
    nt_pass_forget_shapes(g);
    NT_TRY(nt_pass_infer(g, e));
done:
    nt_kept_free(k);
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

/* Which channels of m's graph go, and the constants that they held are moved. */
static nt_status find_removed(nt_channels **c, bool **removed, nt_model *m,
                              int64_t *kept_constant, nt_err *e)
{
    nt_graph *g = nt_model_graph(m);
    nt_status s = NT_OK;

    NT_TRY(nt_pass_shuffle(g, NULL, e));
    NT_TRY(nt_channels_new(c, g, e));
    *removed = nt_calloc((size_t)(*c)->n_channels + 1, sizeof **removed);
    if (!*removed)
        NT_TRY(nt_fail_nomem(e));
    nt_prune_zero_masked(m);
    nt_shrink_find(*removed, *c, m);
    NT_TRY(nt_constant_fold(g, *c, *removed, kept_constant, e));
done:
    return s;
}

nt_status nt_shrink(nt_model *m, nt_shrink_stats *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = nt_model_graph(m);
    nt_channels *c = NULL;
    bool *removed = NULL;

    *st = (nt_shrink_stats){.params_before = count_weights(g)};
    NT_TRY(find_removed(&c, &removed, m, &st->kept_constant, e));
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

nt_status nt_shrink_what_stays(nt_kept **out, nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_channels *c = NULL;
    bool *removed = NULL;
    int64_t n = 0;

    NT_TRY(find_removed(&c, &removed, m, &n, e));
    NT_TRY(what_stays(out, c, removed, e));
done:
    nt_free(removed);
    nt_channels_free(c);
    return s;
}
