/* SPDX-License-Identifier: MIT */
/* Rows of codes against the formulas, element by element, at awkward lengths. */
#include "base/rng.h"
#include "op/qparam.h"
#include "op/qrow.h"

#include "each_row.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 70000 };

static float x[MOST], dy[MOST], got[MOST];
static uint8_t q[MOST];

static const int64_t lengths[] = {1, 7, 13, 64, 65, 127, 1000, MOST};
static const nt_qrow rows[] = {{0.03F, 0, 0, 255, false},
                               {0.07F, 120, 0, 255, false},
                               {0.05F, 0, -128, 127, true},
                               {0.05F, -3, -128, 127, true}};

static void fill(void)
{
    nt_rng r;

    nt_rng_init(&r, 5);
    for (int i = 0; i < MOST; i++) {
        x[i] = (float)(20 * nt_rng_double(&r) - 10);
        dy[i] = (float)(nt_rng_double(&r) - 0.3);
    }
}

static int code(int64_t i, const nt_qrow *r)
{
    return r->is_signed ? (int8_t)q[i] : q[i];
}

NT_TEST(rows_of_codes_are_those_of_each_element)
{
    fill();
    x[3] = INFINITY;
    x[4] = -INFINITY;
    x[5] = NAN;
    EACH_ROW(nt_qrow, r, n)
    {
        nt_qrow_quantize(q, x, n, r);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(code(i, r),
                             nt_quantize_one(x[i] / r->scale, r->zero, r->lo, r->hi));
        nt_qrow_dequantize(got, q, n, r);
        for (int64_t i = 0; i < n; i++)
            assert_float_equal(got[i], (float)(code(i, r) - r->zero) * r->scale, 0);
    }
}

NT_TEST(rows_of_codes_are_clipped)
{
    nt_qrow r = {.lo = -7, .hi = 7, .is_signed = true};

    fill();
    nt_qrow_quantize(q, x, MOST, &rows[2]);
    nt_qrow_pull_clip(got, q, dy, MOST, &r);
    for (int i = 0; i < MOST; i++)
        assert_float_equal(got[i], abs(code(i, &r)) <= 7 ? dy[i] : 0, 0);
    nt_qrow_clip(q, q, MOST, &r);
    for (int i = 0; i < MOST; i++)
        assert_float_equal(code(i, &r), fmax(-7, fmin(7, rint(x[i] / rows[2].scale))), 0);
}

NT_TEST(rows_pull_gradients_through_quantization)
{
    fill();
    x[3] = INFINITY;
    EACH_ROW(nt_qrow, r, n)
    {
        double sum = 0, s = nt_qrow_pull_quantize(got, x, dy, n, r);

        for (int64_t i = 0; i < n; i++) {
            float v = rintf(x[i] / r->scale) + (float)r->zero;
            bool in = v >= (float)r->lo && v <= (float)r->hi;

            assert_float_equal(got[i], in ? dy[i] / r->scale : 0, 1e-5);
            sum -= in ? (double)x[i] / r->scale * dy[i] / r->scale : 0;
        }
        assert_float_equal(s, sum, 1e-5 * (1 + fabs(sum)));
        assert_float_equal(nt_qrow_pull_quantize(NULL, x, dy, n, r), s, 0);
    }
}

NT_TEST(rows_pull_gradients_through_dequantization)
{
    fill();
    EACH_ROW(nt_qrow, r, n)
    {
        double sum = 0, s;

        nt_qrow_quantize(q, x, n, r);
        s = nt_qrow_pull_dequantize(got, q, dy, n, r);
        for (int64_t i = 0; i < n; i++) {
            assert_float_equal(got[i], dy[i] * r->scale, 0);
            sum += (double)dy[i] * (code(i, r) - r->zero);
        }
        assert_float_equal(s, sum, 1e-5 * (1 + fabs(sum)));
        assert_float_equal(nt_qrow_pull_dequantize(NULL, q, dy, n, r), s, 0);
    }
}

NT_TEST_MAIN
