/* SPDX-License-Identifier: MIT */
/*
 * The search for the smallest network that keeps its promise: down by pruning (descend.c), and
 * with deepsearch then an eighth of the outputs of the largest layer at a time, and a short
 * training. A layer whose cut failed is left alone; it ends when all have failed.
 */
#include "search/search.h"

#include <string.h>

#define CUT_SHARE 8 /* a cut takes one of so many outputs */

static nt_search_opts defaults(int level, bool deepsearch)
{
    bool high = level > 1;

    return (nt_search_opts){.ratio = high ? 0.4 : 0.25,
                            .close = high ? 1.15 : 1.3,
                            .steps = high ? 16 : 6,
                            .ways = high ? 5 : 3,
                            .keep = high ? 2 : 1,
                            .scored = high ? 40 : 0,
                            .deep_steps = deepsearch ? 16 : 0};
}

static double cost(const nt_measure *m)
{
    return (double)m->bytes;
}

static bool is_cut(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_cut);
}

static int64_t count_cuts(const nt_search *q)
{
    int64_t n = 0;

    for (int i = q->first; i < q->n; i++)
        n += is_cut(q, i);
    return n;
}

static bool has_failed(const nt_search *q, const char *layer)
{
    for (int i = q->first; i < q->n; i++)
        if (is_cut(q, i) && !nt_search_is_within(q, i) &&
            strcmp(q->v[i].stage[0].layer, layer) == 0)
            return true;
    return false;
}

static nt_status add_cut(nt_search *q, int from, int *n, nt_err *e)
{
    nt_candidate c = {.parent = from,
                      .stage = {{.kind = &nt_stage_cut}, {.kind = &nt_stage_train}},
                      .n_stages = 2};
    const nt_measure *m = from < 0 ? &q->ref : &q->v[from].m;
    const nt_search_layer *best = NULL;

    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i].outputs > 1 && !has_failed(q, m->layers[i].name) &&
            (!best || m->layers[i].params > best->params))
            best = &m->layers[i];
    if (!best)
        return NT_OK;
    c.stage[0].keep = best->outputs - (best->outputs + CUT_SHARE - 1) / CUT_SHARE;
    memcpy(c.stage[0].layer, best->name, sizeof c.stage[0].layer);
    *n = 1;
    return nt_search_add(q, &c, e);
}

static nt_status next(nt_search *q, int max, int *n, nt_err *e)
{
    int64_t cuts = count_cuts(q);
    nt_status s = NT_OK;

    if (cuts == 0)
        NT_TRY(nt_search_descend(q, max, n, e));
    if (*n == 0 && cuts < q->o.deep_steps && !q->o.dry && nt_search_has_time(q, false, false))
        NT_TRY(add_cut(q, nt_search_best_here(q), n, e));
done:
    return s;
}

const nt_strategy nt_strategy_compression = {.name = "compression",
                                             .defaults = defaults,
                                             .next = next,
                                             .cost = cost,
                                             .less = 0.99,
                                             .layers = "config_list",
                                             .long_rate = 0.1,
                                             .short_rate = 0.05};
