/* SPDX-License-Identifier: MIT */
/* The search on made-up networks: what a size costs is known here, the search has to find it.
 */
#include "test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "search/search.h"
#include "search/state.h"

#include <math.h>
#include <stdio.h>

#define REF_PARAMS 1000000

/* The drop falls with the logarithm of the size; a long training takes `gain` off. */
typedef struct world {
    double knee;  /* size at which a long training leaves a drop of 1 */
    double slope; /* drop per halving */
    double gain, noise;
    double floor; /* nothing gets smaller than this share */
    double grid;  /* sizes come out as powers of it, at most what was asked for; 0: as asked */
    nt_rng rng;
} world;

static void open_search(nt_search *q, double delta)
{
    *q = (nt_search){.strategy = &nt_strategy_compression,
                     .o = nt_strategy_compression.defaults(1, false)};
    q->o.delta = delta;
    q->o.long_cost = 4;
    q->ref.params = REF_PARAMS;
    q->ref.bytes = 4 * q->ref.params;
}

static double size_of(const nt_search *q, int i)
{
    return i < 0 ? 1 : (double)q->v[i].m.params / REF_PARAMS;
}

/* A layer "a" that can be cut for nothing and a layer "b" that cannot. */
static nt_search_layer *two_layers(int64_t params)
{
    nt_search_layer *l = nt_calloc(2, sizeof *l);

    snprintf(l[0].name, sizeof l[0].name, "a");
    snprintf(l[1].name, sizeof l[1].name, "b");
    l[0].outputs = params / 1000;
    l[0].params = params / 4;
    l[1].outputs = 64;
    l[1].params = params / 2;
    return l;
}

static nt_measure measure(world *w, const nt_search *q, int i)
{
    const nt_candidate *c = &q->v[i];
    double size = nt_candidate_is(c, &nt_stage_prune) ? fmax(c->stage[0].size, w->floor)
                                                      : size_of(q, c->parent);
    nt_measure m = {.seconds = nt_candidate_is(c, &nt_stage_train) ? 40 : 10, .n_layers = 2};

    if (nt_candidate_is(c, &nt_stage_prune) && w->grid > 0)
        size = pow(w->grid, ceil(log(size) / log(w->grid) - 1e-9));
    if (nt_candidate_is(c, &nt_stage_cut))
        size *= 0.97;
    m.params = (int64_t)(size * REF_PARAMS);
    m.bytes = 4 * m.params;
    m.drop = 1 + w->slope * log2(w->knee / size);
    if (w->noise > 0)
        m.drop += w->noise * nt_rng_normal(&w->rng);
    if (nt_candidate_is(c, &nt_stage_prune))
        m.drop += w->gain;
    if (nt_candidate_is(c, &nt_stage_cut))
        m.drop = c->stage[0].layer[0] == 'a' ? 0.5 : 9;
    m.layers = two_layers(m.params);
    return m;
}

/* One round; false when the search has ended. */
static bool round_of(nt_search *q, world *w, int max)
{
    int n, first = q->n;

    assert_ok(nt_search_next(q, max, &n, e));
    assert_int_equal(q->n, first + n);
    for (int i = first; i < q->n; i++) {
        nt_measure m = measure(w, q, i);

        snprintf(q->v[i].id, sizeof q->v[i].id, "c%d", i);
        q->elapsed_s += m.seconds;
        nt_search_told(q, i, &m);
    }
    return n > 0;
}

static void run(nt_search *q, world *w)
{
    for (int i = 0; round_of(q, w, 1); i++)
        assert_true(i < 100);
}

NT_TEST(the_search_ends_close_above_the_smallest_size_that_holds)
{
    for (double knee = 0.6; knee > 0.01; knee *= 0.8) {
        world w = {.knee = knee, .slope = 0.7, .gain = 0.6};
        nt_search q;
        int best;

        open_search(&q, 1);
        q.o.steps = 20;
        run(&q, &w);
        best = nt_search_best(&q, NULL);
        assert_true(best >= 0);
        assert_true(q.v[best].m.drop <= 1);
        assert_true(size_of(&q, best) <= knee * q.o.close * 1.01);
        nt_search_release(&q);
    }
}

NT_TEST(noise_never_makes_it_deliver_what_was_measured_to_fail)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        world w = {.knee = 0.05, .slope = 0.7, .gain = 0.6, .noise = 0.3};
        nt_search q;
        int best;

        nt_rng_init(&w.rng, seed);
        open_search(&q, 1);
        run(&q, &w);
        best = nt_search_best(&q, NULL);
        assert_true(q.n <= q.o.steps);
        assert_true(best < 0 || q.v[best].m.drop <= 1);
        assert_true(best >= 0 && size_of(&q, best) < 0.2);
        nt_search_release(&q);
    }
}

NT_TEST(where_nothing_holds_there_is_no_best)
{
    world w = {.knee = 5, .slope = 3, .gain = 1};
    nt_search q;

    open_search(&q, 0.5);
    run(&q, &w);
    assert_int_equal(nt_search_best(&q, NULL), -1);
    assert_true(q.n > 0 && q.n <= q.o.steps);
    nt_search_release(&q);
}

NT_TEST(the_best_ends_with_a_long_training)
{
    world w = {.knee = 0.2, .slope = 2, .gain = 0.1};
    nt_search q;
    int best;

    open_search(&q, 1);
    run(&q, &w);
    best = nt_search_best(&q, NULL);
    assert_true(nt_candidate_is(&q.v[best], &nt_stage_train));
    nt_search_release(&q);
}

NT_TEST(what_cannot_shrink_ends_the_search)
{
    world w = {.knee = 0.001, .slope = 0.5, .gain = 0.1, .floor = 0.6};
    nt_search q;

    open_search(&q, 1);
    run(&q, &w);
    assert_true(q.n <= 3); /* to the floor, against it, the long training */
    assert_float_equal(size_of(&q, nt_search_best(&q, NULL)), 0.6, 1e-6);
    nt_search_release(&q);
}

