/* SPDX-License-Identifier: MIT */
#include "search/job_check.h"

#include "train/loss_graph.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_SIDE (1 << 16)

static cJSON *item(const cJSON *j, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(j, key);
}

static nt_status put(cJSON *out, const char *key, cJSON *value, nt_err *e)
{
    if (value && cJSON_AddItemToObject(out, key, value))
        return NT_OK;
    nt_json_free(value);
    return nt_fail_nomem(e);
}

static nt_status want_object(const cJSON *j, const char *where, nt_err *e)
{
    return cJSON_IsObject(j) ? NT_OK : nt_fail(e, NT_EINVAL, "%s: want an object", where);
}

static bool is_count(const cJSON *j, double max)
{
    return cJSON_IsNumber(j) && j->valuedouble >= 0 && j->valuedouble <= max &&
           j->valuedouble == (double)(int64_t)j->valuedouble;
}

/* ---- export */

static nt_status read_formats(cJSON *out, const cJSON *in, nt_err *e)
{
    static const char *const known[] = {"onnx", "jit", "tflite", "dlrt", NULL};
    const cJSON *one = cJSON_IsArray(in) ? in->child : in;
    cJSON *list = nt_json_add_array(out, "format");

    for (; one; one = cJSON_IsArray(in) ? one->next : NULL) {
        bool found = false;

        for (int i = 0; known[i]; i++)
            found = found || (cJSON_IsString(one) && strcmp(one->valuestring, known[i]) == 0);
        if (!found)
            return nt_fail(
                e, NT_EINVAL,
                "export.format: want 'onnx', 'jit', 'tflite', 'dlrt' or a list of them");
        cJSON_AddItemToArray(list, cJSON_Duplicate(one, false));
    }
    return NT_OK;
}

static nt_status check_resolutions(const cJSON *in, nt_err *e)
{
    const cJSON *r;

    if (in && !cJSON_IsArray(in))
        return nt_fail(e, NT_EINVAL,
                       "export.kwargs.resolutions: want a list of [height, width]");
    cJSON_ArrayForEach(r, in)
    {
        const cJSON *h = cJSON_GetArrayItem(r, 0), *w = cJSON_GetArrayItem(r, 1);

        if (cJSON_GetArraySize(r) != 2 || !is_count(h, MAX_SIDE) || !is_count(w, MAX_SIDE) ||
            h->valuedouble < 1 || w->valuedouble < 1)
            return nt_fail(e, NT_EINVAL,
                           "export.kwargs.resolutions: want a list of [height, width]");
    }
    return NT_OK;
}

static nt_status read_kwargs(nt_job *job, cJSON *out, const cJSON *in, nt_err *e)
{
    static const char *const known[] = {"root_path", "precision", "resolutions", NULL};
    static const char *const precisions[] = {"fp32", "fp16", NULL};
    nt_status s = NT_OK;
    cJSON *kwargs = nt_json_add_object(out, "kwargs");
    const char *root = NULL;
    int p = 0;

    if (!kwargs)
        return nt_fail_nomem(e);
    if (in) {
        NT_TRY(want_object(in, "export.kwargs", e));
        NT_TRY(nt_json_check_keys(in, known, "export.kwargs", e));
        NT_TRY(nt_json_get_enum(&p, in, "precision", precisions, "export.kwargs", e));
        NT_TRY(nt_json_get_str(&root, in, "root_path", "export.kwargs", e));
        NT_TRY(check_resolutions(item(in, "resolutions"), e));
    }
    job->precision = precisions[p];
    NT_TRY(put(kwargs, "precision", cJSON_CreateString(precisions[p]), e));
    if (item(in, "resolutions"))
        NT_TRY(put(kwargs, "resolutions", cJSON_Duplicate(item(in, "resolutions"), true), e));
    if (root)
        NT_TRY(put(kwargs, "root_path", cJSON_CreateString(root), e));
    job->resolutions = item(kwargs, "resolutions");
    job->root_path = root ? item(kwargs, "root_path")->valuestring : NULL;
done:
    return s;
}

nt_status nt_job_read_export(nt_job *job, cJSON *out, const cJSON *in, nt_err *e)
{
    static const char *const known[] = {"format", "kwargs", NULL};
    nt_status s = NT_OK;
    const cJSON *x = item(in, "export");
    cJSON *made = nt_json_add_object(out, "export"), onnx = {.type = cJSON_String};

    onnx.valuestring = (char[]){"onnx"};
    if (!made)
        return nt_fail_nomem(e);
    if (x && !cJSON_IsNull(x)) {
        NT_TRY(want_object(x, "export", e));
        NT_TRY(nt_json_check_keys(x, known, "export", e));
    }
    NT_TRY(read_formats(made, item(x, "format") ? item(x, "format") : &onnx, e));
    NT_TRY(read_kwargs(job, made, item(x, "kwargs"), e));
done:
    return s;
}

/* ---- training */

