/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/blas_row.h"
#include "kernel/eltwise.h"

static const nt_post posts[] = {
    {NT_POST_RELU, 0, 0},
    {NT_POST_RELU, 0.1f, 0},
    {NT_POST_CLIP, -0.5f, 1.5f},
    {NT_POST_CLIP, 0.25f, 6},
    {NT_POST_SIGMOID, 0, 0},
    {NT_POST_TANH, 0, 0},
    {NT_POST_HARDSIGMOID, 0.2f, 0.5f},
    {NT_POST_HARDSWISH, 0, 0},
    {NT_POST_SWISH, 1.5f, 0},
    {NT_POST_GELU, 0, 0},
};
#define N_POSTS (sizeof posts / sizeof posts[0])

static const nt_desc descs[] = {
    {.rank = 0},
    {.rank = 1, .dims = {13}},
    {.rank = 2, .dims = {7, 13}},
    {.rank = 4, .dims = {2, 20, 7, 13}},
    {.rank = 5, .dims = {1, 3, 5, 7, 60}},
};
#define N_DESCS (sizeof descs / sizeof descs[0])

static nt_desc desc_of(size_t i, int bf16, int fmt)
{
    nt_desc d = descs[i];

    d.dtype = bf16 ? NT_BF16 : NT_F32;
    d.fmt = (nt_format)fmt;
    return d;
}

/* Over (-8, 8), where every function has its bends. */
static float *input(const nt_desc *d, uint64_t seed)
{
    size_t n = count_of(d);
    float *x = noise(n, seed);

    for (size_t i = 0; i < n; i++)
        x[i] *= 8;
    if (d->dtype == NT_BF16)
        round_bf16(x, n);
    return x;
}

static void check_forward(nt_device *dev, const nt_post *post, nt_desc d)
{
    size_t n = count_of(&d);
    double tol = d.dtype == NT_BF16 ? 4e-3 : 3e-6;
    float *x = input(&d, 1), *want = zeros(n), *got;
    void *mx = laid_out(&d, x), *my = unset(&d);
    nt_prim *p;

    for (size_t i = 0; i < n; i++)
        want[i] = (float)post_ref(post, x[i], 0);
    assert_ok(nt_eltwise_new(&p, dev, post, &d, e));
    RUN(p, mx, my);
    got = read_back(&d, my);
    assert_close(got, want, n, tol, 1e-6, "post");
    RUN(p, mx, mx);
    assert_memory_equal(mx, my, nt_desc_bytes(&d));
    nt_prim_free(p);
    nt_free(x), nt_free(want), nt_free(got), nt_free(mx), nt_free(my);
}

NT_TEST(functions_agree_with_their_formulas_in_all_formats_and_types)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_POSTS; i++)
        for (size_t j = 0; j < N_DESCS; j++)
            for (int v = 0; v < 8; v++)
                check_forward(dev, &posts[i], desc_of(j, v & 1, v >> 1));
    nt_device_free(dev);
}

/* Of the double formula; points too near a bend say nothing. */
static bool near_bend(double x, const nt_post *p)
{
    const double bends[] = {
        0, p->alpha, p->beta, -3, 3, -p->beta / p->alpha, (1 - p->beta) / p->alpha};

    for (int i = 0; i < 7; i++)
        if (fabs(x - bends[i]) < 1e-2)
            return true;
    return false;
}

static void check_backward(nt_device *dev, const nt_post *post, nt_desc d)
{
    const double h = 1e-5;
    size_t n = count_of(&d);
    double tol = d.dtype == NT_BF16 ? 4e-3 : 1e-5;
    float *x = input(&d, 1), *dy = input(&d, 2), *want = zeros(n), *got;
    void *mx = laid_out(&d, x), *mdy = laid_out(&d, dy);
    nt_prim *p;

    assert_ok(nt_eltwise_bwd_new(&p, dev, post, &d, e));
    RUN(p, mx, mdy, mdy);
    got = read_back(&d, mdy);
    for (size_t i = 0; i < n; i++)
        want[i] =
            near_bend(x[i], post)
                ? got[i]
                : (float)(dy[i] * (post_ref(post, x[i] + h, 0) - post_ref(post, x[i] - h, 0)) /
                          (2 * h));
    assert_close(got, want, n, tol, 1e-5, "backward");
    nt_prim_free(p);
    nt_free(x), nt_free(dy), nt_free(want), nt_free(got), nt_free(mx), nt_free(mdy);
}

NT_TEST(backward_is_the_central_difference_of_the_formula)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_POSTS; i++)
        for (size_t j = 0; j < N_DESCS; j++)
            for (int v = 0; v < 8; v++)
                check_backward(dev, &posts[i], desc_of(j, v & 1, v >> 1));
    nt_device_free(dev);
}

