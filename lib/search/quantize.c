/* SPDX-License-Identifier: MIT */
/*
 * The search for the fewest bits that keep the promise. Every candidate is made of what the
 * search goes on from, the reference or another's result; the bits of its layers are what
 * nt-quantize chooses (by sensitivity, exactly) for so many bits of a weight on average.
 *
 * 1. Down a ladder of averages, quantized at once, until one fails.
 * 2. On from there prepared for training (LSQ), and trained briefly; one that fails gets a long
 *    training, unless it fails by more than these make up for.
 * 3. Between the fewest bits within delta and the most that failed for good the middle is
 * tried, until they are `close`. Where custom_compression says the bits, there is one rung: at
 * once, briefly, at length.
 */
#include "search/search.h"

#include <math.h>

static const double ladder[] = {8, 4, 3, 2.5, 2, 1.5, 1};

enum { RUNGS = sizeof ladder / sizeof *ladder };

static nt_search_opts defaults(int level, bool deepsearch)
{
    bool high = level > 1 || deepsearch;

    return (nt_search_opts){.close = high ? 1.05 : 1.15, .steps = high ? 20 : 12};
}

static double cost(const nt_measure *m)
{
    return (double)m->bytes;
}

/* ---- what is known */

static const nt_search_stage *quantized(const nt_search *q, int i)
{
    while (nt_search_is_train(q, i))
        i = q->v[i].parent;
    return nt_candidate_first(&q->v[i]);
}

static double bits_of(const nt_search *q, int i)
{
    return quantized(q, i)->bits;
}

/* The one at these bits that was (or was not) trained, briefly; -1: there is none. */
static int find(const nt_search *q, double bits, bool trains)
{
    for (int i = q->first; i < q->n; i++)
        if (!nt_search_is_train(q, i) && bits_of(q, i) == bits &&
            quantized(q, i)->trains == trains)
            return i;
    return -1;
}

/* Bits that are within delta, the fewest; INFINITY: none are. */
static double fewest(const nt_search *q)
{
    double bits = INFINITY;

    for (int i = q->first; i < q->n; i++)
        if (nt_search_is_within(q, i))
            bits = fmin(bits, bits_of(q, i));
    return bits;
}

/* The most bits below `ok` at which it failed at once. */
static double failed_at_once(const nt_search *q, double ok)
{
    double bits = -1;

    for (int i = q->first; i < q->n; i++)
        if (!quantized(q, i)->trains && !nt_search_is_within(q, i) && bits_of(q, i) < ok)
            bits = fmax(bits, bits_of(q, i));
    return bits;
}

static bool is_open(const nt_search *q, int i)
{
    return !nt_search_was_trained(q, i) && q->v[i].m.drop <= q->o.delta + nt_search_recovery(q);
}

/* The most bits below `ok` at which trainings failed, too; -1: none. */
static double failed_for_good(const nt_search *q, double ok)
{
    double bits = -1;

    for (int i = q->first; i < q->n; i++)
        if (quantized(q, i)->trains && !nt_search_is_within(q, i) && !is_open(q, i) &&
            bits_of(q, i) < ok)
            bits = fmax(bits, bits_of(q, i));
    return bits;
}

/* ---- what next */

static nt_status add(nt_search *q, double bits, bool trains, int *n, nt_err *e)
{
    nt_candidate c = {.parent = nt_search_base(q),
                      .stage = {{.kind = &nt_stage_quantize, .bits = bits, .trains = trains},
                                {.kind = &nt_stage_train}},
                      .n_stages = trains ? 2 : 1};

    *n = 1;
    return nt_search_add(q, &c, e);
}

/* Which bits to try: the next rung below, or between what holds and what failed; -1: none. */
static double next_bits(const nt_search *q)
{
    double ok = fewest(q), bad = failed_for_good(q, ok);

    if (q->o.given)
        return ok == INFINITY && bad < 0 ? 0 : -1;
    for (int k = 0; k < RUNGS; k++)
        if (ladder[k] < ok && ladder[k] > bad)
            return ladder[k];
    if (bad > 0 && ok < INFINITY && ok / bad > q->o.close)
        return round(100 * sqrt(ok * bad)) / 100;
    return -1;
}

static nt_status next_dry(nt_search *q, int *n, nt_err *e)
{
    double bits = q->o.given ? 0 : ladder[0];
    int made = q->n - q->first;

    return made < 2 ? add(q, bits, made == 1, n, e) : NT_OK;
}

/* One at a time: what is tried depends on what came before. */
static nt_status next(nt_search *q, int max, int *n, nt_err *e)
{
    double bits = next_bits(q);
    int at_once, trained;

    (void)max;
    if (q->o.dry)
        return next_dry(q, n, e);
    if (bits < 0 || q->n - q->first >= q->o.steps || !nt_search_has_time(q, false, false))
        return NT_OK;
    at_once = find(q, bits, false);
    trained = find(q, bits, true);
    if (at_once < 0 && bits > failed_at_once(q, fewest(q)))
        return add(q, bits, false, n, e);
    if (trained < 0)
        return add(q, bits, true, n, e);
    return nt_search_has_time(q, true, false) ? nt_search_add_train(q, trained, n, e) : NT_OK;
}

const nt_strategy nt_strategy_quantization = {.name = "quantization",
                                              .defaults = defaults,
                                              .next = next,
                                              .cost = cost,
                                              .less = 0.99,
                                              .layers = "custom_compression",
                                              .long_rate = 0.01, /* weights move little */
                                              .short_rate = 0.01};
