/* SPDX-License-Identifier: MIT */
#include "prune/shrink.h"

#include "base/alloc.h"
#include "couple/kept.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "graph/pass.h"
#include "prune/constant.h"
#include "prune/excise.h"
#include "prune/masked.h"
#include "prune/qrecord.h"
#include "prune/stored.h"

#include <string.h>

/* ---- what the masks say */

void nt_shrink_find(bool *removed, const nt_channels *c, const nt_model *m)
{
    for (int i = 0; i < c->n_channels; i++)
        removed[i] = true;
    for (int i = 0; i < c->n_layers; i++) {
        const nt_channel_layer *l = &c->layers[i];
        const nt_tensor *mask = nt_model_mask(m, l->weight->name);

        for (int64_t k = 0; k < l->n; k++) {
            if (l->channel[k] >= 0 && !(mask && nt_masked_covers(mask, l->axis, k)))
                removed[l->channel[k]] = false;
        }
    }
    for (int i = 0; i < c->n_layers; i++) {
        if (c->layers[i].n > 0 && nt_channels_kept(&c->layers[i], removed) == 0)
            removed[c->layers[i].channel[0]] = false;
    }
}

/* The same by slice; nothing is kept here. */
static void cover_masked(nt_removal *r, const nt_model *m)
{
    for (int i = 0; i < r->c->n_layers; i++) {
        const nt_channel_layer *l = &r->c->layers[i];
        const nt_tensor *mask = nt_model_mask(m, l->weight->name);

        for (int64_t k = 0; mask && k < l->n; k++)
            r->covered[i][k] = nt_masked_covers(mask, l->axis, k);
    }
}

/* ---- cutting */

static nt_status cut_constants(nt_graph *g, const nt_kept *k, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_values; i++) {
        nt_value *v = g->values[i];
        nt_tensor *t = NULL;

        if (v->data && v->n_uses)
            NT_TRY(nt_cut_tensor(&t, v->data, v, k, e));
        if (t)
            nt_value_take_data(v, t);
    }
done:
    return s;
}

static nt_status adapt_nodes(nt_graph *g, const nt_kept *k, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->op->adapt)
            NT_TRY(g->nodes[i]->op->adapt(k, g, g->nodes[i], e));
    }
done:
    return s;
}

static bool is_empty(const nt_value *v)
{
    for (int a = 0; a < v->rank && (v->producer || v->data); a++) {
        if (v->dims[a].value == 0)
            return true;
    }
    return false;
}

/* The values of g that are empty as it is: a Resize's list of scales where it has sizes. Ends
 * with NULL. nt_free. */
static const nt_value **empty_values(const nt_graph *g)
{
    const nt_value **v = nt_calloc((size_t)g->n_values + 1, sizeof *v);
    int n = 0;

    for (int i = 0; v && i < g->n_values; i++) {
        if (is_empty(g->values[i]))
            v[n++] = g->values[i];
    }
    return v;
}

static bool is_listed(const nt_value *const *list, const nt_value *v)
{
    for (; *list; list++) {
        if (*list == v)
            return true;
    }
    return false;
}

/* Nobody computes with nothing: what is empty here, and was not, would fail everywhere else. */
static nt_status check_extents(const nt_graph *g, const nt_value *const *empty, nt_err *e)
{
    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];

        if ((v->n_uses || v->is_output) && is_empty(v) && !is_listed(empty, v))
            return nt_fail(e, NT_EUNSUPPORTED, "nothing would be left of '%s'", v->name);
    }
    return NT_OK;
}

static nt_status what_stays(nt_kept **out, const nt_removal *r, nt_err *e)
{
    return nt_kept_new(out, r->c->coupling, r->cls, e);
}

/* r is settled. Its graph is another afterwards, and r of no use. */
static nt_status cut_graph(const nt_removal *r, const nt_kept *k, nt_err *e)
{
    nt_graph *g = r->g;
    const nt_value **empty = empty_values(g);
    nt_status s = NT_OK;

    if (!empty)
        return nt_fail_nomem(e);
    NT_TRY(nt_excise(r, k, e));
    NT_TRY(cut_constants(g, k, e));
    NT_TRY(adapt_nodes(g, k, e));
    NT_TRY(nt_excise_idle(g, e));
    nt_graph_compact(g);
    nt_pass_forget_shapes(g);
    NT_TRY(nt_pass_infer(g, e));
    NT_TRY(check_extents(g, empty, e));
done:
    nt_free(empty);
    return s;
}

nt_status nt_shrink_graph(nt_graph *g, const nt_channels *c, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_removal *r = NULL;
    nt_kept *k = NULL;
    bool again;

    NT_TRY(nt_removal_new(&r, g, c, e));
    nt_removal_cover(r, removed);
    nt_removal_mark(r);
    NT_TRY(nt_removal_settle(r, false, &again, e));
    NT_TRY(what_stays(&k, r, e));
    NT_TRY(cut_graph(r, k, e));
done:
    nt_kept_free(k);
    nt_removal_free(r);
    return s;
}

/* ---- a whole model */

