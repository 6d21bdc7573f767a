/* SPDX-License-Identifier: MIT */
/* reuse.h - a job's candidates, out of a cache and into it. */
#ifndef NT_SEARCH_REUSE_H
#define NT_SEARCH_REUSE_H

#include "search/run.h"

/* Opens the cache that the job is to use, if any. */
nt_status nt_reuse_open(nt_run *r, nt_err *e) NT_MUST_CHECK;
/* Candidate i, which is to be made next, n of them side by side: what the cache has of it is
 * put into the folder, and the log says so. *is_new: it has to be made all the same. */
nt_status nt_reuse_take(bool *is_new, nt_run *r, int i, nt_err *e) NT_MUST_CHECK;
/* Candidate i, which was new, has been made so and measured. */
nt_status nt_reuse_put(const nt_run *r, int i, nt_err *e) NT_MUST_CHECK;

#endif
