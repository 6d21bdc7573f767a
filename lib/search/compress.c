/* SPDX-License-Identifier: MIT */
/*
 * The search for the smallest network that keeps its promise: given are a reference and delta,
 * wanted is the fewest bytes whose drop of the metric is at most delta.
 *
 * A candidate is made from an earlier one by
 *   prune   to a share of the reference's bytes, then a short training
 *   train   the same network, a long training
 *   cut     some outputs of one layer, then a short training (deepsearch)
 *
 * With the smallest candidate within delta (`ok`; at first the reference) and the largest that
 * is known to fail (`bad`; at first none):
 *   1. While nothing failed, the next is made from ok and `ratio` times as large; after a long
 *      training the less is left of delta the larger.
 *   2. One that fails after its short training gets the long one, unless it fails by more than
 *      long trainings make up for. What then fails is bad. Before the first long training,
 *      1 goes on from one that fails by little.
 *   3. Between ok and bad the next is made from ok, at their geometric mean, until ok is
 *      at most `close` times as large as bad.
 *   4. The best gets its long training, if it had none, and while steps are left 1 to 3 go on
 *      from it: what the long training gained can be spent.
 *   5. deepsearch: an eighth of the outputs of the largest layer goes; a layer whose cut failed
 *      is left alone. It ends when all have failed.
 * Steps and time are bounded; one long training is kept back for the best.
 */
#include "search/search.h"

#include <math.h>
#include <string.h>

#define SMALLER 0.99 /* a share of the bytes that counts as fewer */
#define CUT_SHARE 8    /* a cut takes one of so many outputs */

static nt_search_opts defaults(int level, bool deepsearch)
{
    bool high = level > 1;

    return (nt_search_opts){.ratio = high ? 0.4 : 0.25,
                            .close = high ? 1.15 : 1.3,
                            .steps = high ? 16 : 6,
                            .deep_steps = deepsearch ? 16 : 0};
}

static double cost(const nt_measure *m)
{
    return (double)m->bytes;
}

/* ---- what is known */

static double size_of(const nt_search *q, int i)
{
    return nt_search_share(q, i);
}

static bool within(const nt_search *q, int i)
{
    return nt_search_is_within(q, i);
}

static bool is_prune(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_prune);
}

static bool is_cut(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_cut);
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

    for (int i = 0; i < q->n; i++)
        if (is_open(q, i) && size_of(q, i) < size_of(q, ok) * SMALLER && size_of(q, i) > bad &&
            (found < 0 || size_of(q, i) < size_of(q, found)))
            found = i;
    return found;
}

/* What a candidate came to, or was asked for: pruned by whole channels it may have come out
 * smaller, and what is asked in between would come to the same. */
static double reached(const nt_search *q, int i)
{
    double asked = nt_candidate_first(&q->v[i])->size;

    return is_prune(q, i) ? fmax(size_of(q, i), asked) : size_of(q, i);
}

/* The largest size below ok's that failed for good, and what cannot be made smaller; 0: none.
 */
static double bad_size(const nt_search *q, int ok)
{
    double bad = 0;

    for (int i = 0; i < q->n; i++) {
        int from = q->v[i].parent;

        if (is_prune(q, i) && size_of(q, i) >= SMALLER * size_of(q, from) &&
            size_of(q, i) >= SMALLER * size_of(q, ok))
            return size_of(q, ok);
        if (!is_cut(q, i) && !within(q, i) && !is_open(q, i) && size_of(q, i) < size_of(q, ok))
            bad = fmax(bad, fmin(reached(q, i), size_of(q, ok)));
    }
    return bad;
}

static int count(const nt_search *q, bool cuts)
{
    int n = 0;

    for (int i = 0; i < q->n; i++)
        n += is_cut(q, i) == cuts;
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

/* `max` sizes: ever smaller ones, or between that of `from` and bad. */
static nt_status add_prunes(nt_search *q, int from, double bad, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_candidate c = tuned(from, &nt_stage_prune);
    double step = bad > 0 ? pow(bad / size_of(q, from), 1.0 / (max + 1)) : next_ratio(q, from);

    c.stage[0].size = size_of(q, from);
    for (*n = 0; *n < max; ++*n) {
        c.stage[0].size *= step;
        NT_TRY(nt_search_add(q, &c, e));
    }
done:
    return s;
}

static bool has_failed(const nt_search *q, const char *layer)
{
    for (int i = 0; i < q->n; i++)
        if (is_cut(q, i) && !within(q, i) && strcmp(q->v[i].stage[0].layer, layer) == 0)
            return true;
    return false;
}

static nt_status add_cut(nt_search *q, int from, int *n, nt_err *e)
{
    nt_candidate c = tuned(from, &nt_stage_cut);
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

static nt_status next_dry(nt_search *q, int *n, nt_err *e)
{
    if (q->n == 0)
        return add_prunes(q, -1, 0, 1, n, e);
    return q->n == 1 ? nt_search_add_train(q, 0, n, e) : NT_OK;
}

/* Before the first long training: is the open candidate so close to delta that a smaller one
 * may be mended, too? */
static bool may_descend(const nt_search *q, int open)
{
    for (int i = 0; i < q->n; i++)
        if (nt_search_is_train(q, i))
            return false;
    return q->v[open].m.drop <= q->o.delta + nt_search_recovery(q) / 2;
}

/* The moves but deepsearch's; *n stays 0 when they are over. What is pruned needs a second
 * step, the long training, to be worth it. */
static nt_status next_step(nt_search *q, int max, int *n, nt_err *e)
{
    int ok = nt_search_best(q, NULL);
    double bad = bad_size(q, ok);
    int open = open_candidate(q, ok, bad), from = ok;
    bool final = ok >= 0 && !nt_search_was_trained(q, ok), train = open >= 0;
    int64_t total = q->o.steps - count(q, false), left = total - (final || open >= 0);

    if (open >= 0 && bad <= 0 && left > 0 && may_descend(q, open)) {
        from = open;
        train = false;
    }
    if (train && left >= 0 && nt_search_has_time(q, true, final))
        return nt_search_add_train(q, open, n, e);
    if (!train && left > 0 && (total > 1 || q->n == 0) &&
        nt_search_has_time(q, false, final || open >= 0) &&
        (bad <= 0 || size_of(q, from) > q->o.close * bad))
        return add_prunes(q, from, bad, max < left ? max : (int)left, n, e);
    if (final && left >= 0 && nt_search_has_time(q, true, false))
        return nt_search_add_train(q, ok, n, e);
    return NT_OK;
}

static nt_status next(nt_search *q, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    if (q->o.dry)
        return next_dry(q, n, e);
    if (count(q, true) == 0)
        NT_TRY(next_step(q, max, n, e));
    if (*n == 0 && count(q, true) < q->o.deep_steps && nt_search_has_time(q, false, false))
        NT_TRY(add_cut(q, nt_search_best(q, NULL), n, e));
done:
    return s;
}

const nt_strategy nt_strategy_compression = {.name = "compression",
                                             .defaults = defaults,
                                             .next = next,
                                             .cost = cost,
                                             .layers = "config_list",
                                             .long_rate = 0.1,
                                             .short_rate = 0.05};
