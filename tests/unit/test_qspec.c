/* SPDX-License-Identifier: MIT */
/* Which layers get how many bits, by every way to say so. */
#include "quant/qspec.h"

#include "base/alloc.h"

#include "net.h"

typedef struct setup {
    net t;
    nt_qspec *q;
} setup;

static void spec_of(setup *u, nt_value *out)
{
    complete(&u->t, out);
    assert_ok(nt_qspec_new(&u->q, u->t.g, e));
}

static void tear_down(setup *u)
{
    nt_qspec_free(u->q);
    finish(&u->t);
}

/* conv1 - relu - conv2 - fc1 - fc2: the names of NNI's tutorial. */
static setup lenet(void)
{
    setup u = {.t = start(17)};
    nt_value *x = input(&u.t, "x", 4, (int64_t[]){1, 3, 1, 1});

    x = conv(&u.t, "conv1", x, 3, 4, 1);
    x = NODE(&u.t, "Relu", "relu1", x)->out[0];
    x = conv(&u.t, "conv2", x, 4, 4, 2);
    x = NODE(&u.t, "Flatten", "flatten", x)->out[0];
    x = gemm(&u.t, "fc1", x, 4, 5);
    spec_of(&u, gemm(&u.t, "fc2", x, 5, 2));
    return u;
}

/* n convolutions NAME0, NAME1, ... of 2 channels; those of even number are pointwise. */
static setup tower(const char *name, int n)
{
    setup u = {.t = start(17)};
    nt_value *x = input(&u.t, "x", 4, (int64_t[]){1, 2, 64, 64});
    char name_of[64], weight_of[80];

    for (int i = 0; i < n; i++) {
        int64_t side = i % 2 ? 3 : 1;

        snprintf(name_of, sizeof name_of, name, i);
        snprintf(weight_of, sizeof weight_of, "%s.weight", name_of);
        x = NODE(&u.t, "Conv", name_of, x, weight(&u.t, weight_of, DIMS(2, 2, side, side)))
                ->out[0];
    }
    spec_of(&u, x);
    return u;
}

static const nt_qlayer *layer(const setup *u, const char *name)
{
    for (int i = 0; i < u->q->n; i++)
        if (strcmp(u->q->layers[i].name, name) == 0)
            return &u->q->layers[i];
    fail_msg("there is no layer '%s'", name);
    return NULL;
}

static void check_bits(const setup *u, const char *name, int w, int in, int out)
{
    const nt_qlayer *l = layer(u, name);

    assert_int_equal(l->weight.bits, w);
    assert_int_equal(l->input.bits, in);
    assert_int_equal(l->output.bits, out);
}

typedef nt_status apply_fn(nt_qspec *q, const cJSON *j, nt_err *e);

static nt_status apply(const setup *u, apply_fn *fn, const char *text, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *j = NULL;

    NT_TRY(nt_json_parse(&j, text, strlen(text), e));
    s = fn(u->q, j, e);
done:
    nt_json_free(j);
    return s;
}

static void refuses(apply_fn *fn, const char *text, const char *message)
{
    setup u = lenet();

    assert_fails(NT_EINVAL, message, apply(&u, fn, text, e));
    tear_down(&u);
}

/* ---- --bits */

NT_TEST(bits_are_those_of_weights_and_inputs)
{
    setup u = lenet();

    assert_int_equal(u.q->n_weighted, 4);
    assert_ok(nt_qspec_bits(u.q, "4/6", false, e));
    check_bits(&u, "conv1", 4, 6, 0);
    check_bits(&u, "fc2", 4, 6, 0);
    check_bits(&u, "relu1", 0, 0, 0);
    assert_int_equal(u.q->other_bits, 8);
    assert_true(layer(&u, "fc1")->weight.symmetric && layer(&u, "fc1")->weight.per_channel);
    assert_true(layer(&u, "fc1")->input.is_unsigned && !layer(&u, "fc1")->input.symmetric);
    assert_ok(nt_qspec_bits(u.q, "16", false, e));
    check_bits(&u, "conv2", 16, 16, 0);
    assert_int_equal(u.q->other_bits, 16);
    assert_ok(nt_qspec_bits(u.q, "2/32", false, e));
    check_bits(&u, "conv2", 2, 0, 0);
    assert_int_equal(u.q->other_bits, 0);
    tear_down(&u);
}

