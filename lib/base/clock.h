/* SPDX-License-Identifier: MIT */
/* clock.h - elapsed time, for measuring only: no clock reaches a result. */
#ifndef NT_BASE_CLOCK_H
#define NT_BASE_CLOCK_H

/* Milliseconds since some fixed point; never goes back. */
double nt_clock_ms(void);
/* Milliseconds that this thread has had a processor: where they are fewer than those that went
 * by, it waited. */
double nt_clock_cpu_ms(void);

#endif
