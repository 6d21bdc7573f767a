/* SPDX-License-Identifier: MIT */
/* Quantizers against the formulas of their papers. */
#include "quant/lsq.h"

#include "test.h"

#include <math.h>
#include <string.h>

enum { N = 12 };

static const float x[N] = {-2.3F, -1,    -0.62F, -0.2F, 0,    0.11F,
                           0.4F,  0.53F, 0.9F,   1.7F,  2.6F, 5};
static const float dy[N] = {1, -2, 3, 0.5F, 1, 2, -1, 4, -0.5F, 0.25F, 2, -3};

/* A quantizer with memory of its own. */
typedef struct rig {
    const nt_quantizer *z;
    nt_fakeq q;
    float theta[2 * N], seen[NT_N_SEEN * N];
} rig;

/* x as one group from code lo to hi, with that pair. */
static void rig_init(rig *r, const nt_quantizer *z, nt_codes c, int bits, bool weight,
                     nt_qpair pair)
{
    *r = (rig){.z = z, .q = {.view = {1, 1, N}, .codes = c, .bits = bits, .weight = weight}};
    r->q.theta = r->theta;
    r->q.seen = r->seen;
    nt_fakeq_resume(&r->q, z, &pair);
}

static const nt_codes u2 = {0, 3, false}, u4 = {0, 15, false}, s3 = {-3, 3, true};

/* sum dy y as theta[i] moves: what finite differences say, where y is as smooth as theta. */
static double slope_by(rig *r, int i, double h)
{
    float y[N], was = r->theta[i];
    double sum = 0;

    for (int side = -1; side <= 1; side += 2) {
        r->theta[i] = was + (float)(side * h);
        nt_fakeq_forward(y, &r->q, r->z, x);
        for (int k = 0; k < N; k++)
            sum += side * dy[k] * y[k];
    }
    r->theta[i] = was;
    return sum / (2 * h);
}

/* ---- ranges */

NT_TEST(a_range_is_the_first_batch_s_and_moves_by_a_hundredth)
{
    const float first[] = {-1, 3}, second[] = {-2, 1};
    nt_fakeq q = {.view = {1, 1, 2}, .codes = u4};
    float seen[NT_N_SEEN] = {0};

    q.seen = seen;
    nt_fakeq_look(&q, &nt_quantizer_range, first, true);
    assert_float_equal(seen[NT_SEEN_LO], -1, 0);
    assert_float_equal(seen[NT_SEEN_HI], 3, 0);
    nt_fakeq_look(&q, &nt_quantizer_range, second, true);
    assert_float_equal(seen[NT_SEEN_LO], 0.99 * -1 + 0.01 * -2, 1e-6);
    assert_float_equal(seen[NT_SEEN_HI], 0.99 * 3 + 0.01 * 1, 1e-6);
    assert_float_equal(nt_quantizer_range.pair(&q, 0).scale,
                       (seen[NT_SEEN_HI] - seen[NT_SEEN_LO]) / 15, 1e-6);
}

NT_TEST(a_fixed_range_stays_and_what_waits_looks_on)
{
    const float first[] = {-1, 3}, second[] = {-2, 1};
    nt_fakeq q = {.view = {1, 1, 2}, .codes = u4};
    float seen[NT_N_SEEN] = {0};

    q.seen = seen;
    nt_fakeq_look(&q, &nt_quantizer_fixed, first, false);
    nt_fakeq_look(&q, &nt_quantizer_fixed, second, false);
    assert_float_equal(seen[NT_SEEN_HI], 2.98, 1e-6);
    assert_float_equal(seen[NT_SEEN_STARTED], 0, 0);
    nt_fakeq_look(&q, &nt_quantizer_fixed, first, true);
    assert_float_equal(seen[NT_SEEN_HI], 2.98, 1e-6);
    assert_float_equal(seen[NT_SEEN_STARTED], 1, 0);
}

