/* SPDX-License-Identifier: MIT */
#include "compress/prune.h"

#include "base/alloc.h"
#include "op/op.h"

#include <string.h>

/* ---- masks of parameters */

static bool is_parameter(const nt_value *v)
{
    for (int i = 0; v->data && i < v->n_uses; i++)
        if (nt_op_is_param(v->uses[i].node, v->uses[i].index))
            return true;
    return false;
}

static const nt_channel_layer *layer_of(const nt_channels *c, const nt_value *w)
{
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].weight == w)
            return &c->layers[i];
    }
    return NULL;
}

/* Is this member zero when its channel is pruned? Filters along their outputs, and the biases,
 * scales and shifts beside them; not the weights that read the channel. */
static bool is_masked(const nt_channels *c, const nt_member *m)
{
    const nt_channel_layer *l = layer_of(c, m->span.v);

    if (m->span.n != 1 || !is_parameter(m->span.v))
        return false;
    return l ? m->span.axis == l->axis : m->span.v->data->rank == 1;
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
    int64_t outer = 1, inner = 1, n = mask->dims[axis];

    for (int i = 0; i < axis; i++)
        outer *= mask->dims[i];
    for (int i = axis + 1; i < mask->rank; i++)
        inner *= mask->dims[i];
    for (int64_t o = 0; o < outer; o++)
        memset((uint8_t *)mask->data + (o * n + index) * inner, 0, (size_t)inner);
}

static void zero_masked(nt_value *v, const nt_tensor *mask)
{
    float *w = v->data->data;
    const uint8_t *keep = mask->data;

    for (int64_t i = 0, n = nt_tensor_count(mask); i < n; i++) {
        if (!keep[i])
            w[i] = 0;
    }
}

/* Masks as they are built, by value id. */
static nt_status mark_channel(nt_tensor **mask, const nt_model *m, const nt_channels *c, int cls,
                              nt_err *e)
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
        zero_masked(g->values[i], t);
        mask[i] = NULL;
        NT_TRY(nt_model_take_mask(m, g->values[i]->name, t, e));
    }
done:
    return s;
}

/* ---- masks.json */

static bool is_kept(const uint8_t *mask, const nt_tensor *t, int axis, int64_t k)
{
    int64_t outer = 1, inner = 1, n = t->dims[axis];

    for (int i = 0; i < axis; i++)
        outer *= t->dims[i];
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->dims[i];
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < inner; i++) {
            if (mask[(o * n + k) * inner + i])
                return true;
        }
    }
    return false;
}

static nt_status describe_layer(cJSON *all, const nt_model *m, const nt_channel_layer *l,
                                nt_err *e)
{
    const nt_tensor *mask = nt_model_mask(m, l->weight->name);
    cJSON *o, *kept;
    int64_t n = 0;

    if (!mask)
        return NT_OK;
    cJSON_DeleteItemFromObjectCaseSensitive(all, l->name);
    o = nt_json_add_object(all, l->name);
    if (!o || !nt_json_add_str(o, "granularity", "channel") ||
        !nt_json_add_i64(o, "axis", l->axis))
        return nt_fail_nomem(e);
    kept = cJSON_CreateArray();
    for (int64_t k = 0; kept && k < l->n; k++) {
        if (!is_kept(mask->data, mask, l->axis, k))
            continue;
        n++;
        if (!cJSON_AddItemToArray(kept, cJSON_CreateNumber((double)k)))
            return nt_fail_nomem(e);
    }
    if (!nt_json_add_double(o, "sparsity", 1 - (double)n / (double)l->n) ||
        !cJSON_AddItemToObject(o, "kept", kept))
        return nt_fail_nomem(e);
    return NT_OK;
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
         nt_json_add_double(o, "frozen_parameters", params ? (double)frozen / (double)params : 0);
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
    nt_str_addf(out, "%lld of %lld channels removed\n", (long long)(all - kept), (long long)all);
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].set < 0)
            nt_str_addf(out, "frozen: %s (%s)\n", c->layers[i].name, c->layers[i].why);
    }
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}
