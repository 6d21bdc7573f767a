/* SPDX-License-Identifier: MIT */
/* The search for the least time, on made-up networks: what a time costs is known here. */
#include "test.h"

#include "search/search.h"

#include <math.h>
#include <stdio.h>

#define REF_MS 10.0

/* A network pruned to a share of the time comes out at `bias` times that, but never below
 * `floor`; the drop is 1 at `knee` after a long training, and `slope` more with each halving.
 */
typedef struct world {
    double knee, slope, gain, bias, floor;
    double int8, int8_drop; /* what int8 makes of the time, and adds to the drop */
} world;

static const nt_search_stage *stage(const nt_candidate *c, const nt_stage_kind *kind)
{
    for (int k = 0; k < c->n_stages; k++)
        if (c->stage[k].kind == kind)
            return &c->stage[k];
    return NULL;
}

static nt_measure measure(const world *w, const nt_search *q, const nt_candidate *c)
{
    const nt_search_stage *cut = stage(c, &nt_stage_prune), *train = stage(c, &nt_stage_train);
    const nt_search_stage *int8 = stage(c, &nt_stage_quantize);
    nt_measure m = {.time_share = 1, .seconds = 10};

    if (c->parent >= 0) {
        m.time_share = q->v[c->parent].m.time_share;
        m.drop = q->v[c->parent].m.drop;
    }
    if (cut) {
        m.time_share = fmax(cut->time * w->bias, w->floor);
        m.drop = 1 + w->slope * log2(w->knee / m.time_share) + w->gain;
    }
    if (train && train->full)
        m.drop -= w->gain;
    if (int8) {
        m.time_share *= w->int8;
        m.drop += int8->trains ? 0 : w->int8_drop;
    }
    m.latency_ms = m.time_share * REF_MS;
    m.bytes = 1000;
    return m;
}

static void open_search(nt_search *q, double delta, double target_ms)
{
    *q = (nt_search){.strategy = nt_strategy_find("latency")};
    assert_non_null(q->strategy);
    q->o = q->strategy->defaults(1, false);
    q->o.delta = delta;
    q->o.target = target_ms / REF_MS;
    q->o.long_cost = 4;
    q->o.low_bits = true;
    q->ref = (nt_measure){.bytes = 1000, .latency_ms = REF_MS, .time_share = 1};
}

static int run(nt_search *q, const world *w)
{
    for (int n = 1, k = 0; n > 0; k++) {
        assert_true(k < 60);
        assert_ok(nt_search_next(q, 1, &n, e));
        for (int i = q->n - n; i < q->n; i++) {
            nt_measure m = measure(w, q, &q->v[i]);

            snprintf(q->v[i].id, sizeof q->v[i].id, "c%d", i);
            nt_search_told(q, i, &m);
        }
    }
    return nt_search_best(q, NULL);
}

NT_TEST(it_ends_close_above_the_least_time_that_holds)
{
    for (double knee = 0.7; knee > 0.1; knee *= 0.85) {
        world w = {.knee = knee, .slope = 1, .gain = 0.6, .bias = 1.1, .int8 = 1.5};
        nt_search q;
        int best;

        open_search(&q, 1, 0);
        q.o.steps = 20;
        best = run(&q, &w);
        assert_true(best >= 0 && q.v[best].m.drop <= 1);
        assert_true(q.v[best].m.time_share <= knee * q.o.close * 1.12);
        nt_search_release(&q);
    }
}

NT_TEST(smaller_and_no_faster_is_no_result)
{
    world w = {.knee = 0.01, .slope = 1, .bias = 1, .floor = 1.1, .int8 = 1.5};
    nt_search q;

    open_search(&q, 1, 0);
    assert_int_equal(run(&q, &w), -1);
    assert_true(q.n <= q.o.steps);
    nt_search_release(&q);
}

NT_TEST(int8_follows_where_it_is_faster_and_holds)
{
    world w = {.knee = 0.4, .slope = 1, .gain = 0.5, .bias = 1, .int8 = 0.5};
    nt_search q;
    int best;

    open_search(&q, 1, 0);
    best = run(&q, &w);
    assert_true(best >= 0 && nt_candidate_is(&q.v[best], &nt_stage_quantize));
    assert_false(q.v[best].stage[0].trains);
    assert_true(q.v[best].m.time_share < 0.26);
    nt_search_release(&q);
    w.int8_drop = 5; /* at once it fails, trained it holds */
    open_search(&q, 1, 0);
    best = run(&q, &w);
    assert_true(best >= 0 && q.v[best].stage[0].trains);
    nt_search_release(&q);
    open_search(&q, 1, 0);
    q.o.low_bits = false; /* the export cannot carry it */
    best = run(&q, &w);
    assert_true(best >= 0 && !nt_candidate_is(&q.v[best], &nt_stage_quantize));
    nt_search_release(&q);
}

