/* SPDX-License-Identifier: MIT */
/* job_inputs.h - does a job name what its model and its data have? */
#ifndef NT_SEARCH_JOB_INPUTS_H
#define NT_SEARCH_JOB_INPUTS_H

#include "search/job.h"

/*
 * Opens the splits that the job trains, searches and judges on, and where the job speaks of the
 * model's layers or of its size, the model: what the tools would find only when they come to
 * it. Nothing is run or written. NT_EINVAL names the key.
 */
nt_status nt_job_check_inputs(const nt_job *job, nt_err *e) NT_MUST_CHECK;

#endif
