/* SPDX-License-Identifier: MIT */
/* What a training run is made of. */
#include "base/alloc.h"
#include "base/rng.h"
#include "train/trainer_priv.h"

#include <math.h>
#include <string.h>

void nt_train_defaults(nt_train_opts *o)
{
    nt_err e;

    *o = (nt_train_opts){
        .temperature = 4,
        .distill_weight = 0.9,
        .ema_period = 2000,
        .freeze_bn = -1,
        .decay_norm = true,
        .decay_bias = true,
        .metric = &nt_metric_accuracy,
        .batch_size = 128,
        .workers = 1,
        .eval_freq = 1,
    };
    if (nt_optim_defaults(&o->optim, "sgd", &e) != NT_OK)
        o->optim = (nt_optim_opts){0};
}

/* ---- what the run needs */

static nt_status check_opts(const nt_train_opts *o, const nt_split *eval, nt_err *e)
{
    bool watches = o->early_stopping > 0 || o->keep_best;

    if (o->epochs <= 0 && o->steps <= 0)
        return nt_fail(e, NT_EINVAL, "neither epochs nor steps are given");
    if (nt_along_check(o, e) != NT_OK)
        return NT_EINVAL;
    if (!(o->warmup >= 0) || !(o->clip_norm >= 0) || o->eval_freq < 1)
        return nt_fail(e, NT_EINVAL,
                       "warm-up and clipping must not be negative, "
                       "the evaluation's frequency at least 1");
    if (watches && eval == NULL)
        return nt_fail(e, NT_EINVAL, "early stopping and keeping the best need an eval split");
    if (o->resume && o->checkpoint == NULL)
        return nt_fail(e, NT_EINVAL, "resume needs a checkpoint");
    return NT_OK;
}

bool nt_trainer_eval_is_due(const nt_trainer *t, uint64_t epoch)
{
    uint64_t skip = (uint64_t)t->o.eval_skip;

    if (t->eval == NULL)
        return false;
    return epoch >= t->epochs ||
           (epoch > skip && (epoch - skip) % (uint64_t)t->o.eval_freq == 0);
}

static void plan_length(nt_trainer *t)
{
    uint64_t epochs = (uint64_t)t->o.epochs, steps = (uint64_t)t->o.steps;

    t->per_epoch = nt_loader_batches(t->loader);
    t->steps = epochs > 0 ? epochs * t->per_epoch : steps;
    if (steps > 0 && steps < t->steps)
        t->steps = steps;
    t->epochs = (t->steps + t->per_epoch - 1) / t->per_epoch;
}

nt_status nt_train_check_momentum(const nt_schedule *s, const nt_optim_opts *o,
                                  const char *where, nt_err *e)
{
    if (isnan(nt_schedule_momentum(s, &(nt_clock){0})) ||
        o->kind->has & (NT_OPTIM_MOMENTUM | NT_OPTIM_BETAS))
        return NT_OK;
    return nt_fail(e, NT_EINVAL, "%s.cycle_momentum: %s has no momentum to cycle (want false)",
                   where, o->kind->name);
}

static nt_status make_schedule(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_schedule_run run = {
        .lr = t->o.optim.lr,
        .epochs = t->epochs,
        .steps = t->steps,
        .warmup_updates = (uint64_t)llround(t->o.warmup * (double)t->per_epoch),
        .metric_is_loss = !t->o.metric->more_is_better,
    };

    for (uint64_t i = 1; i <= t->epochs; i++)
        run.evals += nt_trainer_eval_is_due(t, i);
    NT_TRY(nt_schedule_new(&t->schedule, t->o.schedule, &run, "scheduler", e));
    NT_TRY(nt_train_check_momentum(t->schedule, &t->o.optim, "scheduler", e));
    if (nt_schedule_wants_metric(t->schedule) && t->eval == NULL)
        s = nt_fail(e, NT_EINVAL, "scheduler: 'plateau' needs an eval split");
done:
    return s;
}

