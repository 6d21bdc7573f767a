/* SPDX-License-Identifier: MIT */
#include "search/job_check.h"

#include "search/search.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- export */

static nt_status put_formats(cJSON *out, const cJSON *in, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *one = in ? in->child : NULL;
    cJSON *list = nt_json_add_array(out, "format");

    if (!list || (!in && !cJSON_AddItemToArray(list, cJSON_CreateString("onnx"))))
        return nt_fail_nomem(e);
    for (; one; one = one->next)
        if (!cJSON_AddItemToArray(list, cJSON_Duplicate(one, false)))
            NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static nt_status put_kwargs(nt_job *job, cJSON *out, const nt_job_settings *in, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *kwargs = nt_json_add_object(out, "kwargs");
    char word[8];

    if (!kwargs || !nt_opt_word(word, sizeof word, NT_JOB_PRECISIONS, in->precision))
        return nt_fail_nomem(e);
    NT_TRY(nt_json_put(kwargs, "precision", cJSON_CreateString(word), e));
    job->precision = nt_json_get(kwargs, "precision")->valuestring;
    NT_TRY(nt_json_put(
        kwargs, "resolutions",
        in->resolutions ? cJSON_Duplicate(in->resolutions, true) : cJSON_CreateArray(), e));
    NT_TRY(nt_json_put(kwargs, "root_path",
                       in->root_path ? cJSON_CreateString(in->root_path) : cJSON_CreateNull(),
                       e));
    job->resolutions = nt_json_get(kwargs, "resolutions");
done:
    return s;
}

nt_status nt_job_put_export(nt_job *job, cJSON *out, const nt_job_settings *in, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *made = nt_json_add_object(out, "export");

    if (!made)
        return nt_fail_nomem(e);
    NT_TRY(put_formats(made, in->format, e));
    job->formats = nt_json_get(made, "format");
    NT_TRY(put_kwargs(job, made, in, e));
done:
    return s;
}

/* ---- training */

/* What a job says of a trainer, and what it leaves to us. */
typedef struct trainer {
    const cJSON *given; /* NULL: nothing */
    const char *where;  /* its path */
    int epochs;
    double lr;
} trainer;

/* The trainer's own keys, and those of the top that it leaves open. */
static nt_status merge(cJSON *settings, const cJSON *top, const char *const *keys, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; keys[i]; i++) {
        const cJSON *v = nt_json_get(top, keys[i]);

        if (v && !cJSON_IsNull(v) && !nt_json_get(settings, keys[i]))
            NT_TRY(nt_json_put(settings, keys[i], cJSON_Duplicate(v, true), e));
    }
done:
    return s;
}

/* What a trainer does where the job says nothing: a cycle of SGD, the rate up and down. A job
 * that chooses an optimizer chooses its schedule, too. */
static nt_status add_defaults(cJSON *settings, double lr, nt_err *e)
{
    static const char sgd[] = "{\"name\": \"sgd\", \"momentum\": 0.9, \"nesterov\": true, "
                              "\"weight_decay\": 0.0005}";
    nt_status s = NT_OK;
    cJSON *o = NULL;

    if (nt_json_get(settings, "optimizer"))
        return NT_OK;
    NT_TRY(nt_json_parse(&o, sgd, sizeof sgd - 1, e));
    NT_TRY(nt_json_put(settings, "optimizer", o, e));
    if (!nt_json_add_double(o, "lr", lr))
        NT_TRY(nt_fail_nomem(e));
    if (nt_json_get(settings, "scheduler"))
        return NT_OK;
    o = nt_json_add_object(settings, "scheduler");
    if (!o || !nt_json_add_str(o, "factory", "onecycle"))
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

/* As Neutrino has them, where nt-finetune has others. The trainings of a job share what the
 * teacher says of the views; long ones take each view twice, at half the teacher's time. A metric
 * that nt does not know is eval_func's: a training looks at its own. */
static void set_defaults(nt_train_settings *t, const nt_job *job, int epochs)
{
    const nt_metric *metric;
    nt_err ignored;

    nt_train_settings_init(t);
    t->o.epochs = epochs;
    t->o.teacher_views = epochs <= 2 ? epochs : (epochs + 1) / 2;
    t->o.eval_freq = 2;
    t->o.eval_skip = 1;
    t->loop_test = job->dryrun;
    if (nt_metric_find(&metric, job->eval_key, &ignored) == NT_OK)
        t->o.metric = metric;
}

/* j, at the path `where`, as nt-finetune will read it, checked. *out gets all of it; NULL: it
 * is of no interest. */
static nt_status read_settings(cJSON **out, const cJSON *j, const trainer *t, const char *where,
                               const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    nt_train_settings settings;

    set_defaults(&settings, job, t->epochs);
    if (nt_json_get(j, "epochs")) /* who says how long chooses the views: they take memory */
        settings.o.teacher_views = 0;
    NT_TRY(nt_train_settings_read(&settings, j, where, e));
    NT_TRY(nt_train_settings_check(&settings, where, e));
    if (!settings.eval_split && nt_train_settings_watch(&settings))
        settings.eval_split = job->search_split;
    if (out)
        NT_TRY(nt_train_settings_json(out, &settings, e));
done:
    nt_train_settings_release(&settings);
    return s;
}

/* With the keys `shared` of the top. *out: nt_json_free. */
static nt_status read_trainer(cJSON **out, const trainer *t, const cJSON *top,
                              const char *const *shared, const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *made = NULL;

    if (t->given)
        NT_TRY(read_settings(NULL, t->given, t, t->where, job, e));
    made = t->given ? cJSON_Duplicate(t->given, true) : cJSON_CreateObject();
    if (!made)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(merge(made, top, shared, e));
    NT_TRY(add_defaults(made, t->lr, e));
    NT_TRY(read_settings(out, made, t, "", job, e)); /* what came from the top has no path */
done:
    nt_json_free(made);
    return s;
}

nt_status nt_job_put_training(nt_job *job, cJSON *out, const nt_job_settings *in,
                              const cJSON *top, nt_err *e)
{
    static const char *const full[] = {"epochs",    "optimizer", "scheduler",
                                       "eval_freq", "ema",       NULL};
    const nt_strategy *by = job->strategy[0];
    const trainer whole = {in->full_trainer, "full_trainer", job->level > 1 ? 16 : 6,
                           by->long_rate};
    const trainer loop = {in->loop_params, "fine_tuner.loop_params", job->level > 1 ? 2 : 1,
                          by->short_rate};
    cJSON *made, *tuner;
    nt_status s = NT_OK;

    NT_TRY(read_trainer(&made, &whole, top, full, job, e));
    NT_TRY(nt_json_put(out, "full_trainer", made, e));
    job->full_trainer = made;
    if (!(tuner = nt_json_add_object(out, "fine_tuner")))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_trainer(&made, &loop, top, full + 1, job, e));
    NT_TRY(nt_json_put(tuner, "loop_params", made, e));
    job->loop_params = made;
    NT_TRY(nt_json_put(out, "loss_function", cJSON_CreateString(in->loss), e));
    job->loss = nt_json_get(out, "loss_function")->valuestring;
done:
    return s;
}

