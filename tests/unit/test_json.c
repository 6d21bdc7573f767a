/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/json.h"
#include "base/outfile.h"
#include "scratch.h"
#include "test.h"

#include <math.h>

static cJSON *parse(const char *text)
{
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    return j;
}

/* ---- parsing */

static void refuse_n(const char *text, size_t n, const char *message)
{
    cJSON *j = NULL;
    nt_err e = {{0}};
    char *exact = malloc(n ? n : 1); /* no NUL behind it, so that ASan sees an overrun */

    assert_non_null(exact);
    memcpy(exact, text, n);
    assert_int_equal(nt_json_parse(&j, exact, n, &e), NT_EFORMAT);
    assert_null(j);
    if (strcmp(e.msg, message) != 0)
        fail_msg("got \"%s\", want \"%s\"", e.msg, message);
    free(exact);
}

static void refuse(const char *text, const char *message)
{
    refuse_n(text, strlen(text), message);
}

NT_TEST(values_are_parsed)
{
    cJSON *j = parse(" {\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\n\"], \"b\": {}} \n");
    const cJSON *a = cJSON_GetObjectItem(j, "a");

    assert_int_equal(cJSON_GetArraySize(a), 5);
    assert_true(cJSON_GetArrayItem(a, 1)->valuedouble == -2500);
    assert_string_equal(cJSON_GetArrayItem(a, 4)->valuestring, "x\xc3\xa9\n");
    nt_json_free(j);
    nt_json_free(NULL);
}

NT_TEST(errors_name_line_and_column)
{
    refuse("", "no JSON value: nothing but white space");
    refuse(" \n", "no JSON value: nothing but white space");
    refuse("{\"a\": 1,\n  b}", "line 2, column 4: not valid JSON near here");
    refuse("[1, 2", "line 1, column 5: not valid JSON near here");
    refuse("{} x", "line 1, column 4: something follows the JSON value");
    refuse("[]\n\n  ]", "line 3, column 3: something follows the JSON value");
    refuse("\"abc", "line 1, column 5: a string has no end");
    refuse("\"abc\\", "line 1, column 6: a string has no end");
    refuse("[\"a\nb\"]", "line 1, column 4: a control character in a string");
    refuse("[\"a\\u0000b\"]", "line 1, column 4: a NUL in a string");
    refuse("[\"\xff\"]", "line 1, column 3: a string is not UTF-8");
    refuse_n("[1]\0", 4, "line 1, column 4: a NUL byte");
}

NT_TEST(repeated_keys_are_refused_at_any_depth)
{
    refuse("{\"a\": 1, \"b\": 2, \"a\": 3}", "key 'a' appears twice");
    refuse("[{\"x\": {\"k\": 1, \"k\": 1}}]", "key 'k' appears twice");
    refuse("{\"a\": 1, \"\\u0061\": 2}", "key 'a' appears twice");
    nt_json_free(parse("{\"a\": 1, \"A\": 2, \"b\": {\"a\": 3}}"));
}

NT_TEST(deep_nesting_is_refused_without_deep_recursion)
{
    enum { DEEP = 200000 };
    char *text = malloc(DEEP);

    assert_non_null(text);
    memset(text, '[', DEEP);
    refuse_n(text, DEEP, "line 1, column 501: nested too deeply");
    memset(text + 500, ']', 500);
    text[1000] = '\0';
    nt_json_free(parse(text));
    free(text);
}

NT_TEST(brackets_in_strings_are_not_nesting)
{
    char text[1200];

    memset(text, '[', sizeof text);
    memcpy(text, "[\"\\\"", 4);
    memcpy(text + sizeof text - 3, "\"]", 3);
    nt_json_free(parse(text));
}

NT_TEST(numbers_no_double_holds_are_refused)
{
    refuse("[1e999]", "a number is too large");
    refuse("[-1e999]", "a number is too large");
}

/* ---- writing */

static void assert_text(const cJSON *j, const char *want)
{
    char *text = nt_json_text(j);

    assert_non_null(text);
    assert_string_equal(text, want);
    nt_free(text);
}

NT_TEST(text_is_indented_and_keeps_the_order)
{
    cJSON *j = parse("{\"z\":[1,2,3],\"a\":{\"x\":[\"s\",{}],\"e\":[]},\"m\":true,\"n\":null}");

    assert_text(j, "{\n  \"z\": [1, 2, 3],\n  \"a\": {\n    \"x\": [\n      \"s\",\n      {}\n"
                   "    ],\n    \"e\": []\n  },\n  \"m\": true,\n  \"n\": null\n}\n");
    nt_json_free(j);
}

