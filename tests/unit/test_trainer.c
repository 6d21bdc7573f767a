/* SPDX-License-Identifier: MIT */
/* The loop on networks small enough to train in milliseconds: 30 images of 6 x 6, 10 classes.
 */
#include "data_files.h"
#include "along.h"

#include "graph/pass.h"
#include "graph/zoo.h"
#include "op/registry.h"
#include "train/trainer.h"

#include <math.h>

#define MLP                                                                                    \
    "{\"name\":\"mlp\",\"about\":\"\",\"input\":[1,6,6],\"classes\":10,\"layers\":["           \
    "\"flatten\","                                                                             \
    "{\"linear\":\"fc1\",\"out\":16},\"relu\",{\"linear\":\"fc2\",\"out\":\"classes\"}]}"
#define CONV                                                                                   \
    "{\"name\":\"conv\",\"about\":\"\",\"input\":[1,6,6],\"classes\":10,\"layers\":["          \
    "{\"conv\":\"conv1\",\"out\":4,\"pad\":1},{\"bn\":\"bn1\"},\"relu\",{\"dropout\":0.5},"    \
    "\"flatten\",{\"linear\":\"fc\",\"out\":\"classes\"}]}"

typedef struct setup {
    temp_dir dir;
    nt_dataset *data;
    nt_split *train, *test;
    nt_device *dev;
} setup;

/* Image i shows its class: every tenth pixel, from pixel i % 10 on, is bright. */
static uint8_t pixel_of(size_t i)
{
    return (uint8_t)(i % 36 % 10 == i / 36 % 10 ? 250 : i * 7 % 128);
}

static void put_images(const temp_dir *d, const char *stem, int n)
{
    size_t bytes;
    uint8_t *p = make_idx(&bytes, 3, (int[]){n, 6, 6}, pixel_of);
    char name[64];

    snprintf(name, sizeof name, "%s-images-idx3-ubyte", stem);
    put_file(d, name, p, bytes);
    nt_free(p);
    p = make_idx(&bytes, 1, &n, idx_label);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", stem);
    put_file(d, name, p, bytes);
    nt_free(p);
}

static setup set_up_with(const char *format)
{
    setup u = {.dir = temp_dir_new()};

    put_images(&u.dir, "train", 30);
    put_images(&u.dir, "t10k", 20);
    u.data = open_data(&u.dir, format);
    u.train = open_split(u.data, "train");
    u.test = open_split(u.data, "test");
    assert_ok(nt_device_new(&u.dev, 1, e));
    return u;
}

static setup set_up(void)
{
    return set_up_with("idx:%s");
}

static void tear_down(setup *u)
{
    nt_split_free(u->train);
    nt_split_free(u->test);
    nt_dataset_free(u->data);
    nt_device_free(u->dev);
    temp_dir_remove(&u->dir);
}

