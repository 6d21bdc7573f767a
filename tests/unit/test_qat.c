/* SPDX-License-Identifier: MIT */
/* Whole trainings of quantized networks, on 40 pictures of 6 x 6. */
#include "quant_data.h"
#include "along.h"

#include "graph/model.h"
#include "quant/fakeq.h"
#include "quant/qat.h"
#include "train/frozen_bn.h"
#include "train/trainer.h"

enum { STEPS = 60, BATCH = 20, PER_EPOCH = N_PICTURES / BATCH };

/* Picture i shows its class: every tenth pixel, from pixel i % 10 on, is bright. */
static uint8_t pixel_of(size_t i)
{
    return (uint8_t)(i % 36 % 10 == i / 36 % 10 ? 250 : i * 7 % 128);
}

static pictures set_up(void)
{
    pictures u = {.dir = temp_dir_new()};
    size_t bytes;
    uint8_t *all;

    put_idx(&u.dir, "train", N_PICTURES, 6, 6, false); /* the labels stay */
    all = make_idx(&bytes, 3, (int[]){N_PICTURES, 6, 6}, pixel_of);
    put_file(&u.dir, "train-images-idx3-ubyte", all, bytes);
    nt_free(all);
    put_idx(&u.dir, "t10k", 10, 6, 6, false);
    open_files(&u);
    return u;
}

static void shrink(net *t, const char *name, double by)
{
    nt_tensor *w = nt_graph_find_value(t->g, name)->data;

    for (int64_t i = 0; i < nt_tensor_count(w); i++)
        nt_tensor_set(w, i, nt_tensor_get(w, i) * by);
}

/* conv - BatchNormalization - Relu - Flatten - fc1 - Relu - fc2 */
static net network(void)
{
    net t = start(17);
    nt_value *x = conv(&t, "first", input(&t, "x", DIMS(-1, 1, 6, 6)), 1, 4, 1);
    nt_value *bn[4];
    static const char *const names[] = {"bn.weight", "bn.bias", "bn.mean", "bn.var"};

    for (int i = 0; i < 4; i++)
        bn[i] = weight(&t, names[i], DIMS(4));
    x = NODE(&t, "BatchNormalization", "bn", x, bn[0], bn[1], bn[2], bn[3])->out[0];
    x = NODE(&t, "Flatten", "flat", NODE(&t, "Relu", "r1", x)->out[0])->out[0];
    x = NODE(&t, "Relu", "r2", gemm(&t, "fc1", x, 144, 24))->out[0];
    complete(&t, gemm(&t, "fc2", x, 24, 10));
    randomise(&t);
    shrink(&t, "fc1.weight", 0.2);
    shrink(&t, "fc2.weight", 0.4);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            nt_tensor_set(bn[i]->data, k, i % 3 == 0 ? 1 : 0);
    return t;
}

static nt_model *model_of(net *t, const cJSON *record)
{
    char *text = nt_json_text(record);
    nt_model *m = NULL;

    assert_non_null(text);
    assert_ok(nt_model_from_graph(&m, t->g, e));
    if (record)
        assert_ok(nt_archive_put(nt_model_archive(m), "quant.json", text, strlen(text), e));
    nt_free(text);
    return m;
}

/* The network, prepared for a method. data false: without a calibration. */
static nt_model *prepared(const pictures *u, const char *method, const char *bits,
                          int64_t start_step, bool data)
{
    nt_ptq_opts o = {.method = NT_RANGE_MINMAX, .train = nt_qmethod_find(method)};
    const nt_calib c = {.dev = u->dev, .split = data ? u->train : NULL};
    net t = network();
    nt_qspec *spec = NULL;
    cJSON *record = NULL;
    nt_model *m;

    assert_ok(nt_qspec_new(&spec, t.g, e));
    assert_ok(nt_qspec_bits(spec, bits, false, e));
    for (int i = 0; i < spec->n; i++)
        spec->layers[i].start_step = start_step;
    assert_ok(nt_ptq(&record, t.g, spec, &c, &o, e));
    nt_qspec_free(spec);
    m = model_of(&t, record);
    nt_json_free(record);
    return m;
}

