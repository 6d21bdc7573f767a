/* SPDX-License-Identifier: MIT */
/* Two networks timed in turn. */
#include "net.h"

#include "exec/staged.h"
#include "measure/turns.h"

typedef struct fixture {
    net t[2];
    nt_device *dev;
    nt_staged *p[2];
} fixture;

/* The second has `times` as many channels. */
static void open_fixture(fixture *f, int64_t times)
{
    const nt_plan_opts o = {0};

    *f = (fixture){0};
    assert_ok(nt_device_new(&f->dev, 1, e));
    for (int i = 0; i < 2; i++) {
        int64_t c = i == 0 ? 8 : 8 * times;

        f->t[i] = start(17);
        complete(&f->t[i],
                 conv(&f->t[i], "a", input(&f->t[i], "x", DIMS(1, 16, 32, 32)), 16, c, 1));
        assert_ok(nt_staged_new(&f->p[i], f->t[i].g, f->dev, &o, e));
        nt_staged_fill_noise(f->p[i], 0);
    }
}

static void close_fixture(fixture *f)
{
    for (int i = 0; i < 2; i++) {
        nt_staged_free(f->p[i]);
        finish(&f->t[i]);
    }
    nt_device_free(f->dev);
}

NT_TEST(the_ratio_is_of_the_first_to_the_second)
{
    fixture f;
    nt_turns t = {0};
    nt_turns_opts o = {0};

    open_fixture(&f, 32);
    assert_ok(nt_turns_measure(&t, f.p, &o, e));
    assert_true(t.ratio > 0 && t.ratio < 0.5); /* a 32nd of the work */
    assert_true(t.rounds >= 11 && t.tries >= 1 && t.tries <= 3);
    for (int i = 0; i < 2; i++) {
        assert_true(t.of[i].min_ms > 0 && t.of[i].min_ms <= t.of[i].median_ms);
        assert_true(t.of[i].median_ms <= t.of[i].max_ms);
        assert_int_equal(t.of[i].runs, t.rounds);
    }
    assert_true(t.of[0].median_ms < t.of[1].median_ms);
    assert_true(t.spread >= 0 && t.cpu_share > 0);
    close_fixture(&f);
}

NT_TEST(as_many_rounds_and_tries_are_taken_as_was_said)
{
    fixture f;
    nt_turns t = {0};
    nt_turns_opts o = {.rounds = 1, .tries = 1};

    open_fixture(&f, 1);
    assert_ok(nt_turns_measure(&t, f.p, &o, e));
    assert_int_equal(t.rounds, 1);
    assert_int_equal(t.tries, 1);
    assert_float_equal(t.spread, 0, 0);
    close_fixture(&f);
}

NT_TEST(rounds_that_differ_and_waiting_for_a_processor_are_a_disturbance)
{
    assert_false(nt_turns_is_disturbed(&(nt_turns){.spread = 0.02, .cpu_share = 1}));
    assert_true(nt_turns_is_disturbed(&(nt_turns){.spread = 0.3, .cpu_share = 1}));
    assert_true(nt_turns_is_disturbed(&(nt_turns){.spread = 0.02, .cpu_share = 0.8}));
}

NT_TEST_MAIN
