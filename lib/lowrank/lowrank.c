/* SPDX-License-Identifier: MIT */
#include "lowrank/lowrank.h"

#include "base/alloc.h"
#include "facet/op.h"
#include "graph/pass.h"
#include "lowrank/budget.h"
#include "lowrank/surgery.h"
#include "lowrank/wish.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is refused */

static nt_status check_plain(nt_model *m, nt_err *e)
{
    static const char *const coded[] = {
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
        "QLinearMatMul",  "ConvInteger",      "MatMulInteger",         NULL};
    const nt_graph *g = nt_model_graph(m);
    cJSON *record = nt_model_quant_record(m);
    bool quantized = record != NULL;

    nt_json_free(record);
    for (int i = 0; i < g->n_nodes; i++)
        quantized = quantized || nt_node_is_any(g->nodes[i], coded);
    if (quantized)
        return nt_fail(e, NT_EUNSUPPORTED, "the model is quantized: decompose it before that");
    if (nt_model_has_masks(m))
        return nt_fail(e, NT_EUNSUPPORTED, "the model has masks: run nt-shrink first");
    return NT_OK;
}

/* ---- counting */

static int64_t count_params(const nt_graph *g)
{
    int64_t n = 0;

    for (int i = 0; i < g->n_values; i++)
        if (nt_op_is_param_value(g->values[i]))
            n += nt_tensor_count(g->values[i]->data);
    return n;
}

static int64_t sum_macs(const nt_graph *g)
{
    int64_t n = 0;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_op_cost c = {0};

        if (g->nodes[i]->op->cost)
            g->nodes[i]->op->cost(g->nodes[i], &c);
        if (!nt_i64_add(&n, n, c.macs))
            return INT64_MAX;
    }
    return n;
}

static bool is_known(const nt_graph *g, const int64_t (*dims)[NT_MAX_RANK])
{
    for (int i = 0; i < g->n_inputs; i++)
        for (int k = 0; k < g->inputs[i]->rank; k++)
            if (dims[i][k] < 0)
                return false;
    return true;
}

/* g for one sample; NULL where an extent of the input is open. */
static nt_status sample_of(nt_graph **out, const nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, 1);

    *out = NULL;
    if (!dims)
        return nt_fail_nomem(e);
    if (is_known(g, (const int64_t(*)[NT_MAX_RANK])dims))
        NT_TRY(nt_pass_dup_at(out, g, (const int64_t(*)[NT_MAX_RANK])dims, e));
done:
    nt_free(dims);
    return s;
}

/* What there is before (0), and the layers, or after (1). */
static nt_status count(nt_lowrank_result *r, const nt_graph *g, int when, nt_err *e)
{
    nt_status s = NT_OK;
    nt_graph *one = NULL;

    NT_TRY(sample_of(&one, g, e));
    r->params[when] = count_params(g);
    r->macs[when] = one ? sum_macs(one) : -1;
    if (when == 0)
        NT_TRY(nt_lowrank_layers_new(&r->layers, g, one, e));
done:
    nt_graph_free(one);
    return s;
}

/* ---- ranks */

static nt_status by_budget(nt_lowrank_result *r, const bool *wanted, const nt_lowrank_opts *o,
                           nt_err *e)
{
    bool macs = o->macs > 0;
    int64_t all = macs ? r->macs[0] : r->params[0];
    nt_lowrank_budget b = {.macs = macs, .rest = all, .larger = o->force};

    b.cost = (int64_t)floor((double)all * (macs ? o->macs : o->size));
    for (int i = 0; i < r->layers.n; i++) {
        const nt_lowrank_layer *l = &r->layers.v[i];
        int64_t cost = macs ? nt_lowrank_macs(l) : nt_lowrank_params(l);

        if (wanted[i] && (cost < 0 || all < 0))
            return nt_fail(e, NT_EINVAL,
                           "layer '%s': its MACs are not known, the input's size is open",
                           l->name);
        b.rest -= wanted[i] ? cost : 0;
    }
    return nt_lowrank_to_budget(&r->layers, wanted, &b, &r->met, e);
}

static void drop_without_gain(nt_lowrank_layers *all, bool force)
{
    for (int i = 0; i < all->n; i++) {
        nt_lowrank_layer *l = &all->v[i];

        if (*l->why)
            continue;
        if (!l->rank[0])
            snprintf(l->why, sizeof l->why, "the budget leaves it whole");
        else if (!force && nt_lowrank_params_at(l, l->rank) >= nt_lowrank_params(l))
            snprintf(l->why, sizeof l->why, "rank %lld%s would be no smaller",
                     (long long)l->rank[0], l->rank[1] ? " and more" : "");
        else if (!force && !nt_lowrank_gains(l, l->rank))
            snprintf(l->why, sizeof l->why, "rank %lld%s would have no fewer MACs",
                     (long long)l->rank[0], l->rank[1] ? " and more" : "");
    }
}

static nt_status choose(nt_lowrank_result *r, const nt_lowrank_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    bool *wanted = nt_calloc((size_t)r->layers.n + 1, sizeof *wanted);

    if (!wanted)
        return nt_fail_nomem(e);
    NT_TRY(nt_lowrank_wish(&r->layers, wanted, o, e));
    r->met = true;
    if (o->size > 0 || o->macs > 0)
        NT_TRY(by_budget(r, wanted, o, e));
    drop_without_gain(&r->layers, o->force);
done:
    nt_free(wanted);
    return s;
}

/* ---- the network */

static nt_status replace(nt_graph *g, nt_lowrank_layers *l, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < l->n; i++)
        if (!*l->v[i].why && (s = nt_lowrank_replace(g, &l->v[i], e)) != NT_OK) {
            nt_err_prefix(e, "layer '%s'", l->v[i].name);
            return s;
        }
    NT_TRY(nt_graph_bind(g, g->ops, e));
    NT_TRY(nt_pass_infer(g, e));
    NT_TRY(nt_pass_dead(g, NULL, e));
done:
    return s;
}

nt_status nt_lowrank(nt_lowrank_result *r, nt_model *m, const nt_lowrank_opts *o, nt_err *e)
{
    nt_graph *g = nt_model_graph(m);
    nt_status s = NT_OK;

    *r = (nt_lowrank_result){.met = true};
    NT_TRY(check_plain(m, e));
    NT_TRY(count(r, g, 0, e));
    NT_TRY(choose(r, o, e));
    NT_TRY(replace(g, &r->layers, e));
    NT_TRY(count(r, g, 1, e));
done:
    return s;
}

void nt_lowrank_release(nt_lowrank_result *r)
{
    nt_lowrank_layers_release(&r->layers);
    r->layers = (nt_lowrank_layers){0};
}
