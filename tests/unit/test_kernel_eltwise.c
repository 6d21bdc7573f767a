/* SPDX-License-Identifier: MIT */
/* Elementwise kernels of both backends against plain loops, over layouts, types and broadcasts.
 */
#include "kernel_util.h"

#include "kernel/eltwise.h"

static const char *const backends[] = {"onednn", "openblas"};
static const nt_format formats[] = {NT_FMT_PLAIN, NT_FMT_NHWC, NT_FMT_C8, NT_FMT_C16};
static const nt_desc shapes[] = {
    {.rank = 4, .dims = {1, 1, 1, 1}},  {.rank = 4, .dims = {2, 13, 3, 5}},
    {.rank = 4, .dims = {2, 32, 4, 3}}, {.rank = 3, .dims = {3, 7, 9}},
    {.rank = 2, .dims = {5, 17}},       {.rank = 5, .dims = {1, 20, 2, 3, 2}},
    {.rank = 1, .dims = {19}},
};

static nt_rng seeded(void)
{
    nt_rng r;

    nt_rng_init(&r, 10);
    return r;
}

static double *zeros(int64_t n)
{
    double *p = nt_calloc((size_t)n, sizeof *p);

    assert_non_null(p);
    return p;
}

static nt_desc with(const nt_desc *shape, nt_dtype t, nt_format f)
{
    nt_desc d = *shape;

    d.dtype = t;
    d.fmt = f;
    return d;
}

static const nt_post functions[] = {
    {NT_POST_RELU, 0, 0},           {NT_POST_RELU, 0.1f, 0},  {NT_POST_CLIP, -1, 2},
    {NT_POST_CLIP, 0.5f, 2}, /* moves zero */
    {NT_POST_SIGMOID, 0, 0},        {NT_POST_TANH, 0, 0},     {NT_POST_HARDSIGMOID, 0.2f, 0.5f},
    {NT_POST_HARDSWISH, 0, 0},      {NT_POST_SWISH, 1.5f, 0}, {NT_POST_GELU, 0, 0},
    {NT_POST_GELU_TANH, 0, 0},      {NT_POST_ELU, 0.7f, 0},   {NT_POST_MISH, 0, 0},
    {NT_POST_LINEAR, 1.5f, -0.25f},
};

/* By central differences. */
static double slope(const nt_post *p, double x)
{
    return (post_ref(p, x + 1e-6, 0) - post_ref(p, x - 1e-6, 0)) / 2e-6;
}

/* Where slopes to the left and right differ, every answer between them is right. */
static bool is_kink(const nt_post *p, double x)
{
    return fabs(slope(p, x - 2e-6) - slope(p, x + 2e-6)) > 1e-3;
}

static void check_function(nt_device *dev, const nt_post *p, const nt_desc *d)
{
    nt_rng r = seeded();
    nt_prim *forward = NULL, *back = NULL;
    int64_t n = count_of(d);
    double tol = d->dtype == NT_BF16 ? 1e-2 : 1e-4;
    float *x = random_row(&r, n, d->dtype), *dy = random_row(&r, n, d->dtype), *got;
    double *y = zeros(n), *dx = zeros(n);
    void *xm, *ym = pack_tensor(d, NULL), *dm = pack_tensor(d, dy);
    char what[64];

    for (int64_t i = 0; i < n; i++) {
        x[i] *= 4; /* exact in bf16 */
        while (is_kink(p, x[i]))
            x[i] += 0.125f;
        y[i] = post_ref(p, x[i], 0);
        dx[i] = dy[i] * slope(p, x[i]);
    }
    xm = pack_tensor(d, x);
    assert_ok(nt_eltwise_new(&forward, dev, p, d, e));
    assert_ok(nt_eltwise_bwd_new(&back, dev, p, d, e));
    snprintf(what, sizeof what, "function %d, %s", (int)p->kind, nt_prim_impl(forward));
    run_prim(forward, (void *[]){xm, ym});
    got = unpack_tensor(d, ym);
    check_near(what, got, y, n, d->dtype, tol);
    check_padding(d, ym);
    nt_free(got);
    run_prim(back, (void *[]){xm, dm, dm});
    got = unpack_tensor(d, dm);
    check_near(what, got, dx, n, d->dtype, tol);
    check_padding(d, dm);
    nt_free(x), nt_free(dy), nt_free(got), nt_free(y), nt_free(dx);
    nt_free(xm), nt_free(ym), nt_free(dm);
    nt_prim_free(forward), nt_prim_free(back);
}

