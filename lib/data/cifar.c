/* SPDX-License-Identifier: MIT */
/*
 * CIFAR-10 and CIFAR-100 (Krizhevsky 2009), the binary release, as the tar.gz that is
 * downloaded or unpacked: records of one label byte (CIFAR-100: coarse, then fine; the fine one
 * is used) and 32 x 32 pixels in three planes, red, green, blue.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "data/source.h"
#include "data/unpack.h"

#include <string.h>
#include <sys/stat.h>

#define SIDE 32
#define PLANE (SIDE * SIDE)
#define MAX_PARTS 5
#define MAX_PART_BYTES ((size_t)1 << 28)
#define NAMES MAX_PARTS /* the slot behind the parts holds the file of class names */

typedef struct release {
    const char *folder, *tarball, *names;
    int label_bytes, classes;
    const char *train[MAX_PARTS], *test[MAX_PARTS];
} release;

static const release cifar10 = {
    .folder = "cifar-10-batches-bin",
    .tarball = "cifar-10-binary.tar.gz",
    .names = "batches.meta.txt",
    .label_bytes = 1,
    .classes = 10,
    .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
              "data_batch_5.bin"},
    .test = {"test_batch.bin"},
};

static const release cifar100 = {
    .folder = "cifar-100-binary",
    .tarball = "cifar-100-binary.tar.gz",
    .names = "fine_label_names.txt",
    .label_bytes = 2,
    .classes = 100,
    .train = {"train.bin"},
    .test = {"test.bin"},
};

typedef struct part {
    const char *name; /* NULL: not of this split */
    char *bytes;
    size_t n;
} part;

/* ---- finding and reading the files */

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* path/middle/name, middle may be "". NULL when memory ran out. */
static char *join3(const char *path, const char *middle, const char *name)
{
    return nt_strfmt("%s%s%s/%s", path, *middle ? "/" : "", middle, name);
}

/* The tarball, or the folder of the files; nt_free. *out NULL: neither. */
static nt_status find_place(char **out, const release *r, const char *path, nt_err *e)
{
    const char *const inside[] = {"", r->folder};
    char *probe;
    bool found;

    *out = NULL;
    if (is_file(path))
        return (*out = nt_strdup(path)) ? NT_OK : nt_fail_nomem(e);
    for (int i = 0; i < 2; i++) {
        if (!(probe = join3(path, inside[i], r->test[0])))
            return nt_fail_nomem(e);
        found = is_file(probe);
        nt_free(probe);
        if (found)
            return (*out = nt_path_join(path, inside[i])) ? NT_OK : nt_fail_nomem(e);
    }
    if (!(probe = nt_path_join(path, r->tarball)))
        return nt_fail_nomem(e);
    if (is_file(probe))
        *out = probe;
    else
        nt_free(probe);
    return NT_OK;
}

static part *find_part(part *parts, const char *name)
{
    const char *slash = strrchr(name, '/');

    for (int i = 0; i <= NAMES; i++)
        if (parts[i].name && strcmp(parts[i].name, slash ? slash + 1 : name) == 0)
            return &parts[i];
    return NULL;
}

static bool want(void *ctx, const char *name, bool is_dir)
{
    return !is_dir && find_part(ctx, name);
}

static nt_status take(void *ctx, const char *name, bool is_dir, const uint8_t *bytes, size_t n,
                      nt_err *e)
{
    part *p = find_part(ctx, name);

    (void)is_dir;
    if (p->bytes)
        return nt_fail(e, NT_EFORMAT, "is there twice");
    if (!(p->bytes = nt_alloc(n + 1, 1)))
        return nt_fail_nomem(e);
    memcpy(p->bytes, bytes, n);
    p->bytes[n] = '\0';
    p->n = n;
    return NT_OK;
}

static nt_status read_folder(part *parts, const char *place, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i <= NAMES && s == NT_OK; i++) {
        char *path;

        if (!parts[i].name)
            continue;
        if (!(path = nt_path_join(place, parts[i].name)))
            return nt_fail_nomem(e);
        if (nt_path_exists(path)) {
            s = nt_file_read(&parts[i].bytes, &parts[i].n, path, MAX_PART_BYTES, e);
            if (s != NT_OK)
                nt_err_prefix(e, "%s", path);
        }
        nt_free(path);
    }
    return s;
}

/* ---- the records */

static nt_status check_part(const part *p, size_t record, const char *where, nt_err *e)
{
    if (!p->bytes)
        return nt_fail(e, NT_EFORMAT, "%s: %s is missing", where, p->name);
    if (p->n == 0 || p->n % record != 0)
        return nt_fail(e, NT_EFORMAT, "%s: %s: %zu bytes are no whole number of records of %zu",
                       where, p->name, p->n, record);
    return NT_OK;
}

/* Planes to pixels. */
static void interleave(uint8_t *to, const uint8_t *from)
{
    for (size_t i = 0; i < PLANE; i++)
        for (size_t k = 0; k < 3; k++)
            to[3 * i + k] = from[k * PLANE + i];
}

