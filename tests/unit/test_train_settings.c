/* SPDX-License-Identifier: MIT */
/* Every row that has both an option and a key is set both ways, by a table that stands here. */
#include "test.h"

#include "base/alloc.h"
#include "base/opt_old.h"
#include "base/str.h"
#include "train/settings.h"

#include <stdlib.h>
#include <string.h>

/* Into s, which the caller releases; strings go with the text's object, so none is kept. */
static nt_status read_into(nt_train_settings *s, const char *text, nt_err *e)
{
    cJSON *j = NULL;
    nt_status status;

    nt_train_settings_init(s);
    assert_int_equal(nt_json_parse(&j, text, strlen(text), e), NT_OK);
    status = nt_train_settings_read(s, j, "full_trainer", e);
    nt_json_free(j);
    return status;
}

static nt_status read(nt_train_opts *o, const char *text, nt_err *e)
{
    nt_train_settings s;
    nt_status status = read_into(&s, text, e);

    *o = s.o;
    nt_train_settings_release(&s);
    return status;
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
            &e),
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
                          &e),
                     NT_OK);
    assert_ptr_equal(o.optim.kind, &nt_optim_adamw);
    assert_true(o.optim.lr == 0.002 && o.optim.beta1 == 0.8 && o.optim.weight_decay == 0.01);
}

NT_TEST(the_interval_moves_into_the_factory)
{
    nt_schedule_run run = {.lr = 1, .epochs = 1, .steps = 4};
    nt_schedule *schedule = NULL;
    nt_train_settings s;

    assert_ok(read_into(&s,
                        "{\"scheduler\": {\"factory\": {\"name\": \"CosineAnnealingLR\"},"
                        "\"interval\": \"iteration\"}}",
                        e));
    assert_ok(nt_schedule_new(&schedule, s.o.schedule, &run, "scheduler", e));
    assert_float_equal(nt_schedule_lr(schedule, &(nt_clock){.step = 2}), 0.5, 1e-12);
    nt_schedule_free(schedule);
    nt_train_settings_release(&s);
}

/* In today's spelling: what is left of text, and what is said of it. */
static char *renewed(const char *text, nt_str *said, nt_status want, nt_err *e)
{
    cJSON *j = NULL;
    char *now;

    assert_int_equal(nt_json_parse(&j, text, strlen(text), e), NT_OK);
    assert_int_equal(nt_opt_renew(nt_train_rows, j, "full_trainer", said, e), want);
    now = cJSON_PrintUnformatted(j);
    nt_json_free(j);
    return now;
}

