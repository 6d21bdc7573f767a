/* SPDX-License-Identifier: MIT */
/*
 * plan.h - plan, then run.
 *
 * A plan is made once for a graph, its input shapes, a mode and a precision: it fuses, chooses
 * layouts and kernels, packs constant weights and gives every buffer a place in one arena.
 * Running is a loop over prepared steps: no allocation, no decision.
 *
 * Inference hands every NaN on, as ONNX Runtime and PyTorch do. Where the fast kernels may have
 * lost one (watch.h; only then), the run is done again, with the same results, by a plan of
 * careful kernels (nt_device_careful), which is made when it is first wanted; such a run can
 * fail for memory. Training uses careful kernels from the start.
 */
#ifndef NT_EXEC_PLAN_H
#define NT_EXEC_PLAN_H

#include "exec/params.h"
#include "graph/graph.h"
#include "kernel/prim.h"

typedef struct nt_plan nt_plan;

typedef struct nt_plan_opts {
    bool training;     /* batch statistics, dropout, and backward steps */
    nt_dtype compute;  /* NT_F32, NT_BF16, or NT_I8: what is quantized to 8 bits on its codes
                          where  the device can (int8.h), the rest in NT_F32. 0: NT_F32 */
    nt_params *params; /* live parameters, borrowed, by name; required for training; without
                          training they are read anew at nt_plan_refresh. NULL: the graph's
                          constants */
    const int64_t (*dims)[NT_MAX_RANK]; /* concrete shape per graph input; NULL: batch 1 for a
                                           symbolic first axis, all else must be known */
    const char *const *keep; /* names of inner values to be readable after a run (fusion stops
                                at them); NULL terminated; may be NULL */
    const char *loss; /* training: the scalar output that backward begins at, with a gradient
                         of 1. NULL: the caller says what each output's gradient is */
    uint64_t seed;    /* of dropout */
    bool recompute; /* training in less memory and more time (recompute.h): the same results */
    bool no_fusion; /* one step per node, so that every value is there: for comparisons */
} nt_plan_opts;

/* The graph must be bound; it is not changed, and must outlive the plan. */
nt_status nt_plan_new(nt_plan **out, const nt_graph *g, nt_device *dev, const nt_plan_opts *o,
                      nt_err *e) NT_MUST_CHECK;
void nt_plan_free(nt_plan *p);

/* Borrowed, PLAIN, of the graph's own types. Inputs are filled in by the caller before a run;
 * they keep their contents. */
nt_tensor *nt_plan_input(nt_plan *p, int i);
/* nt_noise_fill of all inputs. */
void nt_plan_fill_noise(nt_plan *p, uint64_t seed);
const nt_tensor *nt_plan_output(const nt_plan *p, int i);
/* Training: dL/d(output i), fp32, filled in by the caller between forward and backward, unless
 * the plan has a loss. NULL when no parameter has a part in this output. */
nt_tensor *nt_plan_output_grad(nt_plan *p, int i);
/* A value named in opts.keep, PLAIN, of its own type; NULL if unknown. */
const nt_tensor *nt_plan_kept(const nt_plan *p, const char *name);

/* What dropout draws in the next run is decided by opts.seed and this number alone (the update,
 * in training), so that a resumed training goes on as one that never stopped. */
void nt_plan_set_run(nt_plan *p, uint64_t run);
nt_status nt_plan_forward(nt_plan *p, nt_err *e) NT_MUST_CHECK;
/* Overwrites the gradients in params->g. */
nt_status nt_plan_backward(nt_plan *p, nt_err *e) NT_MUST_CHECK;
/* The parameters have changed: folds and packs anew what was made once. Tensors that were got
 * before are void, and the inputs have to be filled in again. On failure the plan is as it was.
 */
nt_status nt_plan_refresh(nt_plan *p, nt_err *e) NT_MUST_CHECK;

/* What the plan consists of, for tables. */
typedef struct nt_step_info {
    const nt_node *node; /* of the plan's own copy of the graph, by name and output names the
                            caller's; NULL: none */
    const char *what, *impl;
    bool backward, once;
} nt_step_info;

int nt_plan_n_steps(const nt_plan *p);
nt_step_info nt_plan_step(const nt_plan *p, int i);
/* One forward run; each step's milliseconds are added to ms[step]. */
nt_status nt_plan_forward_timed(nt_plan *p, double *ms, nt_err *e) NT_MUST_CHECK;
/* Activations and scratch; packed and plain constants held besides. */
size_t nt_plan_arena_bytes(const nt_plan *p);
size_t nt_plan_const_bytes(const nt_plan *p);

#endif
