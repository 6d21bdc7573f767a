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
/* Asked what it makes of a file's beginning: of the first block, before more memory is taken,
 * and of what is no regular file each time twice as much has come. A failure ends the reading.
 */
typedef struct nt_file_watch {
    nt_status (*look)(void *ctx, const char *bytes, size_t n, nt_err *e);
    void *ctx;
} nt_file_watch;

/* As nt_file_read, watched, so that endless input which cannot be what is wanted ends soon. */
nt_status nt_file_read_watched(char **out, size_t *n, const char *path, size_t max,
                               const nt_file_watch *watch, nt_err *e) NT_MUST_CHECK;
/* The same of an open file, whose first *n bytes stand in *out already (of nt_alloc, with room
 * for NT_FILE_BLOCK and one NUL: taken, also on failure). watch may be NULL. */
enum { NT_FILE_BLOCK = 1 << 16 };
nt_status nt_file_read_rest(char **out, size_t *n, int fd, size_t max,
                            const nt_file_watch *watch, nt_err *e) NT_MUST_CHECK;
/* The bytes up to n that come; fewer only at the end. */
nt_status nt_file_read_block(size_t *got, int fd, char *p, size_t n, nt_err *e) NT_MUST_CHECK;
/* Opens for reading; "-" is standard input, which nt_file_close leaves open. */
nt_status nt_file_open_input(int *fd, const char *path, nt_err *e) NT_MUST_CHECK;
void nt_file_close(int fd);
/* A regular file's descriptor (close) and size. Standard input ("-") and what is no regular
 * file have none: *fd is -1, and that is no failure. */
nt_status nt_file_open(int *fd, size_t *n, const char *path, nt_err *e) NT_MUST_CHECK;
/* The n bytes from `at` on; a file that ends before them is NT_EFORMAT. */
nt_status nt_file_read_at(void *out, size_t n, int fd, size_t at, nt_err *e) NT_MUST_CHECK;
/* dir/name; nt_free. NULL when memory ran out. */
char *nt_path_join(const char *dir, const char *name);
/* Is `name` relative, without "..", so that it stays inside its folder? */
bool nt_path_is_inside(const char *name);
bool nt_path_exists(const char *path);
typedef nt_status nt_dir_fn(const char *path, nt_err *e);
/* One folder, which may be there. */
nt_status nt_make_dir(const char *path, nt_err *e) NT_MUST_CHECK;
/* make(): of all folders above path, the uppermost first, and of path. */
nt_status nt_walk_dirs(const char *path, nt_dir_fn *make, nt_err *e) NT_MUST_CHECK;
/* mkdir -p. The message begins with the path of the folder that could not be made. */
nt_status nt_make_dirs(const char *path, nt_err *e) NT_MUST_CHECK;
/* Removes the folder and all that is in it, as far as it can; links are not followed. */
void nt_remove_tree(const char *path);

#endif
