/* SPDX-License-Identifier: MIT */
/*
 * job.h - the job file of nt-optimize (CONTRACT.md, "The job file"): Neutrino's keys and ours.
 *
 * Every key is checked for type and range before anything runs. What is well formed but asks
 * for something this build lacks is refused, too, never ignored.
 */
#ifndef NT_SEARCH_JOB_H
#define NT_SEARCH_JOB_H

#include "base/json.h"

#include <stdint.h>

/* The tools a job runs, by name; "tools" may replace any. Ends with NULL. */
extern const char *const nt_job_tools[];

typedef struct nt_strategy nt_strategy; /* search.h */

typedef struct nt_job {
    const nt_strategy *strategy[2]; /* of "optimization", one after the other ... */
    int n_strategies;
    cJSON *json; /* as run: all keys, defaults filled in; owns the strings below */
    const char *model;
    const cJSON *data; /* the description as an object, its path absolute; NULL with
                          eval_command alone */
    double delta, confidence;
    double target_ms; /* 0, or the time that is to be met, in place of delta */
    int level;        /* 1 or 3 */
    bool deepsearch, bn_fusion, dryrun;
    const char *eval_key, *eval_split, *search_split; /* if not given, as job_split.h has it */
    const char *eval_command;                         /* NULL: our own metrics */
    const char *train_command; /* external_training_loop; NULL: our own trainings */
    const char *loss;
    bool int8_teacher;                 /* the reference, quantized, is the teacher */
    const char *precision, *root_path; /* of the export; root_path may be NULL */
    const cJSON *formats;              /* names of what is exported */
    const cJSON *resolutions;          /* array of [h, w] */
    double time_s;                     /* 0: no bound */
    int64_t steps;                     /* 0: the level's */
    int64_t scored;                    /* candidates that are only scored; 0: the level's */
    int64_t seed, jobs;
    const char *launcher;
    const char *cost_table; /* a file that is brought; NULL: this machine's is measured */
    const cJSON *tools, *config_list; /* config_list may be NULL */
    const cJSON *custom; /* custom_compression: bits that are given; NULL: are searched */
    const cJSON *full_trainer, *loop_params; /* with the keys given at the top merged in */
    char *said; /* a line for each old spelling; NULL: there are none. Owned */
} nt_job;

/* Reads a job file. Paths in it (model, data, root_path) are relative to its folder and become
 * absolute. */
nt_status nt_job_load(cJSON **out, const char *path, nt_err *e) NT_MUST_CHECK;
/* Checks and fills in; j is only read, old spellings (base/opt_old.h) included. NT_EINVAL names
 * a key and what is allowed, NT_EUNSUPPORTED what this build has not. */
nt_status nt_job_new(nt_job **out, const cJSON *j, nt_err *e) NT_MUST_CHECK;
void nt_job_free(nt_job *j);
/* The job as run, as text, without these keys (a list with a NULL): what is left is by what two
 * jobs are told apart. nt_free. NULL when memory ran out. */
char *nt_job_text(const nt_job *j, const char *const *without);

#endif
