/* SPDX-License-Identifier: MIT */
#include "search/search.h"

#include "base/alloc.h"

#include <math.h>

#define RECOVERY                                                                               \
    1.5 /* how much more than before a long training may gain, and be worth trying */
#define FIRST_GAIN 1.5 /* ... and as long as there was none, in units of delta */

void nt_search_release(nt_search *q)
{
    for (int i = 0; i < q->n; i++)
        nt_free(q->v[i].m.layers);
    nt_free(q->ref.layers);
    nt_free(q->v);
    *q = (nt_search){0};
}

nt_status nt_search_next(nt_search *q, int max, int *n, nt_err *e)
{
    *n = 0;
    return q->strategy->next(q, max, n, e);
}

void nt_search_told(nt_search *q, int i, const nt_measure *m)
{
    q->v[i].m = *m;
    q->v[i].measured = true;
    if (q->strategy->told)
        q->strategy->told(q, i);
}

/* ---- what is known */

double nt_search_share(const nt_search *q, int i)
{
    return i < 0 ? 1 : q->strategy->cost(&q->v[i].m) / q->strategy->cost(&q->ref);
}

bool nt_search_is_within(const nt_search *q, int i)
{
    return q->v[i].measured && q->v[i].m.drop <= q->o.delta;
}

bool nt_search_is_ok(const nt_search *q, int i)
{
    return nt_search_is_within(q, i) && nt_search_share(q, i) < 1;
}

static bool better(const nt_search *q, int i, int than)
{
    double a = nt_search_share(q, i), b = nt_search_share(q, than);

    if (than < 0)
        return true;
    return a != b ? a < b : q->v[i].m.drop < q->v[than].m.drop;
}

int nt_search_best(const nt_search *q, const bool *skip)
{
    int best = -1;

    for (int i = 0; i < q->n; i++)
        if (nt_search_is_ok(q, i) && !(skip && skip[i]) && better(q, i, best))
            best = i;
    return best;
}

nt_status nt_search_add(nt_search *q, const nt_candidate *c, nt_err *e)
{
    if (q->n == q->cap) {
        int cap = q->cap ? 2 * q->cap : 16;
        nt_candidate *v = nt_realloc(q->v, (size_t)cap, sizeof *v);

        if (!v)
            return nt_fail_nomem(e);
        q->v = v;
        q->cap = cap;
    }
    q->v[q->n++] = *c;
    return NT_OK;
}

const nt_search_stage *nt_candidate_first(const nt_candidate *c)
{
    return &c->stage[0];
}

bool nt_candidate_is(const nt_candidate *c, const nt_stage_kind *first)
{
    return c->stage[0].kind == first;
}

/* ---- trainings */

bool nt_search_is_train(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_train);
}

bool nt_search_was_trained(const nt_search *q, int i)
{
    for (int k = i + 1; k < q->n; k++)
        if (nt_search_is_train(q, k) && q->v[k].parent == i)
            return true;
    return nt_search_is_train(q, i);
}

double nt_search_recovery(const nt_search *q)
{
    double most = -1;

    for (int i = 0; i < q->n; i++)
        if (nt_search_is_train(q, i) && q->v[i].measured)
            most = fmax(most, q->v[q->v[i].parent].m.drop - q->v[i].m.drop);
    return most < 0 ? FIRST_GAIN * q->o.delta : RECOVERY * most;
}

static double short_seconds(const nt_search *q)
{
    for (int i = q->n - 1; i >= 0; i--)
        if (!nt_search_is_train(q, i))
            return q->v[i].m.seconds;
    return 0;
}

bool nt_search_has_time(const nt_search *q, bool is_long, bool reserve)
{
    double t = short_seconds(q), need = is_long ? t * q->o.long_cost : t;

    if (q->o.time_s <= 0)
        return true;
    return q->elapsed_s + need + (reserve ? t * q->o.long_cost : 0) <= q->o.time_s;
}

nt_status nt_search_add_train(nt_search *q, int parent, int *n, nt_err *e)
{
    const nt_candidate c = {
        .parent = parent, .stage = {{.kind = &nt_stage_train, .full = true}}, .n_stages = 1};

    *n = 1;
    return nt_search_add(q, &c, e);
}
