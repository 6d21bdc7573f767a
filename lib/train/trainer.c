/* SPDX-License-Identifier: MIT */
#include "train/trainer.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "train/fakeq.h"
#include "train/logits.h"
#include "train/trainer_priv.h"

#include <math.h>
#include <string.h>
#include <time.h>

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
        .batch_size = 128,
        .workers = 1,
        .eval_freq = 1,
    };
    if (nt_optim_defaults(&o->optim, "sgd", &e) != NT_OK)
        o->optim = (nt_optim_opts){0};
}

/* ---- what the run needs */

static nt_status check_opts(const nt_train_opts *o, const nt_model *teacher,
                            const nt_split *eval, nt_err *e)
{
    bool watches = o->early_stopping > 0 || o->keep_best;

    if (o->epochs <= 0 && o->steps <= 0)
        return nt_fail(e, NT_EINVAL, "neither epochs nor steps are given");
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1))
        return nt_fail(e, NT_EINVAL, "label smoothing %g is outside [0, 1]",
                       o->label_smoothing);
    if (o->label_smoothing > 0 && o->loss != NT_LOSS_CROSS_ENTROPY)
        return nt_fail(e, NT_EINVAL, "label smoothing goes with the loss cross_entropy");
    if (teacher != NULL && o->loss != NT_LOSS_CROSS_ENTROPY)
        return nt_fail(e, NT_EINVAL, "a teacher goes with the loss cross_entropy");
    if (teacher != NULL && !(o->temperature > 0))
        return nt_fail(e, NT_EINVAL, "temperature %g is not above 0", o->temperature);
    if (teacher != NULL && !(o->distill_weight >= 0 && o->distill_weight <= 1))
        return nt_fail(e, NT_EINVAL, "distillation weight %g is outside [0, 1]",
                       o->distill_weight);
    if (o->progressive != NULL && nt_qat_check_phases(o->progressive, e) != NT_OK)
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

/* Is there an evaluation after epoch number `epoch`, from 1? */
static bool eval_is_due(const nt_trainer *t, uint64_t epoch)
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

static nt_status make_schedule(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_schedule_run run = {
        .lr = t->o.optim.lr,
        .epochs = t->epochs,
        .steps = t->steps,
        .warmup_updates = (uint64_t)llround(t->o.warmup * (double)t->per_epoch),
        .metric_is_loss = !nt_metric_more_is_better(t->o.metric),
    };

    for (uint64_t i = 1; i <= t->epochs; i++)
        run.evals += eval_is_due(t, i);
    NT_TRY(nt_schedule_new(&t->schedule, t->o.schedule, &run, "scheduler", e));
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

/* As the archive has them now. */
static nt_status find_masks(nt_trainer *t, nt_err *e)
{
    t->n_masks = 0;
    for (int i = 0; i < t->p->n; i++) {
        const nt_param *v = &t->p->v[i];
        const nt_tensor *mask = v->is_state ? NULL : nt_model_mask(t->m, v->name);

        if (mask == NULL)
            continue;
        if (mask->dtype != NT_U8 || nt_tensor_count(mask) != (int64_t)v->count)
            return nt_fail(e, NT_EFORMAT, "mask of '%s': want uint8 of the parameter's shape",
                           v->name);
        t->masks[t->n_masks++] = (nt_train_mask){v->offset, v->count, mask->data};
    }
    return NT_OK;
}

static void apply_masks(const nt_trainer *t, float *buf)
{
    for (int i = 0; i < t->n_masks; i++) {
        const nt_train_mask *m = &t->masks[i];
        float *p = buf + m->offset;

#pragma omp parallel for schedule(static)
        for (size_t j = 0; j < m->count; j++)
            if (!m->keep[j])
                p[j] = 0;
    }
}

/* The samples of the largest batch: the only one may be smaller. */
static int64_t first_batch(const nt_trainer *t)
{
    int64_t n = (int64_t)nt_split_count(t->train);

    return t->o.batch_size < n ? t->o.batch_size : n;
}

static nt_status make_student(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan_opts po = {
        .training = true, .compute = t->o.compute, .params = t->p, .recompute = t->o.recompute};
    nt_eval_opts eo = {.batch_size = t->o.batch_size, .workers = t->o.workers};
    int64_t chw[3], classes = nt_split_classes(t->train);
    nt_rng root, dropout;

    nt_rng_init(&root, t->o.seed);
    dropout = nt_rng_fork(&root, "dropout");
    po.seed = nt_rng_u64(&dropout);
    nt_loader_shape(t->loader, chw);
    NT_TRY(nt_batch_plan_new(&t->plan, t->g, t->dev, &po, first_batch(t), chw, e));
    if (classes > nt_batch_plan_classes(t->plan)) {
        s = nt_fail(e, NT_EFORMAT, "the data have %lld classes, the network has %lld outputs",
                    (long long)classes, (long long)nt_batch_plan_classes(t->plan));
        goto done;
    }
    if (t->eval_split != NULL)
        NT_TRY(nt_evaluator_new(&t->eval, t->g, t->p, t->dev, t->eval_split, &eo, e));
done:
    return s;
}

static nt_status make_teacher(nt_trainer *t, nt_model *teacher, nt_err *e)
{
    nt_plan_opts to = {.compute = t->o.compute};
    nt_status s = NT_OK;
    int64_t chw[3];

    if (teacher == NULL)
        return NT_OK;
    nt_loader_shape(t->loader, chw);
    NT_TRY(nt_logits_graph(&t->teacher_g, nt_model_graph(teacher), e));
    NT_TRY(nt_batch_plan_new(&t->teacher, t->teacher_g, t->dev, &to, first_batch(t), chw, e));
    if (nt_batch_plan_classes(t->teacher) != nt_batch_plan_classes(t->plan))
        s = nt_fail(e, NT_EFORMAT, "it has %lld outputs, the student %lld",
                    (long long)nt_batch_plan_classes(t->teacher),
                    (long long)nt_batch_plan_classes(t->plan));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "teacher");
    return s;
}

