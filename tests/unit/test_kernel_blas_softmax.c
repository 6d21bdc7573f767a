/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/norm.h"

static const struct {
    int rank, axis;
    int64_t dims[4];
} cases[] = {
    {1, 0, {1}},           {1, 0, {13}},         {2, 1, {7, 60}},    {2, 0, {7, 13}},
    {4, 1, {2, 21, 5, 7}}, {4, 3, {1, 2, 3, 7}}, {3, 1, {13, 7, 1}}, {4, 0, {3, 1, 1, 17}},
};
#define N_CASES (sizeof cases / sizeof cases[0])

static nt_desc desc_of(size_t i, nt_dtype t)
{
    nt_desc d = {.dtype = t, .rank = cases[i].rank};

    for (int k = 0; k < d.rank; k++)
        d.dims[k] = cases[i].dims[k];
    return d;
}

/* By the definition, in double. */
static void reference(float *y, const float *x, const nt_desc *d, int axis, bool log_of_it)
{
    size_t inner = 1, extent = (size_t)d->dims[axis];

    for (int i = axis + 1; i < d->rank; i++)
        inner *= (size_t)d->dims[i];
    for (size_t i = 0; i < count_of(d); i++) {
        size_t first = i / (inner * extent) * inner * extent + i % inner;
        double sum = 0;

        for (size_t k = 0; k < extent; k++)
            sum += exp((double)x[first + k * inner] - x[i]);
        y[i] = (float)(log_of_it ? -log(sum) : 1 / sum);
    }
}

static float *input(const nt_desc *d)
{
    size_t n = count_of(d);
    float *x = noise(n, 1);

    for (size_t i = 0; i < n; i++)
        x[i] *= 5;
    if (d->dtype == NT_BF16)
        round_bf16(x, n);
    return x;
}

NT_TEST(softmax_and_its_logarithm_agree_with_the_definition)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++)
        for (int v = 0; v < 4; v++) {
            nt_desc d = desc_of(i, v & 1 ? NT_BF16 : NT_F32);
            size_t n = count_of(&d);
            float *x = input(&d), *want = zeros(n), *got;
            void *mx = laid_out(&d, x);
            double tol = v & 1 ? 4e-3 : 1e-6;
            nt_prim *p;

            reference(want, x, &d, cases[i].axis, v & 2);
            assert_ok(nt_softmax_new(&p, dev, &d, cases[i].axis, v & 2, e));
            RUN(p, mx, mx); /* in place */
            got = read_back(&d, mx);
            assert_close(got, want, n, tol, 1e-6, "softmax");
            nt_prim_free(p);
            nt_free(x), nt_free(want), nt_free(got), nt_free(mx);
        }
    nt_device_free(dev);
}

NT_TEST(large_numbers_do_not_overflow)
{
    float x[] = {1000, 1000, -INFINITY}, y[3];
    nt_desc d = {.dtype = NT_F32, .rank = 1, .dims = {3}};
    nt_device *dev = portable_device(1);
    nt_prim *p;

    for (int v = 0; v < 2; v++) {
        assert_ok(nt_softmax_new(&p, dev, &d, 0, v, e));
        RUN(p, x, y);
        assert_float_equal(y[0], v ? -0.69314718f : 0.5f, 1e-7);
        assert_float_equal(y[1], y[0], 0);
        assert_true(v ? y[2] == -INFINITY : y[2] == 0);
        nt_prim_free(p);
    }
    nt_device_free(dev);
}

NT_TEST(backward_is_a_central_difference)
{
    const float h = 1.0f / 256;
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++)
        for (int v = 0; v < 2; v++) {
            nt_desc d = desc_of(i, NT_F32);
            size_t n = count_of(&d);
            float *x = noise(n, 1), *dy = noise(n, 2), *y = zeros(n), *dx = zeros(n);
            float *up = zeros(n), *down = zeros(n);
            nt_prim *p;

            reference(y, x, &d, cases[i].axis, v);
            assert_ok(nt_softmax_bwd_new(&p, dev, &d, cases[i].axis, v, e));
            RUN(p, y, dy, dx);
            for (size_t j = 0; j<n; j += n> 500 ? 397 : 1) {
                float old = x[j];

                x[j] = old + h;
                reference(up, x, &d, cases[i].axis, v);
                x[j] = old - h;
                reference(down, x, &d, cases[i].axis, v);
                x[j] = old;
                assert_true(fabs((dot(up, dy, n) - dot(down, dy, n)) / (2 * h) - dx[j]) < 1e-3);
            }
            nt_prim_free(p);
            nt_free(x), nt_free(dy), nt_free(y), nt_free(dx), nt_free(up), nt_free(down);
        }
    nt_device_free(dev);
}

NT_TEST(other_formats_and_types_are_refused)
{
    nt_desc d = desc_of(4, NT_F32);
    nt_device *dev = portable_device(1);
    nt_prim *p;
    nt_err e;

    assert_int_equal(nt_softmax_new(&p, dev, &d, 4, false, &e), NT_EINVAL);
    d.fmt = NT_FMT_C8;
    assert_int_equal(nt_softmax_new(&p, dev, &d, 1, false, &e), NT_EUNSUPPORTED);
    d = desc_of(4, NT_BF16);
    assert_int_equal(nt_softmax_bwd_new(&p, dev, &d, 1, false, &e), NT_EUNSUPPORTED);
    nt_device_free(dev);
}

NT_TEST_MAIN