NT_TEST(time_is_kept_back_for_the_last_training)
{
    for (double time = 30; time < 400; time += 10) {
        world w = {.knee = 0.03, .slope = 0.7, .gain = 0.6};
        nt_search q;

        open_search(&q, 1);
        q.o.time_s = time;
        run(&q, &w);
        assert_true(q.elapsed_s <= time);
        if (time >= 70)
            assert_true(nt_candidate_is(&q.v[nt_search_best(&q, NULL)], &nt_stage_train));
        nt_search_release(&q);
    }
}

NT_TEST(a_dry_run_is_one_prune_and_one_training)
{
    world w = {.knee = 5, .slope = 3, .gain = 1};
    nt_search q;

    open_search(&q, 1);
    q.o.dry = true;
    run(&q, &w);
    assert_int_equal(q.n, 2);
    assert_true(nt_candidate_is(&q.v[0], &nt_stage_prune));
    assert_true(nt_candidate_is(&q.v[1], &nt_stage_train));
    nt_search_release(&q);
}

NT_TEST(deepsearch_cuts_layers_until_each_has_failed)
{
    world w = {.knee = 0.1, .slope = 2, .gain = 0.1};
    nt_search q;
    int b_cuts = 0, cuts = 0;

    open_search(&q, 1);
    q.o.deep_steps = 5;
    run(&q, &w);
    for (int i = 0; i < q.n; i++) {
        cuts += nt_candidate_is(&q.v[i], &nt_stage_cut);
        b_cuts += nt_candidate_is(&q.v[i], &nt_stage_cut) && q.v[i].stage[0].layer[0] == 'b';
    }
    assert_int_equal(cuts, 5);
    assert_int_equal(b_cuts, 1);
    assert_true(nt_candidate_is(&q.v[nt_search_best(&q, NULL)], &nt_stage_cut));
    nt_search_release(&q);
}

/* As of whole channels: what is asked for between two sizes comes out as the smaller one. */
NT_TEST(nothing_is_tried_twice_where_sizes_are_coarse)
{
    for (double knee = 0.6; knee > 0.01; knee *= 0.9) {
        world w = {.knee = knee, .slope = 0.7, .gain = 0.6, .grid = 0.75};
        nt_search q;

        open_search(&q, 1);
        q.o.steps = 100;
        run(&q, &w);
        assert_true(q.n < 30);
        for (int i = 0; i < q.n; i++)
            for (int k = 0; k < i; k++)
                assert_false(q.v[i].parent == q.v[k].parent &&
                             q.v[i].stage[0].kind == q.v[k].stage[0].kind &&
                             q.v[i].m.params == q.v[k].m.params);
        nt_search_release(&q);
    }
}

NT_TEST(several_at_a_time_need_nothing_of_each_other)
{
    world w = {.knee = 0.05, .slope = 0.7, .gain = 0.6};
    nt_search q;
    int first = 0, best;

    open_search(&q, 1);
    q.o.steps = 20;
    for (; round_of(&q, &w, 3); first = q.n)
        for (int i = first; i < q.n; i++)
            assert_true(q.v[i].parent < first);
    best = nt_search_best(&q, NULL);
    assert_true(size_of(&q, best) <= 0.05 * q.o.close * 1.01);
    nt_search_release(&q);
}

/* Stops after each possible number of rounds, goes on from what was written, and compares. */
NT_TEST(a_search_goes_on_from_its_state_as_if_it_had_not_stopped)
{
    for (int stop = 1; stop < 8; stop++) {
        world w = {.knee = 0.04, .slope = 0.7, .gain = 0.6}, v = w;
        nt_search q, p;
        cJSON *saved;

        open_search(&q, 1);
        for (int i = 0; i < stop; i++)
            (void)round_of(&q, &w, 1);
        saved = nt_search_json(&q);
        assert_non_null(saved);
        open_search(&p, 1);
        assert_ok(nt_search_restore(&p, saved, e));
        nt_json_free(saved);
        assert_int_equal(p.n, q.n);
        for (int i = 0; i < p.n; i++) {
            nt_measure m = measure(&v, &p, i);

            assert_float_equal(p.v[i].m.seconds, m.seconds, 1e-9);
            assert_int_equal(p.v[i].m.params, m.params); /* children are made of it */
            nt_search_told(&p, i, &m);
        }
        p.elapsed_s = q.elapsed_s;
        run(&q, &w);
        run(&p, &v);
        assert_int_equal(p.n, q.n);
        for (int i = 0; i < p.n; i++) {
            assert_int_equal(p.v[i].n_stages, q.v[i].n_stages);
            assert_ptr_equal(p.v[i].stage[0].kind, q.v[i].stage[0].kind);
            assert_int_equal(p.v[i].parent, q.v[i].parent);
            assert_float_equal(p.v[i].stage[0].size, q.v[i].stage[0].size, 1e-12);
        }
        nt_search_release(&q);
        nt_search_release(&p);
    }
}

NT_TEST(a_state_whose_parent_is_missing_is_refused)
{
    static const char text[] =
        "[{\"id\": \"x\", \"stages\": [{\"stage\": \"prune\"}], \"parent\": \"y\"}]";
    nt_search q;
    cJSON *j = NULL;

    open_search(&q, 1);
    assert_ok(nt_json_parse(&j, text, sizeof text - 1, e));
    assert_fails(NT_EFORMAT, "candidates: 'x' has no parent 'y'", nt_search_restore(&q, j, e));
    nt_json_free(j);
    nt_search_release(&q);
}

NT_TEST_MAIN
