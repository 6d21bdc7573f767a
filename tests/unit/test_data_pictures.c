/* SPDX-License-Identifier: MIT */
/* BMP, PNM, WebP and TIFF: the pixels that Pillow finds, and no harm from what is damaged. */
#include "data_files.h"

#include "data/decode.h"
#include "picture_files.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct blob {
    uint8_t *p; /* its own block, so that a sanitizer sees the end; nt_free */
    size_t n;
} blob;

static blob unhex(const char *text)
{
    blob b = {nt_alloc(strlen(text) / 2 + 1, 1), strlen(text) / 2};

    assert_non_null(b.p);
    for (size_t i = 0; i < b.n; i++) {
        const char pair[] = {text[2 * i], text[2 * i + 1], '\0'};

        b.p[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return b;
}

static nt_status decode(nt_image *im, const uint8_t *bytes, size_t n, nt_err *err)
{
    nt_decoder d = {0};
    uint8_t *own = nt_alloc(n ? n : 1, 1);
    nt_status s;

    assert_non_null(own);
    memcpy(own, bytes, n);
    s = nt_decode(&d, im, own, n, 3, err);
    nt_decoder_release(&d);
    nt_free(own);
    return s;
}

NT_TEST(every_file_gives_the_pixels_that_pillow_finds)
{
    for (size_t i = 0; i < COUNT(picture_files); i++) {
        const picture_file *f = &picture_files[i];
        blob file = unhex(f->bytes), want = unhex(f->rgb);
        nt_image im = {0};
        nt_err err = {{0}};

        if (decode(&im, file.p, file.n, &err) != NT_OK)
            fail_msg("%s: %s", f->name, err.msg);
        if (im.h != f->h || im.w != f->w || im.c != 3 || memcmp(im.px, want.p, want.n) != 0)
            fail_msg("%s: other pixels", f->name);
        assert_int_equal(want.n, 3 * f->h * f->w);
        nt_image_release(&im);
        nt_free(file.p);
        nt_free(want.p);
    }
}

/* What may be missing: the end of a TIFF that says no picture follows, the last digits and the
 * newline of numbers, what stands behind the end of a run-length coded picture. */
static size_t harmless(const char *name)
{
    return strstr(name, ".tif")     ? 4
           : strstr(name, "p3.ppm") ? 3
           : strstr(name, "p1.pbm") ? 1
           : strstr(name, "p2.pgm") ? 1
                                    : 0;
}

NT_TEST(a_file_cut_anywhere_is_refused)
{
    for (size_t i = 0; i < COUNT(picture_files); i++) {
        const picture_file *f = &picture_files[i];
        blob file = unhex(f->bytes), want = unhex(f->rgb);
        nt_image im = {0};

        for (size_t n = 1; n + harmless(f->name) < file.n; n++) {
            nt_err err = {{0}};
            nt_status s = decode(&im, file.p, n, &err);

            if (s == NT_OK && memcmp(im.px, want.p, want.n) != 0)
                fail_msg("%s: %zu of %zu bytes are taken for a picture", f->name, n, file.n);
            assert_true(s == NT_OK || s == NT_EFORMAT || (s == NT_EUNSUPPORTED && n < 16));
        }
        nt_image_release(&im);
        nt_free(file.p);
        nt_free(want.p);
    }
}

NT_TEST(any_bit_flipped_does_no_harm)
{
    for (size_t i = 0; i < COUNT(picture_files); i++) {
        blob file = unhex(picture_files[i].bytes);
        nt_image im = {0};

        for (size_t bit = i % 5; bit < 8 * file.n; bit += 5) {
            nt_err err = {{0}};
            nt_status s;

            file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            s = decode(&im, file.p, file.n, &err);
            assert_true(s == NT_OK || s == NT_EFORMAT || s == NT_EUNSUPPORTED ||
                        s == NT_ENOMEM);
            file.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        nt_image_release(&im);
        nt_free(file.p);
    }
}

/* One file: these bytes in hexadecimal digits, this answer. */
typedef struct answer {
    const char *bytes;
    nt_status status;
    const char *want; /* pixels in digits, or a part of the message */
} answer;

static const answer answers[] = {
    /* grey of 16 bits, which Pillow clips at 255: parts of 65535, and the high byte */
    {"50350a3220310a36353533350a0180ff00", NT_OK, "010101fefefe"},
    {"49492a0008000000080000010300010000000200000001010300010000000100000002010300010000001000"
     "00000301030001000000010000000601030001000000010000001101040001000000"
     "6e000000150103000100000001000000170104000100000004000000000000008001"
     "00ff",
     NT_OK, "010101ffffff"},
    /* a literal run of three in 4 bits takes two bytes: indices 1, 2, 1 */
    {"424d4a00000000000000420000002800000003000000010000000100040002000000000000000000000000000"
     "0"
     "0003000000000000000000000010203000405060000003121000000001",
     NT_OK, "302010605040302010"},
    /* an index, a move by one to the right and one up, the same index again */
    {"424d48000000000000003e0000002800000003000000020000000100080001000000000000000000000000000"
     "0000200000000000000302010006050400001010002010101010001",
     NT_OK, "102030102030405060405060102030102030"},
    {"424d1a00000000000000", NT_EFORMAT, "damaged BMP: cut short"},
    /* 3 bits; sides of 65536 and of 2^31; a run-length coded one from the top down */
    {"424d360000000000000036000000280000000100000001000000010003000000000000000000000000000000"
     "0000000000000000000000",
     NT_EUNSUPPORTED, "BMP of 3 bits coded in way 0 is not read"},
    {"424d360000000000000036000000280000000000010001000000010018000000000000000000000000000000"
     "0000000000000000000000",
     NT_EFORMAT, "a picture of 1 x 65536 pixels"},
    {"424d360000000000000036000000280000000100000000000080010018000000000000000000000000000000"
     "0000000000000000000000",
     NT_EFORMAT, "a picture of 2147483648 x 1 pixels"},
    {"424d360000000000000036000000280000000100000000ffffff010008000100000000000000000000000000"
     "0000000000000000000000",
     NT_EUNSUPPORTED, "coded in way 1"},
    {"50362039393939393939203120323535200000", NT_EFORMAT, "a picture of 1 x 9999999 pixels"},
    {"503620393939393939393939203120323535200000", NT_EFORMAT, "a number above"},
    {"50352031203120302000", NT_EFORMAT, "the greatest sample is 0"},
    {"5032203120312039203130", NT_EFORMAT, "a number above 9"},
    {"503120312031203200", NT_EFORMAT, "want 0 or 1"},
    {"50350a782031", NT_EFORMAT, "want a number"},
    {"5249464610000000574542505650382000000000", NT_EFORMAT, "damaged WebP"},
    {"49492a0008000000", NT_EFORMAT, "damaged TIFF"},
    {"47494638396101000100", NT_EUNSUPPORTED, "GIF is not read, want JPEG, PNG, WebP, TIFF"},
    {"000000206674797068656963", NT_EUNSUPPORTED, "HEIF is not read"},
    {"0000002066747970617669660000", NT_EUNSUPPORTED, "AVIF is not read"},
    {"0000000c6a5020200d0a870a", NT_EUNSUPPORTED, "JPEG 2000 is not read"},
    {"68656c6c6f", NT_EUNSUPPORTED, "no picture, want JPEG"},
};

NT_TEST(rare_and_bad_files_have_these_answers)
{
    for (size_t i = 0; i < COUNT(answers); i++) {
        const answer *a = &answers[i];
        blob file = unhex(a->bytes), want = unhex(a->status == NT_OK ? a->want : "");
        nt_image im = {0};
        nt_err err = {{0}};
        nt_status s = decode(&im, file.p, file.n, &err);

        if (s != a->status || (s != NT_OK && !strstr(err.msg, a->want)))
            fail_msg("file %zu: status %d '%s', want %d '%s'", i, s, err.msg, a->status,
                     a->want);
        if (s == NT_OK) {
            assert_int_equal(3 * im.h * im.w, want.n);
            assert_memory_equal(im.px, want.p, want.n);
        }
        nt_image_release(&im);
        nt_free(file.p);
        nt_free(want.p);
    }
}

NT_TEST(grey_stays_grey_where_it_is_asked_for)
{
    static const char *const grey[] = {"l.ppm", "p2.pgm", "l_None.tif", "bit_g4.tif"};

    for (size_t i = 0; i < COUNT(picture_files); i++)
        for (size_t k = 0; k < COUNT(grey); k++) {
            const picture_file *f = &picture_files[i];
            blob file = unhex(f->bytes), want = unhex(f->rgb);
            nt_decoder d = {0};
            nt_image im = {0};

            if (strcmp(f->name, grey[k]) == 0) {
                assert_ok(nt_decode(&d, &im, file.p, file.n, 0, e));
                assert_int_equal(im.c, 1);
                for (int p = 0; p < f->h * f->w; p++)
                    assert_int_equal(((uint8_t *)im.px)[p], want.p[3 * p]);
            }
            nt_image_release(&im);
            nt_decoder_release(&d);
            nt_free(file.p);
            nt_free(want.p);
        }
}

NT_TEST(names_tell_pictures_from_other_files)
{
    static const char *const read[] = {"a.jpg", "b.JPEG", "c.d.png", "e.WebP",
                                       "f.tif", "g.TIFF", "h.bmp",   "i.ppm",
                                       "j.pgm", "k.pbm",  "l.pnm"};
    static const char *const other[] = {"a.heic", "b.AVIF", "c.jp2", "d.gif", "e.svg"};
    static const char *const none[] = {"a.txt", "Thumbs.db", "jpg",
                                       "b.xml", "c.json",    "d.jpg~"};

    for (size_t i = 0; i < COUNT(read); i++)
        assert_int_equal(nt_picture_named(read[i]), NT_PICTURE_READ);
    for (size_t i = 0; i < COUNT(other); i++)
        assert_int_equal(nt_picture_named(other[i]), NT_PICTURE_OTHER);
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(nt_picture_named(none[i]), NT_PICTURE_NONE);
}

NT_TEST_MAIN
