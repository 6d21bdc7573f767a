/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "prune/importance.h"

/* Two 1x1 filters over two channels, (3,-4) and (0,1), then a dense layer that is the output.
 */
static nt_model *net(void)
{
    static const float w[] = {3, -4, 0, 1, -1, 0}, scale[] = {-2, 0.5f, 1};
    nt_model *m =
        build("[2, 1, 1]", "{\"conv\": \"a\", \"out\": 3, \"kernel\": 1}, {\"bn\": \"an\"}, "
                           "\"flatten\", {\"linear\": \"f\", \"out\": \"classes\"}");

    memcpy(nt_graph_find_value(nt_model_graph(m), "a.weight")->data->data, w, sizeof w);
    memcpy(nt_graph_find_value(nt_model_graph(m), "an.weight")->data->data, scale,
           sizeof scale);
    return m;
}

static void assert_scores(nt_importance_opts o, double a, double b, double c)
{
    nt_model *m = net();
    nt_channels *ch = NULL;
    double score[3];

    assert_ok(nt_channels_new(&ch, nt_model_graph(m), e));
    assert_int_equal(ch->n_channels, 3);
    assert_ok(nt_importance(score, ch, &o, e));
    assert_float_equal(score[0], a, 1e-6);
    assert_float_equal(score[1], b, 1e-6);
    assert_float_equal(score[2], c, 1e-6);
    nt_channels_free(ch);
    nt_model_free(m);
}

NT_TEST(l1_is_the_sum_of_absolute_weights)
{
    assert_scores((nt_importance_opts){.criterion = &nt_criterion_l1}, 7, 1, 1);
}

NT_TEST(l2_is_the_euclidean_norm)
{
    assert_scores((nt_importance_opts){.criterion = &nt_criterion_l2}, 5, 1, 1);
}

NT_TEST(fpgm_is_the_sum_of_distances_to_the_others)
{
    /* (3,-4)-(0,1): sqrt(34); (3,-4)-(-1,0): sqrt(32); (0,1)-(-1,0): sqrt(2) */
    assert_scores((nt_importance_opts){.criterion = &nt_criterion_fpgm}, sqrt(34) + sqrt(32),
                  sqrt(34) + sqrt(2), sqrt(32) + sqrt(2));
}

NT_TEST(slim_is_the_absolute_scale_of_the_normalisation)
{
    assert_scores((nt_importance_opts){.criterion = &nt_criterion_slim}, 2, 0.5, 1);
}

NT_TEST(taylor_sums_what_was_gathered_per_element)
{
    float a[] = {1, 2, 0.25f, 0.25f, 4, 0}, f[9] = {100};
    float *const t[] = {a, f};

    assert_scores(
        (nt_importance_opts){.criterion = &nt_criterion_taylor, .evidence = {.taylor = t}}, 3,
        0.5, 4);
}

NT_TEST(random_is_decided_by_the_seed)
{
    nt_model *m = net();
    nt_channels *ch = NULL;
    double x[3], y[3], z[3];
    nt_importance_opts o = {.criterion = &nt_criterion_random, .evidence = {.seed = 4}};

    assert_ok(nt_channels_new(&ch, nt_model_graph(m), e));
    assert_ok(nt_importance(x, ch, &o, e));
    assert_ok(nt_importance(y, ch, &o, e));
    o.evidence.seed = 5;
    assert_ok(nt_importance(z, ch, &o, e));
    assert_memory_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x);
    for (int i = 0; i < 3; i++)
        assert_true(x[i] >= 0 && x[i] < 1);
    nt_channels_free(ch);
    nt_model_free(m);
}

NT_TEST(slim_needs_a_normalisation)
{
    nt_model *m = build("[2, 1, 1]", "{\"conv\": \"a\", \"out\": 3, \"kernel\": 1}, \"relu\", "
                                     "\"flatten\", {\"linear\": \"f\", \"out\": \"classes\"}");
    nt_channels *ch = NULL;
    double score[3];
    nt_importance_opts o = {.criterion = &nt_criterion_slim};

    assert_ok(nt_channels_new(&ch, nt_model_graph(m), e));
    assert_fails(NT_EINVAL, "layer 'a': criterion 'slim' needs a BatchNormalization after it",
                 nt_importance(score, ch, &o, e));
    nt_channels_free(ch);
    nt_model_free(m);
}

NT_TEST(a_channel_of_a_residual_stage_sums_over_its_layers)
{
    nt_model *m =
        build("[1, 1, 1]", "{\"conv\": \"a\", \"out\": 2, \"kernel\": 1}, {\"residual\": "
                           "[{\"conv\": \"b\", \"out\": 2, \"kernel\": 1}]}, \"flatten\", "
                           "{\"linear\": \"f\", \"out\": \"classes\"}");
    static const float a[] = {1, -2}, b[] = {10, 0, 0, 20};
    nt_channels *ch = NULL;
    double score[2];
    nt_importance_opts o = {.criterion = &nt_criterion_l1};

    memcpy(nt_graph_find_value(nt_model_graph(m), "a.weight")->data->data, a, sizeof a);
    memcpy(nt_graph_find_value(nt_model_graph(m), "b.weight")->data->data, b, sizeof b);
    assert_ok(nt_channels_new(&ch, nt_model_graph(m), e));
    assert_int_equal(ch->n_channels, 2);
    assert_ok(nt_importance(score, ch, &o, e));
    assert_float_equal(score[0], 11, 1e-6);
    assert_float_equal(score[1], 22, 1e-6);
    nt_channels_free(ch);
    nt_model_free(m);
}

NT_TEST(the_names_of_the_options_are_those_of_the_table)
{
    nt_str names = {0};

    for (size_t i = 0; nt_criterion_at(i); i++)
        nt_str_addf(&names, "%s%s", i ? "|" : "", nt_criterion_at(i)->name);
    assert_string_equal(names.p, NT_CRITERIA);
    nt_str_release(&names);
}

NT_TEST_MAIN
