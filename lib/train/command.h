/* SPDX-License-Identifier: MIT */
/* command.h - metrics and trainings by a program of the user's. */
#ifndef NT_TRAIN_COMMAND_H
#define NT_TRAIN_COMMAND_H

#include "base/json.h"

/*
 * Runs `command` (a shell command line) with `path` as one further argument. It prints one JSON
 * object of numbers, {"accuracy": 91.2, ...}; standard error is left to it. *out: nt_json_free.
 * NT_EIO when it cannot be run or does not exit with 0, NT_EFORMAT when it prints something
 * else.
 */
nt_status nt_command_metrics(cJSON **out, const char *command, const char *path,
                             nt_err *e) NT_MUST_CHECK;

typedef struct nt_command_var {
    const char *name, *value; /* of its environment; value NULL: "" */
} nt_command_var;

typedef struct nt_command_training {
    const char *in, *out;       /* paths: of the model, and of the one to write */
    const nt_command_var *vars; /* up to one without a name */
} nt_command_training;

/*
 * Runs `command` with both paths as further arguments; out may exist, and be empty. What the
 * command prints goes to standard error. NT_EIO when it cannot be run or does not exit with 0,
 * NT_EFORMAT when it leaves nothing at out; what it left is the caller's to look at.
 */
nt_status nt_command_train(const char *command, const nt_command_training *t,
                           nt_err *e) NT_MUST_CHECK;

#endif
