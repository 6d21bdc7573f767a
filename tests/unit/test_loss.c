/* SPDX-License-Identifier: MIT */
/* Values and gradients of PyTorch 1.13 in double, and central differences. */
#include "test.h"

#include "base/rng.h"
#include "train/loss.h"
#include "train/loss_graph.h"

#include <math.h>
#include <string.h>

static const float x[6] = {1, 2, -1, 0.5f, -0.5f, 3};
static const float teacher[6] = {0, 3, 1, 1, 1, 1};
static const int32_t label[2] = {1, 0};

/* Of one label a sample, none weighted or ignored. */
static double cross_entropy(float *grad, const float *v, const int32_t *y, int64_t n, int64_t k,
                            double smoothing, double scale)
{
    const nt_classes t = {y, n, k, 1, NULL, NT_NO_LABEL, smoothing};

    return nt_loss_classes(grad, v, &t, scale);
}

static void same(const float *a, const float *b, size_t n, double tol)
{
    for (size_t i = 0; i < n; i++)
        assert_float_equal(a[i], b[i], tol);
}

NT_TEST(cross_entropy_is_pytorchs)
{
    const float want[6] = {0.12974823f,   -0.147307744f, 0.0175595135f,
                           -0.463100648f, 0.0135745131f, 0.449526135f};
    float g[6] = {0};

    assert_float_equal(cross_entropy(g, x, label, 2, 3, 0, 1), 1.47771316, 1e-8);
    same(g, want, 6, 1e-7);
}

NT_TEST(label_smoothing_is_pytorchs)
{
    const float want[6] = {0.113081564f,  -0.11397441f,    0.000892846813f,
                           -0.429767315f, -0.00309215362f, 0.432859468f};
    float g[6] = {0};

    assert_float_equal(cross_entropy(g, x, label, 2, 3, 0.1, 1), 1.51937983, 1e-8);
    same(g, want, 6, 1e-7);
}

NT_TEST(distillation_is_pytorchs_batchmean_times_t_squared)
{
    const float want[6] = {0.237468844f,  -0.0736205682f, -0.163848275f,
                           -0.118277753f, -0.239580951f,  0.357858704f};
    float g[6] = {0};

    assert_float_equal(nt_loss_distill(g, x, &(nt_distill){teacher, 2, 3, 4},
                                       1), 0.873966996, 1e-8);
    same(g, want, 6, 1e-7);
}

NT_TEST(distillation_from_itself_is_zero)
{
    float g[6] = {0}, zero[6] = {0};

    assert_float_equal(nt_loss_distill(g, x, &(nt_distill){x, 2, 3, 2}, 1), 0, 1e-12);
    same(g, zero, 6, 1e-12);
}

NT_TEST(mse_is_the_mean_over_all_elements)
{
    assert_float_equal(nt_loss_mse(NULL, x, teacher, 2, 3, 1), 2.08333333, 1e-8);
    assert_float_equal(nt_loss_mse_label(NULL, x, label, 2, 3, 1), 2.08333333, 1e-8);
}

NT_TEST(terms_add_up_in_the_gradient)
{
    float a[6] = {0}, b[6] = {0}, both[6] = {0};

    cross_entropy(a, x, label, 2, 3, 0, 1);
    nt_loss_distill(b, x, &(nt_distill){teacher, 2, 3, 3}, 1);
    cross_entropy(both, x, label, 2, 3, 0, 0.25);
    nt_loss_distill(both, x, &(nt_distill){teacher, 2, 3, 3}, 0.75);
    for (int i = 0; i < 6; i++)
        assert_float_equal(both[i], 0.25 * a[i] + 0.75 * b[i], 1e-6);
}

enum { CE, SMOOTH, KD, MSE, MSE_LABEL, N_LOSSES };

static double value(int which, float *grad, const float *v, const float *t, const int32_t *y,
                    int64_t n, int64_t k)
{
    switch (which) {
    case CE:
        return cross_entropy(grad, v, y, n, k, 0, 1);
    case SMOOTH:
        return cross_entropy(grad, v, y, n, k, 0.3, 1);
    case KD:
        return nt_loss_distill(grad, v, &(nt_distill){t, n, k, 2.5}, 1);
    case MSE:
        return nt_loss_mse(grad, v, t, n, k, 1);
    default:
        return nt_loss_mse_label(grad, v, y, n, k, 1);
    }
}

/* h is a power of two, so that v +- h is exact for these v */
static void differences(int which, int64_t n, int64_t k, nt_rng *r)
{
    const double h = 1.0 / 1024;
    float v[7 * 13], t[7 * 13], g[7 * 13] = {0};
    int32_t y[7];

    for (int64_t i = 0; i < n * k; i++) {
        v[i] = (float)(nt_rng_below(r, 4096) / 1024.0 - 2);
        t[i] = (float)nt_rng_normal(r);
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = (int32_t)nt_rng_below(r, (uint64_t)k);
    value(which, g, v, t, y, n, k);
    for (int64_t i = 0; i < n * k; i++) {
        float keep = v[i];
        double up, down;

        v[i] = (float)(keep + h);
        up = value(which, NULL, v, t, y, n, k);
        v[i] = (float)(keep - h);
        down = value(which, NULL, v, t, y, n, k);
        v[i] = keep;
        assert_float_equal(g[i], (up - down) / (2 * h), 2e-6);
    }
}

NT_TEST(gradients_agree_with_central_differences)
{
    nt_rng r;

    nt_rng_init(&r, 1);
    for (int which = 0; which < N_LOSSES; which++) {
        differences(which, 1, 1, &r);
        differences(which, 1, 7, &r);
        differences(which, 7, 13, &r);
    }
}

NT_TEST(large_logits_do_not_overflow)
{
    const float big[3] = {1e4f, -1e4f, 0};
    const int32_t y[1] = {1};
    float g[3] = {0};

    assert_float_equal(cross_entropy(g, big, y, 1, 3, 0, 1), 2e4, 1e-3);
    assert_float_equal(g[0], 1, 1e-6);
    assert_float_equal(g[1], -1, 1e-6);
}

NT_TEST(what_is_not_a_number_shows_in_the_loss)
{
    const float bad[3] = {1, NAN, 0};
    const int32_t y[1] = {0};

    assert_true(isnan(cross_entropy(NULL, bad, y, 1, 3, 0, 1)));
    assert_true(isnan(nt_loss_mse_label(NULL, bad, y, 1, 3, 1)));
}

NT_TEST(losses_are_found_by_name)
{
    const nt_loss *k = NULL;
    nt_err e;

    assert_int_equal(nt_loss_find(&k, "mse", &e), NT_OK);
    assert_ptr_equal(k, &nt_loss_square);
    assert_string_equal(nt_loss_class.name, "cross_entropy");
    assert_int_equal(nt_loss_find(&k, "focal", &e), NT_EINVAL);
    assert_string_equal(e.msg, "loss 'focal' is not known (cross_entropy, mse)");
}

NT_TEST_MAIN