NT_TEST(functions_and_their_slopes_agree_with_their_definitions_and_keep_padding_zero)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t p = 0; p < N_OF(functions); p++)
            for (size_t i = 0; i < N_OF(shapes); i++)
                for (size_t f = 0; f < N_OF(formats); f++) {
                    nt_desc d = with(&shapes[i], NT_F32, formats[f]);

                    check_function(dev, &functions[p], &d);
                }
        nt_device_free(dev);
    }
}

/* Longer than a thread's part, with numbers at which exp overflows. */
NT_TEST(swish_is_itself_or_nothing_far_from_zero)
{
    const float far[] = {100, 1e4f, 3e38f, INFINITY, -90, -1e4f, -3e38f, 0};
    nt_device *dev = new_device("onednn", 2);
    nt_post p = {NT_POST_SWISH, 1, 0};
    nt_desc d = {.dtype = NT_F32, .rank = 1, .dims = {40003}};
    float *x = nt_alloc(40003, sizeof *x);
    nt_prim *prim = NULL;

    for (int i = 0; i < 40003; i++)
        x[i] = i % 9 < 8 ? far[i % 9] : NAN;
    assert_ok(nt_eltwise_new(&prim, dev, &p, &d, e));
    run_prim(prim, (void *[]){x, x});
    for (int i = 0; i < 40003; i++) {
        if (i % 9 == 8)
            assert_true(isnan(x[i]));
        else if (i % 9 < 4)
            assert_true(x[i] == far[i % 9]);
        else
            assert_true(fabsf(x[i]) < 1e-30f);
    }
    nt_free(x);
    nt_prim_free(prim);
    nt_device_free(dev);
}

NT_TEST(functions_in_bf16_are_off_by_their_rounding_only)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t p = 0; p < N_OF(functions); p++)
            for (size_t i = 0; i < N_OF(shapes); i++) {
                nt_desc d = with(&shapes[i], NT_BF16, NT_FMT_NHWC);

                check_function(dev, &functions[p], &d);
            }
        nt_device_free(dev);
    }
}

static void check_binary(nt_device *dev, nt_binary_kind kind, const nt_desc *a,
                         const nt_desc *b, const nt_desc *y)
{
    nt_rng r = seeded();
    nt_prim *p = NULL;
    int64_t n = count_of(y);
    float *av = random_row(&r, count_of(a), a->dtype),
          *bv = random_row(&r, count_of(b), b->dtype);
    float *got;
    double *want = zeros(n);
    void *am, *bm, *ym = pack_tensor(y, NULL);
    char what[96];

    for (int64_t i = 0; i < count_of(b); i++)
        bv[i] = bv[i] < 0 ? bv[i] - 0.5f : bv[i] + 0.5f;
    am = pack_tensor(a, av);
    bm = pack_tensor(b, bv);
    for (int64_t i = 0; i < n; i++)
        want[i] = binary_ref(kind, load(a, am, offset_of(a, broadcast_index(y, a, i))),
                             load(b, bm, offset_of(b, broadcast_index(y, b, i))));
    assert_ok(nt_binary_new(&p, dev, &(nt_binary_desc){kind, *a, *b, *y}, e));
    run_prim(p, (void *[]){am, bm, ym});
    got = unpack_tensor(y, ym);
    snprintf(what, sizeof what, "operation %d, %s, %s", (int)kind, nt_format_name(y->fmt),
             nt_prim_impl(p));
    check_near(what, got, want, n, y->dtype, y->dtype == NT_BF16 ? 1e-2 : 1e-5);
    check_padding(y, ym);
    nt_free(av), nt_free(bv), nt_free(got), nt_free(want), nt_free(am), nt_free(bm),
        nt_free(ym);
    nt_prim_free(p);
}

static void check_kinds(nt_device *dev, const nt_desc *a, const nt_desc *b, const nt_desc *y)
{
    for (int k = NT_BIN_ADD; k <= NT_BIN_PRELU; k++) {
        check_binary(dev, (nt_binary_kind)k, a, b, y);
        check_binary(dev, (nt_binary_kind)k, b, a, y);
    }
}

