/* SPDX-License-Identifier: MIT */
/*
 * fill.h - a sample behind its transforms, and how each of its fields is put into a batch.
 *
 * The one place where targets follow a picture: whatever the transforms reported, boxes and
 * masks are put through it here (follow.h).
 */
#ifndef NT_DATA_FILL_H
#define NT_DATA_FILL_H

#include "data/geometry.h"
#include "data/source.h"

/* One thread's; start from {0}. */
typedef struct nt_filled {
    nt_source *src;
    size_t i; /* of the source */
    nt_image picture;
    nt_geometry did;
    nt_image mask;     /* as it is stored; borrowed */
    const size_t *row; /* of the boxes; NULL: the format has none */
    float (*box)[4];   /* those that are left, */
    uint32_t *index;   /* each number so much of the sample's */
    size_t n_boxes, room;
} nt_filled;

void nt_filled_release(nt_filled *t);
/* For sample t->i, whose picture the transforms have put where t->did says: finds the other
 * fields. `before` is how large the picture was. */
nt_status nt_fill_follow(nt_filled *t, nt_geometry before, nt_fetch *f,
                         nt_err *e) NT_MUST_CHECK;
/* Puts stored field k into entry `at` of the batch's field to. */
void nt_fill_put(nt_field *to, const nt_filled *t, size_t k, size_t at);

#endif