NT_TEST(strings_are_escaped_and_always_valid)
{
    cJSON *j = cJSON_CreateString("q\"b\\n\nt\t\x01\xc3\xa9\xff");

    assert_text(j, "\"q\\\"b\\\\n\\nt\\t\\u0001\xc3\xa9\xef\xbf\xbd\"\n");
    nt_json_free(j);
}

static void assert_number(double v, const char *want)
{
    cJSON *j = cJSON_CreateNumber(v);

    assert_text(j, want);
    nt_json_free(j);
}

NT_TEST(numbers_have_the_shortest_digits)
{
    assert_number(0.1, "0.1\n");
    assert_number(0.1 + 0.2, "0.30000000000000004\n");
    assert_number(1.0 / 3, "0.3333333333333333\n");
    assert_number(5e-324, "4.94065645841247e-324\n");
    assert_number(1e15, "1000000000000000\n");
    assert_number(9007199254740992.0, "9007199254740992\n");
    assert_number(-9007199254740991.0, "-9007199254740991\n");
    assert_number(1e300, "1e+300\n");
    assert_number(-0.0, "-0\n");
    assert_number((double)NAN, "null\n");
    assert_number((double)INFINITY, "null\n");
}

NT_TEST(numbers_come_back_exactly)
{
    uint64_t bits = 88172645463325252u;

    for (int i = 0; i < 20000; i++) {
        double v, back;
        cJSON *j;
        char *text;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        j = cJSON_CreateNumber(v);
        text = nt_json_text(j);
        nt_json_free(j);
        j = parse(text);
        back = j->valuedouble;
        nt_json_free(j);
        nt_free(text);
        assert_true(memcmp(&v, &back, sizeof v) == 0);
    }
}

NT_TEST(long_arrays_of_numbers_fill_lines)
{
    cJSON *j = cJSON_CreateObject(), *a = nt_json_add_array(j, "kept"), *back;
    char *text;

    for (int i = 0; i < 300; i++)
        cJSON_AddItemToArray(a, cJSON_CreateNumber(i));
    text = nt_json_text(j);
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
        assert_true(strcspn(p, "\n") <= 96);
    back = parse(text);
    assert_true(cJSON_Compare(j, back, true));
    nt_free(text);
    nt_json_free(back);
    nt_json_free(j);
}

/* ---- keys */

#define WANTS(call, message)                                                                   \
    do {                                                                                       \
        nt_err e_ = {{0}}, *e = &e_;                                                           \
        assert_int_equal(call, NT_EINVAL);                                                     \
        assert_string_equal(e->msg, message);                                                  \
    } while (0)

NT_TEST(missing_keys_leave_the_value_alone)
{
    cJSON *j = parse("{\"A\": 1}");
    double d = 1.5;
    int64_t i = 2;
    bool b = true;
    const char *t = "x";
    int k = 3;

    assert_ok(nt_json_get_double(&d, j, "a", (nt_bounds){0, 1}, "", e));
    assert_ok(nt_json_get_i64(&i, j, "a", (nt_bounds){0, 1}, "", e));
    assert_ok(nt_json_get_bool(&b, j, "a", "", e));
    assert_ok(nt_json_get_str(&t, j, "a", "", e));
    assert_ok(nt_json_get_enum(&k, j, "a", (const char *const[]){"x", NULL}, "", e));
    assert_true(d == 1.5 && i == 2 && b && k == 3);
    assert_string_equal(t, "x");
    nt_json_free(j);
}

NT_TEST(values_are_read_by_type_and_range)
{
    cJSON *j = parse("{\"d\": 0.5, \"i\": 9007199254740992, \"b\": false, \"s\": \"ab\"}");
    double d = 0;
    int64_t i = 0;
    bool b = true;
    const char *t = NULL;
    int k = 0;

    assert_ok(nt_json_get_double(&d, j, "d", (nt_bounds){0, 1}, "", e));
    assert_ok(nt_json_get_i64(&i, j, "i", (nt_bounds){INT64_MIN, 0x1p63}, "", e));
    assert_ok(nt_json_get_bool(&b, j, "b", "", e));
    assert_ok(nt_json_get_str(&t, j, "s", "", e));
    assert_ok(nt_json_get_enum(&k, j, "s", (const char *const[]){"a", "ab", NULL}, "", e));
    assert_true(d == 0.5 && i == INT64_C(9007199254740992) && !b && k == 1);
    assert_string_equal(t, "ab");
    nt_json_free(j);
}

