/* SPDX-License-Identifier: MIT */
/*
 * The search for the fastest network that keeps its promise. What is pruned is pruned to a
 * share of the time, by a table of what this machine (or another, whose table is brought) takes
 * for so many channels; but only whole networks measured in turn with the reference count:
 * what is smaller and no faster has failed.
 *
 * 1. Down by pruning (descend.c).
 * 2. The best in int8: at once and, where that fails by little, trained briefly.
 *
 * With a target instead of delta, the best metric of what meets it is wanted:
 * 1. The reference in int8. If that is fast enough, it is the result.
 * 2. Pruned to the target, and trained at length; as long as that is too slow, pruned the more.
 * 3. Where int8 is faster: pruned only so far that int8 does the rest.
 */
#include "search/search.h"

#include <math.h>

enum { TRIES = 3 }; /* at a target */

#define CLOSER 0.97  /* what is too slow is asked for somewhat more than it lacks */
#define LEAST 1e-3   /* of the time is not asked for: no network comes to that */
#define SLOWEST 0.95 /* int8 that takes more of the time than that is no help */

static nt_search_opts defaults(int level, bool deepsearch)
{
    bool high = level > 1 || deepsearch;

    return (nt_search_opts){
        .ratio = high ? 0.65 : 0.5, .close = high ? 1.08 : 1.15, .steps = high ? 16 : 8};
}

static double cost(const nt_measure *m)
{
    return m->time_share;
}

static nt_search_stage in_int8(bool trains)
{
    return (nt_search_stage){.kind = &nt_stage_quantize, .bits = 8, .trains = trains};
}

/* Of the phase: the last one that is quantized as its first stage; -1: none is. */
static int last_int8(const nt_search *q)
{
    for (int i = q->n - 1; i >= q->first; i--)
        if (nt_candidate_is(&q->v[i], &nt_stage_quantize))
            return i;
    return -1;
}

static nt_status add_int8(nt_search *q, int parent, bool trains, int *n, nt_err *e)
{
    nt_candidate c = {.parent = parent,
                      .stage = {in_int8(trains), {.kind = &nt_stage_train}},
                      .n_stages = trains ? 2 : 1};

    *n = 1;
    return nt_search_add(q, &c, e);
}

/* ---- within delta */

/* The result of the descent in int8. */
static nt_status next_int8(nt_search *q, int *n, nt_err *e)
{
    int last = last_int8(q), from = q->o.dry ? q->n - 1 : nt_search_best_here(q);

    if (!q->o.low_bits || !nt_search_has_time(q, false, false))
        return NT_OK;
    if (last < 0)
        return add_int8(q, from, false, n, e);
    if (q->v[last].n_stages > 1 || nt_search_is_within(q, last) || q->o.dry ||
        q->v[last].m.time_share >= q->strategy->less * nt_search_share(q, q->v[last].parent))
        return NT_OK;
    return add_int8(q, q->v[last].parent, true, n, e);
}

/* ---- to a target */

/* The last one that was pruned and is (or is not) quantized behind that; -1: none. */
static int last_pruned(const nt_search *q, bool int8, int *count)
{
    int last = -1;

    *count = 0;
    for (int i = q->first; i < q->n; i++) {
        if (!nt_candidate_is(&q->v[i], &nt_stage_prune) ||
            nt_candidate_has(&q->v[i], &nt_stage_quantize) != int8)
            continue;
        last = i;
        ++*count;
    }
    return last;
}

/* Pruned to `share` of the time, as fp32 takes it. */
static nt_status add_aimed(nt_search *q, double share, bool int8, int *n, nt_err *e)
{
    nt_candidate c = {.parent = nt_search_base(q),
                      .stage = {{.kind = &nt_stage_prune, .time = fmax(share, LEAST)},
                                {.kind = &nt_stage_train, .full = true},
                                in_int8(false)},
                      .n_stages = int8 ? 3 : 2};

    *n = 1;
    return nt_search_add(q, &c, e);
}

/* first: the share that is asked for to begin with. */
static nt_status aim_at(nt_search *q, double first, bool int8, int *n, nt_err *e)
{
    int count, last = last_pruned(q, int8, &count);
    double asked;

    if (last < 0)
        return add_aimed(q, first, int8, n, e);
    if (nt_search_is_within(q, last) || count >= TRIES)
        return NT_OK;
    asked = q->v[last].stage[0].time;
    return add_aimed(q, asked * CLOSER * q->o.target / q->v[last].m.time_share, int8, n, e);
}

static nt_status next_at_target(nt_search *q, int *n, nt_err *e)
{
    int int8 = last_int8(q);
    double faster = int8 >= 0 ? q->v[int8].m.time_share : 1;
    nt_status s = NT_OK;

    if (q->n - q->first >= q->o.steps || !nt_search_has_time(q, true, false))
        return NT_OK;
    if (int8 < 0 && q->o.low_bits)
        return add_int8(q, nt_search_base(q), false, n, e);
    if (int8 >= 0 && nt_search_is_within(q, int8))
        return NT_OK;
    NT_TRY(aim_at(q, q->o.target, false, n, e));
    if (*n == 0 && faster < SLOWEST)
        NT_TRY(aim_at(q, fmin(q->o.target / faster, 1), true, n, e));
done:
    return s;
}

static nt_status next(nt_search *q, int max, int *n, nt_err *e)
{
    nt_status s = NT_OK;

    if (q->o.target > 0 && !q->o.dry)
        return next_at_target(q, n, e);
    if (last_int8(q) < 0)
        NT_TRY(nt_search_descend(q, max, n, e));
    if (*n == 0)
        NT_TRY(next_int8(q, n, e));
done:
    return s;
}

const nt_strategy nt_strategy_latency = {.name = "latency",
                                         .defaults = defaults,
                                         .next = next,
                                         .cost = cost,
                                         .less = 0.97,
                                         .by_time = true,
                                         .layers = "config_list",
                                         .long_rate = 0.1,
                                         .short_rate = 0.05};