NT_TEST(the_ends_are_kept_at_8_bits)
{
    setup u = lenet();

    assert_ok(nt_qspec_bits(u.q, "2/3", true, e));
    check_bits(&u, "conv1", 8, 8, 0);
    check_bits(&u, "conv2", 2, 3, 0);
    check_bits(&u, "fc1", 2, 3, 0);
    check_bits(&u, "fc2", 8, 8, 0);
    assert_ok(nt_qspec_bits(u.q, "32/16", true, e));
    check_bits(&u, "conv1", 0, 16, 0);
    tear_down(&u);
}

NT_TEST(bits_that_are_none_are_refused)
{
    static const char *const bad[] = {"",   "0",   "17",    "-4", "8/",
                                      "/8", "8/0", "8/8/8", "8x", "8 /8x"};
    setup u = lenet();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nt_err err = {{0}};

        if (nt_qspec_bits(u.q, bad[i], false, &err) != NT_EINVAL ||
            !strstr(err.msg, "want W or W/A"))
            fail_msg("'%s': '%s'", bad[i], err.msg);
        check_bits(&u, "conv1", 0, 0, 0);
    }
    tear_down(&u);
}

/* ---- config_list */

NT_TEST(nnis_example_as_written)
{
    setup u = lenet();

    assert_ok(
        apply(&u, nt_qspec_config_list,
              "[{\"quant_types\": [\"weight\"], \"quant_bits\": 8, \"op_names\": [\"conv1\"]},"
              " {\"quant_types\": [\"weight\"], \"quant_bits\": 4, \"quant_start_step\": 0,"
              "  \"op_names\": [\"conv2\"]},"
              " {\"quant_types\": [\"weight\"], \"quant_bits\": 3, \"op_names\": [\"fc1\"]},"
              " {\"quant_types\": [\"weight\"], \"quant_bits\": 2, \"op_names\": [\"fc2\"]}]",
              e));
    check_bits(&u, "conv1", 8, 0, 0);
    check_bits(&u, "conv2", 4, 0, 0);
    check_bits(&u, "fc1", 3, 0, 0);
    check_bits(&u, "fc2", 2, 0, 0);
    check_bits(&u, "relu1", 0, 0, 0);
    tear_down(&u);
}

NT_TEST(later_entries_overwrite_and_exclude)
{
    setup u = lenet();

    assert_ok(
        apply(&u, nt_qspec_config_list,
              "[{\"quant_types\": [\"weight\", \"output\"],"
              "  \"quant_bits\": {\"weight\": 8, \"output\": 4}, \"op_types\": [\"default\"]},"
              " {\"quant_types\": [\"weight\"], \"quant_bits\": 2, \"quant_start_step\": 7,"
              "  \"op_types\": [\"Conv2d\"]},"
              " {\"exclude\": true, \"op_names\": [\"fc2\", \"relu1\"]}]",
              e));
    check_bits(&u, "conv1", 2, 0, 4);
    check_bits(&u, "fc1", 8, 0, 4);
    check_bits(&u, "fc2", 0, 0, 0);
    check_bits(&u, "relu1", 0, 0, 0);
    check_bits(&u, "flatten", 0, 0, 4);
    assert_int_equal(layer(&u, "conv2")->start_step, 7);
    assert_int_equal(layer(&u, "fc1")->start_step, 0);
    tear_down(&u);
}

NT_TEST(numbers_count_the_layers_with_weights)
{
    setup u = lenet();

    assert_ok(apply(
        &u, nt_qspec_config_list,
        "[{\"quant_types\": [\"weight\"], \"quant_bits\": 8, \"op_names\": [1, \"3\"]}]", e));
    check_bits(&u, "conv1", 0, 0, 0);
    check_bits(&u, "conv2", 8, 0, 0);
    check_bits(&u, "fc1", 0, 0, 0);
    check_bits(&u, "fc2", 8, 0, 0);
    tear_down(&u);
    refuses(nt_qspec_config_list,
            "[{\"quant_types\": [\"weight\"], \"quant_bits\": 8, \"op_names\": [4]}]",
            "config_list: there is no layer 4 (0 to 3)");
    refuses(nt_qspec_config_list,
            "[{\"quant_types\": [\"weight\"], \"quant_bits\": 8, \"op_names\": [\"4\"]}]",
            "config_list: layer '4' not found");
}

