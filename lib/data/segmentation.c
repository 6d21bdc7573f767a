/* SPDX-License-Identifier: MIT */
/*
 * Pictures and masks in two folders, which pair by name without its ending: SPLIT/images and
 * SPLIT/labels, SPLIT and SPLITannot, images/SPLIT and masks/SPLIT, or as a split's "pictures"
 * and "masks" say. A mask is a PNG of a palette or of grey; its numbers are the classes, and
 * "ignore_index" (255) is the one that counts nowhere.
 *
 * None is left out in silence: a picture without a mask, or a mask without a picture, is
 * refused or, where the description says so, skipped and named.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "data/dir.h"
#include "data/source.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES ((size_t)UINT32_MAX)
enum { IGNORED = 255 };

/* Before and behind the split's name. */
typedef struct place {
    const char *pictures[2], *masks[2];
} place;

static const place places[] = {
    {{"", "/images"}, {"", "/labels"}},
    {{"", ""}, {"", "annot"}},
    {{"images/", ""}, {"masks/", ""}},
};
#define N_PLACES (sizeof places / sizeof *places)

/* Files of one folder, by stem. */
typedef struct found {
    const char *name; /* in the folder */
    size_t stem;      /* its length */
} found;

typedef struct folder {
    nt_source *src;
    const char *name; /* within the data set */
    found *v;
    size_t n, cap;
} folder;

/* ---- where */

static char *folder_of(const char *const around[2], const char *split)
{
    return nt_strfmt("%s%s%s", around[0], split, around[1]);
}

static bool is_folder(const char *path, const char *name)
{
    char *whole = name ? nt_path_join(path, name) : NULL;
    bool is = whole && nt_is_dir(whole);

    nt_free(whole);
    return is;
}

static bool fits(const place *p, const char *path, const char *split)
{
    char *pictures = folder_of(p->pictures, split), *masks = folder_of(p->masks, split);
    bool ok = is_folder(path, pictures) && is_folder(path, masks);

    nt_free(pictures);
    nt_free(masks);
    return ok;
}

typedef struct listing {
    cJSON *splits;
    const char *path;
} listing;

/* A folder of the name of a split. */
static nt_status list_entry(void *ctx, const char *path, const char *name, nt_err *e)
{
    const listing *l = ctx;

    (void)path;
    for (size_t i = 0; i < N_PLACES; i++)
        if (fits(&places[i], l->path, name) &&
            !cJSON_GetObjectItemCaseSensitive(l->splits, name) &&
            !nt_json_add_object(l->splits, name))
            return nt_fail_nomem(e);
    return NT_OK;
}

static nt_status list(cJSON *splits, const char *path, nt_err *e)
{
    listing l = {splits, path};
    char *images = nt_path_join(path, "images");
    nt_status s = NT_OK;

    if (!images)
        return nt_fail_nomem(e);
    if (!nt_is_dir(path))
        NT_TRY(nt_fail(e, NT_EIO, "%s: not a folder", path));
    NT_TRY(nt_dir_each(path, &l, list_entry, e));
    if (nt_is_dir(images))
        NT_TRY(nt_dir_each(images, &l, list_entry, e));
done:
    nt_free(images);
    return s;
}

/* The split's two folders, in the arena. */
static nt_status find_folders(folder *pictures, folder *masks, const char *path,
                              const char *split, nt_err *e)
{
    nt_source *src = pictures->src;
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(src->json, "splits");
    const cJSON *own = cJSON_GetObjectItemCaseSensitive(all, split);
    char *text[2] = {NULL, NULL};
    size_t i = 0;
    nt_status s = NT_OK;

    NT_TRY(nt_json_get_str(&pictures->name, own, "pictures", split, e));
    NT_TRY(nt_json_get_str(&masks->name, own, "masks", split, e));
    if (!pictures->name != !masks->name)
        NT_TRY(nt_fail(e, NT_EINVAL, "splits.%.60s: want \"pictures\" and \"masks\"", split));
    if (pictures->name)
        goto done;
    while (i < N_PLACES && !fits(&places[i], path, split))
        i++;
    if (i == N_PLACES)
        NT_TRY(nt_fail(e, NT_EIO,
                       "%s: no folders of split '%.60s': want SPLIT/images and SPLIT/labels, "
                       "SPLIT and SPLITannot, or images/SPLIT and masks/SPLIT",
                       path, split));
    text[0] = folder_of(places[i].pictures, split);
    text[1] = folder_of(places[i].masks, split);
    if (!text[0] || !text[1] || !(pictures->name = nt_arena_strdup(src->arena, text[0])) ||
        !(masks->name = nt_arena_strdup(src->arena, text[1])))
        NT_TRY(nt_fail_nomem(e));
done:
    nt_free(text[0]);
    nt_free(text[1]);
    return s;
}

/* ---- what */

static nt_status take_file(void *ctx, const char *path, const char *name, nt_err *e)
{
    folder *f = ctx;
    const char *dot = strrchr(name, '.');
    found *grown;

    (void)path;
    if (nt_picture_named(name) != NT_PICTURE_READ) {
        f->src->ignored++;
        return NT_OK;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 1024;

        if (cap > MAX_SAMPLES || !(grown = nt_realloc(f->v, cap, sizeof *grown)))
            return nt_fail_nomem(e);
        f->v = grown;
        f->cap = cap;
    }
    f->v[f->n].stem = (size_t)(dot - name);
    f->v[f->n].name = nt_arena_strdup(f->src->arena, name);
    return f->v[f->n++].name ? NT_OK : nt_fail_nomem(e);
}

