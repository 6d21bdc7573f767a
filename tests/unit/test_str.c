/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/str.h"
#include "test.h"

#include <math.h>
#include <string.h>

NT_TEST(text_grows_by_what_is_added)
{
    nt_str s = {0};
    char *p;

    for (int i = 0; i < 1000; i++)
        nt_str_addf(&s, "%03d", i);
    nt_str_add(&s, "end");
    nt_str_addn(&s, "\0x", 2);
    assert_int_equal(s.n, 3005);
    assert_memory_equal(s.p, "000001002", 9);
    assert_memory_equal(s.p + 3000, "end\0x", 6);
    p = nt_str_take(&s);
    assert_null(s.p);
    assert_int_equal(s.n, 0);
    nt_free(p);
}

NT_TEST(nothing_added_is_the_empty_text)
{
    nt_str s = {0};
    char *p = nt_str_take(&s);

    assert_string_equal(p, "");
    nt_free(p);
    nt_str_add(&s, "");
    assert_string_equal(s.p, "");
    nt_str_release(&s);
}

NT_TEST(lack_of_memory_is_remembered)
{
    nt_str s = {0};

    nt_alloc_fail_at(1);
    nt_str_add(&s, "a");
    nt_str_add(&s, "b");
    assert_true(s.failed);
    assert_null(nt_str_take(&s));
    assert_false(s.failed);
}

NT_TEST(integers_are_parsed_whole)
{
    static const char *const bad[] = {
        "",    " 1", "1 ", "1hello", "x", "0x10", "1.0", "--1", "9223372036854775808",
        "101", "-1"};
    int64_t v = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(nt_parse_i64(&v, bad[i], 0, 100));
    assert_int_equal(v, 7);
    assert_true(nt_parse_i64(&v, "100", 0, 100) && v == 100);
    assert_true(nt_parse_i64(&v, "-9223372036854775808", INT64_MIN, 0) && v == INT64_MIN);
    assert_true(nt_parse_i64(&v, "007", 0, 100) && v == 7);
}

NT_TEST(numbers_are_parsed_whole_and_finite)
{
    static const char *const bad[] = {"",    " 1",    "1 ",  "1e",   "nan",
                                      "inf", "1e999", "1,5", "1.5.2"};
    double v = 7;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(nt_parse_double(&v, bad[i], -INFINITY, INFINITY));
    assert_true(v == 7);
    assert_true(nt_parse_double(&v, "1e-3", 0, 1) && v == 1e-3);
    assert_true(nt_parse_double(&v, ".5", 0, 1) && v == 0.5);
    assert_false(nt_parse_double(&v, "1.5", 0, 1));
    assert_true(nt_parse_double(&v, "0.1", 0.1, 1) && v == 0.1);
}

static void assert_range(double lo, double hi, const char *want)
{
    char buf[96];

    nt_range_text(buf, sizeof buf, "a number", lo, hi);
    assert_string_equal(buf, want);
}

NT_TEST(ranges_read_well)
{
    assert_range(0, 1, "a number in [0, 1]");
    assert_range(0, nextafter(1, 0), "a number in [0, 1)");
    assert_range(nextafter(0.5, 1), 2.5, "a number in (0.5, 2.5]");
    assert_range(1, INFINITY, "a number of at least 1");
    assert_range(nextafter(2, 3), INFINITY, "a number above 2");
    assert_range(-(double)INT64_MAX, -1, "a number of at most -1");
    assert_range(-INFINITY, INFINITY, "a number");
    assert_range(0, 0x1p53, "a number in [0, 9007199254740992]");
}

NT_TEST(globs_match_as_in_a_shell)
{
    assert_true(nt_glob_match("layer1.*", "layer1.0.conv1"));
    assert_false(nt_glob_match("layer1.*", "layer10"));
    assert_true(nt_glob_match("*conv?", "a/b.conv3"));
    assert_true(nt_glob_match("[ab]c", "bc"));
    assert_false(nt_glob_match("[!ab]c", "bc"));
    assert_true(nt_glob_match("block[0]", "block[0]"));
    assert_true(nt_glob_match("a\\b", "a\\b"));
    assert_false(nt_glob_match("", "a"));
}

NT_TEST(nearest_is_near)
{
    static const char *const names[] = {"conv1", "fc1", "sparsity", "relu"};

    assert_string_equal(nt_nearest("fc9", names, 4), "fc1");
    assert_string_equal(nt_nearest("sparsty", names, 4), "sparsity");
    assert_string_equal(nt_nearest("conv1", names, 4), "conv1");
    assert_null(nt_nearest("maxpool", names, 4));
    assert_null(nt_nearest("x", names, 4));
    assert_null(nt_nearest("", names, 4));
    assert_null(nt_nearest("fc1", names, 0));
}

NT_TEST(of_equally_near_names_the_one_of_that_length_is_meant)
{
    static const char *const names[] = {"data", "delta", "betas"};

    assert_string_equal(nt_nearest("detla", names, 3),
                        "delta"); /* two letters from "data", too */
    assert_string_equal(nt_nearest("delt", names, 3), "delta");
}

NT_TEST(names_too_long_to_guess_at_are_left_alone)
{
    char name[1000];
    const char *names[] = {name, "abc"};

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_null(nt_nearest(name, names, 2));
    assert_string_equal(nt_nearest("abd", names, 2), "abc");
}

NT_TEST(utf8_is_what_the_rfc_says)
{
    assert_int_equal(nt_utf8_len("a", 1), 1);
    assert_int_equal(nt_utf8_len("\xc3\xa9", 2), 2);
    assert_int_equal(nt_utf8_len("\xe5\xb1\x82", 3), 3);
    assert_int_equal(nt_utf8_len("\xf0\x9f\x98\x80", 4), 4);
    assert_int_equal(nt_utf8_len("\xf4\x8f\xbf\xbf", 4), 4);
    assert_int_equal(nt_utf8_len("", 0), 0);
    assert_int_equal(nt_utf8_len("\xc3", 1), 0); /* cut */
    assert_int_equal(nt_utf8_len("\xc3"
                                 "a",
                                 2),
                     0);                             /* no continuation */
    assert_int_equal(nt_utf8_len("\x80", 1), 0);     /* a continuation */
    assert_int_equal(nt_utf8_len("\xc0\xaf", 2), 0); /* overlong '/' */
    assert_int_equal(nt_utf8_len("\xe0\x80\xaf", 3), 0);
    assert_int_equal(nt_utf8_len("\xed\xa0\x80", 3), 0);     /* a surrogate */
    assert_int_equal(nt_utf8_len("\xf4\x90\x80\x80", 4), 0); /* past U+10FFFF */
    assert_int_equal(nt_utf8_len("\xff", 1), 0);
}

NT_TEST(numbers_are_added_lowest_byte_first_and_zeros_past_the_eighth)
{
    static const unsigned char want[] = {4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3};
    nt_str s = {0};

    nt_str_add_little(&s, 0x01020304, 10);
    nt_str_add_little(&s, 0x01020304, 2);
    assert_int_equal(s.n, sizeof want);
    assert_memory_equal(s.p, want, sizeof want);
    nt_str_release(&s);
}

NT_TEST_MAIN
