/* SPDX-License-Identifier: MIT */
/*
 * Every byte is hostile. The manifest comes first and is small; after it no member that it
 * lists is read twice, and none at another size than it says. What it does not list is a file
 * that someone added: it may have any name that means nothing here, and the last of several
 * counts, as it does for tar. What a compressed archive unpacks to is known, and bounded,
 * before memory is asked for. At the end each listed member must have come: a tar cut between
 * two entries looks like a complete one.
 */
#include "archive/archive.h"

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/digest.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define MAX_MANIFEST_BYTES (64 << 20)
/* Of unpacked to packed bytes: weights rarely pass 2, sparse ones 50; those of large models
 * less. */
#define MAX_RATIO 256
#define LARGE_RATIO 32
#define LARGE ((size_t)1 << 30)
#define IN_PLACE (64 << 10) /* smaller members are copied: texts end in a NUL, then */
#define ALLOWANCE (1 << 20) /* so that small archives of zeros are no bombs */

/* One line of the manifest's "members". */
typedef struct expected {
    const char *name, *sha256;
    size_t size;
    bool seen;
} expected;

typedef struct reader {
    struct archive *tar;
    nt_archive *a;
    size_t packed; /* bytes of the input */
    size_t total;  /* of the members so far: of all listed ones, to begin with */
    cJSON *manifest;
    expected *list; /* by name */
    size_t n_list;
    bool verify;
    const char *place; /* the input, where members may stay in it; else NULL */
} reader;

static nt_status fail_tar(struct archive *tar, nt_err *e)
{
    const char *why = archive_error_string(tar);

    if (archive_errno(tar) == ENOMEM)
        return nt_fail_nomem(e);
    return why ? nt_fail(e, NT_EFORMAT, "cut short or damaged (%s)", why)
               : nt_fail(e, NT_EFORMAT, "cut short or damaged");
}

