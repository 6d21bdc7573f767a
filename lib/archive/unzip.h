/* SPDX-License-Identifier: MIT */
/* unzip.h - the members of a ZIP file in memory (.npz), one after the other. */
#ifndef NT_ARCHIVE_UNZIP_H
#define NT_ARCHIVE_UNZIP_H

#include "base/err.h"

#include <stddef.h>

/* Gets each regular member in file order; its bytes are borrowed for the call. */
typedef nt_status (*nt_unzip_fn)(void *data, const char *name, const void *bytes, size_t n,
                                 nt_err *e);

/* Stops at the first failure. What the members together unpack to is bounded by a multiple of
 * the file, so that a small file cannot fill the memory. Messages name the member. */
nt_status nt_unzip(const void *bytes, size_t n, nt_unzip_fn fn, void *data,
                   nt_err *e) NT_MUST_CHECK;

#endif
