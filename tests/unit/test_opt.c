/* SPDX-License-Identifier: MIT */
#include "base/opt_old.h"
#include "test.h"

#include <math.h>
#include <string.h>

typedef struct box {
    bool open;
    const char *label, *note;
    int64_t size;
    double weight;
    int color;
    double inner;
    int seen; /* how often the function was called */
} box;

static nt_status see(void *out, const cJSON *v, const char *where, nt_err *e)
{
    if (!cJSON_IsArray(v))
        return nt_fail(e, NT_EINVAL, "%s: want a list", where);
    *(int *)out += cJSON_GetArraySize(v);
    return NT_OK;
}

static nt_status double_it(void *out, const char *text, nt_err *e)
{
    if (strlen(text) != 1)
        return nt_fail(e, NT_EINVAL, "'%s' is not one letter", text);
    *(int *)out = 2 * text[0];
    return NT_OK;
}

/* Zero meant nothing, and numbers were counted in tenths. */
static nt_status tenths(cJSON **out, const cJSON *v, const char *where, nt_err *e)
{
    if (!cJSON_IsNumber(v))
        return nt_fail(e, NT_EINVAL, "%s: want tenths", where);
    if (v->valuedouble != 0)
        *out = cJSON_CreateNumber(v->valuedouble / 10);
    return NT_OK;
}

/* Two was one once. */
static nt_status two(cJSON **out, const cJSON *v, const char *where, nt_err *e)
{
    (void)where, (void)e;
    if (v->valuedouble == 2)
        *out = cJSON_CreateNumber(1);
    return NT_OK;
}

static const nt_opt_old old_deep[] = {
    {"deep", NULL}, {"tenths.deep", tenths}, {"box.in.deep", two}, {NULL, NULL}};

#define AT(member) .at = offsetof(box, member)

/* clang-format off */
static const nt_opt rows[] = {
    NT_OPT_BOOL('x', "open", NULL, "open it", .key = "open", AT(open)),
    NT_OPT_STR(0, "label", NULL, "TEXT", "label", .key = "label", AT(label)),
    NT_OPT_STR(0, "note", NULL, "TEXT", "note", .key = "note", .nullable = true, AT(note)),
    NT_OPT_I64(0, "size", NULL, "N", 1, 9, "size", .key = "box.size", AT(size)),
    NT_OPT_DOUBLE(0, "weight", NULL, "X", 0, 1, "weight", .key = "box.weight",
                  .also = "box.older.weight", AT(weight)),
    NT_OPT_ENUM(0, "color", NULL, "red|green|blue", "color", .key = "box.color",
                .required = true, AT(color)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, -1, 1, "deep", .key = "box.in.deep", .old = old_deep,
                  AT(inner)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "list", .key = "list", .json = see, AT(seen)),
    NT_OPT_CUSTOM(0, "letter", NULL, "C", "letter", .key = "letter", .text = double_it,
                  AT(seen)),
    NT_OPT_END,
};
/* clang-format on */

static nt_status read(box *b, cJSON **j, const char *text, nt_err *e)
{
    nt_opt bound[sizeof rows / sizeof *rows];

    *b = (box){.weight = NAN, .size = -1, .color = -1, .inner = 5};
    assert_int_equal(nt_json_parse(j, text, strlen(text), e), NT_OK);
    nt_opt_bind(bound, rows, b);
    return nt_opt_read(bound, *j, "a.b", e);
}

NT_TEST(what_is_named_is_set_and_the_rest_is_left)
{
    box b;
    cJSON *j = NULL;

    assert_ok(read(&b, &j,
                   "{\"label\": \"hat\", \"box\": {\"size\": 9, \"color\": \"green\", \"in\": "
                   "{\"deep\": -1}}, \"list\": [1, 2, 3]}",
                   e));
    assert_string_equal(b.label, "hat");
    assert_int_equal(b.size, 9);
    assert_int_equal(b.color, 1);
    assert_float_equal(b.inner, -1, 0);
    assert_int_equal(b.seen, 3);
    assert_false(b.open);
    assert_true(isnan(b.weight) && !b.note);
    nt_json_free(j);
    assert_ok(read(&b, &j, "{}", e));
    assert_true(b.size == -1 && b.color == -1 && b.inner == 5);
    nt_json_free(j);
}

