/* SPDX-License-Identifier: MIT */
/* Transposed convolutions: a convolution's backward pass by data, and what stands behind it in
 * the same prim, in every layout. */
#include "kernel_util.h"

#include "kernel/deconv.h"
#include "kernel/ref_conv.h"

/* x 5 x 4 becomes y 9 x 11, with 19 channels: a block and three of 16, two blocks and three
 * of 8. */
static nt_conv_desc desc(nt_dtype t, nt_format y)
{
    return (nt_conv_desc){.sp = 2,
                          .n = 2,
                          .c = 19,
                          .k = 6,
                          .g = 1,
                          .in = {9, 11},
                          .out = {5, 4},
                          .ker = {3, 4},
                          .stride = {2, 3},
                          .dil = {1, 1},
                          .lo = {1, 1},
                          .hi = {1, 1},
                          .src = t,
                          .dst = t,
                          .bias = true,
                          .post = {{NT_POST_SIGMOID, 0, 0}, {NT_POST_CLIP, 0.25F, 0.75F}},
                          .n_post = 2,
                          .src_fmt = y,
                          .dst_fmt = NT_FMT_ANY};
}

/* y in PLAIN fp32, by definition. */
static float *expected(const nt_conv_desc *d, const float *x, const float *w, const float *bias)
{
    int64_t points = d->in[0] * d->in[1], n = d->n * d->c * points;
    float *y = nt_alloc((size_t)n, sizeof *y);

    assert_non_null(y);
    nt_ref_conv_bwd_data(y, x, w, d);
    for (int64_t i = 0; i < n; i++) {
        float v = 1 / (1 + expf(-(y[i] + bias[i / points % d->c])));

        y[i] = v < 0.25F ? 0.25F : v > 0.75F ? 0.75F : v;
    }
    return y;
}

static void check(nt_device *dev, nt_dtype t, nt_format f)
{
    nt_conv_desc d = desc(t, f);
    nt_desc yd = {.dtype = t, .rank = 4, .dims = {2, 19, 9, 11}, .fmt = f};
    nt_desc xd = {.dtype = t, .rank = 4, .dims = {2, 6, 5, 4}};
    nt_deconv c = {0};
    nt_rng r;
    nt_err why = {{0}};
    float *x, *w, *bias, *want, *got;
    void *xm, *ym, *wm;

    if (nt_deconv_new(&c, dev, &d, false, &why) != NT_OK) { /* OpenBLAS knows PLAIN only */
        assert_true(t == NT_BF16 ||
                    (strcmp(nt_device_backend(dev), "openblas") == 0 && f != NT_FMT_PLAIN));
        return;
    }
    assert_int_equal(c.y_fmt, f);
    xd.fmt = c.x_fmt;
    nt_rng_init(&r, 3);
    x = random_row(&r, count_of(&xd), t);
    w = random_row(&r, 6 * 19 * 3 * 4, t);
    bias = random_row(&r, 19, NT_F32);
    want = expected(&d, x, w, bias);
    xm = pack_tensor(&xd, x);
    ym = pack_tensor(&yd, NULL);
    wm = nt_calloc(c.packed_bytes, 1);
    run_prim(c.pack, (void *[]){w, wm});
    run_prim(c.run, (void *[]){xm, wm, bias, ym});
    got = unpack_tensor(&yd, ym);
    for (int64_t i = 0; i < count_of(&yd); i++)
        assert_float_equal(got[i], want[i], t == NT_BF16 ? 0.01 : 1e-5);
    check_padding(&yd, ym);
    nt_deconv_release(&c);
    nt_free(x), nt_free(w), nt_free(bias), nt_free(want), nt_free(got);
    nt_free(xm), nt_free(ym), nt_free(wm);
}

NT_TEST(bias_and_activations_follow_in_every_layout)
{
    static const char *const backends[] = {"onednn", "openblas"};

    for (size_t b = 0; b < 2; b++) {
        nt_device *dev = new_device(backends[b], 2);

        for (int f = NT_FMT_PLAIN; f <= NT_FMT_C16; f++) {
            check(dev, NT_F32, (nt_format)f);
            check(dev, NT_BF16, (nt_format)f);
        }
        nt_device_free(dev);
    }
}

NT_TEST(a_sum_is_not_promised)
{
    nt_device *dev = new_device("openblas", 1);
    nt_conv_desc d = desc(NT_F32, NT_FMT_PLAIN);
    nt_deconv c = {0};
    nt_err why = {{0}};

    d.post[0].kind = NT_POST_SUM;
    assert_int_equal(nt_deconv_new(&c, dev, &d, false, &why), NT_EUNSUPPORTED);
    assert_non_null(strstr(why.msg, "no sum"));
    nt_device_free(dev);
}

NT_TEST_MAIN
