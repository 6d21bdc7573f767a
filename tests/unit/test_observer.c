/* SPDX-License-Identifier: MIT */
#include "quant/observer.h"

#include "base/rng.h"

#include "test.h"

#include <math.h>
#include <string.h>

static const nt_codes u8 = {0, 255, false}, s8 = {-127, 127, true};

static void fill(float *x, int n, double spread, uint64_t seed)
{
    nt_rng r;

    nt_rng_init(&r, seed);
    for (int i = 0; i < n; i++)
        x[i] =
            (float)((nt_rng_double(&r) + nt_rng_double(&r) + nt_rng_double(&r) - 1.5) * spread);
}

NT_TEST(parts_merge_to_the_whole_in_any_order)
{
    static nt_observer whole, a, b, ab, ba;
    float x[600];

    fill(x, 300, 1, 1);
    fill(x + 300, 300, 100, 2);
    nt_observer_init(&whole);
    nt_observer_init(&a);
    nt_observer_init(&b);
    nt_observer_see(&whole, x, 300);
    nt_observer_see(&whole, x + 300, 300);
    nt_observer_see(&a, x, 300);
    nt_observer_see(&b, x + 300, 300);
    ab = a;
    nt_observer_merge(&ab, &b);
    ba = b;
    nt_observer_merge(&ba, &a);
    assert_memory_equal(ab.bin, whole.bin, sizeof whole.bin);
    assert_memory_equal(ba.bin, whole.bin, sizeof whole.bin);
    assert_int_equal(ab.exponent, whole.exponent);
    assert_int_equal(ab.count, 600);
    assert_float_equal(ab.min, whole.min, 0);
    assert_float_equal(ba.max, whole.max, 0);
}

NT_TEST(ranges_hold_zero_and_the_extremes)
{
    static const float x[] = {1, 2, 5};
    static nt_observer o;
    nt_range r;

    nt_observer_init(&o);
    r = nt_observer_range(&o, NT_RANGE_MINMAX, u8, 0);
    assert_float_equal(r.lo, 0, 0);
    assert_float_equal(r.hi, 0, 0);
    nt_observer_see(&o, x, 3);
    r = nt_observer_range(&o, NT_RANGE_MINMAX, u8, 0);
    assert_float_equal(r.lo, 0, 0);
    assert_float_equal(r.hi, 5, 0);
}

NT_TEST(what_is_not_finite_is_not_seen)
{
    const float x[] = {NAN, INFINITY, 1, -INFINITY, -2};
    static nt_observer o;

    nt_observer_init(&o);
    nt_observer_see(&o, x, 5);
    assert_int_equal(o.count, 2);
    assert_float_equal(o.min, -2, 0);
    assert_float_equal(o.max, 1, 0);
}

NT_TEST(moving_averages_start_at_the_first_batch)
{
    const float a[] = {0, 1}, b[] = {0, 2};
    static nt_observer o;

    nt_observer_init(&o);
    nt_observer_see(&o, a, 2);
    nt_observer_see(&o, b, 2);
    assert_float_equal(nt_observer_range(&o, NT_RANGE_EMA, u8, 0).hi, 1.01, 1e-6);
}

/* Ten thousand small values and one outlier. */
static void with_outlier(nt_observer *o)
{
    static float x[10001];

    fill(x, 10000, 1, 3);
    x[10000] = 20;
    nt_observer_init(o);
    nt_observer_see(o, x, 10001);
}

NT_TEST(outliers_are_cut_off_where_that_pays)
{
    static nt_observer o;
    const nt_codes u4 = {0, 15, false};
    nt_range p, m, k;

    with_outlier(&o);
    p = nt_observer_range(&o, NT_RANGE_PERCENTILE, u8, 99.9);
    m = nt_observer_range(&o, NT_RANGE_MSE, u4, 0);
    k = nt_observer_range(&o, NT_RANGE_ENTROPY, u4, 0);
    assert_true(p.hi < 2 && p.hi > 1);
    assert_true(m.hi < 10 && m.hi > 1);
    assert_true(k.hi < 10 && k.hi > 0.5);
}

/* 8 bits of evenly spread values: nothing is worth cutting off. */
NT_TEST(even_values_keep_their_extremes)
{
    static nt_observer o;
    static float x[4096];

    for (int i = 0; i < 4096; i++)
        x[i] = (float)i / 4096;
    nt_observer_init(&o);
    nt_observer_see(&o, x, 4096);
    assert_true(nt_observer_range(&o, NT_RANGE_MSE, u8, 0).hi > 0.98F);
}

NT_TEST(pairs_put_zero_on_a_code)
{
    nt_qpair p = nt_range_pair((nt_range){-1, 3}, u8);

    assert_float_equal(p.scale, 4.0 / 255, 1e-7);
    assert_int_equal(p.zero, 64);
    p = nt_range_pair((nt_range){-2, 1}, s8);
    assert_float_equal(p.scale, 2.0 / 127, 1e-7);
    assert_int_equal(p.zero, 0);
    p = nt_range_pair((nt_range){0, 0}, u8);
    assert_float_equal(p.scale, 1, 0);
}

NT_TEST_MAIN
