/* SPDX-License-Identifier: MIT */
/*
 * program.h - what lowering writes: tensors with layouts, and steps over them.
 *
 * A program is made for one graph with known shapes, one mode and one precision. The planner
 * (layer exec) walks the nodes forwards, calling each operator's lower(), then for training
 * backwards, calling lower_grad(); afterwards it places all temporaries in one arena by
 * liveness and runs the steps in order. Steps whose inputs are all constant are run once, at
 * plan time: so packing weights is just a step that reads a constant.
 *
 * Conventions of lowering:
 *  - a value's tensor is in whatever format and type its producer chose (fp32 or bf16 for
 *    activations whose value is float32); nt_program_as gives a copy as wanted, made once;
 *  - a step must not write to a tensor that somebody else may still read; to work in place,
 * list the write with nt_program_inplace: the planner shares the memory only if that is safe;
 *  - in which kind of memory a tensor lies follows from the step that writes it first: prims
 * say where they compute, and fn computes in host memory. What a step reads from elsewhere is
 *    brought there by a transfer step before it, made once (nt_program_at), so that lowering
 *    need not know;
 *  - gradients are of the same dims as the value, in any format, fp32 or bf16; those of
 *    parameters are PLAIN fp32.
 */
#ifndef NT_LOWER_PROGRAM_H
#define NT_LOWER_PROGRAM_H

#include "facet/op.h"
#include "graph/graph.h"
#include "kernel/prim.h"

typedef int nt_tid; /* a tensor of the program; -1: none */

/* ---- asking about the plan */
nt_device *nt_program_device(const nt_program *p);
bool nt_program_training(const nt_program *p);
/* NT_F32 or NT_BF16: the type that heavy operators should compute activations in. */
nt_dtype nt_program_compute_type(const nt_program *p);
const nt_graph *nt_program_graph(const nt_program *p);

/* ---- tensors */
/* The value's current tensor (constants are made on first use: PLAIN, of the value's type;
 * trainable ones are live in training). */
nt_status nt_program_value(nt_program *p, const nt_value *v, nt_tid *out,
                           nt_err *e) NT_MUST_CHECK;
/* t in this format and type: t itself where it already is, else one reorder step, remembered.
 * NT_FMT_ANY and NT_UNDEFINED mean "as it is". */
nt_status nt_program_as(nt_program *p, nt_tid t, nt_format fmt, nt_dtype dtype, nt_tid *out,
                        nt_err *e) NT_MUST_CHECK;
/* t in this kind of memory: t itself where it lies there, else one transfer step, remembered.
 */
nt_status nt_program_at(nt_program *p, nt_tid t, int where, nt_tid *out,
                        nt_err *e) NT_MUST_CHECK;
/* Value and conversion in one. */
nt_status nt_program_value_as(nt_program *p, const nt_value *v, nt_format fmt, nt_dtype dtype,
                              nt_tid *out, nt_err *e) NT_MUST_CHECK;
const nt_desc *nt_program_desc(const nt_program *p, nt_tid t);
/* A new temporary. */
nt_status nt_program_temp(nt_program *p, const nt_desc *d, nt_tid *out,
                          nt_err *e) NT_MUST_CHECK;
/* Raw bytes (packed weights, workspaces). */
nt_status nt_program_blob(nt_program *p, size_t bytes, nt_tid *out, nt_err *e) NT_MUST_CHECK;
/* From now on this is the value's tensor. */
nt_status nt_program_bind(nt_program *p, const nt_value *v, nt_tid t, nt_err *e) NT_MUST_CHECK;
/* desc of a float32 value in the given format and type (dims from the value). */
nt_desc nt_program_desc_of(const nt_value *v, nt_format fmt, nt_dtype dtype);
/* The same memory under other dims, PLAIN only (Reshape and friends): no step, no copy. */
nt_status nt_program_view(nt_program *p, nt_tid t, int rank, const int64_t *dims, nt_tid *out,
                          nt_err *e) NT_MUST_CHECK;
/* The same memory read as d, of as many bytes: PLAIN extents [n][h][w][c] are NHWC ones of
 * [n][c][h][w]. */
nt_status nt_program_relabel(nt_program *p, nt_tid t, const nt_desc *d, nt_tid *out,
                             nt_err *e) NT_MUST_CHECK;
/* A BN running statistic or other constant that training steps update: read and written. */
nt_status nt_program_state(nt_program *p, const nt_value *v, nt_tid *out,
                           nt_err *e) NT_MUST_CHECK;

