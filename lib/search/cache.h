/* SPDX-License-Identifier: MIT */
/*
 * cache.h - candidates that other jobs have made, by what made them.
 *
 * The key of an archive is all that its bytes come from: model, data, tools, the chain of
 * stages with their settings, seed, threads, backend and the processor's name; so the bytes are
 * those that this job would make. The key of a measurement is the archive's digest, and all
 * that it is measured with. A folder holds of each KEY.nt and KEY.measured, and KEY.nt.entry
 * and KEY.measured.entry: {"sha256", "seconds"}. Files appear whole; one that is not what its
 * entry says is made anew.
 */
#ifndef NT_SEARCH_CACHE_H
#define NT_SEARCH_CACHE_H

#include "search/job.h"

typedef struct nt_cache nt_cache;

typedef struct nt_cache_opts {
    const char *dir;       /* is made where it is missing; borrowed for the call */
    const nt_job *job;     /* borrowed */
    const cJSON *inputs;   /* of inputs.h, borrowed for the call */
    const char *processor; /* its name; NULL: this one's */
} nt_cache_opts;

/* May a job's candidates come from a cache? Not where programs of the user's make them, of
 * which nothing is known but the command. */
bool nt_cache_suits(const nt_job *job);
nt_status nt_cache_open(nt_cache **out, const nt_cache_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_cache_free(nt_cache *c);

/* A candidate in a job's folder. */
typedef struct nt_cached {
    const char *chain;              /* its stages, and those of its parents */
    int64_t threads;                /* of the tools that make it */
    const char *archive, *measured; /* paths */
    double seconds;                 /* it took; of what is taken, it took then */
    bool took_archive, took_measured;
} nt_cached;

/* Puts there what is not there yet, as far as the cache has it, and says so in took_... */
nt_status nt_cache_take(const nt_cache *c, nt_cached *f, nt_err *e) NT_MUST_CHECK;
/* Keeps a candidate whose two files are there; what the cache has is left alone. */
nt_status nt_cache_put(const nt_cache *c, const nt_cached *f, nt_err *e) NT_MUST_CHECK;

#endif