NT_TEST(dtypes_and_schemes_go_by_kind)
{
    setup u = lenet();

    assert_ok(
        apply(&u, nt_qspec_config_list,
              "[{\"quant_types\": [\"weight\", \"input\"], \"quant_bits\": 8,"
              "  \"quant_dtype\": {\"weight\": \"uint\", \"input\": \"int\"},"
              "  \"quant_scheme\": {\"weight\": \"per_tensor_affine\","
              "                     \"input\": \"per_tensor_symmetric\"},"
              "  \"op_names\": [\"conv1\"]},"
              " {\"quant_types\": [\"weight\"], \"quant_bits\": 8, \"quant_dtype\": \"int\","
              "  \"quant_scheme\": \"per_channel_affine\", \"op_names\": [\"conv2\"]}]",
              e));
    assert_true(layer(&u, "conv1")->weight.is_unsigned);
    assert_false(layer(&u, "conv1")->weight.symmetric);
    assert_false(layer(&u, "conv1")->weight.per_channel);
    assert_false(layer(&u, "conv1")->input.is_unsigned);
    assert_true(layer(&u, "conv1")->input.symmetric);
    assert_true(layer(&u, "conv2")->weight.per_channel);
    assert_false(layer(&u, "conv2")->weight.symmetric);
    tear_down(&u);
}

#define WEIGHT8 "\"quant_types\": [\"weight\"], \"quant_bits\": 8"
#define CONV1 "\"op_names\": [\"conv1\"]"

NT_TEST(config_lists_that_are_wrong_are_refused)
{
    apply_fn *f = nt_qspec_config_list;

    refuses(f, "{}", "config_list: an array of objects is wanted");
    refuses(f, "[1]", "config_list[0]: an object is wanted");
    refuses(f, "[{" WEIGHT8 "}]", "config_list[0]: 'op_types' or 'op_names' is missing");
    refuses(f, "[{" WEIGHT8 ", \"op_names\": [\"conv3\"]}]",
            "config_list: layer 'conv3' not found (did you mean 'conv1'?)");
    refuses(f, "[{" WEIGHT8 ", \"op_types\": [\"Conv9d\"]}]",
            "config_list[0].op_types: 'Conv9d' is no operator (did you mean 'Conv1d'?)");
    refuses(f, "[{\"quant_bits\": 8, " CONV1 "}]",
            "config_list[0].quant_types: an array of weight, input, output is wanted");
    refuses(f, "[{\"quant_types\": [], \"quant_bits\": 8, " CONV1 "}]",
            "config_list[0].quant_types: an array of weight, input, output is wanted");
    refuses(f, "[{\"quant_types\": [\"bias\"], \"quant_bits\": 8, " CONV1 "}]",
            "config_list[0].quant_types: weight, input or output is wanted");
    refuses(f, "[{\"quant_types\": [\"weight\"], " CONV1 "}]",
            "config_list[0].quant_bits: a whole number from 1 to 16 for 'weight' is wanted");
    refuses(
        f,
        "[{\"quant_types\": [\"weight\", \"output\"], \"quant_bits\": {\"weight\": 8}, " CONV1
        "}]",
        "config_list[0].quant_bits: a whole number from 1 to 16 for 'output' is wanted");
    refuses(f, "[{\"quant_types\": [\"weight\"], \"quant_bits\": 2.5, " CONV1 "}]",
            "config_list[0].quant_bits: a whole number from 1 to 16 for 'weight' is wanted");
    refuses(f, "[{" WEIGHT8 ", " CONV1 ", \"quant_dtype\": \"float\"}]",
            "config_list[0].quant_dtype: one of int, uint is wanted");
    refuses(f, "[{" WEIGHT8 ", " CONV1 ", \"quant_scheme\": 1}]",
            "config_list[0].quant_scheme: one of per_tensor_affine, per_tensor_symmetric, "
            "per_channel_affine, per_channel_symmetric is wanted");
}