NT_TEST(binary_operations_work_elementwise_in_every_layout)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(shapes); i++)
            for (size_t f = 0; f < N_OF(formats); f++)
                for (int t = 0; t < 2; t++) {
                    nt_desc y = with(&shapes[i], t ? NT_BF16 : NT_F32, formats[f]);

                    check_kinds(dev, &y, &y, &y);
                }
        nt_device_free(dev);
    }
}

NT_TEST(binary_operations_broadcast_a_scalar_or_one_number_per_channel_in_every_layout)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t f = 0; f < N_OF(formats); f++) {
            nt_desc y = with(&shapes[1], NT_F32, formats[f]), x = y;

            for (int k = 0; k < 4; k++)
                x.dims[k] = 1;
            check_kinds(dev, &y, &x, &y);
            x.fmt = NT_FMT_PLAIN;
            check_kinds(dev, &y, &x, &y);
            x.dims[1] = y.dims[1];
            check_kinds(dev, &y, &x, &y);
            x.fmt = y.fmt;
            check_kinds(dev, &y, &x, &y);
            x.dims[0] = y.dims[0]; /* squeeze and excitation */
            check_kinds(dev, &y, &x, &y);
        }
        nt_device_free(dev);
    }
}

NT_TEST(binary_operations_broadcast_plain_tensors_along_any_dims)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);
        nt_desc y = with(&shapes[1], NT_F32, NT_FMT_PLAIN);

        for (int mask = 0; mask < 16; mask++) {
            nt_desc x = y, other = y;

            for (int k = 0; k < 4; k++) {
                x.dims[k] = mask >> k & 1 ? 1 : y.dims[k];
                other.dims[k] = mask >> k & 1 ? y.dims[k] : 1;
            }
            check_kinds(dev, &y, &x, &y);
            check_kinds(dev, &other, &x, &y);
        }
        nt_device_free(dev);
    }
}

NT_TEST(sums_may_overwrite_their_first_operand)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (int n = 1; n <= 8; n++)
            for (size_t f = 0; f < N_OF(formats); f++) {
                nt_desc d = with(&shapes[1], NT_F32, formats[f]);
                nt_rng r = seeded();
                nt_prim *p = NULL;
                void *arg[9];
                double *want = zeros(count_of(&d));
                float *got;

                for (int k = 0; k < n; k++) {
                    float *v = random_row(&r, count_of(&d), NT_F32);

                    for (int64_t i = 0; i < count_of(&d); i++)
                        want[i] += v[i];
                    arg[k] = pack_tensor(&d, v);
                    nt_free(v);
                }
                arg[n] = arg[0];
                assert_ok(nt_sum_new(&p, dev, n, &d, e));
                run_prim(p, arg);
                got = unpack_tensor(&d, arg[0]);
                check_near(nt_prim_impl(p), got, want, count_of(&d), NT_F32, 1e-5);
                check_padding(&d, arg[0]);
                for (int k = 0; k < n; k++)
                    nt_free(arg[k]);
                nt_free(got), nt_free(want);
                nt_prim_free(p);
            }
        nt_device_free(dev);
    }
}

static void check_reorder(nt_device *dev, const nt_desc *x, const nt_desc *y)
{
    nt_rng r = seeded();
    nt_prim *p = NULL;
    int64_t n = count_of(x);
    float *v = random_row(&r, n, x->dtype);
    void *xm = pack_tensor(x, v), *ym = pack_tensor(y, NULL);

    assert_ok(nt_reorder_new(&p, dev, x, y, e));
    memset(ym, 0x55, nt_desc_bytes(y));
    run_prim(p, (void *[]){xm, ym});
    for (int64_t i = 0; i < n; i++) {
        float want = y->dtype == NT_BF16 ? nt_bf16_to_f32(nt_f32_to_bf16(v[i])) : v[i];

        assert_float_equal(load(y, ym, offset_of(y, i)), want, 0);
    }
    check_padding(y, ym);
    nt_free(v), nt_free(xm), nt_free(ym);
    nt_prim_free(p);
}

NT_TEST(reorders_copy_exactly_between_layouts_round_to_even_and_zero_the_padding)
{
    static const nt_dtype types[] = {NT_F32, NT_BF16};

    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (size_t i = 0; i < N_OF(shapes); i++)
            for (size_t v = 0; v < 4 * N_OF(formats) * N_OF(formats); v++) {
                nt_desc x = with(&shapes[i], types[v & 1], formats[v / 4 % 4]);
                nt_desc y = with(&shapes[i], types[v >> 1 & 1], formats[v / 16]);

                check_reorder(dev, &x, &y);
            }
        nt_device_free(dev);
    }
}

