/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

/* conv1 4, conv2 10, fc1 5, fc2 (the output) 3. */
#define NET                                                                                    \
    "{\"conv\": \"conv1\", \"out\": 4}, {\"bn\": \"bn1\"}, \"relu\", {\"conv\": \"conv2\", "   \
    "\"out\": 10}, \"relu\", \"flatten\", {\"linear\": \"fc1\", \"out\": 5}, \"relu\", "       \
    "{\"linear\": \"fc2\", \"out\": \"classes\"}"

static nt_model *net(void)
{
    return build("[1, 8, 8]", NET);
}

static void assert_left(nt_model *m, int64_t conv1, int64_t conv2, int64_t fc1, int64_t fc2)
{
    assert_int_equal(left(m, "conv1.weight"), conv1);
    assert_int_equal(left(m, "conv2.weight"), conv2);
    assert_int_equal(left(m, "fc1.weight"), fc1);
    assert_int_equal(left(m, "fc2.weight"), fc2);
}

static void assert_prunes(const char *rules, int64_t conv1, int64_t conv2, int64_t fc1)
{
    nt_model *m = net();

    prune(m, rules);
    assert_left(m, conv1, conv2, fc1, 3);
    nt_model_free(m);
}

NT_TEST(all_conv2d_layers_to_sixty_per_cent)
{
    /* floor(0.6 * 4) = 2 and floor(0.6 * 10) = 6 go */
    assert_prunes("[{\"sparsity\": 0.6, \"op_types\": [\"Conv2d\"]}]", 2, 4, 5);
}

NT_TEST(a_default_with_two_exceptions)
{
    assert_prunes("[{\"sparsity\": 0.8, \"op_types\": [\"default\"]},"
                  " {\"sparsity\": 0.6, \"op_names\": [\"conv1\", \"fc1\"]},"
                  " {\"exclude\": true, \"op_names\": [\"conv2\"]}]",
                  2, 10, 2);
}

NT_TEST(later_entries_overwrite_earlier_ones)
{
    assert_prunes("[{\"exclude\": true, \"op_names\": [\"conv1\"]},"
                  " {\"sparsity\": 0.5, \"op_types\": [\"default\"]}]",
                  2, 5, 3);
    assert_prunes("[{\"sparsity\": 0.5, \"op_types\": [\"default\"], \"exclude\": false},"
                  " {\"sparsity\": 0, \"op_names\": [\"conv2\"]}]",
                  2, 10, 3);
}

NT_TEST(numbers_and_globs_name_layers)
{
    assert_prunes("[{\"sparsity\": 0.5, \"op_names\": [1]}]", 4, 5, 5);
    assert_prunes("[{\"sparsity\": 0.5, \"op_names\": [\"2\"]}]", 4, 10, 3);
    assert_prunes("[{\"sparsity\": 0.5, \"op_names\": [\"fc*\"]}]", 4, 10, 3); /* not fc2 */
}

NT_TEST(op_types_and_op_names_must_both_match)
{
    assert_prunes("[{\"sparsity\": 0.5, \"op_types\": [\"Linear\"], \"op_names\": [\"*1\"]}]",
                  4, 10, 3);
}

NT_TEST(one_output_always_stays)
{
    assert_prunes("[{\"sparsity\": 0.999, \"op_types\": [\"default\"]}]", 1, 1, 1);
}

NT_TEST(a_share_that_binary_rounds_down_is_meant_in_decimals)
{
    /* 0.7 * 10 is 7.000000000000001 or 6.99...: 7 go; 0.3 * 10 = 3 */
    assert_prunes("[{\"sparsity\": 0.7, \"op_names\": [\"conv2\"]}]", 4, 3, 5);
    assert_prunes("[{\"sparsity\": 0.3, \"op_names\": [\"conv2\"]}]", 4, 7, 5);
}