static nt_status make_optim(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_optim_new(&t->optim, &t->o.optim, t->p->n_w, e));
    for (int i = 0; i < t->p->n; i++) {
        const nt_param *v = &t->p->v[i];

        if (v->is_quantizer || (v->is_norm && !v->is_state && !t->o.decay_norm) ||
            (v->is_bias && !t->o.decay_bias))
            NT_TRY(nt_optim_group(t->optim, v->offset, v->count, 0, 1, e));
    }
done:
    return s;
}

/* The samples of the largest batch: the only one may be smaller. */
static int64_t first_batch(const nt_trainer *t)
{
    int64_t n = (int64_t)nt_split_count(t->train);

    return t->o.batch_size < n ? t->o.batch_size : n;
}

static int64_t taught_outputs(const nt_trainer *t)
{
    return t->teacher != NULL ? nt_teacher_outputs(t->teacher) : 0;
}

nt_field nt_trainer_taught(const nt_trainer *t)
{
    return (nt_field){.name = NT_TEACHER,
                      .role = NT_ROLE_COLUMNS,
                      .dtype = NT_F32,
                      .rank = 2,
                      .dims = {-1, taught_outputs(t)}};
}

/* A score for each class: of labels, and of what a teacher says. What else there may be, the
 * loss compares itself. */
static nt_status check_classes(const nt_trainer *t, nt_err *e)
{
    int64_t classes = nt_split_classes(t->train), outputs = nt_batch_plan_classes(t->plan);

    if (t->loss.target->role != NT_ROLE_LABEL && t->teacher == NULL)
        return NT_OK;
    if (nt_batch_plan_need_classes(t->plan, "a loss", e) != NT_OK)
        return NT_EUNSUPPORTED;
    if (t->teacher != NULL && taught_outputs(t) != outputs)
        return nt_fail(e, NT_EFORMAT, "teacher: it has %lld outputs, the student %lld",
                       (long long)taught_outputs(t), (long long)outputs);
    if (classes > outputs)
        return nt_fail(e, NT_EFORMAT,
                       "the data have %lld classes, the network has %lld outputs",
                       (long long)classes, (long long)outputs);
    return NT_OK;
}

nt_status nt_trainer_make_plans(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_field taught = nt_trainer_taught(t);
    nt_plan_opts po = {.training = true,
                       .compute = t->o.compute,
                       .params = t->p,
                       .loss = NT_LOSS,
                       .recompute = t->o.recompute};
    const nt_metric *asked[] = {t->o.metric, NULL};
    nt_eval_opts eo = {.batch_size = t->o.batch_size,
                       .workers = t->o.workers,
                       .loss = t->o.loss,
                       .params = t->p};
    nt_batch_like like = nt_batch_like_of(t->loader, first_batch(t));
    nt_rng root, dropout;

    nt_rng_init(&root, t->o.seed);
    dropout = nt_rng_fork(&root, "dropout");
    po.seed = nt_rng_u64(&dropout);
    NT_TRY(nt_split_target(&t->loss.target, t->train, "training", e));
    like.target = t->loss.target->name;
    like.more = &taught;
    NT_TRY(nt_loss_graph(&t->loss_g, t->g, &t->loss, taught_outputs(t), e));
    NT_TRY(nt_batch_plan_new(&t->plan, t->loss_g, t->dev, &po, &like, e));
    NT_TRY(check_classes(t, e));
    if (t->loss.target->role != NT_ROLE_LABEL) /* which all metrics can judge by */
        eo.metrics = asked;
    if (t->eval_split != NULL)
        NT_TRY(nt_evaluator_new(&t->eval, t->g, t->dev, t->eval_split, &eo, e));
done:
    return s;
}

static nt_loader_opts batches_of(const nt_trainer *t)
{
    return (nt_loader_opts){.batch_size = t->o.batch_size,
                            .shuffle = -1,
                            .augment = true,
                            .workers = t->o.workers,
                            .seed = t->o.seed,
                            .views = (uint64_t)t->o.teacher_views};
}

static nt_status make_teacher(nt_trainer *t, nt_model *teacher, nt_err *e)
{
    const nt_teacher_with w = {teacher, t->dev, t->train};
    const nt_teacher_opts o = {.compute = t->o.compute,
                               .file = t->o.teacher_cache,
                               .identity = t->o.teacher_identity,
                               .batches = batches_of(t)};
    nt_batch_like like = nt_batch_like_of(t->loader, first_batch(t));
    nt_status s;

    if (teacher == NULL)
        return NT_OK;
    s = nt_teacher_new(&t->teacher, &w, &like, &o, e);
    if (s != NT_OK)
        nt_err_prefix(e, "teacher");
    return s;
}