/* ---- what changes with time */

static nt_status freeze_normalisations(nt_trainer *t, bool *changed, nt_err *e)
{
    double epoch = (double)t->clock.step / (double)t->per_epoch;

    if (t->frozen || t->o.freeze_bn < 0 || epoch < t->o.freeze_bn)
        return NT_OK;
    t->frozen = true;
    *changed = nt_freeze_norms(t->g);
    return nt_graph_bind(t->g, nt_train_ops(), e);
}

/* The graph of this step, and plans for it. resumed: the parameters are those of the step. */
static nt_status advance(nt_trainer *t, bool resumed, nt_err *e)
{
    bool frozen = false, moved = false;
    nt_status s = NT_OK;

    NT_TRY(freeze_normalisations(t, &frozen, e));
    if (t->qat != NULL)
        NT_TRY(nt_qat_advance(t->qat, t->clock.step, resumed, &moved, e));
    if (!frozen && !moved)
        return NT_OK;
    nt_batch_plan_free(t->plan);
    nt_evaluator_free(t->eval);
    t->plan = NULL;
    t->eval = NULL;
    NT_TRY(make_student(t, e));
    if (moved && !resumed) { /* what was measured before was another network */
        t->moved = true;
        t->best = nt_metric_more_is_better(t->o.metric) ? -INFINITY : INFINITY;
        t->best_epoch = 0;
        t->without_gain = 0;
    }
done:
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

/* The classifier's loss is taken at the logits; mse at the outputs as they are. */
static nt_status make_graph(nt_trainer *t, nt_err *e)
{
    const nt_graph *g = nt_model_graph(t->m);

    return t->o.loss == NT_LOSS_CROSS_ENTROPY ? nt_logits_graph(&t->g, g, e)
                                              : nt_graph_dup(&t->g, g, true, e);
}

static nt_status make_loader(nt_trainer *t, nt_split *train, nt_err *e)
{
    nt_loader_opts lo = {.batch_size = t->o.batch_size,
                         .shuffle = -1,
                         .augment = true,
                         .workers = t->o.workers,
                         .seed = t->o.seed};
    nt_status s = nt_loader_new(&t->loader, train, &lo, e);

    if (s == NT_OK && nt_loader_batches(t->loader) == 0)
        s = nt_fail(e, NT_EFORMAT, "the training split has no samples");
    return s;
}

/* Parameters, and those of quantizers among them where the model is prepared. */
static nt_status make_params(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_qat_new(&t->qat, t->g, t->m, e));
    NT_TRY(nt_params_new(&t->p, t->g, e));
    if (t->qat != NULL)
        nt_qat_place(t->qat, t->p);
done:
    return s;
}

