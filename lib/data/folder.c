/* SPDX-License-Identifier: MIT */
/*
 * One folder per class: PATH/SPLIT/CLASS/NAME.jpg, or the same as PATH/SPLIT.tar[.gz|.zst] with
 * CLASS/NAME.jpg in it, whose files stay in memory as they are. Classes are numbered by name;
 * an empty class folder keeps its number.
 *
 * The sample order must be fixed, and its beginning and end should hold every class, so that
 * splits can be cut from it: of a class with n pictures sorted by name, the r-th stands at
 * (2 r + 1) / 2 n of the whole.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"
#include "data/source.h"
#include "data/unpack.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_MEMBER ((size_t)1 << 28)
#define MAX_SAMPLES ((size_t)UINT32_MAX)

static const char *const tar_endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst"};
#define N_ENDINGS (sizeof tar_endings / sizeof *tar_endings)

/* A picture, or with file NULL a class folder. */
typedef struct found {
    const char *class, *file;
    const uint8_t *bytes;
    size_t n;
    int32_t label;
    uint64_t rank, of; /* among the pictures of its class */
} found;

typedef struct finds {
    nt_arena *arena;
    const char *split;
    found *v;
    size_t n, cap;
} finds;

static bool is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');

    return name[0] != '.' && dot &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ||
            strcasecmp(dot, ".png") == 0);
}

static nt_status add(finds *f, const char *class, const char *file, const uint8_t *bytes,
                     size_t n, nt_err *e)
{
    found *t;

    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 1024;

        t = cap > MAX_SAMPLES ? NULL : nt_realloc(f->v, cap, sizeof *t);
        if (!t)
            return nt_fail_nomem(e);
        f->v = t;
        f->cap = cap;
    }
    t = &f->v[f->n];
    *t = (found){.class = nt_arena_strdup(f->arena, class), .n = n};
    if (!t->class || (file && !(t->file = nt_arena_strdup(f->arena, file))) ||
        (bytes && !(t->bytes = nt_arena_dup(f->arena, bytes, n, 1))))
        return nt_fail_nomem(e);
    f->n++;
    return NT_OK;
}

/* ---- on the disk */

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

typedef nt_status each_fn(void *ctx, const char *path, const char *name, nt_err *e);

