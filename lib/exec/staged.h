/* SPDX-License-Identifier: MIT */
/*
 * staged.h - running a graph of any shapes: a plan per concrete shape, and plans in stages
 * where shapes depend on the data.
 *
 * A plan (plan.h) wants every shape beforehand. Where a node's output has as many elements as
 * the data say (NonZero, NonMaxSuppression, a Reshape to a computed target), the graph is cut:
 * a stage is a plan of all nodes whose shapes are known, and then the nodes that end it, which
 * are computed on its results and so find their extents. What is left of the graph is the next
 * stage, with known inputs. A graph that needs no stages is one plan and no more.
 *
 * Stages are kept by the shapes of their inputs, so that a run with shapes that came before
 * plans nothing; the ones used least recently go when there are many.
 */
#ifndef NT_EXEC_STAGED_H
#define NT_EXEC_STAGED_H

#include "exec/plan.h"

typedef struct nt_staged nt_staged;

/* As nt_plan_new, for the same options; makes the (first) plan at o->dims. Of a graph in
 * several stages the later ones are planned when a run comes to them. Training takes a graph
 * that is one plan: NT_EUNSUPPORTED names the value whose shape depends on the data. */
nt_status nt_staged_new(nt_staged **out, const nt_graph *g, nt_device *dev,
                        const nt_plan_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_staged_free(nt_staged *r);
/* From now on for inputs of these shapes (as nt_plan_opts.dims): finds or makes their plan. */
nt_status nt_staged_shape(nt_staged *r, const int64_t (*dims)[NT_MAX_RANK],
                          nt_err *e) NT_MUST_CHECK;
/* Plans made since the beginning, for tests and tables. */
int nt_staged_n_planned(const nt_staged *r);
/* The plan for the current shapes; NULL where it takes several stages. */
nt_plan *nt_staged_plan(nt_staged *r);

/* All as of a plan. Outputs and kept values are those of the last run, and void with the next.
 * An output's shape may be another with each run. */
nt_tensor *nt_staged_input(nt_staged *r, int i);
void nt_staged_fill_noise(nt_staged *r, uint64_t seed);
nt_status nt_staged_forward(nt_staged *r, nt_err *e) NT_MUST_CHECK;
const nt_tensor *nt_staged_output(const nt_staged *r, int i);
const nt_tensor *nt_staged_kept(const nt_staged *r, const char *name);
/* The parameters have changed: nt_staged_shape refreshes a plan before it gives it out again,
 * after which its inputs have to be filled in anew. */
void nt_staged_touch(nt_staged *r);

/* The steps that the last run took; before any, those of the first stage. */
int nt_staged_n_steps(const nt_staged *r);
nt_step_info nt_staged_step(const nt_staged *r, int i);
/* One run that takes the steps of the last one, as with the same inputs: each step's
 * milliseconds are added to ms[step]. */
nt_status nt_staged_forward_timed(nt_staged *r, double *ms, nt_err *e) NT_MUST_CHECK;
size_t nt_staged_arena_bytes(const nt_staged *r);
size_t nt_staged_const_bytes(const nt_staged *r);

#endif