static int by_stem(const void *a, const void *b)
{
    const found *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->stem < y->stem ? x->stem : y->stem);

    return order ? order : (x->stem > y->stem) - (x->stem < y->stem);
}

static nt_status scan(folder *f, const char *path, nt_err *e)
{
    char *whole = nt_path_join(path, f->name);
    nt_status s = NT_OK;

    if (!whole)
        return nt_fail_nomem(e);
    NT_TRY(nt_dir_each(whole, f, take_file, e));
    if (f->n > 0)
        qsort(f->v, f->n, sizeof *f->v, by_stem);
    for (size_t i = 1; i < f->n; i++)
        if (by_stem(&f->v[i - 1], &f->v[i]) == 0)
            NT_TRY(nt_fail(e, NT_EFORMAT, "%s: '%.*s' is there twice", whole, (int)f->v[i].stem,
                           f->v[i].name));
done:
    nt_free(whole);
    return s;
}

/* ---- pairs */

static const char *name_in(const folder *f, size_t i)
{
    char *name = nt_path_join(f->name, f->v[i].name);
    const char *kept = name ? nt_arena_strdup(f->src->arena, name) : NULL;

    nt_free(name);
    return kept;
}

static nt_status leave(const folder *f, size_t i, const char *what, const folder *other,
                       nt_err *e)
{
    const char *name = name_in(f, i);
    nt_err why = {{0}};
    nt_status s =
        nt_fail(&why, NT_EFORMAT, "there is no %s of its name in %s", what, other->name);

    return name ? nt_source_leave(f->src, name, s, &why, e) : nt_fail_nomem(e);
}

static nt_status add_pair(const folder *pictures, size_t i, const folder *masks, size_t j,
                          nt_err *e)
{
    nt_source *src = pictures->src;

    src->items[src->count].name = name_in(pictures, i);
    src->masks[src->count].name = name_in(masks, j);
    if (!src->items[src->count].name || !src->masks[src->count].name)
        return nt_fail_nomem(e);
    src->count++;
    return NT_OK;
}

/* Both sorted by stem. */
static nt_status pair(const folder *pictures, const folder *masks, nt_err *e)
{
    nt_source *src = pictures->src;
    size_t i = 0, j = 0;
    nt_status s = NT_OK;

    src->items = nt_arena_alloc(src->arena, pictures->n + 1, sizeof *src->items);
    src->masks = nt_arena_alloc(src->arena, pictures->n + 1, sizeof *src->masks);
    if (!src->items || !src->masks)
        return nt_fail_nomem(e);
    while ((i < pictures->n || j < masks->n) && s == NT_OK) {
        int order = i == pictures->n ? 1
                    : j == masks->n  ? -1
                                     : by_stem(&pictures->v[i], &masks->v[j]);

        if (order == 0)
            s = add_pair(pictures, i++, masks, j++, e);
        else
            s = order < 0 ? leave(pictures, i++, "mask", masks, e)
                          : leave(masks, j++, "picture", pictures, e);
    }
    if (s == NT_OK && src->count == 0)
        s = nt_fail(e, NT_EFORMAT, "%s: no pictures in %s with a mask in %s", src->where,
                    pictures->name, masks->name);
    return s;
}

static nt_status add_mask(nt_source *src, nt_err *e)
{
    nt_stored mask = {.field = {.name = NT_FIELD_MASK,
                                .role = NT_ROLE_MASK,
                                .dtype = NT_I32,
                                .rank = 3,
                                .dims = {-1, -1, -1},
                                .ignores = true}};
    int64_t ignored = IGNORED;
    nt_status s = NT_OK;

    if (src->json)
        NT_TRY(nt_json_get_i64(&ignored, src->json, "ignore_index", (nt_bounds){0, UINT8_MAX},
                               "", e));
    mask.field.ignored = (int32_t)ignored;
    NT_TRY(nt_source_add_field(src, mask, e));
done:
    return s;
}

static nt_status open_split(nt_source *src, const char *path, const char *split, nt_err *e)
{
    folder pictures = {.src = src}, masks = {.src = src};
    nt_status s = NT_OK;

    if (!nt_path_is_inside(split))
        return nt_fail(e, NT_EINVAL, "split '%.60s' lies outside the data set's folder", split);
    if (!(src->where = nt_arena_strdup(src->arena, path)))
        return nt_fail_nomem(e);
    NT_TRY(nt_source_read_classes(src, e));
    NT_TRY(find_folders(&pictures, &masks, path, split, e));
    NT_TRY(scan(&pictures, path, e));
    NT_TRY(scan(&masks, path, e));
    NT_TRY(pair(&pictures, &masks, e));
    NT_TRY(add_mask(src, e));
done:
    nt_free(pictures.v);
    nt_free(masks.v);
    return s;
}

static const char *const keys[] = {"classes", "ignore_index", NULL};
static const char *const split_keys[] = {"pictures", "masks", NULL};

const nt_data_format nt_format_segmentation = {.name = "segmentation",
                                               .keys = keys,
                                               .split_keys = split_keys,
                                               .list = list,
                                               .open = open_split};