static int64_t count_weights(const nt_graph *g)
{
    int64_t n = 0;

    for (int i = 0; i < g->n_values; i++) {
        const nt_value *v = g->values[i];

        if (v->data && (v->dtype == NT_F32 || nt_stored_dequantizer(v)))
            n += nt_tensor_count(v->data);
    }
    return n;
}

/* Until all constants have a place and all edges can be; then the constants move. */
static nt_status settle(nt_removal *r, nt_err *e)
{
    nt_status s = NT_OK;
    nt_readers k = {0};
    bool again = true;

    nt_removal_mark(r);
    while (again) {
        nt_readers_release(&k);
        NT_TRY(nt_removal_settle(r, true, &again, e));
        NT_TRY(nt_readers_find(&k, r, e));
        NT_TRY(nt_constant_find(&k, &again, e));
        if (!again)
            NT_TRY(nt_removal_settle(r, true, &again, e));
    }
    NT_TRY(nt_constant_fold(&k, e));
done:
    nt_readers_release(&k);
    return s;
}

/* Which channels of m's graph go, and the constants that they held are moved. */
static nt_status find_removal(nt_removal **r, nt_channels **c, nt_model *m, nt_err *e)
{
    nt_graph *g = nt_model_graph(m);
    nt_status s = NT_OK;

    NT_TRY(nt_pass_shuffle(g, NULL, e));
    NT_TRY(nt_channels_new(c, g, e));
    nt_masked_clear(m);
    NT_TRY(nt_removal_new(r, g, *c, e));
    cover_masked(*r, m);
    NT_TRY(settle(*r, e));
done:
    return s;
}

static int count_layers(const nt_graph *g)
{
    int n = 0;

    for (int i = 0; i < g->n_nodes; i++)
        n += nt_layer_stored_weight(g->nodes[i]) != NULL;
    return n;
}

/* The graph, and what is said of its quantized tensors. */
static nt_status cut_model(nt_model *m, const nt_removal *r, nt_err *e)
{
    nt_status s = NT_OK;
    nt_kept *k = NULL;
    cJSON *record = nt_model_quant_record(m);

    NT_TRY(what_stays(&k, r, e));
    NT_TRY(nt_qrecord_cut(record, r->g, k, e));
    NT_TRY(cut_graph(r, k, e));
    nt_qrecord_drop(record, r->g);
    if (record)
        NT_TRY(nt_model_set_quant_record(m, record, e));
    nt_model_clear_masks(m);
done:
    nt_json_free(record);
    nt_kept_free(k);
    return s;
}

nt_status nt_shrink(nt_model *m, nt_shrink_stats *st, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *g = nt_model_graph(m);
    nt_channels *c = NULL;
    nt_removal *r = NULL;
    int layers = count_layers(g);

    *st = (nt_shrink_stats){.params_before = count_weights(g)};
    NT_TRY(find_removal(&r, &c, m, e));
    st->channels = c->n_channels;
    for (int i = 0; i < c->n_channels; i++)
        st->removed += r->removed[i];
    st->kept_constant = r->kept_constant;
    st->kept_part = r->kept_part;
    memcpy(st->why, r->why, sizeof st->why);
    NT_TRY(cut_model(m, r, e));
    st->layers_out = layers - count_layers(g);
    st->params_after = count_weights(g);
done:
    nt_removal_free(r);
    nt_channels_free(c);
    return s;
}

nt_status nt_shrink_what_stays(nt_kept **out, nt_model *m, nt_err *e)
{
    nt_status s = NT_OK;
    nt_channels *c = NULL;
    nt_removal *r = NULL;

    NT_TRY(find_removal(&r, &c, m, e));
    NT_TRY(what_stays(out, r, e));
done:
    nt_removal_free(r);
    nt_channels_free(c);
    return s;
}

/* ---- the report */

static void say_stay(nt_str *out, int64_t n, const char *why, const char *more)
{
    nt_str_addf(out, "%lld masked channel%s: %s%s\n", (long long)n,
                n == 1 ? " stays" : "s stay", why, more);
}

nt_status nt_shrink_warnings(nt_str *out, const nt_shrink_stats *st, nt_err *e)
{
    if (st->kept_constant)
        say_stay(out, st->kept_constant, "they carry a constant into zero padding", "");
    if (st->kept_part)
        say_stay(out, st->kept_part, "without them a part would be empty, as of ", st->why);
    return out->failed ? nt_fail_nomem(e) : NT_OK;
}

cJSON *nt_shrink_report(const nt_shrink_stats *st)
{
    cJSON *j = cJSON_CreateObject();

    if (j && nt_json_add_i64(j, "channels", st->channels) &&
        nt_json_add_i64(j, "removed", st->removed) &&
        nt_json_add_i64(j, "kept_constant", st->kept_constant) &&
        nt_json_add_i64(j, "kept_part", st->kept_part) && nt_json_add_str(j, "why", st->why) &&
        nt_json_add_i64(j, "layers_dropped", st->layers_out) &&
        nt_json_add_i64(j, "weights_before", st->params_before) &&
        nt_json_add_i64(j, "weights_after", st->params_after))
        return j;
    nt_json_free(j);
    return NULL;
}
