/* SPDX-License-Identifier: MIT */
/* outfile.h - an output file appears whole, under its own name, or not at all. */
#ifndef NT_BASE_OUTFILE_H
#define NT_BASE_OUTFILE_H

#include "base/err.h"

#include <stdbool.h>
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
/*
 * What one command writes appears together, at its end, or not at all: while outputs are held,
 * commit leaves the file under its temporary name, and only nt_outfile_reveal gives all of them
 * theirs, in the order in which they were committed. Standard output and devices get what comes
 * at once. Of the process.
 */
/* Returns how it was. */
bool nt_outfile_hold(bool hold);
/* Renames what is held. The first that cannot be renamed is NT_EIO, and those after it are
 * gone. */
nt_status nt_outfile_reveal(nt_err *e) NT_MUST_CHECK;
/* Throws away what is held, and the folders that were made for it. */
void nt_outfile_drop(void);
/* Where the bytes lie that `path` will have: in a temporary that is held, else path itself.
 * Until the next reveal or drop. */
const char *nt_outfile_place(const char *path);
/* As nt_make_dirs; folders that are made while outputs are held go with what is dropped. */
nt_status nt_outfile_make_dirs(const char *path, nt_err *e) NT_MUST_CHECK;
/* Removes every live temporary; async-signal-safe, for the handler in cli/. */
void nt_outfile_unlink_all(void);

#endif
