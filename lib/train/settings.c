/* SPDX-License-Identifier: MIT */
#include "train/settings.h"

#include "base/opt_old.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT 1e9 /* more epochs or steps than anybody waits for */
#define EMA_DECAY 0.9999
#define EMA_PERIOD 2000
#define BELOW_ONE 0x1.fffffffffffffp-1

/* ---- what a number or a string is not enough for */

/* The other arguments' defaults are the optimizer's: they are set anew. */
static nt_status set_optimizer(void *out, const char *text, nt_err *e)
{
    return nt_optim_defaults(out, text, e);
}

static bool is_beta(const cJSON *v)
{
    return cJSON_IsNumber(v) && v->valuedouble >= 0 && v->valuedouble < 1;
}

static nt_status read_betas(void *out, const cJSON *v, const char *where, nt_err *e)
{
    const cJSON *b1 = cJSON_GetArrayItem(v, 0), *b2 = cJSON_GetArrayItem(v, 1);
    nt_optim_opts *o = out;

    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 2 || !is_beta(b1) || !is_beta(b2))
        return nt_fail(e, NT_EINVAL, "%s: want two numbers in [0, 1)", where);
    o->beta1 = b1->valuedouble;
    o->beta2 = b2->valuedouble;
    return NT_OK;
}

static nt_status set_no_decay(void *out, const char *text, nt_err *e)
{
    nt_train_opts *o = out;

    o->decay_norm = strcmp(text, "bias") == 0;
    o->decay_bias = strcmp(text, "norm") == 0;
    if (!o->decay_norm && !o->decay_bias && strcmp(text, "norm,bias") != 0 &&
        strcmp(text, "bias,norm") != 0)
        return nt_fail(e, NT_EINVAL, "'%s' is not norm, bias or norm,bias", text);
    return NT_OK;
}

static void take_schedule(void *out, cJSON *made)
{
    nt_json_free(*(cJSON **)out);
    *(cJSON **)out = made;
}

static nt_status set_schedule(void *out, const char *text, nt_err *e)
{
    cJSON *made;
    nt_status s = nt_schedule_parse(&made, text, e);

    if (s == NT_OK)
        take_schedule(out, made);
    return s;
}

/* The arguments of "kwargs" beside the name, where schedules look for them. */
static nt_status flatten(cJSON *made, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *kwargs = cJSON_DetachItemFromObjectCaseSensitive(made, "kwargs");

    if (kwargs && !cJSON_IsObject(kwargs) && !cJSON_IsNull(kwargs))
        NT_TRY(nt_fail(e, NT_EINVAL, "%s.kwargs: want an object", where));
    for (const cJSON *c = kwargs ? kwargs->child : NULL; c; c = c->next) {
        if (nt_json_get(made, c->string))
            NT_TRY(nt_fail(e, NT_EINVAL,
                           "%s.kwargs.%s: says the same as '%s.%s', give one "
                           "of them",
                           where, c->string, where, c->string));
        NT_TRY(nt_json_put(made, c->string, cJSON_Duplicate(c, true), e));
    }
done:
    nt_json_free(kwargs);
    return s;
}

