/* SPDX-License-Identifier: MIT */
#include "data/source.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1 << 28)
#define CACHE_BYTES ((size_t)1 << 30)

/* ---- classes, as a description says them */

#define MAX_CLASSES 65536

nt_status nt_source_read_classes(nt_source *src, nt_err *e)
{
    const cJSON *j = cJSON_GetObjectItemCaseSensitive(src->json, "classes");
    int n = cJSON_IsArray(j) ? cJSON_GetArraySize(j) : 0;
    const char **names;

    if (!j)
        return NT_OK;
    if (!cJSON_IsArray(j))
        return nt_json_get_i64(&src->classes, src->json, "classes", (nt_bounds){1, MAX_CLASSES},
                               "", e);
    if (n < 1 || n > MAX_CLASSES)
        return nt_fail(e, NT_EINVAL, "classes: want a number, or 1 to %d names", MAX_CLASSES);
    if (!(names = nt_arena_alloc(src->arena, (size_t)n, sizeof *names)))
        return nt_fail_nomem(e);
    for (const cJSON *c = j->child; c; c = c->next) {
        if (!cJSON_IsString(c))
            return nt_fail(e, NT_EINVAL, "classes: want a number, or an array of names");
        names[src->classes++] = c->valuestring;
    }
    src->class_names = names;
    return NT_OK;
}

/* ---- fields */

static int64_t longest(const size_t *row, size_t count)
{
    size_t most = 0;

    for (size_t i = 0; i < count; i++)
        if (row[i + 1] - row[i] > most)
            most = row[i + 1] - row[i];
    return (int64_t)most;
}

static bool has_rows(const nt_source *src, const size_t *row)
{
    for (size_t i = 0; i < src->n_stored; i++)
        if (src->stored[i].row == row)
            return true;
    return false;
}

static nt_status append(nt_source *src, nt_stored f, nt_err *e)
{
    if (src->n_stored == NT_MAX_FIELDS)
        return nt_fail(e, NT_EFORMAT, "%s: more than %d fields", src->where, NT_MAX_FIELDS);
    f.field.dims[0] = -1;
    src->stored[src->n_stored++] = f;
    return NT_OK;
}

nt_status nt_source_add_field(nt_source *src, nt_stored f, nt_err *e)
{
    size_t bytes = strlen(f.field.name) + sizeof ".count";
    nt_field counts = {.role = NT_ROLE_COUNT, .dtype = NT_I32, .rank = 1};
    bool first = f.row && !has_rows(src, f.row);
    char *name;
    nt_status s = NT_OK;

    if (f.row) /* a tensor without elements is of no use to a network */
        f.field.dims[1] = longest(f.row, src->count) > 0 ? longest(f.row, src->count) : 1;
    NT_TRY(append(src, f, e));
    if (!first)
        return NT_OK;
    if (!(name = nt_arena_alloc(src->arena, bytes, 1)))
        return nt_fail_nomem(e);
    snprintf(name, bytes, "%s.count", f.field.name);
    counts.name = name;
    s = append(src, (nt_stored){counts, NULL, f.row}, e);
done:
    return s;
}

/* What every format has, before what is its own: the picture, and a label where there are
 * classes. */
static nt_status add_common(nt_source *src, nt_err *e)
{
    nt_field picture = {.name = NT_FIELD_PICTURE,
                        .role = NT_ROLE_PICTURE,
                        .dtype = NT_F32,
                        .rank = 4,
                        .dims = {-1, -1, -1, -1}};
    nt_field label = {
        .name = NT_FIELD_LABEL, .role = NT_ROLE_LABEL, .dtype = NT_I32, .rank = 1};
    nt_stored own[NT_MAX_FIELDS];
    size_t n = src->n_stored;
    nt_status s = NT_OK;

    memcpy(own, src->stored, n * sizeof *own);
    src->n_stored = 0;
    NT_TRY(append(src, (nt_stored){.field = picture}, e));
    if (src->labels && src->classes > 0)
        NT_TRY(append(src, (nt_stored){label, src->labels, NULL}, e));
    for (size_t i = 0; i < n; i++)
        NT_TRY(append(src, own[i], e));
done:
    return s;
}

nt_status nt_source_open(nt_source **out, const nt_source_from *from, nt_err *e)
{
    nt_status s = NT_OK;
    nt_source *src = nt_calloc(1, sizeof *src);

    if (!src || !(src->arena = nt_arena_new()))
        NT_TRY(nt_fail_nomem(e));
    src->format = from->format;
    src->json = from->json;
    src->skip = from->skip;
    NT_TRY(src->format->open(src, from->path, from->split, e));
    NT_TRY(add_common(src, e));
    if (src->skip && src->items && !(src->bad = nt_calloc(src->count, sizeof *src->bad)))
        NT_TRY(nt_fail_nomem(e));
    *out = src;
    src = NULL;
done:
    nt_source_free(src);
    return s;
}

static void free_cached(nt_image *im)
{
    if (im)
        nt_image_release(im);
    nt_free(im);
}

