/* SPDX-License-Identifier: MIT */
/* unpack.h - the members of a tar (plain, gzip, bzip2, xz or zstd), by libarchive. */
#ifndef NT_DATA_UNPACK_H
#define NT_DATA_UNPACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to do with the members. Names come without a leading "./" or a trailing slash. */
typedef struct nt_unpack_ops {
    /* Only what is wanted is read. */
    bool (*want)(void *ctx, const char *name, bool is_dir);
    /* The bytes are borrowed for the call; a folder has none. */
    nt_status (*take)(void *ctx, const char *name, bool is_dir, const uint8_t *bytes, size_t n,
                      nt_err *e);
} nt_unpack_ops;

/* Links, devices and the like are passed over. A member of more than max_bytes is NT_EFORMAT,
 * as is a damaged or cut archive. Messages begin with the path. */
nt_status nt_unpack(const char *path, size_t max_bytes, const nt_unpack_ops *ops, void *ctx,
                    nt_err *e) NT_MUST_CHECK;

#endif