NT_TEST(nothing_is_set_when_a_later_entry_is_wrong)
{
    setup u = lenet();

    assert_fails(
        NT_EINVAL,
        "config_list[1].quant_bits: a whole number from 1 to 16 for 'weight' is wanted",
        apply(&u, nt_qspec_config_list,
              "[{" WEIGHT8 ", " CONV1
              "}, {\"quant_types\": [\"weight\"], \"quant_bits\": 0, " CONV1 "}]",
              e));
    check_bits(&u, "conv1", 0, 0, 0);
    tear_down(&u);
}

/* ---- custom_compression */

NT_TEST(neutrinos_rules_as_written)
{
    setup u = tower("c%d", 12);

    assert_ok(
        apply(&u, nt_qspec_custom,
              "{\"quantization_args\": {\"quantize_conv11\": true, \"skip_layers\": [8, 9, 10],"
              " \"skip_layers_ratio\": 0.1}}",
              e));
    check_bits(&u, "c0", 0, 0, 0); /* a tenth of 12 is one */
    check_bits(&u, "c1", 2, 2, 0);
    check_bits(&u, "c2", 2, 2, 0);
    check_bits(&u, "c8", 0, 0, 0);
    check_bits(&u, "c10", 0, 0, 0);
    check_bits(&u, "c11", 2, 2, 0);
    tear_down(&u);
}

NT_TEST(rules_spare_pointwise_grouped_and_dense_layers)
{
    setup u = tower("c%d", 4), v = lenet();

    assert_ok(apply(&u, nt_qspec_custom, "{\"quant_args\": {\"skip_layers\": null}}", e));
    check_bits(&u, "c0", 0, 0, 0);
    check_bits(&u, "c1", 2, 2, 0);
    assert_ok(
        apply(&v, nt_qspec_custom, "{\"quantization_args\": {\"quantize_conv11\": true}}", e));
    check_bits(&v, "conv1", 2, 2, 0);
    check_bits(&v, "conv2", 0, 0, 0);
    check_bits(&v, "fc1", 0, 0, 0);
    assert_ok(apply(
        &v, nt_qspec_custom,
        "{\"quantization_args\": {\"quantize_conv11\": true, \"quantize_group\": true}}", e));
    check_bits(&v, "conv2", 2, 2, 0);
    check_bits(&v, "fc1", 0, 0, 0);
    tear_down(&u);
    tear_down(&v);
}

NT_TEST(neutrinos_layers_as_written)
{
    setup u = tower("model.block.%d.conv1", 3);

    assert_ok(apply(&u, nt_qspec_custom,
                    "{\"layers\": {\"model.block.0.conv1\": {\"precision\": 2},"
                    " \"model.block.1.conv1\": {\"precision\": 32}}}",
                    e));
    check_bits(&u, "model.block.0.conv1", 2, 2, 0);
    check_bits(&u, "model.block.1.conv1", 0, 0, 0);
    check_bits(&u, "model.block.2.conv1", 0, 0, 0);
    tear_down(&u);
}

#define C "custom_compression"
#define ARGS(text) "{\"quantization_args\": {" text "}}"