NT_TEST(wrong_values_are_refused_with_path_and_wish)
{
    cJSON *j = parse("{\"n\": 1.5, \"s\": \"ab\", \"z\": null, \"o\": {}, \"big\": 1e17}");
    double d = 0;
    int64_t i = 0;
    bool b = false;
    const char *t = NULL;
    int k = 0;

    WANTS(nt_json_get_double(&d, j, "n", (nt_bounds){0, 1}, "a.b", e),
          "a.b.n: got 1.5, want a number in [0, 1]");
    WANTS(nt_json_get_double(&d, j, "s", (nt_bounds){0, INFINITY}, "", e),
          "s: got 'ab', want a number of at least 0");
    WANTS(nt_json_get_i64(&i, j, "n", (nt_bounds){1, 9}, NULL,
                          e), "n: got 1.5, want an integer in [1, 9]");
    WANTS(nt_json_get_i64(&i, j, "big", (nt_bounds){INT64_MIN, 0x1p63}, "", e),
          "big: got 1e+17, want an integer");
    WANTS(nt_json_get_bool(&b, j, "z", "", e), "z: got null, want true or false");
    WANTS(nt_json_get_str(&t, j, "o", "x", e), "x.o: got an object, want a string");
    WANTS(nt_json_get_enum(&k, j, "s", (const char *const[]){"sgd", "adam", NULL}, "opt", e),
          "opt.s: got 'ab', want one of 'sgd', 'adam'");
    nt_json_free(j);
}

NT_TEST(unknown_keys_are_refused_with_a_guess)
{
    static const char *const known[] = {"epochs", "delta", NULL};
    cJSON *good = parse("{\"delta\": 1}"), *near = parse("{\"detla\": 1}"),
          *far = parse("{\"q\": 1}");

    assert_ok(nt_json_check_keys(good, known, "", e));
    WANTS(nt_json_check_keys(near, known, "job", e),
          "job.detla: unknown key (did you mean 'delta'?)");
    WANTS(nt_json_check_keys(far, known, "", e), "q: unknown key");
    nt_json_free(good);
    nt_json_free(near);
    nt_json_free(far);
}

NT_TEST(written_keys_are_what_was_given)
{
    cJSON *j = cJSON_CreateObject();

    assert_true(nt_json_add_double(j, "d", 0.25));
    assert_true(nt_json_add_double(j, "nan", (double)NAN));
    assert_true(nt_json_add_i64(j, "i", -3));
    assert_true(nt_json_add_str(j, "s", "x"));
    assert_true(nt_json_add_bool(j, "b", false));
    assert_non_null(nt_json_add_object(j, "o"));
    assert_text(j, "{\n  \"d\": 0.25,\n  \"nan\": null,\n  \"i\": -3,\n  \"s\": \"x\",\n"
                   "  \"b\": false,\n  \"o\": {}\n}\n");
    nt_json_free(j);
}

NT_TEST(files_are_named_in_messages)
{
    cJSON *j = NULL;
    nt_err e1 = {{0}};
    scratch t;

    scratch_open(&t);
    assert_ok(nt_outfile_save(scratch_path(&t, "x.json"), "{\"a\": 1}", 8, e));
    assert_ok(nt_json_load(&j, t.path, e));
    nt_json_free(j);
    assert_ok(nt_outfile_save(t.path, "{", 1, e));
    assert_int_equal(nt_json_load(&j, t.path, &e1), NT_EFORMAT);
    assert_non_null(strstr(e1.msg, "/x.json: line 1, column 1: not valid JSON near here"));
    assert_int_equal(nt_json_load(&j, "/nonexistent", &e1), NT_EIO);
    assert_string_equal(e1.msg, "/nonexistent: cannot open: No such file or directory");
    scratch_close(&t);
}

NT_TEST(writing_survives_each_failing_allocation)
{
    cJSON *j = parse("{\"a\": [1, 2, 3], \"long\": \"a string to make the text grow a little\","
                     " \"b\": \"another one, so that it must grow again\"}");
    char *text = NULL;

    for (long n = 1; !text; n++) {
        assert_true(n < 100);
        nt_alloc_fail_at(n);
        text = nt_json_text(j);
        nt_alloc_fail_at(0);
    }
    nt_free(text);
    nt_json_free(j);
}

NT_TEST_MAIN
