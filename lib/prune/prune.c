/* SPDX-License-Identifier: MIT */
#include "prune/prune.h"

#include "base/alloc.h"
#include "facet/op.h"
#include "prune/masked.h"
#include "prune/stored.h"

#include <string.h>

/* ---- masks of parameters */

static const nt_channel_layer *layer_of(const nt_channels *c, const nt_value *w)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].weight == w)
            return &c->layers[i];
    }
    return NULL;
}

/* Is this member zero when its channel is pruned? Filters along their outputs, and the biases,
 * scales and shifts beside them (a number per channel: [C] or [1,C,1,1]); not the weights that
 * read the channel. */
static bool is_masked(const nt_channels *c, const nt_member *m)
{
    const nt_channel_layer *l = layer_of(c, m->span.v);

    if (m->span.n == 1 && l)
        return m->span.axis == l->axis && l->channel[m->index] >= 0;
    if (m->span.n != 1 || !nt_stored_is_param(m->span.v))
        return false;
    return nt_tensor_count(m->span.v->data) == m->span.v->data->dims[m->span.axis];
}

/* A copy of the parameter's mask, or a new one of ones. */
static nt_status mask_of(nt_tensor **out, const nt_model *m, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_tensor *old = nt_model_mask(m, v->name);

    if (old)
        return nt_tensor_dup(out, old, e);
    NT_TRY(nt_tensor_new(out, NT_U8, v->data->rank, v->data->dims, e));
    memset((*out)->data, 1, nt_tensor_bytes(*out));
done:
    return s;
}

static void clear_slice(nt_tensor *mask, int axis, int64_t index)
{
    nt_axis_view v = nt_tensor_axis(mask, axis);

    for (int64_t o = 0; o < v.outer; o++)
        memset((uint8_t *)mask->data + (o * v.n + index) * v.inner, 0, (size_t)v.inner);
}

/* Masks as they are built, by value id. */
static nt_status mark_channel(nt_tensor **mask, const nt_model *m, const nt_channels *c,
                              int cls, nt_err *e)
{
    nt_status s = NT_OK;
    size_t n = nt_coupling_members(c->coupling, cls, NULL, 0);
    nt_member *v = nt_alloc(n + 1, sizeof *v);

    if (!v)
        return nt_fail_nomem(e);
    (void)nt_coupling_members(c->coupling, cls, v, n);
    for (size_t i = 0; i < n; i++) {
        int id = v[i].span.v->id;

        if (!is_masked(c, &v[i]))
            continue;
        if (!mask[id])
            NT_TRY(mask_of(&mask[id], m, v[i].span.v, e));
        clear_slice(mask[id], v[i].span.axis, v[i].index);
    }
done:
    nt_free(v);
    return s;
}

static nt_status put_masks(nt_model *m, nt_tensor **mask, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = nt_model_graph(m);

    for (int i = 0; i < g->n_values; i++) {
        nt_tensor *t = mask[i];

        if (!t)
            continue;
        nt_masked_clear_value(g->values[i], t);
        mask[i] = NULL;
        NT_TRY(nt_model_take_mask(m, g->values[i]->name, t, e));
    }
done:
    return s;
}

/* ---- masks.json */

/* [0, 2, 5]: the outputs that the mask leaves anything of; NULL when memory ran out. */
static cJSON *kept_indices(int64_t *count, const nt_tensor *mask, const nt_channel_layer *l)
{
    cJSON *a = cJSON_CreateArray();

    *count = 0;
    for (int64_t k = 0; a && k < l->n; k++) {
        cJSON *index;

        if (nt_masked_covers(mask, l->axis, k))
            continue;
        ++*count;
        index = cJSON_CreateNumber((double)k);
        if (cJSON_AddItemToArray(a, index))
            continue;
        nt_json_free(index);
        nt_json_free(a);
        return NULL;
    }
    return a;
}

static nt_status describe_layer(cJSON *all, const nt_model *m, const nt_channel_layer *l,
                                nt_err *e)
{
    const nt_tensor *mask = nt_model_mask(m, l->weight->name);
    cJSON *o, *kept;
    int64_t n;

    if (!mask)
        return NT_OK;
    cJSON_DeleteItemFromObjectCaseSensitive(all, l->name);
    kept = kept_indices(&n, mask, l);
    o = kept ? nt_json_add_object(all, l->name) : NULL;
    if (o && nt_json_add_str(o, "granularity", "channel") &&
        nt_json_add_i64(o, "axis", l->axis) &&
        nt_json_add_double(o, "sparsity", 1 - (double)n / (double)l->n) &&
        cJSON_AddItemToObject(o, "kept", kept))
        return NT_OK;
    nt_json_free(kept);
    return nt_fail_nomem(e);
}

