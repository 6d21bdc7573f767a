/* SPDX-License-Identifier: MIT */
/* gradients.h - the loss's gradients on some batches, for whoever ranks by them. */
#ifndef NT_TRAIN_GRADIENTS_H
#define NT_TRAIN_GRADIENTS_H

#include "data/data.h"
#include "exec/params.h"
#include "kernel/prim.h"

typedef struct nt_gradients_opts {
    nt_device *dev;
    nt_split *split;
    int64_t batch_size, batches; /* at most so many; a smaller split is one batch */
    uint64_t seed;
    nt_dtype compute;
    bool augment;
    const char *who; /* asks, for messages */
} nt_gradients_opts;

/* Calls see after each batch of n samples with the gradients (p->g) of its mean cross-entropy,
 * with batch statistics as in training. */
nt_status nt_gradients_each(const nt_graph *g, const nt_gradients_opts *o,
                            void (*see)(void *ctx, const nt_params *p, int64_t n), void *ctx,
                            nt_err *e) NT_MUST_CHECK;

#endif
