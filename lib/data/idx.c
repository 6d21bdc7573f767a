/* SPDX-License-Identifier: MIT */
/*
 * The idx format of MNIST and its family (http://yann.lecun.com/exdb/mnist/): big-endian magic
 * 0, 0, type, rank, one 32-bit extent per dimension, then the values; images and labels in
 * separate files, plain or gzip. Labels are read at once, images when they are needed.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "data/source.h"

#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define TYPE_U8 0x08
#define MAX_RANK 3
#define MAX_SAMPLES 100000000
#define GZIP_MAX_RATIO 1040 /* deflate packs no better than 1032 to 1 */

typedef struct idx_file {
    gzFile gz;
    int64_t dims[MAX_RANK];
    size_t bytes; /* of the values */
} idx_file;

/* PATH/train-labels-idx1-ubyte.gz and the spellings in use; nt_free. *out is NULL when there is
 * none. */
static nt_status find_file(char **out, const char *path, const char *split, const char *what,
                           int rank, nt_err *e)
{
    static const char *const separators[] = {"-", "."}, *const endings[] = {"", ".gz"};
    const char *stem = strcmp(split, "test") == 0 ? "t10k" : "train";
    char *name = NULL;

    *out = NULL;
    if (strcmp(split, "train") != 0 && strcmp(split, "test") != 0)
        return NT_OK;
    for (int i = 0; i < 4; i++) {
        nt_free(name);
        name = nt_strfmt("%s/%s-%s%sidx%d-ubyte%s", path, stem, what, separators[i / 2], rank,
                         endings[i % 2]);
        if (!name)
            return nt_fail_nomem(e);
        if (nt_path_exists(name)) {
            *out = name;
            return NT_OK;
        }
    }
    nt_free(name);
    return NT_OK;
}

static nt_status list(cJSON *splits, const char *path, nt_err *e)
{
    static const char *const names[] = {"train", "test"};

    for (int i = 0; i < 2; i++) {
        char *file;
        nt_status s = find_file(&file, path, names[i], "labels", 1, e);
        bool there = file != NULL;

        if (s != NT_OK)
            return s;
        nt_free(file);
        if (there && !nt_json_add_object(splits, names[i]))
            return nt_fail_nomem(e);
    }
    return NT_OK;
}

/* Exactly n bytes: zlib reports a cut or damaged stream here or, at its end, in read_end. */
static nt_status read_bytes(gzFile gz, void *to, size_t n, nt_err *e)
{
    int code;

    for (size_t done = 0; done < n;) {
        unsigned want = n - done < 1 << 20 ? (unsigned)(n - done) : 1 << 20;
        int got = gzread(gz, (char *)to + done, want);

        if (got < 0)
            return nt_fail(e, NT_EFORMAT, "damaged: %s", gzerror(gz, &code));
        if (got == 0)
            return nt_fail(e, NT_EFORMAT, "cut short: %zu of %zu bytes are missing", n - done,
                           n);
        done += (size_t)got;
    }
    return NT_OK;
}

static nt_status read_end(gzFile gz, nt_err *e)
{
    char byte;
    int code, got = gzread(gz, &byte, 1);

    if (got < 0)
        return nt_fail(e, NT_EFORMAT, "damaged: %s", gzerror(gz, &code));
    if (got > 0)
        return nt_fail(e, NT_EFORMAT, "longer than its header says");
    gzerror(gz, &code);
    return code == Z_OK || code == Z_STREAM_END
               ? NT_OK
               : nt_fail(e, NT_EFORMAT, "cut short: the end of the gzip stream is missing");
}

static void close_idx(idx_file *f)
{
    if (f->gz)
        gzclose(f->gz);
    f->gz = NULL;
}

static nt_status read_header(idx_file *f, int rank, nt_err *e)
{
    unsigned char head[4 + 4 * MAX_RANK];
    int64_t count = 1;
    nt_status s;

    NT_TRY(read_bytes(f->gz, head, 4, e));
    if (head[0] || head[1] || head[2] != TYPE_U8 || head[3] != rank)
        NT_TRY(nt_fail(e, NT_EFORMAT, "begins with %02x%02x%02x%02x, want %08x", head[0],
                       head[1], head[2], head[3], TYPE_U8 << 8 | rank));
    NT_TRY(read_bytes(f->gz, head + 4, 4 * (size_t)rank, e));
    for (int i = 0; i < rank; i++) {
        const unsigned char *p = head + 4 + 4 * i;
        int64_t most = i == 0 ? MAX_SAMPLES : NT_IMAGE_MAX_SIDE;

        f->dims[i] = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        if (f->dims[i] < 1 || f->dims[i] > most || !nt_i64_mul(&count, count, f->dims[i]))
            NT_TRY(nt_fail(e, NT_EFORMAT, "dimension %d is %lld, want 1 to %lld", i,
                           (long long)f->dims[i], (long long)most));
    }
    f->bytes = (size_t)count;
done:
    return s;
}

