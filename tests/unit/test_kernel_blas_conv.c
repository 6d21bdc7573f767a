/* SPDX-License-Identifier: MIT */
#include "kernel_blas.h"

#include "kernel/conv.h"
#include "kernel/ref_conv.h"

/* out, from the other extents of a description. */
static nt_conv_desc with_out(nt_conv_desc d)
{
    for (int i = 0; i < d.sp; i++)
        d.out[i] =
            (d.in[i] + d.lo[i] + d.hi[i] - (d.ker[i] - 1) * d.dil[i] - 1) / d.stride[i] + 1;
    return d;
}

static nt_desc tensor_of(nt_dtype t, int sp, int64_t n, int64_t c, const int64_t *dims)
{
    nt_desc d = {.dtype = t, .rank = sp + 2, .dims = {n, c}};

    for (int i = 0; i < sp; i++)
        d.dims[2 + i] = dims[i];
    return d;
}

/* A convolution with its numbers: all PLAIN fp32, rounded where the kernel will see bf16. */
typedef struct problem {
    nt_conv_desc d;
    nt_desc x_desc, y_desc;
    size_t nx, ny, nw;
    float *x, *w, *b, *dy, *y;
} problem;

static problem setup(nt_conv_desc d)
{
    problem p = {.d = d};

    p.x_desc = tensor_of(d.src, d.sp, d.n, d.c, d.in);
    p.y_desc = tensor_of(d.dst, d.sp, d.n, d.k, d.out);
    p.nx = count_of(&p.x_desc);
    p.ny = count_of(&p.y_desc);
    p.nw = (size_t)(d.k * (d.c / d.g));
    for (int i = 0; i < d.sp; i++)
        p.nw *= (size_t)d.ker[i];
    p.x = noise(p.nx, 1);
    p.w = noise(p.nw, 2);
    p.b = noise((size_t)d.k, 3);
    p.dy = noise(p.ny, 4);
    p.y = noise(p.ny, 5);
    if (d.src == NT_BF16) {
        round_bf16(p.x, p.nx);
        round_bf16(p.w, p.nw);
    }
    if (d.dst == NT_BF16) {
        round_bf16(p.dy, p.ny);
        round_bf16(p.y, p.ny);
    }
    return p;
}

static void teardown(problem *p)
{
    nt_free(p->x);
    nt_free(p->w);
    nt_free(p->b);
    nt_free(p->dy);
    nt_free(p->y);
}

static void *packed_weights(nt_prim *pack, size_t bytes, float *w)
{
    void *packed = nt_alloc(bytes, 1);

    assert_non_null(packed);
    RUN(pack, w, packed);
    return packed;
}

/* y of the kernel as plain fp32, starting from p->y. */
static float *forward(nt_device *dev, const problem *p)
{
    nt_conv_fwd c;
    void *x = laid_out(&p->x_desc, p->x), *y = laid_out(&p->y_desc, p->y), *packed;
    float *got;

    assert_ok(nt_conv_fwd_new(&c, dev, &p->d, false, e));
    assert_int_equal(c.src_fmt, NT_FMT_PLAIN);
    assert_int_equal(c.dst_fmt, NT_FMT_PLAIN);
    packed = packed_weights(c.pack, c.packed_bytes, p->w);
    RUN(c.run, x, packed, p->d.bias ? p->b : NULL, y);
    got = read_back(&p->y_desc, y);
    nt_conv_fwd_release(&c);
    nt_free(x);
    nt_free(y);
    nt_free(packed);
    return got;
}

static float *backward_data(nt_device *dev, const problem *p)
{
    nt_conv_bwd_data c;
    void *dy = laid_out(&p->y_desc, p->dy), *dx = unset(&p->x_desc), *packed;
    float *got;

    assert_ok(nt_conv_bwd_data_new(&c, dev, &p->d, true, e));
    packed = packed_weights(c.pack, c.packed_bytes, p->w);
    RUN(c.run, dy, packed, dx);
    got = read_back(&p->x_desc, dx);
    nt_conv_bwd_data_release(&c);
    nt_free(dy);
    nt_free(dx);
    nt_free(packed);
    return got;
}