NT_TEST(gradients_at_the_bends_are_those_of_pytorch)
{
    static const struct {
        nt_post post;
        float x, want;
    } cases[] = {
        {{NT_POST_RELU, 0, 0}, 0, 0},
        {{NT_POST_RELU, 0.5f, 0}, 0, 0.5f},
        {{NT_POST_CLIP, -1, 2}, -1, 1},
        {{NT_POST_CLIP, -1, 2}, 2, 1},
        {{NT_POST_CLIP, -1, 2}, 2.5f, 0},
        {{NT_POST_HARDSIGMOID, 0.25f, 0.5f}, 2, 0},
        {{NT_POST_HARDSIGMOID, 0.25f, 0.5f}, -2, 0},
        {{NT_POST_HARDSIGMOID, 0.25f, 0.5f}, 0, 0.25f},
    };
    nt_desc d = {.dtype = NT_F32, .rank = 1, .dims = {1}};
    nt_device *dev = portable_device(1);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float x = cases[i].x, dy = 1, dx;
        nt_prim *p;

        assert_ok(nt_eltwise_bwd_new(&p, dev, &cases[i].post, &d, e));
        RUN(p, &x, &dy, &dx);
        assert_float_equal(dx, cases[i].want, 0);
        nt_prim_free(p);
    }
    nt_device_free(dev);
}

NT_TEST(relu_keeps_nan_and_minus_infinity_becomes_zero)
{
    nt_desc d = {.dtype = NT_F32, .rank = 1, .dims = {2}};
    float x[] = {NAN, -INFINITY}, y[2];
    nt_device *dev = portable_device(1);
    nt_prim *p;

    assert_ok(nt_eltwise_new(&p, dev, &posts[0], &d, e));
    RUN(p, x, y);
    assert_true(isnan(y[0]));
    assert_float_equal(y[1], 0, 0);
    nt_prim_free(p);
    nt_device_free(dev);
}

/* All there are. */
NT_TEST(bf16_are_clipped_as_the_floats_they_stand_for)
{
    static const nt_post clips[] = {
        {NT_POST_RELU, 0, 0},       {NT_POST_CLIP, 0, 6},         {NT_POST_CLIP, -1, 1},
        {NT_POST_CLIP, 0, 0.3f},    {NT_POST_CLIP, -INFINITY, 6}, {NT_POST_CLIP, 0, INFINITY},
        {NT_POST_CLIP, 0.1f, 0.2f}, {NT_POST_CLIP, 3, 1},         {NT_POST_CLIP, 0, 0}};
    nt_desc d = {.dtype = NT_BF16, .rank = 1, .dims = {65536}};
    nt_device *dev = portable_device(1);
    static uint16_t x[65536], y[65536];

    for (int i = 0; i < 65536; i++)
        x[i] = (uint16_t)i;
    for (size_t k = 0; k < sizeof clips / sizeof *clips; k++) {
        nt_prim *p;

        assert_ok(nt_eltwise_new(&p, dev, &clips[k], &d, e));
        RUN(p, x, y);
        for (int i = 0; i < 65536; i++) {
            float v = nt_bf16_to_f32(x[i]), got = nt_bf16_to_f32(y[i]), want = v;

            blas_row_post(&want, 1, &clips[k]);
            want = nt_bf16_to_f32(nt_f32_to_bf16(want));
            if (isnan(v) ? !isnan(got) : !(got == want))
                fail_msg("clip %zu of %g is %g, want %g", k, (double)v, (double)got,
                         (double)want);
        }
        nt_prim_free(p);
    }
    nt_device_free(dev);
}

NT_TEST(sums_of_one_to_eight_tensors)
{
    nt_device *dev = portable_device(2);

    for (int n = 1; n <= 8; n++)
        for (int v = 0; v < 8; v++) {
            nt_desc d = desc_of(3, v & 1, v >> 1);
            size_t count = count_of(&d);
            float *x[8], *want = zeros(count), *got;
            void *arg[9];
            nt_prim *p;

            for (int i = 0; i < n; i++) {
                x[i] = input(&d, (uint64_t)i + 1);
                arg[i] = laid_out(&d, x[i]);
                for (size_t j = 0; j < count; j++)
                    want[j] += x[i][j];
            }
            assert_ok(nt_sum_new(&p, dev, n, &d, e));
            arg[n] = unset(&d);
            run_prim(p, arg);
            got = read_back(&d, arg[n]);
            assert_close(got, want, count, v & 1 ? 4e-3 : 0, v & 1 ? 1e-6 : 0, "sum");
            nt_free(arg[n]);
            nt_free(got);
            arg[n] = arg[0]; /* and in place */
            run_prim(p, arg);
            got = read_back(&d, arg[0]);
            assert_close(got, want, count, v & 1 ? 4e-3 : 0, v & 1 ? 1e-6 : 0, "sum in place");
            for (int i = 0; i < n; i++)
                nt_free(x[i]), nt_free(arg[i]);
            nt_prim_free(p);
            nt_free(want), nt_free(got);
        }
    nt_device_free(dev);
}

NT_TEST(what_is_no_elementwise_function_is_refused)
{
    nt_desc d = desc_of(3, 0, NT_FMT_ANY);
    nt_device *dev = portable_device(1);
    nt_prim *p;
    nt_err e;

    assert_int_equal(nt_eltwise_new(&p, dev, &posts[0], &d, &e), NT_EINVAL);
    d.fmt = NT_FMT_PLAIN;
    assert_int_equal(nt_eltwise_new(&p, dev, &(nt_post){NT_POST_SUM, 0, 0}, &d, &e), NT_EINVAL);
    d.dtype = NT_I8;
    assert_int_equal(nt_eltwise_new(&p, dev, &posts[0], &d, &e), NT_EUNSUPPORTED);
    assert_int_equal(nt_sum_new(&p, dev, 9, &descs[1], &e), NT_EINVAL);
    nt_device_free(dev);
}

NT_TEST_MAIN
