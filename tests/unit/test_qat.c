/* SPDX-License-Identifier: MIT */
/* Quantization-aware training: what gradients weights, inputs and scales get, by hand. */
#include "data_files.h"

#include "compress/ptq.h"
#include "compress/qdq.h"
#include "compress/qpoint.h"
#include "compress/qscale.h"
#include "exec/params.h"
#include "graph/model.h"
#include "train/lsq.h"
#include "train/trainer.h"

#include "quant_net.h"

enum { N = 3, C = 4, K = 2 };

/* y = W x, x [N][C], W [C][K] by channel at `bits`, trained; scales from the extremes, halved
 * so that some codes saturate. */
static net trained_layer(int bits)
{
    nt_qtarget t = {.bits = bits, .symmetric = true, .per_channel = true};
    net n = start(17);
    nt_value *x = input(&n, "x", DIMS(N, C));
    nt_node *layer = NODE(&n, "MatMul", "layer", x, weight(&n, "w", DIMS(C, K)));
    nt_qpairs p = {0};

    complete(&n, layer->out[0]);
    randomise(&n);
    assert_ok(nt_qscale_weight(&p, nt_layer_weight(layer)->data, 1, &t, false, e));
    for (int k = 0; k < K; k++)
        p.pair[k].scale /= 2;
    assert_ok(nt_qdq_weight(n.g, layer, &t, &p, NULL, true, e));
    nt_qpairs_release(&p);
    rebind(&n);
    return n;
}

typedef struct run {
    nt_device *dev;
    nt_params *p;
    nt_plan *plan;
} run;

/* Forward of noise, and backward of the gradient i + 1 at output i. */
static run train_once(const net *n)
{
    run r = {0};

    assert_ok(nt_device_new(&r.dev, 1, e));
    assert_ok(nt_params_new(&r.p, n->g, e));
    assert_ok(
        nt_plan_new(&r.plan, n->g, r.dev, &(nt_plan_opts){.training = true, .params = r.p}, e));
    nt_plan_fill_noise(r.plan, 3);
    assert_ok(nt_plan_forward(r.plan, e));
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_output(r.plan, 0)); i++)
        nt_tensor_set(nt_plan_output_grad(r.plan, 0), i, (double)i + 1);
    assert_ok(nt_plan_backward(r.plan, e));
    return r;
}

static void done(run *r)
{
    nt_plan_free(r->plan);
    nt_params_free(r->p);
    nt_device_free(r->dev);
}

static const float *grad_of(const run *r, const char *name)
{
    const nt_param *p = nt_params_find(r->p, name);

    if (!p)
        fail_msg("there is no parameter '%s'", name);
    return r->p->g + p->offset;
}

/* dL/dW' at (c, k): W' is what the layer sees. */
static double outer(const run *r, int c, int k)
{
    const float *x = nt_plan_input(r->plan, 0)->data;
    double sum = 0;

    for (int n = 0; n < N; n++)
        sum += x[n * C + c] * (n * K + k + 1.0);
    return sum;
}

NT_TEST(weights_get_the_gradient_of_what_the_layer_sees_unless_they_saturate)
{
    static const int bits[] = {2, 3, 8};

    for (int b = 0; b < 3; b++) {
        net n = trained_layer(bits[b]);
        const float *w = nt_graph_find_value(n.g, "w")->data->data;
        const float *s = nt_graph_find_value(n.g, "w_scale")->data->data;
        double most = bits[b] == 8 ? 128 : (1 << (bits[b] - 1)) - 1;
        run r = train_once(&n);
        const float *g = grad_of(&r, "w");
        int saturated = 0;

        for (int c = 0; c < C; c++)
            for (int k = 0; k < K; k++) {
                double q = rint(w[c * K + k] / s[k]);
                bool in = q <= (bits[b] == 8 ? 127 : most) && q >= -most;

                assert_float_equal(g[c * K + k], in ? outer(&r, c, k) : 0, 1e-4);
                saturated += !in;
            }
        assert_in_range(saturated, 1, C * K - 1);
        done(&r);
        finish(&n);
    }
}

