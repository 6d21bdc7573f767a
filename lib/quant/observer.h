/* SPDX-License-Identifier: MIT */
/*
 * observer.h - what a tensor's values look like, in constant memory, and which range of them is
 * worth codes.
 *
 * A histogram around zero whose bins are 2^k wide: it grows by doubling the width, so that
 * observers of different batches, threads or machines merge exactly, in any order.
 */
#ifndef NT_QUANT_OBSERVER_H
#define NT_QUANT_OBSERVER_H

#include "base/err.h"
#include "op/qrange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NT_OBSERVER_BINS 4096

typedef struct nt_observer {
    int exponent; /* bin i holds [i - BINS/2, i + 1 - BINS/2) 2^exponent */
    uint64_t bin[NT_OBSERVER_BINS];
    uint64_t count; /* values, those that are not finite left out */
    float min, max;
    float ema_min, ema_max; /* over batches: the first one's, then 0.99 old + 0.01 new */
    int64_t batches;
} nt_observer;

void nt_observer_init(nt_observer *o);
/* A batch of values. */
void nt_observer_see(nt_observer *o, const float *x, int64_t n);
/* As if `o` had seen b's values too; moving averages are weighted by batches. */
void nt_observer_merge(nt_observer *o, const nt_observer *b);

typedef enum nt_range_method {
    NT_RANGE_MINMAX,
    NT_RANGE_EMA,        /* moving averages of the batches' extremes (Jacob et al. 2018) */
    NT_RANGE_PERCENTILE, /* all but a share of the values */
    NT_RANGE_MSE,        /* least mean squared error */
    NT_RANGE_ENTROPY,    /* least Kullback-Leibler divergence (Migacz 2017) */
    NT_RANGE_BEST        /* of the ones above (bestrange.h); no observer knows it */
} nt_range_method;

/* In the order above. */
#define NT_RANGE_METHODS "minmax|moving_average|percentile|mse|entropy|best"
const char *nt_range_method_name(nt_range_method m);

/* percentile: of NT_RANGE_PERCENTILE, 99.99 for instance. Nothing seen gives 0, 0. */
nt_range nt_observer_range(const nt_observer *o, nt_range_method m, nt_codes codes,
                           double percentile);

#endif
