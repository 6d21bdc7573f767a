/* SPDX-License-Identifier: MIT */
/* Post-training quantization of whole small networks: 40 pictures of 6 x 6. */
#include "data_files.h"

#include "quant/ptq.h"
#include "quant_net.h"
#include "train/batch_plan.h"

enum { N_PICTURES = 40 };

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
    nt_device *dev;
    size_t memory; /* as in nt_calib */
} setup;

static setup set_up(void)
{
    setup u = {.dir = temp_dir_new()};

    put_idx(&u.dir, "train", N_PICTURES, 6, 6, false);
    put_idx(&u.dir, "t10k", 10, 6, 6, false);
    u.data = open_data(&u.dir, "idx:%s");
    u.train = open_split(u.data, "train");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static void tear_down(setup *u)
{
    nt_split_free(u->train);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

static nt_value *picture(net *t)
{
    return input(t, "x", DIMS(-1, 1, 6, 6));
}

/* conv 1x1 - Sigmoid - Flatten - Gemm - Relu - Gemm */
static net dense_net(void)
{
    net t = start(17);
    nt_value *x = NODE(&t, "Sigmoid", "r1", conv(&t, "c1", picture(&t), 1, 2, 1))->out[0];

    x = NODE(&t, "Flatten", "flat", x)->out[0];
    x = NODE(&t, "Relu", "r2", gemm(&t, "fc1", x, 72, 8))->out[0];
    complete(&t, gemm(&t, "fc2", x, 8, 3));
    randomise(&t);
    return t;
}

/* Two branches, added and put side by side. */
static net branched(void)
{
    net t = start(17);
    nt_value *x = picture(&t), *a = NODE(&t, "Relu", "ra", conv(&t, "a", x, 1, 4, 1))->out[0];
    nt_value *b = conv(&t, "b", a, 4, 4, 1), *sum = NODE(&t, "Add", "sum", b, a)->out[0];
    nt_node *cat = NODE(&t, "Concat", "cat", sum, conv(&t, "c", a, 4, 2, 1));

    assert_ok(nt_node_set_int(t.g, cat, "axis", 1, e));
    x = NODE(&t, "Flatten", "flat", conv(&t, "d", cat->out[0], 6, 2, 1))->out[0];
    complete(&t, gemm(&t, "fc", x, 72, 5));
    randomise(&t);
    return t;
}

static cJSON *quantize(const setup *u, net *t, const char *bits, nt_ptq_opts o)
{
    const nt_calib c = {.dev = u->dev, .split = u->train, .seed = 3, .memory = u->memory};
    nt_qspec *spec = NULL;
    cJSON *record = NULL;

    assert_ok(nt_qspec_new(&spec, t->g, e));
    assert_ok(nt_qspec_bits(spec, bits, false, e));
    assert_ok(nt_ptq(&record, t->g, spec, &c, &o, e));
    nt_qspec_free(spec);
    return record;
}

/* Outputs for all pictures [N_PICTURES][k]; free with nt_free. */
static float *answers(const setup *u, const nt_graph *g, int64_t *k)
{
    nt_loader *l = open_loader(u->train, (nt_loader_opts){.batch_size = N_PICTURES});
    const nt_batch *b = next_batch(l);
    nt_batch_like like = {.n = b->n, .sample = nt_loader_sample(l)};
    nt_batch_plan *p = NULL;
    nt_plan *ran = NULL;
    float *y;

    assert_ok(nt_batch_plan_new(&p, g, u->dev, &(nt_plan_opts){0}, &like, e));
    assert_ok(nt_batch_plan_forward(p, &(nt_batch_in){.b = b}, &ran, e));
    *k = nt_batch_plan_classes(p);
    y = nt_calloc((size_t)(N_PICTURES * *k), sizeof *y);
    assert_non_null(y);
    memcpy(y, nt_batch_plan_output(p)->data, (size_t)(N_PICTURES * *k) * sizeof *y);
    nt_batch_plan_free(p);
    nt_loader_free(l);
    return y;
}

typedef struct errors {
    double of_means;   /* sum over outputs of the difference of their means */
    double rms, scale; /* root mean square of the differences, and of the first one's answers */
} errors;

static errors compare(const setup *u, const nt_graph *a, const nt_graph *b)
{
    int64_t k = 0;
    float *x = answers(u, a, &k), *y = answers(u, b, &k);
    errors r = {0, 0, 0};

    for (int64_t j = 0; j < k; j++) {
        double mean = 0;

        for (int64_t i = 0; i < N_PICTURES; i++) {
            double d = (double)y[i * k + j] - x[i * k + j];

            mean += d / N_PICTURES;
            r.rms += d * d / (double)(k * N_PICTURES);
            r.scale += (double)x[i * k + j] * x[i * k + j] / (double)(k * N_PICTURES);
        }
        r.of_means += fabs(mean);
    }
    nt_free(x);
    nt_free(y);
    return (errors){r.of_means, sqrt(r.rms), sqrt(r.scale)};
}

NT_TEST(corrected_biases_take_up_the_mean_error)
{
    setup u = set_up();
    net plain = dense_net(), as_is = dense_net(), corrected = dense_net();
    errors a, b;

    cJSON_Delete(quantize(&u, &as_is, "3/8", (nt_ptq_opts){0}));
    cJSON_Delete(quantize(&u, &corrected, "3/8", (nt_ptq_opts){.correct_bias = true}));
    a = compare(&u, plain.g, as_is.g);
    b = compare(&u, plain.g, corrected.g);
    assert_true(a.of_means > 0.01 * a.scale && a.scale > 0.1);
    assert_true(b.of_means < a.of_means / 2);
    finish(&plain);
    finish(&as_is);
    finish(&corrected);
    tear_down(&u);
}

NT_TEST(learned_rounding_gives_nearer_outputs_than_to_nearest)
{
    static const char *const names[] = {"ptq", "adaround", "gptq"};
    static const nt_ptq_rounding how[] = {NT_ROUND_NEAREST, NT_ROUND_ADAROUND, NT_ROUND_GPTQ};
    setup u = set_up();
    net plain = dense_net();
    double rms[3];

    for (int i = 0; i < 3; i++) {
        net t = dense_net();
        nt_ptq_opts o = {.correct_bias = true, .rounding = how[i]};
        cJSON *record = quantize(&u, &t, "3/8", o);

        assert_string_equal(cJSON_GetObjectItem(record, "method")->valuestring, names[i]);
        rms[i] = compare(&u, plain.g, t.g).rms;
        cJSON_Delete(record);
        finish(&t);
    }
    assert_true(rms[1] < 0.9 * rms[0]);
    assert_true(rms[2] < 0.9 * rms[0]);
    finish(&plain);
    tear_down(&u);
}

/* One layer, whose weights are all the same. */
static net sums(void)
{
    net t = start(17);
    nt_value *w;

    complete(&t, gemm(&t, "fc", NODE(&t, "Flatten", "flat", picture(&t))->out[0], 36, 3));
    w = nt_graph_find_value(t.g, "fc.weight");
    for (int64_t i = 0; i < nt_tensor_count(w->data); i++)
        ((float *)w->data->data)[i] = 1;
    return t;
}

NT_TEST(the_best_range_is_the_one_that_changes_least_what_its_layer_computes)
{
    setup u = set_up();
    net plain = sums();
    double rms[NT_RANGE_BEST + 1];
    int least = 0;

    for (int m = 0; m <= NT_RANGE_BEST; m++) {
        net t = sums();
        nt_ptq_opts o = {.method = (nt_range_method)m, .percentile = 99};
        cJSON *record = quantize(&u, &t, "32/3", o);
        const cJSON *x = cJSON_GetArrayItem(cJSON_GetObjectItem(record, "tensors"), 0);

        rms[m] = compare(&u, plain.g, t.g).rms;
        least = rms[m] < rms[least] ? m : least;
        assert_string_equal(
            cJSON_GetObjectItem(x, "range")->valuestring,
            nt_range_method_name((nt_range_method)(m < NT_RANGE_BEST ? m : least)));
        cJSON_Delete(record);
        finish(&t);
    }
    assert_true(rms[NT_RANGE_BEST] == rms[least] && rms[least] < rms[NT_RANGE_MSE]);
    finish(&plain);
    tear_down(&u);
}

/* conv - Relu - [conv - Relu - conv - + - Relu] - Flatten - Gemm, with a Dropout within */
static net residual_net(void)
{
    net t = start(17);
    nt_value *x = NODE(&t, "Relu", "r0", conv(&t, "c0", picture(&t), 1, 4, 1))->out[0];
    nt_value *y = NODE(&t, "Relu", "r1", conv(&t, "c1", x, 4, 4, 1))->out[0];

    y = conv(&t, "c2", NODE(&t, "Dropout", "drop", y)->out[0], 4, 4, 1);
    x = NODE(&t, "Relu", "r2", NODE(&t, "Add", "sum", y, x)->out[0])->out[0];
    complete(&t, gemm(&t, "fc", NODE(&t, "Flatten", "flat", x)->out[0], 144, 5));
    randomise(&t);
    return t;
}

NT_TEST(blocks_are_reconstructed_the_same_each_time_wherever_samples_are_kept)
{
    setup u = set_up();
    net plain = residual_net(), nearest = residual_net(), t[2];
    nt_ptq_opts o = {.correct_bias = true, .rounding = NT_ROUND_BRECQ, .steps = 1000};

    cJSON_Delete(quantize(&u, &nearest, "3/4", (nt_ptq_opts){.correct_bias = true}));
    for (int i = 0; i < 2; i++) {
        t[i] = residual_net();
        u.memory = (size_t)i; /* 1 byte: all in files */
        cJSON_Delete(quantize(&u, &t[i], "3/4", o));
    }
    assert_true(compare(&u, plain.g, t[0].g).rms < 0.8 * compare(&u, plain.g, nearest.g).rms);
    assert_true(compare(&u, t[0].g, t[1].g).rms == 0);
    finish(&plain);
    finish(&nearest);
    finish(&t[0]);
    finish(&t[1]);
    tear_down(&u);
}

/* conv - Relu - BatchNormalization - conv - Flatten - Gemm: nothing to fold it into. */
static net normalised_net(void)
{
    net t = start(17);
    nt_value *x = NODE(&t, "Relu", "r0", conv(&t, "c0", picture(&t), 1, 4, 1))->out[0];
    nt_value *var = weight(&t, "n.var", DIMS(4));

    x = NODE(&t, "BatchNormalization", "n", x, weight(&t, "n.scale", DIMS(4)),
             weight(&t, "n.shift", DIMS(4)), weight(&t, "n.mean", DIMS(4)), var)
            ->out[0];
    x = conv(&t, "c1", x, 4, 4, 1);
    complete(&t, gemm(&t, "fc", NODE(&t, "Flatten", "flat", x)->out[0], 144, 5));
    randomise(&t);
    for (int k = 0; k < 4; k++)
        nt_tensor_set(var->data, k, 0.25 + k);
    return t;
}

NT_TEST(blocks_are_reconstructed_with_normalisations_that_stay)
{
    setup u = set_up();
    net plain = normalised_net(), nearest = normalised_net(), t = normalised_net();
    nt_ptq_opts o = {.rounding = NT_ROUND_BRECQ, .steps = 1000};
    static const char *const stay[] = {"n.scale", "n.shift", "n.mean", "n.var"};

    cJSON_Delete(quantize(&u, &nearest, "3/8", (nt_ptq_opts){0}));
    cJSON_Delete(quantize(&u, &t, "3/8", o));
    assert_true(compare(&u, plain.g, t.g).rms < 0.8 * compare(&u, plain.g, nearest.g).rms);
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        assert_memory_equal(nt_graph_find_value(t.g, stay[i])->data->data,
                            nt_graph_find_value(plain.g, stay[i])->data->data,
                            4 * sizeof(float));
    finish(&plain);
    finish(&nearest);
    finish(&t);
    tear_down(&u);
}

static bool is_coded(const nt_value *v)
{
    return v->producer && strcmp(v->producer->op_type, "DequantizeLinear") == 0;
}

NT_TEST(branches_are_added_and_put_side_by_side_in_codes)
{
    setup u = set_up();
    net plain = branched(), t = branched();
    const nt_node *sum = nt_graph_find_node(t.g, "sum"), *cat = nt_graph_find_node(t.g, "cat");
    errors r;

    cJSON_Delete(quantize(&u, &t, "8", (nt_ptq_opts){.correct_bias = true}));
    for (int i = 0; i < 2; i++)
        assert_true(is_coded(sum->in[i]) && is_coded(cat->in[i]));
    /* the input, ra (once for three), b, sum, c, cat, d (seen through Flatten or not) */
    assert_in_range(count_nodes(t.g, "QuantizeLinear"), 7, 8);
    r = compare(&u, plain.g, t.g);
    assert_true(r.scale > 0.1);
    assert_true(r.rms < 0.03 * r.scale);
    assert_true(r.rms > 0);
    finish(&plain);
    finish(&t);
    tear_down(&u);
}

NT_TEST(more_bits_are_nearer)
{
    static const char *const bits[] = {"2/8", "3/8", "4/8", "6/8", "8/8"};
    setup u = set_up();
    net plain = branched();
    double last = INFINITY;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        net t = branched();
        double rms;

        cJSON_Delete(quantize(&u, &t, bits[i], (nt_ptq_opts){0}));
        rms = compare(&u, plain.g, t.g).rms;
        if (!(rms < last))
            fail_msg("%s: %g after %g", bits[i], rms, last);
        last = rms;
        finish(&t);
    }
    finish(&plain);
    tear_down(&u);
}

static const cJSON *entry(const cJSON *record, const char *tensor)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, cJSON_GetObjectItem(record, "tensors"))
    {
        if (strcmp(cJSON_GetObjectItem(t, "tensor")->valuestring, tensor) == 0)
            return t;
    }
    fail_msg("quant.json has no '%s'", tensor);
    return NULL;
}