/* {"name": ..., arguments}, {"name": ..., "kwargs": {...}}, or the name alone. */
static nt_status read_schedule(void *out, const cJSON *v, const char *where, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *made = NULL;

    if (!cJSON_IsObject(v) && !cJSON_IsString(v))
        return nt_fail(e, NT_EINVAL, "%s: want an object with a name, or a name", where);
    if (nt_json_get(v, "interval") || nt_json_get(nt_json_get(v, "kwargs"), "interval"))
        return nt_fail(e, NT_EINVAL, "%s.interval: belongs beside factory", where);
    if (cJSON_IsObject(v) && !cJSON_IsString(nt_json_get(v, "name")))
        return nt_fail(e, NT_EINVAL, "%s.name: missing (%s)", where, NT_SCHEDULES);
    made = cJSON_IsObject(v) ? cJSON_Duplicate(v, true) : cJSON_CreateObject();
    if (!made || (cJSON_IsString(v) && !nt_json_add_str(made, "name", v->valuestring)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(flatten(made, where, e));
    take_schedule(out, made);
    made = NULL;
done:
    nt_json_free(made);
    return s;
}

static nt_status set_interval(void *out, const char *text, nt_err *e)
{
    if (strcmp(text, "epoch") != 0 && strcmp(text, "iteration") != 0 &&
        strcmp(text, "eval") != 0)
        return nt_fail(e, NT_EINVAL, "'%s' is not one of epoch, iteration, eval", text);
    *(const char **)out = text;
    return NT_OK;
}

static nt_status set_loss(void *out, const char *text, nt_err *e)
{
    return nt_loss_find(out, text, e);
}

static nt_status set_metric(void *out, const char *text, nt_err *e)
{
    return nt_metric_find(out, text, e);
}

/* true, false, or an object whose keys are rows of their own. */
static nt_status read_ema(void *out, const cJSON *v, const char *where, nt_err *e)
{
    nt_train_opts *o = out;

    if (!cJSON_IsBool(v) && !cJSON_IsObject(v))
        return nt_fail(e, NT_EINVAL, "%s: want true, false or an object", where);
    o->ema_decay = cJSON_IsFalse(v) ? 0 : EMA_DECAY;
    o->ema_period = EMA_PERIOD;
    return NT_OK;
}

/* ---- what was written otherwise once */

/* false says nothing: the interval is the schedule's own. */
static nt_status eval_based(cJSON **out, const cJSON *v, const char *where, nt_err *e)
{
    if (!cJSON_IsBool(v))
        return nt_fail(e, NT_EINVAL, "%s: want true or false", where);
    if (cJSON_IsTrue(v) && !(*out = cJSON_CreateString("eval")))
        return nt_fail_nomem(e);
    return NT_OK;
}

static const nt_opt_old old_interval[] = {{"scheduler.eval_based", eval_based}, {NULL, NULL}};

/* ---- the rows, in the order of --help and of the record in a model's history */

#define AT(member) .at = offsetof(nt_train_settings, member)
#define ARG(name) .key = "optimizer." name, .also = "optimizer.kwargs." name

/* clang-format off */
const nt_opt nt_train_rows[] = {
    NT_OPT_I64(0, "epochs", NULL, "N", 1, COUNT, "train for N epochs",
               .def = "1", .key = "epochs", AT(o.epochs)),
    NT_OPT_I64(0, "steps", NULL, "N", 1, COUNT, "stop after N updates", AT(o.steps)),
    NT_OPT_CUSTOM(0, "optimizer", NULL, "NAME", "how weights are updated",
                  .words = NT_OPTIMIZERS, .def = "sgd", .key = "optimizer.name",
                  .required = true, .text = set_optimizer, AT(o.optim)),
    NT_OPT_DOUBLE(0, "lr", NULL, "X", 0, 1e6, "learning rate",
                  .def = "0.001; of rmsprop and adagrad 0.01, of adadelta 1, of nadam 0.002, of "
                         "lion 0.0001",
                  ARG("lr"), AT(o.optim.lr)),
    NT_OPT_DOUBLE(0, "momentum", NULL, "X", 0, BELOW_ONE, "momentum of sgd and rmsprop",
                  .def = "0", ARG("momentum"), AT(o.optim.momentum)),
    NT_OPT_BOOL(0, "nesterov", NULL, "Nesterov's momentum",
                ARG("nesterov"), AT(o.optim.nesterov)),
    NT_OPT_DOUBLE(0, "weight-decay", NULL, "X", 0, 1e6, "weight decay",
                  .def = "0, of adamw 0.01", ARG("weight_decay"), AT(o.optim.weight_decay)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "two numbers in [0, 1) of adam, adamw, nadam, radam and lion",
                  .def = "[0.9, 0.999], of lion [0.9, 0.99]", ARG("betas"), .json = read_betas, AT(o.optim)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e6, "what all but sgd and lion add to the root",
                  .def = "1e-8, of adagrad 1e-10, of adadelta 1e-6", ARG("eps"),
                  AT(o.optim.eps)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, BELOW_ONE, "how the mean square of rmsprop fades",
                  .def = "0.99", ARG("alpha"), AT(o.optim.alpha)),
    NT_OPT_BOOL(0, NULL, NULL, "rmsprop by the deviation, not by the mean square",
                ARG("centered"), AT(o.optim.centered)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, BELOW_ONE, "how the mean squares of adadelta fade",
                  .def = "0.9", ARG("rho"), AT(o.optim.rho)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e6,
                  "adagrad's rate at update t is lr / (1 + (t - 1) lr_decay)",
                  .def = "0", ARG("lr_decay"), AT(o.optim.lr_decay)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e6, "what adagrad's sum of squares begins with",
                  .def = "0", ARG("initial_accumulator_value"), AT(o.optim.initial)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e6, "how the momentum of nadam grows",
                  .def = "0.004", ARG("momentum_decay"), AT(o.optim.momentum_decay)),
    NT_OPT_CUSTOM(0, "no-decay", NULL, "norm,bias",
                  "no weight decay on normalisations, biases or both",
                  .text = set_no_decay, AT(o)),
    NT_OPT_CUSTOM(0, "scheduler", NULL, "NAME[,key=value...]", "how the learning rate goes",
                  .words = NT_SCHEDULES, .def = "constant", .key = "scheduler.factory",
                  .required = true, .text = set_schedule, .json = read_schedule,
                  AT(o.schedule)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "what the schedule counts",
                  .words = "epoch|iteration|eval",
                  .def = "epoch, of onecycle and cyclic iteration, of plateau eval",
                  .key = "scheduler.interval", .old = old_interval, .text = set_interval,
                  AT(interval)),
    NT_OPT_DOUBLE(0, "warmup", NULL, "EPOCHS", 0, 1e6,
                  "raise the learning rate linearly over the first EPOCHS", AT(o.warmup)),
    NT_OPT_CUSTOM(0, "loss", NULL, "NAME", "what is made small",
                  .words = NT_LOSSES, .def = "cross_entropy", .text = set_loss, AT(o.loss)),
    NT_OPT_DOUBLE(0, "label-smoothing", NULL, "X", 0, 1, "label smoothing of cross_entropy",
                  .def = "0", AT(o.label_smoothing)),
    NT_OPT_STR(0, "teacher", NULL, "MODEL", "learn from this model's outputs too",
               AT(teacher)),
    NT_OPT_DOUBLE(0, "temperature", NULL, "T", 1e-3, 1e6, "temperature of the distillation",
                  .def = "4", AT(o.temperature)),
    NT_OPT_DOUBLE(0, "distill-weight", NULL, "W", 0, 1,
                  "share of the distillation in the loss", .def = "0.9",
                  AT(o.distill_weight)),
    NT_OPT_I64(0, "teacher-views", NULL, "N", 0, COUNT,
               "take N random views of each picture, one an epoch and again, and ask the "
               "teacher once for each; 0: a new one each time",
               .def = "0", .key = "teacher_views", AT(o.teacher_views)),
    NT_OPT_STR(0, "teacher-cache", NULL, "FILE",
               "keep there what the teacher said of the views, for other trainings, too",
               AT(o.teacher_cache)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL,
                  "true: an average of the weights by its defaults; false: none",
                  .key = "ema", .json = read_ema, AT(o)),
    NT_OPT_DOUBLE(0, "ema", NULL, "DECAY", 0, 1, "average the weights, and give the average",
                  .key = "ema.decay_rate", AT(o.ema_decay)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e15,
                  "updates after which the decay is 1 - 1/e of its value, to grow on",
                  .def = "2000", .key = "ema.period", AT(o.ema_period)),
    NT_OPT_DOUBLE(0, "freeze-bn", NULL, "EPOCH", 0, COUNT,
                  "from then on normalise by the running statistics, and leave them",
                  .key = "freeze_bn", .nullable = true, AT(o.freeze_bn)),
    NT_OPT_STR(0, "qat", NULL, "FILE",
               "quantize first, as this configuration of nt-quantize says, to train so",
               AT(qat)),
    NT_OPT_STR(0, "progressive", NULL, "BITS:EPOCHS,...",
               "of --qat, or a model that nt-quantize prepared: begin with more bits",
               .key = "progressive", .nullable = true, AT(o.progressive)),
    NT_OPT_DOUBLE(0, "clip-norm", NULL, "X", 0, 1e30, "bound the gradient's norm",
                  AT(o.clip_norm)),
    NT_OPT_DOUBLE(0, "clip-value", NULL, "X", 0, 1e30,
                  "bound each element of the gradient, before its norm", AT(o.clip_value)),
    NT_OPT_STR(0, "eval-split", NULL, "NAME", "evaluate on this split", .key = "eval_split",
               .nullable = true, AT(eval_split)),
    NT_OPT_I64(0, "eval-freq", NULL, "N", 1, COUNT, "evaluate every N epochs",
               .def = "1", .key = "eval_freq", AT(o.eval_freq)),
    NT_OPT_I64(0, NULL, NULL, NULL, 0, COUNT, "no evaluation in the first so many epochs",
               .def = "0", .key = "eval_skip", AT(o.eval_skip)),
    NT_OPT_CUSTOM(0, "metric", NULL, "NAME", "what decides which evaluation is best",
                  .words = NT_METRICS, .def = "accuracy", .key = "eval_key",
                  .text = set_metric, AT(o.metric)),
    NT_OPT_I64(0, "early-stopping", NULL, "N", 0, COUNT,
               "stop after N evaluations without gain; 0: never",
               .def = "0", .key = "early_stopping_patience", AT(o.early_stopping)),
    NT_OPT_BOOL(0, "keep-best", NULL, "give the weights of the best evaluation",
                AT(o.keep_best)),
    NT_OPT_BOOL(0, "recompute", NULL,
                "take less memory and more time: compute parts of the forward pass twice",
                AT(o.recompute)),
    NT_OPT_STR(0, "checkpoint", NULL, "FILE", "save the run's state after each epoch",
               AT(o.checkpoint)),
    NT_OPT_I64(0, "checkpoint-every", NULL, "N", 1, COUNT, "save it every N steps, too",
               AT(o.checkpoint_every)),
    NT_OPT_BOOL(0, "resume", NULL, "go on from the checkpoint if it exists", AT(o.resume)),
    NT_OPT_BOOL(0, NULL, NULL, "true: one step, to see that all works",
                .key = "loop_test", AT(loop_test)),
    NT_OPT_END,
};
/* clang-format on */

_Static_assert(sizeof nt_train_rows / sizeof *nt_train_rows <= NT_TRAIN_ROWS, "too many rows");

/* ---- all of them */

void nt_train_settings_init(nt_train_settings *s)
{
    *s = (nt_train_settings){0};
    nt_train_defaults(&s->o);
}

void nt_train_settings_release(nt_train_settings *s)
{
    nt_json_free(s->o.schedule);
    s->o.schedule = NULL;
}

/* What the file says in keys of their own goes where the trainer looks for it. */
static nt_status settle(nt_train_settings *s, nt_err *e)
{
    if (s->loop_test)
        s->o.steps = 1;
    if (s->interval != NULL && !nt_json_add_str(s->o.schedule, "interval", s->interval))
        return nt_fail_nomem(e);
    return NT_OK;
}

nt_status nt_train_settings_read(nt_train_settings *s, const cJSON *j, const char *where,
                                 nt_err *e)
{
    nt_opt rows[NT_TRAIN_ROWS];
    nt_status status;

    nt_opt_bind(rows, nt_train_rows, s);
    status = nt_opt_read(rows, j, where, e);
    return status == NT_OK ? settle(s, e) : status;
}

/* ---- what goes together */

/* The schedule of a run of any length, but for its interval, or with it. */
static nt_status make_schedule(nt_schedule **out, const nt_train_settings *s, bool interval,
                               const char *where, nt_err *e)
{
    const nt_schedule_run run = {.lr = s->o.optim.lr, .epochs = 1, .steps = 1, .evals = 1};
    cJSON *spec = s->o.schedule ? cJSON_Duplicate(s->o.schedule, true) : cJSON_CreateObject();
    nt_status status;

    if (spec == NULL)
        return nt_fail_nomem(e);
    if (!interval)
        cJSON_DeleteItemFromObjectCaseSensitive(spec, "interval");
    status = nt_schedule_new(out, spec, &run, where, e);
    nt_json_free(spec);
    return status;
}

static const char *below(char *buf, size_t n, const char *where, const char *key)
{
    snprintf(buf, n, "%s%s%s", where, *where ? "." : "", key);
    return buf;
}

nt_status nt_train_settings_check(const nt_train_settings *s, const char *where, nt_err *e)
{
    nt_status status = NT_OK;
    nt_schedule *schedule = NULL;
    char path[160];

    if ((status = nt_optim_check(&s->o.optim, e)) != NT_OK) {
        nt_err_prefix(e, "%s", below(path, sizeof path, where, "optimizer"));
        return status;
    }
    status = make_schedule(&schedule, s, false,
                           below(path, sizeof path, where, "scheduler.factory"), e);
    nt_schedule_free(schedule);
    schedule = NULL;
    if (status == NT_OK)
        status =
            make_schedule(&schedule, s, true, below(path, sizeof path, where, "scheduler"), e);
    if (status == NT_OK)
        status = nt_train_check_momentum(
            schedule, &s->o.optim, below(path, sizeof path, where, "scheduler.factory"), e);
    nt_schedule_free(schedule);
    return status;
}

bool nt_train_settings_watch(const nt_train_settings *s)
{
    nt_schedule *schedule = NULL;
    nt_err ignored;
    bool evals;

    if (make_schedule(&schedule, s, true, "", &ignored) != NT_OK)
        return false;
    evals = strcmp(nt_schedule_interval(schedule), "eval") == 0;
    nt_schedule_free(schedule);
    return evals || s->o.early_stopping > 0;
}

/* ---- to JSON, as they are read */

/* The arguments that one optimizer alone has. */
static bool add_own(cJSON *to, const nt_optim_opts *o)
{
    const unsigned has = o->kind->has;

    if (has & NT_OPTIM_ALPHA)
        return nt_json_add_double(to, "alpha", o->alpha) &&
               nt_json_add_bool(to, "centered", o->centered);
    if (has & NT_OPTIM_LR_DECAY)
        return nt_json_add_double(to, "lr_decay", o->lr_decay) &&
               nt_json_add_double(to, "initial_accumulator_value", o->initial);
    if (has & NT_OPTIM_RHO)
        return nt_json_add_double(to, "rho", o->rho);
    return !(has & NT_OPTIM_MOMENTUM_DECAY) ||
           nt_json_add_double(to, "momentum_decay", o->momentum_decay);
}

static bool add_optimizer(cJSON *j, const nt_optim_opts *o)
{
    cJSON *to = nt_json_add_object(j, "optimizer"), *betas;
    const double pair[2] = {o->beta1, o->beta2};
    const unsigned has = o->kind->has;

    if (!to || !nt_json_add_str(to, "name", o->kind->name) ||
        !nt_json_add_double(to, "lr", o->lr) ||
        !nt_json_add_double(to, "weight_decay", o->weight_decay))
        return false;
    if (has & NT_OPTIM_MOMENTUM && !nt_json_add_double(to, "momentum", o->momentum))
        return false;
    if (has & NT_OPTIM_NESTEROV && !nt_json_add_bool(to, "nesterov", o->nesterov))
        return false;
    if (has & NT_OPTIM_BETAS) {
        betas = cJSON_CreateDoubleArray(pair, 2);
        if (!betas || !cJSON_AddItemToObject(to, "betas", betas))
            return false;
    }
    if (has & NT_OPTIM_EPS && !nt_json_add_double(to, "eps", o->eps))
        return false;
    return add_own(to, o);
}

static bool add_schedule(cJSON *j, const nt_train_settings *s)
{
    cJSON *to = nt_json_add_object(j, "scheduler");
    cJSON *factory =
        s->o.schedule ? cJSON_Duplicate(s->o.schedule, true) : cJSON_CreateObject();
    nt_schedule *schedule = NULL;
    nt_err ignored;
    bool ok;

    if (!to || !factory || !cJSON_AddItemToObject(to, "factory", factory)) {
        nt_json_free(factory);
        return false;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(factory, "interval");
    ok = (nt_json_get(factory, "name") || nt_json_add_str(factory, "name", "constant")) &&
         make_schedule(&schedule, s, true, "", &ignored) == NT_OK &&
         nt_json_add_str(to, "interval", nt_schedule_interval(schedule));
    nt_schedule_free(schedule);
    return ok;
}

static bool add_ema(cJSON *j, const nt_train_opts *o)
{
    cJSON *to;

    if (o->ema_decay <= 0)
        return nt_json_add_bool(j, "ema", false);
    to = nt_json_add_object(j, "ema");
    return to && nt_json_add_double(to, "decay_rate", o->ema_decay) &&
           nt_json_add_double(to, "period", o->ema_period);
}

static bool add_text(cJSON *j, const char *key, const char *text)
{
    return text ? nt_json_add_str(j, key, text)
                : cJSON_AddItemToObject(j, key, cJSON_CreateNull());
}

static bool add_evaluation(cJSON *j, const nt_train_settings *s)
{
    return nt_json_add_i64(j, "eval_freq", s->o.eval_freq) &&
           nt_json_add_i64(j, "eval_skip", s->o.eval_skip) &&
           nt_json_add_str(j, "eval_key", s->o.metric->name) &&
           add_text(j, "eval_split", s->eval_split) &&
           nt_json_add_i64(j, "early_stopping_patience", s->o.early_stopping);
}

nt_status nt_train_settings_json(cJSON **out, const nt_train_settings *s, nt_err *e)
{
    cJSON *j = cJSON_CreateObject();

    if (!j || !nt_json_add_i64(j, "epochs", s->o.epochs) || !add_optimizer(j, &s->o.optim) ||
        !add_schedule(j, s) || !add_evaluation(j, s) || !add_ema(j, &s->o) ||
        !nt_json_add_double(j, "freeze_bn", s->o.freeze_bn < 0 ? NAN : s->o.freeze_bn) ||
        !add_text(j, "progressive", s->o.progressive) ||
        !nt_json_add_i64(j, "teacher_views", s->o.teacher_views) ||
        !nt_json_add_bool(j, "loop_test", s->loop_test)) {
        nt_json_free(j);
        return nt_fail_nomem(e);
    }
    *out = j;
    return NT_OK;
}
