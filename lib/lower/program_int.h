/* SPDX-License-Identifier: MIT */
/*
 * program_int.h - the inside of a program, for program.c and for the planner (layer exec),
 * which makes, orders, places and runs it. Operators see only program.h.
 */
#ifndef NT_LOWER_PROGRAM_INT_H
#define NT_LOWER_PROGRAM_INT_H

#include "base/arena.h"
#include "base/rng.h"
#include "lower/program.h"

typedef enum nt_ptensor_kind {
    NT_PT_TEMP, /* placed in the arena (or, when written by a step that runs once, by itself) */
    NT_PT_CONST, /* fixed data that no step writes */
    NT_PT_LIVE   /* fixed address, contents change: inputs, parameters, gradients, state */
} nt_ptensor_kind;

typedef struct nt_ptensor {
    nt_desc d;
    size_t bytes;
    nt_ptensor_kind kind;
    void *data;     /* of CONST and LIVE from the start; of TEMP after placing */
    nt_tid root;    /* itself, or the tensor whose memory it is a view of */
    nt_tid inplace; /* -1, or the tensor whose memory it would like to take over */
    bool must;      /* ... and has to */
    bool written;   /* by some step; then its kind of memory is settled */
    bool once;      /* written by a step that runs once */
    bool keep;      /* read after the run */
    nt_tid next_as; /* chain of conversions of this tensor */
} nt_ptensor;

typedef struct nt_pstep {
    const nt_node *node;
    const char *what;
    nt_prim *prim;
    nt_status (*fn)(void *ctx, void *const *arg, nt_err *e);
    void *ctx;
    void (*free_ctx)(void *ctx);
    nt_tid *arg;
    bool *writes;
    void **ptr; /* resolved addresses */
    int n_args;
    bool impure, backward, once;
    bool borrows; /* prim and ctx are another step's */
} nt_pstep;

/* Contributions to a value's gradient. */
typedef struct nt_contrib {
    nt_tid *t;
    int n, cap;
} nt_contrib;

typedef struct nt_node_saved {
    const nt_node *node;
    int slot;
    nt_tid t;
} nt_node_saved;

/* The planner's view of where a constant's numbers live: NULL where v is no live parameter. */
typedef struct nt_live {
    float *w, *g; /* g NULL for state */
} nt_live;

/* A node's random stream, and where it began. */
typedef struct nt_stream {
    nt_rng now, start;
    struct nt_stream *next;
} nt_stream;

struct nt_program {
    nt_arena *arena;
    const nt_graph *g;
    nt_device *dev;
    bool training;
    bool backward; /* lowering the backward pass now */
    nt_dtype compute;
    nt_rng rng;
    nt_stream *streams;

    nt_ptensor *t;
    int n_t, cap_t;
    nt_pstep *step;
    int n_step, cap_step;
    int n_forward; /* steps before the backward pass */

    nt_tid *value;       /* by value id */
    nt_live *live;       /* by value id; all NULL without live parameters */
    bool *needs_grad;    /* by value id */
    nt_contrib *contrib; /* by value id */
    nt_fusion *fusion;   /* by node id */
    nt_node_saved *saved;
    int n_saved, cap_saved;
};

nt_status nt_program_new(nt_program **out, const nt_graph *g, nt_device *dev,
                         nt_err *e) NT_MUST_CHECK;
void nt_program_free(nt_program *p);
/* A tensor with an address of its own. */
nt_status nt_program_fixed(nt_program *p, const nt_desc *d, nt_ptensor_kind kind, void *data,
                           nt_tid *out, nt_err *e) NT_MUST_CHECK;
/* The tensor whose memory t is a view of, however many views lie between; t itself if none. */
nt_tid nt_program_root(const nt_program *p, nt_tid t);
/* The kind of memory t lies in: its root's, once that is written. */
int nt_program_where(const nt_program *p, nt_tid t);
/* The prim that copies t into a tensor like it in this kind of memory. */
nt_status nt_program_transfer(nt_program *p, nt_tid t, int where, nt_prim **out,
                              nt_err *e) NT_MUST_CHECK;
/* A temporary like t, in memory of its own or (root not -1) in root's. */
nt_status nt_program_like(nt_program *p, nt_tid t, nt_tid root, nt_tid *out,
                          nt_err *e) NT_MUST_CHECK;
/* Takes *steps, from nt_calloc, in place of its own, whose contents they hold; *steps is NULL
 * afterwards. */
void nt_program_take_steps(nt_program *p, nt_pstep **steps, int n);
/* Sums parameters' contributions into their places; after the last lower_grad. */
nt_status nt_program_finish_grads(nt_program *p, nt_err *e) NT_MUST_CHECK;

/* Puts every random stream where it is before run number `run`, so that what a run draws does
 * not depend on the runs before it. */
void nt_program_set_run(nt_program *p, uint64_t run);

#endif