NT_TEST(custom_compression_that_is_wrong_is_refused)
{
    apply_fn *f = nt_qspec_custom;

    refuses(f, "{}", C ": one of 'quantization_args' and 'layers' is wanted");
    refuses(f, "{\"quantization_args\": {}, \"layers\": {}}",
            C ": one of 'quantization_args' and 'layers' is wanted");
    refuses(f, "{\"layers\": []}", C ".layers: an object is wanted");
    refuses(f, "{\"quant_args\": 1}", C ".quant_args: an object is wanted");
    refuses(f, ARGS("\"skip_layers\": 3"),
            C ".quantization_args.skip_layers: an array of layer numbers is wanted");
    refuses(f, ARGS("\"skip_layers\": [4]"),
            C ".quantization_args.skip_layers: layer numbers from 0 to 3 are wanted");
    refuses(f, ARGS("\"skip_layers\": [0.5]"),
            C ".quantization_args.skip_layers: layer numbers from 0 to 3 are wanted");
    refuses(f, "{\"layers\": {\"conv9\": {\"precision\": 2}}}",
            C ".layers.conv9: there is no such layer");
    refuses(f, "{\"layers\": {\"relu1\": {\"precision\": 2}}}",
            C ".layers.relu1: there is no such layer");
    refuses(f, "{\"layers\": {\"conv1\": 2}}", C ".layers.conv1: an object is wanted");
    refuses(f, "{\"layers\": {\"conv1\": {}}}",
            C ".layers.conv1.precision: 1 to 16 or 32 is wanted");
    refuses(f, "{\"layers\": {\"conv1\": {\"precision\": 17}}}",
            C ".layers.conv1.precision: 1 to 16 or 32 is wanted");
}

NT_TEST(shares_and_switches_outside_their_range_are_refused)
{
    static const char *const bad[] = {
        ARGS("\"skip_layers_ratio\": 1.5"), ARGS("\"quantize_conv11\": 1"),
        ARGS("\"quantize_conv12\": true"), "{\"layers\": {\"conv1\": {\"bits\": 2}}}",
        "{\"rules\": {}}"};
    setup u = lenet();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        nt_err err = {{0}};

        if (apply(&u, nt_qspec_custom, bad[i], &err) != NT_EINVAL ||
            strncmp(err.msg, C, strlen(C)) != 0)
            fail_msg("%s: '%s'", bad[i], err.msg);
    }
    tear_down(&u);
}

/* ---- plans */

NT_TEST(plans_give_back_what_was_decided)
{
    setup u = lenet(), v = lenet();
    cJSON *plan;

    assert_ok(nt_qspec_bits(u.q, "3/5", true, e));
    plan = nt_qspec_to_plan(u.q);
    assert_non_null(plan);
    assert_int_equal(cJSON_GetArraySize(plan), 4);
    assert_ok(nt_qspec_plan(v.q, plan, e));
    check_bits(&v, "conv1", 8, 8, 0);
    check_bits(&v, "conv2", 3, 5, 0);
    check_bits(&v, "fc2", 8, 8, 0);
    cJSON_Delete(plan);
    tear_down(&u);
    tear_down(&v);
}

static void assert_same_target(nt_qtarget a, nt_qtarget b)
{
    assert_int_equal(a.bits, b.bits);
    assert_int_equal(a.symmetric, b.symmetric);
    assert_int_equal(a.is_unsigned, b.is_unsigned);
    assert_int_equal(a.per_channel, b.per_channel);
    assert_float_equal(a.lo, b.lo, 0);
    assert_float_equal(a.hi, b.hi, 0);
}

/* Everything that f makes of the text goes through a plan and its text unchanged. */
static void goes_through_a_plan(apply_fn *f, const char *text)
{
    setup u = lenet(), v = lenet();
    cJSON *plan;
    char *said;

    assert_ok(apply(&u, f, text, e));
    plan = nt_qspec_to_plan(u.q);
    said = nt_json_text(plan);
    assert_ok(apply(&v, nt_qspec_plan, said, e));
    for (int i = 0; i < u.q->n; i++) {
        const nt_qlayer *a = &u.q->layers[i], *b = &v.q->layers[i];

        assert_same_target(a->weight, b->weight);
        assert_same_target(nt_qspec_input(u.q, a), nt_qspec_input(v.q, b));
        assert_same_target(a->output, b->output);
        assert_int_equal(a->start_step, b->start_step);
    }
    nt_free(said);
    cJSON_Delete(plan);
    tear_down(&u);
    tear_down(&v);
}

