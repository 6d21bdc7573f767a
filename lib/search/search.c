/* SPDX-License-Identifier: MIT */
#include "search/search.h"

#include "base/alloc.h"

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
