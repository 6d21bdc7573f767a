/* SPDX-License-Identifier: MIT */
/*
 * trainer.h - the training loop.
 *
 * Each step: forward to the loss (loss_graph.h), backward, gradients masked (and clipped, if
 * asked), optimiser, weights masked, EMA. Masked weights therefore stay zero whatever momentum
 * holds. The last batch of an epoch may be smaller, as in PyTorch. Gradients are one flat
 * buffer (nt_params.g) between backward and optimiser: the place where data-parallel training
 * sums over ranks.
 */
#ifndef NT_TRAIN_TRAINER_H
#define NT_TRAIN_TRAINER_H

#include "graph/model.h"
#include "train/companion.h"
#include "train/eval.h"
#include "train/loss_graph.h"
#include "train/optim.h"
#include "train/schedule.h"
#include "train/teacher.h"

enum { NT_COMPANIONS = 4 };

/* What a run looks like from outside, now. */
typedef struct nt_train_progress {
    nt_clock clock;
    uint64_t steps, epochs;             /* planned */
    double loss, lr, images_per_second; /* loss: mean of the epoch so far */
    double metric;                      /* of the last evaluation; NAN before the first */
    bool epoch_done;
} nt_train_progress;

typedef struct nt_train_opts {
    int64_t epochs,
        steps; /* the run ends at whichever comes first; 0: not given. One is needed */
    nt_optim_opts optim;
    cJSON *schedule;     /* borrowed; as nt_schedule_new takes it; NULL: constant */
    double warmup;       /* epochs, may be a fraction */
    const nt_loss *loss; /* NULL: cross_entropy */
    double label_smoothing;
    double temperature, distill_weight; /* of the teacher; weight of its term in [0, 1] */
    int64_t teacher_views;        /* so many of each sample, of which it is asked once; 0: each
                                     epoch has its own, and it is asked at every step */
    const char *teacher_cache;    /* a file that keeps them (views.h); NULL: none */
    const char *teacher_identity; /* of that file */
    double ema_decay, ema_period; /* decay 0: no EMA */
    double clip_norm, clip_value; /* 0: none */
    double freeze_bn; /* from that epoch on (a fraction, too) the statistics of normalisations
                         stay as they are and count; negative: never */
    const char *progressive;     /* bits by epochs (qat.h); NULL: the model's own */
    bool decay_norm, decay_bias; /* false: no weight decay on scale and shift of normalisations,
                                    on biases */
    int64_t batch_size;
    int workers;
    nt_dtype compute;
    bool recompute; /* less memory, more time, the same result (exec/recompute.h) */
    uint64_t seed;
    const nt_metric *metric;  /* what early stopping, keep_best and plateau look at */
    int64_t eval_freq;        /* evaluate every so many epochs; and always after the last */
    int64_t eval_skip;        /* no evaluation in the first so many epochs */
    int64_t early_stopping;   /* stop after so many evaluations without improvement; 0: never */
    bool keep_best;           /* end with the parameters of the best evaluation */
    const char *checkpoint;   /* NULL: none. Written after each epoch ... */
    int64_t checkpoint_every; /* ... and each so many steps; 0: not */
    bool resume;              /* go on from the checkpoint if it exists */
    /* What the run depends on beside these options (digests of model, data and teacher): a
     * checkpoint of another run is refused. */
    const char *identity;
    /* Called after each step and after each epoch. May be NULL. */
    void (*progress)(void *ctx, const nt_train_progress *p);
    void *ctx;
    const nt_companion *const *companions; /* up to a NULL, at most NT_COMPANIONS; or NULL */
} nt_train_opts;

/* PyTorch's defaults where it has one: SGD, constant rate, no decay, everything decays alike.
 */
void nt_train_defaults(nt_train_opts *o);
/* NT_EINVAL, behind `where`, for a schedule that cycles the momentum of an optimiser without.
 */
nt_status nt_train_check_momentum(const nt_schedule *s, const nt_optim_opts *o,
                                  const char *where, nt_err *e) NT_MUST_CHECK;

typedef struct nt_trainer nt_trainer;

/* What a training works with: teacher and eval may be NULL. */
typedef struct nt_train_with {
    nt_model *model, *teacher;
    nt_device *dev;
    nt_split *train, *eval;
} nt_train_with;

/* Everything is borrowed and must outlive the trainer. */
nt_status nt_trainer_new(nt_trainer **out, const nt_train_with *w, const nt_train_opts *o,
                         nt_err *e) NT_MUST_CHECK;
void nt_trainer_free(nt_trainer *t);
/* To the end, or from the checkpoint to the end. The result (the average, with EMA) is stored
 * in the model's graph. A loss or gradient that is not finite stops it: NT_EFORMAT with step,
 * rate, and the first layer where it is so. */
nt_status nt_trainer_run(nt_trainer *t, nt_err *e) NT_MUST_CHECK;
/* {"epochs": [{epoch, loss, lr, images_per_second, seconds, data_wait_seconds (of those, in
 * which the next batch was not ready), metric..., and of nt_nonfinite_json}], "steps",
 * "stopped", "activation_memory_bytes", "best"}; borrowed. */
const cJSON *nt_trainer_report(const nt_trainer *t);
/* How often the teacher was asked; NULL: there is none. */
const nt_teacher_account *nt_trainer_teacher(const nt_trainer *t);
/* Of the last evaluation that had outputs that are not finite; n is 0 where none had. */
const nt_nonfinite *nt_trainer_nonfinite(const nt_trainer *t);

#endif
