/* SPDX-License-Identifier: MIT */
/* The expected weights come from torch.optim (PyTorch 1.13): three updates of three weights. */
#include "test.h"

#include "base/alloc.h"
#include "train/optim.h"

#include <math.h>
#include <string.h>

static const float start[3] = {0.5f, -1.25f, 2.0f};
static const float grads[3][3] = {{0.1f, -0.2f, 0.3f}, {-0.4f, 0.05f, 0.6f}, {0.7f, 0, -0.25f}};

static void three_updates(float *w, const nt_optim_opts *o)
{
    nt_optim *p = NULL;

    assert_ok(nt_optim_new(&p, o, 3, e));
    memcpy(w, start, sizeof start);
    for (int i = 0; i < 3; i++)
        nt_optim_step(p, w, grads[i], 0.1, NAN);
    assert_int_equal(nt_optim_updates(p), 3);
    nt_optim_free(p);
}

static void check(const nt_optim_opts *o, float a, float b, float c)
{
    float w[3];

    three_updates(w, o);
    assert_float_equal(w[0], a, 1e-6);
    assert_float_equal(w[1], b, 1e-6);
    assert_float_equal(w[2], c, 1e-6);
}

static nt_optim_opts named(const char *name)
{
    nt_optim_opts o;

    assert_ok(nt_optim_defaults(&o, name, e));
    return o;
}

NT_TEST(plain_sgd_is_a_step_along_the_gradient)
{
    nt_optim_opts o = named("sgd");

    check(&o, 0.460000038f, -1.23500001f, 1.93499994f);
}

NT_TEST(sgd_with_momentum_and_decay_is_pytorchs)
{
    nt_optim_opts o = named("SGD");

    o.momentum = 0.9;
    o.weight_decay = 0.01;
    check(&o, 0.476095408f, -1.19836438f, 1.8186636f);
    o.nesterov = true;
    check(&o, 0.436950952f, -1.18491387f, 1.76618516f);
}

NT_TEST(adam_is_pytorchs)
{
    nt_optim_opts o = named("Adam");

    check(&o, 0.422841549f, -1.06676316f, 1.75589538f);
    o.weight_decay = 0.05;
    o.eps = 1e-3;
    o.beta1 = 0.8;
    o.beta2 = 0.95;
    check(&o, 0.413056284f, -1.02333331f, 1.74481165f);
}

NT_TEST(adamw_is_pytorchs_with_its_default_decay)
{
    nt_optim_opts o = named("adamw");

    check(&o, 0.421487004f, -1.06326377f, 1.75019789f);
    o.weight_decay = 0.3;
    check(&o, 0.38340959f, -0.964922905f, 1.590047f);
}

NT_TEST(a_group_has_decay_and_rate_of_its_own)
{
    nt_optim_opts o = named("sgd");
    float w[5] = {1, 1, 1, 1, 1};
    const float g[5] = {0};
    nt_optim *p = NULL;

    o.weight_decay = 0.5;
    assert_ok(nt_optim_new(&p, &o, 5, e));
    assert_ok(nt_optim_group(p, 1, 2, 0, 1, e));   /* 1, 2: no decay */
    assert_ok(nt_optim_group(p, 2, 2, 0.5, 2, e)); /* 2, 3: twice the rate */
    nt_optim_step(p, w, g, 0.1, NAN);
    assert_float_equal(w[0], 0.95, 1e-6);
    assert_float_equal(w[1], 1, 0);
    assert_float_equal(w[2], 0.9, 1e-6);
    assert_float_equal(w[3], 0.9, 1e-6);
    assert_float_equal(w[4], 0.95, 1e-6);
    nt_optim_free(p);
}

NT_TEST(a_group_outside_the_buffer_is_refused)
{
    nt_optim_opts o = named("sgd");
    nt_optim *p = NULL;
    nt_err err;

    assert_ok(nt_optim_new(&p, &o, 5, e));
    assert_int_equal(nt_optim_group(p, 3, 3, 0, 1, &err), NT_EINVAL);
    assert_int_equal(nt_optim_group(p, SIZE_MAX, 3, 0, 1, &err), NT_EINVAL);
    nt_optim_free(p);
}

