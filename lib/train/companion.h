/* SPDX-License-Identifier: MIT */
/*
 * companion.h - what goes along with a training, and changes its graph, its gradients, its
 * parameters or its masks: quantization-aware training, pruning by a schedule.
 *
 * A companion is a table of what the training loop (trainer.h) calls, in this order; each
 * function may be NULL. What lies below the loop knows none of them: who starts a training
 * lists those that it may have, and each says whether the model concerns it.
 */
#ifndef NT_TRAIN_COMPANION_H
#define NT_TRAIN_COMPANION_H

#include "exec/params.h"
#include "graph/model.h"
#include "train/schedule.h"

struct nt_train_opts;

typedef struct nt_companion {
    /* It adds parameters that the model has no room for: they go into checkpoints. */
    bool own_numbers;
    bool masks; /* keep changes the masks in the model's archive */

    /* Options that are wrong whatever the model is: NT_EINVAL. */
    nt_status (*check)(const struct nt_train_opts *o, nt_err *e);
    /* *state (NULL before) stays NULL where the model does not concern it. g, a copy of the
     * model's graph, may be changed here, and is then bound; its parameters are made
     * afterwards. */
    nt_status (*begin)(void **state, nt_graph *g, const nt_model *m,
                       const struct nt_train_opts *o, nt_err *e);
    /* Where the parameters are: borrowed. */
    void (*place)(void *state, nt_params *p);
    /* How long an epoch is, in steps. */
    nt_status (*pace)(void *state, const struct nt_train_opts *o, uint64_t steps_per_epoch,
                      nt_err *e);
    /* Before step number `step`, from 0. *changed: the graph, so that plans are made anew.
     * resumed: the parameters are those of this step already. */
    nt_status (*advance)(void *state, uint64_t step, bool resumed, bool *changed, nt_err *e);
    /* Between the backward run and the update at rate lr: gradients. */
    void (*adjust)(const void *state, double lr, double decay);
    /* After the update: parameters, and masks, which are applied afterwards. */
    nt_status (*keep)(void *state, nt_params *p, const nt_clock *c, nt_err *e);
    /* After a change of the graph: its own numbers into the average's buffers, which lie like
     * nt_params.w and .state. */
    void (*average)(const void *state, float *w, float *statistics);
    /* What it came to, into the model, whose constants are what the parameters were. */
    nt_status (*store)(const void *state, nt_model *m, nt_err *e);
    void (*end)(void *state);
} nt_companion;

#endif