static nt_model *make_model(const char *description, int64_t classes)
{
    nt_zoo_opts o = {.classes = classes, .seed = 5};
    nt_graph *g = NULL;
    nt_model *m = NULL;
    cJSON *j = NULL;

    assert_ok(nt_json_parse(&j, description, strlen(description), e));
    assert_ok(nt_zoo_build(&g, j, &o, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_model_from_graph(&m, g, e));
    nt_json_free(j);
    return m;
}

static nt_train_opts small_opts(void)
{
    nt_train_opts o;

    nt_train_defaults(&o);
    o.epochs = 3;
    o.batch_size = 8; /* 8 + 8 + 8 + 6 */
    o.optim.lr = 0.05;
    o.optim.momentum = 0.9;
    return o;
}

static nt_status run(setup *u, nt_model *m, nt_model *teacher, const nt_train_opts *o,
                     nt_err *e)
{
    nt_trainer *t = NULL;
    nt_status s =
        nt_trainer_new(&t, &(nt_train_with){m, teacher, u->dev, u->train, u->test}, o, e);

    if (s == NT_OK)
        s = nt_trainer_run(t, e);
    nt_trainer_free(t);
    return s;
}

/* Trains and gives all parameters and statistics, one after the other. */
static float *trained(setup *u, const char *net, const nt_train_opts *o, size_t *n)
{
    nt_model *m = make_model(net, 0);
    nt_params *p = NULL;
    float *all;

    assert_ok(run(u, m, NULL, o, e));
    assert_ok(nt_params_new(&p, nt_model_graph(m), e));
    *n = p->n_w + p->n_state;
    all = nt_alloc(*n, sizeof *all);
    memcpy(all, p->w, p->n_w * sizeof *all);
    memcpy(all + p->n_w, p->state, p->n_state * sizeof *all);
    nt_params_free(p);
    nt_model_free(m);
    return all;
}

static double number(const cJSON *j, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

    assert_true(cJSON_IsNumber(v));
    return v->valuedouble;
}

NT_TEST(training_learns_the_training_set)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0);
    nt_trainer *t = NULL;
    const cJSON *epochs, *last;

    o.epochs = 40;
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, u.train}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    epochs = cJSON_GetObjectItemCaseSensitive(nt_trainer_report(t), "epochs");
    last = cJSON_GetArrayItem(epochs, 39);
    assert_int_equal(cJSON_GetArraySize(epochs), 40);
    assert_true(number(epochs->child, "loss") > 2);
    assert_true(number(last, "loss") < 0.5);
    assert_true(number(last, "accuracy") > 95);
    assert_int_equal(number(last, "steps"), 160); /* 4 batches, the last one smaller */
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(the_same_run_gives_the_same_bytes_and_another_seed_others)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    size_t n;
    float *a = trained(&u, CONV, &o, &n), *b = trained(&u, CONV, &o, &n), *c;

    assert_memory_equal(a, b, n * sizeof *a);
    o.seed = 1;
    c = trained(&u, CONV, &o, &n);
    assert_true(memcmp(a, c, n * sizeof *a) != 0);
    nt_free(a);
    nt_free(b);
    nt_free(c);
    tear_down(&u);
}

/* The hook that stands for a kill. */
static nt_status die_at_step(void *ctx, nt_params *p, const nt_clock *c, nt_err *e)
{
    (void)p;
    return c->step + 1 == *(const uint64_t *)ctx ? nt_fail(e, NT_EIO, "killed") : NT_OK;
}

static const nt_companion dying = ALONG(die_at_step);

/* Dies after `step` updates and goes on from the checkpoint: the same bytes as without. */
static void resume_after(setup *u, nt_train_opts o, uint64_t step)
{
    size_t n, m;
    float *straight = trained(u, CONV, &o, &n), *resumed;
    nt_model *model = make_model(CONV, 0);
    nt_err err = {""};

    o.checkpoint = in_dir(&u->dir, "state.nt");
    o.checkpoint_every = 1;
    o.resume = true;
    o.identity = "this run";
    o.companions = (const nt_companion *const[]){&dying, NULL};
    o.ctx = &step;
    assert_int_equal(run(u, model, NULL, &o, &err), NT_EIO);
    assert_string_equal(err.msg, "killed");
    o.companions = NULL;
    resumed = trained(u, CONV, &o, &m);
    assert_int_equal(n, m);
    assert_memory_equal(straight, resumed, n * sizeof *straight);
    assert_int_equal(remove(in_dir(&u->dir, "state.nt")), 0);
    nt_model_free(model);
    nt_free(straight);
    nt_free(resumed);
}

NT_TEST(a_run_that_was_stopped_and_resumed_ends_with_the_same_bytes)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    cJSON *schedule = NULL;

    assert_ok(nt_schedule_parse(&schedule, "cosine,interval=iteration", e));
    o.schedule = schedule;
    o.ema_decay = 0.9;
    o.ema_period = 5;
    resume_after(&u, o, 3); /* within the first epoch */
    resume_after(&u, o, 5); /* after the first step of the second */
    resume_after(&u, o, 11);
    nt_json_free(schedule);
    tear_down(&u);
}

