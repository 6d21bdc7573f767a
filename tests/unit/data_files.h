/* SPDX-License-Identifier: MIT */
/* data_files.h - small data sets in a temporary folder, for the tests of lib/data. */
#ifndef NT_TESTS_UNIT_DATA_FILES_H
#define NT_TESTS_UNIT_DATA_FILES_H

#define _XOPEN_SOURCE 700 /* nftw: include this file first */

#include "base/alloc.h"
#include "base/file.h"
#include "base/outfile.h"
#include "data/data.h"
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PATH_BYTES 512

typedef struct temp_dir {
    char path[PATH_BYTES];
} temp_dir;

static inline temp_dir temp_dir_new(void)
{
    const char *base = getenv("TMPDIR");
    temp_dir d;

    snprintf(d.path, sizeof d.path, "%s/nt-test-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(d.path));
    return d;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

static inline void temp_dir_remove(const temp_dir *d)
{
    assert_int_equal(nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* dir/name, good until the next call but three. */
static inline const char *in_dir(const temp_dir *d, const char *name)
{
    static char paths[4][2 * PATH_BYTES];
    static int turn;
    char *p = paths[turn++ % 4];

    snprintf(p, sizeof paths[0], "%s/%s", d->path, name);
    return p;
}

/* Writes a file, its folders made as needed. */
static inline void put_file(const temp_dir *d, const char *name, const void *bytes, size_t n)
{
    char path[2 * PATH_BYTES];

    snprintf(path, sizeof path, "%s/%s", d->path, name);
    *strrchr(path, '/') = '\0';
    assert_ok(nt_make_dirs(path, e));
    assert_ok(nt_outfile_save(in_dir(d, name), bytes, n, e));
}

static inline void put_gzip(const temp_dir *d, const char *name, const void *bytes, size_t n)
{
    gzFile gz = gzopen(in_dir(d, name), "wb");

    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, bytes, (unsigned)n), n);
    assert_int_equal(gzclose(gz), Z_OK);
}

/* An idx file in memory: header, then the values value(i). */
static inline uint8_t *make_idx(size_t *n, int rank, const int *dims, uint8_t (*value)(size_t))
{
    size_t count = 1, head = 4 + 4 * (size_t)rank;
    uint8_t *p;

    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    p = nt_calloc(head + count, 1);
    assert_non_null(p);
    p[2] = 8;
    p[3] = (uint8_t)rank;
    for (int i = 0; i < rank; i++)
        for (int b = 0; b < 4; b++)
            p[4 + 4 * i + b] = (uint8_t)(dims[i] >> (24 - 8 * b));
    for (size_t i = 0; i < count; i++)
        p[head + i] = value(i);
    *n = head + count;
    return p;
}

static inline uint8_t idx_pixel(size_t i)
{
    return (uint8_t)(i * 7 % 251);
}

static inline uint8_t idx_label(size_t i)
{
    return (uint8_t)(i % 10);
}

/* n samples of h x w: pixel i of the whole file is idx_pixel(i), label i is idx_label(i). */
static inline void put_idx(const temp_dir *d, const char *stem, int n, int h, int w, bool gzip)
{
    void (*put)(const temp_dir *, const char *, const void *, size_t) =
        gzip ? put_gzip : put_file;
    const char *end = gzip ? ".gz" : "";
    char name[64];
    size_t bytes;
    uint8_t *p = make_idx(&bytes, 3, (int[]){n, h, w}, idx_pixel);

    snprintf(name, sizeof name, "%s-images-idx3-ubyte%s", stem, end);
    put(d, name, p, bytes);
    nt_free(p);
    p = make_idx(&bytes, 1, &n, idx_label);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte%s", stem, end);
    put(d, name, p, bytes);
    nt_free(p);
}

/* Opens a data set described by text with %s for the folder. */
static inline nt_dataset *open_data(const temp_dir *d, const char *format)
{
    nt_dataset *data = NULL;
    const char *at = strstr(format, "%s");
    char spec[4096];

    assert_non_null(at);
    snprintf(spec, sizeof spec, "%.*s%s%s", (int)(at - format), format, d->path, at + 2);
    assert_ok(nt_dataset_open(&data, spec, e));
    return data;
}

/* The same, expected to fail: checks the status and that the message has `part` in it. */
static inline void refuse_data(const temp_dir *d, const char *format, nt_status want,
                               const char *part)
{
    nt_dataset *data = NULL;
    const char *at = strstr(format, "%s");
    char spec[4096];
    nt_err err = {{0}};
    nt_status s;

    if (at)
        snprintf(spec, sizeof spec, "%.*s%s%s", (int)(at - format), format, d->path, at + 2);
    s = nt_dataset_open(&data, at ? spec : format, &err);
    if (s != want || !strstr(err.msg, part))
        fail_msg("%s: status %d '%s', want %d '%s'", format, s, err.msg, want, part);
    assert_null(data);
}

static inline nt_split *open_split(nt_dataset *d, const char *name)
{
    nt_split *s = NULL;

    assert_ok(nt_split_open(&s, d, name, e));
    return s;
}

static inline nt_loader *open_loader(nt_split *s, nt_loader_opts o)
{
    nt_loader *l = NULL;

    assert_ok(nt_loader_new(&l, s, &o, e));
    assert_ok(nt_loader_start(l, 0, 0, e));
    return l;
}

static inline const nt_batch *next_batch(nt_loader *l)
{
    const nt_batch *b = NULL;

    assert_ok(nt_loader_next(l, &b, e));
    return b;
}

/* A batch's pictures [n][c][h][w] have these extents. */
static inline void has_extents(const nt_batch *b, int64_t c, int64_t h, int64_t w)
{
    const nt_field *f = nt_batch_field(b, NT_FIELD_PICTURE);

    assert_non_null(f);
    assert_true(f->dtype == NT_F32 && f->rank == 4 && f->dims[0] == b->n);
    assert_true(f->dims[1] == c && f->dims[2] == h && f->dims[3] == w);
}

/* The label of sample i of a batch. */
static inline int32_t label_at(const nt_batch *b, int64_t i)
{
    const nt_field *f = nt_batch_field(b, NT_FIELD_LABEL);

    assert_non_null(f);
    assert_true(f->dtype == NT_I32 && f->rank == 1 && f->dims[0] == b->n && i < b->n);
    return ((const int32_t *)f->data)[i];
}

#endif
