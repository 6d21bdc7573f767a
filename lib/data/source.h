/* SPDX-License-Identifier: MIT */
/*
 * source.h - the stored samples of a data set's split, before any transform.
 *
 * A format fills one nt_source: either raw pictures of one size, or encoded pictures that are
 * decoded when they are asked for (and then kept, where all of them fit into memory); and the
 * table of the fields that its samples have.
 */
#ifndef NT_DATA_SOURCE_H
#define NT_DATA_SOURCE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "data/decode.h"
#include "data/field.h"
#include "data/image.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nt_source nt_source;

typedef struct nt_data_format {
    const char *name;
    const char *const *keys, *const *split_keys; /* of its own in a description, and in its
                                                    splits; NULL-terminated; NULL: none */
    /* Adds an empty object to splits for each split that lies at path. */
    nt_status (*list)(cJSON *splits, const char *path, nt_err *e);
    /* Fills src: count, labels, classes, the samples, and fields other than a picture and a
     * label. */
    nt_status (*open)(nt_source *src, const char *path, const char *split, nt_err *e);
    /* Reads what open left out (NULL: nothing). */
    nt_status (*load)(nt_source *src, nt_err *e);
} nt_data_format;

extern const nt_data_format nt_format_cifar10, nt_format_cifar100, nt_format_folder,
    nt_format_idx, nt_format_segmentation, nt_format_voc;

/* A picture in a file's format: in memory, or with bytes NULL in the file dir/name. */
typedef struct nt_encoded {
    const char *name;
    const uint8_t *bytes;
    size_t n;
} nt_encoded;

/*
 * A field as a format has it. `data` are the entries of all samples one behind the other, of
 * field.h's type and shape; NULL for pictures.
 */
typedef struct nt_stored {
    nt_field field; /* without data; dims[0] is -1, and the picture's extents are not known */
    const void *data;
    const size_t *row; /* ragged: [count + 1], sample i has the entries from row[i] to before
                          row[i + 1]; fields of one table belong together; NULL: dense */
} nt_stored;

enum { NT_MAX_FIELDS = 16 };

struct nt_source {
    const nt_data_format *format;
    const cJSON *json; /* the description, borrowed; NULL: nothing more is said */
    nt_arena *arena;
    const char *where; /* the file or folder, for messages */
    size_t count;
    nt_stored stored[NT_MAX_FIELDS];
    size_t n_stored;
    int32_t *labels; /* NULL: no field of that role */
    int64_t classes;
    const char **class_names; /* NULL: unnamed */
    /* raw: [count][h][w][c] */
    uint8_t *pixels;
    int h, w, c;
    /* or encoded */
    nt_encoded *items;
    nt_encoded *masks; /* of them; NULL: the format has none */
    _Atomic(nt_image *) *cache;
    atomic_size_t cached_bytes;
    /* what is left out */
    bool skip;            /* a picture that cannot be read does not end the run */
    _Atomic(char *) *bad; /* [count] what is wrong with it; NULL: nothing known */
    const char **left;    /* [n_left] "NAME: why" of those that became no sample */
    size_t n_left, left_cap;
    size_t ignored;          /* files that are no pictures */
    size_t empty_boxes;      /* boxes without area, dropped; */
    const char *first_empty; /* the file of the first one */
};

/* What one thread needs to fetch samples; start from {0}. */
typedef struct nt_fetch {
    nt_decoder decoder;
    nt_image image, mask;
} nt_fetch;

/* The format of that name, or NT_EUNSUPPORTED. */
nt_status nt_format_get(const nt_data_format **out, const char *name, nt_err *e) NT_MUST_CHECK;

/* Its splits at path, as empty objects; NT_EIO when path is missing or holds none. */
nt_status nt_format_list(const nt_data_format *f, cJSON *splits, const char *path,
                         nt_err *e) NT_MUST_CHECK;

/* Where samples come from. */
typedef struct nt_source_from {
    const nt_data_format *format;
    const char *path, *split;
    const cJSON *json; /* the description, for the format's own keys; NULL: none */
    bool skip;         /* leave out what cannot be read */
} nt_source_from;

/* The description is borrowed. */
nt_status nt_source_open(nt_source **out, const nt_source_from *from, nt_err *e) NT_MUST_CHECK;
void nt_source_free(nt_source *src);
/* To be called once before samples are fetched, by one thread. */
nt_status nt_source_load(nt_source *src, nt_err *e) NT_MUST_CHECK;
/* Sample i as uint8 in *out, borrowed until the next call with the same nt_fetch. Threads may
 * call this at the same time, each with a fetch of its own. */
nt_status nt_source_fetch(nt_source *src, nt_image *out, size_t i, nt_fetch *f,
                          nt_err *e) NT_MUST_CHECK;
/* The mask of sample i, uint8 of one channel, of a source that has masks. */
nt_status nt_source_fetch_mask(nt_source *src, nt_image *out, size_t i, nt_fetch *f,
                               nt_err *e) NT_MUST_CHECK;
/* NT_EFORMAT with the file and the sample's name before the message; the sample is skipped
 * where the description says so. */
nt_status nt_source_refuse(nt_source *src, size_t i, nt_err *e, const char *fmt,
                           ...) NT_MUST_CHECK __attribute__((format(printf, 4, 5)));
/* For a format: "classes" of the description, a number or an array of names, into src->classes
 * and class_names; 0 where it says nothing. */
nt_status nt_source_read_classes(nt_source *src, nt_err *e) NT_MUST_CHECK;
/* For a format: sets the extent of the row table's longest sample, and appends the field; the
 * first of a row table is followed by its counts. The name is borrowed. */
nt_status nt_source_add_field(nt_source *src, nt_stored f, nt_err *e) NT_MUST_CHECK;
/*
 * For a format: the picture cannot be a sample, for the reason s with `why`. Where pictures may
 * be skipped it is noted and all is well; else s, the message with its name in e.
 */
nt_status nt_source_leave(nt_source *src, const char *name, nt_status s, const nt_err *why,
                          nt_err *e) NT_MUST_CHECK;
/* Sample i could not be read, and is to be skipped. */
bool nt_source_is_skipped(const nt_source *src, size_t i);
/* Puts the file and the sample's name before the message. */
void nt_source_prefix(const nt_source *src, size_t i, nt_err *e);
void nt_fetch_release(nt_fetch *f);
/* One line about sample i for the digest: its label, its name and the digest of its bytes. */
nt_status nt_source_describe(nt_source *src, nt_str *text, size_t i, nt_err *e) NT_MUST_CHECK;

#endif