bool nt_archive_sniff(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        return true;
    if (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
        return true;
    return n >= 512 && memcmp(p + 257, "ustar", 5) == 0;
}

static nt_status open_tar(reader *r, const void *bytes, size_t n, nt_err *e)
{
    r->tar = archive_read_new();
    r->packed = n;
    if (!r->tar)
        return nt_fail_nomem(e);
    /* a filter of an external program gives ARCHIVE_WARN: that will do, too */
    if (archive_read_support_format_tar(r->tar) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(r->tar) < ARCHIVE_WARN ||
        archive_read_support_filter_zstd(r->tar) < ARCHIVE_WARN ||
        archive_read_open_memory(r->tar, bytes, n) != ARCHIVE_OK)
        return fail_tar(r->tar, e);
    return NT_OK;
}

/* A member's name, without the "./" that tar puts in front when it is told so. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    while (name && name[0] == '.' && name[1] == '/')
        name += 2;
    return name;
}

/* *entry is NULL at the end. A folder is let pass. */
static nt_status next_entry(reader *r, struct archive_entry **entry, nt_err *e)
{
    int got = archive_read_next_header(r->tar, entry);
    const char *name;

    if (got == ARCHIVE_EOF) {
        *entry = NULL;
        return NT_OK;
    }
    if (got != ARCHIVE_OK)
        return fail_tar(r->tar, e);
    name = name_of(*entry);
    if (!name)
        return nt_fail(e, NT_EFORMAT, "a member has no name");
    if (archive_entry_filetype(*entry) == AE_IFDIR)
        return NT_OK;
    if (archive_entry_filetype(*entry) != AE_IFREG || archive_entry_hardlink(*entry))
        return nt_fail(e, NT_EFORMAT, "member '%.100s' is not a regular file", name);
    return nt_archive_check_name(name, e);
}

/* A part of a member, and where in it that begins. */
typedef struct block {
    const void *bytes;
    size_t n;
    la_int64_t offset;
} block;

/* Does this block hold a whole member, in bytes that stay? Small ones are copied all the same:
 * a NUL follows them then. */
static bool stays(const reader *r, const block *b, size_t size)
{
    const char *at = b->bytes;

    return r->place && size >= IN_PLACE && b->offset == 0 && b->n == size && at >= r->place &&
           at + b->n <= r->place + r->packed;
}

/* What a block brings of a member of `size` bytes, of which `used` are there. */
static nt_status copy_block(char *to, size_t *used, size_t size, const block *b, nt_err *e)
{
    size_t at = b->offset < 0 ? SIZE_MAX : (size_t)b->offset;

    if (at < *used || at > size || b->n > size - at)
        return nt_fail(e, NT_EFORMAT, "more than %zu bytes", size);
    memset(to + *used, 0, at - *used); /* a hole */
    if (b->n > 0)
        memcpy(to + at, b->bytes, b->n);
    *used = at + b->n;
    return NT_OK;
}

/* The entry's bytes, exactly `size` of them: in *own (nt_free), with a NUL after them, or where
 * they lie, and *own is NULL. */
static nt_status read_bytes(reader *r, char **own, const char **bytes, size_t size, nt_err *e)
{
    nt_status s = NT_OK;
    size_t used = 0;
    char *p = NULL;
    block b;
    int got;

    *own = NULL;
    while ((got = archive_read_data_block(r->tar, &b.bytes, &b.n, &b.offset)) == ARCHIVE_OK) {
        if (!p && stays(r, &b, size)) {
            *bytes = b.bytes;
            return NT_OK;
        }
        if (!p && !(p = nt_alloc(size + 1, 1)))
            NT_TRY(nt_fail_nomem(e));
        NT_TRY(copy_block(p, &used, size, &b, e));
    }
    if (got != ARCHIVE_EOF)
        NT_TRY(fail_tar(r->tar, e));
    if (used != size)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu bytes, want %zu", used, size));
    if (!p && !(p = nt_alloc(1, 1)))
        NT_TRY(nt_fail_nomem(e));
    p[size] = '\0';
    *bytes = *own = p;
    p = NULL;
done:
    nt_free(p);
    return s;
}

static nt_status check_format(const cJSON *manifest, nt_err *e)
{
    int64_t format = 0;

    if (!cJSON_IsObject(manifest))
        return nt_fail(e, NT_EFORMAT, "not a JSON object");
    if (nt_json_get_i64(&format, manifest, "format", (nt_bounds){1, 0x1p63}, "", e) != NT_OK)
        return NT_EFORMAT;
    if (format == 0)
        return nt_fail(e, NT_EFORMAT, "no \"format\"");
    if (format > NT_ARCHIVE_FORMAT)
        return nt_fail(e, NT_EUNSUPPORTED, "archive format %" PRId64 " is newer than %d",
                       format, NT_ARCHIVE_FORMAT);
    return NT_OK;
}

static bool is_sha256(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static nt_status read_expected(expected *x, const cJSON *entry, nt_err *e)
{
    int64_t size = -1;

    *x = (expected){.name = entry->string, .sha256 = ""};
    if (!cJSON_IsObject(entry))
        return nt_fail(e, NT_EFORMAT, "member '%.100s': want an object", x->name);
    if (nt_json_get_i64(&size, entry, "size", (nt_bounds){0, 0x1p63}, x->name, e) != NT_OK ||
        nt_json_get_str(&x->sha256, entry, "sha256", x->name, e) != NT_OK)
        return NT_EFORMAT;
    if (size < 0 || !is_sha256(x->sha256))
        return nt_fail(e, NT_EFORMAT, "member '%.100s': no \"size\" or no \"sha256\"", x->name);
    x->size = (size_t)size;
    return NT_OK;
}

size_t nt_archive_unpacked_max(size_t n)
{
    size_t most, large;

    if (!nt_size_mul(&most, n, MAX_RATIO) || !nt_size_add(&most, most, ALLOWANCE))
        most = SIZE_MAX;
    if (!nt_size_mul(&large, n, LARGE_RATIO))
        large = SIZE_MAX;
    if (most > LARGE)
        most = large > LARGE ? large : LARGE;
    return most;
}

/* Members of `size` bytes more must be plausible for the bytes at hand. */
static nt_status add_total(reader *r, size_t size, nt_err *e)
{
    bool plain = archive_filter_code(r->tar, 0) == ARCHIVE_FILTER_NONE;
    size_t limit = plain ? r->packed : nt_archive_unpacked_max(r->packed);

    if (!nt_size_add(&r->total, r->total, size) || r->total > limit)
        return nt_fail(e, NT_EFORMAT, "members of more than %zu bytes in an archive of %zu",
                       limit, r->packed);
    return NT_OK;
}

static int compare_expected(const void *a, const void *b)
{
    return strcmp(((const expected *)a)->name, ((const expected *)b)->name);
}

static nt_status read_list(reader *r, nt_err *e)
{
    const cJSON *members = cJSON_GetObjectItemCaseSensitive(r->manifest, "members");
    nt_status s = NT_OK;
    size_t n = 0;

    if (!cJSON_IsObject(members))
        return nt_fail(e, NT_EFORMAT, "no \"members\"");
    for (const cJSON *c = members->child; c; c = c->next)
        n++;
    if (n > NT_ARCHIVE_MAX_MEMBERS)
        return nt_fail(e, NT_EFORMAT, "%zu members, want at most %d", n,
                       NT_ARCHIVE_MAX_MEMBERS);
    r->list = nt_alloc(n, sizeof *r->list);
    if (!r->list)
        return nt_fail_nomem(e);
    for (const cJSON *c = members->child; c; c = c->next)
        NT_TRY(read_expected(&r->list[r->n_list++], c, e));
    qsort(r->list, n, sizeof *r->list, compare_expected);
    for (size_t i = 0; i < n; i++)
        NT_TRY(add_total(r, r->list[i].size, e));
done:
    return s;
}

static nt_status parse_manifest(reader *r, size_t size, nt_err *e)
{
    nt_status s = NT_OK;
    const char *text;
    char *own = NULL;

    NT_TRY(read_bytes(r, &own, &text, size, e));
    NT_TRY(nt_json_parse(&r->manifest, text, size, e));
    NT_TRY(check_format(r->manifest, e));
    NT_TRY(read_list(r, e));
done:
    if (s == NT_EFORMAT)
        nt_err_prefix(e, NT_ARCHIVE_MANIFEST);
    nt_free(own);
    return s;
}

static nt_status read_manifest(reader *r, nt_err *e)
{
    struct archive_entry *entry;
    nt_status s = next_entry(r, &entry, e);
    la_int64_t size;

    if (s != NT_OK)
        return s;
    if (!entry || strcmp(name_of(entry), NT_ARCHIVE_MANIFEST) != 0)
        return nt_fail(e, NT_EFORMAT, "not a model archive: it does not begin with '%s'",
                       NT_ARCHIVE_MANIFEST);
    size = archive_entry_size(entry);
    if (size < 0 || size > MAX_MANIFEST_BYTES)
        return nt_fail(e, NT_EFORMAT, "%s: %" PRId64 " bytes, want at most %d",
                       NT_ARCHIVE_MANIFEST, (int64_t)size, MAX_MANIFEST_BYTES);
    return parse_manifest(r, (size_t)size, e);
}

/* May only the manifest bring a member of this name? The format gives it a meaning. */
static bool is_known(const char *name)
{
    static const char *const known[] = {
        NT_ARCHIVE_MANIFEST, "model.onnx",   "weights.bin", "masks.json",
        "quant.json",        "metrics.json", "masks/",      "state/"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t n = strlen(known[i]);

        if (strncmp(name, known[i], n) == 0 && (!name[n] || known[i][n - 1] == '/'))
            return true;
    }
    return false;
}

/* A member that the manifest does not name. */
static nt_status check_unlisted(reader *r, const char *name, la_int64_t size, nt_err *e)
{
    if (is_known(name))
        return nt_fail(e, NT_EFORMAT, "member '%.100s' is not in the manifest", name);
    return size < 0 ? nt_fail(e, NT_EFORMAT, "member '%.100s' has no size", name)
                    : add_total(r, (size_t)size, e);
}

static nt_status check_listed(expected *x, la_int64_t size, nt_err *e)
{
    if (x->seen)
        return nt_fail(e, NT_EFORMAT, "member '%.100s' appears twice", x->name);
    if (size < 0 || (uint64_t)size != x->size)
        return nt_fail(e, NT_EFORMAT,
                       "member '%.100s': %" PRId64 " bytes, the manifest says %zu", x->name,
                       (int64_t)size, x->size);
    x->seen = true;
    return NT_OK;
}

/* The bytes go into the archive: taken, or lent where they lie. */
static nt_status read_content(reader *r, const char *name, size_t size, const expected *x,
                              nt_err *e)
{
    const char *bytes;
    char *own = NULL;
    nt_status s = read_bytes(r, &own, &bytes, size, e);

    if (s == NT_OK && x && r->verify && strcmp(nt_sha256(bytes, size).text, x->sha256) != 0)
        s = nt_fail(e, NT_EFORMAT, "its SHA-256 is not the one in the manifest");
    if (s != NT_OK) {
        nt_err_prefix(e, "member '%.100s'", name);
        nt_free(own);
        return s;
    }
    return own ? nt_archive_take(r->a, name, own, size, e)
               : nt_archive_lend(r->a, name, bytes, size, e);
}

/* The line of the manifest about that name, or NULL. */
static expected *find_expected(const reader *r, const char *name)
{
    const expected key = {.name = name};

    return bsearch(&key, r->list, r->n_list, sizeof key, compare_expected);
}

/* tar adds folders with the files in them, and they are nothing of their own. */
static nt_status pass_folder(const reader *r, const char *name, nt_err *e)
{
    char plain[NT_ARCHIVE_MAX_NAME + 1] = "";
    size_t n = strlen(name);

    n -= n > 0 && name[n - 1] == '/';
    if (n <= NT_ARCHIVE_MAX_NAME)
        memcpy(plain, name, n);
    return find_expected(r, plain)
               ? nt_fail(e, NT_EFORMAT, "member '%.100s' is not a regular file", plain)
               : NT_OK;
}

static nt_status read_member(reader *r, struct archive_entry *entry, nt_err *e)
{
    nt_status s = NT_OK;
    const char *name = name_of(entry);
    la_int64_t size = archive_entry_size(entry);
    expected *x = find_expected(r, name);

    if (archive_entry_filetype(entry) == AE_IFDIR)
        return pass_folder(r, name, e);
    NT_TRY(x ? check_listed(x, size, e) : check_unlisted(r, name, size, e));
    NT_TRY(read_content(r, name, (size_t)size, x, e));
    if (!x)
        nt_archive_set_unlisted(r->a, name);
done:
    return s;
}

static nt_status read_members(reader *r, nt_err *e)
{
    nt_status s = NT_OK;
    struct archive_entry *entry;

    for (;;) {
        NT_TRY(next_entry(r, &entry, e));
        if (!entry)
            break;
        NT_TRY(read_member(r, entry, e));
    }
    for (size_t i = 0; i < r->n_list; i++)
        if (!r->list[i].seen)
            NT_TRY(nt_fail(e, NT_EFORMAT,
                           "member '%.100s' is missing: the archive was cut short",
                           r->list[i].name));
done:
    return s;
}

static nt_status read_archive(nt_archive **out, const void *bytes, size_t n, bool verify,
                              bool in_place, nt_err *e)
{
    nt_status s = NT_OK;
    reader r = {.verify = verify, .place = in_place ? bytes : NULL};

    if (!nt_archive_sniff(bytes, n))
        return nt_fail(e, NT_EFORMAT, "not a model archive (no tar, gzip or zstd)");
    NT_TRY(nt_archive_new(&r.a, e));
    NT_TRY(open_tar(&r, bytes, n, e));
    NT_TRY(read_manifest(&r, e));
    NT_TRY(read_members(&r, e));
    cJSON_DeleteItemFromObjectCaseSensitive(r.manifest, "members");
    nt_json_free(r.a->manifest);
    r.a->manifest = r.manifest;
    r.manifest = NULL;
    *out = r.a;
    r.a = NULL;
done:
    nt_free(r.list);
    nt_json_free(r.manifest);
    nt_archive_free(r.a);
    archive_read_free(r.tar);
    return s;
}

nt_status nt_archive_read(nt_archive **out, const void *bytes, size_t n, bool verify, nt_err *e)
{
    return read_archive(out, bytes, n, verify, false, e);
}

nt_status nt_archive_read_in_place(nt_archive **out, const void *bytes, size_t n, bool verify,
                                   nt_err *e)
{
    return read_archive(out, bytes, n, verify, true, e);
}
