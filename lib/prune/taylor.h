/* SPDX-License-Identifier: MIT */
/* taylor.h - what the criterion 'taylor' needs: gradients of the loss on some batches. */
#ifndef NT_PRUNE_TAYLOR_H
#define NT_PRUNE_TAYLOR_H

#include "data/data.h"
#include "kernel/prim.h"
#include "prune/channels.h"

typedef struct nt_taylor_opts {
    nt_split *split;
    int64_t batch_size, batches;
    uint64_t seed;
    nt_dtype compute;
} nt_taylor_opts;

/* By layer of c: the sum over batches of (w dL/dw)^2, per element of the weight, or NULL where
 * the weight has no gradient; L is the cross-entropy, with batch statistics as in training.
 * nt_taylor_free frees it. */
nt_status nt_taylor_new(float ***out, const nt_channels *c, const nt_graph *g, nt_device *dev,
                        const nt_taylor_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_taylor_free(float **t, const nt_channels *c);

#endif
