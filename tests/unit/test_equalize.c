/* SPDX-License-Identifier: MIT */
/* Cross-layer equalisation: the same outputs, channels of one size. */
#include "op/registry.h"
#include "quant/equalize.h"

#include "quant_net.h"

/* conv a - Relu - depthwise b - conv c in 2 groups - Sigmoid - conv d: two pairs. */
static net tower(void)
{
    net t = start(17);
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(1, 3, 5, 5)), 3, 4, 1);
    nt_node *a = nt_graph_find_node(t.g, "a");
    nt_tensor *w;

    assert_ok(nt_graph_set_input(t.g, a, 2, weight(&t, "a.bias", DIMS(4)), e));
    x = conv(&t, "b", NODE(&t, "Relu", "r", x)->out[0], 4, 4, 4);
    x = NODE(&t, "Sigmoid", "s", conv(&t, "c", x, 4, 6, 2))->out[0];
    complete(&t, conv(&t, "d", x, 6, 2, 1));
    randomise(&t);
    w = nt_graph_find_value(t.g, "a.weight")->data;
    for (int64_t i = 0; i < nt_tensor_count(w); i++) /* channels of very different size */
        nt_tensor_set(w, i, nt_tensor_get(w, i) * pow(10, (double)(i / 3)));
    return t;
}

static double largest(const net *t, const char *name, int64_t from, int64_t n)
{
    const nt_tensor *w = nt_graph_find_value(t->g, name)->data;
    double most = 0;

    for (int64_t i = from; i < from + n; i++)
        most = fmax(most, fabs(nt_tensor_get(w, i)));
    return most;
}

/* How many of the report's entries are pairs, or taken. */
static int count(const cJSON *report, bool taken)
{
    const cJSON *j;
    int n = 0;

    cJSON_ArrayForEach(j, report)
    {
        n += taken ? cJSON_IsTrue(cJSON_GetObjectItem(j, "taken"))
                   : cJSON_HasObjectItem(j, "second");
    }
    return n;
}

NT_TEST(outputs_stay_and_channels_become_of_one_size)
{
    net t = tower(), plain = tower();
    cJSON *report = NULL;

    assert_true(largest(&t, "a.weight", 9, 3) > 100 * largest(&t, "a.weight", 0, 3));
    assert_ok(nt_equalize(&report, t.g, NULL, e));
    assert_int_equal(count(report, false), 2);
    assert_int_equal(count(report, true), 2);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(report, 2), "why")->valuestring,
                        "Sigmoid does not commute with factors");
    nt_json_free(report);
    assert_true(apart(t.g, plain.g) < 1e-4);
    for (int64_t c = 0; c < 4; c++) {
        double made = largest(&t, "a.weight", 3 * c, 3), read = largest(&t, "b.weight", c, 1);

        assert_true(fabs(made / read - 1) < 0.01);
    }
    assert_true(largest(&t, "d.weight", 0, 12) == largest(&plain, "d.weight", 0, 12));
    finish(&t);
    finish(&plain);
}

NT_TEST(what_others_read_stays)
{
    net t = start(17), plain;
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(1, 3, 5, 5)), 3, 4, 1);
    cJSON *report = NULL;

    complete(&t, NODE(&t, "Add", "sum", conv(&t, "b", x, 4, 4, 1), x)->out[0]);
    randomise(&t);
    assert_ok(nt_graph_dup(&plain.g, t.g, false, e));
    assert_ok(nt_graph_bind(plain.g, nt_ops_table(), e));
    assert_ok(nt_equalize(&report, t.g, NULL, e));
    assert_int_equal(count(report, false), 0);
    nt_json_free(report);
    assert_float_equal(apart(t.g, plain.g), 0, 0);
    nt_graph_free(plain.g);
    finish(&t);
}

NT_TEST_MAIN
