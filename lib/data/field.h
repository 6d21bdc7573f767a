/* SPDX-License-Identifier: MIT */
/*
 * field.h - a batch is named tensors.
 *
 * A format says which fields its samples have (source.h); a loader fills them; inputs of a
 * network, the loss's target among them, take them by name (train/batch_plan.h).
 */
#ifndef NT_DATA_FIELD_H
#define NT_DATA_FIELD_H

#include "base/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a field is to its sample: transforms change pictures, boxes and masks follow them. */
typedef enum nt_role {
    NT_ROLE_PICTURE, /* float32 [n][c][h][w] */
    NT_ROLE_LABEL,   /* int32 [n], a class */
    NT_ROLE_MASK,    /* int32 [n][h][w], a class for each pixel of the picture */
    NT_ROLE_BOXES,   /* float32 [n][most][4]: left, top, right, bottom edge in pixels */
    NT_ROLE_COLUMNS, /* any other type and shape, as it is stored */
    NT_ROLE_COUNT    /* int32 [n]: entries of a ragged field, called NAME.count */
} nt_role;

/* The names that the formats here give. */
#define NT_FIELD_PICTURE "picture"
#define NT_FIELD_LABEL "label"
#define NT_FIELD_MASK "mask"
#define NT_FIELD_BOXES "boxes"

/*
 * A ragged field has as many entries as its samples have; dims[1] is the most that one of the
 * split's source has, so that every batch has the same shape. Behind the last entry floating
 * point values are 0 and others -1.
 */
typedef struct nt_field {
    const char *name;
    nt_role role;
    nt_dtype dtype;
    int rank;
    int64_t dims[NT_MAX_RANK]; /* [n][...]; -1 is not known yet */
    const void *data;          /* dense; NULL where only the shape is meant */
    const int32_t *count;      /* [n] entries that are there; NULL: not ragged */
    bool ignores;
    int32_t ignored; /* of a mask: the class that counts nowhere */
} nt_field;

/* n is smaller than asked for at the end of an epoch, and where samples were skipped. */
typedef struct nt_batch {
    const nt_field *field;
    size_t n_fields;
    int64_t n;
    size_t first;           /* position of the first sample in this epoch's order */
    size_t number;          /* of the batch in this epoch */
    const uint32_t *sample; /* [n] which of the split's they are; NULL: not said */
} nt_batch;

/* NULL: there is none. */
const nt_field *nt_field_named(const nt_field *v, size_t n, const char *name);
const nt_field *nt_batch_field(const nt_batch *b, const char *name);
/* The first of that role. */
const nt_field *nt_field_of(const nt_field *v, size_t n, nt_role role);
/* The pictures [n][c][h][w] of a batch that has some. */
const float *nt_batch_pictures(const nt_batch *b);
/* "'picture', 'label'" for messages. */
const char *nt_field_names(char *text, size_t bytes, const nt_field *v, size_t n);
/* Bytes of a sample; its extents are known. */
size_t nt_field_bytes(const nt_field *f);

#endif
