/* SPDX-License-Identifier: MIT */
/* calib.h - inner values of a network on calibration samples. */
#ifndef NT_QUANT_CALIB_H
#define NT_QUANT_CALIB_H

#include "data/data.h"
#include "exec/plan.h"

enum { NT_CALIB_SAMPLES = 512 }; /* of nt-quantize, unless it is told otherwise */

typedef struct nt_calib {
    nt_device *dev;
    nt_split *split;    /* NULL: there are no samples */
    int64_t batch_size; /* 0: 32 */
    size_t samples;     /* 0: all of the split */
    uint64_t seed;      /* which samples */
    size_t memory;      /* bytes of each set of samples.h that stay there; 0: 256 MiB */
} nt_calib;

/* How the samples are read, the same ones in the same order each time. */
nt_loader_opts nt_calib_loader(const nt_calib *c);

/*
 * Runs g on the samples, the same ones each time; after each batch visit() finds the values
 * called `names` (NULL terminated) in the plan, by nt_plan_kept.
 */
nt_status nt_calib_run(const nt_calib *c, const nt_graph *g, const char *const *names,
                       nt_status (*visit)(void *ctx, const nt_plan *plan, nt_err *e), void *ctx,
                       nt_err *e) NT_MUST_CHECK;
/* The value called name; NT_EUNSUPPORTED where the plan does not have it. */
nt_status nt_calib_value(const nt_tensor **out, const nt_plan *plan, const char *name,
                         nt_err *e) NT_MUST_CHECK;

#endif
