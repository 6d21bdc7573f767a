/* SPDX-License-Identifier: MIT */
/* trial.h - how long a convolution takes with each algorithm. */
#ifndef NT_KERNEL_TRIAL_H
#define NT_KERNEL_TRIAL_H

#include "kernel/choose.h"

typedef struct nt_trial {
    nt_algo algo;
    double ms; /* the least of all rounds, since whatever else runs only adds; -1: there is no
                  such kernel */
} nt_trial;

/*
 * Times the n candidates in turn, several rounds, on made-up data: the pass itself, in training
 * also the packing of weights (or unpacking of their gradient), and reorders where it wants its
 * inputs, or leaves its result, otherwise than the neighbours lie (d's src_like, dst_like).
 * What is twice as slow as the fastest after three rounds is not run again.
 */
nt_status nt_trial_run(nt_trial *v, int n, nt_device *dev, const nt_conv_pass *p,
                       nt_err *e) NT_MUST_CHECK;

#endif
