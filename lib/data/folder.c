/* SPDX-License-Identifier: MIT */
/*
 * One folder per class: PATH/SPLIT/CLASS/NAME.jpg, or the same as PATH/SPLIT.tar[.gz|.zst] with
 * CLASS/NAME.jpg in it, whose files stay in memory as they are. Folders within a class belong
 * to it, as in torchvision's ImageFolder. Where there are no classes at all,
 * PATH/SPLIT/NAME.jpg or PATH/NAME.jpg, the pictures have no labels.
 *
 * A picture is what is named like one. None is left out in silence: one that cannot be read, or
 * that lies beside the classes, is refused or, where the description says so, skipped and
 * named; other files are counted.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "data/dir.h"
#include "data/folder.h"
#include "data/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_MEMBER ((size_t)1 << 28)
#define MAX_SAMPLES ((size_t)UINT32_MAX)

static const char *const tar_endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst"};
#define N_ENDINGS (sizeof tar_endings / sizeof *tar_endings)

enum { MAX_DEPTH = 16 /* a link may lead back to a folder above it */ };

static nt_status add(nt_finds *f, const char *class, const char *file, const uint8_t *bytes,
                     size_t n, nt_err *e)
{
    nt_found *t;

    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 1024;

        t = cap > MAX_SAMPLES ? NULL : nt_realloc(f->v, cap, sizeof *t);
        if (!t)
            return nt_fail_nomem(e);
        f->v = t;
        f->cap = cap;
    }
    t = &f->v[f->n];
    *t = (nt_found){.class = nt_arena_strdup(f->src->arena, class), .n = n};
    if (!t->class || (file && !(t->file = nt_arena_strdup(f->src->arena, file))) ||
        (bytes && !(t->bytes = nt_arena_dup(f->src->arena, bytes, n, 1))))
        return nt_fail_nomem(e);
    f->n++;
    return NT_OK;
}

/* A picture that cannot be a sample: refused, or left out. */
static nt_status leave(nt_finds *f, const char *class, const char *file, nt_status status,
                       nt_err *e)
{
    char *name = nt_strfmt("%s%s%s", class, *class ? "/" : "", file);
    nt_err why = {{0}};
    nt_status s = NT_OK;

    if (!name)
        return nt_fail_nomem(e);
    s = nt_fail(&why, status, "%s",
                status == NT_EUNSUPPORTED ? "a kind of picture that is not read"
                                          : "the file is empty");
    s = nt_source_leave(f->src, name, s, &why, e);
    nt_free(name);
    return s;
}

/* ---- on the disk */

/* Pictures of a class (those without one: ""), `within` from its folder on: "", "a", "a/b". */
typedef struct class_scan {
    nt_finds *finds;
    const char *class;
    const char *within;
    int depth;
} class_scan;

/* What the first bytes say of a file whose name is of a kind that is not read. */
static nt_picture look_into(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t magic[NT_PICTURE_MAGIC];
    size_t n = f ? fread(magic, 1, sizeof magic, f) : 0;

    if (f)
        fclose(f);
    return nt_picture_of(magic, n);
}

static nt_status scan_folder(const class_scan *c, const char *path, const char *within,
                             nt_err *e);

static nt_status scan_file(void *ctx, const char *path, const char *name, nt_err *e)
{
    const class_scan *c = ctx;
    nt_picture named = nt_picture_named(name);
    char *file = *c->within ? nt_path_join(c->within, name) : nt_strdup(name);
    char *whole = nt_path_join(path, name);
    nt_status s = NT_OK;

    if (!file || !whole)
        NT_TRY(nt_fail_nomem(e));
    if (named != NT_PICTURE_READ && nt_is_dir(whole))
        NT_TRY(scan_folder(c, whole, file, e));
    else if (named == NT_PICTURE_READ ||
             (named == NT_PICTURE_OTHER && look_into(whole) == NT_PICTURE_READ))
        NT_TRY(add(c->finds, c->class, file, NULL, 0, e));
    else if (named == NT_PICTURE_OTHER)
        NT_TRY(leave(c->finds, c->class, file, NT_EUNSUPPORTED, e));
    else
        c->finds->src->ignored++;
done:
    nt_free(file);
    nt_free(whole);
    return s;
}

