/* SPDX-License-Identifier: MIT */
/* Bits by layer, against trying all combinations. */
#include "quant_data.h"

#include "quant/mixed.h"

enum { LAYERS = 3, WIDTHS = 3 };

typedef struct fixture {
    pictures u;
    net t;
    nt_ptq_opts o;
} fixture;

static fixture open_fixture(void)
{
    return (fixture){.u = open_pictures(), .t = dense_net(), .o = {.method = NT_RANGE_MINMAX}};
}

static void close_fixture(fixture *f)
{
    finish(&f->t);
    close_pictures(&f->u);
}

static nt_status try_mixed(nt_mixed **m, fixture *f, nt_mixed_opts o, nt_err *e)
{
    const nt_calib c = {.dev = f->u.dev, .split = f->u.train};

    *m = NULL;
    return nt_mixed_new(m, f->t.g, &c, &o, &f->o, e);
}

static double number(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItem(j, key);

    assert_true(cJSON_IsNumber(v));
    return v->valuedouble;
}

/* The k-th of all combinations: cost (with the rest) or loss. */
static double sum_of(const cJSON *j, const char *what, int k)
{
    double sum = strcmp(what, "cost") == 0 ? number(j, "rest") : 0;
    const cJSON *l;

    cJSON_ArrayForEach(l, cJSON_GetObjectItem(j, "layers"))
    {
        sum += cJSON_GetArrayItem(cJSON_GetObjectItem(l, what), k % WIDTHS)->valuedouble;
        k /= WIDTHS;
    }
    return sum;
}

static double least_loss(const cJSON *j, double budget)
{
    double least = INFINITY;

    for (int k = 0; k < WIDTHS * WIDTHS * WIDTHS; k++)
        if (sum_of(j, "cost", k) <= budget)
            least = fmin(least, sum_of(j, "loss", k));
    return least;
}

/* Which combination a front's point is. */
static int combination(const cJSON *point)
{
    const char *digits = cJSON_GetObjectItem(point, "choice")->valuestring;
    int k = 0;

    assert_int_equal(strlen(digits), LAYERS);
    for (int g = LAYERS - 1; g >= 0; g--)
        k = WIDTHS * k + (digits[g] - '0');
    return k;
}

static void assert_best(fixture *f, nt_mixed_opts o)
{
    nt_mixed *m = NULL;
    cJSON *j, *front, *chosen;

    assert_ok(try_mixed(&m, f, o, e));
    j = nt_mixed_json(m);
    front = cJSON_GetObjectItem(j, "front");
    chosen = cJSON_GetArrayItem(front, (int)number(j, "chosen"));
    assert_true(number(chosen, "cost") <= number(j, "budget"));
    assert_float_equal(number(chosen, "loss"), least_loss(j, number(j, "budget")), 1e-12);
    for (cJSON *p = front->child; p; p = p->next) {
        assert_float_equal(number(p, "cost"), sum_of(j, "cost", combination(p)), 1e-9);
        assert_float_equal(number(p, "loss"), sum_of(j, "loss", combination(p)), 1e-12);
        assert_float_equal(number(p, "loss"), least_loss(j, number(p, "cost") + 1e-9), 1e-12);
    }
    nt_json_free(j);
    nt_mixed_free(m);
}

NT_TEST(no_combination_within_the_budget_loses_less)
{
    static const char *const budgets[] = {"bits=2",    "bits=3",     "bits=4.5", "bits=8",
                                          "bytes=500", "bops=60000", "bops=1e9"};
    fixture f = open_fixture();

    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
        for (int measure = 0; measure < 3; measure++)
            assert_best(&f, (nt_mixed_opts){.widths = "8/8,4/8,2/4",
                                            .budget = budgets[i],
                                            .measure = (nt_measure)measure});
    close_fixture(&f);
}

NT_TEST(what_is_chosen_goes_into_a_spec_with_its_reason)
{
    fixture f = open_fixture();
    nt_qspec *q = NULL;
    nt_mixed *m = NULL;

    assert_ok(nt_qspec_new(&q, f.t.g, e));
    assert_ok(try_mixed(&m, &f, (nt_mixed_opts){.widths = "4/8,32", .budget = "bits=4"}, e));
    nt_mixed_apply(q, m);
    assert_int_equal(layer_called(q, "fc1")->weight.bits, 4);
    assert_int_equal(layer_called(q, "fc1")->input.bits, 8);
    assert_memory_equal(layer_called(q, "fc1")->why, "kl ", 3);
    assert_int_equal(layer_called(q, "r2")->input.bits, 0);
    assert_int_equal(q->other_bits, 8);
    nt_mixed_free(m);
    assert_ok(try_mixed(&m, &f, (nt_mixed_opts){.widths = "32", .budget = "bits=32"}, e));
    nt_mixed_apply(q, m);
    assert_int_equal(layer_called(q, "fc1")->weight.bits, 0);
    assert_int_equal(q->other_bits, 0);
    nt_mixed_free(m);
    nt_qspec_free(q);
    close_fixture(&f);
}