static void assert_refused(const char *rules, const char *why)
{
    nt_model *m = net();

    assert_fails(NT_EINVAL, why, try_prune(m, rules, (nt_prune_opts){0}, e));
    assert_false(nt_model_has_masks(m));
    nt_model_free(m);
}

NT_TEST(names_that_are_none_are_refused_with_the_nearest)
{
    assert_refused("[{\"sparsity\": 0.5, \"op_names\": [\"conv3\"]}]",
                   "config_list: layer 'conv3' not found (did you mean 'conv1'?)");
    assert_refused("[{\"sparsity\": 0.5, \"op_names\": [4]}]",
                   "config_list: there is no layer 4 (0 to 3)");
    assert_refused("[{\"sparsity\": 0.5, \"op_names\": [1.5]}]",
                   "config_list[0].op_names: an array of names is wanted");
}

static void assert_idle(const char *rules, const char *lines)
{
    nt_model *m = net();
    nt_channels *c = NULL;
    cJSON *j = json(rules);
    nt_str text = {0};

    assert_ok(nt_rules_check(j, e));
    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    assert_ok(nt_prune_idle_rules(&text, c, j, e));
    assert_string_equal(text.p ? text.p : "", lines);
    nt_str_release(&text);
    nt_channels_free(c);
    nt_json_free(j);
    nt_model_free(m);
}

NT_TEST(rules_that_match_no_layer_are_told)
{
    assert_idle("[{\"sparsity\": 0.5, \"op_types\": [\"Conv2d\", \"ConvTranspose\"]},"
                " {\"exclude\": true, \"op_types\": [\"MatMul\"], \"op_names\": [\"fc1\"]}]",
                "config_list[0]: no layer is a 'ConvTranspose'\n"
                "config_list[1]: no layer is a 'MatMul'\n");
    assert_idle("[{\"sparsity\": 0.5, \"op_types\": [\"Linear\"], \"op_names\": [\"conv*\"]}]",
                "config_list[0]: no layer has such a name and such a type\n");
    assert_idle("[{\"sparsity\": 0.5, \"op_types\": [\"default\"]},"
                " {\"exclude\": true, \"op_names\": [\"fc1\", 0]}]",
                "");
}

NT_TEST(naming_the_output_layer_is_refused_but_excluding_it_is_not)
{
    nt_model *m = net();
    nt_err e = {{0}};

    assert_int_equal(
        try_prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"fc2\"]}]", (nt_prune_opts){0}, &e),
        NT_EINVAL);
    assert_string_equal(e.msg, "config_list[0]: layer 'fc2' cannot be pruned: graph output");
    assert_int_equal(
        try_prune(m, "[{\"sparsity\": 0.5, \"op_names\": [3]}]", (nt_prune_opts){0}, &e),
        NT_EINVAL);
    prune(m, "[{\"sparsity\": 0.5, \"op_types\": [\"default\"]},"
             " {\"exclude\": true, \"op_names\": [\"fc2\"]}]");
    assert_left(m, 2, 5, 3, 3);
    nt_model_free(m);
}

NT_TEST(the_smallest_go_and_ties_by_index)
{
    nt_model *m = net();
    nt_value *w = nt_graph_find_value(nt_model_graph(m), "conv2.weight");
    const nt_tensor *mask;

    for (int64_t i = 0; i < nt_tensor_count(w->data); i++)
        nt_tensor_set(w->data, i, i / (4 * 9) == 3 ? 0.5 : 1);
    prune(m, "[{\"sparsity\": 0.3, \"op_names\": [\"conv2\"]}]");
    mask = nt_model_mask(m, "conv2.weight");
    for (int64_t k = 0; k < 10; k++) /* 3 is the smallest; 0 and 1 are the first of equals */
        assert_int_equal(nt_masked_covers(mask, 0, k), k == 3 || k < 2);
    nt_model_free(m);
}

