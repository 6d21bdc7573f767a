/* SPDX-License-Identifier: MIT */
/* folder.h - the pictures that were found for a split of format "folder", put into order. */
#ifndef NT_DATA_FOLDER_H
#define NT_DATA_FOLDER_H

#include "data/source.h"

/* A picture, of class "" where it lies in none; or with file NULL a class folder. */
typedef struct nt_found {
    const char *class, *file;
    const uint8_t *bytes; /* NULL: on the disk */
    size_t n;
    int32_t label;
    uint64_t rank, of; /* among the pictures of its class */
} nt_found;

typedef struct nt_finds {
    nt_source *src; /* whose arena holds what they point to */
    const char *split;
    nt_found *v;
    size_t n, cap;
} nt_finds;

/*
 * Fills f->src: count, labels, classes, names and items. Classes are numbered by name; an empty
 * class folder keeps its number. Without any picture in a class there are no classes, and all
 * labels are -1.
 *
 * The sample order must be fixed, and its beginning and end should hold every class, so that
 * splits can be cut from it: of a class with n pictures sorted by name, the r-th stands at
 * (2 r + 1) / 2 n of the whole.
 *
 * NT_EFORMAT where there are no pictures, or a name is there twice.
 */
nt_status nt_finds_order(nt_finds *f, nt_err *e) NT_MUST_CHECK;

#endif
