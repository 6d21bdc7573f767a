/* SPDX-License-Identifier: MIT */
/* runner.h - runs make in a job folder, as a user would. */
#ifndef NT_SEARCH_RUNNER_H
#define NT_SEARCH_RUNNER_H

#include "base/err.h"

#include <signal.h>
#include <stddef.h>

typedef struct nt_runner {
    const char *dir;
    int log_fd; /* where the output of make and of the tools goes */
    int jobs;
    /* The process group of the running make, 0 when none runs: for a signal handler that is to
     * stop it, too. May be NULL. */
    volatile sig_atomic_t *group;
} nt_runner;

/* make TARGET...; NT_EIO where it failed, or was stopped by a signal. */
nt_status nt_runner_make(const nt_runner *r, const char *const *targets, size_t n,
                         nt_err *e) NT_MUST_CHECK;

#endif