NT_TEST(a_pruned_channel_is_zero_in_filter_scale_and_shift_but_not_in_statistics)
{
    nt_model *m = net();
    const nt_tensor *w;

    prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"conv1\"]}]");
    w = nt_model_mask(m, "conv1.weight");
    assert_non_null(nt_model_mask(m, "bn1.weight"));
    assert_non_null(nt_model_mask(m, "bn1.bias"));
    assert_null(nt_model_mask(m, "bn1.running_mean"));
    assert_null(nt_model_mask(m, "conv2.weight")); /* it reads the channel */
    for (int64_t k = 0; k < 4; k++) {
        const nt_tensor *t = nt_graph_find_value(nt_model_graph(m), "bn1.bias")->data;

        assert_int_equal(nt_masked_covers(w, 0, k), nt_tensor_get(t, k) == 0);
    }
    nt_model_free(m);
}

NT_TEST(masks_json_says_what_is_kept)
{
    nt_model *m = net();
    cJSON *o;
    char *text;

    prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"conv1\"]}]");
    assert_null(cJSON_GetObjectItem(nt_model_masks_json(m), "conv2"));
    o = cJSON_GetObjectItem(nt_model_masks_json(m), "conv1");
    assert_string_equal(cJSON_GetObjectItem(o, "granularity")->valuestring, "channel");
    assert_int_equal(cJSON_GetObjectItem(o, "axis")->valueint, 0);
    assert_float_equal(cJSON_GetObjectItem(o, "sparsity")->valuedouble, 0.5, 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "kept")), 2);
    text = nt_json_text(o);
    assert_non_null(text);
    nt_free(text);
    nt_model_free(m);
}

/* ---- again */

NT_TEST(pruning_twice_goes_on_from_what_is_gone)
{
    nt_model *m = net();

    prune(m, "[{\"sparsity\": 0.3, \"op_names\": [\"conv2\"]}]");
    prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"conv2\"]}]");
    assert_left(m, 4, 5, 5, 3);
    prune(m, "[{\"sparsity\": 0.2, \"op_names\": [\"conv2\"]}]"); /* masks stay in force */
    assert_left(m, 4, 5, 5, 3);
    nt_model_free(m);
}

NT_TEST(other_random_numbers_do_not_empty_a_layer)
{
    nt_model *m = net();

    for (uint64_t seed = 0; seed < 5; seed++) {
        nt_prune_opts o = {
            .importance = {.criterion = &nt_criterion_random, .evidence = {.seed = seed}}};

        assert_ok(try_prune(m, "[{\"sparsity\": 0.9, \"op_types\": [\"default\"]}]", o, e));
        assert_left(m, 1, 1, 1, 3);
    }
    nt_model_free(m);
}

/* ---- over all layers */

NT_TEST(total_sparsity_is_the_share_over_all_its_layers)
{
    nt_model *m = net();

    prune(m, "[{\"total_sparsity\": 0.5, \"op_types\": [\"Conv\"]}]");
    assert_int_equal(left(m, "conv1.weight") + left(m, "conv2.weight"), 7); /* of 14 */
    assert_int_equal(left(m, "fc1.weight"), 5);
    nt_model_free(m);
}

NT_TEST(max_sparsity_per_layer_bounds_a_global_ranking)
{
    nt_model *m = net();

    prune(m, "[{\"total_sparsity\": 0.9, \"max_sparsity_per_layer\": 0.5, \"op_types\": "
             "[\"default\"]}]");
    assert_left(m, 2, 5, 3, 3);
    nt_model_free(m);
}

/* Two layers of 20 outputs; of a all but one weigh next to nothing. */
static nt_model *uneven_net(void)
{
    nt_model *m = build("[1, 8, 8]", "{\"conv\": \"a\", \"out\": 20}, \"relu\", "
                                     "{\"conv\": \"b\", \"out\": 20}, \"flatten\", "
                                     "{\"linear\": \"f\", \"out\": \"classes\"}");
    nt_tensor *a = nt_graph_find_value(nt_model_graph(m), "a.weight")->data;
    nt_tensor *b = nt_graph_find_value(nt_model_graph(m), "b.weight")->data;

    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        nt_tensor_set(a, i, i < 9 ? 1000 : 1);
    for (int64_t i = 0; i < nt_tensor_count(b); i++)
        nt_tensor_set(b, i, 1);
    return m;
}

