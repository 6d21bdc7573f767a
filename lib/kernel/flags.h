/* SPDX-License-Identifier: MIT */
/*
 * flags.h - has a kernel of oneDNN swallowed a NaN?
 *
 * oneDNN computes Relu, Clip, maxima and the bounds of its exponentials with x86's MAXPS, MINPS
 * and ordered comparisons, which give the other operand where one is NaN: behind a convolution
 * a NaN becomes 0. None of its post-operations keeps it as cheaply. But all these instructions
 * set the thread's flag of an invalid operation where an operand is NaN (Intel, Software
 * Developer's Manual, MAXPS: "Invalid (including QNaN Source Operand)"), as do those that make
 * a NaN of numbers (Inf - Inf, 0 * Inf); arithmetic on numbers leaves it alone. So kernels have
 * lost no NaN if the flag is down in every thread they ran on, which is found out once a run.
 * Where it is up, the run is done again by kernels that lose none: those of nt_device_careful.
 * Winograd's convolutions do the opposite and give a NaN to their neighbours:
 * kernel/wino_look.h.
 *
 * OpenMP lets threads go, and their flags with them, when a team is smaller than the one before
 * it. So every thread is marked, and one without a mark says that others may have gone.
 */
#ifndef NT_KERNEL_FLAGS_H
#define NT_KERNEL_FLAGS_H

#include "kernel/prim.h"

enum {
    NT_FLAGS_INVALID = 1, /* the flag is up in some thread */
    NT_FLAGS_STRANGER = 2 /* a thread has come anew, so that another may have gone */
};

/* Has this processor such flags? x86 has. */
bool nt_flags_exist(void);
/* Can flags tell of a device's runs? Where there are some and its backend may lose a NaN; not
 * of a careful one, which loses nothing. */
bool nt_flags_tell(const nt_device *dev);
/* What has happened since the last call on this device by this thread; takes all flags down and
 * marks all threads. A team's start and end, two microseconds or so; next to nothing with one
 * thread. */
unsigned nt_flags_look(nt_device *dev);
/* Puts this thread's flag up, for a kernel that has found out by itself. */
void nt_flags_raise(void);
/* May this prim lose a NaN where nothing but the flag tells? */
bool nt_prim_loses_nan(const nt_prim *p);

#endif
