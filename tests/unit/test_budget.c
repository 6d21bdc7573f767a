/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"
#include "prune/budget.h"
#include "prune/prune.h"

#include "base/alloc.h"

/* Two convolutions at full resolution, two at a quarter of it, one dense layer. */
static const char net[] =
    "{\"name\": \"n\", \"about\": \"n\", \"input\": [1, 8, 8], \"classes\": 4, \"layers\": ["
    "{\"conv\": \"a\", \"out\": 8, \"pad\": 1}, \"relu\", {\"conv\": \"b\", \"out\": 8, "
    "\"pad\": 1},"
    "\"relu\", {\"max_pool\": 2}, {\"conv\": \"c\", \"out\": 32, \"pad\": 1}, \"relu\","
    "{\"conv\": \"d\", \"out\": 32, \"pad\": 1}, \"relu\", {\"max_pool\": 4}, \"flatten\","
    "{\"linear\": \"e\", \"out\": \"classes\"}]}";

typedef struct fixture {
    nt_graph *g;
    nt_channels *c;
    double *score, *max;
    bool *removed;
    int round;
} fixture;

static void fixture_open(fixture *f)
{
    cJSON *j = NULL;
    nt_zoo_opts o = {.seed = 1};

    assert_ok(nt_json_parse(&j, net, strlen(net), e));
    assert_ok(nt_zoo_build(&f->g, j, &o, e));
    assert_ok(nt_graph_bind(f->g, nt_ops_table(), e));
    nt_json_free(j);
    f->round = 1;
    assert_ok(nt_pass_infer(f->g, e));
    assert_ok(nt_channels_new(&f->c, f->g, e));
    f->score = nt_calloc((size_t)f->c->n_channels, sizeof *f->score);
    f->removed = nt_calloc((size_t)f->c->n_channels, sizeof *f->removed);
    f->max = nt_calloc((size_t)f->c->n_sets, sizeof *f->max);
    for (int i = 0; i < f->c->n_channels; i++)
        f->score[i] = 1;
    for (int i = 0; i < f->c->n_sets; i++)
        f->max[i] = 1;
}

static void fixture_close(fixture *f)
{
    nt_free(f->score);
    nt_free(f->removed);
    nt_free(f->max);
    nt_channels_free(f->c);
    nt_graph_free(f->g);
}

static int64_t kept(const fixture *f, const char *name)
{
    for (int i = 0; i < f->c->n_layers; i++)
        if (strcmp(f->c->layers[i].name, name) == 0)
            return nt_channels_kept(&f->c->layers[i], f->removed);
    fail_msg("no layer %s", name);
    return 0;
}

/* Of a 3x3 convolution chain 1-a-b-c-d and a dense layer d-4. */
static double weights(const fixture *f)
{
    int64_t a = kept(f, "a"), b = kept(f, "b"), c = kept(f, "c"), d = kept(f, "d");

    return (double)(9 * (a + a * b + b * c + c * d) + 4 * d);
}

static void prune(fixture *f, double size, double macs_weight)
{
    nt_prune_budget b = {
        .size = size, .macs_weight = macs_weight, .round = f->round, .max = f->max};

    assert_ok(nt_prune_to_budget(f->removed, f->c, f->score, &b, e));
}

NT_TEST(pruning_stops_at_the_first_size_that_is_small_enough)
{
    fixture f;
    double all, left;

    fixture_open(&f);
    prune(&f, 1, 0);
    all = weights(&f);
    prune(&f, 0.25, 0);
    left = weights(&f);
    assert_true(left <= 0.25 * all);
    assert_true(left > 0.2 * all); /* one channel is 3 % at most by then */
    fixture_close(&f);
}

NT_TEST(weights_come_from_wide_layers_and_macs_from_high_resolution)
{
    fixture f;
    int64_t early, late;

    fixture_open(&f);
    prune(&f, 0.3, 0);
    early = kept(&f, "a");
    late = kept(&f, "c");
    prune(&f, 0.3, 0.9);
    assert_true(kept(&f, "a") < early);
    assert_true(kept(&f, "c") > late);
    fixture_close(&f);
}