NT_TEST(values_out_of_range_are_refused)
{
    nt_optim_opts o = named("sgd");
    nt_optim *p = NULL;
    nt_err e;

    o.nesterov = true;
    assert_int_equal(nt_optim_new(&p, &o, 1, &e), NT_EINVAL);
    assert_string_equal(e.msg, "nesterov needs the optimizer sgd and a momentum");
    o = named("adam");
    o.momentum = 0.9;
    assert_int_equal(nt_optim_new(&p, &o, 1, &e), NT_EINVAL);
    o = named("sgd");
    o.lr = NAN;
    assert_int_equal(nt_optim_new(&p, &o, 1, &e), NT_EINVAL);
    assert_int_equal(nt_optim_defaults(&o, "lamb", &e), NT_EINVAL);
    assert_string_equal(
        e.msg, "optimizer 'lamb' is not known (sgd, adam, adamw, rmsprop, adagrad, adadelta, "
               "nadam, radam, lion)");
    assert_null(p);
}

/* Ten updates in one go, and ten with another optimiser's state taken over after the fifth; the
 * momentum moves, as a schedule moves it. */
static void goes_on_alike(const nt_optim_opts *o)
{
    nt_optim *a = NULL, *b = NULL;
    float wa[3], wb[3];

    assert_ok(nt_optim_new(&a, o, 3, e));
    assert_ok(nt_optim_new(&b, o, 3, e));
    memcpy(wa, start, sizeof wa);
    for (int i = 0; i < 10; i++) {
        nt_optim_step(a, wa, grads[i % 3], 0.1, 0.9 - 0.01 * i);
        if (i == 4) {
            memcpy(wb, wa, sizeof wb);
            for (int k = 0; k < nt_optim_n_buffers(a); k++)
                memcpy(nt_optim_buffer(b, k), nt_optim_buffer(a, k), sizeof wa);
            nt_optim_set_updates(b, nt_optim_updates(a));
            if (nt_optim_product(a) != NULL)
                *nt_optim_product(b) = *nt_optim_product(a);
        }
        if (i > 4)
            nt_optim_step(b, wb, grads[i % 3], 0.1, 0.9 - 0.01 * i);
    }
    assert_memory_equal(wa, wb, sizeof wa);
    assert_true(wa[0] != start[0]);
    nt_optim_free(a);
    nt_optim_free(b);
}

NT_TEST(state_put_into_a_new_optimiser_goes_on_alike)
{
    static const char *const names[] = {"sgd",      "adam",  "adamw", "rmsprop", "adagrad",
                                        "adadelta", "nadam", "radam", "lion"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        nt_optim_opts o = named(names[i]);

        goes_on_alike(&o);
    }
}

NT_TEST(arguments_of_another_optimiser_are_refused)
{
    nt_optim_opts o = named("adagrad");
    nt_err e;

    o.beta1 = 0.5;
    assert_int_equal(nt_optim_check(&o, &e), NT_EINVAL);
    assert_string_equal(e.msg, "betas goes with the optimizer adam, adamw, nadam, radam, lion "
                               "(adagrad has none)");
    o = named("sgd");
    o.centered = true;
    assert_int_equal(nt_optim_check(&o, &e), NT_EINVAL);
    assert_string_equal(e.msg, "centered goes with the optimizer rmsprop (sgd has none)");
    o = named("adadelta");
    o.rho = 1;
    assert_int_equal(nt_optim_check(&o, &e), NT_EINVAL);
    assert_string_equal(e.msg, "rho 1 is outside [0, 1)");
}

NT_TEST(lion_steps_by_the_sign_of_what_it_blends)
{
    nt_optim_opts o = named("lion");

    /* c of w[1]: -0.02, then 0.9 * -0.002 + 0.005 > 0, then 0.9 * -0.00148 < 0: + - + */
    check(&o, 0.4f, -1.15f, 1.9f);
}

NT_TEST(clipping_by_value_bounds_each_element)
{
    float g[4] = {3, -4, 0.5f, -0.25f};

    nt_clip_value(g, 4, 1);
    assert_true(g[0] == 1 && g[1] == -1 && g[2] == 0.5f && g[3] == -0.25f);
}

NT_TEST(clipping_keeps_the_direction_and_bounds_the_norm)
{
    float g[2] = {3, 4};

    assert_float_equal(nt_clip_norm(g, 2, 10), 5, 1e-6);
    assert_float_equal(g[0], 3, 0);
    assert_float_equal(nt_clip_norm(g, 2, 1), 5, 1e-6);
    assert_float_equal(g[0], 0.6, 1e-6);
    assert_float_equal(g[1], 0.8, 1e-6);
}

NT_TEST(lack_of_memory_is_reported)
{
    nt_optim_opts o = named("adam");

    for (long n = 1; n <= 4; n++) {
        nt_optim *p = NULL;
        nt_err e;

        nt_alloc_fail_at(n);
        assert_int_equal(nt_optim_new(&p, &o, 8, &e), NT_ENOMEM);
        assert_null(p);
    }
    nt_alloc_fail_at(0);
}

NT_TEST_MAIN