NT_TEST(ranges_of_weights_are_those_of_now_by_channel)
{
    const float w[] = {1, -2, 0.5F, 0.25F}, later[] = {1, -1, 4, 0};
    nt_fakeq q = {.view = {1, 2, 2}, .codes = s3, .weight = true};
    float seen[2 * NT_N_SEEN] = {0}, y[4];

    q.seen = seen;
    nt_fakeq_look(&q, &nt_quantizer_range, w, true);
    assert_float_equal(nt_quantizer_range.pair(&q, 0).scale, 2.0 / 3, 1e-6);
    assert_float_equal(nt_quantizer_range.pair(&q, 1).scale, 0.5 / 3, 1e-6);
    nt_fakeq_look(&q, &nt_quantizer_range, later, true);
    assert_float_equal(nt_quantizer_range.pair(&q, 1).scale, 4.0 / 3, 1e-6);
    nt_fakeq_forward(y, &q, &nt_quantizer_range, later);
    assert_float_equal(y[2], 4, 1e-6);
}

NT_TEST(of_two_codes_one_is_0)
{
    const nt_codes u1 = nt_codes_of_bits(1, true, false, false);
    nt_qpair up = nt_range_pair((nt_range){-1, 1}, u1);
    nt_qpair down = nt_range_pair((nt_range){-2, 1}, u1);

    assert_float_equal(up.scale, 1, 0);
    assert_int_equal(up.zero, 0);
    assert_float_equal(down.scale, 2, 0);
    assert_int_equal(down.zero, 1);
}

/* ---- step sizes */

NT_TEST(lsq_has_the_gradient_of_the_paper)
{
    float dx[N], dtheta[1];
    double want = 0;
    rig r;

    rig_init(&r, &nt_quantizer_lsq, s3, 3, true, (nt_qpair){0.5F, 0});
    nt_fakeq_backward(dx, dtheta, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++) {
        double u = x[i] / 0.5;

        want += dy[i] * (u < -3 ? -3 : u > 3 ? 3 : rint(u) - u);
        assert_float_equal(dx[i], fabs(u) <= 3 ? dy[i] : 0, 0);
    }
    assert_float_equal(dtheta[0], want, 1e-4);
    r.z->adjust(dtheta, &r.q, N, 0, 0);
    assert_float_equal(dtheta[0], want / sqrt(N * 3), 1e-4);
}

NT_TEST(lsq_moves_no_scale_far_and_keeps_it_positive)
{
    float g[1] = {-1e6F};
    rig r;

    rig_init(&r, &nt_quantizer_lsq, s3, 3, true, (nt_qpair){0.5F, 0});
    r.z->adjust(g, &r.q, N, 0.1, 0);
    assert_float_equal(g[0], -0.5 * NT_LSQ_STEP / 0.1, 1e-6);
    r.theta[0] = -1;
    r.z->keep(&r.q, NULL);
    assert_float_equal(r.theta[0], NT_LSQ_LEAST, 0);
}

NT_TEST(lsq_without_a_calibration_starts_by_the_mean_magnitude)
{
    float mean = 0;
    rig r;

    for (int i = 0; i < N; i++)
        mean += fabsf(x[i]) / N;
    rig_init(&r, &nt_quantizer_lsq, s3, 3, true, (nt_qpair){0.5F, 0});
    memset(r.seen, 0, sizeof r.seen);
    nt_fakeq_look(&r.q, r.z, x, true);
    assert_float_equal(r.theta[0], 2 * mean / sqrt(3), 1e-6);
}

