/* SPDX-License-Identifier: MIT */
/*
 * batch_plan.h - plans of one network for the batch sizes that turn up: the full batch, and the
 * smaller last one of an epoch.
 */
#ifndef NT_TRAIN_BATCH_PLAN_H
#define NT_TRAIN_BATCH_PLAN_H

#include "data/data.h"
#include "exec/nonfinite.h"
#include "exec/staged.h"

typedef struct nt_batch_plan nt_batch_plan;

/* What an input of that name gets: dense, of the input's type, one entry for each sample. */
typedef struct nt_field {
    const char *name;
    const void *data;
} nt_field;

/* What batches there will be. */
typedef struct nt_batch_like {
    int64_t n; /* samples of the first */
    nt_sample sample;
    const char *const *fields; /* names for the other inputs, NULL at their end; NULL: none */
} nt_batch_like;

/* What a run takes. */
typedef struct nt_batch_in {
    const float *x; /* [n][c][h][w]: the first input */
    int64_t n;
    uint64_t run;         /* its number (nt_plan_set_run) */
    const nt_field *more; /* the other inputs, in any order; others than g's are ignored */
    int n_more;
} nt_batch_in;

/* g's first input must take such samples (feed.h), further ones be [n][...] of known extents
 * and among the fields. o->dims is ignored. The plan for like->n samples is made here, so that
 * what cannot be planned fails at once; others when they are first asked for. */
nt_status nt_batch_plan_new(nt_batch_plan **out, const nt_graph *g, nt_device *dev,
                            const nt_plan_opts *o, const nt_batch_like *like,
                            nt_err *e) NT_MUST_CHECK;
void nt_batch_plan_free(nt_batch_plan *b);
/* Outputs of a sample: k where the first output is float32 of [n][k] (or [n][k][1][1]), else 0.
 */
int64_t nt_batch_plan_classes(const nt_batch_plan *b);
/* NT_EUNSUPPORTED where those are 0: `who` works on a score for each class. */
nt_status nt_batch_plan_need_classes(const nt_batch_plan *b, const char *who,
                                     nt_err *e) NT_MUST_CHECK;
/* Of the plan that ran last, or was made first (nt_plan_arena_bytes). */
size_t nt_batch_plan_arena_bytes(const nt_batch_plan *b);
/* The parameters have changed: every plan is refreshed before its next run. */
void nt_batch_plan_touch(nt_batch_plan *b);
/* Copies all in and runs; *plan is the one that ran (borrowed), NULL where it took several
 * (staged.h). */
nt_status nt_batch_plan_forward(nt_batch_plan *b, const nt_batch_in *in, nt_plan **plan,
                                nt_err *e) NT_MUST_CHECK;
/* The first output of the last run. */
const nt_tensor *nt_batch_plan_output(const nt_batch_plan *b);
/* Any of them. */
const nt_tensor *nt_batch_plan_output_at(const nt_batch_plan *b, int i);
/* The one of that name; NULL: there is none. */
const nt_tensor *nt_batch_plan_named(const nt_batch_plan *b, const char *name);
/* Finds the layer that f's numbers, counted in the last run's outputs, begin at
 * (nt_nonfinite_find). Where there is no memory for that, it stays unknown. */
void nt_batch_plan_blame(const nt_batch_plan *b, nt_nonfinite *f);

#endif
