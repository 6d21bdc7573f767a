/* SPDX-License-Identifier: MIT */
#include "data_files.h"

#include "data/transform.h"

#include <math.h>

/* Runs the transforms of a JSON list over pixels of h x w x c; out is released by the caller.
 */
typedef struct bench {
    nt_pipeline *p;
    nt_pipeline_work work;
    nt_image out;
} bench;

static void bench_open(bench *b, const char *list)
{
    cJSON *j = NULL;

    *b = (bench){0};
    assert_ok(nt_json_parse(&j, list, strlen(list), e));
    assert_ok(nt_pipeline_new(&b->p, j, "transforms", e));
    nt_json_free(j);
}

static void bench_close(bench *b)
{
    nt_pipeline_free(b->p);
    nt_pipeline_work_release(&b->work);
}

static const uint8_t *bench_run(bench *b, const uint8_t *px, int h, int w, int c, nt_rng *rng)
{
    nt_image im = {h, w, c, false, (void *)px, 0};

    assert_ok(nt_pipeline_run(b->p, &b->out, &im, &b->work, rng, e));
    return b->out.px;
}

static void check_once(const char *list, const uint8_t *px, int h, int w, int c,
                       const uint8_t *want, int want_h, int want_w, int want_c)
{
    bench b;
    const uint8_t *got;

    bench_open(&b, list);
    got = bench_run(&b, px, h, w, c, NULL);
    assert_int_equal(b.out.h, want_h);
    assert_int_equal(b.out.w, want_w);
    assert_int_equal(b.out.c, want_c);
    assert_false(b.out.is_float);
    for (int i = 0; i < want_h * want_w * want_c; i++)
        if (got[i] != want[i])
            fail_msg("%s: value %d is %d, want %d", list, i, got[i], want[i]);
    bench_close(&b);
}

static nt_rng stream(uint64_t i)
{
    nt_rng root;

    nt_rng_init(&root, 1);
    return nt_rng_fork_index(&root, i);
}

static const uint8_t nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

NT_TEST(center_crop_takes_the_middle_and_rounds_halves_to_even)
{
    const uint8_t row[] = {0, 1, 2, 3, 4, 5};

    check_once("[{\"center_crop\": {\"size\": 1}}]", nine, 3, 3, 1, (uint8_t[]){5}, 1, 1, 1);
    /* 2 of 3: half a pixel in front is none; 1 of 4: one and a half is two */
    check_once("[{\"center_crop\": {\"size\": 2}}]", nine, 3, 3, 1, (uint8_t[]){1, 2, 4, 5}, 2,
               2, 1);
    check_once("[{\"center_crop\": {\"size\": [1, 1]}}]", row, 1, 4, 1, (uint8_t[]){2}, 1, 1,
               1);
    check_once("[{\"center_crop\": {\"size\": [1, 1]}}]", row, 1, 6, 1, (uint8_t[]){2}, 1, 1,
               1);
}

NT_TEST(center_crop_puts_a_border_of_0_around_what_is_too_small)
{
    const uint8_t rgb[] = {1, 2, 3, 4, 5, 6};

    check_once("[{\"center_crop\": {\"size\": [1, 5]}}]", rgb, 1, 2, 3,
               (uint8_t[]){0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0}, 1, 5, 3);
}

NT_TEST(random_crop_reaches_every_place_of_the_padded_picture_and_no_other)
{
    const uint8_t px[] = {1, 2, 3, 4}; /* with padding 1, a 2 x 2 box has 9 places */
    uint8_t padded[16] = {0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0};
    int seen[9] = {0}, n_seen = 0;
    bench b;

    bench_open(&b, "[{\"random_crop\": {\"size\": 2, \"padding\": 1}}]");
    for (uint64_t i = 0; i < 300; i++) {
        nt_rng rng = stream(i);
        const uint8_t *got = bench_run(&b, px, 2, 2, 1, &rng);
        int at = 0;

        for (; at < 9; at++) {
            const uint8_t *p = padded + at / 3 * 4 + at % 3;

            if (got[0] == p[0] && got[1] == p[1] && got[2] == p[4] && got[3] == p[5])
                break;
        }
        assert_in_range(at, 0, 8);
        n_seen += !seen[at]++;
    }
    assert_int_equal(n_seen, 9);
    bench_close(&b);
}

