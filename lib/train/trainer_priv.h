/* SPDX-License-Identifier: MIT */
/* trainer_priv.h - what the files of the training loop share. */
#ifndef NT_TRAIN_TRAINER_PRIV_H
#define NT_TRAIN_TRAINER_PRIV_H

#include "train/batch_plan.h"
#include "train/checkpoint.h"
#include "train/ema.h"
#include "train/trainer.h"

/* A mask of the archive and where its parameter lies. */
typedef struct nt_train_mask {
    size_t offset, count;
    const uint8_t *keep;
} nt_train_mask;

/* A companion that the model concerns. */
typedef struct nt_along {
    const nt_companion *c;
    void *state;
} nt_along;

struct nt_trainer {
    nt_model *m;
    nt_train_opts o;
    nt_graph *g;      /* ending in logits, or as the loss wants it */
    nt_graph *loss_g; /* g with its loss, as the plans have it now */
    nt_loss_opts loss;
    nt_params *p;
    nt_batch_plan *plan;
    nt_teacher *teacher; /* NULL: none */
    nt_loader *loader;
    nt_evaluator *eval; /* NULL: no evaluation */
    nt_optim *optim;
    nt_schedule *schedule;
    nt_ema *ema;
    nt_along along[NT_COMPANIONS];
    int n_along;
    nt_device *dev;
    nt_split *train, *eval_split; /* eval_split NULL: no evaluation */
    bool frozen, moved;           /* normalisations; the graph, since the last update */
    nt_train_mask *masks;
    int n_masks;
    uint64_t per_epoch, epochs, steps; /* updates of an epoch; planned length */

    /* where the run is: all of it goes into a checkpoint */
    nt_clock clock;
    uint64_t batch; /* of this epoch, the next one */
    double loss_sum, metric, best;
    nt_nonfinite bad; /* of the last evaluation that had such outputs */
    uint64_t samples; /* seen in this epoch */
    uint64_t best_epoch;
    int64_t without_gain;       /* evaluations since the best one */
    float *best_w, *best_state; /* keep_best */
    cJSON *report;              /* {"epochs": [...]} */
    const char *stopped;        /* NULL while it runs */

    /* speed, of this process only */
    double lr, seconds, waited; /* seconds: of this epoch; waited: of them, for data */
    uint64_t timed;
};

/* Is there an evaluation after epoch number `epoch`, from 1? */
bool nt_trainer_eval_is_due(const nt_trainer *t, uint64_t epoch);
/* trainer_along.c: what the trainer asks of its companions, one after the other. */
nt_status nt_along_check(const nt_train_opts *o, nt_err *e) NT_MUST_CHECK;
nt_status nt_along_begin(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
void nt_along_place(nt_trainer *t);
nt_status nt_along_pace(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
nt_status nt_along_advance(nt_trainer *t, bool resumed, bool *changed, nt_err *e) NT_MUST_CHECK;
void nt_along_adjust(const nt_trainer *t);
nt_status nt_along_keep(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
void nt_along_average(const nt_trainer *t);
nt_status nt_along_store(const nt_trainer *t, nt_err *e) NT_MUST_CHECK;
bool nt_along_own_numbers(const nt_trainer *t);
void nt_along_end(nt_trainer *t);
/* Takes the masks as the archive has them now. */
nt_status nt_trainer_find_masks(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* Zeros what is pruned in buf, which lies as the weights do. */
void nt_trainer_apply_masks(const nt_trainer *t, float *buf);
/* NT_EFORMAT for the last forward run, whose loss is not finite; names the layer. */
nt_status nt_trainer_fail_loss(const nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* NT_EFORMAT where a parameter's gradient is not finite, or a parameter. Gradients come from
 * the end: the last such parameter's layer is the first. */
nt_status nt_trainer_check_gradient(const nt_trainer *t, nt_err *e) NT_MUST_CHECK;
nt_status nt_trainer_check_weights(const nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* What the teacher adds to a batch, without its data. */
nt_field nt_trainer_taught(const nt_trainer *t);
/* Plans for training and evaluating the graph as it is now. */
nt_status nt_trainer_make_plans(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* Has the run reached its last epoch or step, or been stopped? Sets t->stopped. */
bool nt_trainer_is_over(nt_trainer *t);
nt_status nt_trainer_save(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* From o.checkpoint, if that exists. */
nt_status nt_trainer_restore(nt_trainer *t, nt_err *e) NT_MUST_CHECK;

#endif
