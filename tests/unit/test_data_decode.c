/* SPDX-License-Identifier: MIT */
#include "data_pictures.h"

#include "data/decode.h"

static void check_decoded(encoded file, int channels, const uint8_t *want, int h, int w, int c,
                          int tolerance)
{
    nt_decoder d = {0};
    nt_image im = {0};

    assert_ok(nt_decode(&d, &im, file.p, file.n, channels, e));
    assert_int_equal(im.h, h);
    assert_int_equal(im.w, w);
    assert_int_equal(im.c, c);
    assert_false(im.is_float);
    for (int i = 0; i < h * w * c; i++) {
        int got = ((uint8_t *)im.px)[i];

        if (abs(got - want[i]) > tolerance)
            fail_msg("value %d is %d, want %d", i, got, want[i]);
    }
    nt_image_release(&im);
    nt_decoder_release(&d);
    free(file.p);
}

static void check_refused(const void *bytes, size_t n, nt_status want, const char *part)
{
    nt_decoder d = {0};
    nt_image im = {0};
    nt_err e = {{0}};
    nt_status s = nt_decode(&d, &im, bytes, n, 3, &e);

    if (s != want || !strstr(e.msg, part))
        fail_msg("%zu bytes: status %d '%s', want %d '%s'", n, s, e.msg, want, part);
    nt_image_release(&im);
    nt_decoder_release(&d);
}

/* Smooth, so that JPEG at quality 100 keeps it to a step or two. */
static void fill_ramp(uint8_t *px, int h, int w, int c)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int k = 0; k < c; k++)
                px[(y * w + x) * c + k] = (uint8_t)(20 + 5 * y + 3 * x + 40 * k);
}

NT_TEST(jpeg_rgb_grey_and_progressive_give_their_pixels)
{
    uint8_t rgb[13 * 17 * 3], grey[13 * 17], spread[13 * 17 * 3];

    fill_ramp(rgb, 13, 17, 3);
    fill_ramp(grey, 13, 17, 1);
    for (int i = 0; i < 13 * 17 * 3; i++)
        spread[i] = grey[i / 3];
    check_decoded(make_jpeg(rgb, 13, 17, 3, false), 3, rgb, 13, 17, 3, 3);
    check_decoded(make_jpeg(rgb, 13, 17, 3, true), 0, rgb, 13, 17, 3, 3);
    check_decoded(make_jpeg(grey, 13, 17, 1, false), 0, grey, 13, 17, 1, 1);
    check_decoded(make_jpeg(grey, 13, 17, 1, false), 3, spread, 13, 17, 3, 1);
}

NT_TEST(png_rgb_and_grey_are_exact_interlaced_or_not)
{
    uint8_t rgb[13 * 17 * 3], grey[13 * 17];

    fill_ramp(rgb, 13, 17, 3);
    fill_ramp(grey, 13, 17, 1);
    for (int i = 0; i < 2; i++) {
        int interlace = i ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE;

        check_decoded(make_png(rgb, 13, 17, 51, PNG_COLOR_TYPE_RGB, 8, interlace), 3, rgb, 13,
                      17, 3, 0);
        check_decoded(make_png(grey, 13, 17, 17, PNG_COLOR_TYPE_GRAY, 8, interlace), 0, grey,
                      13, 17, 1, 0);
    }
}

NT_TEST(png_alpha_is_dropped_palettes_looked_up_and_16_bits_cut)
{
    const uint8_t rgba[] = {10, 20, 30, 0, 40, 50, 60, 255};
    const uint8_t deep[] = {10, 255, 20, 1, 30, 128};
    const uint8_t index[] = {3, 100}, bits[] = {0xa0}, two[] = {0x1b};

    check_decoded(make_png(rgba, 1, 2, 8, PNG_COLOR_TYPE_RGBA, 8, 0), 3,
                  (uint8_t[]){10, 20, 30, 40, 50, 60}, 1, 2, 3, 0);
    check_decoded(make_png(deep, 1, 1, 6, PNG_COLOR_TYPE_RGB, 16, 0), 3,
                  (uint8_t[]){10, 20, 30}, 1, 1, 3, 0);
    check_decoded(make_png(index, 1, 2, 2, PNG_COLOR_TYPE_PALETTE, 8, 0), 0,
                  (uint8_t[]){3, 6, 7, 100, 200, 7}, 1, 2, 3, 0);
    check_decoded(make_png(bits, 1, 3, 1, PNG_COLOR_TYPE_GRAY, 1, 0), 0,
                  (uint8_t[]){255, 0, 255}, 1, 3, 1, 0);
    check_decoded(make_png(two, 1, 4, 1, PNG_COLOR_TYPE_GRAY, 2, 0), 0,
                  (uint8_t[]){0, 85, 170, 255}, 1, 4, 1, 0);
    check_decoded(make_png(rgba, 1, 2, 4, PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0), 3,
                  (uint8_t[]){10, 10, 10, 30, 30, 30}, 1, 2, 3, 0);
}