static nt_status scan_folder(const class_scan *c, const char *path, const char *within,
                             nt_err *e)
{
    class_scan inner = {c->finds, c->class, within, c->depth + 1};

    if (inner.depth > MAX_DEPTH)
        return nt_fail(e, NT_EFORMAT, "%s: more than %d folders within each other", path,
                       MAX_DEPTH);
    return nt_dir_each(path, &inner, scan_file, e);
}

/* An entry of the split's folder: a class, or a picture without one. */
static nt_status scan_entry(void *ctx, const char *path, const char *name, nt_err *e)
{
    class_scan c = {ctx, name, "", 0}, loose = {ctx, "", "", 0};
    char *folder = nt_path_join(path, name);
    nt_status s = NT_OK;

    if (!folder)
        return nt_fail_nomem(e);
    if (nt_is_dir(folder)) {
        NT_TRY(add(c.finds, name, NULL, NULL, 0, e));
        NT_TRY(nt_dir_each(folder, &c, scan_file, e));
    } else {
        NT_TRY(scan_file(&loose, path, name, e));
    }
done:
    nt_free(folder);
    return s;
}

/* ---- in a tar */

/* The name behind an optional SPLIT/; NULL where it, or a folder on the way, is hidden. */
static const char *inner_name(const nt_finds *f, const char *name)
{
    size_t n = strlen(f->split);

    if (strncmp(name, f->split, n) == 0 && (name[n] == '/' || !name[n]))
        name += n + (name[n] == '/');
    return !*name || name[0] == '.' || name[0] == '/' || strstr(name, "/.") ? NULL : name;
}

static bool want(void *ctx, const char *name, bool dir)
{
    nt_finds *f = ctx;
    const char *inner = inner_name(f, name), *slash = inner ? strchr(inner, '/') : NULL;

    if (!inner || dir)
        return inner && !slash;
    if (nt_picture_named(inner) != NT_PICTURE_NONE)
        return true;
    f->src->ignored++;
    return false;
}

static nt_status take_file(nt_finds *f, const char *class, const char *file,
                           const uint8_t *bytes, size_t n, nt_err *e)
{
    if (n == 0)
        return leave(f, class, file, NT_EFORMAT, e);
    if (nt_picture_named(file) == NT_PICTURE_OTHER &&
        nt_picture_of(bytes, n) != NT_PICTURE_READ)
        return leave(f, class, file, NT_EUNSUPPORTED, e);
    return add(f, class, file, bytes, n, e);
}

static nt_status take(void *ctx, const char *name, bool dir, const uint8_t *bytes, size_t n,
                      nt_err *e)
{
    const char *inner = inner_name(ctx, name), *slash = strchr(inner, '/');
    nt_str class = {0};
    nt_status s;

    if (dir)
        return add(ctx, inner, NULL, NULL, 0, e);
    nt_str_addn(&class, inner, slash ? (size_t)(slash - inner) : 0);
    s = class.failed
            ? nt_fail_nomem(e)
            : take_file(ctx, class.p ? class.p : "", slash ? slash + 1 : inner, bytes, n, e);
    nt_str_release(&class);
    return s;
}

/* ---- the format */

static nt_status scan_tar(nt_source *src, nt_finds *f, const char *path, nt_err *e)
{
    static const nt_unpack_ops ops = {want, take};

    src->where = nt_arena_strdup(src->arena, path);
    return src->where ? nt_unpack(path, MAX_MEMBER, &ops, f, e) : nt_fail_nomem(e);
}

static nt_status scan_dir(nt_source *src, nt_finds *f, const char *path, nt_err *e)
{
    src->where = nt_arena_strdup(src->arena, path);
    return src->where ? nt_dir_each(path, f, scan_entry, e) : nt_fail_nomem(e);
}