/* The header is believed only as far as the file could hold what it says. */
static nt_status open_idx(idx_file *f, const char *path, int rank, nt_err *e)
{
    struct stat st;
    nt_status s;

    *f = (idx_file){0};
    if (stat(path, &st) != 0 || !(f->gz = gzopen(path, "rb")))
        return nt_fail_errno(e, "cannot open");
    NT_TRY(read_header(f, rank, e));
    if ((uintmax_t)f->bytes / GZIP_MAX_RATIO > (uintmax_t)st.st_size)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the header promises %zu bytes, but the file has %jd",
                       f->bytes, (intmax_t)st.st_size));
done:
    if (s != NT_OK)
        close_idx(f);
    return s;
}

static nt_status read_labels(nt_source *src, const char *path, nt_err *e)
{
    idx_file f;
    uint8_t *bytes = NULL;
    nt_status s;

    NT_TRY(open_idx(&f, path, 1, e));
    src->count = (size_t)f.dims[0];
    src->labels = nt_arena_alloc(src->arena, src->count, sizeof *src->labels);
    bytes = nt_alloc(src->count, 1);
    if (!src->labels || !bytes)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_bytes(f.gz, bytes, src->count, e));
    NT_TRY(read_end(f.gz, e));
    for (size_t i = 0; i < src->count; i++) {
        src->labels[i] = bytes[i];
        if (bytes[i] >= src->classes)
            src->classes = bytes[i] + 1;
    }
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    close_idx(&f);
    nt_free(bytes);
    return s;
}

static nt_status read_image_header(nt_source *src, const char *path, nt_err *e)
{
    idx_file f;
    nt_status s;

    NT_TRY(open_idx(&f, path, MAX_RANK, e));
    src->h = (int)f.dims[1];
    src->w = (int)f.dims[2];
    src->c = 1;
    if ((size_t)f.dims[0] != src->count)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%lld images, but there are %zu labels",
                       (long long)f.dims[0], src->count));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    close_idx(&f);
    return s;
}

static nt_status open_split(nt_source *src, const char *path, const char *split, nt_err *e)
{
    char *labels = NULL, *images = NULL;
    nt_status s;

    NT_TRY(find_file(&labels, path, split, "labels", 1, e));
    NT_TRY(find_file(&images, path, split, "images", MAX_RANK, e));
    if (!labels || !images)
        NT_TRY(nt_fail(e, NT_EIO,
                       "%s: no split '%s': want train-* or t10k-* (for test) "
                       "images-idx3-ubyte and labels-idx1-ubyte, plain or .gz",
                       path, split));
    if (!(src->where = nt_arena_strdup(src->arena, images)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_labels(src, labels, e));
    NT_TRY(read_image_header(src, images, e));
done:
    nt_free(labels);
    nt_free(images);
    return s;
}

static nt_status load(nt_source *src, nt_err *e)
{
    idx_file f;
    nt_status s;

    NT_TRY(open_idx(&f, src->where, MAX_RANK, e));
    if ((size_t)f.dims[0] != src->count || f.dims[1] != src->h || f.dims[2] != src->w)
        NT_TRY(nt_fail(e, NT_EFORMAT, "changed while it was in use"));
    src->pixels = nt_alloc(f.bytes, 1);
    if (!src->pixels)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(read_bytes(f.gz, src->pixels, f.bytes, e));
    NT_TRY(read_end(f.gz, e));
done:
    if (s != NT_OK) {
        nt_err_prefix(e, "%s", src->where);
        nt_free(src->pixels);
        src->pixels = NULL;
    }
    close_idx(&f);
    return s;
}

const nt_data_format nt_format_idx = {
    .name = "idx", .list = list, .open = open_split, .load = load};
