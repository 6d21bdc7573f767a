/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - the learning rate over a training run, as PyTorch's lr_scheduler computes it.
 *
 * All but `plateau` are functions of the clock alone, so that a resumed run needs no state.
 *
 *   constant
 *   step         step_size (30), gamma (0.1): lr gamma^floor(t / step_size)
 *   multistep    milestones (30:60:80), gamma (0.1): lr gamma^(how many milestones <= t)
 *   exponential  gamma (0.95): lr gamma^t
 *   linear       end_factor (0), total_iters (the run): straight from lr to lr end_factor
 *   LinearLR     start_factor (1/3), end_factor (1), total_iters (5)
 *   PolynomialLR total_iters (5), power (1): lr (1 - min(t, total_iters) / total_iters)^power
 *   cosine       T_max (the run), eta_min (0): Loshchilov & Hutter 2017, arXiv:1608.03983 (5)
 *   warmrestarts T_0 (no default), T_mult (1), eta_min (0): cosines of T_0, T_0 T_mult, ...
 *   cyclic       max_lr (no default), base_lr (lr), step_size_up (2000), step_size_down
 *                (step_size_up), mode (triangular, triangular2, exp_range), gamma (1),
 *                cycle_momentum (true), base_momentum (0.8), max_momentum (0.9): Smith 2017,
 *                arXiv:1506.01186
 *   onecycle     max_lr (lr), total_steps (the run), pct_start (0.3), div_factor (25),
 *                final_div_factor (1e4), anneal_strategy (cos, linear), three_phase (false),
 *                cycle_momentum (true), base_momentum (0.85), max_momentum (0.95): Smith &
 * Topin 2019, arXiv:1708.07120 plateau      mode (max, or min where the metric is a loss),
 * factor (0.1), patience (10), threshold (1e-4), threshold_mode (rel, abs), cooldown (0),
 * min_lr (0), eps (1e-8)
 *
 * t counts epochs, updates or evaluations as `interval` says: epoch (default), iteration
 * (default of cyclic; default, and the only one, of onecycle) or eval (the only one of
 * plateau). PyTorch's class names (CosineAnnealingLR, StepLR, ...) are taken too.
 *
 * Warm-up: the schedule's value is multiplied by min(1, (update + 1) / warm-up updates).
 */
#ifndef NT_TRAIN_SCHEDULE_H
#define NT_TRAIN_SCHEDULE_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* Those names, for option tables. */
#define NT_SCHEDULES                                                                           \
    "constant|step|multistep|exponential|linear|cosine|onecycle|plateau|linearlr|polynomial|"  \
    "warmrestarts|cyclic"

typedef struct nt_schedule nt_schedule;

typedef struct nt_schedule_run {
    double lr;               /* the optimiser's */
    uint64_t epochs;         /* planned length of the run ... */
    uint64_t steps;          /* ... in updates ... */
    uint64_t evals;          /* ... and in evaluations */
    uint64_t warmup_updates; /* 0: none */
    bool metric_is_loss;     /* less is better: plateau's default mode */
} nt_schedule_run;

/* Where a run is: epochs finished, updates made, evaluations made. */
typedef struct nt_clock {
    uint64_t epoch, step, evals;
} nt_clock;

/* "cosine,eta_min=0.001,interval=iteration" as the object {"name": "cosine", ...}:
 * nt_json_free. Lists are separated by colons. NT_EINVAL for what is no key=value. */
nt_status nt_schedule_parse(cJSON **out, const char *spec, nt_err *e) NT_MUST_CHECK;

/* spec: such an object (NULL: constant). NT_EINVAL names the key and the allowed values;
 * `where` is the path in front of it ("scheduler"). */
nt_status nt_schedule_new(nt_schedule **out, const cJSON *spec, const nt_schedule_run *run,
                          const char *where, nt_err *e) NT_MUST_CHECK;
void nt_schedule_free(nt_schedule *s);

/* What it counts: "epoch", "iteration" or "eval". */
const char *nt_schedule_interval(const nt_schedule *s);
/* For the update that is about to be made. */
double nt_schedule_lr(const nt_schedule *s, const nt_clock *c);
/* Momentum (beta1) where the schedule cycles it, else NAN. */
double nt_schedule_momentum(const nt_schedule *s, const nt_clock *c);
/* Does it look at the metric? Then it must be told of every evaluation. */
bool nt_schedule_wants_metric(const nt_schedule *s);
void nt_schedule_metric(nt_schedule *s, double metric);

/* plateau's state, for checkpoints: an object (NULL when memory ran out), and back. */
cJSON *nt_schedule_state(const nt_schedule *s);
nt_status nt_schedule_set_state(nt_schedule *s, const cJSON *j, nt_err *e) NT_MUST_CHECK;

#endif
