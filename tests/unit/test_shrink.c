/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "op/registry.h"

#define HALF "[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}]"

/* Masked and shrunk must answer the same. */
static void check_model(nt_model *m)
{
    nt_shrink_stats st;
    nt_tensor *masked, *shrunk;

    prune(m, HALF);
    masked = answer(m);
    assert_ok(nt_shrink(m, &st, e));
    assert_true(st.removed > 0);
    assert_int_equal(st.kept_constant, 0);
    assert_true(st.params_after < st.params_before);
    shrunk = answer(m);
    assert_same_answer(masked, shrunk);
    nt_tensor_free(masked);
    nt_tensor_free(shrunk);
}

/* Returns the shrunk model. */
static nt_model *check(const char *input, const char *layers)
{
    nt_model *m = build(input, layers);

    check_model(m);
    return m;
}

static int64_t rows(nt_model *m, const char *parameter)
{
    return nt_graph_find_value(nt_model_graph(m), parameter)->data->dims[0];
}

NT_TEST(a_plain_network_answers_the_same_masked_and_shrunk)
{
    nt_model *m = check("[1, 8, 8]",
                        "{\"conv\": \"a\", \"out\": 6, \"pad\": 1, \"bias\": true}, {\"bn\": "
                        "\"an\"}, \"relu\", {\"conv\": \"b\", \"out\": 8, \"pad\": 1}, "
                        "\"relu\", {\"max_pool\": 2}, \"flatten\", {\"linear\": \"f\", "
                        "\"out\": 10}, \"relu\", {\"linear\": \"g\", \"out\": \"classes\"}");

    assert_int_equal(rows(m, "a.weight"), 3);
    assert_int_equal(rows(m, "an.running_var"), 3);
    assert_int_equal(rows(m, "b.weight"), 4);
    assert_int_equal(rows(m, "f.weight"), 5);
    assert_int_equal(rows(m, "g.weight"), 3);
    assert_false(nt_model_has_masks(m));
    nt_model_free(m);
}

NT_TEST(a_residual_stage_shrinks_as_one)
{
    nt_model *m = check(
        "[2, 6, 6]",
        "{\"conv\": \"a\", \"out\": 6, \"pad\": 1}, {\"bn\": \"an\"}, \"relu\", {\"residual\": "
        "[{\"conv\": \"b\", \"out\": 8, \"pad\": 1}, \"relu\", {\"conv\": \"c\", \"out\": 6, "
        "\"pad\": 1}, {\"bn\": \"cn\"}]}, \"relu\", \"global_average_pool\", \"flatten\", "
        "{\"linear\": \"f\", \"out\": \"classes\"}");

    assert_int_equal(rows(m, "a.weight"), 3);
    assert_int_equal(rows(m, "b.weight"), 4);
    assert_int_equal(rows(m, "c.weight"), 3);
    nt_model_free(m);
}

NT_TEST(depthwise_filters_go_with_the_channel_they_filter)
{
    nt_model *m =
        check("[2, 6, 6]", "{\"conv\": \"a\", \"out\": 6, \"pad\": 1}, {\"bn\": \"an\"}, "
                           "\"relu6\", {\"conv\": \"d\", \"groups\": \"in\", \"pad\": 1}, "
                           "{\"bn\": \"dn\"}, \"relu6\", {\"conv\": \"p\", \"out\": 4, "
                           "\"kernel\": 1}, \"global_average_pool\", \"flatten\", "
                           "{\"linear\": \"f\", \"out\": \"classes\"}");

    assert_int_equal(rows(m, "d.weight"), 3);
    assert_int_equal(rows(m, "dn.bias"), 3);
    nt_model_free(m);
}

NT_TEST(a_grouped_convolution_answers_the_same_masked_and_shrunk)
{
    nt_model *m =
        check("[2, 6, 6]", "{\"conv\": \"a\", \"out\": 8, \"pad\": 1}, \"relu\", {\"conv\": "
                           "\"g\", \"out\": 8, \"groups\": 2, \"pad\": 1}, \"relu\", "
                           "\"global_average_pool\", \"flatten\", {\"linear\": \"f\", "
                           "\"out\": \"classes\"}");

    nt_model_free(m);
}

