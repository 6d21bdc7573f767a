/* SPDX-License-Identifier: MIT */
/*
 * costrun.h - measures a table of costs (cost.h) for a network on this machine.
 *
 * Layers are timed where they run: networks are made with fewer channels, planned and run as
 * any other, and each step's time is noted. So layouts, fusions, and what the cache still holds
 * are a pruned network's own; a step that belongs to no layer (a pool, a sum, a change of
 * layout) counts for the layer before it, and the times of all layers add up to the network's.
 *
 * One network tells about every layer. Sets of channels that a layer connects get different
 * colours, sets of one colour always keep the same share, and shares are handed out so that
 *
 *   - each colour alone keeps 1/16, 2/16, ... of its channels, the others all of theirs: the
 *     counts nearest to that which are multiples of `step`, and 3 channels less, for odd ones;
 *   - in a square of SHARES x SHARES networks every layer meets every pair of shares of its
 *     input and its output: network (i, j) gives colour k share (i + k j) mod SHARES, which is
 *     a prime (orthogonal arrays, Bose & Bush 1952).
 *
 * Coarse ones come first, so that the time that was granted is spent on what tells most.
 */
#ifndef NT_MEASURE_COSTRUN_H
#define NT_MEASURE_COSTRUN_H

#include "kernel/prim.h"
#include "measure/cost.h"

typedef struct nt_cost_opts {
    int64_t batch;    /* 0: 1 */
    nt_dtype compute; /* NT_F32 or NT_BF16; NT_I8 is NT_F32 */
    int runs;         /* of each network, of which the fastest counts for each step; 0: 5 */
    int64_t step;     /* 0: 8 */
    double time_s;    /* no network is begun later; the whole one is always measured. 0: 60 */
    void (*progress)(void *ctx, double share); /* may be NULL */
    void *ctx;
} nt_cost_opts;

/* Weights are those of the channels that stay: no time depends on them. NT_EUNSUPPORTED where
 * no channel of g can go. g is as before afterwards. */
nt_status nt_cost_measure(nt_cost **out, const nt_graph *g, nt_device *dev,
                          const nt_cost_opts *o, nt_err *e) NT_MUST_CHECK;

#endif
