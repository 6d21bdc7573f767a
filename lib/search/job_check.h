/* SPDX-License-Identifier: MIT */
/* job_check.h - parts of a job as it is run (job.h); internal to lib/search. */
#ifndef NT_SEARCH_JOB_CHECK_H
#define NT_SEARCH_JOB_CHECK_H

#include "search/job.h"
#include "search/job_keys.h"

/* export: format (as a list), kwargs.precision, .resolutions, .root_path. */
nt_status nt_job_put_export(nt_job *job, cJSON *out, const nt_job_settings *in,
                            nt_err *e) NT_MUST_CHECK;
/* full_trainer, fine_tuner, loss_function; optimizer, scheduler, eval_freq and ema of the job
 * itself (top) hold for both trainers, epochs for full_trainer, where they say nothing. What
 * all of them leave open is filled in. */
nt_status nt_job_put_training(nt_job *job, cJSON *out, const nt_job_settings *in,
                              const cJSON *top, nt_err *e) NT_MUST_CHECK;
/* custom_compression: null, rules with their defaults, or layers. */
nt_status nt_job_put_custom(nt_job *job, cJSON *out, const nt_job_settings *in,
                            const cJSON *top, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED for what the checked job asks and this build lacks. */
nt_status nt_job_check_supported(const nt_job *job, nt_err *e) NT_MUST_CHECK;

#endif