NT_TEST(resuming_carries_adam_plateau_early_stopping_and_the_best_weights)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    cJSON *schedule = NULL;

    assert_ok(nt_schedule_parse(&schedule, "plateau,patience=0,factor=0.5", e));
    assert_ok(nt_optim_defaults(&o.optim, "adam", e));
    o.schedule = schedule;
    o.keep_best = true;
    o.early_stopping = 2;
    o.epochs = 6;
    resume_after(&u, o, 7);
    nt_json_free(schedule);
    tear_down(&u);
}

NT_TEST(a_finished_run_resumes_to_its_result)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    size_t n;
    float *a, *b;

    o.checkpoint = in_dir(&u.dir, "state.nt");
    o.resume = true;
    a = trained(&u, CONV, &o, &n);
    b = trained(&u, CONV, &o, &n);
    assert_memory_equal(a, b, n * sizeof *a);
    nt_free(a);
    nt_free(b);
    tear_down(&u);
}

NT_TEST(the_checkpoint_of_another_run_is_refused)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0), *other = make_model(CONV, 0);
    nt_err err;

    o.checkpoint = in_dir(&u.dir, "state.nt");
    o.resume = true;
    o.identity = "a";
    assert_ok(run(&u, m, NULL, &o, e));
    o.identity = "b";
    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EINVAL);
    assert_non_null(strstr(err.msg, "checkpoint of another training"));
    assert_int_equal(run(&u, other, NULL, &o, &err), NT_EFORMAT);
    assert_non_null(strstr(err.msg, "its parameters differ"));
    nt_model_free(m);
    nt_model_free(other);
    tear_down(&u);
}

static void put_mask(nt_model *m, const char *name, const int64_t *dims, int rank)
{
    nt_tensor *mask = NULL;

    assert_ok(nt_tensor_new(&mask, NT_U8, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(mask); i++)
        nt_tensor_set(mask, i, i % 3 != 0);
    assert_ok(nt_model_take_mask(m, name, mask, e));
}

NT_TEST(masked_weights_stay_zero_whatever_momentum_holds)
{
    const char *const optimizers[] = {"sgd", "adam", "adamw"};
    setup u = set_up();

    for (int i = 0; i < 3; i++) {
        nt_train_opts o = small_opts();
        nt_model *m = make_model(MLP, 0);
        nt_params *p = NULL;
        const nt_param *w;

        assert_ok(nt_optim_defaults(&o.optim, optimizers[i], e));
        o.optim.momentum = i == 0 ? 0.9 : 0;
        o.optim.weight_decay = 0.1;
        o.ema_decay = i == 1 ? 0.9 : 0;
        put_mask(m, "fc1.weight", (int64_t[]){16, 36}, 2);
        assert_ok(run(&u, m, NULL, &o, e));
        assert_ok(nt_params_new(&p, nt_model_graph(m), e));
        w = nt_params_find(p, "fc1.weight");
        assert_non_null(w);
        for (size_t k = 0; k < w->count; k++)
            assert_true((nt_param_data(p, w)[k] == 0) == (k % 3 == 0));
        nt_params_free(p);
        nt_model_free(m);
    }
    tear_down(&u);
}

/* A pruning schedule: masks from the third step on. */
static nt_status prune_at_step_3(void *ctx, nt_params *p, const nt_clock *c, nt_err *e)
{
    (void)p;
    (void)e;
    if (c->step == 2)
        put_mask(ctx, "fc2.weight", (int64_t[]){10, 16}, 2);
    return NT_OK;
}

static const nt_companion pruning = ALONG(prune_at_step_3);

NT_TEST(masks_that_a_schedule_makes_on_the_way_are_kept_from_then_on)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0);
    nt_params *p = NULL;
    const nt_param *w;

    o.companions = (const nt_companion *const[]){&pruning, NULL};
    o.ctx = m;
    assert_ok(run(&u, m, NULL, &o, e));
    assert_ok(nt_params_new(&p, nt_model_graph(m), e));
    w = nt_params_find(p, "fc2.weight");
    for (size_t k = 0; k < w->count; k++)
        assert_true((nt_param_data(p, w)[k] == 0) == (k % 3 == 0));
    nt_params_free(p);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(a_student_that_is_its_own_teacher_has_nothing_to_learn)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0), *teacher = make_model(MLP, 0);
    nt_params *before = NULL, *after = NULL;

    o.distill_weight = 1;
    o.optim.momentum = 0;
    o.steps = 1;
    assert_ok(run(&u, m, teacher, &o, e));
    assert_ok(nt_params_new(&before, nt_model_graph(teacher), e));
    assert_ok(nt_params_new(&after, nt_model_graph(m), e));
    for (size_t i = 0; i < before->n_w; i++)
        assert_float_equal(before->w[i], after->w[i], 1e-6);
    nt_params_free(before);
    nt_params_free(after);
    nt_model_free(m);
    nt_model_free(teacher);
    tear_down(&u);
}