static float *backward_weights(nt_device *dev, const problem *p, float *db)
{
    nt_conv_bwd_weights c;
    void *x = laid_out(&p->x_desc, p->x), *dy = laid_out(&p->y_desc, p->dy);
    float *packed, *dw = zeros(p->nw);

    assert_ok(nt_conv_bwd_weights_new(&c, dev, &p->d, e));
    packed = nt_alloc(c.packed_bytes, 1);
    assert_non_null(packed);
    memset(packed, 0xff, c.packed_bytes);
    RUN(c.run, x, dy, packed, db);
    RUN(c.unpack, packed, dw);
    nt_conv_bwd_weights_release(&c);
    nt_free(x);
    nt_free(dy);
    nt_free(packed);
    return dw;
}

NT_TEST(a_convolution_worked_by_hand)
{
    /* [1 2 3; 4 5 6; 7 8 9] with [1 0; 0 -1], padded by one on the left only */
    nt_conv_desc d = with_out((nt_conv_desc){.sp = 2,
                                             .n = 1,
                                             .c = 1,
                                             .k = 1,
                                             .g = 1,
                                             .in = {3, 3},
                                             .ker = {2, 2},
                                             .stride = {1, 1},
                                             .dil = {1, 1},
                                             .lo = {0, 1},
                                             .src = NT_F32,
                                             .dst = NT_F32,
                                             .bias = true});
    float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w[] = {1, 0, 0, -1}, b[] = {10}, y[6], packed[4];
    const float want[] = {6, 6, 6, 3, 6, 6};
    nt_device *dev = portable_device(1);
    nt_conv_fwd c;

    assert_ok(nt_conv_fwd_new(&c, dev, &d, false, e));
    RUN(c.pack, w, packed);
    RUN(c.run, x, packed, b, y);
    assert_memory_equal(y, want, sizeof y);
    nt_conv_fwd_release(&c);
    nt_device_free(dev);
}

static const nt_conv_desc cases[] = {
    {.sp = 1,
     .n = 2,
     .c = 3,
     .k = 5,
     .g = 1,
     .in = {13},
     .ker = {3},
     .stride = {1},
     .dil = {1}},
    {.sp = 1,
     .n = 1,
     .c = 1,
     .k = 1,
     .g = 1,
     .in = {7},
     .ker = {2},
     .stride = {3},
     .dil = {2},
     .lo = {2},
     .hi = {1}},
    {.sp = 2,
     .n = 1,
     .c = 7,
     .k = 13,
     .g = 1,
     .in = {1, 1},
     .ker = {1, 1},
     .stride = {1, 1},
     .dil = {1, 1}},
    {.sp = 2,
     .n = 3,
     .c = 7,
     .k = 13,
     .g = 1,
     .in = {7, 13},
     .ker = {3, 3},
     .stride = {1, 1},
     .dil = {1, 1},
     .lo = {1, 1},
     .hi = {1, 1}},
    {.sp = 2,
     .n = 2,
     .c = 4,
     .k = 6,
     .g = 2,
     .in = {13, 7},
     .ker = {3, 2},
     .stride = {2, 3},
     .dil = {1, 2},
     .lo = {0, 2},
     .hi = {1, 0}},
    {.sp = 2,
     .n = 2,
     .c = 3,
     .k = 4,
     .g = 1,
     .in = {9, 9},
     .ker = {1, 1},
     .stride = {2, 2},
     .dil = {1, 1}},
    {.sp = 2,
     .n = 2,
     .c = 3,
     .k = 4,
     .g = 1,
     .in = {13, 13},
     .ker = {2, 2},
     .stride = {5, 4},
     .dil = {1, 1}}, /* stride > kernel */
    {.sp = 2,
     .n = 2,
     .c = 5,
     .k = 3,
     .g = 1,
     .in = {27, 31},
     .ker = {1, 1},
     .stride = {1, 1},
     .dil = {1, 1}}, /* pointwise, several blocks of an image */
    {.sp = 2,
     .n = 2,
     .c = 2,
     .k = 3,
     .g = 1,
     .in = {40, 33},
     .ker = {5, 3},
     .stride = {1, 1},
     .dil = {1, 1},
     .lo = {2, 1},
     .hi = {2, 1}}, /* blocks begin within a row */
    {.sp = 2,
     .n = 200,
     .c = 2,
     .k = 3,
     .g = 1,
     .in = {2, 2},
     .ker = {3, 3},
     .stride = {1, 1},
     .dil = {1, 1},
     .lo = {1, 1},
     .hi = {1, 1}}, /* several images to a block, the last short */
    {.sp = 2,
     .n = 1,
     .c = 64,
     .k = 130,
     .g = 1,
     .in = {5, 5},
     .ker = {3, 3},
     .stride = {1, 1},
     .dil = {1, 1},
     .lo = {1, 1},
     .hi = {1, 1}}, /* several shares of the channels */
    {.sp = 2,
     .n = 2,
     .c = 7,
     .k = 7,
     .g = 7,
     .in = {13, 7},
     .ker = {3, 3},
     .stride = {1, 1},
     .dil = {1, 1},
     .lo = {1, 1},
     .hi = {1, 1}},
    {.sp = 2,
     .n = 2,
     .c = 3,
     .k = 6,
     .g = 3,
     .in = {7, 13},
     .ker = {3, 3},
     .stride = {2, 2},
     .dil = {1, 2},
     .lo = {0, 1},
     .hi = {1, 2}}, /* depthwise, two outputs to a channel */
    {.sp = 3,
     .n = 2,
     .c = 3,
     .k = 4,
     .g = 1,
     .in = {5, 7, 6},
     .ker = {2, 3, 1},
     .stride = {1, 2, 1},
     .dil = {2, 1, 1},
     .lo = {1, 0, 0},
     .hi = {0, 1, 2}},
    {.sp = 3,
     .n = 1,
     .c = 4,
     .k = 4,
     .g = 4,
     .in = {3, 4, 5},
     .ker = {3, 3, 3},
     .stride = {1, 1, 2},
     .dil = {1, 1, 1},
     .lo = {1, 1, 1},
     .hi = {1, 1, 1}},
    {.sp = 2,
     .n = 1,
     .c = 2,
     .k = 2,
     .g = 1,
     .in = {3, 3},
     .ker = {3, 3},
     .stride = {1, 1},
     .dil = {3, 3},
     .lo = {5, 4},
     .hi = {4, 5}}, /* taps that never meet the picture */
};
#define N_CASES (sizeof cases / sizeof cases[0])

