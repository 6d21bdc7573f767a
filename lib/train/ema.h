/* SPDX-License-Identifier: MIT */
/*
 * ema.h - exponential moving average of parameters and BatchNormalization statistics.
 *
 *   s <- d s + (1 - d) w,   d(t) = decay (1 - exp(-t / period)),   t = number of this update
 *
 * The second factor lets the average forget its start: after few updates it follows the
 * weights.
 */
#ifndef NT_TRAIN_EMA_H
#define NT_TRAIN_EMA_H

#include "exec/params.h"

typedef struct nt_ema nt_ema;

/* Starts as a copy of p. decay in [0, 1); period 0: d = decay from the start. */
nt_status nt_ema_new(nt_ema **out, const nt_params *p, double decay, double period,
                     nt_err *e) NT_MUST_CHECK;
void nt_ema_free(nt_ema *m);
void nt_ema_update(nt_ema *m, const nt_params *p);
/* Exchanges average and parameters: once to evaluate or save the average, once to go on. */
void nt_ema_swap(nt_ema *m, nt_params *p);

/* State, for checkpoints: the average (params.n_w and params.n_state floats) and t. */
float *nt_ema_w(nt_ema *m);
float *nt_ema_state(nt_ema *m);
uint64_t nt_ema_updates(const nt_ema *m);
void nt_ema_set_updates(nt_ema *m, uint64_t t);

#endif
