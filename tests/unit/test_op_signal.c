/* SPDX-License-Identifier: MIT */
/* Fourier transforms, windows, the mel scale, n-grams. */
#include "op/fft.h"
#include "op_harness.h"

#define PI 3.14159265358979323846

/* Against the sum itself: powers of two, products, primes. */
NT_TEST(transforms_of_any_length)
{
    static const int64_t lengths[] = {1, 2, 4, 7, 12, 13, 30, 64, 105};
    nt_complex x[105], y[105];

    for (int i = 0; i < 105; i++)
        x[i] = (nt_complex){cos(0.3 * i * i), sin(1.7 * i)};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        int64_t n = lengths[l];
        nt_fft *f = NULL;

        assert_ok(nt_fft_new(&f, n, false, e));
        nt_fft_run(f, y, x);
        for (int64_t k = 0; k < n; k++) {
            double re = 0, im = 0;

            for (int64_t j = 0; j < n; j++) {
                double a = -2 * PI * (double)(j * k % n) / (double)n;

                re += x[j].re * cos(a) - x[j].im * sin(a);
                im += x[j].re * sin(a) + x[j].im * cos(a);
            }
            assert_float_equal(y[k].re, re, 1e-9);
            assert_float_equal(y[k].im, im, 1e-9);
        }
        nt_fft_free(f);
    }
}

NT_TEST(dft_by_hand)
{
    const float x[] = {1, 2, 3, 4};

    assert_eval((&(op_case){.op = "DFT", .opset = 17, .in = {GIVEN(x, 1, 4, 1)}}), 10, 0, -2, 2,
                -2, 0, -2, -2);
    assert_eval(
        (&(op_case){
            .op = "DFT", .opset = 20, .in = {GIVEN(x, 1, 4, 1)}, .attr = {INT("onesided", 1)}}),
        10, 0, -2, 2, -2, 0);
    assert_eval((&(op_case){.op = "DFT", .opset = 20, .in = {GIVEN(x, 1, 4, 1), I64(2)}}), 3, 0,
                -1, 0); /* cut */
    assert_eval(
        (&(op_case){.op = "DFT", .opset = 20, .in = {GIVEN(x, 1, 1, 4, 1), NONE, I64(1)}}), 1,
        0, 2, 0, 3, 0, 4, 0); /* an axis of 1 */
}

NT_TEST(the_inverse_of_dft)
{
    const float full[] = {10, 0, -2, 2, -2, 0, -2, -2}, half[] = {10, 0, -2, 2, -2, 0};

    assert_eval((&(op_case){.op = "DFT",
                            .opset = 17,
                            .in = {GIVEN(full, 1, 4, 2)},
                            .attr = {INT("inverse", 1)}}),
                1, 0, 2, 0, 3, 0, 4, 0);
    assert_eval((&(op_case){.op = "DFT",
                            .opset = 20,
                            .in = {GIVEN(half, 1, 3, 2)},
                            .attr = {INT("inverse", 1), INT("onesided", 1)}}),
                1, 2, 3, 4);
}

NT_TEST(dft_infers_and_refuses)
{
    assert_string_equal(
        op_shape(&(op_case){
            .op = "DFT", .opset = 20, .in = {IN(-1, 3, 9, 1)}, .attr = {INT("onesided", 1)}}),
        "[A,3,5,2]");
    assert_string_equal(
        op_shape(&(op_case){.op = "DFT", .opset = 17, .in = {IN(-1, 9, 1), I64(16)}}),
        "[A,16,2]");
    assert_refused((&(op_case){.op = "DFT", .opset = 20, .in = {IN(2, 9, 1), NONE, I64(2)}}),
                   "axis 2 is not one of the signal");
    check_op(&(op_case){.op = "DFT", .opset = 20, .in = {IN(2, 6, 2)}, .inference_only = true});
}

NT_TEST(stft_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5}, w[] = {1, 0.5F};
    const op_arg step = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {2}};

    assert_eval(
        (&(op_case){.op = "STFT", .opset = 17, .in = {GIVEN(x, 1, 5, 1), step, GIVEN(w, 2)}}),
        2, 0, 0, 0, 5, 0, 1, 0);
    assert_string_equal(
        op_shape(&(op_case){.op = "STFT", .opset = 17, .in = {IN(-1, 128, 1), step, IN(16)}}),
        "[A,57,9,2]");
    assert_refused((&(op_case){.op = "STFT", .opset = 17, .in = {IN(1, 8, 1), step, IN(16)}}),
                   "shorter than a frame");
}

NT_TEST(windows_by_hand)
{
    const op_arg four = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {4}};
    const op_arg one = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {1}};

    assert_eval((&(op_case){.op = "HannWindow", .opset = 17, .in = {four}}), 0, 0.5, 1, 0.5);
    assert_eval(
        (&(op_case){
            .op = "HannWindow", .opset = 17, .in = {four}, .attr = {INT("periodic", 0)}}),
        0, 0.75, 0.75, 0);
    assert_eval((&(op_case){.op = "HammingWindow", .opset = 17, .in = {four}}), 4.0 / 46,
                25.0 / 46, 1, 25.0 / 46);
    assert_eval((&(op_case){.op = "BlackmanWindow", .opset = 17, .in = {four}}), 0, 0.34, 1,
                0.34);
    assert_eval(
        (&(op_case){
            .op = "HannWindow", .opset = 17, .in = {one}, .attr = {INT("periodic", 0)}}),
        1);
    assert_refused((&(op_case){.op = "HannWindow",
                               .opset = 17,
                               .in = {four},
                               .attr = {INT("output_datatype", NT_STRING)}}),
                   "type str (8) is not supported");
}

NT_TEST(words_are_counted)
{
    const op_arg x = {
        .kind = OC_IN, .dtype = NT_I64, .rank = 1, .dims = {5}, .ints = {1, 2, 1, 2, 3}};
    op_case c = {.op = "TfIdfVectorizer",
                 .opset = 9,
                 .in = {x},
                 /* the words 1 and 3, then 1 2 and 1 3; columns in another order */
                 .attr = {INT("max_gram_length", 2), INT("min_gram_length", 1),
                          INT("max_skip_count", 0), STR("mode", "TF"),
                          INTS("ngram_counts", 0, 2), INTS("ngram_indexes", 3, 2, 1, 0),
                          INTS("pool_int64s", 1, 3, 1, 2, 1, 3)}};

    assert_eval(&c, 0, 2, 1, 2);
    c.attr[2].i = 1; /* 1 . 3 */
    assert_eval(&c, 1, 2, 1, 2);
    c.attr[3].s = "IDF";
    assert_eval(&c, 1, 1, 1, 1);
    c.attr[4].ints[1] = 1;
    assert_refused(&c, "ngram_counts do not fit");
}

NT_TEST_MAIN
