/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of this folder share: the insides of devices and prims. Nobody
 * outside lib/kernel includes it.
 */
#ifndef NT_KERNEL_INTERNAL_H
#define NT_KERNEL_INTERNAL_H

#include "kernel/conv.h"
#include "kernel/dense.h"
#include "kernel/eltwise.h"
#include "kernel/norm.h"
#include "kernel/pool.h"
#include "kernel/prim.h"

#include <pthread.h>

/* What choose.h remembers of tuning. */
typedef struct nt_tuning {
    struct nt_choices *choices; /* NULL: off */
    bool read_only;
    int timed, remembered;
} nt_tuning;

struct nt_device {
    const nt_backend *backend;
    const nt_backend *portable; /* of the same kind of memory; may be backend itself, or NULL */
    nt_device *host; /* for what neither offers, owned; NULL: both compute in host memory */
    int threads;
    bool bf16, amx;     /* computed natively; in tiles */
    bool int8;          /* products of codes in 32 bits, without saturation between */
    bool careful;       /* no kernel loses a NaN; borrows state and choices */
    nt_device *twin;    /* the careful one, owned; NULL: this one is it */
    pthread_key_t mark; /* of flags.h; with several threads where kernels lose NaN */
    bool has_mark;
    void *state; /* the backend's own */
    nt_tuning tuning;
    char text[96];
};

/* The kernels of wino.h are written for x86-64 alone. */
#ifdef __x86_64__
#define NT_WITH_WINO 1
#else
#define NT_WITH_WINO 0
#endif

/* The head of every prim: a backend's own struct starts with it, and `free` frees that struct.
 * Made with nt_calloc. */
struct nt_prim {
    nt_status (*run)(nt_prim *p, void *const *arg, void *scratch, nt_err *e);
    void (*free)(nt_prim *p);
    size_t scratch; /* bytes */
    int where;      /* as nt_prim_where; 0 is the host's */
    bool loses_nan; /* as nt_prim_loses_nan */
    char impl[64];
};

/* The block of channels of a format: 8, 16, or 1. */
int64_t nt_format_block(nt_format f);
/* The format a tensor of this rank really has: PLAIN below rank 3. */
nt_format nt_format_of_rank(nt_format f, int rank);

#endif
