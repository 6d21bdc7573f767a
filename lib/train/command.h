/* SPDX-License-Identifier: MIT */
/* command.h - metrics from a program of the user's. */
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

#endif
