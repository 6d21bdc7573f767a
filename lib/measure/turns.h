/* SPDX-License-Identifier: MIT */
/*
 * turns.h - which of two networks is faster: timed in turn, in one run.
 *
 * Two times taken one behind the other compare two moments of the machine as much as two
 * networks. So both are run in rounds, each some times, first one and then the other first; a
 * round says how many times as long one took, and the median of the rounds is the ratio. What
 * slows the whole machine slows both halves of a round alike.
 *
 * What hits one half alone shows: as a spread of the rounds, or as time in which the thread had
 * no processor. Such a measurement is taken again; the calmest counts, and what is disturbed
 * even then is called so.
 */
#ifndef NT_MEASURE_TURNS_H
#define NT_MEASURE_TURNS_H

#include "exec/staged.h"
#include "measure/timing.h"

typedef struct nt_turns {
    nt_timing of[2];  /* of one forward run of each network */
    double ratio;     /* time of the first / time of the second, median of the rounds */
    double spread;    /* of the rounds' ratios: the middle half of them, over the median */
    double cpu_share; /* of the time, in which the thread had a processor */
    int rounds, tries;
    bool disturbed; /* all tries were */
} nt_turns;

typedef struct nt_turns_opts {
    int warmup; /* runs of each network before it counts; 0: 5 */
    int rounds; /* 0: as many as a second holds, 11 to 101 */
    int tries;  /* at most so many; 0: 3 */
} nt_turns_opts;

nt_status nt_turns_measure(nt_turns *out, nt_staged *const net[2], const nt_turns_opts *o,
                           nt_err *e) NT_MUST_CHECK;
/* Is that what a machine gives that others use, too? */
bool nt_turns_is_disturbed(const nt_turns *t);

#endif