/* ---- learned scales */

/* The paper's (3): of the rounding error within the range, else the outermost code. */
static double code_slope(double v, double s, double lo, double hi)
{
    double q = rint(v / s);

    return q < lo ? lo : q > hi ? hi : q - v / s;
}

NT_TEST(scales_of_weights_get_the_gradient_of_the_paper)
{
    static const int bits[] = {2, 3, 8};

    for (int b = 0; b < 3; b++) {
        net n = trained_layer(bits[b]);
        const float *w = nt_graph_find_value(n.g, "w")->data->data;
        const float *s = nt_graph_find_value(n.g, "w_scale")->data->data;
        double hi = (1 << (bits[b] - 1)) - 1, lo = bits[b] == 8 ? -128 : -hi;
        double largest = fmax(hi, -lo);
        nt_lsq *lsq = NULL;
        const float *g;
        run r;

        nt_lsq_mark(n.g);
        r = train_once(&n);
        assert_ok(nt_lsq_new(&lsq, n.g, r.p, e));
        nt_lsq_scale_grads(lsq, r.p->g, r.p->w, 0);
        g = grad_of(&r, "w_scale");
        for (int k = 0; k < K; k++) {
            double want = 0;

            for (int c = 0; c < C; c++)
                want += outer(&r, c, k) * code_slope(w[c * K + k], s[k], lo, hi);
            assert_float_equal(g[k], want / sqrt(C * largest), 1e-3);
        }
        assert_true(nt_params_find(r.p, "w_scale")->is_scale);
        assert_false(nt_params_find(r.p, "w_scale")->is_bias);
        nt_lsq_free(lsq);
        done(&r);
        finish(&n);
    }
}

/* y = x, quantized to 3 bits from code 0 on, with zero point 2. */
NT_TEST(scales_of_activations_get_the_gradient_of_the_paper)
{
    nt_qtarget t = {.bits = 3, .is_unsigned = true, .learned = true};
    net n = start(17);
    nt_value *x = input(&n, "x", DIMS(N, C)), *y = NULL;
    nt_qpoint p = {.v = x, .t = t, .output = true, .pair = {0.13F, 2}};
    nt_qspec spec = {0};
    nt_qpoints points = {&p, 1, &spec, NULL};
    nt_lsq *lsq = NULL;
    double want = 0;
    run r;

    y = NODE(&n, "Identity", "i", x)->out[0];
    complete(&n, y);
    assert_ok(nt_qpoints_insert(&points, n.g, e));
    rebind(&n);
    nt_lsq_mark(n.g);
    r = train_once(&n);
    for (int i = 0; i < N * C; i++)
        want +=
            (i + 1) * code_slope(((float *)nt_plan_input(r.plan, 0)->data)[i], 0.13F, -2, 5);
    assert_ok(nt_lsq_new(&lsq, n.g, r.p, e));
    nt_lsq_scale_grads(lsq, r.p->g, r.p->w, 0);
    assert_float_equal(grad_of(&r, "x_scale")[0], want / sqrt(C * 5), 1e-3);
    nt_lsq_free(lsq);
    done(&r);
    finish(&n);
}

NT_TEST(scales_stay_positive_and_others_as_they_are)
{
    net n = trained_layer(3);
    nt_lsq *lsq = NULL;
    nt_params *p = NULL;
    float *w, *s;

    nt_lsq_mark(n.g);
    assert_ok(nt_params_new(&p, n.g, e));
    assert_ok(nt_lsq_new(&lsq, n.g, p, e));
    w = nt_param_data(p, nt_params_find(p, "w"));
    s = nt_param_data(p, nt_params_find(p, "w_scale"));
    w[0] = -1;
    s[0] = -0.5F;
    s[1] = 0.25F;
    nt_lsq_keep_positive(lsq, p->w);
    assert_float_equal(w[0], -1, 0);
    assert_float_equal(s[0], NT_LSQ_LEAST, 0);
    assert_float_equal(s[1], 0.25F, 0);
    nt_lsq_free(lsq);
    nt_params_free(p);
    finish(&n);
}

