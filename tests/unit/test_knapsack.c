/* SPDX-License-Identifier: MIT */
/* The knapsack against trying everything. */
#include "quant/knapsack.h"

#include "base/alloc.h"
#include "base/rng.h"

#include "test.h"

#include <math.h>
#include <stdbool.h>

enum { MAX_GROUPS = 6, MAX_CHOICES = 4 };

typedef struct problem {
    int groups, choices;
    nt_kchoice c[MAX_GROUPS * MAX_CHOICES];
} problem;

/* Whole numbers, so that ties are common and sums exact; one choice in eight cannot be had. */
static problem draw(nt_rng *r)
{
    problem p = {.groups = 1 + (int)nt_rng_below(r, MAX_GROUPS),
                 .choices = 1 + (int)nt_rng_below(r, MAX_CHOICES)};

    for (int i = 0; i < p.groups * p.choices; i++) {
        bool first = i % p.choices == 0;

        p.c[i].cost =
            !first && nt_rng_below(r, 8) == 0 ? INFINITY : (double)nt_rng_below(r, 12);
        p.c[i].loss = (double)nt_rng_below(r, 12);
    }
    return p;
}

/* The k-th of all choices^groups ways. */
static nt_kchoice way(const problem *p, int k)
{
    nt_kchoice sum = {0, 0};

    for (int g = 0; g < p->groups; g++, k /= p->choices) {
        nt_kchoice c = p->c[g * p->choices + k % p->choices];

        sum.cost += c.cost;
        sum.loss += c.loss;
    }
    return sum;
}

static double least_loss(const problem *p, double budget)
{
    int n = (int)lround(pow(p->choices, p->groups));
    double least = INFINITY;

    for (int k = 0; k < n; k++) {
        nt_kchoice w = way(p, k);

        least = w.cost <= budget && w.loss < least ? w.loss : least;
    }
    return least;
}

static void assert_adds_up(const problem *p, const nt_kfront *f, int i)
{
    uint8_t take[MAX_GROUPS];
    nt_kchoice at = nt_kfront_at(f, i), sum = {0, 0};

    nt_kfront_choices(take, f, i);
    for (int g = 0; g < p->groups; g++) {
        sum.cost += p->c[g * p->choices + take[g]].cost;
        sum.loss += p->c[g * p->choices + take[g]].loss;
    }
    assert_float_equal(sum.cost, at.cost, 0);
    assert_float_equal(sum.loss, at.loss, 0);
}

NT_TEST(every_budget_gets_what_trying_everything_finds)
{
    nt_rng r;

    nt_rng_init(&r, 11);
    for (int turn = 0; turn < 300; turn++) {
        problem p = draw(&r);
        nt_kfront *f = NULL;

        assert_ok(nt_kfront_new(&f, p.c, p.groups, p.choices, e));
        for (double budget = -1; budget < 70; budget += 0.5) {
            int i = nt_kfront_best(f, budget);
            double want = least_loss(&p, budget);

            if (i < 0) {
                assert_true(isinf(want));
                continue;
            }
            assert_float_equal(nt_kfront_at(f, i).loss, want, 0);
            assert_true(nt_kfront_at(f, i).cost <= budget);
        }
        nt_kfront_free(f);
    }
}

NT_TEST(the_front_is_what_nothing_dominates)
{
    nt_rng r;

    nt_rng_init(&r, 12);
    for (int turn = 0; turn < 300; turn++) {
        problem p = draw(&r);
        nt_kfront *f = NULL;

        assert_ok(nt_kfront_new(&f, p.c, p.groups, p.choices, e));
        assert_true(nt_kfront_count(f) > 0);
        for (int i = 0; i < nt_kfront_count(f); i++) {
            assert_adds_up(&p, f, i);
            assert_float_equal(nt_kfront_at(f, i).loss, least_loss(&p, nt_kfront_at(f, i).cost),
                               0);
            if (i == 0)
                continue;
            assert_true(nt_kfront_at(f, i - 1).cost < nt_kfront_at(f, i).cost);
            assert_true(nt_kfront_at(f, i - 1).loss > nt_kfront_at(f, i).loss);
        }
        nt_kfront_free(f);
    }
}

NT_TEST(ways_alike_take_the_earlier_choice)
{
    const nt_kchoice c[] = {{1, 2}, {1, 2}, {3, 1}, {3, 1}};
    uint8_t take[2];
    nt_kfront *f = NULL;

    assert_ok(nt_kfront_new(&f, c, 2, 2, e));
    assert_int_equal(nt_kfront_count(f), 1);
    nt_kfront_choices(take, f, 0);
    assert_int_equal(take[0], 0);
    assert_int_equal(take[1], 0);
    nt_kfront_free(f);
}

NT_TEST(a_network_of_fifty_layers_is_no_trouble)
{
    enum { LAYERS = 54, WIDTHS = 4 };
    nt_kchoice c[LAYERS * WIDTHS];
    nt_kfront *f = NULL;
    nt_rng r;

    nt_rng_init(&r, 13);
    for (int g = 0; g < LAYERS; g++) {
        double size = exp(8 + 6 * nt_rng_double(&r)), harm = exp(4 * nt_rng_double(&r));

        for (int k = 0; k < WIDTHS; k++)
            c[g * WIDTHS + k] = (nt_kchoice){size / (1 << k), harm * pow(16, k - 4)};
    }
    assert_ok(nt_kfront_new(&f, c, LAYERS, WIDTHS, e));
    assert_true(nt_kfront_count(f) > LAYERS);
    nt_kfront_free(f);
}

NT_TEST(a_group_without_a_choice_and_a_lack_of_memory_are_errors)
{
    const nt_kchoice c[] = {{1, 1}, {INFINITY, 1}};
    nt_kfront *f = NULL;
    nt_err err = {{0}};
    nt_status s = NT_ENOMEM;

    assert_fails(NT_EINVAL, "layer 1 has no choice that can be had",
                 nt_kfront_new(&f, c, 2, 1, e));
    assert_null(f);
    for (long n = 1; s != NT_OK && n < 20; n++) {
        nt_alloc_fail_at(n);
        s = nt_kfront_new(&f, c, 1, 2, &err);
        nt_alloc_fail_at(0);
        assert_true(s == NT_OK || s == NT_ENOMEM);
    }
    assert_int_equal(s, NT_OK);
    nt_kfront_free(f);
}

NT_TEST_MAIN
