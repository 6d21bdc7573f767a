/* SPDX-License-Identifier: MIT */
#include "train/trainer.h"

#include "base/alloc.h"
#include "train/frozen_bn.h"
#include "train/trainer_priv.h"

#include <math.h>
#include <string.h>
#include <time.h>

const cJSON *nt_trainer_report(const nt_trainer *t)
{
    return t->report;
}

const nt_nonfinite *nt_trainer_nonfinite(const nt_trainer *t)
{
    return &t->bad;
}

const nt_teacher_account *nt_trainer_teacher(const nt_trainer *t)
{
    return t->teacher != NULL ? nt_teacher_tell(t->teacher) : NULL;
}

/* ---- what changes with time */

static nt_status freeze_normalisations(nt_trainer *t, bool *changed, nt_err *e)
{
    double epoch = (double)t->clock.step / (double)t->per_epoch;

    if (t->frozen || t->o.freeze_bn < 0 || epoch < t->o.freeze_bn)
        return NT_OK;
    t->frozen = true;
    *changed = nt_freeze_norms(t->g);
    return nt_graph_bind(t->g, t->g->ops, e);
}

/* The graph of this step, and plans for it. resumed: the parameters are those of the step. */
static nt_status advance(nt_trainer *t, bool resumed, nt_err *e)
{
    bool frozen = false, moved = false;
    nt_status s = NT_OK;

    NT_TRY(freeze_normalisations(t, &frozen, e));
    NT_TRY(nt_along_advance(t, resumed, &moved, e));
    if (!frozen && !moved)
        return NT_OK;
    nt_batch_plan_free(t->plan);
    nt_graph_free(t->loss_g);
    nt_evaluator_free(t->eval);
    t->plan = NULL;
    t->loss_g = NULL;
    t->eval = NULL;
    NT_TRY(nt_trainer_make_plans(t, e));
    if (moved && !resumed) { /* what was measured before was another network */
        t->moved = true;
        t->best = nt_metric_worst(t->o.metric);
        t->best_epoch = 0;
        t->without_gain = 0;
    }
done:
    return s;
}

/* ---- one step */

/* What the teacher says of the batch. */
static nt_status ask_teacher(nt_field *logits, nt_trainer *t, const nt_batch *b, nt_err *e)
{
    const float *said = NULL;
    nt_status s = NT_OK;

    *logits = nt_trainer_taught(t);
    if (t->teacher != NULL)
        s = nt_teacher_ask(&said, t->teacher, b, e);
    logits->data = said;
    return s;
}

static nt_status forward_backward(nt_trainer *t, const nt_batch *b, double *loss, nt_err *e)
{
    nt_status s = NT_OK;
    nt_plan *plan;
    nt_field taught;
    nt_batch_in in = {b, t->clock.step, &taught};

    NT_TRY(ask_teacher(&taught, t, b, e));
    NT_TRY(nt_batch_plan_forward(t->plan, &in, &plan, e));
    *loss = *(const double *)nt_batch_plan_named(t->plan, NT_LOSS)->data;
    if (!isfinite(*loss))
        NT_TRY(nt_trainer_fail_loss(t, e));
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
    nt_trainer_apply_masks(t, t->p->g);
    NT_TRY(nt_trainer_check_gradient(t, e));
    nt_along_adjust(t);
    if (t->o.clip_value > 0)
        nt_clip_value(t->p->g, t->p->n_w, t->o.clip_value);
    if (t->o.clip_norm > 0)
        nt_clip_norm(t->p->g, t->p->n_w, t->o.clip_norm);
    nt_optim_step(t->optim, t->p->w, t->p->g, t->lr,
                  nt_schedule_momentum(t->schedule, &t->clock));
    NT_TRY(nt_along_keep(t, e));
    nt_trainer_apply_masks(t, t->p->w);
    if (t->ema != NULL)
        nt_ema_update(t->ema, t->p);
    if (t->ema != NULL && t->moved)
        nt_along_average(t);
    t->moved = false;
    t->loss_sum += loss * (double)b->n;
    t->samples += (uint64_t)b->n;
    t->clock.step++;
    t->batch = b->number + 1;
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
    bool epochs = t->o.epochs > 0 && t->clock.epoch >= (uint64_t)t->o.epochs;
    bool fewer = nt_split_skipped(t->train) > 0; /* steps than were planned, perhaps */

    if (t->stopped == NULL && (t->clock.step >= t->steps || (epochs && fewer)))
        t->stopped = epochs ? "epochs" : "steps";
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
    if (t->teacher != NULL)
        nt_teacher_begin(t->teacher, t->clock.epoch, t->batch);
    while (t->batch < t->per_epoch && t->clock.step < t->steps) {
        const nt_batch *b;
        double asked = seconds();

        NT_TRY(nt_loader_next(t->loader, &b, e));
        t->waited += seconds() - asked;
        if (b == NULL && nt_split_skipped(t->train) == 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "the training split ended early"));
        if (b == NULL) { /* all of the last batches was skipped */
            t->batch = t->per_epoch;
            break;
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
    bool gain = nt_metric_is_better(t->o.metric, t->metric, t->best);

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
        t->metric = nt_eval_value(&r, t->o.metric);
        t->clock.evals++;
        note_best(t, epoch);
        nt_schedule_metric(t->schedule, t->metric);
        for (int i = 0; ok && i < r.n; i++)
            ok = nt_json_add_double(record, r.score[i].metric->record, r.score[i].value);
        ok = ok && nt_nonfinite_json(record, "", &r.bad);
        if (r.bad.n)
            t->bad = r.bad;
        if (!ok)
            s = nt_fail_nomem(e);
    }
    if (t->ema != NULL)
        nt_ema_swap(t->ema, t->p);
    nt_eval_result_release(&r);
    return s;
}

static nt_status finish_epoch(nt_trainer *t, nt_err *e)
{
    nt_status s = NT_OK;
    cJSON *list = cJSON_GetObjectItemCaseSensitive(t->report, "epochs");
    cJSON *r = cJSON_CreateObject();
    double speed = t->seconds > 0 ? (double)t->timed / t->seconds : NAN;
    uint64_t epoch = (uint64_t)cJSON_GetArraySize(list) + 1; /* this one, perhaps cut short */

    NT_TRY(nt_trainer_check_weights(t, e));
    if (t->teacher != NULL)
        NT_TRY(nt_teacher_end(t->teacher, t->batch >= t->per_epoch, e));
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
    if (nt_trainer_eval_is_due(t, epoch))
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
    NT_TRY(nt_along_store(t, e));
    nt_archive_remove_prefix(nt_model_archive(t->m), "state/");
    s = NT_ENOMEM;
    if (!nt_json_add_i64(t->report, "steps", (int64_t)t->clock.step) ||
        !nt_json_add_str(t->report, "stopped", t->stopped) ||
        !nt_json_add_i64(t->report, "activation_memory_bytes",
                         (int64_t)nt_batch_plan_arena_bytes(t->plan)))
        goto done;
    if (t->clock.evals > 0 && ((best = nt_json_add_object(t->report, "best")) == NULL ||
                               !nt_json_add_i64(best, "epoch", (int64_t)t->best_epoch) ||
                               !nt_json_add_double(best, t->o.metric->name, t->best)))
        goto done;
    if (!nt_split_report_left_out(t->report, t->train))
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
