/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "train/config.h"

#include <string.h>

static nt_status read(nt_train_opts *o, const char *text, const char **split, nt_err *e)
{
    cJSON *j = NULL;
    nt_status s;

    nt_train_defaults(o);
    assert_int_equal(nt_json_parse(&j, text, strlen(text), e), NT_OK);
    s = nt_train_config(o, j, "full_trainer", split, e);
    o->schedule = NULL; /* goes with j */
    nt_json_free(j);
    return s;
}

NT_TEST(full_trainer_sets_what_it_names)
{
    nt_train_opts o;
    nt_err e = {""};

    assert_int_equal(
        read(
            &o,
            "{\"epochs\": 7, \"optimizer\": {\"name\": \"SGD\", \"lr\": 0.1, \"momentum\": 0.9,"
            "\"nesterov\": true}, \"eval_freq\": 2, \"eval_key\": \"loss\","
            "\"early_stopping_patience\": 3, \"ema\": {\"decay_rate\": 0.99}}",
            NULL, &e),
        NT_OK);
    assert_int_equal(o.epochs, 7);
    assert_ptr_equal(o.optim.kind, &nt_optim_sgd);
    assert_true(o.optim.lr == 0.1 && o.optim.momentum == 0.9 && o.optim.nesterov);
    assert_int_equal(o.eval_freq, 2);
    assert_ptr_equal(o.metric, &nt_metric_loss);
    assert_int_equal(o.early_stopping, 3);
    assert_true(o.ema_decay == 0.99 && o.ema_period == 2000);
    assert_int_equal(o.batch_size, 128);
}

NT_TEST(optimizer_arguments_may_stand_in_kwargs)
{
    nt_train_opts o;
    nt_err e = {""};

    assert_int_equal(read(&o,
                          "{\"optimizer\": {\"name\": \"AdamW\", \"kwargs\": {\"lr\": 0.002,"
                          "\"betas\": [0.8, 0.9]}}}",
                          NULL, &e),
                     NT_OK);
    assert_ptr_equal(o.optim.kind, &nt_optim_adamw);
    assert_true(o.optim.lr == 0.002 && o.optim.beta1 == 0.8 && o.optim.weight_decay == 0.01);
}

NT_TEST(the_interval_moves_into_the_factory)
{
    const char *text = "{\"scheduler\": {\"factory\": {\"name\": \"CosineAnnealingLR\"},"
                       "\"interval\": \"iteration\"}}";
    nt_schedule_run run = {.lr = 1, .epochs = 1, .steps = 4};
    nt_schedule *s = NULL;
    nt_train_opts o;
    cJSON *j = NULL;

    nt_train_defaults(&o);
    assert_ok(nt_json_parse(&j, text, strlen(text), e));
    assert_ok(nt_train_config(&o, j, "full_trainer", NULL, e));
    assert_ok(nt_schedule_new(&s, o.schedule, &run, "scheduler", e));
    assert_float_equal(nt_schedule_lr(s, &(nt_clock){.step = 2}), 0.5, 1e-12);
    nt_schedule_free(s);
    nt_json_free(j);
}

NT_TEST(ema_and_loop_test_may_be_switches)
{
    nt_train_opts o;
    nt_err e = {""};

    assert_int_equal(read(&o, "{\"ema\": true, \"loop_test\": true}", NULL, &e), NT_OK);
    assert_true(o.ema_decay == 0.9999 && o.steps == 1);
    assert_int_equal(read(&o, "{\"ema\": false, \"loop_test\": false}", NULL, &e), NT_OK);
    assert_true(o.ema_decay == 0 && o.steps == 0);
}

NT_TEST(mistakes_are_named_by_their_path)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"epoch\": 3}", "full_trainer.epoch"},
        {"{\"epochs\": 0}", "full_trainer.epochs"},
        {"{\"epochs\": \"3\"}", "full_trainer.epochs"},
        {"{\"optimizer\": {\"lr\": 1}}", "full_trainer.optimizer.name: missing"},
        {"{\"optimizer\": {\"name\": \"lion\"}}", "full_trainer.optimizer.name"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"lr\": -1}}", "full_trainer.optimizer.lr"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"x\": 1}}}",
         "full_trainer.optimizer.kwargs.x"},
        {"{\"scheduler\": {\"interval\": \"epoch\"}}", "full_trainer.scheduler.factory"},
        {"{\"scheduler\": 3}", "full_trainer.scheduler: want an object"},
        {"{\"ema\": 3}", "full_trainer.ema"},
        {"{\"eval_key\": \"speed\"}", "full_trainer.eval_key: metric 'speed'"},
        {"[]", "full_trainer: want an object"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_train_opts o;
        nt_err e = {""};

        assert_int_equal(read(&o, cases[i].text, NULL, &e), NT_EINVAL);
        if (strstr(e.msg, cases[i].want) == NULL)
            fail_msg("%s: '%s' does not hold '%s'", cases[i].text, e.msg, cases[i].want);
    }
}

NT_TEST_MAIN