NT_TEST(the_least_important_channels_of_a_layer_go_first)
{
    fixture f;

    fixture_open(&f);
    for (int i = 0; i < f.c->n_channels; i++)
        f.score[i] = i % 2 ? 1 : 1e-6;
    prune(&f, 0.5, 0);
    for (int i = 1; i < f.c->n_channels; i += 2)
        assert_false(f.removed[i]);
    fixture_close(&f);
}

NT_TEST(a_set_that_is_bounded_keeps_its_part_and_one_of_bound_0_everything)
{
    fixture f;

    fixture_open(&f);
    for (int i = 0; i < f.c->n_sets; i++)
        f.max[i] = 0;
    f.max[f.c->n_sets - 1] = 0.5; /* layer d */
    prune(&f, 0.01, 0);
    assert_int_equal(kept(&f, "a"), 8);
    assert_int_equal(kept(&f, "c"), 32);
    assert_int_equal(kept(&f, "d"), 16);
    fixture_close(&f);
}

NT_TEST(rounding_leaves_multiples_in_wide_layers)
{
    fixture f;

    fixture_open(&f);
    f.round = 8;
    for (double size = 0.9; size > 0.02; size *= 0.8) {
        prune(&f, size, 0.3);
        assert_int_equal(kept(&f, "a") % 2, 0); /* of 8: a quarter */
        assert_int_equal(kept(&f, "c") % 8, 0);
        assert_int_equal(kept(&f, "d") % 8, 0);
        assert_true(kept(&f, "c") >= 8);
    }
    fixture_close(&f);
}

NT_TEST(every_layer_keeps_an_output)
{
    fixture f;

    fixture_open(&f);
    prune(&f, 1e-6, 0.5);
    assert_int_equal(kept(&f, "a"), 1);
    assert_int_equal(kept(&f, "d"), 1);
    assert_int_equal(kept(&f, "e"), 4);
    fixture_close(&f);
}

/* ---- to a time */

/* A machine that takes 8 channels at a time: of outputs and of inputs. */
static double in_eights(const void *table, int layer, int64_t in, int64_t out)
{
    const double *each = table;

    return each[layer] * (double)((in + 7) / 8) * (double)((out + 7) / 8);
}

static double total_ms(const fixture *f, const nt_prune_clock *clock)
{
    int64_t in = 1;
    double sum = 0;

    for (int i = 0; i < f->c->n_layers; i++) { /* a chain */
        int64_t out = nt_channels_kept(&f->c->layers[i], f->removed);

        sum += clock->ms(clock->table, i, in, out);
        in = out;
    }
    return sum;
}

NT_TEST(a_time_is_met_on_the_stairs_of_the_machine)
{
    static const double each[] = {8, 4, 2, 1, 0.5};
    const nt_prune_clock clock = {in_eights, each};
    fixture f;
    nt_prune_budget b = {.size = 1, .clock = &clock, .round = 1};
    double all;

    fixture_open(&f);
    assert_true(f.c->n_layers <= 5);
    b.max = f.max;
    assert_ok(nt_prune_to_budget(f.removed, f.c, f.score, &b, e));
    all = total_ms(&f, &clock);
    for (double share = 0.9; share > 0.45; share -= 0.1) {
        b.size = share;
        assert_ok(nt_prune_to_budget(f.removed, f.c, f.score, &b, e));
        assert_true(total_ms(&f, &clock) <= share * all);
        for (int i = 0; i + 1 < f.c->n_layers; i++) /* nothing goes that saves no time */
            assert_int_equal(nt_channels_kept(&f.c->layers[i], f.removed) % 8, 0);
    }
    fixture_close(&f);
}

NT_TEST(layers_that_no_time_is_known_of_are_left_alone)
{
    static const double each[] = {0, 0, 1, 0, 0};
    const nt_prune_clock clock = {in_eights, each};
    fixture f;
    nt_prune_budget b = {.size = 0.5, .clock = &clock, .round = 1};

    fixture_open(&f);
    b.max = f.max;
    assert_ok(nt_prune_to_budget(f.removed, f.c, f.score, &b, e));
    assert_int_equal(kept(&f, "a"), 8);
    assert_int_equal(kept(&f, "d"), 32);
    assert_int_equal(kept(&f, "c"), 16);
    fixture_close(&f);
}

NT_TEST_MAIN