/* As nt-finetune will read it. */
static nt_status check_settings(const cJSON *settings, const char *where, nt_err *e)
{
    nt_train_settings t;
    nt_status s;

    nt_train_settings_init(&t);
    s = nt_train_settings_read(&t, settings, where, e);
    nt_train_settings_release(&t);
    return s;
}

/* The trainer's own keys, and those of the top that it leaves open. */
static nt_status merge(cJSON *settings, const cJSON *top, const char *const *keys, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; keys[i]; i++)
        if (item(top, keys[i]) && !item(settings, keys[i]))
            NT_TRY(put(settings, keys[i], cJSON_Duplicate(item(top, keys[i]), true), e));
done:
    return s;
}

/* What a trainer does where the job says nothing: a cycle of SGD, the rate up and down. A job
 * that chooses an optimizer chooses its schedule, too. */
static nt_status add_defaults(cJSON *settings, int epochs, double lr, nt_err *e)
{
    static const char sgd[] = "{\"name\": \"sgd\", \"momentum\": 0.9, \"nesterov\": true, "
                              "\"weight_decay\": 0.0005}";
    nt_status s = NT_OK;
    cJSON *o = NULL;

    if (!item(settings, "epochs"))
        NT_TRY(put(settings, "epochs", cJSON_CreateNumber(epochs), e));
    if (item(settings, "optimizer"))
        return NT_OK;
    NT_TRY(nt_json_parse(&o, sgd, sizeof sgd - 1, e));
    NT_TRY(put(settings, "optimizer", o, e));
    if (!nt_json_add_double(o, "lr", lr))
        NT_TRY(nt_fail_nomem(e));
    if (item(settings, "scheduler"))
        return NT_OK;
    o = nt_json_add_object(settings, "scheduler");
    o = o ? nt_json_add_object(o, "factory") : NULL;
    if (!o || !nt_json_add_str(o, "name", "onecycle"))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static nt_status read_trainer(const cJSON **settings, cJSON *out, const char *key,
                              const cJSON *given, const cJSON *top, const char *const *shared,
                              nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *made;

    if (given)
        NT_TRY(check_settings(
            given, strcmp(key, "full_trainer") == 0 ? key : "fine_tuner.loop_params", e));
    made = given ? cJSON_Duplicate(given, true) : cJSON_CreateObject();
    NT_TRY(put(out, key, made, e));
    NT_TRY(merge(made, top, shared, e));
    NT_TRY(check_settings(made, "", e)); /* what came from the top has no other path */
    *settings = made;
done:
    return s;
}

nt_status nt_job_read_training(nt_job *job, cJSON *out, const cJSON *in, nt_err *e)
{
    static const char *const full[] = {"epochs",    "optimizer", "scheduler",
                                       "eval_freq", "ema",       NULL};
    static const char *const tuner[] = {"loop_params", NULL};
    nt_status s = NT_OK;
    const cJSON *f = item(in, "fine_tuner");
    const char *loss = "cross_entropy";
    cJSON *made;
    const nt_loss *kind;

    NT_TRY(read_trainer(&job->full_trainer, out, "full_trainer", item(in, "full_trainer"), in,
                        full, e));
    if (f) {
        NT_TRY(want_object(f, "fine_tuner", e));
        NT_TRY(nt_json_check_keys(f, tuner, "fine_tuner", e));
    }
    if (!(made = nt_json_add_object(out, "fine_tuner")))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_trainer(&job->loop_params, made, "loop_params", item(f, "loop_params"), in,
                        full + 1, e));
    NT_TRY(nt_json_get_str(&loss, in, "loss_function", "", e));
    if ((s = nt_loss_find(&kind, loss, e)) != NT_OK) {
        nt_err_prefix(e, "loss_function");
        goto done;
    }
    NT_TRY(add_defaults((cJSON *)job->full_trainer, job->level > 1 ? 16 : 6, 0.1, e));
    NT_TRY(add_defaults((cJSON *)job->loop_params, job->level > 1 ? 2 : 1, 0.05, e));
    NT_TRY(put(out, "loss_function", cJSON_CreateString(loss), e));
    job->loss = item(out, "loss_function")->valuestring;
done:
    return s;
}

/* ---- what this build has not */

static nt_status check_rules(const cJSON *a, const char *where, nt_err *e)
{
    static const char *const known[] = {"quantize_conv11", "quantize_group", "skip_layers",
                                        "skip_layers_ratio", NULL};
    nt_status s = NT_OK;
    const cJSON *skip = item(a, "skip_layers"), *i;
    bool flag;
    double ratio;

    NT_TRY(want_object(a, where, e));
    NT_TRY(nt_json_check_keys(a, known, where, e));
    NT_TRY(nt_json_get_bool(&flag, a, "quantize_conv11", where, e));
    NT_TRY(nt_json_get_bool(&flag, a, "quantize_group", where, e));
    NT_TRY(nt_json_get_double(&ratio, a, "skip_layers_ratio", 0, 1, where, e));
    if (skip && !cJSON_IsNull(skip) && !cJSON_IsArray(skip))
        return nt_fail(e, NT_EINVAL, "%s.skip_layers: want a list of indices", where);
    cJSON_ArrayForEach(i, skip) if (!is_count(i, 1e9)) return nt_fail(
        e, NT_EINVAL, "%s.skip_layers: want a list of indices", where);
done:
    return s;
}

