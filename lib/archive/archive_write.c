/* SPDX-License-Identifier: MIT */
/* Same members, same bytes: fixed order, times, owners and modes, and no padding at the end. */
#include "archive/archive.h"

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/digest.h"
#include "base/outfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#define BLOCK_BYTES (64 * 1024)

typedef struct sink {
    nt_outfile *file;
    nt_err err; /* why the last write failed */
} sink;

static la_ssize_t write_block(struct archive *tar, void *context, const void *bytes, size_t n)
{
    sink *k = context;

    if (nt_outfile_write(k->file, bytes, n, &k->err) != NT_OK) {
        archive_set_error(tar, EIO, "%s", k->err.msg);
        return -1;
    }
    return (la_ssize_t)n;
}

static nt_status fail_tar(struct archive *tar, nt_err *e)
{
    const char *why = archive_error_string(tar);

    if (archive_errno(tar) == ENOMEM)
        return nt_fail_nomem(e);
    return nt_fail(e, NT_EIO, "%s", why ? why : "cannot write the archive");
}

static bool describe_member(cJSON *members, const nt_member *m)
{
    cJSON *entry = nt_json_add_object(members, m->name);

    return entry && nt_json_add_i64(entry, "size", (int64_t)m->n) &&
           nt_json_add_str(entry, "sha256", nt_sha256(m->bytes, m->n).text);
}

/* The manifest's text with "format" first and "members" last; the manifest stays as it was. */
static char *manifest_text(nt_archive *a)
{
    cJSON *format = cJSON_GetObjectItemCaseSensitive(a->manifest, "format");
    cJSON *members = NULL;
    char *text = NULL;
    bool ok = true;

    if (format)
        cJSON_SetNumberValue(format, NT_ARCHIVE_FORMAT);
    else
        ok = nt_json_add_i64(a->manifest, "format", NT_ARCHIVE_FORMAT);
    cJSON_DeleteItemFromObjectCaseSensitive(a->manifest, "members");
    members = nt_json_add_object(a->manifest, "members");
    for (size_t i = 0; members && ok && i < a->n_members; i++)
        ok = describe_member(members, &a->members[i]);
    if (members && ok)
        text = nt_json_text(a->manifest);
    cJSON_DeleteItemFromObjectCaseSensitive(a->manifest, "members");
    return text;
}

static nt_status write_entry(struct archive *tar, const char *name, const void *bytes, size_t n,
                             nt_err *e)
{
    struct archive_entry *entry = archive_entry_new();
    nt_status s = NT_OK;

    if (!entry)
        return nt_fail_nomem(e);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)n);
    archive_entry_set_mtime(entry, 0, 0);
    if (archive_write_header(tar, entry) != ARCHIVE_OK)
        NT_TRY(fail_tar(tar, e));
    if (archive_write_data(tar, bytes, n) != (la_ssize_t)n)
        NT_TRY(fail_tar(tar, e));
done:
    archive_entry_free(entry);
    return s;
}

static bool all_ascii(const nt_archive *a)
{
    for (size_t i = 0; i < a->n_members; i++)
        for (const char *p = a->members[i].name; *p; p++)
            if ((unsigned char)*p > 0x7f)
                return false;
    return true;
}

/* libarchive would convert names from the locale's character set, which is C: what is not ASCII
 * goes in as it is. That costs every member a header more, so only where it is needed. */
static nt_status open_tar(struct archive *tar, const nt_archive *a, sink *k, nt_err *e)
{
    if (archive_write_set_format_pax_restricted(tar) != ARCHIVE_OK ||
        (!all_ascii(a) && archive_write_set_options(tar, "hdrcharset=BINARY") != ARCHIVE_OK) ||
        archive_write_set_bytes_per_block(tar, BLOCK_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(tar, 1) != ARCHIVE_OK ||
        archive_write_open(tar, k, NULL, write_block, NULL) != ARCHIVE_OK)
        return fail_tar(tar, e);
    return NT_OK;
}

static nt_status write_all(nt_archive *a, sink *k, nt_err *e)
{
    nt_status s = NT_OK;
    struct archive *tar = archive_write_new();
    char *text = manifest_text(a);

    if (!tar || !text)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(open_tar(tar, a, k, e));
    NT_TRY(write_entry(tar, NT_ARCHIVE_MANIFEST, text, strlen(text), e));
    for (size_t i = 0; i < a->n_members; i++)
        NT_TRY(write_entry(tar, a->members[i].name, a->members[i].bytes, a->members[i].n, e));
    if (archive_write_close(tar) != ARCHIVE_OK)
        NT_TRY(fail_tar(tar, e));
done:
    if (tar && s != NT_OK)
        archive_write_fail(tar); /* or freeing it would write its end */
    archive_write_free(tar);
    nt_free(text);
    return s;
}

nt_status nt_archive_save(nt_archive *a, const char *path, nt_err *e)
{
    nt_status s = NT_OK;
    sink k = {0};

    NT_TRY(nt_outfile_open(&k.file, path, e));
    NT_TRY(write_all(a, &k, e));
    s = nt_outfile_commit(k.file, e);
    k.file = NULL;
done:
    nt_outfile_abandon(k.file);
    return s;
}