/* ---- steps */
#define NT_STEP_ARGS 72

/* What a step does: either a prim, or fn. arg: the tensors' addresses in the order listed. */
typedef struct nt_step_desc {
    const nt_node *node; /* for tables; may be NULL */
    const char *what;    /* "conv", "reorder": for tables; static text */
    nt_prim *prim;       /* taken, also on failure */
    nt_status (*fn)(void *ctx, void *const *arg, nt_err *e);
    void *ctx; /* for fn; lives in the program's arena or is freed by free_ctx */
    void (*free_ctx)(void *ctx);
    nt_tid arg[NT_STEP_ARGS];  /* -1 passes NULL */
    bool writes[NT_STEP_ARGS]; /* else it is read */
    int n_args;
    bool impure; /* has a state of its own (dropout): never run once */
} nt_step_desc;

nt_status nt_program_step(nt_program *p, const nt_step_desc *s, nt_err *e) NT_MUST_CHECK;

/* The common case of a step: a prim whose arguments are its reads and then its writes. node,
 * what and prim as in nt_step_desc; the lists are borrowed. */
typedef struct nt_call {
    const nt_node *node;
    const char *what;
    nt_prim *prim;
    const nt_tid *reads;
    int n_reads;
    const nt_tid *writes;
    int n_writes;
} nt_call;

nt_status nt_program_call(nt_program *p, const nt_call *c, nt_err *e) NT_MUST_CHECK;
/* The last step's write `w` may share memory with its read `r` if nobody needs r afterwards.
 * must: it shares r's memory in any case (a sum post-operation): if r is still needed, r is
 * copied first. */
nt_status nt_program_inplace(nt_program *p, nt_tid w, nt_tid r, bool must,
                             nt_err *e) NT_MUST_CHECK;
/* Memory that lives as long as the program. */
void *nt_program_alloc(nt_program *p, size_t count, size_t size);

/* ---- fusion, decided by the planner before lowering */
typedef struct nt_fusion {
    nt_post post[NT_POST_MAX]; /* in order; NT_POST_SUM adds `residual` */
    int n_post;
    const nt_value *residual; /* NULL: none */
    const nt_value *bias;     /* NULL, or a constant row that is added before all of them */
    const nt_value *out;      /* what the node with all its post-operations produces */
} nt_fusion;

/* For every node that is lowered; without fusion n_post is 0 and out is n->out[0]. */
const nt_fusion *nt_program_fusion(const nt_program *p, const nt_node *n);

/* ---- training */
/* Is a gradient of this value wanted (it depends on something trainable)? */
bool nt_program_needs_grad(const nt_program *p, const nt_value *v);
/* Gradient of an output: the sum of all contributions, as in nt_program_as; *out is -1 when
 * none came (zero). */
nt_status nt_program_grad(nt_program *p, const nt_value *v, nt_format fmt, nt_dtype dtype,
                          nt_tid *out, nt_err *e) NT_MUST_CHECK;
/* Contributes t to the gradient of v. The tensor must not be changed by its maker afterwards.
 */
nt_status nt_program_add_grad(nt_program *p, const nt_value *v, nt_tid t,
                              nt_err *e) NT_MUST_CHECK;
/* Where a parameter's gradient (PLAIN fp32) should be written: its place in the flat gradient
 * buffer for the first contribution, a temporary that is added for further ones. Call
 * nt_program_add_grad with it afterwards. */
nt_status nt_program_param_grad(nt_program *p, const nt_value *v, nt_tid *out,
                                nt_err *e) NT_MUST_CHECK;
/* What forward leaves for backward (workspaces, statistics), by a small slot number. */
nt_status nt_program_save(nt_program *p, const nt_node *n, int slot, nt_tid t,
                          nt_err *e) NT_MUST_CHECK;
nt_tid nt_program_saved(const nt_program *p, const nt_node *n, int slot);
/* A random stream for this node that moves on with every run (dropout); lives with the program.
 */
struct nt_rng *nt_program_rng(nt_program *p, const nt_node *n);

/* ---- the default lowering, through eval and grad on PLAIN tensors of the values' own types:
 * what a NULL facet means, and what an operator's own lowering leaves its rare cases to */
nt_status nt_lower_default(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;
nt_status nt_lower_grad_default(nt_program *p, const nt_node *n, nt_err *e) NT_MUST_CHECK;

#endif