static nt_status check_layers(const cJSON *layers, nt_err *e)
{
    static const char *const known[] = {"precision", NULL};
    nt_status s = NT_OK;
    char where[160];
    int64_t bits;

    NT_TRY(want_object(layers, "custom_compression.layers", e));
    for (const cJSON *l = layers->child; l; l = l->next) {
        snprintf(where, sizeof where, "custom_compression.layers.%s", l->string);
        NT_TRY(want_object(l, where, e));
        NT_TRY(nt_json_check_keys(l, known, where, e));
        NT_TRY(nt_json_get_i64(&bits, l, "precision", 1, 32, where, e));
    }
done:
    return s;
}

static nt_status check_custom(const cJSON *c, nt_err *e)
{
    static const char *const known[] = {"quantization_args", "quant_args", "layers", NULL};
    nt_status s = NT_OK;

    NT_TRY(want_object(c, "custom_compression", e));
    NT_TRY(nt_json_check_keys(c, known, "custom_compression", e));
    if (item(c, "quantization_args"))
        NT_TRY(check_rules(item(c, "quantization_args"), "custom_compression.quantization_args",
                           e));
    if (item(c, "quant_args"))
        NT_TRY(check_rules(item(c, "quant_args"), "custom_compression.quant_args", e));
    if (item(c, "layers"))
        NT_TRY(check_layers(item(c, "layers"), e));
done:
    return s;
}

static nt_status check_loop(const cJSON *loop, nt_err *e)
{
    static const char *const known[] = {"command", NULL};
    nt_status s = NT_OK;
    const char *command = NULL;

    NT_TRY(want_object(loop, "external_training_loop", e));
    NT_TRY(nt_json_check_keys(loop, known, "external_training_loop", e));
    NT_TRY(nt_json_get_str(&command, loop, "command", "external_training_loop", e));
    if (!command)
        NT_TRY(nt_fail(e, NT_EINVAL, "external_training_loop.command: missing"));
done:
    return s;
}

nt_status nt_job_check_rest(cJSON *out, const cJSON *in, nt_err *e)
{
    static const char *const flags[] = {"use_horovod", "distributed", NULL};
    static const char *const objects[] = {"custom_compression", "external_training_loop", NULL};
    nt_status s = NT_OK;

    for (int i = 0; flags[i]; i++) {
        bool on = false;

        NT_TRY(nt_json_get_bool(&on, in, flags[i], "", e));
        NT_TRY(put(out, flags[i], cJSON_CreateBool(on), e));
    }
    for (int i = 0; objects[i]; i++) {
        const cJSON *v = item(in, objects[i]);

        if (!v || cJSON_IsNull(v))
            continue;
        NT_TRY(i == 0 ? check_custom(v, e) : check_loop(v, e));
        NT_TRY(put(out, objects[i], cJSON_Duplicate(v, true), e));
    }
done:
    return s;
}

static const char *text_of(const nt_job *job, const char *key)
{
    return item(job->json, key)->valuestring;
}

nt_status nt_job_check_supported(const nt_job *job, nt_err *e)
{
    const cJSON *format;

    if (strcasecmp(text_of(job, "device"), "GPU") == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "device: this build has no GPU backend");
    if (!job->strategy)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "optimization: this build has no '%s' search, only "
                       "'compression'",
                       text_of(job, "optimization"));
    if (strcmp(text_of(job, "task_type"), "classification") != 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "task_type: '%s' is not supported by this build, only "
                       "'classification'",
                       text_of(job, "task_type"));
    if (cJSON_IsTrue(item(job->json, "use_horovod")) ||
        cJSON_IsTrue(item(job->json, "distributed")))
        return nt_fail(e, NT_EUNSUPPORTED, "%s: this build has no distributed training",
                       cJSON_IsTrue(item(job->json, "use_horovod")) ? "use_horovod"
                                                                    : "distributed");
    if (item(job->json, "custom_compression"))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "custom_compression: this build has no quantization search");
    if (item(job->json, "external_training_loop"))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "external_training_loop: not supported by this build; "
                       "tools.nt-finetune takes a program in place of nt-finetune");
    cJSON_ArrayForEach(format, item(item(job->json, "export"), "format")) if (
        strcmp(format->valuestring, "onnx") !=
        0) return nt_fail(e, NT_EUNSUPPORTED,
                          "export.format: this build cannot write '%s', only "
                          "'onnx'",
                          format->valuestring);
    if (job->eval_command && job->confidence > 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "confidence: there is no interval for the metrics of "
                       "eval_func");
    return NT_OK;
}
