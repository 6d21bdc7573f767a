/* SPDX-License-Identifier: MIT */
#include "archive/intake.h"

#include "archive/archive.h"
#include "archive/archive_priv.h"
#include "archive/walk.h"
#include "base/alloc.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What is read, plain or packed. */
typedef struct intake {
    nt_tar_walk walk;
    const nt_file_watch *other;
    int fd;
    char *first; /* packed: the block that is read already, of */
    size_t n_first;
    char *block;  /* the next one, of libarchive's */
    size_t taken; /* packed bytes so far */
} intake;

static nt_status look(void *ctx, const char *bytes, size_t n, nt_err *e)
{
    intake *k = ctx;

    return nt_tar_begins(bytes, n) ? nt_tar_walk_on(&k->walk, bytes, n, e)
                                   : k->other->look(k->other->ctx, bytes, n, e);
}

static la_ssize_t read_packed(struct archive *a, void *ctx, const void **block)
{
    intake *k = ctx;
    nt_err e;
    size_t n = k->taken ? 0 : k->n_first;

    *block = k->taken ? k->block : k->first;
    if (k->taken && nt_file_read_block(&n, k->fd, k->block, NT_FILE_BLOCK, &e) != NT_OK) {
        archive_set_error(a, EIO, "%s", e.msg);
        return -1;
    }
    k->taken += n;
    return (la_ssize_t)n;
}

static nt_status fail_unpack(struct archive *a, nt_err *e)
{
    const char *why = archive_error_string(a);

    if (archive_errno(a) == ENOMEM)
        return nt_fail_nomem(e);
    return nt_fail(e, NT_EFORMAT, "cut short or damaged (%s)", why ? why : "compressed");
}

/* One member: all that is packed. *empty: there is nothing. */
static nt_status open_packed(struct archive *a, intake *k, nt_err *e)
{
    struct archive_entry *entry;

    /* a filter of an external program gives ARCHIVE_WARN: that will do, too */
    if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(a) < ARCHIVE_WARN ||
        archive_read_support_filter_zstd(a) < ARCHIVE_WARN ||
        archive_read_open(a, k, NULL, read_packed, NULL) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return fail_unpack(a, e);
    return NT_OK;
}

static nt_status check_unpacked(intake *k, const nt_str *out, nt_err *e)
{
    size_t limit = nt_archive_unpacked_max(k->taken);

    if (out->failed)
        return nt_fail_nomem(e);
    if (out->n > limit)
        return nt_fail(e, NT_EFORMAT, "%zu bytes unpack to more than %zu", k->taken, limit);
    if (out->n < NT_TAR_BLOCK)
        return NT_OK;
    if (!nt_tar_begins(out->p, out->n))
        return nt_fail(e, NT_EFORMAT, "not a model archive (no tar in what is compressed)");
    return nt_tar_walk_on(&k->walk, out->p, out->n, e);
}

static nt_status unpack(nt_str *out, intake *k, nt_err *e)
{
    nt_status s = NT_OK;
    struct archive *a = archive_read_new();
    char *chunk = nt_alloc(NT_FILE_BLOCK, 1);
    la_ssize_t got;

    k->block = nt_alloc(NT_FILE_BLOCK, 1);
    if (!a || !chunk || !k->block)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(open_packed(a, k, e));
    while ((got = archive_read_data(a, chunk, NT_FILE_BLOCK)) > 0) {
        nt_str_addn(out, chunk, (size_t)got);
        NT_TRY(check_unpacked(k, out, e));
    }
    if (got < 0)
        NT_TRY(fail_unpack(a, e));
done:
    archive_read_free(a);
    nt_free(chunk);
    nt_free(k->block);
    return s;
}

static nt_status read_unpacked(nt_intake *out, intake *k, nt_err *e)
{
    nt_status s = NT_OK;
    nt_str text = {0};

    NT_TRY(unpack(&text, k, e));
    nt_str_addn(&text, "", 0); /* there is a NUL, if nothing else */
    out->n = text.n;
    out->file_size = k->taken;
    if (!(out->bytes = nt_str_take(&text)))
        NT_TRY(nt_fail_nomem(e));
done:
    nt_str_release(&text);
    return s;
}

/* A file of which we have the first block: can it be a compressed archive? */
static bool is_packed(const char *first, size_t n)
{
    return nt_archive_sniff(first, n) && !nt_tar_begins(first, n);
}

nt_status nt_intake_read(nt_intake *out, const char *path, const nt_file_watch *other,
                         nt_err *e)
{
    nt_status s = NT_OK;
    intake k = {.other = other, .fd = -1};
    nt_file_watch watch = {look, &k};

    *out = (nt_intake){0};
    NT_TRY(nt_file_open_input(&k.fd, path, e));
    if (!(k.first = nt_alloc(NT_FILE_BLOCK + 1, 1)))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_file_read_block(&k.n_first, k.fd, k.first, NT_FILE_BLOCK, e));
    if (k.n_first == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "is empty"));
    if (is_packed(k.first, k.n_first)) {
        NT_TRY(read_unpacked(out, &k, e));
        goto done;
    }
    out->n = k.n_first;
    out->bytes = k.first;
    k.first = NULL;
    NT_TRY(nt_file_read_rest(&out->bytes, &out->n, k.fd, SIZE_MAX, &watch, e));
    out->file_size = out->n;
done:
    nt_free(k.first);
    nt_file_close(k.fd);
    return s;
}
