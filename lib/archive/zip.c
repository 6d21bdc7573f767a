/* SPDX-License-Identifier: MIT */
#include "archive/zip.h"

#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"

#include <string.h>

enum {
    LOCAL_BYTES = 30,    /* of a local header, without name and extra field */
    MIN_EXTRA = 4,       /* an extra field's own header */
    PAD_FIELD = 0x4246,  /* the number of the field that pads: PyTorch's */
    UTF8_NAMES = 0x0800, /* flag bit 11 */
    FIRST_DAY = 0x21,    /* 1980-01-01, as early as can be said */
    MAX_ENTRIES = 0xFFFF
};

struct nt_zip {
    nt_outfile *f;
    nt_str directory;
    uint64_t at; /* bytes so far */
    int count;
    uint32_t crc[256];
};

/* CRC-32 of IEEE 802.3, reflected, byte by byte. */
static void fill_crc(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320U : 0);
    }
}

static uint32_t crc_of(const nt_zip *z, const unsigned char *p, size_t n)
{
    uint32_t c = ~0U;

    for (size_t i = 0; i < n; i++)
        c = c >> 8 ^ z->crc[(c ^ p[i]) & 0xFF];
    return ~c;
}

nt_status nt_zip_open(nt_zip **out, const char *path, nt_err *e)
{
    nt_zip *z = nt_calloc(1, sizeof *z);
    nt_status s = NT_OK;

    if (!z)
        return nt_fail_nomem(e);
    fill_crc(z->crc);
    NT_TRY(nt_outfile_open(&z->f, path, e));
    *out = z;
    z = NULL;
done:
    nt_free(z);
    return s;
}

void nt_zip_abandon(nt_zip *z)
{
    if (!z)
        return;
    nt_outfile_abandon(z->f);
    nt_str_release(&z->directory);
    nt_free(z);
}

static nt_status put(nt_zip *z, const void *bytes, size_t n, nt_err *e)
{
    z->at += n;
    return n ? nt_outfile_write(z->f, bytes, n, e) : NT_OK;
}

/* What both headers of an entry have in common, from the version that reading needs (2.0). */
static void add_common(nt_str *s, uint32_t crc, size_t n, size_t name, size_t extra)
{
    nt_str_add_little(s, 20, 2);
    nt_str_add_little(s, UTF8_NAMES, 2);
    nt_str_add_little(s, 0, 2); /* stored */
    nt_str_add_little(s, 0, 2);
    nt_str_add_little(s, FIRST_DAY, 2);
    nt_str_add_little(s, crc, 4);
    nt_str_add_little(s, n, 4);
    nt_str_add_little(s, n, 4);
    nt_str_add_little(s, name, 2);
    nt_str_add_little(s, extra, 2);
}

/* Bytes between name and data: none, or an extra field. */
static size_t padding(const nt_zip *z, size_t name)
{
    size_t over = (size_t)(z->at + LOCAL_BYTES + name) % NT_ZIP_ALIGN;
    size_t n = over ? NT_ZIP_ALIGN - over : 0;

    return n && n < MIN_EXTRA ? n + NT_ZIP_ALIGN : n;
}

static void add_padding(nt_str *s, size_t n)
{
    if (!n)
        return;
    nt_str_add_little(s, PAD_FIELD, 2);
    nt_str_add_little(s, n - MIN_EXTRA, 2);
    for (size_t i = MIN_EXTRA; i < n; i++)
        nt_str_addn(s, "", 1);
}

static void add_to_directory(nt_zip *z, const char *name, uint32_t crc, size_t n)
{
    nt_str *s = &z->directory;

    nt_str_add_little(s, 0x02014B50, 4);
    nt_str_add_little(s, 20, 2); /* made by version 2.0, on nothing in particular */
    add_common(s, crc, n, strlen(name), 0);
    nt_str_add_little(s, 0, 2 + 2 + 2 + 4); /* comment, disk, attributes inside and outside */
    nt_str_add_little(s, z->at, 4);
    nt_str_add(s, name);
}

static nt_status check_room(const nt_zip *z, const char *name, size_t n, nt_err *e)
{
    uint64_t room = UINT32_MAX - z->directory.n - 4096;

    if (z->count == MAX_ENTRIES || n > room || z->at > room - n)
        return nt_fail(e, NT_EUNSUPPORTED, "'%s': a zip file of more than 4 GiB, or %d entries",
                       name, MAX_ENTRIES);
    return NT_OK;
}

nt_status nt_zip_add(nt_zip *z, const char *name, const void *bytes, size_t n, nt_err *e)
{
    uint32_t crc = crc_of(z, bytes, n);
    size_t extra = padding(z, strlen(name));
    nt_status s = NT_OK;
    nt_str head = {0};

    NT_TRY(check_room(z, name, n, e));
    nt_str_add_little(&head, 0x04034B50, 4);
    add_common(&head, crc, n, strlen(name), extra);
    nt_str_add(&head, name);
    add_padding(&head, extra);
    add_to_directory(z, name, crc, n);
    if (head.failed || z->directory.failed)
        NT_TRY(nt_fail_nomem(e));
    z->count++;
    NT_TRY(put(z, head.p, head.n, e));
    NT_TRY(put(z, bytes, n, e));
done:
    nt_str_release(&head);
    return s;
}

nt_status nt_zip_commit(nt_zip *z, nt_err *e)
{
    uint64_t at = z->at;
    size_t n = z->directory.n;
    nt_str *d = &z->directory;
    nt_outfile *f = z->f;
    nt_status s = NT_OK;

    nt_str_add_little(d, 0x06054B50, 4);
    nt_str_add_little(d, 0, 2 + 2); /* this disk, the directory's */
    nt_str_add_little(d, (uint64_t)z->count, 2);
    nt_str_add_little(d, (uint64_t)z->count, 2);
    nt_str_add_little(d, n, 4);
    nt_str_add_little(d, at, 4);
    nt_str_add_little(d, 0, 2);
    if (d->failed)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(put(z, d->p, d->n, e));
    z->f = NULL;
    NT_TRY(nt_outfile_commit(f, e));
done:
    nt_zip_abandon(z);
    return s;
}