NT_TEST(eval_based_is_the_interval_eval)
{
    static const struct {
        const char *old, *now;
    } cases[] = {
        {"{\"scheduler\":{\"factory\":\"step\",\"eval_based\":true}}",
         "{\"scheduler\":{\"factory\":\"step\",\"interval\":\"eval\"}}"},
        {"{\"scheduler\":{\"factory\":\"step\",\"eval_based\":false}}",
         "{\"scheduler\":{\"factory\":\"step\"}}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_str said = {0};
        nt_err e = {""};
        char *now = renewed(cases[i].old, &said, NT_OK, &e);

        assert_string_equal(now, cases[i].now);
        assert_string_equal(said.p, "full_trainer.scheduler.eval_based: an old spelling of "
                                    "'full_trainer.scheduler.interval'\n");
        cJSON_free(now);
        nt_str_release(&said);
    }
}

NT_TEST(eval_based_beside_an_interval_is_one_too_many)
{
    nt_str said = {0};
    nt_err e = {""};

    cJSON_free(renewed("{\"scheduler\": {\"eval_based\": false, \"interval\": \"epoch\"}}",
                       &said, NT_EINVAL, &e));
    assert_string_equal(e.msg, "full_trainer.scheduler.eval_based: says the same as "
                               "'full_trainer.scheduler.interval', give one of them");
    nt_str_release(&said);
}

/* The factory's three forms. */
NT_TEST(a_factory_is_a_name_or_an_object_with_arguments)
{
    static const char *const forms[] = {
        "{\"scheduler\": {\"factory\": {\"name\": \"step\", \"step_size\": 3}}}",
        "{\"scheduler\": {\"factory\": {\"name\": \"step\", \"kwargs\": {\"step_size\": 3}}}}",
        "{\"scheduler\": {\"factory\": \"step\"}}",
    };

    for (size_t i = 0; i < 3; i++) {
        nt_train_settings s;

        assert_ok(read_into(&s, forms[i], e));
        assert_string_equal(nt_json_get(s.o.schedule, "name")->valuestring, "step");
        if (i < 2)
            assert_int_equal(nt_json_get(s.o.schedule, "step_size")->valueint, 3);
        assert_ok(nt_train_settings_check(&s, "", e));
        nt_train_settings_release(&s);
    }
}

NT_TEST(what_does_not_go_together_is_found_before_a_trainer_finds_it)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"optimizer\": {\"name\": \"sgd\", \"nesterov\": true}}", "a.optimizer: nesterov"},
        {"{\"optimizer\": {\"name\": \"adam\", \"momentum\": 0.5}}", "a.optimizer: momentum"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"betas\": [0, 0]}}", "a.optimizer: betas"},
        {"{\"scheduler\": {\"factory\": \"stair\"}}", "a.scheduler.factory: schedule 'stair'"},
        {"{\"scheduler\": {\"factory\": {\"name\": \"step\", \"gama\": 1}}}",
         "a.scheduler.factory.gama: unknown key"},
        {"{\"scheduler\": {\"factory\": {\"name\": \"cosine\", \"T_max\": 0}}}",
         "a.scheduler.factory.T_max: got 0"},
        {"{\"scheduler\": {\"factory\": \"onecycle\", \"interval\": \"epoch\"}}",
         "a.scheduler.interval: schedule 'onecycle' goes by 'iteration'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_train_settings s;
        nt_err err = {""};

        assert_ok(read_into(&s, cases[i].text, e));
        assert_int_equal(nt_train_settings_check(&s, "a", &err), NT_EINVAL);
        if (strncmp(err.msg, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("%s: '%s'", cases[i].text, err.msg);
        nt_train_settings_release(&s);
    }
}

/* All keys are there, and what is written is read as the same. */
NT_TEST(settings_are_written_as_they_are_read)
{
    static const char *const texts[] = {
        "{}",
        "{\"epochs\": 3, \"optimizer\": {\"name\": \"adamw\", \"lr\": 0.5, \"betas\": [0.5, "
        "0.25], \"eps\": 0.125}, \"scheduler\": {\"factory\": {\"name\": \"plateau\", "
        "\"patience\": 3}}, \"ema\": {\"decay_rate\": 0.5}, \"freeze_bn\": 2, "
        "\"eval_split\": \"val\", \"eval_skip\": 4, \"teacher_views\": 2, \"loop_test\": true}",
    };

    for (size_t i = 0; i < 2; i++) {
        nt_train_settings s, again;
        cJSON *j = NULL, *first = NULL, *second = NULL;

        nt_train_settings_init(&s);
        nt_train_settings_init(&again);
        s.o.epochs = 1; /* 0 is for a run that counts steps */
        assert_ok(nt_json_parse(&j, texts[i], strlen(texts[i]), e));
        assert_ok(nt_train_settings_read(&s, j, "", e));
        assert_ok(nt_train_settings_json(&first, &s, e));
        assert_int_equal(cJSON_GetArraySize(first), 13);
        assert_ok(nt_train_settings_read(&again, first, "", e));
        assert_ok(nt_train_settings_json(&second, &again, e));
        assert_true(cJSON_Compare(first, second, true));
        assert_int_equal(nt_train_settings_watch(&again), i == 1);
        nt_train_settings_release(&s);
        nt_train_settings_release(&again);
        nt_json_free(second);
        nt_json_free(first);
        nt_json_free(j);
    }
}

NT_TEST(ema_and_loop_test_may_be_switches)
{
    nt_train_opts o;
    nt_err e = {""};

    assert_int_equal(read(&o, "{\"ema\": true, \"loop_test\": true}", &e), NT_OK);
    assert_true(o.ema_decay == 0.9999 && o.steps == 1);
    assert_int_equal(read(&o, "{\"ema\": false, \"loop_test\": false}", &e), NT_OK);
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
        {"{\"optimizer\": {\"name\": \"lamb\"}}", "full_trainer.optimizer.name"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"lr\": -1}}", "full_trainer.optimizer.lr"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"x\": 1}}}",
         "full_trainer.optimizer.kwargs.x"},
        {"{\"scheduler\": {\"interval\": \"epoch\"}}", "full_trainer.scheduler.factory"},
        {"{\"scheduler\": 3}", "full_trainer.scheduler: want an object"},
        {"{\"ema\": 3}", "full_trainer.ema"},
        {"{\"eval_key\": \"speed\"}", "full_trainer.eval_key: metric 'speed'"},
        {"{\"optimizer\": {\"name\": \"adam\", \"betas\": [0.9]}}",
         "full_trainer.optimizer.betas: want two numbers"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"momentun\": 0.9}}",
         "full_trainer.optimizer.momentun: unknown key (did you mean 'momentum'?)"},
        {"{\"optimizer\": 1}", "full_trainer.optimizer: want an object"},
        {"{\"scheduler\": {\"factory\": {\"interval\": \"eval\"}}}",
         "full_trainer.scheduler.factory.interval: belongs beside factory"},
        {"{\"eval_split\": 1}", "full_trainer.eval_split: got 1, want a string"},
        {"{\"scheduler\": {\"factory\": 3}}", "full_trainer.scheduler.factory: want an object"},
        {"{\"scheduler\": {\"factory\": {\"gamma\": 1}}}",
         "full_trainer.scheduler.factory.name: missing"},
        {"{\"scheduler\": {\"factory\": {\"name\": \"step\", \"gamma\": 1, \"kwargs\": "
         "{\"gamma\": 1}}}}",
         "full_trainer.scheduler.factory.kwargs.gamma: says the same as"},
        {"{\"scheduler\": {\"factory\": \"step\", \"interval\": \"batch\"}}",
         "full_trainer.scheduler.interval: 'batch' is not one of epoch, iteration, eval"},
        {"{\"scheduler\": {\"factory\": \"step\", \"eval_based\": true}}",
         "full_trainer.scheduler.eval_based: unknown key"}, /* but for nt_opt_renew */
        {"{\"optimizer\": {\"name\": \"sgd\", \"momentum\": 1}}",
         "full_trainer.optimizer.momentum: got 1, want a number in [0, 1)"},
        {"{\"optimizer\": {\"name\": \"adam\", \"betas\": [0.9, 1]}}",
         "full_trainer.optimizer.betas: want two numbers"},
        {"{\"optimizer\": {\"name\": \"sgd\", \"lr\": 1, \"kwargs\": {\"lr\": 1}}}",
         "full_trainer.optimizer.kwargs.lr: says the same as 'full_trainer.optimizer.lr'"},
        {"[]", "full_trainer: want an object"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nt_train_opts o;
        nt_err e = {""};

        assert_int_equal(read(&o, cases[i].text, &e), NT_EINVAL);
        if (strstr(e.msg, cases[i].want) == NULL)
            fail_msg("%s: '%s' does not hold '%s'", cases[i].text, e.msg, cases[i].want);
    }
}

/* ---- rows */

static const struct {
    const char *name, *text, *json; /* an option, its argument, and a file that says the same */
} both_ways[] = {
    {"epochs", "7", "{\"epochs\": 7}"},
    {"optimizer", "adamw", "{\"optimizer\": {\"name\": \"AdamW\"}}"},
    {"lr", "0.25", "{\"optimizer\": {\"name\": \"sgd\", \"lr\": 0.25}}"},
    {"momentum", "0.5", "{\"optimizer\": {\"name\": \"sgd\", \"momentum\": 0.5}}"},
    {"nesterov", NULL, "{\"optimizer\": {\"name\": \"sgd\", \"nesterov\": true}}"},
    {"weight-decay", "0.125", "{\"optimizer\": {\"name\": \"sgd\", \"weight_decay\": 0.125}}"},
    {"lr", "0.25", "{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"lr\": 0.25}}}"},
    {"momentum", "0.5",
     "{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"momentum\": 0.5}}}"},
    {"nesterov", NULL,
     "{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"nesterov\": true}}}"},
    {"weight-decay", "0.125",
     "{\"optimizer\": {\"name\": \"sgd\", \"kwargs\": {\"weight_decay\": 0.125}}}"},
    {"scheduler", "step,step_size=3",
     "{\"scheduler\": {\"factory\": {\"name\": \"step\", \"step_size\": 3}}}"},
    {"teacher-views", "2", "{\"teacher_views\": 2}"},
    {"ema", "0.75", "{\"ema\": {\"decay_rate\": 0.75}}"},
    {"freeze-bn", "1.5", "{\"freeze_bn\": 1.5}"},
    {"progressive", "8:2", "{\"progressive\": \"8:2\"}"},
    {"eval-split", "valid", "{\"eval_split\": \"valid\"}"},
    {"eval-freq", "3", "{\"eval_freq\": 3}"},
    {"metric", "top5", "{\"eval_key\": \"top5\"}"},
    {"early-stopping", "4", "{\"early_stopping_patience\": 4}"},
};

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Byte by byte, but for what is behind pointers. Both began as the same bytes. */
static bool same(nt_train_settings a, nt_train_settings b)
{
    bool schedules = !a.o.schedule == !b.o.schedule &&
                     (!a.o.schedule || cJSON_Compare(a.o.schedule, b.o.schedule, true));
    bool texts = same_text(a.eval_split, b.eval_split) && same_text(a.teacher, b.teacher) &&
                 same_text(a.qat, b.qat) && same_text(a.o.progressive, b.o.progressive);

    a.o.schedule = b.o.schedule = NULL;
    a.eval_split = a.teacher = a.qat = a.o.progressive = NULL;
    b.eval_split = b.teacher = b.qat = b.o.progressive = NULL;
    return schedules && texts && memcmp(&a, &b, sizeof a) == 0;
}

/* settings with room between members that is the same in all of them */
static void begin(nt_train_settings *s)
{
    memset(s, 0, sizeof *s);
    nt_train_defaults(&s->o);
}

static const nt_opt *row_of(const nt_opt *rows, const char *name)
{
    while (rows->kind != NT_OPTK_END && !(rows->name && strcmp(rows->name, name) == 0))
        rows++;
    return rows->kind == NT_OPTK_END ? NULL : rows;
}

NT_TEST(an_option_and_its_key_set_the_same)
{
    for (size_t i = 0; i < sizeof both_ways / sizeof *both_ways; i++) {
        nt_train_settings typed, read, plain;
        nt_opt rows[NT_TRAIN_ROWS];
        cJSON *j = NULL;

        begin(&typed);
        begin(&read);
        begin(&plain);
        nt_opt_bind(rows, nt_train_rows, &typed);
        if (!row_of(rows, both_ways[i].name))
            fail_msg("there is no option '%s'", both_ways[i].name);
        assert_ok(nt_opt_set(row_of(rows, both_ways[i].name), both_ways[i].text, e));
        assert_ok(nt_json_parse(&j, both_ways[i].json, strlen(both_ways[i].json), e));
        assert_ok(nt_train_settings_read(&read, j, "", e));
        if (!same(typed, read) || same(read, plain))
            fail_msg("--%s %s and %s", both_ways[i].name, both_ways[i].text, both_ways[i].json);
        nt_train_settings_release(&typed);
        nt_train_settings_release(&read);
        nt_json_free(j);
    }
}

NT_TEST(every_option_with_a_key_is_tried_so)
{
    for (const nt_opt *o = nt_train_rows; o->kind != NT_OPTK_END; o++) {
        int want = o->name && o->key ? o->also ? 2 : 1 : 0, got = 0;

        for (size_t i = 0; o->name && i < sizeof both_ways / sizeof *both_ways; i++)
            got += strcmp(both_ways[i].name, o->name) == 0;
        if (got < want)
            fail_msg("--%s: %d cases, want %d", o->name, got, want);
    }
}

NT_TEST(keys_without_an_option_set_their_own)
{
    nt_train_opts o;
    nt_err e = {""};

    assert_int_equal(read(&o,
                          "{\"optimizer\": {\"name\": \"adam\", \"eps\": 0.5, \"betas\": "
                          "[0.25, 0.75]}, \"ema\": {\"period\": 5}, \"eval_skip\": 6}",
                          &e),
                     NT_OK);
    assert_true(o.optim.eps == 0.5 && o.optim.beta1 == 0.25 && o.optim.beta2 == 0.75);
    assert_true(o.ema_decay == 0.9999 && o.ema_period == 5);
    assert_int_equal(o.eval_skip, 6);
}

NT_TEST(defaults_are_those_that_are_shown)
{
    nt_train_settings s;
    nt_opt rows[NT_TRAIN_ROWS];

    nt_train_settings_init(&s);
    nt_opt_bind(rows, nt_train_rows, &s);
    for (const nt_opt *o = rows; o->kind != NT_OPTK_END; o++) {
        if (!o->def ||
            (o->name && strcmp(o->name, "epochs") == 0)) /* 0: neither they nor steps */
            continue;
        if (o->kind == NT_OPTK_DOUBLE && strtod(o->def, NULL) != *(double *)o->out)
            fail_msg("%s: %s, is %g", o->key, o->def, *(double *)o->out);
        if (o->kind == NT_OPTK_I64 && strtoll(o->def, NULL, 10) != *(int64_t *)o->out)
            fail_msg("%s: %s, is %lld", o->key, o->def, (long long)*(int64_t *)o->out);
    }
    assert_string_equal(row_of(rows, "optimizer")->def, s.o.optim.kind->name);
    assert_string_equal(row_of(rows, "metric")->def, s.o.metric->name);
}

/* The words of a row, and those that a mistake is answered with. */
static void knows_its_words(const char *option, const char *json)
{
    const nt_opt *o = row_of(nt_train_rows, option);
    nt_train_opts settings;
    nt_err e = {""};
    char word[32];
    nt_str known = {0};

    for (int i = 0; nt_opt_word(word, sizeof word, o->words, i); i++)
        nt_str_addf(&known, "%s%s", i ? ", " : " (", word);
    nt_str_add(&known, ")");
    assert_false(known.failed);
    assert_int_equal(read(&settings, json, &e), NT_EINVAL);
    if (!strstr(e.msg, known.p))
        fail_msg("'%s' does not hold '%s'", e.msg, known.p);
    nt_str_release(&known);
}

NT_TEST(words_are_those_that_are_known)
{
    nt_err e = {""};
    const nt_loss *loss;
    nt_schedule *schedule = NULL;
    nt_schedule_run run = {.lr = 1, .epochs = 1, .steps = 4, .evals = 1};
    char word[32];

    knows_its_words("optimizer", "{\"optimizer\": {\"name\": \"?\"}}");
    knows_its_words("metric", "{\"eval_key\": \"?\"}");
    assert_int_equal(nt_loss_find(&loss, "?", &e), NT_EINVAL);
    assert_non_null(strstr(e.msg, "(cross_entropy, mse)"));
    assert_string_equal(row_of(nt_train_rows, "loss")->words, "cross_entropy|mse");
    for (int i = 0; nt_opt_word(word, sizeof word, NT_SCHEDULES, i); i++) {
        cJSON *j = cJSON_CreateObject();

        assert_true(nt_json_add_str(j, "name", word));
        if (nt_schedule_new(&schedule, j, &run, "", &e) == NT_OK) {
            nt_schedule_free(schedule);
            schedule = NULL;
        } else if (strstr(e.msg, "is not known")) {
            fail_msg("%s", e.msg);
        }
        nt_json_free(j);
    }
}

NT_TEST_MAIN