NT_TEST(random_crop_without_augmentation_is_the_middle_of_the_unpadded_picture)
{
    check_once("[{\"random_crop\": {\"size\": 3, \"padding\": 2}}]", nine, 3, 3, 1, nine, 3, 3,
               1);
    check_once("[{\"random_crop\": {\"size\": 1, \"padding\": 2}}]", nine, 3, 3, 1,
               (uint8_t[]){5}, 1, 1, 1);
    check_once("[{\"random_crop\": {\"size\": [5, 3], \"padding\": 1}}]", nine, 3, 3, 1,
               (uint8_t[]){0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0}, 5, 3, 1);
}

NT_TEST(random_crop_refuses_a_picture_that_is_too_small_with_or_without_augmentation)
{
    nt_image im = {3, 3, 1, false, (void *)nine, 0};
    nt_rng rng = stream(0);
    nt_err e;
    bench b;

    bench_open(&b, "[{\"random_crop\": {\"size\": 6, \"padding\": 1}}]");
    assert_int_equal(nt_pipeline_run(b.p, &b.out, &im, &b.work, &rng, &e), NT_EINVAL);
    assert_int_equal(nt_pipeline_run(b.p, &b.out, &im, &b.work, NULL, &e), NT_EINVAL);
    assert_string_equal(e.msg, "random_crop: 6 x 6 does not fit into 3 x 3 with padding 1");
    bench_close(&b);
}