NT_TEST(ends_are_not_rounded_to_less_than_8_bits)
{
    fixture f = open_fixture();
    nt_qspec *q = NULL;
    nt_mixed *m = NULL;

    assert_ok(nt_qspec_new(&q, f.t.g, e));
    assert_ok(try_mixed(
        &m, &f, (nt_mixed_opts){.widths = "2/4,3/32", .budget = "bits=3", .ends = true}, e));
    nt_mixed_apply(q, m);
    assert_int_equal(layer_called(q, "c1")->weight.bits, 8);
    assert_true(layer_called(q, "fc1")->weight.bits < 8);
    assert_int_equal(layer_called(q, "fc2")->weight.bits, 8);
    nt_mixed_free(m);
    nt_qspec_free(q);
    close_fixture(&f);
}

NT_TEST(widths_and_budgets_that_make_no_sense_are_refused_at_once)
{
    static const char *const bad[][3] = {
        {"8,,4", "bits=4", "widths '8,,4': want"},
        {"8,4,", "bits=4", "widths '8,4,': want"},
        {"17", "bits=4", "widths '17': want"},
        {"", "bits=4", "widths '': want"},
        {"8 4", "bits=4", "widths '8 4': want"},
        {"8,7,6,5,4,3,2,1,8/1,8/2,8/3,8/4,8/5,8/6,8/7,7/1,7/2", "bits=4", "widths '8,7,"},
        {"8,4", "4", "budget '4': want bits=N, bytes=N, bops=N or ms=N"},
        {"8,4", "bits=", "budget 'bits=': want"},
        {"8,4", "bits=-1", "budget 'bits=-1': want"},
        {"8,4", "bits=2", "the budget is "},
        {"8,4", "ms=2", "a table of costs and a budget in ms belong together"},
    };
    fixture f = open_fixture();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nt_mixed *m = NULL;
        nt_err err = {{0}};

        if (try_mixed(&m, &f, (nt_mixed_opts){.widths = bad[i][0], .budget = bad[i][1]},
                      &err) != NT_EINVAL ||
            strncmp(err.msg, bad[i][2], strlen(bad[i][2])) != 0)
            fail_msg("%s %s: '%s'", bad[i][0], bad[i][1], err.msg);
    }
    close_fixture(&f);
}

NT_TEST(a_table_of_times_decides_what_can_be_had)
{
    static const char *const text =
        "[{\"layer\": \"*\", \"bits\": {\"weight\": 8}, \"time_ms\": 1},"
        " {\"layer\": \"fc1\", \"bits\": {\"weight\": 2}, \"time_ms\": 0.25}]";
    fixture f = open_fixture();
    nt_mixed_opts o = {.widths = "8,2", .budget = "ms=2.5"};
    cJSON *table = NULL;
    nt_qspec *q = NULL;
    nt_mixed *m = NULL;

    assert_ok(nt_json_parse(&table, text, strlen(text), e));
    o.costs = table;
    assert_ok(nt_qspec_new(&q, f.t.g, e));
    assert_ok(try_mixed(&m, &f, o, e));
    nt_mixed_apply(q, m);
    assert_int_equal(layer_called(q, "fc1")->weight.bits, 2);
    assert_int_equal(layer_called(q, "fc2")->weight.bits, 8);
    nt_mixed_free(m);
    o.widths = "4,2";
    assert_fails(NT_EINVAL, "costs: layer 'c1' has none of the widths",
                 try_mixed(&m, &f, o, e));
    o.widths = "8,2";
    o.budget = "ms=2";
    assert_fails(NT_EINVAL, "the budget is 2 ms, but these widths take at least 2.25",
                 try_mixed(&m, &f, o, e));
    nt_qspec_free(q);
    nt_json_free(table);
    close_fixture(&f);
}

NT_TEST_MAIN
