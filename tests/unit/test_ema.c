/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "train/ema.h"

#include <math.h>

static nt_params two_and_one(float *w, float *state)
{
    return (nt_params){.w = w, .state = state, .n_w = 2, .n_state = 1};
}

NT_TEST(the_decay_grows_with_the_number_of_updates)
{
    float w[2] = {0, 0}, st[1] = {0};
    nt_params p = two_and_one(w, st);
    double want = 0;
    nt_ema *m = NULL;

    assert_ok(nt_ema_new(&m, &p, 0.9, 10, e));
    w[0] = st[0] = 1;
    for (int t = 1; t <= 5; t++) {
        double d = 0.9 * (1 - exp(-t / 10.0));

        nt_ema_update(m, &p);
        want = d * want + (1 - d);
        assert_float_equal(nt_ema_w(m)[0], want, 1e-6);
        assert_float_equal(nt_ema_w(m)[1], 0, 0);
        assert_float_equal(nt_ema_state(m)[0], want, 1e-6); /* statistics as well */
    }
    assert_int_equal(nt_ema_updates(m), 5);
    nt_ema_free(m);
}

NT_TEST(without_a_period_the_decay_is_constant)
{
    float w[2] = {1, 2}, st[1] = {3};
    nt_params p = two_and_one(w, st);
    nt_ema *m = NULL;

    assert_ok(nt_ema_new(&m, &p, 0.75, 0, e));
    w[0] = 5;
    nt_ema_update(m, &p);
    assert_float_equal(nt_ema_w(m)[0], 2, 1e-6); /* 0.75 * 1 + 0.25 * 5 */
    nt_ema_free(m);
}

NT_TEST(swapping_twice_changes_nothing)
{
    float w[2] = {1, 2}, st[1] = {3};
    nt_params p = two_and_one(w, st);
    nt_ema *m = NULL;

    assert_ok(nt_ema_new(&m, &p, 0.5, 0, e));
    w[0] = 7;
    st[0] = 9;
    nt_ema_swap(m, &p);
    assert_true(w[0] == 1 && st[0] == 3 && nt_ema_w(m)[0] == 7);
    nt_ema_swap(m, &p);
    assert_true(w[0] == 7 && st[0] == 9 && nt_ema_w(m)[0] == 1);
    nt_ema_free(m);
}

NT_TEST(a_decay_outside_0_and_1_is_refused)
{
    float w[2] = {0}, st[1] = {0};
    nt_params p = two_and_one(w, st);
    nt_ema *m = NULL;
    nt_err e;

    assert_int_equal(nt_ema_new(&m, &p, 1, 10, &e), NT_EINVAL);
    assert_int_equal(nt_ema_new(&m, &p, -0.1, 10, &e), NT_EINVAL);
    assert_int_equal(nt_ema_new(&m, &p, 0.9, -1, &e), NT_EINVAL);
}

NT_TEST_MAIN