static const nt_companion *const qat[] = {&nt_companion_qat, NULL};

static nt_train_opts some_steps(int64_t steps)
{
    nt_train_opts o;

    nt_train_defaults(&o);
    o.companions = qat;
    o.steps = steps;
    o.batch_size = BATCH;
    o.optim.lr = 0.05;
    o.optim.momentum = 0.9;
    return o;
}

static double number_of(const cJSON *report, int epoch, const char *key)
{
    const cJSON *epochs = cJSON_GetObjectItem(report, "epochs");

    if (epoch < 0)
        epoch += cJSON_GetArraySize(epochs);
    return cJSON_GetObjectItem(cJSON_GetArrayItem(epochs, epoch), key)->valuedouble;
}

typedef struct outcome {
    double first, last; /* losses of those epochs */
    double eval;        /* what training found in the end */
} outcome;

static outcome train(const pictures *u, nt_model *m, const nt_train_opts *o)
{
    nt_trainer *t = NULL;
    const cJSON *r;
    outcome out;

    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u->dev, u->train, u->train}, o, e));
    assert_ok(nt_trainer_run(t, e));
    r = nt_trainer_report(t);
    out = (outcome){number_of(r, 0, "loss"), number_of(r, -1, "loss"),
                    number_of(r, -1, "eval_loss")};
    nt_trainer_free(t);
    return out;
}

/* The loss of the model as it is stored. */
static double loss_of(const pictures *u, nt_model *m)
{
    nt_eval_opts o = {.batch_size = BATCH, .workers = 1};
    nt_eval_result r = {0};
    nt_evaluator *v = NULL;
    double loss;

    assert_ok(nt_evaluator_new(&v, nt_model_graph(m), u->dev, u->train, &o, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    loss = nt_eval_value(&r, &nt_metric_loss);
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    return loss;
}

static const nt_tensor *constant(nt_model *m, const char *name)
{
    const nt_value *v = nt_graph_find_value(nt_model_graph(m), name);

    if (!v || !v->data)
        fail_msg("no constant '%s'", name);
    return v->data;
}

static double first_of(nt_model *m, const char *name)
{
    return nt_tensor_get(constant(m, name), 0);
}

/* ---- all methods */

static const struct {
    const char *method, *bits;
} ways[] = {{"qat", "3/4"},    {"lsq", "2/2"},  {"lsq+", "2/3"}, {"dorefa", "2/3"},
            {"dorefa", "1/2"}, {"pact", "3/2"}, {"bnn", "1/1"},  {"xnor", "1/2"}};

NT_TEST(training_learns_and_the_model_computes_what_it_saw)
{
    pictures u = set_up();

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        nt_model *m = prepared(&u, ways[i].method, ways[i].bits, 0, false);
        nt_train_opts o = some_steps(STEPS);
        outcome r = train(&u, m, &o);

        if (!(r.last < 0.8 * r.first))
            fail_msg("%s %s: loss %g to %g, %g in the end", ways[i].method, ways[i].bits,
                     r.first, r.last, r.eval);
        assert_float_equal(loss_of(&u, m), r.eval, 1e-4);
        nt_model_free(m);
    }
    close_pictures(&u);
}

NT_TEST(weights_of_one_bit_leave_as_two_values)
{
    pictures u = set_up();
    nt_model *m = prepared(&u, "xnor", "1/1", 0, true);
    const nt_tensor *w;
    nt_train_opts o = some_steps(6);

    train(&u, m, &o);
    w = constant(m, "fc1.weight");
    for (int64_t i = 0; i < nt_tensor_count(w); i++) {
        int64_t k = i / w->dims[1]; /* [n][k]: transposed */
        double alpha = nt_tensor_get(constant(m, "fc1.weight_scale"), k);

        assert_float_equal(fabs(nt_tensor_get(w, i)), alpha, 0);
    }
    nt_model_free(m);
    close_pictures(&u);
}

NT_TEST(quant_json_follows_training)
{
    pictures u = set_up();
    nt_model *m = prepared(&u, "lsq", "3/4", 0, true);
    double before = first_of(m, "fc2.weight_scale"), recorded = 0;
    nt_train_opts o = some_steps(10);
    cJSON *record, *t;

    train(&u, m, &o);
    assert_true(first_of(m, "fc2.weight_scale") != before);
    record = nt_model_quant_record(m);
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(record, "tensors"))
    {
        if (strcmp(cJSON_GetObjectItem(t, "tensor")->valuestring, "fc2.weight") == 0)
            recorded = cJSON_GetArrayItem(cJSON_GetObjectItem(t, "scale"), 0)->valuedouble;
    }
    assert_float_equal(recorded, first_of(m, "fc2.weight_scale"), 1e-9);
    nt_json_free(record);
    nt_model_free(m);
    close_pictures(&u);
}

