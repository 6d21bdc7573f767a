/* SPDX-License-Identifier: MIT */
/* The search on made-up networks: what a size costs is known here, the search has to find it.
 */
#include "test.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "search/score.h"
#include "search/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REF_PARAMS 1000000

enum { WAYS = 6 };

/* The drop falls with the logarithm of the size; a long training takes `gain` off. */
typedef struct world {
    double knee;  /* size at which a long training leaves a drop of 1 */
    double slope; /* drop per halving */
    double gain, noise;
    double floor; /* nothing gets smaller than this share */
    double grid;  /* sizes come out as powers of it, at most what was asked for; 0: as asked */
    double untrained;             /* drop of what was only scored, more than when trained */
    double seen[WAYS], has[WAYS]; /* drop of a way more, as scored and as trained */
    bool slim_stays;              /* so much larger than asked for, and so much better */
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

/* Of a stage that prunes: 0 is what is done where nothing is scored. */
static int way_of(const nt_search_stage *s)
{
    static const struct {
        const char *criterion;
        double macs_weight;
    } known[WAYS] = {{"", 0}, {"slim", 0}, {"fpgm", 0}, {"", 0.5}, {"taylor", 0}, {"l2", 0}};

    for (int i = 0; i < WAYS; i++)
        if (strcmp(s->way.criterion, known[i].criterion) == 0 &&
            s->way.macs_weight == known[i].macs_weight)
            return i;
    fail_msg("no way by '%s' with %g", s->way.criterion, s->way.macs_weight);
    return -1;
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

/* What the way costs by which candidate i was pruned, or what it was trained from. */
static double way_cost(const world *w, const nt_search *q, int i)
{
    int way;

    while (nt_search_is_train(q, i))
        i = q->v[i].parent;
    if (!nt_candidate_is(&q->v[i], &nt_stage_prune))
        return 0;
    way = way_of(&q->v[i].stage[0]);
    return nt_search_is_scored(q, i) ? w->untrained + w->seen[way] : w->has[way];
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
    if (w->slim_stays && nt_candidate_is(c, &nt_stage_prune) && way_of(&c->stage[0]) == 1)
        size = 0.9;
    m.params = (int64_t)(size * REF_PARAMS);
    m.bytes = 4 * m.params;
    m.drop = 1 + w->slope * log2(w->knee / size);
    if (w->noise > 0)
        m.drop += w->noise * nt_rng_normal(&w->rng);
    m.drop += way_cost(w, q, i);
    if (nt_candidate_is(c, &nt_stage_prune))
        m.drop += w->gain;
    if (nt_search_is_scored(q, i))
        m.seconds = 2;
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

/* ---- ways to one size */

static void open_scoring(nt_search *q, int ways, int keep)
{
    open_search(q, 1);
    q->o.scored = 100;
    q->o.ways = ways;
    q->o.keep = keep;
    q->o.settle = 5;
    q->o.has_gradients = true;
    q->ref.has_norms = q->ref.all_norms = true;
}

/* A long way up from what is trained; the third way is the best. */
static world third_is_best(void)
{
    return (world){.knee = 0.05,
                   .slope = 0.7,
                   .gain = 0.6,
                   .untrained = 5,
                   .seen = {1, 2, 0, 3, 4, 5},
                   .has = {0.3, 0.4, 0, 0.5, 0.6, 0.7}};
}

static int count_scored(const nt_search *q)
{
    int n = 0;

    for (int i = 0; i < q->n; i++)
        n += nt_search_is_scored(q, i);
    return n;
}

/* Of the scored ones of candidate i's size. */
static int scored_beside(const nt_search *q, int i)
{
    int n = 0;

    for (int k = 0; k < i; k++)
        n += nt_search_is_scored(q, k) && q->v[k].parent == q->v[i].parent &&
             q->v[k].stage[0].size == q->v[i].stage[0].size;
    return n;
}

static bool is_trained_prune(const nt_search *q, int i)
{
    return nt_candidate_is(&q->v[i], &nt_stage_prune) && !nt_search_is_scored(q, i);
}

NT_TEST(each_size_is_scored_by_all_ways_and_only_the_best_is_trained)
{
    for (int max = 1; max <= 2; max++) {
        world w = third_is_best();
        nt_search q;
        int pruned = 0;

        open_scoring(&q, 3, 1);
        while (round_of(&q, &w, max))
            ;
        for (int i = 0; i < q.n; i++) {
            if (!is_trained_prune(&q, i))
                continue;
            pruned++;
            assert_int_equal(way_of(&q.v[i].stage[0]), 2);
            assert_int_equal(scored_beside(&q, i), 3);
        }
        assert_true(pruned >= 3);
        assert_int_equal(count_scored(&q), 3 * pruned);
        assert_true(nt_search_count_steps(&q) <= q.o.steps);
        nt_search_release(&q);
    }
}

static void are_same(const nt_candidate *a, const nt_candidate *b)
{
    assert_int_equal(a->n_stages, b->n_stages);
    assert_int_equal(a->parent, b->parent);
    for (int i = 0; i < a->n_stages; i++) {
        assert_ptr_equal(a->stage[i].kind, b->stage[i].kind);
        assert_float_equal(a->stage[i].size, b->stage[i].size, 1e-12);
        assert_string_equal(a->stage[i].way.criterion, b->stage[i].way.criterion);
        assert_float_equal(a->stage[i].way.macs_weight, b->stage[i].way.macs_weight, 0);
        assert_int_equal(a->stage[i].way.round, b->stage[i].way.round);
        assert_int_equal(a->stage[i].batches, b->stage[i].batches);
    }
}

NT_TEST(a_search_that_scores_is_the_same_however_many_are_made_at_a_time)
{
    nt_search q[2];

    for (int i = 0; i < 2; i++) {
        world w = third_is_best();

        open_scoring(&q[i], 3, 1);
        while (round_of(&q[i], &w, i ? 4 : 1))
            ;
    }
    assert_int_equal(q[0].n, q[1].n);
    for (int i = 0; i < q[0].n; i++)
        are_same(&q[0].v[i], &q[1].v[i]);
    nt_search_release(&q[0]);
    nt_search_release(&q[1]);
}

NT_TEST(scoring_finds_a_smaller_network_in_as_many_steps)
{
    world w = third_is_best(), v = w;
    nt_search with, without;

    open_scoring(&with, 3, 1);
    open_search(&without, 1);
    run(&with, &w);
    run(&without, &v);
    assert_true(nt_search_count_steps(&with) <= without.o.steps);
    assert_true(size_of(&with, nt_search_best(&with, NULL)) <
                0.95 * size_of(&without, nt_search_best(&without, NULL)));
    nt_search_release(&with);
    nt_search_release(&without);
}

/* The second by its score is the first when trained. */
NT_TEST(of_two_that_are_trained_the_search_goes_on_from_the_better)
{
    world w = third_is_best();
    nt_search q;
    int from = 0;

    w.has[0] = -0.2;
    open_scoring(&q, 5, 2);
    q.o.steps = 16;
    run(&q, &w);
    for (int i = 0; i < q.n; i++) {
        int parent = q.v[i].parent;

        if (is_trained_prune(&q, i))
            assert_true(way_of(&q.v[i].stage[0]) == 0 || way_of(&q.v[i].stage[0]) == 2);
        if (parent < 0 || !is_trained_prune(&q, parent))
            continue;
        from++;
        assert_int_equal(way_of(&q.v[parent].stage[0]), 0);
    }
    assert_true(from > 0);
    assert_true(nt_search_count_steps(&q) <= 16);
    assert_true(nt_candidate_is(&q.v[nt_search_best(&q, NULL)], &nt_stage_train));
    nt_search_release(&q);
}

NT_TEST(scored_ones_have_their_own_bound)
{
    for (int64_t bound = 0; bound < 9; bound++) {
        world w = third_is_best();
        nt_search q;

        open_scoring(&q, 3, 1);
        q.o.scored = bound;
        run(&q, &w);
        assert_true(count_scored(&q) <= bound);
        assert_true(bound < 2 ? count_scored(&q) == 0 : count_scored(&q) >= bound - 1);
        assert_true(nt_search_count_steps(&q) > 1);
        assert_true(nt_search_count_steps(&q) <= q.o.steps);
        nt_search_release(&q);
    }
}

NT_TEST(only_ways_that_the_network_and_the_data_have_are_tried)
{
    for (int norms = 0; norms < 2; norms++) {
        world w = third_is_best();
        nt_search q;

        open_scoring(&q, WAYS, 1);
        q.ref.has_norms = norms;
        q.o.has_gradients = norms;
        assert_true(round_of(&q, &w, 1));
        assert_int_equal(q.n, norms ? WAYS : WAYS - 2);
        for (int i = 0; i < q.n; i++) {
            assert_int_equal(q.v[i].n_stages, 1 + norms);
            assert_true(norms ||
                        (way_of(&q.v[i].stage[0]) != 1 && way_of(&q.v[i].stage[0]) != 4));
            if (norms)
                assert_ptr_equal(q.v[i].stage[1].kind, &nt_stage_settle);
        }
        nt_search_release(&q);
    }
}

NT_TEST(a_way_that_does_not_lead_to_the_size_is_not_taken_for_better)
{
    world w = third_is_best();
    nt_search q;

    w.seen[1] = w.has[1] = -9;
    w.slim_stays = true;
    open_scoring(&q, 3, 1);
    assert_true(round_of(&q, &w, 1));
    assert_true(round_of(&q, &w, 1));
    assert_int_equal(q.n, 4);
    assert_int_equal(way_of(&q.v[3].stage[0]), 2);
    nt_search_release(&q);
}

/* Never trained to what it was: here what is trained gets worse. */
NT_TEST(what_was_only_scored_is_a_result_where_nothing_better_is)
{
    world w = {.knee = 0.3, .slope = 0.7, .untrained = -3, .has = {2, 2, 2, 2, 2, 2}};
    nt_search q;
    int best;

    open_scoring(&q, 3, 1);
    run(&q, &w);
    best = nt_search_best(&q, NULL);
    assert_true(best >= 0 && nt_search_is_scored(&q, best));
    for (int i = 0; i < q.n; i++)
        assert_true(q.v[i].parent < 0 || !nt_search_is_scored(&q, q.v[i].parent));
    nt_search_release(&q);
}

/* Smaller by less than counts, and within delta, but worse than what was trained. */
NT_TEST(what_was_passed_over_is_no_result_for_some_bytes)
{
    nt_search q;
    const nt_candidate scored = {.parent = -1, .stage = {{.kind = &nt_stage_prune}}},
                       trained = {
                           .parent = -1,
                           .stage = {{.kind = &nt_stage_prune}, {.kind = &nt_stage_train}}};

    open_search(&q, 1);
    for (int i = 0; i < 2; i++) {
        nt_measure m = {.params = 1, .bytes = i ? 400000 : 399000, .drop = i ? 0.2 : 0.9};

        assert_ok(nt_search_add(&q, i ? &trained : &scored, e));
        q.v[i].n_stages = 1 + i;
        nt_search_told(&q, i, &m);
    }
    assert_int_equal(nt_search_best(&q, NULL), 1);
    assert_int_equal(nt_search_best(&q, (bool[]){false, true}), 0);
    q.v[0].m.bytes = 300000; /* that is less */
    assert_int_equal(nt_search_best(&q, NULL), 0);
    nt_search_release(&q);
}

NT_TEST(time_is_kept_back_where_ways_are_scored_too)
{
    for (double time = 30; time < 400; time += 10) {
        world w = third_is_best();
        nt_search q;

        open_scoring(&q, 3, 1);
        q.o.time_s = time;
        run(&q, &w);
        assert_true(q.elapsed_s <= time);
        nt_search_release(&q);
    }
}

NT_TEST(a_dry_run_that_scores_trains_one_of_them)
{
    world w = third_is_best();
    nt_search q;

    open_scoring(&q, 3, 2);
    q.o.dry = true;
    run(&q, &w);
    assert_int_equal(q.n, 5);
    assert_int_equal(count_scored(&q), 3);
    assert_true(is_trained_prune(&q, 3));
    assert_true(nt_candidate_is(&q.v[4], &nt_stage_train));
    nt_search_release(&q);
}

/* ---- state */

/* Stops after so many rounds, goes on from what was written, and compares. */
static void goes_on_as_if_it_had_not_stopped(int stop)
{
    world w = third_is_best(), v = w;
    nt_search q, p;
    cJSON *saved;

    open_scoring(&q, 3, 2);
    open_scoring(&p, 3, 2);
    for (int i = 0; i < stop; i++)
        (void)round_of(&q, &w, 1);
    saved = nt_search_json(&q);
    assert_non_null(saved);
    assert_ok(nt_search_restore(&p, saved, e));
    nt_json_free(saved);
    assert_int_equal(p.n, q.n);
    for (int i = 0; i < p.n; i++) {
        nt_measure m = measure(&v, &p, i);

        nt_search_told(&p, i, &m);
    }
    p.elapsed_s = q.elapsed_s;
    run(&q, &w);
    run(&p, &v);
    assert_int_equal(p.n, q.n);
    for (int i = 0; i < p.n; i++)
        are_same(&p.v[i], &q.v[i]);
    nt_search_release(&q);
    nt_search_release(&p);
}

NT_TEST(a_search_that_scores_goes_on_between_scoring_and_training)
{
    for (int stop = 1; stop < 10; stop++)
        goes_on_as_if_it_had_not_stopped(stop);
}

NT_TEST(a_way_that_there_is_not_is_refused)
{
    static const char text[] = "[{\"id\": \"x\", \"stages\": [{\"stage\": \"prune\", "
                               "\"criterion\": \"$(rm)\"}]}]";
    nt_search q;
    cJSON *j = NULL;

    open_search(&q, 1);
    assert_ok(nt_json_parse(&j, text, sizeof text - 1, e));
    assert_fails(NT_EFORMAT, "stages.criterion: there is no '$(rm)'",
                 nt_search_restore(&q, j, e));
    nt_json_free(j);
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
