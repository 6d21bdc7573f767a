/* SPDX-License-Identifier: MIT */
#include "prune/rules.h"

#include "test.h"

#include <stdio.h>

#include <math.h>

static cJSON *json(const char *text)
{
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    return j;
}

static void assert_checked(const char *list, const char *message)
{
    cJSON *j = json(list);

    if (message)
        assert_fails(NT_EINVAL, message, nt_rules_check(j, e));
    else
        assert_ok(nt_rules_check(j, e));
    nt_json_free(j);
}

static nt_rule find(const char *list, const char *layer, const char *op, int index)
{
    cJSON *j = json(list);
    nt_rule r;

    assert_ok(nt_rules_check(j, e));
    r = nt_rules_find(j, layer, op, index);
    nt_json_free(j);
    return r;
}

NT_TEST(a_list_is_an_array_of_objects_with_known_keys)
{
    assert_checked("{}", "config_list: an array of objects is wanted");
    assert_checked("[3]", "config_list[0]: an object is wanted");
    assert_checked("[]", NULL);
    assert_checked("[{\"sparsity\": 0.5, \"op_type\": [\"Conv\"]}]",
                   "config_list[0].op_type: unknown key (did you mean 'op_types'?)");
}

NT_TEST(an_entry_says_which_layers_and_how_much)
{
    assert_checked("[{\"sparsity\": 0.5}]",
                   "config_list[0]: 'op_types' or 'op_names' is missing");
    assert_checked("[{\"op_types\": [\"Conv\"]}]",
                   "config_list[0]: one sparsity is wanted, or 'exclude'");
    assert_checked("[{\"op_types\": [\"Conv\"], \"exclude\": false}]",
                   "config_list[0]: one sparsity is wanted, or 'exclude'");
    assert_checked("[{\"op_types\": [\"Conv\"], \"sparsity\": 0.1, \"total_sparsity\": 0.1}]",
                   "config_list[0]: one sparsity is wanted, or 'exclude'");
}

NT_TEST(to_exclude_and_to_prune_exclude_each_other)
{
    assert_checked("[{\"op_types\": [\"Conv\"], \"exclude\": true, \"sparsity\": 0.5}]",
                   "config_list[0]: 'exclude' and a sparsity exclude each other");
    assert_checked("[{\"op_types\": [\"Conv\"], \"exclude\": false, \"sparsity\": 0.5}]", NULL);
    assert_checked("[{\"op_types\": [\"Conv\"], \"exclude\": true}]", NULL);
}

NT_TEST(a_sparsity_is_below_1_and_a_bound_may_be_1)
{
    assert_checked("[{\"op_types\": [\"Conv\"], \"sparsity\": 1}]",
                   "config_list[0].sparsity: a number in [0, 1) is wanted");
    assert_checked("[{\"op_types\": [\"Conv\"], \"sparsity\": -0.1}]",
                   "config_list[0].sparsity: a number in [0, 1) is wanted");
    assert_checked("[{\"op_types\": [\"Conv\"], \"sparsity\": \"0.5\"}]",
                   "config_list[0].sparsity: a number in [0, 1) is wanted");
    assert_checked(
        "[{\"op_types\": [\"Conv\"], \"sparsity\": 0, \"max_sparsity_per_layer\": 1}]", NULL);
    assert_checked(
        "[{\"op_types\": [\"Conv\"], \"sparsity\": 0, \"max_sparsity_per_layer\": 2}]",
        "config_list[0].max_sparsity_per_layer: a number in [0, 1] is wanted");
}

NT_TEST(names_are_texts_or_whole_numbers)
{
    static const char *const bad[] = {"\"conv1\"", "[]", "[null]", "[-1]", "[0.5]", "[1e300]"};
    char list[100];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(list, sizeof list, "[{\"sparsity\": 0.5, \"op_names\": %s}]", bad[i]);
        assert_checked(list, "config_list[0].op_names: an array of names is wanted");
    }
    assert_checked("[{\"sparsity\": 0.5, \"op_names\": [0, \"conv1\"]}]", NULL);
    assert_checked("[{\"sparsity\": 0.5, \"op_types\": [0]}]",
                   "config_list[0].op_types: an array of names is wanted");
}

NT_TEST(types_that_no_operator_has_are_refused_with_the_nearest)
{
    assert_checked("[{\"sparsity\": 0.5, \"op_types\": [\"Conv\", \"Conv2D\"]}]",
                   "config_list[0].op_types: 'Conv2D' is no operator (did you mean 'Conv2d'?)");
    assert_checked("[{\"exclude\": true, \"op_types\": [\"Abracadabra\"]}]",
                   "config_list[0].op_types: 'Abracadabra' is no operator");
    assert_checked("[{\"sparsity\": 0.5, \"op_types\": [\"Linear\", \"ConvTranspose2d\", "
                   "\"Relu\", \"default\"]}]",
                   NULL);
}

NT_TEST(pytorch_names_mean_the_onnx_operators)
{
    static const char *const list = "[{\"sparsity\": 0.5, \"op_types\": [\"Conv2d\"]},"
                                    " {\"sparsity\": 0.25, \"op_types\": [\"Linear\"]}]";

    assert_float_equal(find(list, "a", "Conv", 0).sparsity, 0.5, 0);
    assert_float_equal(find(list, "a", "Gemm", 0).sparsity, 0.25, 0);
    assert_float_equal(find(list, "a", "MatMul", 0).sparsity, 0.25, 0);
    assert_int_equal(find(list, "a", "ConvTranspose", 0).entry, -1);
    assert_true(isnan(find(list, "a", "ConvTranspose", 0).sparsity));
}

NT_TEST(the_last_entry_that_matches_decides)
{
    static const char *const list =
        "[{\"sparsity\": 0.8, \"op_types\": [\"default\"]},"
        " {\"total_sparsity\": 0.6, \"max_sparsity_per_layer\": 0.7,"
        "  \"op_names\": [\"a\"]},"
        " {\"exclude\": true, \"op_names\": [\"b\", 7]}]";
    nt_rule r = find(list, "a", "Conv", 0);

    assert_int_equal(r.entry, 1);
    assert_true(r.total);
    assert_float_equal(r.sparsity, 0.6, 0);
    assert_float_equal(r.max_per_layer, 0.7, 0);
    assert_int_equal(find(list, "b", "Conv", 1).entry, -1);
    assert_int_equal(find(list, "x", "Conv", 7).entry, -1);
    r = find(list, "c", "Gemm", 2);
    assert_int_equal(r.entry, 0);
    assert_false(r.total);
    assert_true(isnan(r.max_per_layer));
}

NT_TEST(sparsity_per_layer_is_another_word_for_sparsity)
{
    nt_rule r =
        find("[{\"sparsity_per_layer\": 0.5, \"op_types\": [\"Conv\"]}]", "a", "Conv", 0);

    assert_float_equal(r.sparsity, 0.5, 0);
    assert_false(r.total);
}

NT_TEST_MAIN
