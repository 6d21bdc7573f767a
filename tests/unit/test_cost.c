/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "measure/costrun.h"
#include "report/cost.h"

static void add(nt_cost_layer *l, int64_t in, int64_t out, double ms)
{
    assert_ok(nt_cost_add(l, (nt_cost_point){in, out, ms}, e));
}

/* One layer "a" of 16 to 16 channels; where(in, out) says the time at multiples of 4. */
static nt_cost *table(double (*where)(int64_t in, int64_t out))
{
    nt_cost *c = NULL;
    nt_cost_layer *l;

    assert_ok(nt_cost_new(&c, 1, e));
    *c = (nt_cost){.backend = "b",
                   .cpu = "c",
                   .precision = "fp32",
                   .threads = 1,
                   .runs = 1,
                   .networks = 1,
                   .batch = 1,
                   .step = 4,
                   .layer = c->layer,
                   .n = 1};
    l = &c->layer[0];
    snprintf(l->name, sizeof l->name, "a");
    snprintf(l->op, sizeof l->op, "Conv");
    l->in = l->out = 16;
    for (int64_t in = 16; in > 0; in -= 4)
        for (int64_t out = 4; out <= 16; out += 4)
            add(l, in, out, where(in, out));
    return c;
}

static double by_pairs(int64_t in, int64_t out)
{
    return 0.5 * (double)(in * out);
}

/* In blocks of 8: 4 costs what 8 does, 12 what 16 does. */
static double by_blocks(int64_t in, int64_t out)
{
    return (double)((in + 7) / 8 * ((out + 7) / 8));
}

NT_TEST(a_cost_is_exact_at_the_points_and_follows_the_pairs_of_channels_between_them)
{
    nt_cost *c = table(by_pairs);
    const nt_cost_layer *l = nt_cost_find(c, "a");

    assert_int_equal(l->n, 16);
    assert_float_equal(nt_cost_ms(l, 8, 12), 48, 1e-12);
    assert_float_equal(nt_cost_ms(l, 7, 13), 0.5 * 7 * 13, 1e-9);
    assert_float_equal(nt_cost_ms(l, 1, 40), 20, 1e-9); /* beyond them */
    assert_null(nt_cost_find(c, "b"));
    nt_cost_free(c);
}

NT_TEST(the_nearest_points_count_most)
{
    nt_cost *c = table(by_blocks);
    const nt_cost_layer *l = nt_cost_find(c, "a");
    double ms = nt_cost_ms(l, 16, 15); /* 2 * 2 blocks at 16, 2 * 2 at 12 */

    assert_true(ms > 3.7 && ms < 4.1);
    nt_cost_free(c);
}

NT_TEST(of_two_times_for_the_same_channels_the_smaller_counts)
{
    nt_cost *c = table(by_pairs);

    add(&c->layer[0], 8, 8, 30);
    add(&c->layer[0], 8, 4, 99);
    assert_int_equal(c->layer[0].n, 16);
    assert_float_equal(nt_cost_ms(&c->layer[0], 8, 8), 30, 0);
    assert_float_equal(nt_cost_ms(&c->layer[0], 8, 4), 16, 0);
    nt_cost_free(c);
}

NT_TEST(cheap_counts_are_those_that_no_larger_one_undercuts)
{
    nt_cost *c = table(by_blocks);
    int64_t count[4] = {0};

    assert_int_equal(nt_cost_cheap(&c->layer[0], NT_COST_OUT, count, 4), 2);
    assert_int_equal(count[0], 8);
    assert_int_equal(count[1], 16);
    add(&c->layer[0], 11, 16, 3.95); /* not worth giving up 5 channels of 16 */
    assert_int_equal(nt_cost_cheap(&c->layer[0], NT_COST_IN, count, 4), 2);
    add(&c->layer[0], 13, 16, 3.9);
    assert_int_equal(nt_cost_cheap(&c->layer[0], NT_COST_IN, count, 4), 3);
    assert_int_equal(count[1], 13);
    assert_int_equal(nt_cost_cheap(&c->layer[0], NT_COST_OUT, count, 1), 2); /* one has room */
    nt_cost_free(c);
}

NT_TEST(a_table_reads_back_as_it_was_written)
{
    nt_cost *c = table(by_blocks), *d = NULL;
    cJSON *j, *k;
    char *a, *b;

    c->layer[0].tied = true;
    j = nt_cost_json(c);
    assert_ok(nt_cost_read(&d, j, e));
    k = nt_cost_json(d);
    a = nt_json_text(j);
    b = nt_json_text(k);
    assert_string_equal(a, b);
    assert_true(d->layer[0].tied);
    nt_free(a);
    nt_free(b);
    nt_json_free(j);
    nt_json_free(k);
    nt_cost_free(c);
    nt_cost_free(d);
}

#define HEAD                                                                                   \
    "\"backend\": \"b\", \"cpu\": \"c\", \"threads\": 1, \"batch_size\": 1, \"precision\": "   \
    "\"fp32\", \"step\": 8, \"runs\": 5, \"networks\": 1, \"layers\": "
#define LAYER                                                                                  \
    "\"layer\": \"a\", \"op\": \"Conv\", \"weight_shape\": \"\", \"output_shape\": \"\", "     \
    "\"in_channels\": 1, \"out_channels\": 1, \"tied\": false, \"points\": "