NT_TEST(a_target_is_met_with_the_best_metric)
{
    world w = {.knee = 0.4, .slope = 1, .bias = 1.2, .int8 = 0.5, .int8_drop = 0.1};
    nt_search q;
    int best;

    open_search(&q, 1, 6); /* int8 alone is fast enough */
    best = run(&q, &w);
    assert_int_equal(best, 0);
    assert_int_equal(q.n, 1);
    nt_search_release(&q);
    open_search(&q, 1, 3); /* pruned and in int8 it is better than pruned alone */
    best = run(&q, &w);
    assert_true(best >= 0 && q.v[best].m.time_share <= 0.3);
    assert_int_equal(q.v[best].n_stages, 3);
    assert_true(q.v[best].m.time_share > 0.25);
    nt_search_release(&q);
    w.int8 = 1.3; /* no help */
    open_search(&q, 1, 3);
    best = run(&q, &w);
    assert_true(best >= 0 && q.v[best].m.time_share <= 0.3);
    assert_null(stage(&q.v[best], &nt_stage_quantize));
    nt_search_release(&q);
    w.floor = 0.5; /* it cannot be met */
    open_search(&q, 1, 3);
    assert_int_equal(run(&q, &w), -1);
    nt_search_release(&q);
}

/* ---- two searches under one delta */

static void open_two(nt_search *q)
{
    static const char *const names[] = {"compression", "quantization"};

    *q = (nt_search){.n_phases = 2};
    for (int i = 0; i < 2; i++) {
        q->phase[i].strategy = nt_strategy_find(names[i]);
        q->phase[i].o = q->phase[i].strategy->defaults(1, false);
        q->phase[i].o.delta = i == 0 ? 0.5 : 1;
        q->phase[i].o.long_cost = 4;
    }
    q->ref = (nt_measure){.bytes = 4000000, .params = 1000000, .time_share = 1};
    nt_search_begin(q);
}

/* Bytes by what is pruned and by bits; both cost accuracy. */
static nt_measure both(const nt_search *q, const nt_candidate *c)
{
    const nt_search_stage *cut = stage(c, &nt_stage_prune), *low = stage(c, &nt_stage_quantize);
    nt_measure m = c->parent >= 0 ? q->v[c->parent].m : q->ref;

    m.seconds = 10;
    if (cut) {
        m.bytes = (int64_t)(4e6 * cut->size);
        m.params = m.bytes / 4;
        m.drop = 0.25 * log2(1 / cut->size);
    }
    if (low) {
        m.bytes = (int64_t)((double)m.bytes * low->bits / 32);
        m.drop += 1 / (low->bits * low->bits);
    }
    return m;
}

static void step_two(nt_search *q, int *n)
{
    assert_ok(nt_search_next(q, 1, n, e));
    for (int i = q->n - *n; i < q->n; i++) {
        nt_measure m = both(q, &q->v[i]);

        snprintf(q->v[i].id, sizeof q->v[i].id, "c%d", i);
        nt_search_told(q, i, &m);
    }
}

NT_TEST(quantization_goes_on_from_the_best_of_compression)
{
    nt_search q;
    int best, n = 1;

    open_two(&q);
    for (int k = 0; n > 0; k++) {
        assert_true(k < 60);
        step_two(&q, &n);
    }
    best = nt_search_best(&q, NULL);
    assert_int_equal(q.at, 1);
    assert_true(q.base >= 0 && q.v[q.base].m.drop <= 0.5);
    for (int i = 0; i < q.n; i++)
        assert_int_equal(q.v[i].phase, i >= q.first);
    for (int i = q.first; i < q.n; i++)
        assert_true(nt_search_is_train(&q, i) || q.v[i].parent == q.base);
    assert_true(best >= q.first && q.v[best].m.drop <= 1);
    assert_true(q.v[best].m.bytes < q.v[q.base].m.bytes / 8);
    nt_search_release(&q);
}

/* Stopped after each number of steps and gone on with, it is the same search. */
NT_TEST(two_searches_that_were_stopped_go_on_as_one)
{
    nt_search whole;
    int n = 1;

    open_two(&whole);
    while (n > 0)
        step_two(&whole, &n);
    for (int stop = 1; stop < whole.n; stop++) {
        nt_search q;

        open_two(&q);
        for (int i = 0; i < stop; i++)
            assert_ok(nt_search_add(&q, &whole.v[i], e));
        nt_search_go_on(&q);
        for (n = 1; n > 0;)
            step_two(&q, &n);
        assert_int_equal(q.n, whole.n);
        assert_int_equal(q.base, whole.base);
        assert_int_equal(q.v[q.n - 1].m.bytes, whole.v[q.n - 1].m.bytes);
        nt_search_release(&q);
    }
    nt_search_release(&whole);
}

NT_TEST_MAIN
