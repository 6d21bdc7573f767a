/* SPDX-License-Identifier: MIT */
/*
 * walk.h - a tar that is still coming, followed from header to header.
 *
 * An archive on a pipe has no size, and what comes may have no end. Its headers say how long
 * its members are, and where the next header is: so it is known early that a stream is no model
 * archive, and that it goes on after the archive's end.
 */
#ifndef NT_ARCHIVE_WALK_H
#define NT_ARCHIVE_WALK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeros to begin with; the same for each look at one stream. */
typedef struct nt_tar_walk {
    size_t at;     /* of the next header */
    size_t size;   /* of the next member, where a pax header gave it */
    bool has_size; /* it did */
    bool over;     /* at `at` there is no header: the end, or damage */
} nt_tar_walk;

/* The first n bytes of the tar, NT_TAR_BLOCK at least. NT_EFORMAT where it does not begin with
 * manifest.json, or more than 1 MiB follows its end. */
enum { NT_TAR_BLOCK = 512 };
nt_status nt_tar_walk_on(nt_tar_walk *w, const void *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
/* Are these the first bytes of a tar? */
bool nt_tar_begins(const void *bytes, size_t n);

#endif
