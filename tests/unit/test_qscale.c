/* SPDX-License-Identifier: MIT */
/* Scales of weights against what they promise. */
#include "quant/qscale.h"

#include "base/rng.h"

#include "test.h"

#include <math.h>

/* [k][c] of normal-like values, an outlier in every channel. */
static nt_tensor *weights(int64_t k, int64_t c)
{
    nt_tensor *t = NULL;
    nt_rng r;

    assert_ok(nt_tensor_new(&t, NT_F32, 2, (int64_t[]){k, c}, e));
    nt_rng_init(&r, 11);
    for (int64_t i = 0; i < k * c; i++)
        nt_tensor_set(t, i,
                      (double)(1 + i / c) * (nt_rng_double(&r) + nt_rng_double(&r) - 1) *
                          (i % c ? 1 : 3));
    return t;
}

/* Of one channel, at its pair. */
static double error_of(const nt_tensor *w, int64_t k, nt_qpair p, nt_codes c)
{
    double sum = 0;

    for (int64_t i = 0; i < w->dims[1]; i++) {
        double x = nt_tensor_get(w, k * w->dims[1] + i), q = rint(x / p.scale) + (double)p.zero;

        q = fmin(fmax(q, (double)c.lo), (double)c.hi);
        sum += pow((q - (double)p.zero) * p.scale - x, 2);
    }
    return sum;
}

NT_TEST(least_error_is_never_worse_than_the_extremes)
{
    nt_tensor *w = weights(6, 200);
    int better = 0;

    for (int bits = 2; bits <= 8; bits++)
        for (int affine = 0; affine < 2; affine++) {
            nt_qtarget t = {.bits = bits, .symmetric = !affine, .per_channel = true};
            nt_qpairs a = {0}, b = {0};

            assert_ok(nt_qscale_weight(&a, w, 0, &t, true, e));
            assert_ok(nt_qscale_weight(&b, w, 0, &t, false, e));
            for (int64_t k = 0; k < 6; k++) {
                double mse = error_of(w, k, a.pair[k], nt_qtarget_codes(&t));
                double minmax = error_of(w, k, b.pair[k], nt_qtarget_codes(&t));

                assert_true(mse <= minmax * (1 + 1e-5));
                better += mse < 0.9 * minmax;
            }
            nt_qpairs_release(&a);
            nt_qpairs_release(&b);
        }
    assert_true(better > 20);
    nt_tensor_free(w);
}

NT_TEST(extremes_reach_the_last_code)
{
    nt_qtarget t = {.bits = 4, .symmetric = true, .per_channel = true};
    nt_tensor *w = weights(3, 50);
    nt_qpairs p = {0};

    assert_ok(nt_qscale_weight(&p, w, 0, &t, false, e));
    assert_int_equal(p.n, 3);
    for (int64_t k = 0; k < 3; k++) {
        double most = 0;

        for (int64_t i = 0; i < 50; i++)
            most = fmax(most, fabs(nt_tensor_get(w, k * 50 + i)));
        assert_float_equal(p.pair[k].scale, most / 7, 1e-6 * most);
        assert_int_equal(p.pair[k].zero, 0);
    }
    nt_qpairs_release(&p);
    nt_tensor_free(w);
}

NT_TEST(one_bit_is_the_mean_magnitude)
{
    nt_qtarget t = {.bits = 1, .symmetric = true, .per_channel = true};
    nt_tensor *w = weights(3, 50);

    for (int axis = 0; axis < 2; axis++) {
        nt_qpairs p = {0};

        assert_ok(nt_qscale_weight(&p, w, axis, &t, true, e));
        assert_int_equal(p.n, w->dims[axis]);
        for (int64_t k = 0; k < p.n; k++) {
            int64_t from = axis ? k : 50 * k, step = axis ? 50 : 1, n = axis ? 3 : 50;
            double sum = 0;

            for (int64_t i = 0; i < n; i++)
                sum += fabs(nt_tensor_get(w, from + i * step));
            assert_float_equal(p.pair[k].scale, sum / (double)n, 1e-6);
        }
        nt_qpairs_release(&p);
    }
    nt_tensor_free(w);
}

NT_TEST(one_pair_for_all_spans_all_channels)
{
    nt_qtarget t = {.bits = 8, .symmetric = true};
    nt_tensor *w = weights(3, 50);
    nt_qpairs p = {0};
    double most = 0;

    for (int64_t i = 0; i < 150; i++)
        most = fmax(most, fabs(nt_tensor_get(w, i)));
    assert_ok(nt_qscale_weight(&p, w, 0, &t, false, e));
    assert_int_equal(p.n, 1);
    assert_float_equal(p.pair[0].scale, most / 127, 1e-6);
    nt_qpairs_release(&p);
    nt_tensor_free(w);
}

NT_TEST(channels_of_zeros_and_other_types)
{
    nt_qtarget t = {.bits = 4, .symmetric = true, .per_channel = true};
    nt_tensor *w = NULL, *h = NULL;
    nt_qpairs p = {0};

    assert_ok(nt_tensor_new(&w, NT_F32, 2, (int64_t[]){2, 3}, e));
    assert_ok(nt_qscale_weight(&p, w, 0, &t, true, e));
    assert_float_equal(p.pair[0].scale, 1, 0);
    nt_qpairs_release(&p);
    assert_ok(nt_tensor_new(&h, NT_F16, 2, (int64_t[]){2, 3}, e));
    assert_fails(NT_EUNSUPPORTED, "weights of type float16 cannot be quantized",
                 nt_qscale_weight(&p, h, 0, &t, true, e));
    nt_qpairs_release(&p);
    nt_tensor_free(w);
    nt_tensor_free(h);
}

NT_TEST_MAIN