NT_TEST(lsq_plus_learns_its_zero_point)
{
    float dtheta[2], below = 0, above = 0;
    double scale = 0;
    rig r;

    rig_init(&r, &nt_quantizer_lsq_plus, u4, 4, false, (nt_qpair){0.2F, 5});
    assert_float_equal(r.theta[1], 5, 0);
    nt_fakeq_backward(NULL, dtheta, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++) {
        double u = x[i] / 0.2F;

        below += u < -5 ? dy[i] : 0;
        above += u > 10 ? dy[i] : 0;
        scale += dy[i] * (u < -5 ? -5 : u > 10 ? 10 : rint(u) - u);
    }
    assert_true(below != 0 && above != 0);
    assert_float_equal(dtheta[0], scale, 1e-4);
    assert_float_equal(dtheta[1], -0.2 * (below + above), 1e-4);
    r.theta[1] = 5.4F; /* is rounded where it is used */
    assert_int_equal(r.z->pair(&r.q, 0).zero, 5);
    r.theta[1] = -2; /* 0 is to have a code */
    r.z->keep(&r.q, NULL);
    assert_int_equal(r.z->pair(&r.q, 0).zero, 0);
}

NT_TEST(fewer_bits_keep_the_range_of_learned_steps)
{
    rig r;

    rig_init(&r, &nt_quantizer_lsq_plus, u4, 4, false, (nt_qpair){0.2F, 6});
    r.q.codes = u2;
    r.z->widen(&r.q, NULL, 4);
    assert_float_equal(r.theta[0], 0.8, 1e-6);
    assert_float_equal(r.theta[1], 1.5, 1e-6);
}

/* ---- clipping */

NT_TEST(pact_has_the_gradient_of_the_paper)
{
    float dx[N], dtheta[1];
    double want = 0;
    rig r;

    rig_init(&r, &nt_quantizer_pact, u2, 2, false, (nt_qpair){0.4F, 0});
    assert_float_equal(r.theta[0], 1.2, 1e-6);
    nt_fakeq_backward(dx, dtheta, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++) {
        want += x[i] > 1.2 ? dy[i] : 0;
        assert_float_equal(dx[i], x[i] >= 0 && x[i] <= 1.2F ? dy[i] : 0, 0);
    }
    assert_float_equal(dtheta[0], want, 1e-5);
    r.z->adjust(dtheta, &r.q, N, 0.1, 0.01);
    assert_float_equal(dtheta[0], want + 0.01 * 1.2, 1e-5);
}

/* Of 8 bits rounding hardly matters, and the estimator is the derivative. */
NT_TEST(pact_and_finite_differences_agree)
{
    const nt_codes many = {0, 65535, false};
    float dtheta[1];
    rig r;

    rig_init(&r, &nt_quantizer_pact, many, 16, false, (nt_qpair){1.2F / 65535, 0});
    nt_fakeq_backward(NULL, dtheta, &r.q, r.z, x, dy);
    assert_float_equal(dtheta[0], slope_by(&r, 0, 0.05), 1e-2);
}

/* ---- weights through a tangent */

NT_TEST(dorefa_has_the_levels_of_the_paper)
{
    const nt_codes odd = nt_codes_of_bits(2, false, true, true);
    float y[N], most = tanhf(5);
    rig r;

    rig_init(&r, &nt_quantizer_dorefa, odd, 2, true, (nt_qpair){1.0F / 3, 0});
    nt_fakeq_forward(y, &r.q, r.z, x);
    for (int i = 0; i < N; i++) {
        double t = tanh(x[i]) / (2 * most) + 0.5;

        assert_float_equal(y[i], 2 * rint(t * 3) / 3 - 1, 1e-6);
        assert_int_equal(lrint(y[i] * 3) & 1, 1);
    }
}

NT_TEST(dorefa_s_gradient_is_that_of_the_tangent)
{
    const double h = 1e-3;
    float dx[N], most = tanhf(5);
    rig r;

    rig_init(&r, &nt_quantizer_dorefa, nt_codes_of_bits(2, false, true, true), 2, true,
             (nt_qpair){0.7F / 3, 0});
    nt_fakeq_backward(dx, NULL, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++) {
        double slope = (tanh(x[i] + h) - tanh(x[i] - h)) / (2 * h) / most;

        assert_float_equal(dx[i], dy[i] * 0.7 * slope, 1e-4);
    }
}

