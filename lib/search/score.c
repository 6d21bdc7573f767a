/* SPDX-License-Identifier: MIT */
#include "search/score.h"

#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

#define MISSED 1.02 /* times as large as asked for: the way does not lead there */

/* The first is what a search does that scores nothing. */
static const nt_prune_way ways[] = {{.criterion = ""},       {.criterion = "slim"},
                                    {.criterion = "fpgm"},   {.macs_weight = 0.5},
                                    {.criterion = "taylor"}, {.criterion = "l2"}};

/* slim leaves alone what has no normalisation behind it, and fails where that is all. */
static bool is_possible(const nt_search *q, const nt_prune_way *w)
{
    if (strcmp(w->criterion, "slim") == 0)
        return q->ref.has_norms && q->ref.all_norms && !q->o.has_rules;
    return strcmp(w->criterion, "taylor") != 0 || q->o.has_gradients;
}

static int possible(const nt_search *q)
{
    int n = 0;

    for (int i = 0; i < COUNT(ways); i++)
        n += is_possible(q, &ways[i]);
    return n;
}

static int64_t left(const nt_search *q)
{
    int64_t n = q->o.scored;

    for (int i = q->first; i < q->n; i++)
        n -= nt_search_is_scored(q, i);
    return n;
}

int nt_score_ways(const nt_search *q)
{
    int n = possible(q);

    if (n > q->o.ways)
        n = q->o.ways;
    if (n > left(q))
        n = (int)left(q);
    return n > q->o.keep ? n : 0;
}

/* ---- first round */

static nt_status add_way(nt_search *q, const nt_candidate *c, const nt_prune_way *w, nt_err *e)
{
    nt_candidate scored = {.parent = c->parent, .stage = {c->stage[0]}, .n_stages = 1};

    scored.stage[0].way = *w;
    if (q->o.settle > 0 && q->ref.has_norms)
        scored.stage[scored.n_stages++] =
            (nt_search_stage){.kind = &nt_stage_settle, .batches = q->o.settle};
    return nt_search_add(q, &scored, e);
}

nt_status nt_score_add(nt_search *q, const nt_candidate *c, int n_ways, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0, added = 0; i < COUNT(ways) && added < n_ways; i++) {
        if (!is_possible(q, &ways[i]))
            continue;
        NT_TRY(add_way(q, c, &ways[i], e));
        added++;
        ++*n;
    }
done:
    return s;
}

/* ---- second round */

/* The first of the last ones that are scored. */
static int first_due(const nt_search *q)
{
    int i = q->n;

    while (i > q->first && nt_search_is_scored(q, i - 1))
        i--;
    return i;
}

bool nt_score_is_due(const nt_search *q)
{
    return first_due(q) < q->n;
}

static bool has_missed(const nt_search *q, int i)
{
    return nt_search_share(q, i) > MISSED * q->v[i].stage[0].size;
}

static bool goes_before(const nt_search *q, int i, int k)
{
    double a = q->v[i].m.drop, b = q->v[k].m.drop;

    if (has_missed(q, i) != has_missed(q, k))
        return has_missed(q, k);
    return a != b ? a < b : i < k;
}

/* How many, from `first` to before `end`, go before candidate i. */
static int rank_of(const nt_search *q, int first, int end, int i)
{
    int n = 0;

    for (int k = first; k < end; k++)
        n += goes_before(q, k, i);
    return n;
}

static nt_status add_trained(nt_search *q, int i, nt_err *e)
{
    const nt_candidate c = {.parent = q->v[i].parent,
                            .stage = {q->v[i].stage[0], {.kind = &nt_stage_train}},
                            .n_stages = 2};

    return nt_search_add(q, &c, e);
}

nt_status nt_score_train(nt_search *q, int64_t max, int *n, nt_err *e)
{
    nt_status s = NT_OK;
    int first = first_due(q), end = q->n;

    *n = 0;
    for (int rank = 0; rank < q->o.keep; rank++)
        for (int i = first; i < end && *n < max; i++)
            if (rank_of(q, first, end, i) == rank) {
                NT_TRY(add_trained(q, i, e));
                ++*n;
            }
done:
    return s;
}