void nt_source_free(nt_source *src)
{
    if (!src)
        return;
    for (size_t i = 0; src->cache && i < src->count; i++)
        free_cached(atomic_load_explicit(&src->cache[i], memory_order_relaxed));
    for (size_t i = 0; src->bad && i < src->count; i++)
        nt_free(atomic_load_explicit(&src->bad[i], memory_order_relaxed));
    nt_free(src->bad);
    nt_free(src->left);
    nt_free(src->cache);
    nt_free(src->pixels);
    nt_arena_free(src->arena);
    nt_free(src);
}

void nt_source_prefix(const nt_source *src, size_t i, nt_err *e)
{
    if (src->items)
        nt_err_prefix(e, "%s: %s", src->where, src->items[i].name);
    else
        nt_err_prefix(e, "%s: sample %zu", src->where, i);
}

/* ---- what is left out */

/* Lack of memory and failing disks are not the picture's. */
static bool is_its_own(nt_status s)
{
    return s == NT_EFORMAT || s == NT_EUNSUPPORTED;
}

nt_status nt_source_leave(nt_source *src, const char *name, nt_status s, const nt_err *why,
                          nt_err *e)
{
    char text[sizeof why->msg + 256];
    const char **grown;

    if (!src->skip || !is_its_own(s))
        return nt_fail(e, s, "%s: %s (\"on_error\": \"skip\" leaves it out)", name, why->msg);
    if (src->n_left == src->left_cap) {
        src->left_cap = src->left_cap ? 2 * src->left_cap : 16;
        if (!(grown = nt_realloc(src->left, src->left_cap, sizeof *grown)))
            return nt_fail_nomem(e);
        src->left = grown;
    }
    snprintf(text, sizeof text, "%s: %s", name, why->msg);
    src->left[src->n_left] = nt_arena_strdup(src->arena, text);
    return src->left[src->n_left++] ? NT_OK : nt_fail_nomem(e);
}

/* Of two threads that find it out the first is believed. */
static void note_bad(nt_source *src, size_t i, const nt_err *why)
{
    char *empty = NULL, *text = nt_strdup(why->msg);

    if (!text || !atomic_compare_exchange_strong(&src->bad[i], &empty, text))
        nt_free(text);
}

bool nt_source_is_skipped(const nt_source *src, size_t i)
{
    return src->bad && atomic_load_explicit(&src->bad[i], memory_order_acquire);
}

/* ---- encoded pictures */

static void borrow(nt_image *out, const nt_image *im)
{
    *out = *im;
    out->cap = 0;
}

/* Of sample i something is wrong, which `own` says. */
static nt_status blame(nt_source *src, size_t i, nt_status s, const nt_err *own, nt_err *e)
{
    if (src->bad && is_its_own(s))
        note_bad(src, i, own);
    nt_fail(e, s, "%s", own->msg);
    nt_source_prefix(src, i, e);
    return s;
}

nt_status nt_source_refuse(nt_source *src, size_t i, nt_err *e, const char *fmt, ...)
{
    nt_err own;
    va_list args;

    va_start(args, fmt);
    vsnprintf(own.msg, sizeof own.msg, fmt, args);
    va_end(args);
    return blame(src, i, NT_EFORMAT, &own, e);
}

