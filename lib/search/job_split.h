/* SPDX-License-Identifier: MIT */
/* job_split.h - the split that a job searches on, where it names none. */
#ifndef NT_SEARCH_JOB_SPLIT_H
#define NT_SEARCH_JOB_SPLIT_H

#include "base/json.h"

/* Of the training data that is kept back for the search. */
#define NT_SEARCH_SPLIT "search"

/*
 * Fills in "search_split" of a job as run, `out`, whose other keys are there; `seed` is the
 * job's. It is the split "search" of the data; where they have none, one is cut from "train":
 * a tenth, drawn class by class, at most 10,000 samples and at least 1,000 or a quarter of all,
 * with the transforms of eval_split. Training has the rest. It is eval_split itself where a
 * program of the user's measures (it looks at what it will), where there is no "train", and
 * where "train" judges.
 */
nt_status nt_job_put_search_split(cJSON *out, int64_t seed, nt_err *e) NT_MUST_CHECK;

#endif
