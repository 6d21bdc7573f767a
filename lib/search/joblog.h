/* SPDX-License-Identifier: MIT */
/* joblog.h - job.log: what a job says, and in between what make and the tools say. */
#ifndef NT_SEARCH_JOBLOG_H
#define NT_SEARCH_JOBLOG_H

#include "base/err.h"

#include <sys/types.h>

typedef struct nt_joblog {
    int fd; /* also for make's output */
    void (*say)(void *ctx, const char *line);
    void *ctx;
} nt_joblog;

/* Opens DIR/job.log to append and locks it: one job at a time works in a folder. The lock goes
 * with the descriptor, so that a make that outlives a killed nt-optimize holds it until it has
 * ended. */
nt_status nt_joblog_open(nt_joblog *l, const char *dir, nt_err *e) NT_MUST_CHECK;
void nt_joblog_close(nt_joblog *l);
/* "2026-11-22 02:21:54 - INFO: text". What cannot be written to the file is not reported: the
 * job goes on. */
void nt_joblog_info(nt_joblog *l, const char *fmt, ...) NT_PRINTF(2, 3);
/* "... - WARNING: line" into the file alone, for each line of text (NULL: none). */
void nt_joblog_warn(nt_joblog *l, const char *text);
/* Where the file ends now. */
off_t nt_joblog_mark(const nt_joblog *l);
/* The first message since `mark` that is not make's own: why a tool failed (in a pipeline
 * rather the tool that failed than those that then got no input). "" where there is none. */
void nt_joblog_why(const nt_joblog *l, off_t mark, char *out, size_t n);

#endif