/* Makes a ConvTranspose of a Conv that has as many inputs as outputs: its weight stays. */
static void transpose_layer(nt_model *m, const char *weight)
{
    nt_graph *g = nt_model_graph(m);
    nt_node *old = nt_graph_find_value(g, weight)->uses[0].node, *n = NULL;
    nt_value *y = NULL;

    assert_ok(nt_graph_add_value(&y, g, NULL, e));
    assert_ok(nt_graph_add_node(
        &n, g, &(nt_node_spec){"ConvTranspose", "t", old->in, old->n_in, &y, 1}, e));
    assert_ok(nt_node_copy_attrs(g, n, old, e));
    assert_ok(nt_graph_replace_value(g, old->out[0], y, e));
    nt_graph_remove_node(g, old);
    assert_ok(nt_graph_sort(g, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
}

NT_TEST(transposed_convolutions_lose_inputs_and_outputs)
{
    static const char *const groups[] = {"1", "2", "\"in\""};

    for (int i = 0; i < 3; i++) {
        char layers[512];
        nt_model *m;

        snprintf(layers, sizeof layers,
                 "{\"conv\": \"a\", \"out\": 8, \"pad\": 1}, \"relu\", {\"conv\": \"b\", "
                 "\"out\": 8, \"groups\": %s, \"pad\": 1}, \"relu\", {\"conv\": \"c\", "
                 "\"out\": 4}, \"global_average_pool\", \"flatten\", {\"linear\": \"f\", "
                 "\"out\": \"classes\"}",
                 groups[i]);
        m = build("[2, 6, 6]", layers);
        transpose_layer(m, "b.weight");
        check_model(m);
        assert_int_equal(rows(m, "a.weight"), 4);
        assert_int_equal(rows(m, "b.weight"), 4);
        assert_int_equal(nt_graph_find_value(nt_model_graph(m), "c.weight")->data->dims[1], 4);
        nt_model_free(m);
    }
}

/* Zeroes the filters of the channels below `n` and masks nothing else, as other tools do. */
static void mask_filters(nt_model *m, const char *parameter, int64_t n)
{
    const nt_value *v = nt_graph_find_value(nt_model_graph(m), parameter);
    nt_tensor *t = NULL;
    int64_t inner = nt_tensor_axis(v->data, 0).inner;

    assert_ok(nt_tensor_new(&t, NT_U8, v->data->rank, v->data->dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, i / inner >= n);
    assert_ok(nt_model_take_mask(m, parameter, t, e));
}

/* Shrinks by masks on filter `a` alone; the weights are not yet zero. */
static nt_shrink_stats shrink_filters(const char *layers, int64_t n, nt_model **out)
{
    nt_model *m = build("[2, 6, 6]", layers);
    nt_tensor *before, *after;
    nt_shrink_stats st;

    mask_filters(m, "a.weight", n);
    nt_masked_clear(m);
    before = answer(m);
    assert_ok(nt_shrink(m, &st, e));
    after = answer(m);
    assert_same_answer(before, after);
    nt_tensor_free(before);
    nt_tensor_free(after);
    *out = m;
    return st;
}

NT_TEST(the_constant_that_batch_normalisation_leaves_moves_into_the_next_bias)
{
    nt_model *m;
    nt_shrink_stats st =
        shrink_filters("{\"conv\": \"a\", \"out\": 6}, {\"bn\": \"an\"}, \"sigmoid\", "
                       "{\"conv\": \"b\", \"out\": 4}, \"flatten\", {\"linear\": "
                       "\"f\", \"out\": \"classes\"}",
                       2, &m);

    assert_int_equal(st.removed, 2);
    assert_int_equal(st.kept_constant, 0);
    assert_int_equal(rows(m, "a.weight"), 4);
    assert_non_null(nt_graph_find_value(nt_model_graph(m), "b.bias"));
    nt_model_free(m);
}

NT_TEST(a_constant_in_front_of_zero_padding_stays)
{
    nt_model *m;
    nt_shrink_stats st =
        shrink_filters("{\"conv\": \"a\", \"out\": 6, \"bias\": true}, \"relu\", "
                       "{\"conv\": \"b\", \"out\": 4, \"pad\": 1}, \"flatten\", "
                       "{\"linear\": \"f\", \"out\": \"classes\"}",
                       2, &m);

    assert_int_equal(st.removed, 0);
    assert_int_equal(st.kept_constant, 2);
    assert_int_equal(rows(m, "a.weight"), 6);
    nt_model_free(m);
}

NT_TEST(what_an_activation_makes_of_zero_is_a_constant_too)
{
    nt_model *m;
    nt_shrink_stats st =
        shrink_filters("{\"conv\": \"a\", \"out\": 6}, \"sigmoid\", {\"dropout\": "
                       "0.5}, \"flatten\", {\"linear\": \"f\", \"out\": \"classes\"}",
                       2, &m);

    assert_int_equal(st.removed, 2); /* sigmoid(0) = 1/2 is in the bias of f now */
    nt_model_free(m);
}

NT_TEST(masks_that_empty_a_layer_leave_its_first_output)
{
    nt_model *m;
    nt_shrink_stats st =
        shrink_filters("{\"conv\": \"a\", \"out\": 6}, \"relu\", {\"conv\": \"b\", "
                       "\"out\": 4, \"pad\": 1}, \"flatten\", {\"linear\": \"f\", "
                       "\"out\": \"classes\"}",
                       6, &m);

    assert_int_equal(st.removed, 5);
    assert_int_equal(rows(m, "a.weight"), 1);
    nt_model_free(m);
}

NT_TEST(masks_count_even_if_the_weights_are_not_zero)
{
    nt_model *m =
        build("[2, 6, 6]", "{\"conv\": \"a\", \"out\": 6}, \"relu\", {\"conv\": \"b\", "
                           "\"out\": 4, \"pad\": 1}, \"flatten\", {\"linear\": \"f\", "
                           "\"out\": \"classes\"}");
    nt_shrink_stats st;

    mask_filters(m, "a.weight", 3);
    assert_ok(nt_shrink(m, &st, e));
    assert_int_equal(st.removed, 3);
    nt_model_free(m);
}

NT_TEST(pruning_shrinking_and_pruning_again_halves_twice)
{
    nt_model *m =
        check("[1, 8, 8]", "{\"conv\": \"a\", \"out\": 8}, \"relu\", \"flatten\", {\"linear\": "
                           "\"f\", \"out\": \"classes\"}");
    nt_shrink_stats st;

    prune(m, HALF);
    assert_int_equal(left(m, "a.weight"), 2);
    assert_ok(nt_shrink(m, &st, e));
    assert_int_equal(rows(m, "a.weight"), 2);
    nt_model_free(m);
}

NT_TEST_MAIN