NT_TEST(horizontal_flip_mirrors_rows_about_as_often_as_asked)
{
    const uint8_t rgb[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const uint8_t mirrored[] = {4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9};
    int flips = 0;
    bench b;

    bench_open(&b, "[{\"random_horizontal_flip\": {\"p\": 0.25}}]");
    for (uint64_t i = 0; i < 1000; i++) {
        nt_rng rng = stream(i);
        const uint8_t *got = bench_run(&b, rgb, 2, 2, 3, &rng);
        int flipped = memcmp(got, mirrored, sizeof mirrored) == 0;

        assert_true(flipped || memcmp(got, rgb, sizeof rgb) == 0);
        flips += flipped;
    }
    assert_in_range(flips, 195, 305); /* 250, four deviations of 13.7 */
    bench_close(&b);
    check_once("[{\"random_horizontal_flip\": {\"p\": 1}}]", rgb, 2, 2, 3, rgb, 2, 2, 3);
}

NT_TEST(normalize_is_x_less_mean_over_std_for_each_channel)
{
    const uint8_t px[] = {0, 255, 51};
    const float *got;
    bench b;

    bench_open(&b, "[{\"normalize\": {\"mean\": [0.5, 0.5, 0.2], \"std\": [0.25, 0.5, 0.1]}}]");
    got = (const float *)bench_run(&b, px, 1, 1, 3, NULL);
    assert_true(b.out.is_float);
    assert_float_equal(got[0], -2, 1e-6);
    assert_float_equal(got[1], 1, 1e-6);
    assert_float_equal(got[2], 0, 1e-6);
    bench_close(&b);
}

NT_TEST(normalize_takes_one_value_for_all_channels_and_refuses_two_for_three)
{
    const uint8_t px[] = {0, 255, 51};
    nt_image im = {1, 1, 3, false, (void *)px, 0};
    const float *got;
    nt_err e;
    bench b;

    /* twice, so that the second sees floats: (x / 0.5) / 2 = x */
    bench_open(&b, "[{\"normalize\": {\"mean\": [0], \"std\": 0.5}},"
                   " {\"normalize\": {\"mean\": 0, \"std\": 2}}]");
    got = (const float *)bench_run(&b, px, 1, 1, 3, NULL);
    assert_float_equal(got[1], 1, 1e-6);
    assert_float_equal(got[2], 0.2, 1e-6);
    bench_close(&b);
    bench_open(&b, "[{\"normalize\": {\"mean\": [0, 0], \"std\": [1, 1]}}]");
    assert_int_equal(nt_pipeline_run(b.p, &b.out, &im, &b.work, NULL, &e), NT_EINVAL);
    assert_string_equal(e.msg, "normalize: mean has 2 values, the picture 3 channels");
    bench_close(&b);
}

NT_TEST(crops_and_flips_behind_normalize_move_floats)
{
    const uint8_t px[] = {0, 51, 255};
    const float *got;
    nt_rng rng = stream(0);
    bench b;

    bench_open(&b, "[{\"normalize\": {\"mean\": 0.2, \"std\": 0.2}},"
                   " {\"random_horizontal_flip\": {\"p\": 1}},"
                   " {\"center_crop\": {\"size\": [1, 5]}}]");
    got = (const float *)bench_run(&b, px, 1, 3, 1, &rng);
    assert_float_equal(got[0], 0, 0);
    assert_float_equal(got[1], 4, 1e-6);
    assert_float_equal(got[2], 0, 1e-6);
    assert_float_equal(got[3], -1, 1e-6);
    assert_float_equal(got[4], 0, 0);
    bench_close(&b);
}

NT_TEST(resize_up_is_bilinear_with_pixel_centres)
{
    const uint8_t px[] = {0, 100};

    check_once("[{\"resize\": {\"size\": [1, 4]}}]", px, 1, 2, 1, (uint8_t[]){0, 25, 75, 100},
               1, 4, 1);
    check_once("[{\"resize\": {\"size\": [4, 1]}}]", px, 2, 1, 1, (uint8_t[]){0, 25, 75, 100},
               4, 1, 1);
}

NT_TEST(resize_down_averages_under_a_triangle)
{
    const uint8_t px[] = {0, 100, 200, 255};

    /* output 0 is centred at 1.0, weights 0.75 0.75 0.25 over 1.75: 125 / 1.75 = 71.4;
     * output 1 at 3.0: (0.25 * 100 + 0.75 * 200 + 0.75 * 255) / 1.75 = 209.3 */
    check_once("[{\"resize\": {\"size\": [1, 2]}}]", px, 1, 4, 1, (uint8_t[]){71, 209}, 1, 2,
               1);
}

NT_TEST(resize_with_one_number_sets_the_shorter_side)
{
    uint8_t px[7 * 5] = {0};
    bench b;

    bench_open(&b, "[{\"resize\": {\"size\": 3}}]");
    bench_run(&b, px, 7, 5, 1, NULL);
    assert_int_equal(b.out.h, 4); /* 3 * 7 / 5 = 4.2 */
    assert_int_equal(b.out.w, 3);
    bench_run(&b, px, 5, 7, 1, NULL);
    assert_int_equal(b.out.h, 3);
    assert_int_equal(b.out.w, 4);
    bench_close(&b);
}

NT_TEST(resize_of_one_colour_keeps_it_at_any_size)
{
    static const int sizes[] = {1, 2, 3, 7, 13, 40};
    uint8_t px[13 * 11 * 3];

    memset(px, 200, sizeof px);
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            char list[64];
            bench b;
            const uint8_t *got;

            snprintf(list, sizeof list, "[{\"resize\": {\"size\": [%d, %d]}}]", sizes[i],
                     sizes[k]);
            bench_open(&b, list);
            got = bench_run(&b, px, 13, 11, 3, NULL);
            for (int v = 0; v < sizes[i] * sizes[k] * 3; v++)
                assert_int_equal(got[v], 200);
            bench_close(&b);
        }
}

NT_TEST(grayscale_weighs_red_green_and_blue)
{
    const uint8_t px[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};

    check_once("[\"grayscale\"]", px, 1, 4, 3, (uint8_t[]){76, 150, 29, 255}, 1, 4, 1);
    check_once("[{\"grayscale\": {\"channels\": 3}}]", px, 1, 2, 3,
               (uint8_t[]){76, 76, 76, 150, 150, 150}, 1, 2, 3);
}