NT_TEST(a_decoder_goes_on_after_a_damaged_file)
{
    uint8_t px[16 * 16 * 3];
    encoded good, bad;
    nt_decoder d = {0};
    nt_image im = {0};
    nt_err err;

    fill_ramp(px, 16, 16, 3);
    good = make_jpeg(px, 16, 16, 3, false);
    bad = make_jpeg(px, 16, 16, 3, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(nt_decode(&d, &im, bad.p, bad.n * 2 / 3, 3, &err), NT_EFORMAT);
        assert_ok(nt_decode(&d, &im, good.p, good.n, 3, e));
        assert_in_range(((uint8_t *)im.px)[0], px[0] - 3, px[0] + 3);
    }
    nt_image_release(&im);
    nt_decoder_release(&d);
    free(good.p);
    free(bad.p);
}

NT_TEST(a_jpeg_cut_anywhere_is_refused)
{
    uint8_t px[24 * 24 * 3];

    fill_ramp(px, 24, 24, 3);
    for (int progressive = 0; progressive < 2; progressive++) {
        encoded j = make_jpeg(px, 24, 24, 3, progressive);

        for (size_t n = 3; n < j.n; n++) {
            uint8_t *cut = nt_alloc(n, 1); /* its own block, so that a sanitizer sees the end */

            assert_non_null(cut);
            memcpy(cut, j.p, n);
            check_refused(cut, n, NT_EFORMAT, "damaged JPEG");
            nt_free(cut);
        }
        free(j.p);
    }
}

NT_TEST(a_png_cut_anywhere_or_with_any_bit_flipped_is_refused_or_right)
{
    uint8_t px[9 * 9 * 3];
    encoded p;
    nt_decoder d = {0};
    nt_image im = {0};

    fill_ramp(px, 9, 9, 3);
    p = make_png(px, 9, 9, 27, PNG_COLOR_TYPE_RGB, 8, 0);
    for (size_t n = 8; n < p.n; n++) {
        uint8_t *cut = nt_alloc(n, 1);

        assert_non_null(cut);
        memcpy(cut, p.p, n);
        check_refused(cut, n, NT_EFORMAT, "damaged PNG");
        nt_free(cut);
    }
    for (size_t bit = 64; bit < 8 * p.n; bit++) {
        p.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (nt_decode(&d, &im, p.p, p.n, 3, NULL) == NT_OK) {
            assert_true(im.h == 9 && im.w == 9);
            assert_memory_equal(im.px, px, sizeof px);
        }
        p.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    nt_image_release(&im);
    nt_decoder_release(&d);
    free(p.p);
}

NT_TEST(a_jpeg_with_any_bit_flipped_does_no_harm)
{
    uint8_t px[16 * 16 * 3];
    encoded j;
    nt_decoder d = {0};
    nt_image im = {0};

    fill_ramp(px, 16, 16, 3);
    j = make_jpeg(px, 16, 16, 3, true);
    for (size_t bit = 0; bit < 8 * j.n; bit += 3) {
        nt_status s;

        j.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        s = nt_decode(&d, &im, j.p, j.n, 3, NULL);
        assert_true(s == NT_OK || s == NT_EFORMAT || s == NT_EUNSUPPORTED || s == NT_ENOMEM);
        j.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    nt_image_release(&im);
    nt_decoder_release(&d);
    free(j.p);
}

NT_TEST(what_is_no_picture_is_refused)
{
    const uint8_t px[3] = {1, 2, 3};
    encoded j = make_jpeg(px, 1, 1, 3, false);

    check_refused("GIF89a", 6, NT_EUNSUPPORTED, "GIF is not read, want JPEG, PNG, WebP");
    check_refused("", 0, NT_EFORMAT, "the file is empty");
    check_refused("\xff\xd8", 2, NT_EUNSUPPORTED, "no picture, want JPEG, PNG, WebP");
    /* the frame header says 65535 x 65535: refused before any memory is asked for */
    for (size_t i = 0; i + 9 < j.n; i++)
        if (j.p[i] == 0xff && j.p[i + 1] == 0xc0)
            memset(j.p + i + 5, 0xff, 4);
    check_refused(j.p, j.n, NT_EFORMAT, "JPEG");
    for (size_t i = 0; i + 9 < j.n; i++)
        if (j.p[i] == 0xff && j.p[i + 1] == 0xc0)
            memcpy(j.p + i + 5, (uint8_t[]){0xff, 0, 0xff, 0}, 4);
    check_refused(j.p, j.n, NT_EFORMAT, "a picture of 65280 x 65280 pixels");
    free(j.p);
}

NT_TEST_MAIN
