/* SPDX-License-Identifier: MIT */
/*
 * The search downwards, for less bytes or less time: given are a reference and delta, wanted is
 * the cheapest network whose drop of the metric is at most delta.
 *
 * A candidate is made from an earlier one by
 *   prune   to a share of the reference's bytes or time, then a short training
 *   train   the same network, a long training
 *
 * With the cheapest candidate within delta (`ok`; at first the reference) and the dearest that
 * is known to fail (`bad`; at first none):
 *   1. While nothing failed, the next is made from ok and `ratio` times as dear; after a long
 *      training the less is left of delta the larger.
 *   2. One that fails after its short training gets the long one, unless it fails by more than
 *      long trainings make up for. What then fails is bad. Before the first long training,
 *      1 goes on from one that fails by little.
 *   3. Between ok and bad the next is made from ok, at their geometric mean, until ok is
 *      at most `close` times as dear as bad.
 *   4. The best gets its long training, if it had none, and while steps are left 1 to 3 go on
 *      from it: what the long training gained can be spent.
 * Steps and time are bounded; one long training is kept back for the best. Where ways to a size
 * are scored (score.h), the search goes on from the best of those that were trained.
 */
#include "search/score.h"

#include <math.h>

/* ---- what is known */

static double cost_of(const nt_search *q, int i)
{
    return nt_search_share(q, i);
}

static bool within(const nt_search *q, int i)
{
    return nt_search_is_within(q, i);
}

/* Only scored, or not the best of its size. */
static bool is_left_out(const nt_search *q, int i)
{
    return nt_search_is_scored(q, i) || nt_search_is_beaten(q, i);
}

static bool is_prune(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_prune) && !is_left_out(q, i);
}

static bool is_cut(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_cut);
}

/* What a stage that prunes aims at, as a share of the reference's. */
static double *aim(const nt_search *q, nt_search_stage *s)
{
    return q->strategy->by_time ? &s->time : &s->size;
}

/* A short training that failed, may be mended by a long one and had none. */
static bool is_open(const nt_search *q, int i)
{
    return is_prune(q, i) && !within(q, i) && !nt_search_was_trained(q, i) &&
           q->v[i].m.drop <= q->o.delta + nt_search_recovery(q);
}

/* The smallest open candidate between bad and ok; -1: none. */
static int open_candidate(const nt_search *q, int ok, double bad)
{
    int found = -1;

    for (int i = q->first; i < q->n; i++)
        if (is_open(q, i) && cost_of(q, i) < cost_of(q, ok) * q->strategy->less &&
            cost_of(q, i) > bad && (found < 0 || cost_of(q, i) < cost_of(q, found)))
            found = i;
    return found;
}

/* What a candidate came to, or was asked for: pruned by whole channels it may have come out
 * smaller, and what is asked in between would come to the same. */
static double reached(const nt_search *q, int i)
{
    double asked = *aim(q, &q->v[i].stage[0]);

    return is_prune(q, i) ? fmax(cost_of(q, i), asked) : cost_of(q, i);
}

/* The largest size below ok's that failed for good, and what cannot be made smaller; 0: none.
 */
static double bad_size(const nt_search *q, int ok)
{
    double bad = 0;

    for (int i = q->first; i < q->n; i++) {
        int from = q->v[i].parent;

        if (is_prune(q, i) && cost_of(q, i) >= q->strategy->less * cost_of(q, from) &&
            cost_of(q, i) >= q->strategy->less * cost_of(q, ok))
            return cost_of(q, ok);
        if (!is_cut(q, i) && !is_left_out(q, i) && !within(q, i) && !is_open(q, i) &&
            cost_of(q, i) < cost_of(q, ok))
            bad = fmax(bad, fmin(reached(q, i), cost_of(q, ok)));
    }
    return bad;
}

int nt_search_count_steps(const nt_search *q)
{
    int n = 0;

    for (int i = q->first; i < q->n; i++)
        n += !is_cut(q, i) && !nt_search_is_scored(q, i);
    return n;
}

/* ---- what next */

/* Something goes, then a short training. */
static nt_candidate tuned(int parent, const nt_stage_kind *kind)
{
    return (nt_candidate){
        .parent = parent, .stage = {{.kind = kind}, {.kind = &nt_stage_train}}, .n_stages = 2};
}

/* After a long training only what is left of delta can be spent: the step is the smaller. */
static double next_ratio(const nt_search *q, int from)
{
    double left;

    if (from < 0 || !nt_search_is_train(q, from) || q->o.delta <= 0)
        return q->o.ratio;
    left = (q->o.delta - q->v[from].m.drop) / q->o.delta;
    return fmin(pow(q->o.ratio, fmin(left, 1)), 1 / q->o.close);
}

/* `max` sizes, or the ways to one: ever smaller ones, or between that of `from` and bad. */
static nt_status add_prunes(nt_search *q, int from, double bad, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_candidate c = tuned(from, &nt_stage_prune);
    double *share = aim(q, &c.stage[0]);
    int ways = nt_score_ways(q);
    double step;

    if (ways > 0)
        max = 1;
    step = bad > 0 ? pow(bad / cost_of(q, from), 1.0 / (max + 1)) : next_ratio(q, from);
    *share = cost_of(q, from);
    *n = ways > 0 ? 0 : max;
    for (int i = 0; i < max; i++) {
        *share *= step;
        NT_TRY(ways > 0 ? nt_score_add(q, &c, ways, n, e) : nt_search_add(q, &c, e));
    }
done:
    return s;
}

static nt_status next_dry(nt_search *q, int *n, nt_err *e)
{
    if (q->n == q->first)
        return add_prunes(q, nt_search_base(q), 0, 1, n, e);
    if (nt_score_is_due(q))
        return nt_score_train(q, 1, n, e);
    return nt_search_is_train(q, q->n - 1) ? NT_OK : nt_search_add_train(q, q->n - 1, n, e);
}

/* Before the first long training: is the open candidate so close to delta that a smaller one
 * may be mended, too? */
static bool may_descend(const nt_search *q, int open)
{
    for (int i = q->first; i < q->n; i++)
        if (nt_search_is_train(q, i))
            return false;
    return q->v[open].m.drop <= q->o.delta + nt_search_recovery(q) / 2;
}

/* What is pruned needs a second step, the long training, to be worth it. */
nt_status nt_search_descend(nt_search *q, int max, int *n, nt_err *e)
{
    int ok = nt_search_best_trained(q);
    double bad = bad_size(q, ok);
    int open = open_candidate(q, ok, bad), from = ok;
    bool due = nt_score_is_due(q);
    bool final = ok > nt_search_base(q) && !nt_search_was_trained(q, ok), train = open >= 0;
    int64_t total = q->o.steps - nt_search_count_steps(q), left = total - (final || open >= 0);

    if (q->o.dry)
        return next_dry(q, n, e);
    if (due && nt_search_has_time(q, false, final || open >= 0))
        return nt_score_train(q, left, n, e);
    if (open >= 0 && bad <= 0 && left > 0 && may_descend(q, open)) {
        from = open;
        train = false;
    }
    if (train && left >= 0 && nt_search_has_time(q, true, final))
        return nt_search_add_train(q, open, n, e);
    if (!train && !due && left > 0 && (total > 1 || total == q->o.steps) &&
        nt_search_has_time(q, false, final || open >= 0) &&
        (bad <= 0 || cost_of(q, from) > q->o.close * bad))
        return add_prunes(q, from, bad, max < left ? max : (int)left, n, e);
    if (final && left >= 0 && nt_search_has_time(q, true, false))
        return nt_search_add_train(q, ok, n, e);
    return NT_OK;
}