/* ---- signs */

NT_TEST(signs_are_never_0)
{
    float y[N];
    rig r;

    rig_init(&r, &nt_quantizer_bnn, (nt_codes){-1, 1, true}, 1, true, (nt_qpair){0.5F, 0});
    nt_fakeq_look(&r.q, r.z, x, true);
    nt_fakeq_forward(y, &r.q, r.z, x);
    for (int i = 0; i < N; i++)
        assert_float_equal(y[i], x[i] >= 0 ? 0.5 : -0.5, 0);
}

NT_TEST(bnn_passes_gradients_within_its_weights_bounds)
{
    float dx[N], w[N];
    rig r;

    rig_init(&r, &nt_quantizer_bnn, (nt_codes){-1, 1, true}, 1, true, (nt_qpair){1, 0});
    nt_fakeq_backward(dx, NULL, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++)
        assert_float_equal(dx[i], fabsf(x[i]) <= 1 ? dy[i] : 0, 0);
    memcpy(w, x, sizeof w);
    r.z->keep(&r.q, w);
    for (int i = 0; i < N; i++)
        assert_float_equal(w[i], fmax(-1, fmin(1, x[i])), 0);
}

NT_TEST(xnor_s_scale_is_the_mean_magnitude_and_has_a_gradient)
{
    float y[N], dx[N], mean = 0;
    double shared = 0;
    rig r;

    rig_init(&r, &nt_quantizer_xnor, (nt_codes){-1, 1, true}, 1, true, (nt_qpair){9, 0});
    nt_fakeq_look(&r.q, r.z, x, true);
    for (int i = 0; i < N; i++) {
        mean += fabsf(x[i]) / N;
        shared += dy[i] * (x[i] < 0 ? -1 : 1);
    }
    nt_fakeq_forward(y, &r.q, r.z, x);
    assert_float_equal(y[0], -mean, 1e-6);
    assert_float_equal(y[4], mean, 1e-6);
    nt_fakeq_backward(dx, NULL, &r.q, r.z, x, dy);
    for (int i = 0; i < N; i++)
        assert_float_equal(
            dx[i], (fabsf(x[i]) <= 1 ? mean * dy[i] : 0) + (x[i] < 0 ? -1 : 1) * shared / N,
            1e-5);
}

/* ---- all of them */

NT_TEST(what_was_found_beforehand_is_taken_over)
{
    static const nt_quantizer *const all[] = {&nt_quantizer_range, &nt_quantizer_fixed,
                                              &nt_quantizer_lsq, &nt_quantizer_lsq_plus};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int zero = 0; zero < 16; zero += 5) {
            nt_qpair p;
            rig r;

            rig_init(&r, all[i], u4, 4, false, (nt_qpair){0.3F, zero});
            p = r.z->pair(&r.q, 0);
            assert_float_equal(p.scale, 0.3, 1e-6);
            assert_int_equal(p.zero, zero);
        }
}

NT_TEST(methods_are_found_by_name)
{
    assert_ptr_equal(nt_qmethod_find("lsq+")->input, &nt_quantizer_lsq_plus);
    assert_ptr_equal(nt_qmethod_weight(nt_qmethod_find("bnn"), 1), &nt_quantizer_bnn);
    assert_ptr_equal(nt_qmethod_weight(nt_qmethod_find("bnn"), 8), &nt_quantizer_range);
    assert_ptr_equal(nt_qmethod_weight(nt_qmethod_find("lsq"), 1), &nt_quantizer_xnor);
    assert_null(nt_qmethod_weight(nt_qmethod_find("qat"), 1));
    assert_null(nt_qmethod_find("ptq"));
    assert_null(nt_qmethod_find(NULL));
}

NT_TEST_MAIN
