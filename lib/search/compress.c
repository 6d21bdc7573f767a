/* SPDX-License-Identifier: MIT */
#include "search/compress.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

#define SMALLER 0.99 /* a share of the parameters that counts as fewer */
#define RECOVERY                                                                               \
    1.5 /* how much more than before a long training may gain, and be worth trying */
#define FIRST_GAIN 1.5 /* ... and as long as there was none, in units of delta */
#define CUT_SHARE 8    /* a cut takes one of so many outputs */

const char *nt_move_name(nt_move m)
{
    static const char *const names[] = {"prune", "train", "cut"};

    return names[m];
}

nt_search_opts nt_search_defaults(int level, bool deepsearch)
{
    bool high = level > 1;

    return (nt_search_opts){.ratio = high ? 0.4 : 0.25,
                            .close = high ? 1.15 : 1.3,
                            .steps = high ? 16 : 6,
                            .deep_steps = deepsearch ? 16 : 0};
}

void nt_search_release(nt_search *q)
{
    for (int i = 0; i < q->n; i++)
        nt_free(q->v[i].m.layers);
    nt_free(q->ref.layers);
    nt_free(q->v);
    *q = (nt_search){0};
}

void nt_search_told(nt_search *q, int i, const nt_measure *m)
{
    q->v[i].m = *m;
    q->v[i].measured = true;
}

/* ---- what is known */

/* Parameters, as a share of the reference's; i -1 is the reference. */
static double size_of(const nt_search *q, int i)
{
    return i < 0 ? 1 : (double)q->v[i].m.params / (double)q->ref.params;
}

static bool within(const nt_search *q, int i)
{
    return q->v[i].measured && q->v[i].m.drop <= q->o.delta;
}

bool nt_search_is_ok(const nt_search *q, int i)
{
    return within(q, i) && q->v[i].m.params < q->ref.params;
}

static bool better(const nt_search *q, int i, int than)
{
    if (than < 0)
        return true;
    if (q->v[i].m.params != q->v[than].m.params)
        return q->v[i].m.params < q->v[than].m.params;
    return q->v[i].m.drop < q->v[than].m.drop;
}

int nt_search_best(const nt_search *q, const bool *skip)
{
    int best = -1;

    for (int i = 0; i < q->n; i++)
        if (nt_search_is_ok(q, i) && !(skip && skip[i]) && better(q, i, best))
            best = i;
    return best;
}

static bool was_trained(const nt_search *q, int i)
{
    for (int k = i + 1; k < q->n; k++)
        if (q->v[k].move == NT_MOVE_TRAIN && q->v[k].parent == i)
            return true;
    return q->v[i].move == NT_MOVE_TRAIN;
}

/* The most a long training may be expected to gain: somewhat more than it ever did. */
static double recovery(const nt_search *q)
{
    double most = -1;

    for (int i = 0; i < q->n; i++)
        if (q->v[i].move == NT_MOVE_TRAIN && q->v[i].measured)
            most = fmax(most, q->v[q->v[i].parent].m.drop - q->v[i].m.drop);
    return most < 0 ? FIRST_GAIN * q->o.delta : RECOVERY * most;
}

/* A short training that failed, may be mended by a long one and had none. */
static bool is_open(const nt_search *q, int i)
{
    return q->v[i].move == NT_MOVE_PRUNE && !within(q, i) && !was_trained(q, i) &&
           q->v[i].m.drop <= q->o.delta + recovery(q);
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
    const nt_candidate *c = &q->v[i];

    return c->move == NT_MOVE_PRUNE ? fmax(size_of(q, i), c->size) : size_of(q, i);
}

/* The largest size below ok's that failed for good, and what cannot be made smaller; 0: none.
 */
static double bad_size(const nt_search *q, int ok)
{
    double bad = 0;

    for (int i = 0; i < q->n; i++) {
        const nt_candidate *c = &q->v[i];

        if (c->move == NT_MOVE_PRUNE && size_of(q, i) >= SMALLER * size_of(q, c->parent) &&
            size_of(q, i) >= SMALLER * size_of(q, ok))
            return size_of(q, ok);
        if (c->move != NT_MOVE_CUT && !within(q, i) && !is_open(q, i) &&
            size_of(q, i) < size_of(q, ok))
            bad = fmax(bad, fmin(reached(q, i), size_of(q, ok)));
    }
    return bad;
}

static int count(const nt_search *q, bool cuts)
{
    int n = 0;

    for (int i = 0; i < q->n; i++)
        n += (q->v[i].move == NT_MOVE_CUT) == cuts;
    return n;
}

/* ---- time */

static double short_seconds(const nt_search *q)
{
    for (int i = q->n - 1; i >= 0; i--)
        if (q->v[i].move != NT_MOVE_TRAIN)
            return q->v[i].m.seconds;
    return 0;
}

