/* SPDX-License-Identifier: MIT */
/* outfile.h - an output file appears whole, under its own name, or not at all. */
#ifndef NT_BASE_OUTFILE_H
#define NT_BASE_OUTFILE_H

#include "base/err.h"

#include <stddef.h>

typedef struct nt_outfile nt_outfile;

/* A temporary beside `path` (mode 0666 & ~umask, or the old file's mode); "-" is standard
 * output, written as it comes. A path that exists and is no regular file (a device, a fifo) is
 * written directly. A symbolic link is followed. All messages of this file begin with the path
 * ("standard output" for "-"). */
nt_status nt_outfile_open(nt_outfile **out, const char *path, nt_err *e) NT_MUST_CHECK;
nt_status nt_outfile_write(nt_outfile *f, const void *bytes, size_t n, nt_err *e) NT_MUST_CHECK;
/* fsync, close (checked), rename; frees f whatever happens. */
nt_status nt_outfile_commit(nt_outfile *f, nt_err *e) NT_MUST_CHECK;
/* Throws the temporary away and frees f; accepts NULL. */
void nt_outfile_abandon(nt_outfile *f);
/* All of the above in one. */
nt_status nt_outfile_save(const char *path, const void *bytes, size_t n,
                          nt_err *e) NT_MUST_CHECK;
/* Removes every live temporary; async-signal-safe, for the handler in cli/. */
void nt_outfile_unlink_all(void);

#endif
