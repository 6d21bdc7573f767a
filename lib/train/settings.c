/* SPDX-License-Identifier: MIT */
#include "train/settings.h"

#include <string.h>

#define COUNT 1e9 /* more epochs or steps than anybody waits for */
#define EMA_DECAY 0.9999
#define EMA_PERIOD 2000

/* ---- what a number or a string is not enough for */

/* The other arguments' defaults are the optimizer's: they are set anew. */
static nt_status set_optimizer(void *out, const char *text, nt_err *e)
{
    return nt_optim_defaults(out, text, e);
}

static nt_status read_betas(void *out, const cJSON *v, const char *where, nt_err *e)
{
    const cJSON *b1 = cJSON_GetArrayItem(v, 0), *b2 = cJSON_GetArrayItem(v, 1);
    nt_optim_opts *o = out;

    if (!cJSON_IsNumber(b1) || !cJSON_IsNumber(b2) || cJSON_GetArraySize(v) != 2)
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

static nt_status read_schedule(void *out, const cJSON *v, const char *where, nt_err *e)
{
    cJSON *made;

    if (!cJSON_IsObject(v))
        return nt_fail(e, NT_EINVAL, "%s: want an object", where);
    if (nt_json_get(v, "interval"))
        return nt_fail(e, NT_EINVAL, "%s.interval: belongs beside factory", where);
    if (!(made = cJSON_Duplicate(v, true)))
        return nt_fail_nomem(e);
    take_schedule(out, made);
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
                  .def = "0.001", ARG("lr"), AT(o.optim.lr)),
    NT_OPT_DOUBLE(0, "momentum", NULL, "X", 0, 1, "momentum of sgd",
                  .def = "0", ARG("momentum"), AT(o.optim.momentum)),
    NT_OPT_BOOL(0, "nesterov", NULL, "Nesterov's momentum",
                ARG("nesterov"), AT(o.optim.nesterov)),
    NT_OPT_DOUBLE(0, "weight-decay", NULL, "X", 0, 1e6, "weight decay",
                  .def = "0, of adamw 0.01", ARG("weight_decay"), AT(o.optim.weight_decay)),
    NT_OPT_CUSTOM(0, NULL, NULL, NULL, "two numbers in [0, 1) of adam and adamw",
                  .def = "[0.9, 0.999]", ARG("betas"), .json = read_betas, AT(o.optim)),
    NT_OPT_DOUBLE(0, NULL, NULL, NULL, 0, 1e6, "what adam and adamw add to the root",
                  .def = "1e-8", ARG("eps"), AT(o.optim.eps)),
    NT_OPT_CUSTOM(0, "no-decay", NULL, "norm,bias",
                  "no weight decay on normalisations, biases or both",
                  .text = set_no_decay, AT(o)),
    NT_OPT_CUSTOM(0, "scheduler", NULL, "NAME[,key=value...]", "how the learning rate goes",
                  .words = NT_SCHEDULES, .def = "constant", .key = "scheduler.factory",
                  .required = true, .text = set_schedule, .json = read_schedule,
                  AT(o.schedule)),
    NT_OPT_STR(0, NULL, NULL, NULL, "what the schedule counts: epoch, iteration or eval",
               .def = "epoch, of onecycle iteration", .key = "scheduler.interval",
               AT(interval)),
    NT_OPT_BOOL(0, NULL, NULL, "true is the older form of interval eval",
                .key = "scheduler.eval_based", AT(eval_based)),
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
                  .key = "freeze_bn", AT(o.freeze_bn)),
    NT_OPT_STR(0, "qat", NULL, "FILE",
               "quantize first, as this configuration of nt-quantize says, to train so",
               AT(qat)),
    NT_OPT_STR(0, "progressive", NULL, "BITS:EPOCHS,...",
               "of --qat, or a model that nt-quantize prepared: begin with more bits",
               .key = "progressive", AT(o.progressive)),
    NT_OPT_DOUBLE(0, "clip-norm", NULL, "X", 0, 1e30, "bound the gradient's norm",
                  AT(o.clip_norm)),
    NT_OPT_STR(0, "eval-split", NULL, "NAME", "evaluate on this split", .key = "eval_split",
               AT(eval_split)),
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
    const char *interval = s->interval == NULL && s->eval_based ? "eval" : s->interval;

    if (s->loop_test)
        s->o.steps = 1;
    if (interval != NULL && !nt_json_add_str(s->o.schedule, "interval", interval))
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