nt_status nt_prune_apply(nt_model *m, const nt_channels *c, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = nt_model_graph(m);
    nt_tensor **mask = nt_calloc((size_t)g->n_values + 1, sizeof *mask);
    cJSON *j;

    if (!mask)
        return nt_fail_nomem(e);
    for (int i = 0; i < c->n_channels; i++) {
        if (removed[i])
            NT_TRY(mark_channel(mask, m, c, c->channels[i].cls, e));
    }
    NT_TRY(put_masks(m, mask, e));
    j = nt_model_masks_json(m);
    if (!j)
        NT_TRY(nt_fail_nomem(e));
    for (int i = 0; i < c->n_layers; i++)
        NT_TRY(describe_layer(j, m, &c->layers[i], e));
done:
    for (int i = 0; i < g->n_values; i++)
        nt_tensor_free(mask[i]);
    nt_free(mask);
    return s;
}

/* ---- is there anything? */

static bool computes_on_integers(const nt_node *n)
{
    static const char *const ops[] = {"ConvInteger", "MatMulInteger", "QLinearConv",
                                      "QLinearMatMul", NULL};

    return nt_node_is_any(n, ops);
}

nt_status nt_prune_check_any(const nt_channels *c, nt_err *e)
{
    const nt_graph *g = nt_coupling_graph(c->coupling);
    char label[128];

    if (c->n_sets)
        return NT_OK;
    for (int i = 0; i < g->n_nodes; i++) {
        const nt_node *n = g->nodes[i];

        if (computes_on_integers(n))
            return nt_fail(e, NT_EUNSUPPORTED,
                           "node '%s': %s computes on integers and cannot be pruned; prune "
                           "before quantizing",
                           nt_node_label(label, sizeof label, n), n->op_type);
    }
    if (c->n_layers)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED,
                   "there is no convolution or dense layer with a constant weight to prune");
}

/* ---- the report */

static bool report_layer(cJSON *a, const nt_channel_layer *l, const bool *removed)
{
    cJSON *o = cJSON_CreateObject();
    int64_t kept = nt_channels_kept(l, removed);

    return o && cJSON_AddItemToArray(a, o) && nt_json_add_str(o, "layer", l->name) &&
           nt_json_add_str(o, "op", l->node->op_type) && nt_json_add_i64(o, "channels", l->n) &&
           nt_json_add_i64(o, "kept", kept) &&
           nt_json_add_double(o, "sparsity", 1 - (double)kept / (double)l->n) &&
           (!l->why || nt_json_add_str(o, "frozen", l->why));
}

cJSON *nt_prune_report(const nt_channels *c, const bool *removed)
{
    cJSON *o = cJSON_CreateObject(), *a = o ? nt_json_add_array(o, "layers") : NULL;
    int64_t all = 0, kept = 0, frozen = 0, params = 0;
    bool ok = a != NULL;

    for (int i = 0; ok && i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        int64_t n = nt_tensor_count(l->weight->data);

        ok = report_layer(a, l, removed);
        all += l->n;
        kept += nt_channels_kept(l, removed);
        params += n;
        frozen += l->set < 0 ? n : 0;
    }
    ok = ok && nt_json_add_i64(o, "channels", all) && nt_json_add_i64(o, "kept", kept) &&
         nt_json_add_double(o, "frozen_parameters",
                            params ? (double)frozen / (double)params : 0);
    if (ok)
        return o;
    nt_json_free(o);
    return NULL;
}

nt_status nt_prune_text(nt_str *out, const nt_channels *c, const bool *removed, nt_err *e)
{
    int64_t all = 0, kept = 0;

    for (int i = 0; i < c->n_layers; i++) {
        all += c->layers[i].n;
        kept += nt_channels_kept(&c->layers[i], removed);
    }
    nt_str_addf(out, "%lld of %lld channels removed\n", (long long)(all - kept),
                (long long)all);
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].set < 0)
            nt_str_addf(out, "frozen: %s (%s)\n", c->layers[i].name, c->layers[i].why);
    }
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}
