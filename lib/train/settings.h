/* SPDX-License-Identifier: MIT */
/*
 * settings.h - a training's settings: the rows that nt-finetune's command line, its --config
 * and the job file's full_trainer and fine_tuner.loop_params are all read by.
 *
 * In JSON they have Neutrino's names:
 *
 *   {"epochs": 50, "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9},
 *    "scheduler": {"factory": {"name": "CosineAnnealingLR", "eta_min": 0},
 *                  "interval": "epoch"},
 *    "eval_freq": 2, "eval_skip": 0, "eval_key": "accuracy", "eval_split": "test",
 *    "early_stopping_patience": 20, "ema": {"decay_rate": 0.9999, "period": 2000},
 *    "loop_test": false}
 *
 * The arguments of optimizer and factory may stand beside their name or in an object "kwargs",
 * and a factory may be a name alone. Rows have old spellings, too (base/opt_old.h).
 */
#ifndef NT_TRAIN_SETTINGS_H
#define NT_TRAIN_SETTINGS_H

#include "base/opt.h"
#include "train/trainer.h"

typedef struct nt_train_settings {
    nt_train_opts o;                        /* its schedule is owned here */
    const char *eval_split, *teacher, *qat; /* NULL: not given; the caller opens them */
    /* Of the file alone, into `o` when it has been read: */
    const char *interval; /* beside the schedule's factory, which gets it */
    bool loop_test;       /* one step */
} nt_train_settings;

/* Rows of an nt_train_settings, to be bound to one (nt_opt_bind); at most NT_TRAIN_ROWS with
 * their end. */
enum { NT_TRAIN_ROWS = 64 };
extern const nt_opt nt_train_rows[];

/* Defaults (nt_train_defaults), and nothing given. */
void nt_train_settings_init(nt_train_settings *s);
void nt_train_settings_release(nt_train_settings *s);
/* Sets what j's keys name and leaves the rest; strings are borrowed from j. NT_EINVAL names
 * the key's path, which begins with `where`. */
nt_status nt_train_settings_read(nt_train_settings *s, const cJSON *j, const char *where,
                                 nt_err *e) NT_MUST_CHECK;

/* Do optimizer and schedule go together with their arguments? A trainer asks the same, when all
 * else has been loaded. */
nt_status nt_train_settings_check(const nt_train_settings *s, const char *where,
                                  nt_err *e) NT_MUST_CHECK;
/* Must it be evaluated meanwhile: for early stopping, or a schedule that counts evaluations? */
bool nt_train_settings_watch(const nt_train_settings *s);
/* All keys of settings that were checked, as nt_train_settings_read reads them; nt_json_free.
 */
nt_status nt_train_settings_json(cJSON **out, const nt_train_settings *s,
                                 nt_err *e) NT_MUST_CHECK;

#endif