static nt_conv_desc case_of(size_t i, nt_dtype src, nt_dtype dst)
{
    nt_conv_desc d = with_out(cases[i]);

    d.src = src;
    d.dst = dst;
    d.bias = i % 3 != 0;
    d.src_fmt = d.dst_fmt = NT_FMT_ANY;
    return d;
}

/* Relative to the largest number: a sum's rounding error is that of its largest terms. */
static void check(const float *got, const float *want, size_t n, double tol, const char *pass,
                  size_t i)
{
    double most = 0;
    char what[64];

    for (size_t j = 0; j < n; j++)
        most = fmax(most, fabs(want[j]));
    snprintf(what, sizeof what, "case %zu, %s", i, pass);
    assert_close(got, want, n, 0, tol * (most > 1 ? most : 1), what);
}

static void sweep(nt_dtype src, nt_dtype dst, double tol)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++) {
        problem p = setup(case_of(i, src, dst));
        float *y = zeros(p.ny), *dx = zeros(p.nx), *dw = zeros(p.nw);
        float *db = zeros((size_t)p.d.k), *got_db = zeros((size_t)p.d.k), *got;

        nt_ref_conv_fwd(y, p.x, p.w, p.d.bias ? p.b : NULL, &p.d);
        got = forward(dev, &p);
        check(got, y, p.ny, dst == NT_BF16 ? 5e-3 : tol, "forward", i);
        nt_free(got);
        nt_ref_conv_bwd_data(dx, p.dy, p.w, &p.d);
        got = backward_data(dev, &p);
        check(got, dx, p.nx, src == NT_BF16 ? 5e-3 : tol, "backward by data", i);
        nt_free(got);
        nt_ref_conv_bwd_weights(dw, db, p.x, p.dy, &p.d);
        got = backward_weights(dev, &p, got_db);
        check(got, dw, p.nw, tol, "backward by weights", i);
        check(got_db, db, (size_t)p.d.k, tol, "backward by bias", i);
        nt_free(got);
        nt_free(y);
        nt_free(dx);
        nt_free(dw);
        nt_free(db);
        nt_free(got_db);
        teardown(&p);
    }
    nt_device_free(dev);
}

NT_TEST(all_three_passes_agree_with_the_reference)
{
    sweep(NT_F32, NT_F32, 2e-6);
}

NT_TEST(bf16_operands_are_computed_in_float)
{
    sweep(NT_BF16, NT_BF16, 2e-6);
}

NT_TEST(bf16_in_and_float_out_round_nothing_but_the_operands)
{
    sweep(NT_BF16, NT_F32, 5e-3); /* dx's weights are not rounded, the reference's are */
}

