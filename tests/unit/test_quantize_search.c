/* SPDX-License-Identifier: MIT */
/* The search for the fewest bits, on made-up networks: what bits cost is known here. */
#include "test.h"

#include "search/search.h"
#include "search/state.h"

#include <math.h>
#include <stdio.h>

#define REF_BYTES 4000000
#define PARAMS 1000000

/* The drop is 1 at `knee` bits after a long training, and doubles with each `slope` bits less.
 */
typedef struct world {
    double knee, slope;
    double at_once, brief; /* how many bits more it takes without training, after a short one */
} world;

static void open_search(nt_search *q)
{
    *q = (nt_search){.strategy = nt_strategy_find("quantization")};
    assert_non_null(q->strategy);
    q->o = q->strategy->defaults(1, false);
    q->o.delta = 1;
    q->o.long_cost = 4;
    q->ref.bytes = REF_BYTES;
}

static const nt_search_stage *stage_of(const nt_search *q, int i)
{
    while (nt_search_is_train(q, i))
        i = q->v[i].parent;
    return &q->v[i].stage[0];
}

static nt_measure measure(const world *w, const nt_search *q, int i)
{
    const nt_search_stage *s = stage_of(q, i);
    double more = nt_search_is_train(q, i) ? 0 : s->trains ? w->brief : w->at_once;
    double bits = s->bits > 0 ? s->bits : 4; /* what the job says */

    return (nt_measure){.params = PARAMS,
                        .bytes = (int64_t)(REF_BYTES * bits / 32),
                        .drop = pow(2, (w->knee + more - bits) / w->slope),
                        .seconds = 10};
}

static int run(nt_search *q, const world *w)
{
    for (int n = 1, k = 0; n > 0; k++) {
        assert_true(k < 100);
        assert_ok(nt_search_next(q, 2, &n, e));
        for (int i = q->n - n; i < q->n; i++) {
            nt_measure m = measure(w, q, i);

            snprintf(q->v[i].id, sizeof q->v[i].id, "c%d", i);
            q->elapsed_s += m.seconds;
            nt_search_told(q, i, &m);
        }
    }
    return nt_search_best(q, NULL);
}

NT_TEST(the_search_ends_close_above_the_fewest_bits_that_hold)
{
    for (double knee = 2; knee < 8; knee += 0.37) {
        world w = {.knee = knee, .slope = 0.5, .at_once = 1, .brief = 0.3};
        nt_search q;
        int best;

        open_search(&q);
        q.o.steps = 40;
        best = run(&q, &w);
        if (best < 0)
            fail_msg("nothing holds at a knee of %g", knee);
        assert_true(stage_of(&q, best)->bits >= knee);
        assert_true(stage_of(&q, best)->bits <= fmax(knee * q.o.close, 2) + 0.01);
        nt_search_release(&q);
    }
}

NT_TEST(nothing_is_trained_while_quantizing_at_once_holds)
{
    world w = {.knee = 0.4, .slope = 0.5, .at_once = 0.5};
    nt_search q;

    open_search(&q);
    assert_true(run(&q, &w) >= 0);
    for (int i = 0; i < q.n; i++)
        assert_true(!nt_search_is_train(&q, i) && !stage_of(&q, i)->trains);
    assert_float_equal(stage_of(&q, nt_search_best(&q, NULL))->bits, 1, 0);
    nt_search_release(&q);
}

NT_TEST(a_network_that_bears_no_bits_ends_the_search_with_nothing)
{
    world w = {.knee = 30, .slope = 1};
    nt_search q;

    open_search(&q);
    assert_int_equal(run(&q, &w), -1);
    assert_true(q.n >= 2); /* at once, and trained */
    nt_search_release(&q);
}

NT_TEST(bits_that_are_given_are_tried_at_once_then_briefly_then_at_length)
{
    world w = {.knee = 4, .slope = 1, .at_once = 3, .brief = 1};
    nt_search q;

    open_search(&q);
    q.o.given = true;
    assert_int_equal(run(&q, &w), 2);
    assert_int_equal(q.n, 3);
    assert_false(stage_of(&q, 0)->trains);
    assert_true(stage_of(&q, 1)->trains);
    assert_true(nt_search_is_train(&q, 2));
    for (int i = 0; i < q.n; i++)
        assert_float_equal(stage_of(&q, i)->bits, 0, 0);
    nt_search_release(&q);
}

NT_TEST(steps_and_time_are_bounds)
{
    world w = {.knee = 2, .slope = 0.5, .at_once = 2, .brief = 1};
    nt_search q;

    open_search(&q);
    q.o.steps = 3;
    (void)run(&q, &w);
    assert_int_equal(q.n, 3);
    nt_search_release(&q);
    open_search(&q);
    q.o.time_s = 25;
    (void)run(&q, &w);
    assert_int_equal(q.n, 2);
    nt_search_release(&q);
}

NT_TEST(a_search_that_was_stopped_goes_on_with_the_same_stages)
{
    world w = {.knee = 2.2, .slope = 0.5, .at_once = 1, .brief = 0.5};
    nt_search q, r;
    cJSON *j;

    open_search(&q);
    (void)run(&q, &w);
    j = nt_search_json(&q);
    assert_non_null(j);
    open_search(&r);
    assert_ok(nt_search_restore(&r, j, e));
    assert_int_equal(r.n, q.n);
    for (int i = 0; i < q.n; i++) {
        assert_int_equal(r.v[i].n_stages, q.v[i].n_stages);
        assert_ptr_equal(r.v[i].stage[0].kind, q.v[i].stage[0].kind);
        assert_float_equal(r.v[i].stage[0].bits, q.v[i].stage[0].bits, 0);
        assert_int_equal(r.v[i].stage[0].trains, q.v[i].stage[0].trains);
    }
    nt_json_free(j);
    nt_search_release(&q);
    nt_search_release(&r);
}

NT_TEST_MAIN
