/* SPDX-License-Identifier: MIT */
/* job_id.h - when are two jobs the same? */
#ifndef NT_SEARCH_JOB_ID_H
#define NT_SEARCH_JOB_ID_H

#include "search/job.h"

#define NT_JOB_ID_BYTES 9 /* eight upper case hexadecimal digits and the NUL */

/*
 * What the job is, whatever it is called and wherever it runs: its keys but for how it is run,
 * the model's bytes, the samples that judge, and nt's version, since another one may search
 * otherwise. Opens the model and the data.
 */
nt_status nt_job_id(char *id, const nt_job *job, const char *version, nt_err *e) NT_MUST_CHECK;

#endif
