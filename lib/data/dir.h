/* SPDX-License-Identifier: MIT */
/* dir.h - what lies in a folder. */
#ifndef NT_DATA_DIR_H
#define NT_DATA_DIR_H

#include "base/err.h"

#include <stdbool.h>

bool nt_is_dir(const char *path);

typedef nt_status nt_entry_fn(void *ctx, const char *path, const char *name, nt_err *e);

/* Calls each for what is in a folder, sorted by name, hidden names left out. */
nt_status nt_dir_each(const char *path, void *ctx, nt_entry_fn *each, nt_err *e) NT_MUST_CHECK;

#endif
