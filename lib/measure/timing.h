/* SPDX-License-Identifier: MIT */
/* timing.h - how long a forward run takes. */
#ifndef NT_MEASURE_TIMING_H
#define NT_MEASURE_TIMING_H

#include "exec/staged.h"

typedef struct nt_timing {
    double median_ms, min_ms, max_ms;
    int runs;
} nt_timing;

/* After `warmup` runs. runs 0: as many as half a second holds, 11 to 101. */
nt_status nt_timing_forward(nt_timing *out, nt_staged *net, int warmup, int runs,
                            nt_err *e) NT_MUST_CHECK;

/* Sorts v; n > 0. */
double nt_median(double *v, int n);

#endif