static void assert_global(const char *bound, int64_t a, int64_t b)
{
    nt_model *m = uneven_net();
    char rules[200];

    snprintf(rules, sizeof rules, "[{\"total_sparsity\": 0.475%s, \"op_types\": [\"Conv\"]}]",
             bound);
    prune(m, rules); /* 19 of 40 */
    assert_int_equal(left(m, "a.weight"), a);
    assert_int_equal(left(m, "b.weight"), b);
    nt_model_free(m);
}

NT_TEST(a_global_ranking_leaves_a_tenth_of_each_layer_unless_it_is_told_otherwise)
{
    assert_global("", 2, 19);
    assert_global(", \"max_sparsity_per_layer\": 1", 1, 20);
    assert_global(", \"max_sparsity_per_layer\": 0.5", 10, 11);
}

NT_TEST(max_sparsity_per_layer_bounds_a_local_share_too)
{
    assert_prunes("[{\"sparsity\": 0.9, \"max_sparsity_per_layer\": 0.5, \"op_types\": "
                  "[\"default\"]}]",
                  2, 5, 3);
}

NT_TEST(the_mildest_rule_holds_for_layers_that_share_channels)
{
    nt_model *m =
        build("[1, 6, 6]", "{\"conv\": \"a\", \"out\": 10, \"pad\": 1}, {\"residual\": "
                           "[{\"conv\": \"b\", \"out\": 10, \"pad\": 1}]}, \"flatten\", "
                           "{\"linear\": \"f\", \"out\": \"classes\"}");

    prune(m, "[{\"sparsity\": 0.8, \"op_names\": [\"a\"]}, {\"sparsity\": 0.3, \"op_names\": "
             "[\"b\"]}]");
    assert_int_equal(left(m, "a.weight"), 7);
    assert_int_equal(left(m, "b.weight"), 7);
    nt_model_free(m);
    m = build("[1, 6, 6]",
              "{\"conv\": \"a\", \"out\": 10, \"pad\": 1}, {\"residual\": [{\"conv\": "
              "\"b\", \"out\": 10, \"pad\": 1}]}, \"flatten\", {\"linear\": \"f\", "
              "\"out\": \"classes\"}");
    prune(m, "[{\"sparsity\": 0.8, \"op_names\": [\"a\"]}]"); /* no rule names b */
    assert_int_equal(left(m, "a.weight"), 10);
    nt_model_free(m);
}

NT_TEST(weights_that_are_no_numbers_are_refused)
{
    nt_model *m = net();

    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "conv2.weight")->data, 40, NAN);
    assert_fails(NT_EINVAL, "layer 'conv2': the score of output 1 is not finite",
                 try_prune(m, "[{\"sparsity\": 0.3, \"op_types\": [\"default\"]}]",
                           (nt_prune_opts){0}, e));
    nt_model_free(m);
}

/* ---- what cannot be scored */

#define TWO_KINDS                                                                              \
    "{\"conv\": \"a\", \"out\": 8}, {\"bn\": \"an\"}, \"relu\", {\"conv\": \"b\", \"out\": "   \
    "6}, "                                                                                     \
    "\"relu\", \"flatten\", {\"linear\": \"f\", \"out\": \"classes\"}"

