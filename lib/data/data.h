/* SPDX-License-Identifier: MIT */
/*
 * data.h - data descriptions, samples and batches.
 *
 * A data set is described by a JSON file or the short form KIND:PATH[,key=value...]
 * (CONTRACT.md, "Data description"). A split is a list of samples with transforms. A loader
 * decodes, augments and batches on worker threads, ahead of the consumer, in an order that
 * depends only on seed and epoch, never on the number of workers.
 */
#ifndef NT_DATA_DATA_H
#define NT_DATA_DATA_H

#include "base/err.h"
#include "base/json.h"
#include "base/rng.h"
#include "data/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nt_dataset nt_dataset;
typedef struct nt_split nt_split;
typedef struct nt_loader nt_loader;

/* How samples go into a network's input of four dimensions. */
typedef enum nt_layout {
    NT_LAYOUT_AUTO, /* as the network's input tells (train/feed.h) */
    NT_LAYOUT_NCHW,
    NT_LAYOUT_NHWC /* as TensorFlow has it */
} nt_layout;

/*
 * The keys of a description: "format", "path" (in a file relative to that file's folder),
 * "batch_size", "layout" ("nchw" or "nhwc"; without it found from the network), "on_error"
 * ("fail", or "skip" to go on without pictures that cannot be read) and "splits"; of a split:
 * "shuffle" (true for "train", else false), "transforms", and to cut it from another one "from"
 * with "first", "last" or "random" (cut.h); "inputs", an object of a network's input and the
 * name of the field that it takes (field.h), and "targets" the same of a loss's ("target" is
 * the built-in losses'), where the names differ. Several cuts of one split are made in the
 * order of the description. A cut split without "transforms" has its parent's. Without "splits"
 * there are those found at the path, with no transforms.
 *
 * The short form is KIND:PATH[,key=value...]; a path with a comma in it needs JSON. Its keys:
 *
 *   batch_size=128
 *   size=256 or 256x320    resize: the shorter side, or height x width
 *   crop=32 or 24x32       random_crop in split "train", center_crop in the others
 *   padding=4              of the random_crop
 *   flip=true              random_horizontal_flip in split "train"
 *   mean=0.5:0.5:0.5       normalize, with std; one value, or one per channel between colons
 *   std=0.2:0.2:0.2
 *   val=5000               a split "val" of the last samples of "train"
 *   layout=nhwc            as above
 *   on_error=skip          as above
 *
 * Folders give their samples class by class; they are put into an order in which every
 * beginning and every end holds all classes in proportion, so that "first", "last" and `limit`
 * are fair.
 */

/* spec: a path to a JSON file, a short form, or JSON text itself (starts with '{'). Nothing of
 * the data is read yet, but its place must exist. NT_EINVAL for a bad description (with the
 * key's path), NT_EIO for a missing data set. */
nt_status nt_dataset_open(nt_dataset **out, const char *spec, nt_err *e) NT_MUST_CHECK;
void nt_dataset_free(nt_dataset *d);
/* The description with defaults filled in; borrowed. */
const cJSON *nt_dataset_json(const nt_dataset *d);
/* "batch_size" of the description, 0 when not given. */
int64_t nt_dataset_batch_size(const nt_dataset *d);

/* Indexes the split (names and labels, not pixels). An unknown name lists the known ones. A
 * split cut from another ("val": {"from": "train", "last": 5000}) takes its samples away from
 * it. Borrows d. */
nt_status nt_split_open(nt_split **out, nt_dataset *d, const char *name,
                        nt_err *e) NT_MUST_CHECK;
void nt_split_free(nt_split *s);
size_t nt_split_count(const nt_split *s);
/* 0: the data have no labels, or do not say how many classes there are. */
int64_t nt_split_classes(const nt_split *s);
/* The field that a loss compares with: the one that "targets" names, else the label, else the
 * mask; its extents may not be known yet. Borrowed. NT_EFORMAT where there is none: `who` needs
 * it. */
nt_status nt_split_target(const nt_field **out, const nt_split *s, const char *who,
                          nt_err *e) NT_MUST_CHECK;
/* The name of the field that the description has for a network's input of that name ("inputs");
 * NULL: it says nothing. */
const char *nt_split_input(const nt_split *s, const char *input);
nt_layout nt_split_layout(const nt_split *s);
const char *nt_split_class_name(const nt_split *s, int64_t label); /* NULL: unnamed */
/* SHA-256 over each sample's label, name and bytes: the data's identity, the same for a folder
 * and a tar of it, for gzip and plain files. Borrowed; NULL with the reason in e. */
const char *nt_split_digest(nt_split *s, nt_err *e);

/* Pictures skipped so far: those of a kind that is not read at once, damaged ones when their
 * turn has come. */
size_t nt_split_skipped(const nt_split *s);
/* One line about them, and about boxes that were dropped, with the first one's name; NULL where
 * there are none, or no split. nt_free it. */
char *nt_split_skipped_text(const nt_split *s);
/* Adds what was left out to a report: "skipped_samples" where pictures may be skipped, their
 * names with what is wrong as "skipped", and the numbers of boxes without area as
 * "dropped_boxes" and of other files as "ignored_files" where there are such. Without a split,
 * nothing. false when memory ran out. */
bool nt_split_report_left_out(cJSON *j, const nt_split *s);

typedef struct nt_loader_opts {
    int64_t batch_size;
    int shuffle;    /* 1 yes, 0 no, -1 as the split says */
    bool augment;   /* false: random transforms are replaced by their centred form */
    bool drop_last; /* leave out a last batch that is not full */
    int workers;    /* threads; 0: one */
    uint64_t seed;  /* of the order and the random transforms */
    size_t limit;   /* at most so many samples an epoch, the first of its order; 0: all */
    uint64_t views; /* epoch i has the random transforms of epoch i mod views, in an order of
                       its own; 0: each has its own */
} nt_loader_opts;

/* Starts the threads and reads the first sample for its shape; all samples must have the same
 * after the transforms. Borrows s; several loaders may use it, all made by one thread. */
nt_status nt_loader_new(nt_loader **out, nt_split *s, const nt_loader_opts *o,
                        nt_err *e) NT_MUST_CHECK;
void nt_loader_free(nt_loader *l);
/* One sample after the transforms, and how networks are to take it. */
typedef struct nt_sample {
    int64_t c, h, w;
    nt_layout layout;
} nt_sample;

nt_sample nt_loader_sample(const nt_loader *l);
/* What batches have: all but dims[0] and the data. Borrowed, and so is the split. */
const nt_field *nt_loader_fields(const nt_loader *l, size_t *n);
const nt_split *nt_loader_split(const nt_loader *l);
size_t nt_loader_batches(const nt_loader *l);
/* (Re)starts at an epoch, at batch `first_batch` of it (resuming). */
nt_status nt_loader_start(nt_loader *l, uint64_t epoch, size_t first_batch,
                          nt_err *e) NT_MUST_CHECK;
/* *out NULL at the end of the epoch, and before the first start. The batch is borrowed until
 * the next call. A sample that cannot be read ends the epoch here with its name, in its turn.
 */
nt_status nt_loader_next(nt_loader *l, const nt_batch **out, nt_err *e) NT_MUST_CHECK;

#endif