NT_TEST(a_table_that_says_something_else_is_refused_by_name)
{
    static const char *const bad[][2] = {
        {"[]", "a table of costs is an object with an array 'layers'"},
        {"{\"layers\": []}", "costs.backend is missing"},
        {"{" HEAD "[], \"host\": \"x\"}", "costs.host: unknown key"},
        {"{" HEAD "[{\"layer\": 1}]}", "layers[0].layer: got 1, want a string"},
        {"{" HEAD "[{" LAYER "[]}]}", "layers[0].points: an array of objects is wanted"},
        {"{" HEAD "[{" LAYER "[{\"in\": 0, \"out\": 1, \"time_ms\": 1}]}]}",
         "layers[0].points[0].in: got 0, want an integer in [1, 2147483647]"},
        {"{" HEAD "[{" LAYER "[{\"in\": 1, \"time_ms\": 1}]}]}",
         "layers[0].points[0].out is missing"},
        {"{" HEAD "[{" LAYER "[{\"in\": 1, \"out\": 1}]}]}",
         "layers[0].points[0].time_ms is missing"},
        {"{" HEAD "[{" LAYER "[{\"in\": 1, \"out\": 1, \"time_ms\": -1}]}]}",
         "layers[0].points[0].time_ms: got -1, want a number in [0, 1000000000000]"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *j = json(bad[i][0]);
        nt_cost *c = NULL;

        assert_fails(NT_EINVAL, bad[i][1], nt_cost_read(&c, j, e));
        nt_json_free(j);
    }
}

/* A convolution, a depthwise one, one of two groups, a dense layer. */
static nt_model *net(void)
{
    return build("[3, 8, 8]",
                 "{\"conv\": \"a\", \"out\": 20, \"pad\": 1}, \"relu\", {\"conv\": \"d\", "
                 "\"groups\": \"in\", \"pad\": 1}, \"relu\", {\"conv\": \"p\", \"out\": 24, "
                 "\"kernel\": 1}, \"relu\", {\"conv\": \"g\", \"out\": 12, \"groups\": 2}, "
                 "\"global_average_pool\", \"flatten\", {\"linear\": \"f\", \"out\": 5}");
}

static nt_cost *measure(nt_model *m, double time_s, int64_t step)
{
    nt_cost_opts o = {.runs = 1, .time_s = time_s, .step = step};
    nt_device *dev = NULL;
    nt_cost *c = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_cost_measure(&c, nt_model_graph(m), dev, &o, e));
    nt_device_free(dev);
    return c;
}

static bool has(const nt_cost_layer *l, int64_t in, int64_t out)
{
    for (int i = 0; i < l->n; i++)
        if (l->point[i].in == in && l->point[i].out == out)
            return true;
    return false;
}

NT_TEST(every_layer_is_measured_with_its_own_channels)
{
    static const struct {
        const char *name;
        int64_t in, out;
        bool tied;
    } want[] = {{"a", 3, 20, false},
                {"d", 20, 20, true},
                {"p", 20, 24, false},
                {"g", 24, 12, false},
                {"f", 12, 5, false}};
    nt_model *m = net();
    nt_cost *c = measure(m, 1e-9, 8);
    double sum = 0;

    assert_int_equal(c->n, 5);
    assert_int_equal(c->networks, 1); /* there was time for the whole one only */
    for (int i = 0; i < 5; i++) {
        const nt_cost_layer *l = nt_cost_find(c, want[i].name);

        assert_int_equal(l->n, 1);
        assert_true(has(l, want[i].in, want[i].out));
        assert_int_equal(l->in, want[i].in);
        assert_int_equal(l->out, want[i].out);
        if (i != 3)
            assert_int_equal(l->tied, want[i].tied);
        assert_true(l->point[0].ms > 0);
        sum += l->point[0].ms;
    }
    assert_float_equal(nt_cost_graph_ms(c, nt_model_graph(m)), sum, 1e-12);
    nt_cost_free(c);
    nt_model_free(m);
}

/* Shares 5/5, 4/5, ... 1/5 of 20 inputs and 24 outputs, in multiples of 4. */
NT_TEST(a_layer_meets_all_pairs_of_shares_and_odd_counts)
{
    static const int64_t in[] = {20, 16, 12, 8, 4}, out[] = {24, 20, 16, 8, 4};
    nt_model *m = net();
    nt_cost *c = measure(m, 60, 4);
    const nt_cost_layer *p = nt_cost_find(c, "p"), *d = nt_cost_find(c, "d");

    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            assert_true(has(p, in[i], out[k]));
    assert_true(has(p, 9, 24));  /* 12 less 3 */
    assert_true(has(p, 20, 14)); /* 13, but its reader has two groups */
    for (int i = 0; i < d->n; i++)
        assert_int_equal(d->point[i].in, d->point[i].out);
    assert_int_equal(nt_model_graph(m)->nodes[0]->in[1]->data->dims[0], 20); /* as it was */
    nt_cost_free(c);
    nt_model_free(m);
}

NT_TEST(people_read_the_cheap_counts_in_a_row)
{
    nt_cost *c = table(by_blocks);
    nt_str text = {0};

    assert_ok(nt_cost_text(&text, c, e));
    assert_non_null(strstr(text.p, "c, b, 1 thread, batch 1, fp32: 1 networks, 1 runs each"));
    assert_non_null(strstr(text.p, "4.0000  8 16          8 16"));
    nt_str_release(&text);
    nt_cost_free(c);
}

NT_TEST(a_network_from_which_nothing_can_go_has_no_table)
{
    nt_model *m = build("[3, 1, 1]", "\"flatten\", {\"linear\": \"f\", \"out\": 5}");
    nt_cost_opts o = {.runs = 1};
    nt_device *dev = NULL;
    nt_cost *c = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_fails(NT_EUNSUPPORTED, "no layer has channels that could go",
                 nt_cost_measure(&c, nt_model_graph(m), dev, &o, e));
    nt_device_free(dev);
    nt_model_free(m);
}

NT_TEST_MAIN
