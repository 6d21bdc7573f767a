/* SPDX-License-Identifier: MIT */
/*
 * choose.h - which algorithm a convolution gets that leaves it open.
 *
 * By default a rule decides: a function of the convolution and the kind of CPU, taken from
 * measurements (choose.c), so that the same command gives the same bytes whatever a clock says.
 * Where it was measured it loses a few per cent at most; elsewhere (other CPUs, other releases
 * of oneDNN) timing may find better. So NT_TUNE in the environment may be
 *
 *   off   (default) the rule
 *   on    what was timed earlier on such a machine; what was not is timed now and remembered
 *   read  what was timed earlier; for the rest the rule
 *
 * and NT_CACHE names the file (${XDG_CACHE_HOME:-~/.cache}/nt/kernels). Its keys hold all that
 * the time depends on: our version and oneDNN's, the CPU, threads, pass, types, shape, layouts.
 * A first run with `on` may choose, and so round, differently on another day; once the file has
 * the choice all runs do the same, and a file that is kept with a result repeats it (`read`).
 */
#ifndef NT_KERNEL_CHOOSE_H
#define NT_KERNEL_CHOOSE_H

#include "kernel/internal.h"

typedef enum nt_pass { NT_PASS_FORWARD, NT_PASS_BWD_DATA, NT_PASS_BWD_WEIGHTS } nt_pass;

/* What is chosen for: one pass of a convolution. training: weights are packed before each run.
 */
typedef struct nt_conv_pass {
    const nt_conv_desc *d;
    nt_pass pass;
    bool training;
} nt_conv_pass;

/*
 * The rule. The kernel may still turn out not to exist (NT_EUNSUPPORTED), then NT_ALGO_DIRECT
 * is next.
 */
nt_algo nt_choose_by_rule(const nt_device *dev, const nt_conv_pass *p);
/* The rule, or with tuning what is remembered or timed. Fails for want of memory, or as a
 * candidate does for other reasons than NT_EUNSUPPORTED. */
nt_status nt_choose(nt_algo *out, nt_device *dev, const nt_conv_pass *p,
                    nt_err *e) NT_MUST_CHECK;

/* What NT_TUNE and NT_CACHE ask for; NT_EINVAL where they are wrong. */
nt_status nt_tuning_open(nt_device *dev, nt_err *e) NT_MUST_CHECK;
void nt_tuning_close(nt_device *dev);

#endif