NT_TEST(ranges_that_nobody_calibrated_are_the_first_batch_s)
{
    static const char *const methods[] = {"qat", "lsq", "lsq+", "pact", "dorefa"};
    pictures u = set_up();

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        nt_model *m = prepared(&u, methods[i], "4/4", 0, false);
        nt_train_opts o = some_steps(STEPS);
        outcome r = train(&u, m, &o);

        assert_true(r.last < 0.8 * r.first);
        assert_true(first_of(m, "x_scale") != 1);
        assert_float_equal(loss_of(&u, m), r.eval, 1e-4);
        nt_model_free(m);
    }
    close_pictures(&u);
}

/* ---- as training goes on */

NT_TEST(before_its_start_a_training_is_one_in_floating_point)
{
    pictures u = set_up();
    net t = network();
    nt_model *plain = model_of(&t, NULL), *late = prepared(&u, "lsq", "2/2", 1000, true);
    nt_train_opts o = some_steps(6);
    double scale = first_of(late, "fc2.weight_scale");
    const nt_tensor *a, *b;

    train(&u, plain, &o);
    train(&u, late, &o);
    a = constant(plain, "fc1.weight");
    b = constant(late, "fc1.weight");
    for (int64_t i = 0; i < nt_tensor_count(a); i++)
        assert_float_equal(nt_tensor_get(a, i), nt_tensor_get(b, i), 1e-5);
    assert_float_equal(first_of(late, "fc2.weight_scale"), scale, 0);
    nt_model_free(plain);
    nt_model_free(late);
    close_pictures(&u);
}

NT_TEST(a_delayed_start_takes_place)
{
    static const char *const methods[] = {"qat", "lsq", "lsq+", "pact"};
    pictures u = set_up();

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        nt_model *m = prepared(&u, methods[i], "4/4", 9, true);
        double scale = first_of(m, "fc2.weight_scale");
        nt_train_opts o = some_steps(STEPS);
        outcome r = train(&u, m, &o);

        assert_true(r.last < 0.8 * r.first);
        assert_true(first_of(m, "fc2.weight_scale") != scale);
        assert_float_equal(loss_of(&u, m), r.eval, 1e-4);
        nt_model_free(m);
    }
    close_pictures(&u);
}

NT_TEST(bits_come_down_to_those_of_the_model)
{
    static const char *const methods[] = {"qat", "lsq", "lsq+", "dorefa", "pact"};
    pictures u = set_up();

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        nt_model *m = prepared(&u, methods[i], "2/3", 0, false);
        nt_train_opts o = some_steps(STEPS);
        outcome r;

        o.progressive = "8:5,4:5.5";
        r = train(&u, m, &o);
        assert_true(r.last < 0.8 * r.first);
        assert_float_equal(loss_of(&u, m), r.eval, 1e-4);
        nt_model_free(m);
    }
    close_pictures(&u);
}

static nt_status check_phases(const char *text, nt_err *e)
{
    return nt_companion_qat.check(&(nt_train_opts){.progressive = text}, e);
}