NT_TEST(one_update_moves_no_scale_far)
{
    net n = trained_layer(3);
    nt_lsq *lsq = NULL;
    nt_params *p = NULL;
    float *s, *g;

    nt_lsq_mark(n.g);
    assert_ok(nt_params_new(&p, n.g, e));
    assert_ok(nt_lsq_new(&lsq, n.g, p, e));
    s = nt_param_data(p, nt_params_find(p, "w_scale"));
    g = p->g + nt_params_find(p, "w_scale")->offset;
    s[0] = s[1] = 0.5F;
    g[0] = -1e6F;
    g[1] = 0.001F;
    nt_lsq_scale_grads(lsq, p->g, p->w, 0.1);
    assert_float_equal(g[0], -0.5 * NT_LSQ_STEP / 0.1, 1e-6);
    assert_float_equal(g[1], 0.001 / sqrt(C * 3), 1e-9);
    nt_lsq_free(lsq);
    nt_params_free(p);
    finish(&n);
}

NT_TEST(scales_are_no_parameters_unless_marked)
{
    net n = trained_layer(3);
    nt_params *p = NULL;

    assert_ok(nt_params_new(&p, n.g, e));
    assert_non_null(nt_params_find(p, "w"));
    assert_null(nt_params_find(p, "w_scale"));
    nt_params_free(p);
    finish(&n);
}

/* ---- whole trainings, on 40 pictures of 6 x 6 */

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train;
    nt_device *dev;
} setup;

/* Picture i shows its class: every tenth pixel, from pixel i % 10 on, is bright. */
static uint8_t pixel_of(size_t i)
{
    return (uint8_t)(i % 36 % 10 == i / 36 % 10 ? 250 : i * 7 % 128);
}

static setup set_up(void)
{
    setup u = {.dir = temp_dir_new()};
    size_t bytes;
    uint8_t *pictures;

    put_idx(&u.dir, "train", 40, 6, 6, false); /* the labels stay */
    pictures = make_idx(&bytes, 3, (int[]){40, 6, 6}, pixel_of);
    put_file(&u.dir, "train-images-idx3-ubyte", pictures, bytes);
    nt_free(pictures);
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

/* Two dense layers at 2 bits, activations at 4, prepared for training. */
static nt_model *prepared(const setup *u, bool lsq)
{
    nt_ptq_opts o = {
        .method = NT_RANGE_MINMAX, .train = true, .learn_scales = lsq, .weights_minmax = true};
    net t = start(17);
    nt_value *x = NODE(&t, "Flatten", "flat", input(&t, "x", DIMS(-1, 1, 6, 6)))->out[0];
    nt_qspec *spec = NULL;
    cJSON *record = NULL;
    nt_model *m = NULL;
    char *text;

    x = NODE(&t, "Relu", "relu", gemm(&t, "fc1", x, 36, 24))->out[0];
    complete(&t, gemm(&t, "fc2", x, 24, 10));
    randomise(&t);
    assert_ok(nt_qspec_new(&spec, t.g, e));
    assert_ok(nt_qspec_bits(spec, "2/4", false, e));
    assert_ok(nt_ptq(&record, t.g, spec, u->dev, u->train, &o, e));
    nt_qspec_free(spec);
    text = nt_json_text(record);
    assert_non_null(text);
    assert_ok(nt_model_from_graph(&m, t.g, e));
    assert_ok(nt_archive_put(nt_model_archive(m), "quant.json", text, strlen(text), e));
    nt_free(text);
    nt_json_free(record);
    return m;
}

static nt_train_opts some_steps(void)
{
    nt_train_opts o;

    nt_train_defaults(&o);
    o.steps = 200;
    o.batch_size = 20;
    o.optim.lr = 0.02;
    o.optim.momentum = 0.9;
    o.optim.weight_decay = 0.01;
    return o;
}

/* The loss of the last epoch. */
static double train_model(const setup *u, nt_model *m, const nt_train_opts *o)
{
    nt_trainer *t = NULL;
    const cJSON *epochs;
    double loss;

    assert_ok(nt_trainer_new(&t, m, NULL, u->dev, u->train, NULL, o, e));
    assert_ok(nt_trainer_run(t, e));
    epochs = cJSON_GetObjectItem(nt_trainer_report(t), "epochs");
    loss =
        cJSON_GetObjectItem(cJSON_GetArrayItem(epochs, cJSON_GetArraySize(epochs) - 1), "loss")
            ->valuedouble;
    nt_trainer_free(t);
    return loss;
}

static float first_scale(nt_model *m)
{
    return (float)nt_tensor_get(
        nt_graph_find_value(nt_model_graph(m), "fc2.weight_scale")->data, 0);
}

static bool record_has(nt_model *m, const char *word)
{
    size_t n = 0;
    const char *text = nt_archive_get(nt_model_archive(m), "quant.json", &n);
    char *copy = nt_calloc(n + 1, 1);
    bool has;

    assert_non_null(copy);
    memcpy(copy, text, n);
    has = strstr(copy, word) != NULL;
    nt_free(copy);
    return has;
}

/* Scales of activations that are a poor start: two codes are left. */
static void widen_activations(nt_model *m)
{
    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "flat_scale")->data, 0, 0.7);
    nt_tensor_set(nt_graph_find_value(nt_model_graph(m), "relu_scale")->data, 0, 2.5);
}