NT_TEST(random_resized_crop_without_augmentation_is_the_largest_centred_box)
{
    const uint8_t px[] = {1, 2, 3, 4, 5, 6};

    check_once("[{\"random_resized_crop\": {\"size\": 2}}]", px, 2, 3, 1,
               (uint8_t[]){1, 2, 4, 5}, 2, 2, 1);
    check_once("[{\"random_resized_crop\": {\"size\": [1, 3]}}]", px, 2, 3, 1,
               (uint8_t[]){1, 2, 3}, 1, 3, 1);
}

NT_TEST(random_resized_crop_takes_boxes_of_the_asked_area)
{
    enum { N = 64 };
    static uint8_t px[N * N];
    double least = 1e9, most = 0;
    bench b;

    /* a ramp to the right: the mean step of the result tells the width of the box */
    for (int i = 0; i < N * N; i++)
        px[i] = (uint8_t)(i % N * 4);
    bench_open(&b, "[{\"random_resized_crop\": {\"size\": 8, \"scale\": [0.25, 0.5],"
                   " \"ratio\": [1, 1]}}]");
    for (uint64_t i = 0; i < 200; i++) {
        nt_rng rng = stream(i);
        const uint8_t *got = bench_run(&b, px, N, N, 1, &rng);
        double width = (got[6] - got[1]) / 5.0 * 8 / 4;

        assert_int_equal(b.out.h, 8);
        assert_int_equal(b.out.w, 8);
        least = fmin(least, width);
        most = fmax(most, width);
    }
    assert_true(least > 30.5 && least < 34); /* sqrt(0.25) * 64 = 32 */
    assert_true(most < 47 && most > 43);     /* sqrt(0.5) * 64 = 45.3 */
    bench_close(&b);
}

static int count_zeros(const uint8_t *px, int n)
{
    int zeros = 0;

    for (int i = 0; i < n; i++)
        zeros += px[i] == 0;
    return zeros;
}

NT_TEST(random_erasing_clears_a_box_of_the_asked_area_or_nothing)
{
    enum { N = 40 };
    static uint8_t px[N * N];
    int erased = 0;
    bench b;

    memset(px, 9, sizeof px);
    bench_open(&b, "[{\"random_erasing\": {\"p\": 0.5, \"scale\": [0.1, 0.2]}}]");
    for (uint64_t i = 0; i < 400; i++) {
        nt_rng rng = stream(i);
        int zeros = count_zeros(bench_run(&b, px, N, N, 1, &rng), N * N);

        assert_true(zeros == 0 || (zeros > 0.09 * N * N && zeros < 0.215 * N * N));
        erased += zeros > 0;
    }
    assert_in_range(erased, 160, 240);
    assert_int_equal(count_zeros(bench_run(&b, px, N, N, 1, NULL), N * N), 0);
    bench_close(&b);
}

NT_TEST(cutout_clears_a_square_that_may_stick_out)
{
    enum { N = 6 };
    static uint8_t px[N * N];
    bool whole = false, cut = false;
    bench b;

    memset(px, 9, sizeof px);
    bench_open(&b, "[{\"cutout\": {\"size\": 4}}]");
    for (uint64_t i = 0; i < 100; i++) {
        nt_rng rng = stream(i);
        int zeros = count_zeros(bench_run(&b, px, N, N, 1, &rng), N * N);

        assert_in_range(zeros, 4, 16); /* a corner keeps at least 2 x 2 */
        whole |= zeros == 16;
        cut |= zeros < 16;
    }
    assert_true(whole && cut);
    assert_int_equal(count_zeros(bench_run(&b, px, N, N, 1, NULL), N * N), 0);
    bench_close(&b);
}

static void check_jitter(const char *args, const uint8_t *px, const uint8_t *want)
{
    char list[128];
    nt_rng rng = stream(0);
    const uint8_t *got;
    bench b;

    snprintf(list, sizeof list, "[{\"color_jitter\": {%s}}]", args);
    bench_open(&b, list);
    got = bench_run(&b, px, 1, 2, 3, &rng);
    for (int i = 0; i < 6; i++)
        if (got[i] != want[i])
            fail_msg("%s: value %d is %d, want %d", args, i, got[i], want[i]);
    bench_close(&b);
}

