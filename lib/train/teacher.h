/* SPDX-License-Identifier: MIT */
/*
 * teacher.h - what another network says of the samples that one learns from.
 *
 * It is asked at every step; or once for each of some views of a sample, which it is then known
 * of, in this training and, by a file, in others of the same views. What it says of a view is
 * decided in the batches of the epoch of the view's number, whenever it is asked: so that it
 * makes no difference to any bit whether it was asked, remembered or read.
 */
#ifndef NT_TRAIN_TEACHER_H
#define NT_TRAIN_TEACHER_H

#include "graph/model.h"
#include "train/batch_plan.h"
#include "train/views.h"

typedef struct nt_teacher nt_teacher;

typedef struct nt_teacher_opts {
    nt_dtype compute;
    const char *file;       /* of the views; NULL: they are kept in memory alone */
    const char *identity;   /* of what it holds (views.h) */
    nt_loader_opts batches; /* the training's: its views, too; 0: asked at every step */
} nt_teacher_opts;

/* What it works with, borrowed. */
typedef struct nt_teacher_with {
    nt_model *model;
    nt_device *dev;
    nt_split *split; /* the training's */
} nt_teacher_with;

/* like: the training's batches. */
nt_status nt_teacher_new(nt_teacher **out, const nt_teacher_with *w, const nt_batch_like *like,
                         const nt_teacher_opts *o, nt_err *e) NT_MUST_CHECK;
void nt_teacher_free(nt_teacher *t);
int64_t nt_teacher_outputs(const nt_teacher *t);
/* The batches of an epoch from `first` on are asked of next. */
void nt_teacher_begin(nt_teacher *t, uint64_t epoch, size_t first);
/* What it says of a batch of that epoch: [n][outputs], until the next question. */
nt_status nt_teacher_ask(const float **said, nt_teacher *t, const nt_batch *b,
                         nt_err *e) NT_MUST_CHECK;
/* complete: the epoch has had its last batch. Writes the file, where there is news. */
nt_status nt_teacher_end(nt_teacher *t, bool complete, nt_err *e) NT_MUST_CHECK;
/* What came of the file at first, and how many samples it was asked of, and remembered. */
typedef struct nt_teacher_account {
    nt_views_file file;
    uint64_t asked, remembered;
} nt_teacher_account;

/* Borrowed. */
const nt_teacher_account *nt_teacher_tell(const nt_teacher *t);

#endif
