/* SPDX-License-Identifier: MIT */
/* Bytes, bit operations and measured times of two layers, by hand. */
#include "quant/bitcost.h"

#include "base/json.h"
#include "net.h"

#include <math.h>

/* "a": 2 to 4 channels on 3 x 3, 8 weights; "fc": 36 to 5, 180 weights and a bias. */
static net two_layers(void)
{
    net t = start(17);
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(-1, 2, 3, 3)), 2, 4, 1);
    nt_node *n;

    x = NODE(&t, "Flatten", "flat", x)->out[0];
    n = NODE(&t, "Gemm", "fc", x, weight(&t, "fc.weight", DIMS(5, 36)),
             weight(&t, "fc.bias", DIMS(5)));
    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    complete(&t, n->out[0]);
    return t;
}

static double cost(const nt_bitcost *b, int layer, int weight_bits, int input_bits)
{
    return nt_bitcost_of(b, layer, (nt_qwidth){weight_bits, input_bits});
}

NT_TEST(bytes_are_packed_weights_and_a_scale_for_each_channel)
{
    net t = two_layers();
    nt_bitcost *b = NULL;

    assert_ok(nt_bitcost_new(&b, t.g, NT_BITCOST_BYTES, NULL, false, e));
    assert_float_equal(nt_bitcost_rest(b), 5 * 4, 0);
    assert_float_equal(cost(b, 0, 0, 8), 8 * 4, 0);
    assert_float_equal(cost(b, 0, 3, 8), 3 + 4 * 4, 0);
    assert_float_equal(cost(b, 1, 1, 0), 23 + 5 * 4, 0); /* 180 bits are 22.5 bytes */
    assert_float_equal(nt_bitcost_average(b, 4), 20 + 4 + 16 + 90 + 20, 0);
    assert_float_equal(nt_bitcost_average(b, 2.5), 20 + 3 + 16 + 57 + 20, 0);
    nt_bitcost_free(b);
    assert_ok(nt_bitcost_new(&b, t.g, NT_BITCOST_BYTES, NULL, true, e));
    assert_float_equal(cost(b, 0, 3, 8), 3 + 4 * 4 + 4 * 4, 0); /* it gets a bias */
    assert_float_equal(cost(b, 1, 1, 8), 23 + 5 * 4, 0);
    nt_bitcost_free(b);
    finish(&t);
}

NT_TEST(bit_operations_are_macs_times_both_widths)
{
    net t = two_layers();
    nt_bitcost *b = NULL;

    assert_ok(nt_bitcost_new(&b, t.g, NT_BITCOST_BOPS, NULL, false, e));
    assert_float_equal(cost(b, 0, 4, 8), 8 * 9 * 4 * 8, 0);
    assert_float_equal(cost(b, 0, 4, 0), 8 * 9 * 4 * 32, 0);
    assert_float_equal(cost(b, 1, 0, 2), 180 * 32 * 2, 0);
    assert_float_equal(nt_bitcost_rest(b), 0, 0);
    nt_bitcost_free(b);
    finish(&t);
}

static nt_status with_table(nt_bitcost **b, const char *text, cJSON **table, nt_err *e)
{
    net t = two_layers();
    nt_status s = nt_json_parse(table, text, strlen(text), e);

    if (s == NT_OK)
        s = nt_bitcost_new(b, t.g, NT_BITCOST_MS, *table, false, e);
    finish(&t);
    return s;
}

NT_TEST(times_come_from_a_table_and_what_is_not_there_cannot_be_had)
{
    cJSON *table = NULL;
    nt_bitcost *b = NULL;

    assert_ok(with_table(&b,
                         "[{\"layer\": \"*\", \"bits\": {\"weight\": 4}, \"time_ms\": 2},"
                         " {\"layer\": \"fc\", \"bits\": {\"weight\": 4, \"input\": 8},"
                         " \"time_ms\": 3}, {\"layer\": 1, \"time_ms\": 7},"
                         " {\"layer\": \"a\", \"bits\": {\"weight\": 8, \"input\": 32},"
                         " \"time_ms\": 9}]",
                         &table, e));
    assert_float_equal(cost(b, 0, 4, 8), 2, 0);
    assert_float_equal(cost(b, 0, 8, 0), 9, 0);
    assert_float_equal(cost(b, 1, 4, 8), 3, 0);
    assert_float_equal(cost(b, 1, 4, 4), 2, 0);
    assert_float_equal(cost(b, 1, 0, 0), 7, 0);
    assert_true(isinf(cost(b, 0, 8, 8)));
    assert_true(isinf(cost(b, 0, 0, 0)));
    assert_true(isinf(cost(b, 1, 0, 8)));
    nt_bitcost_free(b);
    nt_json_free(table);
}

NT_TEST(a_table_that_is_wrong_is_refused_with_the_place)
{
    static const char *const bad[][2] = {
        {"{}", "costs: an array of objects is wanted"},
        {"[3]", "costs[0]: an object is wanted"},
        {"[{\"layer\": \"b\", \"time_ms\": 1}]", "costs[0].layer: there is no such layer"},
        {"[{\"time_ms\": 1}]", "costs[0].layer: there is no such layer"},
        {"[{\"layer\": 2, \"time_ms\": 1}]", "costs[0].layer: there is no such layer"},
        {"[{\"layer\": \"a\"}]", "costs[0].time_ms is missing"},
        {"[{\"layer\": \"a\", \"time_ms\": 1, \"bits\": 4}]", "costs[0]: an object is wanted"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *table = NULL;
        nt_bitcost *b = NULL;

        assert_fails(NT_EINVAL, bad[i][1], with_table(&b, bad[i][0], &table, e));
        assert_null(b);
        nt_json_free(table);
    }
}

NT_TEST_MAIN