NT_TEST(color_jitter_mixes_with_black_the_mean_luma_or_the_own_luma)
{
    const uint8_t px[] = {100, 100, 100,
                          200, 0,   255}; /* luma 100 and 88.9: 89; mean 94.5: 95 */

    check_jitter("\"brightness\": [1.5, 1.5]", px, (uint8_t[]){150, 150, 150, 255, 0, 255});
    check_jitter("\"contrast\": [0, 0]", px, (uint8_t[]){95, 95, 95, 95, 95, 95});
    check_jitter("\"contrast\": [2, 2]", px, (uint8_t[]){105, 105, 105, 255, 0, 255});
    check_jitter("\"saturation\": [0.5, 0.5]", px, (uint8_t[]){100, 100, 100, 144, 44, 172});
    check_jitter("", px, px);
}

NT_TEST(color_jitter_draws_its_factor_from_the_range_and_rests_without_augmentation)
{
    const uint8_t px[] = {100, 100, 100, 200, 0, 255};
    int least = 255, most = 0;
    bench b;

    bench_open(&b, "[{\"color_jitter\": {\"brightness\": 0.4}}]");
    for (uint64_t i = 0; i < 200; i++) {
        nt_rng rng = stream(i);
        int got = bench_run(&b, px, 1, 2, 3, &rng)[0];

        least = got < least ? got : least;
        most = got > most ? got : most;
    }
    assert_in_range(least, 60, 63);
    assert_in_range(most, 136, 140);
    assert_memory_equal(bench_run(&b, px, 1, 2, 3, NULL), px, sizeof px);
    bench_close(&b);
}

NT_TEST(bad_transforms_are_named_with_their_path)
{
    static const struct {
        const char *list, *message;
    } cases[] = {
        {"{}", "t: want an array"},
        {"[7]", "t[0]: want a name or {name: {arguments}}"},
        {"[{\"resize\": 3}]", "t[0].resize: want an object of arguments"},
        {"[{\"resize\": {\"size\": 3}, \"cutout\": {\"size\": 3}}]",
         "t[0]: want a name or {name: {arguments}}"},
        {"[\"random_horizontal_flop\"]",
         "t[0]: unknown transform 'random_horizontal_flop' (did you mean "
         "'random_horizontal_flip'?)"},
        {"[{\"resize\": {\"size\": 3}}, {\"random_crop\": {\"size\": 3, \"pading\": 1}}]",
         "t[1].random_crop.pading: unknown key (did you mean 'padding'?)"},
        {"[\"random_crop\"]",
         "t[0].random_crop.size: want a whole number or [height, width] from 1 to 65500"},
        {"[{\"resize\": {\"size\": 0.5}}]",
         "t[0].resize.size: want a whole number or [height, width] from 1 to 65500"},
        {"[{\"normalize\": {\"mean\": [0], \"std\": [0]}}]",
         "t[0].normalize.std: want one number per channel from 1e-06 to 1e6"},
        {"[{\"normalize\": {\"std\": [1]}}]",
         "t[0].normalize.mean: want one number per channel from -1e+06 to 1e6"},
        {"[{\"normalize\": {\"mean\": 0, \"std\": 1}}, {\"resize\": {\"size\": 3}}]",
         "t[1]: 'resize' must come before 'normalize'"},
        {"[{\"random_erasing\": {\"scale\": [0.5, 0.1]}}]",
         "t[0].random_erasing.scale: want [low, high] within [0.0001, 1]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_pipeline *p = NULL;
        cJSON *j = NULL;
        nt_err err = {{0}};

        assert_ok(nt_json_parse(&j, cases[i].list, strlen(cases[i].list), e));
        assert_int_equal(nt_pipeline_new(&p, j, "t", &err), NT_EINVAL);
        assert_string_equal(err.msg, cases[i].message);
        assert_null(p);
        nt_json_free(j);
    }
}

NT_TEST_MAIN