NT_TEST(phases_are_bits_and_epochs)
{
    static const char *const wrong[] = {"",    "8",   "8:",   "1:2",    "9:1",
                                        "8:0", "8:x", "8:1,", "8:1;4:1"};

    assert_ok(check_phases("8:1,4:0.5,2:3", e));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(check_phases(wrong[i], NULL), NT_EINVAL);
    assert_fails(NT_EINVAL, "phases '8': want BITS:EPOCHS,... with 2 to 8 bits, at most 8",
                 check_phases("8", e));
}

NT_TEST(an_average_and_the_best_are_of_the_last_phase)
{
    pictures u = set_up();
    nt_model *m = prepared(&u, "lsq", "2/3", 4, true);
    nt_train_opts o = some_steps(STEPS);
    outcome r;

    o.progressive = "8:10";
    o.ema_decay = 0.5;
    o.ema_period = 0;
    o.keep_best = true;
    r = train(&u, m, &o);
    assert_true(r.last < 0.8 * r.first);
    assert_true(loss_of(&u, m) < r.first);
    nt_model_free(m);
    close_pictures(&u);
}

/* ---- frozen normalisations */

typedef struct watch {
    float mean[STEPS];
} watch;

static nt_status note_mean(void *ctx, nt_params *p, const nt_clock *c, nt_err *e)
{
    watch *w = ctx;

    (void)e;
    w->mean[c->step] = *nt_param_data(p, nt_params_find(p, "bn.mean"));
    return NT_OK;
}

static const nt_companion noting = ALONG(note_mean);

NT_TEST(frozen_statistics_stay_and_count)
{
    pictures u = set_up();
    nt_model *m = prepared(&u, "lsq", "4/4", 0, true);
    nt_train_opts o = some_steps(12);
    watch w = {{0}};
    outcome r;

    o.freeze_bn = 3; /* epochs of two steps */
    o.companions = (const nt_companion *const[]){&nt_companion_qat, &noting, NULL};
    o.ctx = &w;
    r = train(&u, m, &o);
    for (int i = 1; i < 6; i++)
        assert_true(w.mean[i] != w.mean[i - 1]);
    for (int i = 6; i < 12; i++)
        assert_float_equal(w.mean[i], w.mean[5], 0);
    assert_float_equal(loss_of(&u, m), r.eval, 1e-4);
    nt_model_free(m);
    close_pictures(&u);
}

enum { ROWS = 2, CHANNELS = 3, PLANE = 4, ALL = ROWS * CHANNELS * PLANE };

/* Of sum_i (i + 1) y_i, by input `in` at `at`. */
static double frozen_slope(const nt_node *n, const nt_tensor *const *in, int i, int64_t at)
{
    const double h = 1e-2;
    float y[ALL];
    nt_tensor out = *in[0], *outs[1] = {&out};
    float *p = (float *)in[i]->data + at, was = *p;
    double sum = 0;

    out.data = y;
    for (int side = -1; side <= 1; side += 2) {
        *p = was + (float)(side * h);
        assert_ok(nt_op_frozen_bn.eval(n, in, outs, e));
        for (int k = 0; k < ALL; k++)
            sum += side * (k + 1) * (double)y[k];
    }
    *p = was;
    return sum / (2 * h);
}

