/* SPDX-License-Identifier: MIT */
/*
 * config.h - training settings in Neutrino's words (full_trainer, fine_tuner.loop_params):
 *
 *   {"epochs": 50, "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9},
 *    "scheduler": {"factory": {"name": "CosineAnnealingLR", "eta_min": 0}, "interval":
 * "epoch"}, "eval_freq": 2, "eval_skip": 0, "eval_key": "accuracy", "eval_split": "test",
 *    "early_stopping_patience": 20, "ema": {"decay_rate": 0.9999, "period": 2000},
 *    "loop_test": false}
 *
 * optimizer: nt_optim_opts by PyTorch's names (lr, momentum, nesterov, weight_decay, betas,
 * eps), beside name or in an object "kwargs". scheduler.factory: nt_schedule_new's keys;
 * "eval_based": true is the older form of "interval": "eval". ema true: decay 0.9999, period
 * 2000. loop_test: one step only.
 */
#ifndef NT_TRAIN_CONFIG_H
#define NT_TRAIN_CONFIG_H

#include "train/trainer.h"

/* Sets in *o what j's keys name and leaves the rest. The schedule stays borrowed from j, whose
 * scheduler.factory takes over the interval; *eval_split (may be NULL) too, and is left alone
 * when not named. NT_EINVAL names the key's path. */
nt_status nt_train_config(nt_train_opts *o, cJSON *j, const char *where,
                          const char **eval_split, nt_err *e) NT_MUST_CHECK;

#endif