/* All parameters after a training of CONV with a teacher; nt_free. s: what it came to. */
static float *taught(setup *u, const nt_train_opts *o, size_t *n, nt_status *s)
{
    nt_model *m = make_model(CONV, 0), *teacher = make_model(MLP, 0);
    nt_params *p = NULL;
    nt_err err;
    float *w;

    *s = run(u, m, teacher, o, &err);
    assert_ok(nt_params_new(&p, nt_model_graph(m), e));
    *n = p->n_w;
    w = nt_alloc(*n, sizeof *w);
    memcpy(w, p->w, *n * sizeof *w);
    nt_params_free(p);
    nt_model_free(m);
    nt_model_free(teacher);
    return w;
}

/* Stopped before update number `step` (of 4 an epoch) and resumed; then once more, from what
 * the file of views has by now. */
static void resume_taught(setup *u, nt_train_opts o, uint64_t step, const float *want)
{
    char state[2 * PATH_BYTES];
    size_t n;
    nt_status s;

    snprintf(state, sizeof state, "%s/state.nt", u->dir.path);
    o.checkpoint = state;
    o.checkpoint_every = 1;
    o.resume = true;
    o.companions = (const nt_companion *const[]){&dying, NULL};
    o.ctx = &step;
    nt_free(taught(u, &o, &n, &s));
    assert_int_equal(s, NT_EIO);
    o.companions = NULL;
    for (int i = 0; i < 2; i++) {
        float *got = taught(u, &o, &n, &s);

        assert_int_equal(s, NT_OK);
        assert_memory_equal(want, got, n * sizeof *got);
        assert_int_equal(remove(state), 0);
        nt_free(got);
    }
    if (o.teacher_cache)
        assert_int_equal(remove(o.teacher_cache), 0);
}

NT_TEST(a_training_with_views_resumes_to_the_same_bytes_with_and_without_their_file)
{
    char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    setup u = set_up_with("idx:%s,flip=true,crop=6,padding=1");
    char said[2 * PATH_BYTES];
    nt_train_opts o = small_opts();
    size_t n;
    nt_status s;
    float *want, *anew;

    o.epochs = 5;
    anew = taught(&u, &o, &n, &s);
    o.teacher_views = 2;
    want = taught(&u, &o, &n, &s);
    assert_int_equal(s, NT_OK);
    assert_true(memcmp(anew, want, n * sizeof *want) != 0);
    for (uint64_t step = 2; step < 20; step += 3)
        resume_taught(&u, o, step, want);
    o.teacher_identity = id;
    snprintf(said, sizeof said, "%s/said", u.dir.path);
    o.teacher_cache = said;
    for (uint64_t step = 2; step < 20; step += 3)
        resume_taught(&u, o, step, want);
    nt_free(want);
    nt_free(anew);
    tear_down(&u);
}

