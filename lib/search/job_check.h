/* SPDX-License-Identifier: MIT */
/* job_check.h - parts of reading a job file (job.h); internal to lib/search. */
#ifndef NT_SEARCH_JOB_CHECK_H
#define NT_SEARCH_JOB_CHECK_H

#include "search/job.h"

/* export: format (a name or a list), kwargs.root_path, .precision, .resolutions. */
nt_status nt_job_read_export(nt_job *job, cJSON *out, const cJSON *in, nt_err *e) NT_MUST_CHECK;
/* full_trainer, fine_tuner, loss_function; optimizer, scheduler, eval_freq and ema at the top
 * hold for both trainers, epochs for full_trainer, where they say nothing themselves. */
nt_status nt_job_read_training(nt_job *job, cJSON *out, const cJSON *in,
                               nt_err *e) NT_MUST_CHECK;
/* use_horovod, distributed, custom_compression, external_training_loop. */
nt_status nt_job_check_rest(cJSON *out, const cJSON *in, nt_err *e) NT_MUST_CHECK;
/* NT_EUNSUPPORTED for what the checked job asks and this build lacks. */
nt_status nt_job_check_supported(const nt_job *job, nt_err *e) NT_MUST_CHECK;

#endif