/* The value that the sum of y*dy changes by per unit of v[i]. */
static double slope(const problem *p, float *v, size_t i)
{
    const float h = 1.0f / 64;
    float old = v[i], *y = zeros(p->ny);
    double up, down;

    v[i] = old + h;
    nt_ref_conv_fwd(y, p->x, p->w, NULL, &p->d);
    up = dot(y, p->dy, p->ny);
    v[i] = old - h;
    nt_ref_conv_fwd(y, p->x, p->w, NULL, &p->d);
    down = dot(y, p->dy, p->ny);
    v[i] = old;
    nt_free(y);
    return (up - down) / (2 * h);
}

NT_TEST(both_backwards_are_central_differences)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++) {
        problem p = setup(case_of(i, NT_F32, NT_F32));
        float *dx = backward_data(dev, &p), *dw = backward_weights(dev, &p, NULL);

        for (size_t j = 0; p.nx < 500 && j < p.nx; j += 7)
            assert_true(fabs(slope(&p, p.x, j) - dx[j]) < 1e-4);
        for (size_t j = 0; p.nx < 500 && j < p.nw; j += 5)
            assert_true(fabs(slope(&p, p.w, j) - dw[j]) < 2e-4);
        nt_free(dx);
        nt_free(dw);
        teardown(&p);
    }
    nt_device_free(dev);
}

NT_TEST(post_operations_follow_the_bias_in_order)
{
    nt_device *dev = portable_device(2);

    for (size_t i = 0; i < N_CASES; i++) {
        nt_conv_desc d = case_of(i, NT_F32, i % 2 ? NT_BF16 : NT_F32);
        problem p;
        float *want, *got;

        d.n_post = 3;
        d.post[0] = (nt_post){NT_POST_CLIP, -0.5f, 0.75f};
        d.post[1] = (nt_post){NT_POST_SUM, 0, 0};
        d.post[2] = (nt_post){NT_POST_RELU, 0.25f, 0};
        p = setup(d);
        want = zeros(p.ny);
        nt_ref_conv_fwd(want, p.x, p.w, d.bias ? p.b : NULL, &d);
        for (size_t j = 0; j < p.ny; j++) {
            float v = fminf(fmaxf(want[j], -0.5f), 0.75f) + p.y[j];

            want[j] = v > 0 ? v : 0.25f * v;
        }
        got = forward(dev, &p);
        check(got, want, p.ny, i % 2 ? 5e-3 : 1e-5, "posts", i);
        nt_free(want);
        nt_free(got);
        teardown(&p);
    }
    nt_device_free(dev);
}

/* Bits, not closeness. */
NT_TEST(the_number_of_threads_does_not_change_a_bit)
{
    for (size_t i = 0; i < N_CASES; i++) {
        problem p = setup(case_of(i, NT_F32, NT_F32));
        float *was[3] = {0}, *is[3];

        for (int threads = 1; threads <= 3; threads++) {
            nt_device *dev = portable_device(threads);

            is[0] = forward(dev, &p);
            is[1] = backward_data(dev, &p);
            is[2] = backward_weights(dev, &p, NULL);
            for (int j = 0; j < 3; j++) {
                size_t n[] = {p.ny, p.nx, p.nw};

                if (was[j])
                    assert_memory_equal(was[j], is[j], n[j] * sizeof(float));
                nt_free(was[j]);
                was[j] = is[j];
            }
            nt_device_free(dev);
        }
        for (int j = 0; j < 3; j++)
            nt_free(was[j]);
        teardown(&p);
    }
}

NT_TEST(other_formats_and_algorithms_are_refused)
{
    nt_device *dev = portable_device(1);
    nt_conv_desc d = case_of(3, NT_F32, NT_F32);
    nt_conv_fwd c;
    nt_err e;

    d.src_fmt = NT_FMT_NHWC;
    assert_int_equal(nt_conv_fwd_new(&c, dev, &d, false, &e), NT_EUNSUPPORTED);
    assert_string_equal(e.msg, "this convolution wants plain, not nhwc");
    d.src_fmt = NT_FMT_PLAIN;
    d.algo = NT_ALGO_WINOGRAD;
    assert_int_equal(nt_conv_fwd_new(&c, dev, &d, false, &e), NT_EUNSUPPORTED);
    d.algo = NT_ALGO_GEMM;
    d.dst = NT_I8;
    assert_int_equal(nt_conv_fwd_new(&c, dev, &d, false, &e), NT_EUNSUPPORTED);
    nt_device_free(dev);
}

NT_TEST_MAIN
