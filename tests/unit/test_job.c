/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "search/job.h"
#include "search/job_keys.h"

#include <stdlib.h>

/* The data set must exist, its samples are not looked at. */
typedef struct fixture {
    scratch t;
    nt_job *job;
} fixture;

static void fixture_open(fixture *f)
{
    static const char *const files[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

    f->job = NULL;
    scratch_open(&f->t);
    for (size_t i = 0; i < 4; i++)
        assert_ok(nt_outfile_save(scratch_path(&f->t, files[i]), "", 0, e));
}

static void fixture_close(fixture *f)
{
    nt_job_free(f->job);
    scratch_close(&f->t);
}

/* The job {"model": "m.nt", "data": ..., KEYS}; as much of the message as `text` is long. */
static nt_status read_keys(fixture *f, const char *keys, nt_err *e)
{
    char *text = nt_strfmt("{\"model\": \"m.nt\", \"data\": \"idx:%s\"%s%s}", f->t.dir,
                           *keys ? ", " : "", keys);
    cJSON *j = NULL;
    nt_status s;

    assert_non_null(text);
    assert_int_equal(nt_json_parse(&j, text, strlen(text), e), NT_OK);
    nt_job_free(f->job);
    f->job = NULL;
    s = nt_job_new(&f->job, j, e);
    nt_json_free(j);
    nt_free(text);
    return s;
}

static void accepts(fixture *f, const char *keys)
{
    nt_err e = {{0}};

    if (read_keys(f, keys, &e) != NT_OK)
        fail_msg("%s: %s", keys, e.msg);
}

static void refuses(fixture *f, nt_status want, const char *keys, const char *start)
{
    nt_err e = {{0}};
    nt_status s = read_keys(f, keys, &e);

    if (s != want || strncmp(e.msg, start, strlen(start)) != 0)
        fail_msg("%s: status %d, '%s'", keys, (int)s, e.msg);
}

static const cJSON *at(const fixture *f, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(f->job->json, key);
}

NT_TEST(defaults_are_filled_in)
{
    fixture f;

    fixture_open(&f);
    accepts(&f, "");
    assert_float_equal(f.job->delta, 1, 0);
    assert_float_equal(f.job->confidence, 0, 0);
    assert_int_equal(f.job->level, 1);
    assert_false(f.job->deepsearch || f.job->bn_fusion || f.job->dryrun);
    assert_string_equal(f.job->eval_key, "accuracy");
    assert_string_equal(f.job->eval_split, "test");
    assert_string_equal(f.job->search_split, "search");
    assert_string_equal(f.job->precision, "fp32");
    assert_string_equal(at(&f, "optimization")->valuestring, "compression");
    assert_string_equal(at(&f, "task_type")->valuestring, "classification");
    assert_non_null(cJSON_GetObjectItem(f.job->full_trainer, "optimizer"));
    assert_non_null(cJSON_GetObjectItem(f.job->loop_params, "epochs"));
    assert_int_equal(f.job->model[0], '/');
    fixture_close(&f);
}

static const cJSON *split(const fixture *f, const char *name)
{
    return nt_json_get(nt_json_get(f->job->data, "splits"), name);
}

NT_TEST(the_search_has_samples_of_its_own_by_default)
{
    fixture f;

    fixture_open(&f);
    accepts(&f, "\"seed\": 5");
    assert_string_equal(nt_json_get(split(&f, "search"), "from")->valuestring, "train");
    assert_float_equal(nt_json_get(split(&f, "search"), "random")->valuedouble, 0.1, 0);
    assert_float_equal(nt_json_get(split(&f, "search"), "seed")->valuedouble, 5, 0);
    accepts(&f, "\"search_split\": \"test\"");
    assert_string_equal(f.job->search_split, "test");
    assert_null(split(&f, "search"));
    accepts(&f, "\"eval_split\": \"train\"");
    assert_string_equal(f.job->search_split, "train");
    assert_null(split(&f, "search"));
    accepts(&f, "\"eval_func\": \"./measure\"");
    assert_string_equal(f.job->search_split, "test");
    assert_null(split(&f, "search"));
    fixture_close(&f);
}

NT_TEST(defaults_are_those_that_are_shown)
{
    nt_job_settings s;
    nt_opt rows[NT_JOB_ROWS];
    int tried = 0;

    nt_job_settings_init(&s);
    nt_opt_bind(rows, nt_job_rows, &s);
    for (const nt_opt *o = rows; o->kind != NT_OPTK_END; o++) {
        char first[32] = "";

        if (!o->def || strcmp(o->key, "search_split") == 0)
            continue;
        if (o->kind == NT_OPTK_DOUBLE)
            assert_float_equal(strtod(o->def, NULL), *(double *)o->out, 0);
        else if (o->kind == NT_OPTK_I64)
            assert_int_equal(strtoll(o->def, NULL, 10), *(int64_t *)o->out);
        else if (o->kind == NT_OPTK_STR)
            assert_string_equal(o->def, *(const char **)o->out);
        else if (o->kind == NT_OPTK_ENUM && nt_opt_word(first, sizeof first, o->words, 0))
            assert_memory_equal(o->def, first, strlen(first));
        tried++;
    }
    assert_int_equal(tried, 14);
    assert_string_equal(s.loss, "cross_entropy");
}

/* An option of nt-optimize, typed, makes the job that its key makes. */
NT_TEST(options_go_under_the_keys_of_the_job)
{
    static const struct {
        const char *name, *key;
    } want[] = {{"model", "model"},
                {"data", "data"},
                {"delta", "delta"},
                {"target-ms", "target_ms"},
                {"costs", "cost_table"},
                {"confidence", "confidence"},
                {"level", "level"},
                {"deepsearch", "deepsearch"},
                {"bn-fusion", "bn_fusion"},
                {"dryrun", "dryrun"},
                {"teacher-precision", "teacher_precision"},
                {"jobs", "jobs"},
                {"launcher", "launcher"},
                {"time", "budget.time_s"},
                {"steps", "budget.steps"},
                {"scored", "budget.scored"},
                {"seed", "seed"},
                {"device", "device"}};
    size_t n = 0;

    for (const nt_opt *o = nt_job_rows; o->kind != NT_OPTK_END; o++) {
        if (!o->name)
            continue;
        assert_true(n < sizeof want / sizeof *want);
        assert_string_equal(o->name, want[n].name);
        assert_string_equal(o->key, want[n].key);
        n++;
    }
    assert_int_equal(n, sizeof want / sizeof *want);
}

/* What is written to job.json is a job itself, and the same one. */
NT_TEST(a_job_as_run_is_read_as_the_same_job)
{
    fixture f;
    nt_job *again = NULL;

    fixture_open(&f);
    accepts(&f, "\"level\": 2, \"budget\": {\"steps\": 5}, \"eval_func\": \"x\", "
                "\"optimizer\": {\"name\": \"SGD\", \"lr\": 0.1}, \"export\": {\"format\": "
                "\"onnx\", \"kwargs\": {\"resolutions\": [[32, 36]], \"root_path\": \"o\"}}");
    assert_int_equal(f.job->level, 3);
    assert_ok(nt_job_new(&again, f.job->json, e));
    assert_true(cJSON_Compare(again->json, f.job->json, true));
    assert_string_equal(f.job->said,
                        "level: 2 is an old spelling of 3\n"
                        "export.format: \"onnx\" is an old spelling of [\"onnx\"]\n");
    assert_null(again->said);
    nt_job_free(again);
    fixture_close(&f);
}

static void check_views(const cJSON *settings, int want)
{
    const cJSON *v = cJSON_GetObjectItem(settings, "teacher_views");

    assert_int_equal(v ? v->valueint : 0, want);
}

NT_TEST(trainings_of_a_length_of_their_own_have_the_views_that_they_say)
{
    static const struct {
        const char *more;
        int full, tuner;
    } cases[] = {
        {"\"level\": 1", 3, 1},
        {"\"level\": 3", 8, 2},
        {"\"optimization\": \"quantization\"", 3, 1},
        {"\"epochs\": 9", 0, 1},
        {"\"full_trainer\": {\"epochs\": 9, \"teacher_views\": 4}", 4, 1},
        {"\"fine_tuner\": {\"loop_params\": {\"teacher_views\": 0}}", 3, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;

        fixture_open(&f);
        accepts(&f, cases[i].more);
        check_views(f.job->full_trainer, cases[i].full);
        check_views(f.job->loop_params, cases[i].tuner);
        fixture_close(&f);
    }
}

NT_TEST(settings_at_the_top_hold_for_both_trainers_epochs_for_the_long_one)
{
    fixture f;
    const cJSON *o;

    fixture_open(&f);
    accepts(&f, "\"epochs\": 9, \"optimizer\": {\"name\": \"adam\", \"lr\": 0.5}, "
                "\"fine_tuner\": {\"loop_params\": {\"optimizer\": {\"name\": \"SGD\", "
                "\"lr\": 0.01}}}");
    assert_int_equal(cJSON_GetObjectItem(f.job->full_trainer, "epochs")->valueint, 9);
    assert_int_not_equal(cJSON_GetObjectItem(f.job->loop_params, "epochs")->valueint, 9);
    o = cJSON_GetObjectItem(f.job->full_trainer, "optimizer");
    assert_string_equal(cJSON_GetObjectItem(o, "name")->valuestring, "adam");
    o = cJSON_GetObjectItem(f.job->full_trainer, "scheduler");
    assert_string_equal(
        cJSON_GetObjectItem(cJSON_GetObjectItem(o, "factory"), "name")->valuestring,
        "constant");
    o = cJSON_GetObjectItem(f.job->loop_params, "optimizer");
    assert_string_equal(cJSON_GetObjectItem(o, "name")->valuestring, "sgd");
    fixture_close(&f);
}

NT_TEST(what_is_unknown_or_out_of_range_is_named_with_its_path)
{
    static const struct {
        const char *keys, *start;
    } bad[] = {
        {"\"detla\": 1", "detla: unknown key (did you mean 'delta'?)"},
        {"\"delta\": -1", "delta: "},
        {"\"delta\": \"1\"", "delta: "},
        {"\"level\": 0", "level: "},
        {"\"level\": 4", "level: "},
        {"\"deepsearch\": 1", "deepsearch: "},
        {"\"confidence\": 0.5", "confidence: 0.5, want 0 or 0.95"},
        {"\"optimization\": \"speed\"", "optimization: "},
        {"\"device\": \"TPU\"", "device: 'TPU', want 'CPU' or 'GPU'"},
        {"\"eval_key\": \"f1\"", "eval_key: "},
        {"\"export\": {\"format\": [1]}", "export.format: "},
        {"\"export\": {\"formats\": []}", "export.formats: unknown key"},
        {"\"export\": {\"kwargs\": {\"precision\": \"int8\"}}", "export.kwargs.precision: "},
        {"\"export\": {\"kwargs\": {\"resolutions\": [[32]]}}", "export.kwargs.resolutions: "},
        {"\"full_trainer\": {\"epochs\": 0}", "full_trainer.epochs: "},
        {"\"full_trainer\": {\"optimizer\": {\"lr\": 1}}", "full_trainer.optimizer.name: "},
        {"\"fine_tuner\": {\"params\": {}}", "fine_tuner.params: unknown key"},
        {"\"fine_tuner\": {\"loop_params\": {\"ema\": 3}}", "fine_tuner.loop_params.ema: "},
        {"\"optimizer\": {\"name\": \"sgdd\"}", "optimizer.name: "},
        {"\"loss_function\": \"hinge\"", "loss_function: "},
        {"\"budget\": {\"time\": 1}", "budget.time: unknown key"},
        {"\"budget\": {\"steps\": 0}", "budget.steps: "},
        {"\"seed\": -1", "seed: "},
        {"\"jobs\": 0", "jobs: "},
        {"\"tools\": {\"nt-prune\": \"\"}", "tools.nt-prune: "},
        {"\"tools\": {\"gcc\": \"x\"}", "tools.gcc: unknown key"},
        {"\"config_list\": {}", "config_list"},
        {"\"custom_compression\": {\"bits\": 1}", "custom_compression.bits: unknown key"},
        {"\"custom_compression\": {\"quant_args\": {\"skip_layers\": [0.5]}}",
         "custom_compression.quantization_args.skip_layers: "},
        {"\"custom_compression\": {\"quantization_args\": {}, \"quant_args\": {}}",
         "custom_compression.quant_args: says the same as "
         "'custom_compression.quantization_args', give one of them"},
        {"\"horovod\": false, \"use_horovod\": false",
         "horovod: says the same as 'use_horovod', give one of them"},
        {"\"custom_compression\": {\"layers\": {\"a\": {\"precision\": 20}}}",
         "custom_compression.layers.a.precision: got 20, want 1 to 16, or 32"},
        {"\"custom_compression\": {}",
         "custom_compression: want one of 'quantization_args' and 'layers'"},
        {"\"eval_func\": \"\"", "eval_func: want a command in one line"},
        {"\"scheduler\": {\"factory\": \"onecycle\", \"interval\": \"epoch\"}",
         "scheduler.interval: "},
        {"\"custom_compression\": {\"layers\": {\"a\": {\"precision\": 0}}}",
         "custom_compression.layers.a.precision: "},
        {"\"external_training_loop\": {}", "external_training_loop.command: missing"},
        {"\"use_horovod\": 1", "use_horovod: "},
    };
    fixture f;

    fixture_open(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&f, NT_EINVAL, bad[i].keys, bad[i].start);
    fixture_close(&f);
}

NT_TEST(what_this_build_lacks_is_refused_not_ignored)
{
    static const struct {
        const char *keys, *start;
    } lacks[] = {
        {"\"device\": \"gpu\"", "device: this build has no GPU backend"},
        {"\"task_type\": \"segmentation\"", "task_type: "},
        {"\"use_horovod\": true", "use_horovod: "},
        {"\"distributed\": true", "use_horovod: "},
        {"\"horovod\": true", "use_horovod: "},
        {"\"eval_func\": \"x\", \"confidence\": 0.95", "confidence: "},
    };
    fixture f;

    fixture_open(&f);
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        refuses(&f, NT_EUNSUPPORTED, lacks[i].keys, lacks[i].start);
    refuses(&f, NT_EINVAL,
            "\"optimization\": \"compression\", \"custom_compression\": "
            "{\"quantization_args\": {}}",
            "custom_compression: ");
    refuses(&f, NT_EINVAL, "\"optimization\": \"quantization\", \"config_list\": []",
            "config_list: ");
    accepts(&f, "\"optimization\": \"quantization\", \"export\": {\"format\": [\"onnx\", "
                "\"dlrt\"]}, \"custom_compression\": {\"quantization_args\": {}}");
    accepts(&f, "\"optimization\": \"latency\", \"target_ms\": 2, \"config_list\": []");
    accepts(&f, "\"optimization\": [\"compression\", \"quantization\"], \"config_list\": [], "
                "\"custom_compression\": {\"quantization_args\": {}}");
    accepts(&f, "\"use_horovod\": false, \"device\": \"cpu\", \"custom_compression\": null");
    fixture_close(&f);
}

NT_TEST(custom_compression_alone_is_a_quantization)
{
    fixture f;

    fixture_open(&f);
    accepts(&f, "\"custom_compression\": {\"quant_args\": {\"quantize_conv11\": true}}");
    assert_string_equal(at(&f, "optimization")->valuestring, "quantization");
    assert_non_null(f.job->custom);
    accepts(&f, "");
    assert_null(f.job->custom);
    fixture_close(&f);
}

NT_TEST(trainings_may_be_a_command)
{
    fixture f;

    fixture_open(&f);
    accepts(&f, "\"external_training_loop\": \"./train\"");
    assert_string_equal(f.job->train_command, "./train");
    accepts(&f, "\"external_training_loop\": {\"command\": \"./train -v\"}");
    assert_string_equal(f.job->train_command, "./train -v");
    accepts(&f, "\"external_training_loop\": null");
    assert_null(f.job->train_command);
    fixture_close(&f);
}

NT_TEST(a_command_may_give_any_metric)
{
    fixture f;

    fixture_open(&f);
    accepts(&f, "\"eval_func\": \"./measure\", \"eval_key\": \"f1\"");
    assert_string_equal(f.job->eval_command, "./measure");
    assert_string_equal(f.job->eval_key, "f1");
    fixture_close(&f);
}

NT_TEST(paths_in_a_file_are_relative_to_its_folder)
{
    static const char text[] = "{\"model\": \"a/m.nt\", \"data\": \"idx:d,mean=0.5\", "
                               "\"export\": {\"kwargs\": {\"root_path\": \"/out\"}}}";
    fixture f;
    cJSON *j = NULL;
    char want[700];

    fixture_open(&f);
    assert_ok(nt_outfile_save(scratch_path(&f.t, "job.json"), text, sizeof text - 1, e));
    assert_ok(nt_job_load(&j, scratch_path(&f.t, "job.json"), e));
    snprintf(want, sizeof want, "%s/a/m.nt", f.t.dir);
    assert_string_equal(cJSON_GetObjectItem(j, "model")->valuestring, want);
    snprintf(want, sizeof want, "idx:%s/d,mean=0.5", f.t.dir);
    assert_string_equal(cJSON_GetObjectItem(j, "data")->valuestring, want);
    nt_json_free(j);
    fixture_close(&f);
}

NT_TEST(lack_of_memory_is_reported)
{
    fixture f;
    cJSON *j;
    nt_status s = NT_ENOMEM;

    fixture_open(&f);
    accepts(&f, "\"level\": 3, \"epochs\": 4");
    j = cJSON_Duplicate(f.job->json, true);
    for (long n = 1; s == NT_ENOMEM; n++) {
        nt_job *job = NULL;
        nt_err e = {{0}};

        assert_true(n < 3000);
        nt_alloc_fail_at(n);
        s = nt_job_new(&job, j, &e);
        nt_alloc_fail_at(0);
        if (s != NT_OK && s != NT_ENOMEM)
            fail_msg("allocation %ld: status %d, '%s'", n, (int)s, e.msg);
        nt_job_free(job);
    }
    nt_json_free(j);
    fixture_close(&f);
}

NT_TEST_MAIN