NT_TEST(a_row_may_stand_in_two_places_and_null_for_nothing)
{
    box b;
    cJSON *j = NULL;

    assert_ok(read(&b, &j, "{\"box\": {\"color\": \"red\", \"older\": {\"weight\": 0.5}}}", e));
    assert_float_equal(b.weight, 0.5, 0);
    nt_json_free(j);
    assert_ok(read(&b, &j, "{\"note\": null, \"letter\": \"a\"}", e));
    assert_null(b.note);
    assert_int_equal(b.seen, 2 * 'a');
    nt_json_free(j);
}

NT_TEST(mistakes_are_named_by_their_path)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[]", "a.b: want an object"},
        {"{\"labl\": 1}", "a.b.labl: unknown key (did you mean 'label'?)"},
        {"{\"box\": {\"colour\": 1}}", "a.b.box.colour: unknown key (did you mean 'color'?)"},
        {"{\"box\": {\"in\": {\"dep\": 1}}}",
         "a.b.box.in.dep: unknown key (did you mean 'deep'?)"},
        {"{\"size\": 1}", "a.b.size: unknown key"}, /* a key of another object's */
        {"{\"box\": 3}", "a.b.box: want an object"},
        {"{\"box\": {}}", "a.b.box.color: missing (red, green, blue)"},
        {"{\"box\": {\"color\": \"pink\"}}",
         "a.b.box.color: got 'pink', want one of 'red', 'green', 'blue'"},
        {"{\"box\": {\"color\": \"red\", \"size\": 0}}",
         "a.b.box.size: got 0, want an integer in [1, 9]"},
        {"{\"box\": {\"color\": \"red\", \"size\": 1.5}}",
         "a.b.box.size: got 1.5, want an integer in [1, 9]"},
        {"{\"box\": {\"color\": \"red\", \"older\": {\"weight\": 2}}}",
         "a.b.box.older.weight: got 2, want a number in [0, 1]"},
        {"{\"box\": {\"color\": \"red\", \"weight\": 1, \"older\": {\"weight\": 1}}}",
         "a.b.box.older.weight: says the same as 'a.b.box.weight', give one of them"},
        {"{\"deep\": 1}", "a.b.deep: unknown key"}, /* but for nt_opt_renew */
        {"{\"open\": 1}", "a.b.open: got 1, want true or false"},
        {"{\"label\": null}", "a.b.label: got null, want a string"},
        {"{\"list\": 1}", "a.b.list: want a list"},
        {"{\"letter\": \"ab\"}", "a.b.letter: 'ab' is not one letter"},
        {"{\"letter\": 1}", "a.b.letter: got 1, want a string"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_err e = {""};
        cJSON *j = NULL;
        box b;

        assert_int_equal(read(&b, &j, cases[i].text, &e), NT_EINVAL);
        assert_string_equal(e.msg, cases[i].want);
        nt_json_free(j);
    }
}

/* What nt_opt_renew makes of text, and says. */
static void renews(const char *text, const char *want, const char *want_said)
{
    cJSON *j = NULL;
    nt_str said = {0};
    char *now;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_opt_renew(rows, j, "a", &said, e));
    now = cJSON_PrintUnformatted(j);
    assert_string_equal(now, want);
    assert_string_equal(said.n ? said.p : "", want_said);
    cJSON_free(now);
    nt_str_release(&said);
    nt_json_free(j);
}

NT_TEST(old_spellings_become_new_ones_and_are_named)
{
    renews("{\"open\":1}", "{\"open\":1}", "");
    renews("{\"deep\":0.5}", "{\"box\":{\"in\":{\"deep\":0.5}}}",
           "a.deep: an old spelling of 'a.box.in.deep'\n");
    renews("{\"tenths\":{\"deep\":5}}", "{\"tenths\":{},\"box\":{\"in\":{\"deep\":0.5}}}",
           "a.tenths.deep: an old spelling of 'a.box.in.deep'\n");
    renews("{\"tenths\":{\"deep\":0}}", "{\"tenths\":{}}",
           "a.tenths.deep: an old spelling of 'a.box.in.deep'\n");
    renews("{\"box\":{\"in\":{\"deep\":2}}}", "{\"box\":{\"in\":{\"deep\":1}}}",
           "a.box.in.deep: 2 is an old spelling of 1\n");
    renews("{\"box\":{\"in\":{\"deep\":0}}}", "{\"box\":{\"in\":{\"deep\":0}}}", "");
    renews("{\"deep\":0.5,\"box\":3}", "{\"box\":3}",
           "a.deep: an old spelling of 'a.box.in.deep'\n");
}

