/* SPDX-License-Identifier: MIT */
/*
 * batch_plan.h - plans of one network for the batch sizes that turn up: the full batch, and the
 * smaller last one of an epoch.
 *
 * Inputs take a batch's fields by name (data/field.h). An input takes the field that the data
 * description has for it, else the one of its name; NT_TARGET takes the target. The picture
 * goes to the first input where no other one takes it, whatever its name.
 */
#ifndef NT_TRAIN_BATCH_PLAN_H
#define NT_TRAIN_BATCH_PLAN_H

#include "data/data.h"
#include "exec/nonfinite.h"
#include "exec/staged.h"

typedef struct nt_batch_plan nt_batch_plan;

/* What batches there will be. */
typedef struct nt_batch_like {
    int64_t n; /* samples of the first */
    nt_sample sample;
    const nt_split *split; /* whose names are borrowed; NULL: batches of pictures only */
    const nt_field *field; /* all but dims[0] and the data */
    size_t n_fields;
    const char *target;   /* the name of the field for NT_TARGET; NULL: none */
    const nt_field *more; /* what a run adds; NULL: nothing */
} nt_batch_like;

/* What a loader will give. */
nt_batch_like nt_batch_like_of(const nt_loader *l, int64_t n);

/* What a run takes. */
typedef struct nt_batch_in {
    const nt_batch *b;
    uint64_t run;         /* its number (nt_plan_set_run) */
    const nt_field *more; /* of the like's name and shape */
} nt_batch_in;

/* The input that takes the picture must take such samples (feed.h), others [n][...] of their
 * field's type and extents; NT_EUNSUPPORTED where there is no field for an input. o->dims is
 * ignored. The plan for like->n samples is made here, so that what cannot be planned fails at
 * once; others when they are first asked for. */
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