static nt_status add_records(nt_source *src, const release *r, const part *p, nt_err *e)
{
    size_t labels = (size_t)r->label_bytes, record = labels + 3 * PLANE;

    for (size_t at = 0; at < p->n; at += record) {
        const uint8_t *from = (const uint8_t *)p->bytes + at;

        if (from[labels - 1] >= r->classes)
            return nt_fail(e, NT_EFORMAT, "%s: %s: record %zu has label %d, want 0 to %d",
                           src->where, p->name, at / record, from[labels - 1], r->classes - 1);
        src->labels[src->count] = from[labels - 1];
        interleave(src->pixels + src->count * 3 * PLANE, from + labels);
        src->count++;
    }
    return NT_OK;
}

static nt_status fill(nt_source *src, const release *r, const part *parts, nt_err *e)
{
    size_t record = (size_t)r->label_bytes + 3 * PLANE, n = 0;
    nt_status s = NT_OK;

    for (const part *p = parts; p < parts + NAMES && p->name; p++) {
        NT_TRY(check_part(p, record, src->where, e));
        n += p->n / record;
    }
    src->h = src->w = SIDE;
    src->c = 3;
    src->classes = r->classes;
    src->labels = nt_arena_alloc(src->arena, n, sizeof *src->labels);
    src->pixels = nt_alloc(n, 3 * PLANE);
    if (!src->labels || !src->pixels)
        NT_TRY(nt_fail_nomem(e));
    for (const part *p = parts; p < parts + NAMES && p->name; p++)
        NT_TRY(add_records(src, r, p, e));
done:
    return s;
}

/* One name a line; without the file the classes have no names. */
static nt_status read_names(nt_source *src, const part *p, nt_err *e)
{
    const char **names;
    char *save = NULL;
    int64_t n = 0;

    if (!p->bytes)
        return NT_OK;
    if (!(names = nt_arena_alloc(src->arena, (size_t)src->classes, sizeof *names)))
        return nt_fail_nomem(e);
    for (char *t = strtok_r(p->bytes, "\r\n", &save); t; t = strtok_r(NULL, "\r\n", &save)) {
        if (n < src->classes && !(names[n] = nt_arena_strdup(src->arena, t)))
            return nt_fail_nomem(e);
        n++;
    }
    if (n != src->classes)
        return nt_fail(e, NT_EFORMAT, "%s: %s: %lld class names, want %lld", src->where,
                       p->name, (long long)n, (long long)src->classes);
    src->class_names = names;
    return NT_OK;
}

static nt_status open_release(nt_source *src, const release *r, const char *path,
                              const char *split, nt_err *e)
{
    static const nt_unpack_ops ops = {want, take};
    bool train = strcmp(split, "train") == 0;
    part parts[NAMES + 1] = {{0}};
    char *place = NULL;
    nt_status s;

    if (!train && strcmp(split, "test") != 0)
        return nt_fail(e, NT_EINVAL, "%s: no split '%.60s', the data set has train and test",
                       path, split);
    for (int i = 0; i < MAX_PARTS; i++)
        parts[i].name = train ? r->train[i] : r->test[i];
    parts[NAMES].name = r->names;
    NT_TRY(find_place(&place, r, path, e));
    if (!place)
        NT_TRY(nt_fail(e, NT_EIO, "%s: neither %s nor its files", path, r->tarball));
    if (!(src->where = nt_arena_strdup(src->arena, place)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(is_file(place) ? nt_unpack(place, MAX_PART_BYTES, &ops, parts, e)
                          : read_folder(parts, place, e));
    NT_TRY(fill(src, r, parts, e));
    NT_TRY(read_names(src, &parts[NAMES], e));
done:
    for (int i = 0; i <= NAMES; i++)
        nt_free(parts[i].bytes);
    nt_free(place);
    return s;
}

static nt_status list_release(cJSON *splits, const release *r, const char *path, nt_err *e)
{
    char *place;
    nt_status s = find_place(&place, r, path, e);

    if (s == NT_OK && place &&
        (!nt_json_add_object(splits, "train") || !nt_json_add_object(splits, "test")))
        s = nt_fail_nomem(e);
    nt_free(place);
    return s;
}

static nt_status list10(cJSON *splits, const char *path, nt_err *e)
{
    return list_release(splits, &cifar10, path, e);
}

static nt_status list100(cJSON *splits, const char *path, nt_err *e)
{
    return list_release(splits, &cifar100, path, e);
}

static nt_status open10(nt_source *src, const char *path, const char *split, nt_err *e)
{
    return open_release(src, &cifar10, path, split, e);
}

static nt_status open100(nt_source *src, const char *path, const char *split, nt_err *e)
{
    return open_release(src, &cifar100, path, split, e);
}

const nt_data_format nt_format_cifar10 = {.name = "cifar10", .list = list10, .open = open10};
const nt_data_format nt_format_cifar100 = {
    .name = "cifar100", .list = list100, .open = open100};
