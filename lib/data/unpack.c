/* SPDX-License-Identifier: MIT */
#include "data/unpack.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#define BLOCK_BYTES 65536

/* Grown as needed and reused from member to member. */
typedef struct buffer {
    uint8_t *p;
    size_t n, cap;
} buffer;

static nt_status fail_archive(struct archive *a, nt_err *e)
{
    const char *why = archive_error_string(a);

    return why ? nt_fail(e, NT_EFORMAT, "damaged archive: %s", why)
               : nt_fail(e, NT_EFORMAT, "damaged archive: cut short");
}

static nt_status make_room(buffer *b, nt_err *e)
{
    size_t cap = b->cap ? 2 * b->cap : BLOCK_BYTES;
    uint8_t *p;

    if (b->n < b->cap)
        return NT_OK;
    p = nt_realloc(b->p, cap, 1);
    if (!p)
        return nt_fail_nomem(e);
    b->p = p;
    b->cap = cap;
    return NT_OK;
}

/* The member's size in its header is not believed: room comes with the bytes. */
static nt_status read_member(buffer *b, struct archive *a, size_t max, nt_err *e)
{
    la_ssize_t got;
    nt_status s;

    b->n = 0;
    do {
        NT_TRY(make_room(b, e));
        got = archive_read_data(a, b->p + b->n, b->cap - b->n);
        if (got < 0)
            NT_TRY(fail_archive(a, e));
        b->n += (size_t)got;
        if (b->n > max)
            NT_TRY(nt_fail(e, NT_EFORMAT, "more than %zu bytes", max));
    } while (got > 0);
done:
    return s;
}

/* The name without "./" in front and '/' behind; false when it does not fit. */
static bool clean_name(char *to, size_t size, struct archive_entry *entry)
{
    const char *name = archive_entry_pathname_utf8(entry);
    size_t n;

    if (!name)
        name = archive_entry_pathname(entry);
    while (name && name[0] == '.' && name[1] == '/')
        name += 2 + strspn(name + 2, "/");
    n = name ? strlen(name) : 0;
    while (n > 0 && name[n - 1] == '/')
        n--;
    if (n >= size)
        return false;
    memcpy(to, name ? name : "", n);
    to[n] = '\0';
    return true;
}

/* Who looks at the members, and how large they may be. */
typedef struct visitor {
    const nt_unpack_ops *ops;
    void *ctx;
    size_t max;
} visitor;

static nt_status visit(struct archive *a, struct archive_entry *entry, buffer *b,
                       const visitor *by, nt_err *e)
{
    char name[1024];
    bool is_dir = archive_entry_filetype(entry) == AE_IFDIR;
    nt_status s = NT_OK;

    if (!is_dir && (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)))
        return NT_OK;
    if (!clean_name(name, sizeof name, entry) || !by->ops->want(by->ctx, name, is_dir))
        return NT_OK;
    b->n = 0;
    if (!is_dir)
        NT_TRY(read_member(b, a, by->max, e));
    NT_TRY(by->ops->take(by->ctx, name, is_dir, b->p, b->n, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", name);
    return s;
}

static nt_status open_archive(struct archive *a, const char *path, nt_err *e)
{
    struct stat st;

    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_format_tar(a);
    if (stat(path, &st) != 0)
        return nt_fail_errno(e, "cannot open");
    if (archive_read_open_filename(a, path, BLOCK_BYTES) != ARCHIVE_OK)
        return fail_archive(a, e);
    return NT_OK;
}

nt_status nt_unpack(const char *path, size_t max_bytes, const nt_unpack_ops *ops, void *ctx,
                    nt_err *e)
{
    struct archive *a = archive_read_new();
    const visitor by = {ops, ctx, max_bytes};
    struct archive_entry *entry;
    buffer b = {0};
    nt_status s = NT_OK;
    int code;

    if (!a)
        return nt_fail_nomem(e);
    NT_TRY(open_archive(a, path, e));
    while ((code = archive_read_next_header(a, &entry)) == ARCHIVE_OK || code == ARCHIVE_WARN)
        NT_TRY(visit(a, entry, &b, &by, e));
    if (code != ARCHIVE_EOF)
        NT_TRY(fail_archive(a, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "%s", path);
    archive_read_free(a);
    nt_free(b.p);
    return s;
}