static nt_status make_phases(nt_trainer *t, nt_err *e)
{
    bool changed = false;
    nt_status s = NT_OK;

    if (t->o.progressive == NULL)
        return NT_OK;
    if (t->qat == NULL)
        return nt_fail(e, NT_EINVAL,
                       "bits by epochs are for a model that nt-quantize has prepared");
    NT_TRY(nt_qat_set_phases(t->qat, t->o.progressive, t->per_epoch, e));
    NT_TRY(nt_qat_advance(t->qat, 0, false, &changed, e));
done:
    return s;
}

nt_status nt_trainer_new(nt_trainer **out, nt_model *m, nt_model *teacher, nt_device *dev,
                         nt_split *train, nt_split *eval, const nt_train_opts *o, nt_err *e)
{
    nt_status s = NT_OK;
    nt_trainer *t = NULL;

    NT_TRY(check_opts(o, teacher, eval, e));
    if ((t = nt_calloc(1, sizeof *t)) == NULL)
        return nt_fail_nomem(e);
    t->m = m;
    t->dev = dev;
    t->train = train;
    t->eval_split = eval;
    t->o = *o;
    t->metric = NAN;
    t->best = nt_metric_more_is_better(o->metric) ? -INFINITY : INFINITY;
    t->report = cJSON_CreateObject();
    if (t->report == NULL || nt_json_add_array(t->report, "epochs") == NULL) {
        s = nt_fail_nomem(e);
        goto done;
    }
    NT_TRY(make_graph(t, e));
    NT_TRY(make_params(t, e));
    if (t->p->n_w == 0) {
        s = nt_fail(e, NT_EUNSUPPORTED, "the network has no parameters to train");
        goto done;
    }
    t->masks = nt_calloc((size_t)t->p->n, sizeof *t->masks);
    if (t->masks == NULL)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(find_masks(t, e));
    apply_masks(t, t->p->w);
    NT_TRY(make_loader(t, train, e));
    plan_length(t);
    NT_TRY(make_phases(t, e));
    NT_TRY(make_student(t, e));
    NT_TRY(make_teacher(t, teacher, e));
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
    nt_batch_plan_free(t->teacher);
    nt_optim_free(t->optim);
    nt_schedule_free(t->schedule);
    nt_ema_free(t->ema);
    nt_qat_free(t->qat);
    nt_params_free(t->p);
    nt_graph_free(t->teacher_g);
    nt_graph_free(t->g);
    nt_free(t->masks);
    nt_free(t->best_w);
    nt_free(t->best_state);
    nt_json_free(t->report);
    nt_free(t);
}

const cJSON *nt_trainer_report(const nt_trainer *t)
{
    return t->report;
}

/* ---- one step */

/* Writes dL/dlogits and returns L. */
static double loss_of(const nt_trainer *t, float *grad, const float *x, const float *teacher,
                      const nt_batch *b, int64_t k)
{
    double w = teacher != NULL ? t->o.distill_weight : 0, loss = 0;

    memset(grad, 0, (size_t)(b->n * k) * sizeof *grad);
    if (t->o.loss == NT_LOSS_MSE)
        return nt_loss_mse_label(grad, x, b->y, b->n, k, 1);
    if (w < 1)
        loss = (1 - w) *
               nt_loss_cross_entropy(grad, x, b->y, b->n, k, t->o.label_smoothing, 1 - w);
    if (w > 0)
        loss += w * nt_loss_distill(grad, x, teacher, b->n, k, t->o.temperature, w);
    return loss;
}

static nt_status forward_backward(nt_trainer *t, const nt_batch *b, double *loss, nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan *plan, *teacher = NULL;
    nt_tensor *grad;

    if (t->teacher != NULL)
        NT_TRY(nt_batch_plan_forward(t->teacher, b->x, NULL, b->n, 0, &teacher, e));
    NT_TRY(nt_batch_plan_forward(t->plan, b->x, b->y, b->n, t->clock.step, &plan, e));
    if ((grad = nt_plan_output_grad(plan, 0)) == NULL) {
        s = nt_fail(e, NT_EUNSUPPORTED, "no parameter has a part in the network's output");
        goto done;
    }
    *loss = loss_of(t, grad->data, nt_plan_output(plan, 0)->data,
                    t->teacher != NULL ? nt_batch_plan_output(t->teacher)->data : NULL, b,
                    nt_batch_plan_classes(t->plan));
    if (!isfinite(*loss)) {
        s = nt_fail(e, NT_EFORMAT,
                    "step %llu: the loss is not finite (is a learning rate of %g too high?)",
                    (unsigned long long)t->clock.step + 1, t->lr);
        goto done;
    }
    NT_TRY(nt_plan_backward(plan, e));
done:
    return s;
}

