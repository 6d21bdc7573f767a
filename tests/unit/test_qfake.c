/* SPDX-License-Identifier: MIT */
/* Rows through quantization and back against the formulas, at awkward lengths. */
#include "base/rng.h"
#include "op/qfake.h"
#include "op/qparam.h"

#include "each_row.h"
#include "test.h"

#include <math.h>

enum { MOST = 70000 };

static float x[MOST], dy[MOST], got[MOST];

static const int64_t lengths[] = {1, 7, 13, 511, 512, 513, 1000, MOST};
static const nt_qfake rows[] = {
    {0.03F, 0, 255}, {0.07F, -120, 135}, {0.5F, -7, 7}, {1.5F, 0, 1}, {4, -1, 1}};

static void fill(void)
{
    nt_rng r;

    nt_rng_init(&r, 5);
    for (int i = 0; i < MOST; i++) {
        x[i] = (float)(20 * nt_rng_double(&r) - 10);
        dy[i] = (float)(nt_rng_double(&r) - 0.3);
    }
    x[3] = INFINITY;
    x[4] = -INFINITY;
}

NT_TEST(rows_become_what_their_codes_stand_for)
{
    fill();
    x[5] = NAN;
    EACH_ROW(nt_qfake, r, n)
    {
        nt_qfake_forward(got, x, n, r);
        for (int64_t i = 0; i < n; i++) {
            int64_t code = nt_quantize_one(x[i] / r->scale, 0, (int64_t)r->lo, (int64_t)r->hi);

            assert_float_equal(got[i], (float)code * r->scale, 0);
        }
    }
}

NT_TEST(gradients_go_straight_through_what_does_not_saturate)
{
    fill();
    EACH_ROW(nt_qfake, r, n)
    {
        nt_qfake_sums want = {0, 0, 0}, s = nt_qfake_backward(got, x, dy, n, r), t;
        double size = 1e-5 * (double)n * fmax(1, fmax(r->hi, -r->lo));

        for (int64_t i = 0; i < n; i++) {
            float u = x[i] / r->scale;

            assert_float_equal(got[i], u >= r->lo && u <= r->hi ? dy[i] : 0, 0);
            want.slope += dy[i] * (double)(u < r->lo   ? r->lo
                                           : u > r->hi ? r->hi
                                                       : rintf(u) - u);
            want.below += u < r->lo ? dy[i] : 0;
            want.above += u > r->hi ? dy[i] : 0;
        }
        assert_float_equal(s.slope, want.slope, size);
        assert_float_equal(s.below, want.below, size);
        assert_float_equal(s.above, want.above, size);
        t = nt_qfake_backward(NULL, x, dy, n, r);
        assert_float_equal(t.slope, s.slope, 0);
    }
}

NT_TEST(rows_are_looked_at)
{
    const float few[] = {-2, 0.5F, 3, -0.25F}, positive[] = {1, 2};
    nt_qfake_extent all = nt_qfake_look(few, 4), up = nt_qfake_look(positive, 2);

    assert_float_equal(all.lo, -2, 0);
    assert_float_equal(all.hi, 3, 0);
    assert_float_equal(all.sum, 5.75, 0);
    assert_float_equal(up.lo, 0, 0);
    fill();
    x[3] = 11;
    x[4] = -12;
    all = nt_qfake_look(x, MOST);
    assert_float_equal(all.lo, -12, 0);
    assert_float_equal(all.hi, 11, 0);
}

NT_TEST_MAIN
