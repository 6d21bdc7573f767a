/* SPDX-License-Identifier: MIT */
/*
 * views.h - what a network says of a split's samples, kept: once for each view of them.
 *
 * In memory a view is [samples][outputs] and a mark for each sample that is there. A file holds
 * the views that are whole:
 *
 *   "nt-views 1" and six NULs    16 bytes
 *   SHA-256 of all that follows, 64 hexadecimal digits
 *   the identity, 64 hexadecimal digits, of all that decides what it says
 *   samples, outputs and the number of views, 8 bytes each, little-endian
 *   of each view its number, 8 bytes, and float32 [samples][outputs]
 */
#ifndef NT_TRAIN_VIEWS_H
#define NT_TRAIN_VIEWS_H

#include "base/err.h"
#include "data/field.h"

typedef struct nt_views nt_views;

/* What came of a file: all but the second leave the table as it was. */
typedef enum nt_views_file {
    NT_VIEWS_NO_FILE,
    NT_VIEWS_TAKEN,
    NT_VIEWS_STALE,  /* it is of something else */
    NT_VIEWS_DAMAGED /* it is not what was written */
} nt_views_file;
/* What is wrong with it, for a warning behind its name; NULL: nothing. */
const char *nt_views_file_text(nt_views_file what);

/* Empty, for `views` views. */
nt_status nt_views_new(nt_views **out, size_t views, size_t samples, size_t outputs,
                       nt_err *e) NT_MUST_CHECK;
void nt_views_free(nt_views *v);
/* What is known of a batch's samples, [n][outputs]; false: not of all, and `to` is not what is
 * wanted. */
bool nt_views_recall(float *to, const nt_views *v, size_t view, const nt_batch *b);
nt_status nt_views_learn(nt_views *v, size_t view, const nt_batch *b, const float *outputs,
                         nt_err *e) NT_MUST_CHECK;
/* No sample will come that this view lacks. */
void nt_views_close(nt_views *v, size_t view);
bool nt_views_is_whole(const nt_views *v, size_t view);
/* Adds the file's views. NT_EFORMAT for a file that is of no such kind at all: it is
 * somebody's, and not to be written over. */
nt_status nt_views_load(nt_views *v, nt_views_file *what, const char *path,
                        const char *identity, nt_err *e) NT_MUST_CHECK;
/* Writes the views that are whole, at once, whatever is held (outfile.h). */
nt_status nt_views_save(const nt_views *v, const char *path, const char *identity,
                        nt_err *e) NT_MUST_CHECK;

#endif