static nt_status step(nt_trainer *t, const nt_batch *b, nt_err *e)
{
    nt_status s = NT_OK;
    double loss = 0;

    NT_TRY(advance(t, false, e));
    t->lr = nt_schedule_lr(t->schedule, &t->clock);
    NT_TRY(forward_backward(t, b, &loss, e));
    apply_masks(t, t->p->g);
    if (t->qat != NULL)
        nt_qat_adjust(t->qat, t->lr, t->o.optim.weight_decay);
    if (t->o.clip_norm > 0)
        nt_clip_norm(t->p->g, t->p->n_w, t->o.clip_norm);
    nt_optim_step(t->optim, t->p->w, t->p->g, t->lr,
                  nt_schedule_momentum(t->schedule, &t->clock));
    if (t->qat != NULL)
        nt_qat_keep(t->qat);
    if (t->o.after_step != NULL) {
        NT_TRY(t->o.after_step(t->o.ctx, t->p, &t->clock, e));
        NT_TRY(find_masks(t, e));
    }
    apply_masks(t, t->p->w);
    if (t->ema != NULL)
        nt_ema_update(t->ema, t->p);
    if (t->ema != NULL && t->moved)
        nt_qat_copy(t->qat, nt_ema_w(t->ema), nt_ema_state(t->ema));
    t->moved = false;
    t->loss_sum += loss * (double)b->n;
    t->samples += (uint64_t)b->n;
    t->clock.step++;
    t->batch++;
done:
    return s;
}

/* ---- one epoch */

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void tell(const nt_trainer *t, bool epoch_done)
{
    nt_train_progress p = {
        .clock = t->clock,
        .steps = t->steps,
        .epochs = t->epochs,
        .loss = t->samples > 0 ? t->loss_sum / (double)t->samples : NAN,
        .lr = t->lr,
        .images_per_second = t->seconds > 0 ? (double)t->timed / t->seconds : NAN,
        .metric = t->metric,
        .epoch_done = epoch_done,
    };

    if (t->o.progress != NULL)
        t->o.progress(t->o.ctx, &p);
}

bool nt_trainer_is_over(nt_trainer *t)
{
    if (t->stopped == NULL && t->clock.step >= t->steps)
        t->stopped =
            t->clock.epoch >= (uint64_t)t->o.epochs && t->o.epochs > 0 ? "epochs" : "steps";
    return t->stopped != NULL;
}

/* The rest of the epoch, or as far as the run goes. */
static nt_status train_epoch(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    double t0 = seconds();

    t->seconds = t->waited = 0;
    t->timed = 0;
    NT_TRY(nt_loader_start(t->loader, t->clock.epoch, t->batch, e));
    while (t->batch < t->per_epoch && t->clock.step < t->steps) {
        const nt_batch *b;
        double asked = seconds();

        NT_TRY(nt_loader_next(t->loader, &b, e));
        t->waited += seconds() - asked;
        if (b == NULL) {
            s = nt_fail(e, NT_EFORMAT, "the training split ended early");
            goto done;
        }
        NT_TRY(step(t, b, e));
        t->timed += (uint64_t)b->n;
        t->seconds = seconds() - t0;
        tell(t, false);
        if (t->o.checkpoint_every > 0 && t->batch < t->per_epoch &&
            t->clock.step % (uint64_t)t->o.checkpoint_every == 0)
            NT_TRY(nt_trainer_save(t, e));
    }
done:
    return s;
}

static void note_best(nt_trainer *t, uint64_t epoch)
{
    bool gain =
        nt_metric_more_is_better(t->o.metric) ? t->metric > t->best : t->metric < t->best;

    t->without_gain = gain ? 0 : t->without_gain + 1;
    if (!gain)
        return;
    t->best = t->metric;
    t->best_epoch = epoch;
    if (t->best_w != NULL) {
        memcpy(t->best_w, t->p->w, t->p->n_w * sizeof(float));
        memcpy(t->best_state, t->p->state, t->p->n_state * sizeof(float));
    }
}

