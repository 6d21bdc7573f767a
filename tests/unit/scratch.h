/* SPDX-License-Identifier: MIT */
/* scratch.h - a folder of its own for a test that writes files. */
#ifndef NT_TESTS_UNIT_SCRATCH_H
#define NT_TESTS_UNIT_SCRATCH_H

#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct scratch {
    char dir[512];
    char path[800]; /* the last one scratch_path gave */
} scratch;

static inline void scratch_open(scratch *t)
{
    const char *base = getenv("TMPDIR");

    snprintf(t->dir, sizeof t->dir, "%s/nt-test-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(t->dir));
}

/* The path of a file in the folder; good until the next call. */
static inline const char *scratch_path(scratch *t, const char *name)
{
    snprintf(t->path, sizeof t->path, "%s/%s", t->dir, name);
    return t->path;
}

static inline int scratch_count(const scratch *t)
{
    DIR *d = opendir(t->dir);
    int n = -2; /* "." and ".." */

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Removes the folder and the files in it. */
static inline void scratch_close(scratch *t)
{
    DIR *d = opendir(t->dir);

    assert_non_null(d);
    for (struct dirent *f = readdir(d); f; f = readdir(d))
        unlink(scratch_path(t, f->d_name));
    closedir(d);
    assert_int_equal(rmdir(t->dir), 0);
}

#endif
