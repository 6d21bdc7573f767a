/* SPDX-License-Identifier: MIT */
/* file.h - whole files in, safely joined paths. */
#ifndef NT_BASE_FILE_H
#define NT_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* All bytes of a file, or of standard input for "-"; one NUL follows that is not counted.
 * More than `max` bytes is NT_EFORMAT. nt_free(*out). The message holds no path: the caller
 * puts it in front. */
nt_status nt_file_read(char **out, size_t *n, const char *path, size_t max,
                       nt_err *e) NT_MUST_CHECK;
/* A regular file's descriptor (close) and size. Standard input ("-") and what is no regular file
 * have none: *fd is -1, and that is no failure. */
nt_status nt_file_open(int *fd, size_t *n, const char *path, nt_err *e) NT_MUST_CHECK;
/* The n bytes from `at` on; a file that ends before them is NT_EFORMAT. */
nt_status nt_file_read_at(void *out, size_t n, int fd, size_t at, nt_err *e) NT_MUST_CHECK;
/* dir/name; nt_free. NULL when memory ran out. */
char *nt_path_join(const char *dir, const char *name);
/* Is `name` relative, without "..", so that it stays inside its folder? */
bool nt_path_is_inside(const char *name);
bool nt_path_exists(const char *path);
/* mkdir -p. The message begins with the path of the folder that could not be made. */
nt_status nt_make_dirs(const char *path, nt_err *e) NT_MUST_CHECK;

#endif