/* Of the average where there is one: it is what the run will give. */
static nt_status evaluate(nt_trainer *t, uint64_t epoch, cJSON *record, nt_err *e)
{
    nt_status s = NT_OK;
    nt_eval_result r = {0};
    bool ok = true;

    if (t->ema != NULL)
        nt_ema_swap(t->ema, t->p);
    s = nt_evaluator_run(t->eval, &r, e);
    if (s == NT_OK) {
        t->metric = r.value[t->o.metric];
        t->clock.evals++;
        note_best(t, epoch);
        nt_schedule_metric(t->schedule, t->metric);
        for (int m = 0; ok && m < NT_N_METRICS; m++)
            ok = nt_json_add_double(
                record, m == NT_METRIC_LOSS ? "eval_loss" : nt_metric_name(m), r.value[m]);
        if (!ok)
            s = nt_fail_nomem(e);
    }
    if (t->ema != NULL)
        nt_ema_swap(t->ema, t->p);
    nt_eval_result_release(&r);
    return s;
}

static nt_status check_weights(const nt_trainer *t, nt_err *e)
{
    for (size_t i = 0; i < t->p->n_w; i++)
        if (!isfinite(t->p->w[i]))
            return nt_fail(
                e, NT_EFORMAT,
                "step %llu: weights are no longer finite (is a learning rate of %g too "
                "high?)",
                (unsigned long long)t->clock.step, t->lr);
    return NT_OK;
}

static nt_status finish_epoch(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *list = cJSON_GetObjectItemCaseSensitive(t->report, "epochs");
    cJSON *r = cJSON_CreateObject();
    double speed = t->seconds > 0 ? (double)t->timed / t->seconds : NAN;
    uint64_t epoch = (uint64_t)cJSON_GetArraySize(list) + 1; /* this one, perhaps cut short */

    NT_TRY(check_weights(t, e));
    if (t->batch >= t->per_epoch)
        t->clock.epoch++;
    if (r == NULL || !nt_json_add_i64(r, "epoch", (int64_t)epoch) ||
        !nt_json_add_i64(r, "steps", (int64_t)t->clock.step) ||
        !nt_json_add_double(r, "loss", t->loss_sum / (double)t->samples) ||
        !nt_json_add_double(r, "lr", t->lr) ||
        !nt_json_add_double(r, "images_per_second", speed) ||
        !nt_json_add_double(r, "seconds", t->seconds) ||
        !nt_json_add_double(r, "data_wait_seconds", t->waited)) {
        s = nt_fail_nomem(e);
        goto done;
    }
    if (eval_is_due(t, epoch))
        NT_TRY(evaluate(t, epoch, r, e));
    if (t->o.early_stopping > 0 && t->without_gain >= t->o.early_stopping)
        t->stopped = "early_stopping";
    cJSON_AddItemToArray(list, r);
    r = NULL;
    nt_trainer_is_over(t);
    tell(t, true);
    t->batch = t->samples = 0;
    t->loss_sum = 0;
    NT_TRY(nt_trainer_save(t, e));
done:
    nt_json_free(r);
    return s;
}

/* ---- the run */

static nt_status finish(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *best;

    if (t->best_w != NULL && t->best_epoch > 0) {
        memcpy(t->p->w, t->best_w, t->p->n_w * sizeof(float));
        memcpy(t->p->state, t->best_state, t->p->n_state * sizeof(float));
    } else if (t->ema != NULL) {
        nt_ema_swap(t->ema, t->p);
    }
    NT_TRY(nt_params_store(t->p, nt_model_graph(t->m), e));
    if (t->qat != NULL)
        NT_TRY(nt_qat_store(t->qat, t->m, e));
    nt_archive_remove_prefix(nt_model_archive(t->m), "state/");
    s = NT_ENOMEM;
    if (!nt_json_add_i64(t->report, "steps", (int64_t)t->clock.step) ||
        !nt_json_add_str(t->report, "stopped", t->stopped) ||
        !nt_json_add_i64(t->report, "activation_memory_bytes",
                         (int64_t)nt_batch_plan_arena_bytes(t->plan)))
        goto done;
    if (t->clock.evals > 0 && ((best = nt_json_add_object(t->report, "best")) == NULL ||
                               !nt_json_add_i64(best, "epoch", (int64_t)t->best_epoch) ||
                               !nt_json_add_double(best, nt_metric_name(t->o.metric), t->best)))
        goto done;
    s = NT_OK;
done:
    if (s == NT_ENOMEM)
        nt_fail_nomem(e);
    return s;
}

nt_status nt_trainer_run(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;

    if (t->o.resume) {
        NT_TRY(nt_trainer_restore(t, e));
        NT_TRY(advance(t, true, e));
    }
    while (!nt_trainer_is_over(t)) {
        NT_TRY(train_epoch(t, e));
        NT_TRY(finish_epoch(t, e));
    }
    NT_TRY(finish(t, e));
done:
    return s;
}