/* *stem: how long the name is without the ending. */
static bool is_tar(const char *name, size_t *stem)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < N_ENDINGS; i++) {
        size_t end = strlen(tar_endings[i]);

        *stem = n - end;
        if (n > end && strcmp(name + n - end, tar_endings[i]) == 0)
            return true;
    }
    return false;
}

/* What a folder holds besides hidden entries and other files. */
typedef struct contents {
    bool splits, pictures;
} contents;

static nt_status look_at(void *ctx, const char *path, const char *name, nt_err *e)
{
    contents *c = ctx;
    char *whole = nt_path_join(path, name);
    size_t stem;

    if (!whole)
        return nt_fail_nomem(e);
    if (nt_is_dir(whole) || is_tar(name, &stem))
        c->splits = true;
    else if (nt_picture_named(name) == NT_PICTURE_READ)
        c->pictures = true;
    nt_free(whole);
    return NT_OK;
}

/* Pictures and nothing else: they are whatever split is asked for. */
static nt_status is_flat(bool *flat, const char *path, nt_err *e)
{
    contents c = {0};
    nt_status s = nt_dir_each(path, &c, look_at, e);

    *flat = s == NT_OK && c.pictures && !c.splits;
    return s;
}

static nt_status scan_split(nt_source *src, nt_finds *f, const char *path, const char *base,
                            nt_err *e)
{
    nt_status s = NT_OK;
    char *tar = NULL;
    bool flat;

    if (nt_is_dir(base))
        return scan_dir(src, f, base, e);
    for (size_t i = 0; i < N_ENDINGS; i++) {
        nt_free(tar);
        if (!(tar = nt_strfmt("%s%s", base, tar_endings[i])))
            NT_TRY(nt_fail_nomem(e));
        if (nt_path_exists(tar)) {
            NT_TRY(scan_tar(src, f, tar, e));
            goto done;
        }
    }
    NT_TRY(is_flat(&flat, path, e));
    if (flat)
        NT_TRY(scan_dir(src, f, path, e));
    else
        s = nt_fail(e, NT_EIO,
                    "%s: no such folder, nor a .tar, .tar.gz or .tar.zst of that name", base);
done:
    nt_free(tar);
    return s;
}

static nt_status open_split(nt_source *src, const char *path, const char *split, nt_err *e)
{
    nt_finds f = {.src = src, .split = split};
    char *base = NULL;
    nt_status s = NT_OK;

    if (!nt_path_is_inside(split))
        return nt_fail(e, NT_EINVAL, "split '%.60s' lies outside the data set's folder", split);
    if (!(base = nt_path_join(path, split)))
        return nt_fail_nomem(e);
    NT_TRY(scan_split(src, &f, path, base, e));
    NT_TRY(nt_finds_order(&f, e));
done:
    nt_free(f.v);
    nt_free(base);
    return s;
}

static nt_status list_entry(void *ctx, const char *path, const char *name, nt_err *e)
{
    nt_str split = {0};
    char *whole = nt_path_join(path, name);
    bool folder = whole && nt_is_dir(whole);
    size_t stem = strlen(name);
    nt_status s = NT_OK;

    nt_free(whole);
    if (!whole)
        return nt_fail_nomem(e);
    if (!folder && !is_tar(name, &stem))
        return NT_OK;
    nt_str_addn(&split, name, stem);
    if (split.failed ||
        (!cJSON_GetObjectItemCaseSensitive(ctx, split.p) && !nt_json_add_object(ctx, split.p)))
        s = nt_fail_nomem(e);
    nt_str_release(&split);
    return s;
}

/* A flat folder is what a tool takes unasked, for training or else for tests. */
static nt_status list(cJSON *splits, const char *path, nt_err *e)
{
    bool flat;
    nt_status s;

    if (!nt_is_dir(path))
        return nt_fail(e, NT_EIO, "%s: not a folder", path);
    NT_TRY(is_flat(&flat, path, e));
    if (flat && (!nt_json_add_object(splits, "test") || !nt_json_add_object(splits, "train")))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_dir_each(path, splits, list_entry, e));
done:
    return s;
}

const nt_data_format nt_format_folder = {.name = "folder", .list = list, .open = open_split};