/* Calls each for what is in a folder, sorted by name, hidden names left out. */
static nt_status each_entry(const char *path, void *ctx, each_fn *each, nt_err *e)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, by_bytes);
    nt_status s = NT_OK;

    if (n < 0)
        return nt_fail_errno(e, "%s", path);
    for (int i = 0; i < n; i++) {
        if (s == NT_OK && entries[i]->d_name[0] != '.')
            s = each(ctx, path, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    return s;
}

typedef struct class_scan {
    finds *finds;
    const char *class;
} class_scan;

static nt_status scan_file(void *ctx, const char *path, const char *name, nt_err *e)
{
    class_scan *c = ctx;

    (void)path;
    return is_picture(name) ? add(c->finds, c->class, name, NULL, 0, e) : NT_OK;
}

static nt_status scan_class(void *ctx, const char *path, const char *name, nt_err *e)
{
    class_scan c = {ctx, name};
    char *folder = nt_path_join(path, name);
    nt_status s = NT_OK;

    if (!folder)
        return nt_fail_nomem(e);
    if (is_dir(folder)) {
        NT_TRY(add(c.finds, name, NULL, NULL, 0, e));
        NT_TRY(each_entry(folder, &c, scan_file, e));
    }
done:
    nt_free(folder);
    return s;
}

/* ---- in a tar */

/* CLASS or CLASS/FILE behind an optional SPLIT/; NULL for anything deeper or hidden. */
static const char *inner_name(const finds *f, const char *name)
{
    size_t n = strlen(f->split);
    const char *slash;

    if (strncmp(name, f->split, n) == 0 && (name[n] == '/' || !name[n]))
        name += n + (name[n] == '/');
    slash = strchr(name, '/');
    if (!*name || name[0] == '.' || name[0] == '/' || (slash && strchr(slash + 1, '/')))
        return NULL;
    return name;
}

static bool want(void *ctx, const char *name, bool dir)
{
    const char *inner = inner_name(ctx, name);
    const char *slash = inner ? strchr(inner, '/') : NULL;

    return dir ? inner && !slash : slash && is_picture(slash + 1);
}

static nt_status take(void *ctx, const char *name, bool dir, const uint8_t *bytes, size_t n,
                      nt_err *e)
{
    const char *inner = inner_name(ctx, name), *slash = strchr(inner, '/');
    nt_str class = {0};
    nt_status s;

    if (dir)
        return add(ctx, inner, NULL, NULL, 0, e);
    if (n == 0)
        return nt_fail(e, NT_EFORMAT, "the file is empty");
    nt_str_addn(&class, inner, (size_t)(slash - inner));
    s = class.failed ? nt_fail_nomem(e) : add(ctx, class.p, slash + 1, bytes, n, e);
    nt_str_release(&class);
    return s;
}

/* ---- in order */

/* A class folder stands before its pictures. */
static int by_name(const void *a, const void *b)
{
    const found *x = a, *y = b;
    int order = strcmp(x->class, y->class);

    if (order || !x->file || !y->file)
        return order ? order : !!x->file - !!y->file;
    return strcmp(x->file, y->file);
}

/* (2 r + 1) / of of one against the other's, crosswise; counts are below 2^32. */
static int by_share(const void *a, const void *b)
{
    const found *x = a, *y = b;
    uint64_t p = (2 * x->rank + 1) * y->of, q = (2 * y->rank + 1) * x->of;

    if (p != q)
        return p < q ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

/* From the finds sorted by name: labels, class names, ranks; class folders drop out. */
static nt_status number(finds *f, nt_source *src, nt_err *e)
{
    size_t kept = 0, classes = 0;

    src->class_names = nt_arena_alloc(f->arena, f->n, sizeof *src->class_names);
    if (!src->class_names)
        return nt_fail_nomem(e);
    for (size_t i = 0, end; i < f->n; i = end) {
        size_t first = kept;

        src->class_names[classes] = f->v[i].class;
        for (end = i; end < f->n && strcmp(f->v[end].class, f->v[i].class) == 0; end++) {
            found t = f->v[end];

            if (!t.file)
                continue;
            t.label = (int32_t)classes;
            t.rank = kept - first;
            if (t.rank > 0 && strcmp(f->v[kept - 1].file, t.file) == 0)
                return nt_fail(e, NT_EFORMAT, "%s: '%s/%s' is there twice", src->where, t.class,
                               t.file);
            f->v[kept++] = t;
        }
        for (size_t k = first; k < kept; k++)
            f->v[k].of = kept - first;
        classes++;
    }
    f->n = kept;
    src->classes = (int64_t)classes;
    return NT_OK;
}

static nt_status fill(nt_source *src, finds *f, nt_err *e)
{
    nt_status s = NT_OK;

    if (f->n > 0) {
        qsort(f->v, f->n, sizeof *f->v, by_name);
        NT_TRY(number(f, src, e));
    }
    if (f->n == 0)
        NT_TRY(
            nt_fail(e, NT_EFORMAT, "%s: no pictures, want CLASS/NAME.jpg or .png", src->where));
    qsort(f->v, f->n, sizeof *f->v, by_share);
    src->count = f->n;
    src->labels = nt_arena_alloc(src->arena, f->n, sizeof *src->labels);
    src->items = nt_arena_alloc(src->arena, f->n, sizeof *src->items);
    if (!src->labels || !src->items)
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < f->n; i++) {
        const found *t = &f->v[i];
        size_t n = strlen(t->class) + strlen(t->file) + 2;
        char *name = nt_arena_alloc(src->arena, n, 1);

        if (!name)
            NT_TRY(nt_fail_nomem(e));
        snprintf(name, n, "%s/%s", t->class, t->file);
        src->labels[i] = t->label;
        src->items[i] = (nt_encoded){name, t->bytes, t->n};
    }
done:
    return s;
}

/* ---- the format */

static nt_status scan_tar(nt_source *src, finds *f, const char *path, nt_err *e)
{
    static const nt_unpack_ops ops = {want, take};

    src->where = nt_arena_strdup(src->arena, path);
    return src->where ? nt_unpack(path, MAX_MEMBER, &ops, f, e) : nt_fail_nomem(e);
}

static nt_status scan_split(nt_source *src, finds *f, const char *base, nt_err *e)
{
    nt_status s = NT_OK;
    char *tar = NULL;

    if (is_dir(base)) {
        src->where = nt_arena_strdup(src->arena, base);
        return src->where ? each_entry(base, f, scan_class, e) : nt_fail_nomem(e);
    }
    for (size_t i = 0; i < N_ENDINGS; i++) {
        nt_free(tar);
        if (!(tar = nt_strfmt("%s%s", base, tar_endings[i])))
            NT_TRY(nt_fail_nomem(e));
        if (nt_path_exists(tar)) {
            NT_TRY(scan_tar(src, f, tar, e));
            goto done;
        }
    }
    s = nt_fail(e, NT_EIO, "%s: no such folder, nor a .tar, .tar.gz or .tar.zst of that name",
                base);
done:
    nt_free(tar);
    return s;
}

static nt_status open_split(nt_source *src, const char *path, const char *split, nt_err *e)
{
    finds f = {.arena = src->arena, .split = split};
    char *base = NULL;
    nt_status s = NT_OK;

    if (!nt_path_is_inside(split))
        return nt_fail(e, NT_EINVAL, "split '%.60s' lies outside the data set's folder", split);
    if (!(base = nt_path_join(path, split)))
        return nt_fail_nomem(e);
    NT_TRY(scan_split(src, &f, base, e));
    NT_TRY(fill(src, &f, e));
done:
    nt_free(f.v);
    nt_free(base);
    return s;
}

static nt_status list_entry(void *ctx, const char *path, const char *name, nt_err *e)
{
    nt_str split = {0};
    char *whole = nt_path_join(path, name);
    bool folder = whole && is_dir(whole), is_split = folder;
    nt_status s = NT_OK;

    nt_free(whole);
    nt_str_add(&split, name);
    if (!whole || split.failed)
        NT_TRY(nt_fail_nomem(e));
    for (size_t i = 0; i < N_ENDINGS && !is_split; i++) {
        size_t n = strlen(tar_endings[i]);

        is_split = split.n > n && strcmp(name + split.n - n, tar_endings[i]) == 0;
        if (is_split)
            split.p[split.n - n] = '\0';
    }
    if (is_split && !cJSON_GetObjectItemCaseSensitive(ctx, split.p) &&
        !nt_json_add_object(ctx, split.p))
        s = nt_fail_nomem(e);
done:
    nt_str_release(&split);
    return s;
}

static nt_status list(cJSON *splits, const char *path, nt_err *e)
{
    if (!is_dir(path))
        return nt_fail(e, NT_EIO, "%s: not a folder", path);
    return each_entry(path, splits, list_entry, e);
}

const nt_format nt_format_folder = {.name = "folder", .list = list, .open = open_split};