/* Is there time for a short training (and for the best's long one after it)? */
static bool has_time(const nt_search *q, bool is_long, bool reserve)
{
    double t = short_seconds(q), need = is_long ? t * q->o.long_cost : t;

    if (q->o.time_s <= 0)
        return true;
    return q->elapsed_s + need + (reserve ? t * q->o.long_cost : 0) <= q->o.time_s;
}

/* ---- what next */

static nt_status add(nt_search *q, const nt_candidate *c, nt_err *e)
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

static nt_status add_train(nt_search *q, int parent, int *n, nt_err *e)
{
    nt_candidate c = {.move = NT_MOVE_TRAIN, .parent = parent, .size = q->v[parent].size};

    *n = 1;
    return add(q, &c, e);
}

/* After a long training only what is left of delta can be spent: the step is the smaller. */
static double next_ratio(const nt_search *q, int from)
{
    double left;

    if (from < 0 || q->v[from].move != NT_MOVE_TRAIN || q->o.delta <= 0)
        return q->o.ratio;
    left = (q->o.delta - q->v[from].m.drop) / q->o.delta;
    return fmin(pow(q->o.ratio, fmin(left, 1)), 1 / q->o.close);
}

/* `max` sizes: ever smaller ones, or between that of `from` and bad. */
static nt_status add_prunes(nt_search *q, int from, double bad, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_candidate c = {.move = NT_MOVE_PRUNE, .parent = from};
    double step = bad > 0 ? pow(bad / size_of(q, from), 1.0 / (max + 1)) : next_ratio(q, from);

    c.size = size_of(q, from);
    for (*n = 0; *n < max; ++*n) {
        c.size *= step;
        NT_TRY(add(q, &c, e));
    }
done:
    return s;
}

static bool has_failed(const nt_search *q, const char *layer)
{
    for (int i = 0; i < q->n; i++)
        if (q->v[i].move == NT_MOVE_CUT && !within(q, i) && strcmp(q->v[i].layer, layer) == 0)
            return true;
    return false;
}

static nt_status add_cut(nt_search *q, int from, int *n, nt_err *e)
{
    nt_candidate c = {.move = NT_MOVE_CUT, .parent = from};
    const nt_measure *m = from < 0 ? &q->ref : &q->v[from].m;
    const nt_search_layer *best = NULL;

    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i].outputs > 1 && !has_failed(q, m->layers[i].name) &&
            (!best || m->layers[i].params > best->params))
            best = &m->layers[i];
    if (!best)
        return NT_OK;
    c.keep = best->outputs - (best->outputs + CUT_SHARE - 1) / CUT_SHARE;
    memcpy(c.layer, best->name, sizeof c.layer);
    *n = 1;
    return add(q, &c, e);
}

static nt_status next_dry(nt_search *q, int *n, nt_err *e)
{
    if (q->n == 0)
        return add_prunes(q, -1, 0, 1, n, e);
    return q->n == 1 ? add_train(q, 0, n, e) : NT_OK;
}

/* Before the first long training: is the open candidate so close to delta that a smaller one
 * may be mended, too? */
static bool may_descend(const nt_search *q, int open)
{
    for (int i = 0; i < q->n; i++)
        if (q->v[i].move == NT_MOVE_TRAIN)
            return false;
    return q->v[open].m.drop <= q->o.delta + recovery(q) / 2;
}

/* The moves but deepsearch's; *n stays 0 when they are over. What is pruned needs a second
 * step, the long training, to be worth it. */
static nt_status next_step(nt_search *q, int max, int *n, nt_err *e)
{
    int ok = nt_search_best(q, NULL);
    double bad = bad_size(q, ok);
    int open = open_candidate(q, ok, bad), from = ok;
    bool final = ok >= 0 && !was_trained(q, ok), train = open >= 0;
    int64_t total = q->o.steps - count(q, false), left = total - (final || open >= 0);

    if (open >= 0 && bad <= 0 && left > 0 && may_descend(q, open)) {
        from = open;
        train = false;
    }
    if (train && left >= 0 && has_time(q, true, final))
        return add_train(q, open, n, e);
    if (!train && left > 0 && (total > 1 || q->n == 0) &&
        has_time(q, false, final || open >= 0) &&
        (bad <= 0 || size_of(q, from) > q->o.close * bad))
        return add_prunes(q, from, bad, max < left ? max : (int)left, n, e);
    if (final && left >= 0 && has_time(q, true, false))
        return add_train(q, ok, n, e);
    return NT_OK;
}

nt_status nt_search_next(nt_search *q, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    *n = 0;
    if (q->o.dry)
        return next_dry(q, n, e);
    if (count(q, true) == 0)
        NT_TRY(next_step(q, max, n, e));
    if (*n == 0 && count(q, true) < q->o.deep_steps && has_time(q, false, false))
        NT_TRY(add_cut(q, nt_search_best(q, NULL), n, e));
done:
    return s;
}