/* ---- custom_compression */

static nt_status put_rules(cJSON *out, const nt_job_settings *in, nt_err *e)
{
    nt_status s = NT_OK;
    const cJSON *skip = in->skip_layers;
    cJSON *o = nt_json_add_object(out, "quantization_args");

    if (!o || !nt_json_add_bool(o, "quantize_conv11", in->conv11) ||
        !nt_json_add_bool(o, "quantize_group", in->group))
        return nt_fail_nomem(e);
    NT_TRY(nt_json_put(o, "skip_layers",
                       skip ? cJSON_Duplicate(skip, true) : cJSON_CreateNull(), e));
    NT_TRY(nt_json_put(o, "skip_layers_ratio", cJSON_CreateNumber(in->skip_ratio), e));
done:
    return s;
}

nt_status nt_job_put_custom(nt_job *job, cJSON *out, const nt_job_settings *in,
                            const cJSON *top, nt_err *e)
{
    const cJSON *given = nt_json_get(top, "custom_compression");
    cJSON *made;

    if (!given || cJSON_IsNull(given))
        return nt_json_put(out, "custom_compression", cJSON_CreateNull(), e);
    if (!in->rules == !in->layers)
        return nt_fail(e, NT_EINVAL,
                       "custom_compression: want one of 'quantization_args' and 'layers'");
    if (!(made = nt_json_add_object(out, "custom_compression")))
        return nt_fail_nomem(e);
    job->custom = made;
    return in->rules ? put_rules(made, in, e)
                     : nt_json_put(made, "layers", cJSON_Duplicate(in->layers, true), e);
}

/* ---- what this build has not */

static const char *text_of(const nt_job *job, const char *key)
{
    return nt_json_get(job->json, key)->valuestring;
}

static bool reads(const nt_job *job, const char *key)
{
    for (int i = 0; i < job->n_strategies; i++)
        if (strcmp(job->strategy[i]->layers, key) == 0)
            return true;
    return false;
}

static bool is_given(const nt_job *job, const char *key)
{
    const cJSON *v = nt_json_get(job->json, key);

    return v && !cJSON_IsNull(v);
}

/* What another search reads would be passed over in silence. */
static nt_status check_layers_key(const nt_job *job, nt_err *e)
{
    const nt_strategy *other;

    for (size_t i = 0; (other = nt_strategy_at(i)); i++)
        if (!reads(job, other->layers) && is_given(job, other->layers))
            return nt_fail(e, NT_EINVAL, "%s: goes with the optimization '%s'", other->layers,
                           other->name);
    return NT_OK;
}

nt_status nt_job_check_supported(const nt_job *job, nt_err *e)
{
    nt_status s = NT_OK;

    if (strcasecmp(text_of(job, "device"), "GPU") == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "device: this build has no GPU backend");
    if (strcmp(text_of(job, "task_type"), "classification") != 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "task_type: '%s' is not supported by this build, only "
                       "'classification'",
                       text_of(job, "task_type"));
    if (cJSON_IsTrue(nt_json_get(job->json, "use_horovod")))
        return nt_fail(e, NT_EUNSUPPORTED,
                       "use_horovod: this build has no distributed training");
    NT_TRY(check_layers_key(job, e));
    if (job->eval_command && job->confidence > 0)
        return nt_fail(e, NT_EUNSUPPORTED,
                       "confidence: there is no interval for the metrics of "
                       "eval_func");
done:
    return s;
}
