/* SPDX-License-Identifier: MIT */
/*
 * watch.h - have the steps of a run lost a NaN (kernel/flags.h)?
 *
 * The flags are looked at once, when all steps are done. Where they are up, or a thread has
 * come anew so that others' flags may have gone with them, the run is done again with a look
 * behind every step: this tells, and which steps are to blame. Those that let threads go, and
 * those of our own code that put the flag up while they lose nothing (0/0, a comparison), have
 * looks around them from then on, and what they do counts no more. A step's activation is the
 * last thing that its team does, so that no thread has gone between it and a look behind the
 * step.
 */
#ifndef NT_EXEC_WATCH_H
#define NT_EXEC_WATCH_H

#include "lower/program_int.h"

typedef struct nt_watch {
    nt_device *dev;
    bool *trouble; /* by step: look before and behind it */
    bool learning, learned;
    int last, steps; /* the last step; how many since the last look */
    bool loses;      /* one of them may lose a NaN */
    bool nan;        /* of this run: one was lost, perhaps */
    bool unsure;     /* ... or the flags cannot tell */
} nt_watch;

/* For a program of n steps. */
nt_status nt_watch_init(nt_watch *w, nt_device *dev, int n, nt_err *e) NT_MUST_CHECK;
void nt_watch_release(nt_watch *w);
/* Before a run, and before its step number i. */
void nt_watch_begin(nt_watch *w);
void nt_watch_before(nt_watch *w, int i, const nt_pstep *st);
/* After it: true when the run has to be done once more to tell. Otherwise w->nan says whether a
 * NaN may have been lost. */
bool nt_watch_end(nt_watch *w);

#endif