NT_TEST(learned_scales_reach_a_lower_loss)
{
    setup u = set_up();
    nt_model *fixed = prepared(&u, false), *learned = prepared(&u, true);
    nt_train_opts o = some_steps();
    float before = first_scale(fixed);
    double qat, lsq;

    widen_activations(fixed);
    widen_activations(learned);
    qat = train_model(&u, fixed, &o);
    lsq = train_model(&u, learned, &o);

    assert_true(lsq < 0.8 * qat);
    assert_float_equal(first_scale(fixed), before, 0);
    assert_true(first_scale(learned) != before && first_scale(learned) > 0);
    assert_true(record_has(fixed, "\"scale\""));
    assert_false(record_has(learned, "\"scale\""));
    assert_true(record_has(learned, "\"bits\"") && record_has(learned, "\"lsq\""));
    nt_model_free(fixed);
    nt_model_free(learned);
    tear_down(&u);
}

/* Stands for a kill. */
static nt_status die_at_step_5(void *ctx, nt_params *p, const nt_clock *c, nt_err *e)
{
    (void)ctx;
    (void)p;
    return c->step == 4 ? nt_fail(e, NT_EIO, "killed") : NT_OK;
}

NT_TEST(a_resumed_training_of_scales_is_one_that_never_stopped)
{
    setup u = set_up();
    nt_model *whole = prepared(&u, true), *killed = prepared(&u, true), *m = prepared(&u, true);
    nt_train_opts o = some_steps();
    nt_trainer *t = NULL;

    o.steps = 8;
    train_model(&u, whole, &o);
    o.checkpoint = in_dir(&u.dir, "c.nt");
    o.checkpoint_every = 1;
    o.resume = true;
    o.after_step = die_at_step_5;
    assert_ok(nt_trainer_new(&t, killed, NULL, u.dev, u.train, NULL, &o, e));
    assert_fails(NT_EIO, "killed", nt_trainer_run(t, e));
    nt_trainer_free(t);
    o.after_step = NULL;
    train_model(&u, m, &o);
    assert_float_equal(first_scale(m), first_scale(whole), 0);
    nt_model_free(whole);
    nt_model_free(killed);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST_MAIN