static nt_status check_concat(nt_device *dev, int n, const nt_desc *x, int axis)
{
    nt_rng r = seeded();
    nt_prim *p = NULL;
    nt_desc y = x[0];
    void *arg[5];
    float *v[4], *got;
    int64_t inner = 1, at = 0;
    nt_err err = {{0}};
    nt_status s = nt_concat_new(&p, dev, n, x, axis, &err);

    if (s != NT_OK)
        return s;
    y.dims[axis] = 0;
    for (int k = 0; k < n; k++) {
        y.dims[axis] += x[k].dims[axis];
        v[k] = random_row(&r, count_of(&x[k]), x[k].dtype);
        arg[k] = pack_tensor(&x[k], v[k]);
    }
    for (int k = axis + 1; k < y.rank; k++)
        inner *= y.dims[k];
    arg[n] = pack_tensor(&y, NULL);
    run_prim(p, arg);
    got = unpack_tensor(&y, arg[n]);
    for (int k = 0; k < n; at += x[k].dims[axis] * inner, k++)
        for (int64_t i = 0; i < count_of(&x[k]); i++) {
            int64_t row = x[k].dims[axis] * inner;

            assert_float_equal(got[i / row * y.dims[axis] * inner + at + i % row], v[k][i], 0);
        }
    for (int k = 0; k < n; k++)
        nt_free(arg[k]), nt_free(v[k]);
    nt_free(arg[n]), nt_free(got);
    nt_prim_free(p);
    return NT_OK;
}

NT_TEST(concatenation_puts_its_operands_side_by_side_along_any_axis)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (int t = 0; t < 2; t++)
            for (size_t f = 0; f < N_OF(formats); f++)
                for (int axis = 0; axis < 4; axis++) {
                    nt_desc x[3];

                    for (int k = 0; k < 3; k++) {
                        x[k] = with(&shapes[2], t ? NT_BF16 : NT_F32, formats[f]);
                        x[k].dims[axis] += 16 * k;
                    }
                    assert_int_equal(check_concat(dev, 3, x, axis), NT_OK);
                }
        nt_device_free(dev);
    }
}

NT_TEST(concatenation_of_blocked_channels_wants_whole_blocks)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);
        nt_desc x[2] = {with(&shapes[1], NT_F32, NT_FMT_C8),
                        with(&shapes[1], NT_F32, NT_FMT_C8)};

        assert_int_equal(check_concat(dev, 2, x, 1), NT_EUNSUPPORTED);
        assert_int_equal(check_concat(dev, 2, x, 2), NT_OK);
        x[0].fmt = x[1].fmt = NT_FMT_NHWC;
        assert_int_equal(check_concat(dev, 2, x, 1), NT_OK);
        nt_device_free(dev);
    }
}

NT_TEST(reduction_sums_over_every_set_of_broadcast_dims)
{
    for (size_t b = 0; b < N_OF(backends); b++) {
        nt_device *dev = new_device(backends[b], 2);
        nt_desc x = with(&shapes[1], NT_F32, NT_FMT_PLAIN);

        for (int mask = 0; mask < 16; mask++) {
            nt_rng r = seeded();
            nt_prim *p = NULL;
            nt_desc y = x;
            float *v = random_row(&r, count_of(&x), NT_F32), *got;
            double *want;

            for (int k = 0; k < 4; k++)
                y.dims[k] = mask >> k & 1 ? 1 : x.dims[k];
            want = zeros(count_of(&y));
            got = nt_calloc((size_t)count_of(&y), sizeof *got);
            for (int64_t i = 0; i < count_of(&x); i++)
                want[broadcast_index(&x, &y, i)] += v[i];
            assert_ok(nt_reduce_to_new(&p, dev, &x, &y, e));
            run_prim(p, (void *[]){v, got});
            check_near(nt_prim_impl(p), got, want, count_of(&y), NT_F32, 1e-4);
            nt_free(v), nt_free(got), nt_free(want);
            nt_prim_free(p);
        }
        nt_device_free(dev);
    }
}

NT_TEST_MAIN
