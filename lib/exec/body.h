/* SPDX-License-Identifier: MIT */
/*
 * body.h - a plan's program (plan.h): the graph as it is run, its steps with a place for each
 * buffer, and their running once. Whether what a run lost has to be found again is the plan's.
 */
#ifndef NT_EXEC_BODY_H
#define NT_EXEC_BODY_H

#include "exec/place.h"
#include "exec/plan.h"
#include "exec/watch.h"

typedef struct nt_port { /* a graph input, output, kept value or output gradient */
    const char *name;
    nt_tid tid;
    nt_tensor t;
    void *own; /* memory of inputs and output gradients */
} nt_port;

/* An argument of a step that reads an input. */
typedef struct nt_reading {
    void **ptr;
    int input;
} nt_reading;

/* All that is made anew when the parameters have changed. */
typedef struct nt_body {
    nt_graph *g; /* of one part of the batch */
    nt_program *prog;
    nt_placement place;
    nt_port *in, *out, *dout, *kept;
    int n_in, n_out, n_kept;
    int64_t n_parts; /* that a batch runs in; 1: inputs and outputs are the program's own */
    nt_reading *reading;
    int n_reading;
} nt_body;

/* What it is made of. */
typedef struct nt_body_spec {
    const nt_graph *src;
    nt_device *dev;
    nt_plan_opts o; /* but for its dims */
    int64_t (*dims)[NT_MAX_RANK];
} nt_body_spec;

/* How steps are run. */
typedef struct nt_pace {
    bool once;       /* those that run once, or those that do not */
    double *ms;      /* to add each step's milliseconds to; NULL: not timed */
    nt_watch *watch; /* NULL: not watched */
} nt_pace;

/* The steps that run once are done. To be released on failure, too. */
nt_status nt_body_build(nt_body *b, const nt_body_spec *p, nt_err *e) NT_MUST_CHECK;
void nt_body_release(nt_body *b);
nt_status nt_body_forward(nt_body *b, const nt_pace *how, nt_err *e) NT_MUST_CHECK;
nt_status nt_body_backward(const nt_body *b, nt_err *e) NT_MUST_CHECK;

#endif