/* channels as for nt_decode. */
static nt_status decode_item(nt_image *out, const nt_source *src, const nt_encoded *it,
                             nt_decoder *d, int channels, nt_err *e)
{
    char *path = NULL, *bytes = NULL;
    size_t n;
    nt_status s = NT_OK;

    if (it->bytes)
        return nt_decode(d, out, it->bytes, it->n, channels, e);
    if (!(path = nt_path_join(src->where, it->name)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_file_read(&bytes, &n, path, MAX_FILE_BYTES, e));
    NT_TRY(nt_decode(d, out, (uint8_t *)bytes, n, channels, e));
done:
    nt_free(path);
    nt_free(bytes);
    return s;
}

static nt_status decode(nt_source *src, size_t i, nt_fetch *f, nt_err *e)
{
    nt_err own = {{0}};
    nt_status s = decode_item(&f->image, src, &src->items[i], &f->decoder, 3, &own);

    return s == NT_OK ? s : blame(src, i, s, &own, e);
}

nt_status nt_source_fetch_mask(nt_source *src, nt_image *out, size_t i, nt_fetch *f, nt_err *e)
{
    nt_err own = {{0}};
    nt_status s =
        decode_item(&f->mask, src, &src->masks[i], &f->decoder, NT_DECODE_CODES, &own);

    if (s != NT_OK) {
        nt_err_prefix(&own, "its mask %s", src->masks[i].name);
        return blame(src, i, s, &own, e);
    }
    borrow(out, &f->mask);
    return NT_OK;
}

/* Keeps a copy where the budget allows; two threads may race for the slot, the loser gives in.
 * Without memory for it the picture is decoded again next time. */
static void keep(nt_source *src, size_t i, const nt_image *im)
{
    size_t bytes = (size_t)im->h * (size_t)im->w * nt_image_pixel(im);
    nt_image *empty = NULL, *copy;

    if (atomic_fetch_add(&src->cached_bytes, bytes) + bytes > CACHE_BYTES)
        return;
    copy = nt_calloc(1, sizeof *copy);
    if (!copy || nt_image_copy(copy, im, NULL) != NT_OK ||
        !atomic_compare_exchange_strong(&src->cache[i], &empty, copy))
        free_cached(copy);
}

/* The first picture that can be read. */
static nt_status decode_first(nt_source *src, nt_fetch *f, nt_err *e)
{
    nt_status s = NT_OK;

    for (size_t i = 0; i < src->count; i++) {
        s = decode(src, i, f, e);
        if (s == NT_OK || !nt_source_is_skipped(src, i))
            break;
    }
    return s;
}

/* All or nothing, judged by the first picture: a cache of a part would only cost memory. */
static nt_status plan_cache(nt_source *src, nt_err *e)
{
    nt_fetch f = {0};
    size_t all;
    nt_status s;

    NT_TRY(decode_first(src, &f, e));
    if (nt_size_mul(&all, (size_t)f.image.h * (size_t)f.image.w * 3, src->count) &&
        all <= CACHE_BYTES && !(src->cache = nt_calloc(src->count, sizeof *src->cache)))
        NT_TRY(nt_fail_nomem(e));
done:
    nt_fetch_release(&f);
    return s;
}

nt_status nt_source_load(nt_source *src, nt_err *e)
{
    if (src->items)
        return src->cache ? NT_OK : plan_cache(src, e);
    return src->pixels || !src->format->load ? NT_OK : src->format->load(src, e);
}

void nt_fetch_release(nt_fetch *f)
{
    nt_decoder_release(&f->decoder);
    nt_image_release(&f->image);
    nt_image_release(&f->mask);
}

nt_status nt_source_fetch(nt_source *src, nt_image *out, size_t i, nt_fetch *f, nt_err *e)
{
    const nt_image *cached;
    nt_status s;

    if (!src->items) {
        size_t bytes = (size_t)src->h * (size_t)src->w * (size_t)src->c;

        *out = (nt_image){src->h, src->w, src->c, false, src->pixels + i * bytes, 0};
        return NT_OK;
    }
    cached = src->cache ? atomic_load_explicit(&src->cache[i], memory_order_acquire) : NULL;
    if (cached) {
        borrow(out, cached);
        return NT_OK;
    }
    s = decode(src, i, f, e);
    if (s != NT_OK)
        return s;
    if (src->cache)
        keep(src, i, &f->image);
    borrow(out, &f->image);
    return NT_OK;
}

/* ---- identity */

static nt_status digest_item(nt_sha256_hex *out, nt_source *src, size_t i, const nt_encoded *it,
                             nt_err *e)
{
    char *path;
    nt_status s;

    if (it->bytes) {
        *out = nt_sha256(it->bytes, it->n);
        return NT_OK;
    }
    path = nt_path_join(src->where, it->name);
    s = path ? nt_sha256_file(out, path, e) : nt_fail_nomem(e);
    if (s != NT_OK)
        nt_source_prefix(src, i, e);
    nt_free(path);
    return s;
}

static nt_status digest_picture(nt_sha256_hex *out, nt_source *src, size_t i, nt_err *e)
{
    size_t bytes = (size_t)src->h * (size_t)src->w * (size_t)src->c;

    if (src->items)
        return digest_item(out, src, i, &src->items[i], e);
    *out = nt_sha256(src->pixels + i * bytes, bytes);
    return NT_OK;
}

/* The entries of a field that is kept as it is stored. */
static nt_sha256_hex digest_stored(const nt_stored *f, size_t i)
{
    size_t first = f->row ? f->row[i] : i, n = f->row ? f->row[i + 1] - first : 1;
    size_t each = nt_field_bytes(&f->field) / (size_t)(f->row ? f->field.dims[1] : 1);

    return nt_sha256((const char *)f->data + first * each, n * each);
}

/* What is beside the picture and its label: a word each. */
static nt_status describe_others(nt_source *src, nt_str *text, size_t i, nt_err *e)
{
    nt_sha256_hex digest;
    nt_status s = NT_OK;

    for (size_t k = 0; k < src->n_stored && s == NT_OK; k++) {
        const nt_stored *f = &src->stored[k];

        if (f->field.role == NT_ROLE_MASK)
            s = digest_item(&digest, src, i, &src->masks[i], e);
        else if (f->field.role == NT_ROLE_BOXES || f->field.role == NT_ROLE_COLUMNS)
            digest = digest_stored(f, i);
        else
            continue;
        if (s == NT_OK)
            nt_str_addf(text, "%s ", digest.text);
    }
    return s;
}

nt_status nt_source_describe(nt_source *src, nt_str *text, size_t i, nt_err *e)
{
    nt_sha256_hex digest;
    nt_status s = NT_OK;

    NT_TRY(digest_picture(&digest, src, i, e));
    nt_str_addf(text, "%d %s ", src->labels ? (int)src->labels[i] : -1, digest.text);
    NT_TRY(describe_others(src, text, i, e));
    if (src->items)
        nt_str_addf(text, "%s\n", src->items[i].name);
    else
        nt_str_addf(text, "%dx%dx%d\n", src->h, src->w, src->c);
done:
    return s;
}