static void does_not_renew(const char *text, const char *want)
{
    nt_err e = {""};
    cJSON *j = NULL;
    nt_str said = {0};

    assert_int_equal(nt_json_parse(&j, text, strlen(text), &e), NT_OK);
    assert_int_equal(nt_opt_renew(rows, j, "a", &said, &e), NT_EINVAL);
    assert_string_equal(e.msg, want);
    nt_str_release(&said);
    nt_json_free(j);
}

NT_TEST(a_key_and_its_old_spelling_are_one_too_many)
{
    does_not_renew("{\"deep\": 1, \"box\": {\"in\": {\"deep\": 1}}}",
                   "a.deep: says the same as 'a.box.in.deep', give one of them");
    does_not_renew("{\"deep\": 1, \"tenths\": {\"deep\": 1}}",
                   "a.tenths.deep: says the same as 'a.box.in.deep', give one of them");
    does_not_renew("{\"tenths\": {\"deep\": \"x\"}}", "a.tenths.deep: want tenths");
}

NT_TEST(a_row_sets_the_text_of_an_option)
{
    nt_opt bound[sizeof rows / sizeof *rows];
    box b = {0};

    nt_opt_bind(bound, rows, &b);
    assert_ok(nt_opt_set(&bound[0], NULL, e));
    assert_ok(nt_opt_set(&bound[1], "hat", e));
    assert_ok(nt_opt_set(&bound[3], "9", e));
    assert_ok(nt_opt_set(&bound[4], "0.5", e));
    assert_ok(nt_opt_set(&bound[5], "blue", e));
    assert_true(b.open && b.size == 9 && b.weight == 0.5 && b.color == 2);
    assert_string_equal(b.label, "hat");
    assert_fails(NT_EINVAL, "'10' is not an integer in [1, 9]", nt_opt_set(&bound[3], "10", e));
    assert_fails(NT_EINVAL, "'1x' is not a number in [0, 1]", nt_opt_set(&bound[4], "1x", e));
    assert_fails(NT_EINVAL, "'pink' is not one of red, green, blue",
                 nt_opt_set(&bound[5], "pink", e));
    assert_int_equal(b.size, 9);
}

NT_TEST(a_value_is_put_under_its_key)
{
    cJSON *j = NULL;
    char *text;
    bool on = true;
    int64_t n = 3;
    int which = 1;
    const char *none = NULL;
    const nt_opt one[] = {NT_OPT_BOOL(0, "a", &on, ""), NT_OPT_I64(0, "b", &n, "N", 0, 9, ""),
                          NT_OPT_ENUM(0, "c", &which, "x|y", ""),
                          NT_OPT_STR(0, "d", &none, "T", "")};

    assert_ok(nt_json_parse(&j, "{\"b\": {\"c\": 1}, \"x\": 1}", 23, e));
    assert_true(nt_opt_put(j, "b.c", nt_opt_value(&one[0])));
    assert_true(nt_opt_put(j, "new.deep", nt_opt_value(&one[1])));
    assert_true(nt_opt_put(j, "b.d", nt_opt_value(&one[2])));
    assert_true(nt_opt_put(j, "e", nt_opt_value(&one[3])));
    assert_true(nt_opt_put(j, "x.y", cJSON_CreateTrue())); /* reading says what is wrong */
    text = cJSON_PrintUnformatted(j);
    assert_string_equal(
        text, "{\"b\":{\"c\":true,\"d\":\"y\"},\"x\":1,\"new\":{\"deep\":3},\"e\":null}");
    cJSON_free(text);
    nt_json_free(j);
}

NT_TEST(long_lists_of_words_do_not_stand_for_the_argument)
{
    const nt_opt few = NT_OPT_ENUM(0, "a", NULL, "x|y", ""),
                 many = NT_OPT_ENUM(0, "a", NULL, "one|two|three|four|five|six", ""),
                 flag = NT_OPT_BOOL(0, "a", NULL, "");

    assert_string_equal(nt_opt_arg(&few), "x|y");
    assert_string_equal(nt_opt_arg(&many), "NAME");
    assert_null(nt_opt_arg(&flag));
}

NT_TEST_MAIN
