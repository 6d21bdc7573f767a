/* SPDX-License-Identifier: MIT */
/* stage.h - one stage of staged.h: a plan, and the nodes that find the next stage's shapes. */
#ifndef NT_EXEC_STAGE_H
#define NT_EXEC_STAGE_H

#include "exec/plan.h"

typedef struct nt_stage nt_stage;

struct nt_stage {
    nt_plan *plan;    /* of the nodes whose shapes are known; input i is g's */
    nt_graph *given;  /* what it was made from, if that is its own */
    nt_graph *g;      /* this stage and what comes after it; NULL: the plan is all there is */
    nt_graph *part;   /* the plan's */
    int *at;          /* by value id of g: which of the plan's inputs or outputs; -1: neither */
    nt_tensor **made; /* by value id of g: what the last nodes gave in this run */
    nt_node **last;   /* in order; their inputs are known when the plan has run */
    int n_last;
    bool *later;     /* by node id of g: left to the next stage */
    bool is_last;    /* none is */
    nt_value **pass; /* of g: the next stage's inputs */
    int n_pass;
    nt_stage **child; /* one per shapes of what is passed on */
    int n_children;
    nt_stage *now; /* the child that the last run took */
    uint64_t used; /* number of the last run */
    bool stale;    /* parameters have changed */
};

/* dims as in nt_plan_opts. g must outlive the stage. */
nt_status nt_stage_new(nt_stage **out, const nt_graph *g, nt_device *dev, const nt_plan_opts *o,
                       const int64_t (*dims)[NT_MAX_RANK], nt_err *e) NT_MUST_CHECK;
/* The stage after st, for the shapes that st has just found; borrows from st. */
nt_status nt_stage_next(nt_stage **out, const nt_stage *st, nt_device *dev,
                        const nt_plan_opts *o, nt_err *e) NT_MUST_CHECK;
/* With the stages below it. */
void nt_stage_free(nt_stage *st);
/* Is the child made for the shapes that st has found? */
bool nt_stage_fits(const nt_stage *child, const nt_stage *st);
/* Copies what st found into the child's inputs. */
void nt_stage_hand_on(nt_stage *child, const nt_stage *st);
/* Runs the plan, then the last nodes. ms: nt_stage_n_steps times to add to; may be NULL. */
nt_status nt_stage_run(nt_stage *st, double *ms, nt_err *e) NT_MUST_CHECK;
int nt_stage_n_steps(const nt_stage *st);
nt_step_info nt_stage_step(const nt_stage *st, int i);
/* A value of this stage by name, if it is an output, kept, or found at the end; else NULL. */
const nt_tensor *nt_stage_find(const nt_stage *st, const char *name);

#endif
