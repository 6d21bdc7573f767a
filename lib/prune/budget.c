/* SPDX-License-Identifier: MIT */
#include "prune/budget_state.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

static double loss(const nt_budget_queue *q, double score)
{
    return q->sum > 0 ? score / q->sum * q->n / q->left : 0;
}

/* ---- to a share of the weights */

/* Loss per gain; INFINITY where a layer would be left with nothing. */
static double price(const nt_budget_state *s, const nt_budget_queue *q, int ch, double w)
{
    double weights = nt_budget_freed(s, ch), macs = 0;

    if (weights <= 0)
        return INFINITY;
    for (size_t i = s->first[ch]; i < s->first[ch + 1]; i++) {
        const nt_budget_extent *old = &s->layer[s->shares[i].layer];
        nt_budget_extent now = nt_budget_without(s, &s->shares[i]);

        macs += (nt_budget_weights(old) - nt_budget_weights(&now)) * old->macs_per_weight;
    }
    weights = (1 - w) * weights / s->weights + (s->macs > 0 ? w * macs / s->macs : 0);
    return weights > 0 ? loss(q, s->score[ch]) / weights : INFINITY;
}

/* The set whose next channel is the cheapest; -1 when none may go. */
static int cheapest(const nt_budget_state *s, const nt_prune_budget *b)
{
    double least = INFINITY;
    int best = -1;

    for (int i = 0; i < s->c->n_sets; i++) {
        const nt_budget_queue *q = &s->sets[i];
        double p;

        if (nt_budget_chunk(q, b->max[i]) == 0)
            continue;
        p = price(s, q, nt_budget_next(q), b->macs_weight);
        if (p < least) {
            least = p;
            best = i;
        }
    }
    return best;
}

static void to_size(bool *removed, nt_budget_state *s, const nt_prune_budget *b)
{
    double target = b->size * s->weights;

    while (s->weights > target) {
        int i = cheapest(s, b);

        if (i < 0)
            break;
        nt_budget_take(removed, s, &s->sets[i], nt_budget_chunk(&s->sets[i], b->max[i]));
    }
}

/* ---- to a share of the time */

enum { AHEAD = 16 }; /* chunks of a set that are looked at together */

/* What may go together, and what it is worth. */
typedef struct move {
    int set, n;   /* channels */
    double price; /* loss per time saved */
} move;

typedef struct timed {
    nt_budget_state *s, trial; /* the trial shares all with s but the layers, and one queue */
    const nt_prune_budget *b;
    double *ms; /* per layer, as it is in s */
    double left;
} timed;

static double layer_ms(const timed *t, const nt_budget_state *s, int i)
{
    return t->b->clock->ms(t->b->clock->table, i, s->layer[i].in, s->layer[i].out);
}

static void look_at_clock(timed *t)
{
    t->left = 0;
    for (int i = 0; i < t->s->c->n_layers; i++)
        t->left += t->ms[i] = layer_ms(t, t->s, i);
}

/* Of the layers that differ in the trial. */
static double saved(const timed *t)
{
    double sum = 0;

    for (int i = 0; i < t->s->c->n_layers; i++) {
        const nt_budget_extent *a = &t->s->layer[i], *b = &t->trial.layer[i];

        if (a->in != b->in || a->out != b->out)
            sum += t->ms[i] - layer_ms(t, &t->trial, i);
    }
    return sum;
}

/* n channels of the queue go; what that loses. */
static double lose(nt_budget_state *s, nt_budget_queue *q, int n)
{
    double sum = 0;

    for (; n > 0 && nt_budget_freed(s, nt_budget_next(q)) > 0; n--) {
        sum += loss(q, s->score[nt_budget_next(q)]);
        nt_budget_take(NULL, s, q, 1);
    }
    return n > 0 ? INFINITY : sum;
}

/* The best that one set has. */
static move best_of_set(timed *t, int set)
{
    nt_budget_queue q = t->s->sets[set];
    move best = {.set = set, .price = INFINITY};
    size_t bytes = (size_t)t->s->c->n_layers * sizeof *t->trial.layer;
    double lost = 0;

    memcpy(t->trial.layer, t->s->layer, bytes);
    for (int k = 0; k < AHEAD; k++) {
        int n = nt_budget_chunk(&q, t->b->max[set]);
        double ms;

        if (n == 0 || isinf(lost += lose(&t->trial, &q, n)))
            break;
        ms = saved(t) / t->left;
        if (ms > 0 && lost / ms < best.price) {
            best.n = t->s->sets[set].left - q.left;
            best.price = lost / ms;
        }
    }
    return best;
}

static void to_time(bool *removed, timed *t)
{
    double target;

    look_at_clock(t);
    target = t->b->size * t->left;
    while (t->left > target) {
        move best = {.price = INFINITY};

        for (int i = 0; i < t->s->c->n_sets; i++) {
            move m = best_of_set(t, i);

            if (m.price < best.price)
                best = m;
        }
        if (isinf(best.price))
            break;
        nt_budget_take(removed, t->s, &t->s->sets[best.set], best.n);
        look_at_clock(t);
    }
}

static nt_status prune_to_time(bool *removed, nt_budget_state *s, const nt_prune_budget *b,
                               nt_err *e)
{
    size_t n = (size_t)s->c->n_layers + 1;
    timed t = {.s = s, .trial = *s, .b = b, .ms = nt_calloc(n, sizeof *t.ms)};
    nt_status st = NT_OK;

    t.trial.layer = nt_calloc(n, sizeof *t.trial.layer);
    if (t.ms && t.trial.layer)
        to_time(removed, &t);
    else
        st = nt_fail_nomem(e);
    nt_free(t.trial.layer);
    nt_free(t.ms);
    return st;
}

nt_status nt_prune_to_budget(bool *removed, const nt_channels *c, const double *score,
                             const nt_prune_budget *b, nt_err *e)
{
    nt_budget_state s;
    nt_status st;

    memset(removed, 0, (size_t)c->n_channels * sizeof *removed);
    st = nt_budget_open(&s, c, score, b->round, e);
    if (st == NT_OK && b->clock)
        st = prune_to_time(removed, &s, b, e);
    else if (st == NT_OK)
        to_size(removed, &s, b);
    nt_budget_release(&s);
    return st;
}