static nt_status make_averages(nt_trainer *t, nt_err *e)
{
    if (t->o.keep_best) {
        t->best_w = nt_calloc(t->p->n_w, sizeof *t->best_w);
        t->best_state = nt_calloc(t->p->n_state, sizeof *t->best_state);
        if (t->best_w == NULL || t->best_state == NULL)
            return nt_fail_nomem(e);
    }
    return t->o.ema_decay > 0 ? nt_ema_new(&t->ema, t->p, t->o.ema_decay, t->o.ema_period, e)
                              : NT_OK;
}

static nt_status make_loader(nt_trainer *t, nt_split *train, nt_err *e)
{
    const nt_loader_opts lo = batches_of(t);
    nt_status s = nt_loader_new(&t->loader, train, &lo, e);

    if (s == NT_OK && nt_loader_batches(t->loader) == 0)
        s = nt_fail(e, NT_EFORMAT, "the training split has no samples");
    return s;
}

/* Parameters, and those that companions add. */
static nt_status make_params(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_along_begin(t, e));
    NT_TRY(nt_params_new(&t->p, t->g, e));
    nt_along_place(t);
done:
    return s;
}

nt_status nt_trainer_new(nt_trainer **out, const nt_train_with *w, const nt_train_opts *o,
                         nt_err *e)
{
    nt_status s = NT_OK;
    nt_trainer *t = NULL;
    nt_loss_opts loss = {.loss = o->loss,
                         .label_smoothing = o->label_smoothing,
                         .taught = w->teacher != NULL,
                         .temperature = o->temperature,
                         .distill_weight = o->distill_weight};

    NT_TRY(nt_loss_check_opts(&loss, e));
    NT_TRY(check_opts(o, w->eval, e));
    if ((t = nt_calloc(1, sizeof *t)) == NULL)
        return nt_fail_nomem(e);
    t->m = w->model;
    t->dev = w->dev;
    t->train = w->train;
    t->eval_split = w->eval;
    t->o = *o;
    t->loss = loss;
    t->metric = NAN;
    t->best = nt_metric_worst(o->metric);
    t->report = cJSON_CreateObject();
    if (t->report == NULL || nt_json_add_array(t->report, "epochs") == NULL) {
        s = nt_fail_nomem(e);
        goto done;
    }
    NT_TRY(nt_loss_network(&t->g, nt_model_graph(t->m), o->loss, e));
    NT_TRY(make_params(t, e));
    if (t->p->n_w == 0) {
        s = nt_fail(e, NT_EUNSUPPORTED, "the network has no parameters to train");
        goto done;
    }
    NT_TRY(nt_trainer_find_masks(t, e));
    nt_trainer_apply_masks(t, t->p->w);
    NT_TRY(make_loader(t, w->train, e));
    plan_length(t);
    NT_TRY(nt_along_pace(t, e));
    NT_TRY(make_teacher(t, w->teacher, e));
    NT_TRY(nt_trainer_make_plans(t, e));
    NT_TRY(make_optim(t, e));
    NT_TRY(make_schedule(t, e));
    NT_TRY(make_averages(t, e));
    *out = t;
    t = NULL;
done:
    nt_trainer_free(t);
    return s;
}

void nt_trainer_free(nt_trainer *t)
{
    if (t == NULL)
        return;
    nt_evaluator_free(t->eval);
    nt_loader_free(t->loader);
    nt_batch_plan_free(t->plan);
    nt_teacher_free(t->teacher);
    nt_graph_free(t->loss_g);
    nt_optim_free(t->optim);
    nt_schedule_free(t->schedule);
    nt_ema_free(t->ema);
    nt_along_end(t);
    nt_params_free(t->p);
    nt_graph_free(t->g);
    nt_free(t->masks);
    nt_free(t->best_w);
    nt_free(t->best_state);
    nt_json_free(t->report);
    nt_free(t);
}