NT_TEST(schemes_types_steps_and_ranges_go_through_a_plan)
{
    goes_through_a_plan(
        nt_qspec_config_list,
        "[{\"op_names\": [\"conv*\"], \"quant_types\": [\"weight\", \"input\"],"
        " \"quant_bits\": {\"weight\": 4, \"input\": 7}, \"quant_dtype\": {\"input\":"
        " \"int\"}, \"quant_scheme\": {\"weight\": \"per_tensor_affine\", \"input\":"
        " \"per_tensor_symmetric\"}, \"quant_start_step\": 20},"
        " {\"op_types\": [\"ReLU\"], \"quant_types\": [\"output\"], \"quant_bits\": 3}]");
    goes_through_a_plan(
        nt_qspec_plan,
        "[{\"layer\": \"conv2\", \"bits\": {\"weight\": 2, \"input\": 8}, \"range\":"
        " {\"input\": [-0.1, 6.3]}}, {\"layer\": 3, \"bits\": {\"output\": 6},"
        " \"range\": {\"output\": [0, 1e-3]}}]");
}

NT_TEST(inputs_of_other_layers_go_through_a_plan)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 3, 3)), *a = conv(&t, "a", x, 2, 2, 1);
    nt_qspec *q = NULL, *p = NULL;
    cJSON *plan;

    complete(&t, NODE(&t, "Add", "sum", a, x)->out[0]);
    assert_ok(nt_qspec_new(&q, t.g, e));
    assert_ok(nt_qspec_new(&p, t.g, e));
    assert_ok(nt_qspec_bits(q, "4/4", false, e));
    plan = nt_qspec_to_plan(q);
    assert_ok(nt_qspec_plan(p, plan, e));
    assert_int_equal(p->other_bits, 0);
    for (int i = 0; i < q->n; i++)
        assert_same_target(nt_qspec_input(q, &q->layers[i]), nt_qspec_input(p, &p->layers[i]));
    assert_int_equal(nt_qspec_input(p, &p->layers[1]).bits, 8);
    cJSON_Delete(plan);
    nt_qspec_free(q);
    nt_qspec_free(p);
    finish(&t);
}

NT_TEST(plans_name_layers_by_number_too_and_may_say_nothing_of_bits)
{
    setup u = lenet();

    assert_ok(apply(&u, nt_qspec_plan,
                    "[{\"layer\": 2, \"bits\": {\"weight\": 4, \"output\": 8}},"
                    " {\"layer\": \"conv1\", \"keep\": 2, \"bits\": null},"
                    " {\"layer\": \"relu1\", \"bits\": {\"output\": 6}}]",
                    e));
    check_bits(&u, "conv1", 0, 0, 0);
    check_bits(&u, "fc1", 4, 0, 8);
    check_bits(&u, "relu1", 0, 0, 6);
    tear_down(&u);
}

NT_TEST(plans_that_are_wrong_are_refused)
{
    apply_fn *f = nt_qspec_plan;

    refuses(f, "{}", "plan: an array of objects is wanted");
    refuses(f, "[{\"bits\": {\"weight\": 4}}]", "plan[0].layer: a name or an index is wanted");
    refuses(f, "[{\"layer\": \"conv1\", \"bits\": 4}]", "plan[0].bits: an object is wanted");
    refuses(f, "[{\"layer\": \"conv1\"}, {\"layer\": \"conv3\", \"bits\": {\"weight\": 4}}]",
            "plan[1].layer: there is no such layer");
    refuses(f, "[{\"layer\": 4, \"bits\": {\"weight\": 4}}]",
            "plan[0].layer: there is no such layer");
    refuses(f, "[{\"layer\": \"relu1\", \"bits\": {\"weight\": 4}}]",
            "plan[0].bits.weight: the layer has no weight");
    refuses(f, "[{\"layer\": 0, \"bits\": {\"input\": 4}, \"range\": [0, 1]}]",
            "plan[0].range: an object is wanted");
    refuses(f, "[{\"layer\": 0, \"bits\": {\"input\": 4}, \"range\": {\"input\": [1, 2]}}]",
            "plan[0].range.input: [low, high] around 0 is wanted");
    refuses(f, "[{\"layer\": 0, \"bits\": {\"weight\": 4}, \"range\": {\"weight\": [-1, 2]}}]",
            "plan[0].range.weight: only activations that are quantized have one");
    refuses(f, "[{\"layer\": 0, \"bits\": {\"input\": 4}, \"quant_dtype\": \"float\"}]",
            "plan[0].quant_dtype: one of int, uint is wanted");
}

NT_TEST_MAIN
