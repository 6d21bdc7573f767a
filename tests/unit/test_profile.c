/* SPDX-License-Identifier: MIT */
#include "prune_net.h"

#include "measure/profile.h"
#include "measure/timing.h"

/* LeNet-5 as in share/zoo. */
#define LENET                                                                                  \
    "{\"conv\": \"conv1\", \"out\": 6, \"kernel\": 5, \"pad\": 2, \"bias\": true}, \"relu\","  \
    "{\"max_pool\": 2}, {\"conv\": \"conv2\", \"out\": 16, \"kernel\": 5, \"bias\": true},"    \
    "\"relu\", {\"max_pool\": 2}, \"flatten\", {\"linear\": \"fc1\", \"out\": 120}, \"relu\"," \
    "{\"linear\": \"fc2\", \"out\": 84}, \"relu\", {\"linear\": \"fc3\", \"out\": 10}"

static nt_profile *profile(nt_model *m)
{
    nt_device *dev = NULL;
    nt_profile *p = NULL;
    nt_profile_opts o = {.warmup = 1, .runs = 1};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_profile_new(&p, m, dev, &o, e));
    nt_device_free(dev);
    return p;
}

NT_TEST(lenet5_has_61706_parameters)
{
    nt_model *m = build("[1, 28, 28]", LENET);
    nt_profile *p = profile(m);

    /* 156 + 2416 + 48120 + 10164 + 850 */
    assert_int_equal(p->params, 61706);
    assert_int_equal(p->nonzero_params, 61706);
    assert_int_equal(p->model_size_bytes, 4 * 61706);
    /* 28*28*6*25 + 10*10*16*150 + 400*120 + 120*84 + 84*10 */
    assert_int_equal(p->macs, 117600 + 240000 + 48000 + 10080 + 840);
    nt_profile_free(p);
    nt_model_free(m);
}

NT_TEST(the_footprint_is_the_parameters_and_every_output)
{
    nt_model *m = build("[1, 28, 28]", LENET);
    nt_profile *p = profile(m);
    int64_t conv1 = 6 * 28 * 28, pool1 = 6 * 14 * 14, conv2 = 16 * 10 * 10, pool2 = 16 * 5 * 5;
    int64_t all = 2 * conv1 + pool1 + 2 * conv2 + pool2 + 400 + 2 * 120 + 2 * 84 + 10;

    assert_int_equal(p->memory_footprint_bytes, 4 * (61706 + all));
    assert_true(p->peak_memory_bytes > p->model_size_bytes);
    assert_int_equal(p->n_layers, 12);
    assert_string_equal(p->layers[0].name, "conv1");
    assert_int_equal(p->layers[0].activation_bytes, 4 * conv1);
    assert_int_equal(p->layers[0].params, 156);
    assert_int_equal(p->layers[0].macs, 117600);
    assert_int_equal(p->layers[0].bits, 32);
    nt_profile_free(p);
    nt_model_free(m);
}

NT_TEST(running_statistics_are_no_parameters_and_zeros_are_counted)
{
    nt_model *m =
        build("[1, 4, 4]", "{\"conv\": \"a\", \"out\": 4, \"kernel\": 1}, {\"bn\": \"n\"}, "
                           "\"relu\"");
    nt_profile *p;

    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "a.weight")->data, 2, 0);
    p = profile(m);
    assert_int_equal(p->params, 4 + 4 + 4); /* weight, scale, shift */
    assert_int_equal(p->nonzero_params, 11);
    assert_float_equal(p->layers[0].sparsity, 0.25, 1e-12);
    nt_profile_free(p);
    nt_model_free(m);
}

NT_TEST(a_comparison_gives_the_ratio_of_the_other_to_this)
{
    nt_model *a = build("[1, 4, 4]", "{\"conv\": \"a\", \"out\": 4, \"kernel\": 1}");
    nt_model *b = build("[1, 4, 4]", "{\"conv\": \"a\", \"out\": 8, \"kernel\": 1}");
    nt_profile *p = profile(a), *q = profile(b);
    cJSON *j = nt_profile_json(p, q), *ratio = cJSON_GetObjectItem(j, "ratio");

    assert_int_equal(cJSON_GetObjectItem(j, "params")->valueint, 4);
    assert_null(cJSON_GetObjectItem(j, "eval_metric"));
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "other"), "params")->valueint,
                     8);
    assert_float_equal(cJSON_GetObjectItem(ratio, "macs")->valuedouble, 2, 0);
    nt_json_free(j);
    nt_profile_free(p);
    nt_profile_free(q);
    nt_model_free(a);
    nt_model_free(b);
}

/* What the plan of the same options holds, and nothing beside; for one row dense weights are
 * not packed, so they are there once. */
NT_TEST(the_peak_is_the_arena_and_the_weights)
{
    nt_model *m = build("[64, 1, 1]", "\"flatten\", {\"linear\": \"a\", \"out\": 512}, "
                                      "\"relu\", {\"linear\": \"b\", \"out\": 256}");
    int64_t params = 64 * 512 + 512 + 512 * 256 + 256;
    nt_profile *p = profile(m);
    nt_device *dev = NULL;
    nt_plan *plan = NULL;
    nt_plan_opts o = {.compute = NT_F32};
    int64_t arena, held;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&plan, nt_model_graph(m), dev, &o, e));
    arena = (int64_t)nt_plan_arena_bytes(plan);
    held = (int64_t)nt_plan_const_bytes(plan);
    assert_int_equal(p->params, params);
    assert_int_equal(p->peak_memory_bytes, arena + held);
    assert_true(arena >= 4 * (512 + 256)); /* what is put out, beside what it is made of */
    if (strcmp(nt_device_backend(dev), "onednn") == 0)
        assert_in_range(held, 4 * params, 4 * params + 256);
    nt_plan_free(plan);
    nt_device_free(dev);
    nt_profile_free(p);
    nt_model_free(m);
}

NT_TEST(layers_that_are_fused_have_one_time)
{
    nt_model *m = build("[8, 16, 16]", "{\"conv\": \"a\", \"out\": 16, \"pad\": 1}, "
                                       "{\"bn\": \"n\"}, \"relu\", {\"max_pool\": 2}");
    nt_profile_opts o = {.warmup = 1, .runs = 5, .layers = true};
    nt_device *dev = NULL;
    nt_profile *p = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_profile_new(&p, m, dev, &o, e));
    assert_int_equal(p->n_layers, 4);
    assert_true(p->layers[0].time_ms > 0); /* convolution, normalisation, Relu */
    assert_true(isnan(p->layers[1].time_ms) && isnan(p->layers[2].time_ms));
    assert_true(p->layers[3].time_ms > 0);
    assert_true(p->time_min_ms <= p->execution_time_ms);
    assert_true(p->execution_time_ms <= p->time_max_ms);
    nt_profile_free(p);
    nt_device_free(dev);
    nt_model_free(m);
}

NT_TEST(a_median_is_in_the_middle)
{
    double odd[] = {5, 1, 100}, even[] = {4, 1, 3, 100};

    assert_float_equal(nt_median(odd, 3), 5, 0);
    assert_float_equal(nt_median(even, 4), 3.5, 0);
}

NT_TEST_MAIN