NT_TEST(a_frozen_normalisation_has_the_gradients_of_what_it_computes)
{
    float x[ALL], dy[ALL],
        numbers[4][CHANNELS] = {{1, -2, 0.5F}, {0, 1, 2}, {0.3F, 0, -1}, {1, 4, 0.25F}};
    float grads[ALL + 2 * CHANNELS];
    nt_tensor t[5] = {{.dtype = NT_F32, .rank = 4, .dims = {ROWS, CHANNELS, 2, 2}, .data = x}};
    nt_tensor d[3], g = t[0];
    const nt_tensor *in[5] = {&t[0]}, *dout[1] = {&g};
    nt_tensor *din[5] = {NULL};
    nt_node n = {.op_type = "FrozenBatchNormalization", .domain = ""};
    size_t used = 0;

    for (int i = 0; i < ALL; i++) {
        x[i] = (float)(i * 5 % 7) - 3;
        dy[i] = (float)i + 1;
    }
    g.data = dy;
    for (int i = 1; i < 5; i++) {
        t[i] =
            (nt_tensor){.dtype = NT_F32, .rank = 1, .dims = {CHANNELS}, .data = numbers[i - 1]};
        in[i] = &t[i];
    }
    for (int i = 0; i < 3; i++) {
        d[i] = t[i];
        d[i].data = grads + used;
        used += (size_t)nt_tensor_count(&t[i]);
        din[i] = &d[i];
    }
    assert_ok(nt_op_frozen_bn.grad(&n, in, NULL, dout, din, e));
    for (int i = 0; i < 3; i++)
        for (int64_t at = 0; at < nt_tensor_count(&t[i]); at++)
            assert_float_equal(nt_tensor_get(&d[i], at), frozen_slope(&n, in, i, at), 0.05);
}

/* ---- checkpoints */

/* Stands for a kill. */
static nt_status die_at_step_9(void *ctx, nt_params *p, const nt_clock *c, nt_err *e)
{
    (void)ctx;
    (void)p;
    return c->step == 8 ? nt_fail(e, NT_EIO, "killed") : NT_OK;
}

static const nt_companion dying = ALONG(die_at_step_9);

NT_TEST(a_resumed_training_is_one_that_never_stopped)
{
    pictures u = set_up();

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        nt_model *v[3];
        nt_train_opts o = some_steps(12);
        nt_trainer *t = NULL;

        for (int k = 0; k < 3; k++)
            v[k] = prepared(&u, ways[i].method, ways[i].bits, 3, true);
        o.optim.momentum = 0;
        o.progressive = "4:3";
        o.freeze_bn = 3.5;
        train(&u, v[0], &o);
        o.checkpoint = in_dir(&u.dir, ways[i].method);
        o.checkpoint_every = 1;
        o.resume = true;
        o.companions = (const nt_companion *const[]){&nt_companion_qat, &dying, NULL};
        o.ctx = &u;
        assert_ok(nt_trainer_new(&t, &(nt_train_with){v[1], NULL, u.dev, u.train, u.train}, &o,
                                 e));
        assert_fails(NT_EIO, "killed", nt_trainer_run(t, e));
        nt_trainer_free(t);
        o.companions = qat;
        train(&u, v[2], &o);
        assert_float_equal(first_of(v[2], "fc2.weight_scale"),
                           first_of(v[0], "fc2.weight_scale"), 0);
        assert_float_equal(loss_of(&u, v[2]), loss_of(&u, v[0]), 0);
        remove(o.checkpoint);
        for (int k = 0; k < 3; k++)
            nt_model_free(v[k]);
    }
    close_pictures(&u);
}

/* ---- what cannot be */

NT_TEST(what_cannot_be_trained_is_refused)
{
    pictures u = set_up();
    nt_model *m = prepared(&u, "bnn", "1/1", 0, true);
    net t = network();
    nt_model *plain = model_of(&t, NULL);
    nt_train_opts o = some_steps(1);
    nt_trainer *r = NULL;
    nt_tensor *mask = NULL;

    o.progressive = "8:1";
    assert_fails(NT_EINVAL, "bits by epochs are for a model that nt-quantize has prepared",
                 nt_trainer_new(&r, &(nt_train_with){plain, NULL, u.dev, u.train, NULL}, &o,
                                e));
    assert_ok(nt_tensor_new(&mask, NT_U8, 2, constant(m, "fc1.weight")->dims, e));
    assert_ok(nt_model_take_mask(m, "fc1.weight", mask, e));
    o.progressive = NULL;
    assert_fails(NT_EUNSUPPORTED,
                 "weight 'fc1.weight' is pruned, and quantizer bnn has no code for 0",
                 nt_trainer_new(&r, &(nt_train_with){m, NULL, u.dev, u.train, NULL}, &o, e));
    nt_model_free(m);
    nt_model_free(plain);
    close_pictures(&u);
}

NT_TEST_MAIN