NT_TEST(a_layer_without_a_score_is_told_once_and_the_rest_is_pruned)
{
    static const struct {
        const char *rules, *why;
        int64_t a, b;
    } cases[] = {
        {"[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}]",
         "layer 'b': criterion 'slim' needs a BatchNormalization after it\n", 4, 6},
        {"[{\"total_sparsity\": 0.5, \"op_types\": [\"default\"]}]",
         "layer 'b': criterion 'slim' needs a BatchNormalization after it\n", 4, 6},
        {"[{\"sparsity\": 0.5, \"op_names\": [\"a\"]}]", NULL, 4, 6},
        {"[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}, {\"op_names\": [\"b\"], "
         "\"exclude\": true}]",
         NULL, 4, 6},
        {"[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}, {\"op_names\": [\"b\"], "
         "\"sparsity\": 0}]",
         NULL, 4, 6},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_model *m = build("[1, 8, 8]", TWO_KINDS);
        nt_str why = {0};
        nt_prune_opts o = {.importance = {.criterion = &nt_criterion_slim, .why = &why}};

        assert_ok(try_prune(m, cases[i].rules, o, e));
        assert_int_equal(left(m, "a.weight"), cases[i].a);
        assert_int_equal(left(m, "b.weight"), cases[i].b);
        if (cases[i].why)
            assert_string_equal(why.p, cases[i].why);
        else
            assert_null(why.p);
        nt_str_release(&why);
        nt_model_free(m);
    }
}

/* taylor: the gradients that are there are those of a alone. */
NT_TEST(a_layer_without_a_gradient_keeps_its_channels)
{
    nt_model *m = build("[1, 8, 8]", TWO_KINDS);
    float a[8 * 9], *const t[] = {a, NULL, NULL};
    nt_str why = {0};
    nt_prune_opts o = {.importance = {.criterion = &nt_criterion_taylor,
                                      .evidence = {.taylor = t},
                                      .why = &why}};

    for (int i = 0; i < 8 * 9; i++)
        a[i] = (float)i;
    assert_ok(try_prune(m, "[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}]", o, e));
    assert_string_equal(why.p,
                        "layer 'b': criterion 'taylor' needs a gradient of its weight\n");
    assert_int_equal(left(m, "a.weight"), 4);
    assert_int_equal(left(m, "b.weight"), 6);
    nt_str_release(&why);
    nt_model_free(m);
}

NT_TEST(where_no_layer_has_a_score_that_is_an_error)
{
    nt_model *m = build("[1, 8, 8]", TWO_KINDS);
    nt_prune_opts o = {.importance = {.criterion = &nt_criterion_slim}};

    assert_fails(NT_EINVAL, "layer 'b': criterion 'slim' needs a BatchNormalization after it",
                 try_prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"b\"]}]", o, e));
    nt_model_free(m);
}

NT_TEST(weights_that_are_no_numbers_do_not_matter_where_nothing_may_go)
{
    nt_model *m = build("[1, 8, 8]", TWO_KINDS);

    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "b.weight")->data, 0, NAN);
    prune(m, "[{\"sparsity\": 0.5, \"op_names\": [\"a\"]}]");
    assert_int_equal(left(m, "a.weight"), 4);
    nt_model_free(m);
}

NT_TEST(the_report_counts_channels_and_names_what_is_frozen)
{
    nt_model *m = net();
    nt_channels *c = NULL;
    bool removed[19] = {true, false, true};
    cJSON *r, *layers;
    nt_str text = {0};

    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    assert_int_equal(c->n_channels, 19);
    r = nt_prune_report(c, removed);
    assert_int_equal(cJSON_GetObjectItem(r, "channels")->valueint, 22);
    assert_int_equal(cJSON_GetObjectItem(r, "kept")->valueint, 20);
    layers = cJSON_GetObjectItem(r, "layers");
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(layers, 0), "kept")->valueint, 2);
    assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(layers, 0), "frozen"));
    assert_non_null(cJSON_GetObjectItem(cJSON_GetArrayItem(layers, 3), "frozen"));
    assert_ok(nt_prune_text(&text, c, removed, e));
    assert_non_null(strstr(text.p, "2 of 22 channels removed\nfrozen: fc2 (graph output)\n"));
    nt_str_release(&text);
    nt_json_free(r);
    nt_channels_free(c);
    nt_model_free(m);
}

NT_TEST_MAIN