NT_TEST(the_record_says_what_the_graph_holds)
{
    setup u = set_up();
    net t = dense_net();
    cJSON *record = quantize(&u, &t, "4/8", (nt_ptq_opts){0});
    const cJSON *w = entry(record, "fc1.weight"), *scale = cJSON_GetObjectItem(w, "scale"), *x;
    const nt_value *v = nt_graph_find_value(t.g, "fc1.weight_scale");

    assert_string_equal(cJSON_GetObjectItem(w, "layer")->valuestring, "fc1");
    assert_int_equal(cJSON_GetObjectItem(w, "bits")->valueint, 4);
    assert_string_equal(cJSON_GetObjectItem(w, "scheme")->valuestring, "per_channel_symmetric");
    assert_int_equal(cJSON_GetArraySize(scale), 8);
    for (int i = 0; i < 8; i++)
        assert_float_equal(cJSON_GetArrayItem(scale, i)->valuedouble, nt_tensor_get(v->data, i),
                           0);
    x = entry(record, "x");
    assert_string_equal(cJSON_GetObjectItem(x, "kind")->valuestring, "activation");
    assert_true(cJSON_GetObjectItem(x, "max")->valuedouble > 0.9);
    cJSON_Delete(record);
    finish(&t);
    tear_down(&u);
}

NT_TEST(weights_need_no_data_and_activations_do)
{
    setup u = set_up(), none = {.dev = u.dev};
    net t = dense_net(), refused = dense_net();
    nt_qspec *spec = NULL;
    cJSON *record = NULL;

    cJSON_Delete(quantize(&none, &t, "4/32", (nt_ptq_opts){0}));
    assert_int_equal(count_nodes(t.g, "DequantizeLinear"), 3);
    assert_int_equal(count_nodes(t.g, "QuantizeLinear"), 0);
    assert_ok(nt_qspec_new(&spec, refused.g, e));
    assert_ok(nt_qspec_bits(spec, "4/8", false, e));
    assert_fails(
        NT_EINVAL, "activations are quantized by data, and there are none",
        nt_ptq(&record, refused.g, spec, &(nt_calib){.dev = u.dev}, &(nt_ptq_opts){0}, e));
    assert_null(record);
    nt_qspec_free(spec);
    finish(&t);
    finish(&refused);
    tear_down(&u);
}

NT_TEST_MAIN
