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

/* ---- phases */

static void enter(nt_search *q, int phase)
{
    q->at = phase;
    q->strategy = q->phase[phase].strategy;
    q->o = q->phase[phase].o;
}

void nt_search_begin(nt_search *q)
{
    enter(q, 0);
    q->first = 0;
    q->base = -1;
}

/* Steps that are left over go to the next. */
static void enter_next(nt_search *q, int first, int base)
{
    int64_t steps = q->o.steps;

    for (int i = q->first; i < first; i++)
        steps -= !nt_search_is_scored(q, i);
    enter(q, q->at + 1);
    q->o.steps += steps > 0 ? steps : 0;
    q->first = first;
    q->base = base;
}

/* The best of the first n, in the eyes of the phase. */
static int best_of(nt_search *q, int n)
{
    int all = q->n, best;

    q->n = n;
    best = nt_search_best_here(q);
    q->n = all;
    return best;
}

void nt_search_go_on(nt_search *q)
{
    for (int i = 0; i < q->n; i++)
        while (q->at < q->v[i].phase && q->at + 1 < q->n_phases)
            enter_next(q, i, best_of(q, i));
}

int nt_search_base(const nt_search *q)
{
    return q->n_phases > 0 ? q->base : -1;
}

nt_status nt_search_next(nt_search *q, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;
    int from = q->n;

    for (*n = 0;;) {
        NT_TRY(q->strategy->next(q, max, n, e));
        if (*n > 0 || q->at + 1 >= q->n_phases)
            break;
        enter_next(q, q->n, nt_search_best_here(q));
    }
    for (int i = from; i < q->n; i++)
        q->v[i].phase = q->at;
done:
    return s;
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
    const nt_measure *m = &q->v[i].m;

    if (!q->v[i].measured)
        return false;
    return q->o.target > 0 ? m->time_share <= q->o.target : m->drop <= q->o.delta;
}

bool nt_search_is_ok(const nt_search *q, int i)
{
    return nt_search_is_within(q, i) && nt_search_share(q, i) < 1;
}

static bool better(const nt_search *q, int i, int than)
{
    double cost[2] = {nt_search_share(q, i), nt_search_share(q, than)};
    double drop[2] = {q->v[i].m.drop, than < 0 ? 0 : q->v[than].m.drop};
    const double *first = q->o.target > 0 ? drop : cost, *then = q->o.target > 0 ? cost : drop;

    if (than < 0)
        return true;
    return first[0] != first[1] ? first[0] < first[1] : then[0] < then[1];
}

/* What lost a comparison is no result beside one of about its cost that is better. */
static bool is_passed_over(const nt_search *q, int first, const bool *skip, int i)
{
    if (!nt_search_is_scored(q, i) && !nt_search_is_beaten(q, i))
        return false;
    for (int k = first; k < q->n; k++)
        if (k != i && nt_search_is_ok(q, k) && !(skip && skip[k]) &&
            !nt_search_is_scored(q, k) && q->v[k].m.drop <= q->v[i].m.drop &&
            nt_search_share(q, k) * q->strategy->less <= nt_search_share(q, i))
            return true;
    return false;
}

static int best_from(const nt_search *q, int first, const bool *skip)
{
    int best = -1;

    for (int i = first; i < q->n; i++)
        if (nt_search_is_ok(q, i) && !(skip && skip[i]) && better(q, i, best) &&
            !is_passed_over(q, first, skip, i))
            best = i;
    return best;
}

int nt_search_best(const nt_search *q, const bool *skip)
{
    return best_from(q, 0, skip);
}

int nt_search_best_here(const nt_search *q)
{
    int best = best_from(q, q->first, NULL);

    return best < 0 ? nt_search_base(q) : best;
}

int nt_search_best_trained(const nt_search *q)
{
    int best = -1;

    for (int i = q->first; i < q->n; i++)
        if (nt_search_is_ok(q, i) && !nt_search_is_scored(q, i) && !nt_search_is_beaten(q, i) &&
            better(q, i, best))
            best = i;
    return best < 0 ? nt_search_base(q) : best;
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

bool nt_candidate_has(const nt_candidate *c, const nt_stage_kind *kind)
{
    for (int i = 0; i < c->n_stages; i++)
        if (c->stage[i].kind == kind)
            return true;
    return false;
}

/* ---- ways to one size */

bool nt_search_is_scored(const nt_search *q, int i)
{
    const nt_candidate *c = &q->v[i];

    return nt_candidate_is(c, &nt_stage_prune) && !nt_candidate_has(c, &nt_stage_train);
}

static bool are_siblings(const nt_candidate *a, const nt_candidate *b)
{
    const nt_search_stage *s = nt_candidate_first(a), *t = nt_candidate_first(b);

    return s->kind == &nt_stage_prune && t->kind == s->kind && a->parent == b->parent &&
           s->size == t->size && s->time == t->time && a->n_stages == b->n_stages &&
           a->stage[a->n_stages - 1].kind == b->stage[b->n_stages - 1].kind;
}

bool nt_search_is_beaten(const nt_search *q, int i)
{
    for (int k = 0; k < q->n; k++) {
        double gain = q->v[i].m.drop - q->v[k].m.drop;

        if (k != i && q->v[k].measured && are_siblings(&q->v[i], &q->v[k]) &&
            (gain > 0 || (gain == 0 && k < i)))
            return true;
    }
    return false;
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

    for (int i = q->first; i < q->n; i++)
        if (nt_search_is_train(q, i) && q->v[i].measured)
            most = fmax(most, q->v[q->v[i].parent].m.drop - q->v[i].m.drop);
    return most < 0 ? FIRST_GAIN * q->o.delta : RECOVERY * most;
}

/* What the last one took that was trained briefly, or only scored. */
static double last_seconds(const nt_search *q, bool scored)
{
    for (int i = q->n - 1; i >= 0; i--)
        if (!nt_search_is_train(q, i) && nt_search_is_scored(q, i) == scored)
            return q->v[i].m.seconds;
    return 0;
}

bool nt_search_has_time(const nt_search *q, bool is_long, bool reserve)
{
    double t = last_seconds(q, false), need = is_long ? t * q->o.long_cost : t;
    bool is_due = q->n > 0 && nt_search_is_scored(q, q->n - 1); /* it was scored already */

    if (!is_long && !is_due)
        need += q->o.ways * last_seconds(q, true);

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
