/* SPDX-License-Identifier: MIT */
/*
 * job_keys.h - the keys of a job file, and the options of nt-optimize that set them.
 *
 * Every key has a row: what a number or a word may be, or a check of what is more than that.
 */
#ifndef NT_SEARCH_JOB_KEYS_H
#define NT_SEARCH_JOB_KEYS_H

#include "base/opt.h"

#define NT_JOB_PRECISIONS "fp32|fp16"
#define NT_JOB_TEACHERS   "auto|int8"

/* What a job says, as it says it; strings and values are borrowed. */
typedef struct nt_job_settings {
    const char *model;
    const cJSON *data;
    const cJSON *optimization;
    int task, precision, teacher; /* words of the rows */
    const char *device, *cost_table;
    double delta, confidence, target_ms;
    int64_t level;
    bool deepsearch, bn_fusion, dryrun, use_horovod;
    const cJSON *eval_func, *train_loop;      /* commands, or objects with one ... */
    const char *eval_command, *train_command; /* ... which then is here */
    const char *eval_key, *eval_split, *search_split;
    const cJSON *format, *resolutions;
    const char *root_path, *loss;
    const cJSON *full_trainer, *loop_params; /* read by train/settings.h */
    double time_s;
    int64_t steps, scored, seed, jobs;
    const char *launcher;
    const cJSON *tools, *config_list;
    const cJSON *rules, *layers; /* of custom_compression: one of them, or neither ... */
    bool conv11, group;          /* ... and the rules */
    const cJSON *skip_layers;
    double skip_ratio;
    const cJSON *value; /* what is only checked here */
} nt_job_settings;

/* Rows of an nt_job_settings, to be bound to one (nt_opt_bind); at most NT_JOB_ROWS with their
 * end. What goes wrong with them has the key's path. */
enum { NT_JOB_ROWS = 64 };
extern const nt_opt nt_job_rows[];

void nt_job_settings_init(nt_job_settings *s);

#endif