NT_TEST(a_loss_that_is_no_number_stops_the_run)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0);
    nt_err err;

    o.optim.lr = 1e30;
    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EFORMAT);
    assert_non_null(strstr(err.msg, "step "));
    assert_non_null(strstr(err.msg, "too high"));
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(early_stopping_counts_evaluations_without_gain)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0);
    nt_trainer *t = NULL;
    const cJSON *r;

    o.epochs = 50;
    o.optim.lr = 0; /* nothing changes: the first evaluation is the best */
    o.early_stopping = 3;
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, u.test}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    r = nt_trainer_report(t);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(r, "stopped")->valuestring,
                        "early_stopping");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(r, "epochs")), 4);
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(r, "best"), "epoch"), 1);
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(keep_best_ends_with_the_weights_of_the_best_evaluation)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(CONV, 0);
    nt_trainer *t = NULL;
    nt_evaluator *v = NULL;
    nt_eval_result r = {0};
    const cJSON *best;

    o.epochs = 8;
    o.keep_best = true;
    o.metric = &nt_metric_loss;
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, u.test}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    best = cJSON_GetObjectItemCaseSensitive(nt_trainer_report(t), "best");
    assert_ok(nt_evaluator_new(&v, nt_model_graph(m), u.dev, u.test,
                               &(nt_eval_opts){.batch_size = 8}, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    assert_float_equal(nt_eval_value(&r, &nt_metric_loss), number(best, "loss"), 1e-5);
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(a_run_is_as_long_as_the_shorter_of_epochs_and_steps)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 0);
    nt_trainer *t = NULL;

    o.steps = 6;
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, NULL}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    assert_int_equal(number(nt_trainer_report(t), "steps"), 6);
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(nt_trainer_report(t), "stopped")->valuestring,
        "steps");
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(more_classes_than_outputs_are_refused)
{
    setup u = set_up();
    nt_train_opts o = small_opts();
    nt_model *m = make_model(MLP, 7);
    nt_err err;

    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EFORMAT);
    assert_string_equal(err.msg, "the data have 10 classes, the network has 7 outputs");
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(what_is_watched_is_what_is_trained)
{
    setup u = set_up();
    nt_model *m = make_model(MLP, 0);
    nt_trainer *t = NULL;
    nt_train_opts o = small_opts();
    nt_eval_result r = {0};
    nt_evaluator *v = NULL;
    nt_eval_opts eo = {.batch_size = 8, .loss = &nt_loss_square};
    const cJSON *best;

    o.loss = &nt_loss_square;
    o.metric = &nt_metric_loss;
    o.keep_best = true;
    o.epochs = 2;
    assert_ok(nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, u.test}, &o, e));
    assert_ok(nt_trainer_run(t, e));
    best = cJSON_GetObjectItemCaseSensitive(nt_trainer_report(t), "best");
    assert_ok(nt_evaluator_new(&v, nt_model_graph(m), u.dev, u.test, &eo, e));
    assert_ok(nt_evaluator_run(v, &r, e));
    assert_float_equal(nt_eval_value(&r, &nt_metric_loss), number(best, "loss"), 1e-6);
    assert_true(number(best, "loss") < 1); /* a cross entropy would be about 2 */
    nt_eval_result_release(&r);
    nt_evaluator_free(v);
    nt_trainer_free(t);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(a_teacher_goes_with_any_loss)
{
    setup u = set_up();
    nt_model *teacher = make_model(MLP, 0), *m = make_model(CONV, 0);
    nt_train_opts o = small_opts();

    assert_ok(run(&u, teacher, NULL, &o, e));
    o.loss = &nt_loss_square;
    o.distill_weight = 0.5;
    assert_ok(run(&u, m, teacher, &o, e));
    nt_model_free(teacher);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST(settings_that_make_no_sense_are_refused)
{
    setup u = set_up();
    nt_model *m = make_model(MLP, 0);
    nt_trainer *t = NULL;
    nt_train_opts o = small_opts();
    nt_err err;

    o.keep_best = true;
    assert_int_equal(
        nt_trainer_new(&t, &(nt_train_with){m, NULL, u.dev, u.train, NULL}, &o, &err),
        NT_EINVAL);
    o = small_opts();
    o.epochs = 0;
    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EINVAL);
    o = small_opts();
    o.loss = &nt_loss_square;
    o.label_smoothing = 0.1;
    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EINVAL);
    o = small_opts();
    o.ema_decay = 1;
    assert_int_equal(run(&u, m, NULL, &o, &err), NT_EINVAL);
    nt_model_free(m);
    tear_down(&u);
}

NT_TEST_MAIN
