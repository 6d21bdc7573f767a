/* SPDX-License-Identifier: MIT */
/*
 * trust.h - is what lies in a job's folder what the job made, and made with what it would use
 * now?
 *
 * The folder has two files of this: digests.json, {"version", "job", "model", "description",
 * "data", "tools", "files": {NAME: digest}}, the inputs (inputs.h) and what was made; and
 * data.digests, the data's contents (data/contents.h). Of a measurement the digest leaves out
 * times, which come out anew whenever it is repeated.
 */
#ifndef NT_SEARCH_TRUST_H
#define NT_SEARCH_TRUST_H

#include "search/job.h"

typedef struct nt_trust nt_trust;

typedef struct nt_trust_opts {
    const char *dir; /* the job's folder, borrowed */
    const nt_job *job;
    const char *bin; /* as for inputs.h */
    bool accept;     /* what changed is told, and is from now on what is expected */
    void (*say)(void *ctx, const char *change);
    void *ctx;
} nt_trust_opts;

/*
 * Holds what is against what was recorded, and records what is. NT_EINVAL names the first
 * change; nothing was written then. What was made and is gone is no change: it will be made
 * again. With `accept` an archive that changed is new to make, so that what was made of it is
 * made again; a measurement that changed is measured again.
 */
nt_status nt_trust_open(nt_trust **out, const nt_trust_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_trust_free(nt_trust *t);
/* Was there anything recorded, and so was this the same job? */
bool nt_trust_is_old(const nt_trust *t);
/* The inputs as they are now; borrowed. */
const cJSON *nt_trust_inputs(const nt_trust *t);
/* Records a file of the folder that has been made; nothing where there is none. */
nt_status nt_trust_record(nt_trust *t, const char *name, nt_err *e) NT_MUST_CHECK;
/* An archive that an earlier run may have made and had no time to record: by the digests
 * within. NT_EINVAL where it is damaged. */
nt_status nt_trust_verify(const nt_trust *t, const char *name, nt_err *e) NT_MUST_CHECK;
/* Writes digests.json. */
nt_status nt_trust_save(const nt_trust *t, nt_err *e) NT_MUST_CHECK;

#endif
