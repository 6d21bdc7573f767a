/* SPDX-License-Identifier: MIT */
#include "archive/unzip.h"

#include "base/alloc.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/types.h>

#define MAX_RATIO 256 /* of unpacked to packed bytes */
#define ALLOWANCE ((size_t)16 << 20)
#define CHUNK 65536

static nt_status fail_zip(struct archive *zip, nt_err *e)
{
    const char *why = archive_error_string(zip);

    if (archive_errno(zip) == ENOMEM)
        return nt_fail_nomem(e);
    return why ? nt_fail(e, NT_EFORMAT, "cut short or damaged (%s)", why)
               : nt_fail(e, NT_EFORMAT, "cut short or damaged");
}

/* One member, taking what it unpacks to from *left. */
static nt_status read_member(nt_str *out, size_t *left, struct archive *zip, nt_err *e)
{
    char chunk[CHUNK];

    for (;;) {
        la_ssize_t got = archive_read_data(zip, chunk, sizeof chunk);

        if (got < 0)
            return fail_zip(zip, e);
        if (got == 0)
            return out->failed ? nt_fail_nomem(e) : NT_OK;
        if ((size_t)got > *left)
            return nt_fail(e, NT_EFORMAT, "unpacks to more than its file can mean");
        *left -= (size_t)got;
        nt_str_addn(out, chunk, (size_t)got);
    }
}

static nt_status pass_member(struct archive *zip, struct archive_entry *entry, size_t *left,
                             nt_unzip_fn fn, void *data, nt_err *e)
{
    nt_status s = NT_OK;
    const char *name = archive_entry_pathname(entry);
    nt_str bytes = {0};

    if (!name)
        return nt_fail(e, NT_EFORMAT, "a member has no name");
    if (archive_entry_filetype(entry) != AE_IFREG)
        return NT_OK;
    NT_TRY(read_member(&bytes, left, zip, e));
    NT_TRY(fn(data, name, bytes.p ? bytes.p : "", bytes.n, e));
done:
    if (s != NT_OK)
        nt_err_prefix(e, "member '%.100s'", name);
    nt_str_release(&bytes);
    return s;
}

nt_status nt_unzip(const void *bytes, size_t n, nt_unzip_fn fn, void *data, nt_err *e)
{
    nt_status s = NT_OK;
    size_t left;
    struct archive_entry *entry;
    struct archive *zip = archive_read_new();
    int got;

    if (!zip)
        return nt_fail_nomem(e);
    if (!nt_size_mul(&left, n, MAX_RATIO) || !nt_size_add(&left, left, ALLOWANCE))
        left = SIZE_MAX;
    if (archive_read_support_format_zip(zip) != ARCHIVE_OK ||
        archive_read_open_memory(zip, bytes, n) != ARCHIVE_OK)
        NT_TRY(fail_zip(zip, e));
    while ((got = archive_read_next_header(zip, &entry)) == ARCHIVE_OK)
        NT_TRY(pass_member(zip, entry, &left, fn, data, e));
    if (got != ARCHIVE_EOF)
        s = fail_zip(zip, e);
done:
    archive_read_free(zip);
    return s;
}
