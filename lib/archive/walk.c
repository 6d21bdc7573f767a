/* SPDX-License-Identifier: MIT */
#include "archive/walk.h"

#include "archive/archive_priv.h"
#include "base/alloc.h"
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TRAILING                                                                               \
    ((size_t)1 << 20)             /* blocks of GNU tar have 10 KiB, those of tapes some more   \
                                   */
#define MAX_PAX ((size_t)1 << 20) /* of a pax header, before which its member is not known */

/* Fields of a ustar header: offset and width. */
enum { SIZE_AT = 124, SIZE_N = 12, SUM_AT = 148, SUM_N = 8, TYPE_AT = 156, MAGIC_AT = 257 };

bool nt_tar_begins(const void *bytes, size_t n)
{
    return n >= NT_TAR_BLOCK && memcmp((const char *)bytes + MAGIC_AT, "ustar", 5) == 0;
}

/* Octal digits, or as GNU writes large ones: base 256 after a byte 0x80. */
static bool read_number(size_t *out, const uint8_t *p, size_t n)
{
    size_t v = 0;

    if (p[0] & 0x80) {
        for (size_t i = 1; i < n; i++) {
            if (v > SIZE_MAX >> 8)
                return false;
            v = v << 8 | p[i];
        }
        *out = v;
        return p[0] == 0x80;
    }
    while (n && *p == ' ')
        p++, n--;
    for (; n && *p >= '0' && *p <= '7'; p++, n--)
        v = v << 3 | (size_t)(*p - '0');
    *out = v;
    return n == 0 || *p == ' ' || *p == '\0';
}

static bool is_header(const uint8_t *p)
{
    size_t want, sum = 0;

    for (size_t i = 0; i < NT_TAR_BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_N ? ' ' : p[i];
    return read_number(&want, p + SUM_AT, SUM_N) && sum == want;
}

/* Of records "LENGTH key=value\n" the one with the size, if there is one. */
static void read_pax(nt_tar_walk *w, const char *p, size_t n)
{
    static const char key[] = " size=";
    char digits[24] = "";
    int64_t size;

    for (size_t i = 0; i + sizeof key < n; i++) {
        if (memcmp(p + i, key, sizeof key - 1) != 0)
            continue;
        p += i + sizeof key - 1;
        n -= i + sizeof key - 1;
        for (size_t k = 0; k < n && k < sizeof digits - 1 && p[k] >= '0' && p[k] <= '9'; k++)
            digits[k] = p[k];
        w->has_size = nt_parse_i64(&size, digits, 0, INT64_MAX);
        w->size = w->has_size ? (size_t)size : 0;
        return;
    }
}

static nt_status check_first(const uint8_t *p, nt_err *e)
{
    if (strchr("xgLK", p[TYPE_AT]) && p[TYPE_AT])
        return NT_OK; /* of the member that follows */
    p += memcmp(p, "./", 2) == 0 ? 2 : 0;
    if (memcmp(p, NT_ARCHIVE_MANIFEST, sizeof NT_ARCHIVE_MANIFEST) != 0)
        return nt_fail(e, NT_EFORMAT, "not a model archive: it does not begin with '%s'",
                       NT_ARCHIVE_MANIFEST);
    return NT_OK;
}

/* Past the header at w->at and its member; false where that is not yet there. */
static bool step(nt_tar_walk *w, const uint8_t *bytes, size_t n)
{
    const uint8_t *p = bytes + w->at;
    size_t size, next;

    if (!is_header(p) || !read_number(&size, p + SIZE_AT, SIZE_N))
        return !(w->over = true);
    if (p[TYPE_AT] == 'x') {
        if (size > MAX_PAX)
            return !(w->over = true);
        if (size > n - w->at - NT_TAR_BLOCK)
            return false;
        w->has_size = false;
        read_pax(w, (const char *)p + NT_TAR_BLOCK, size);
    } else {
        size = w->has_size ? w->size : size;
        w->has_size = false;
    }
    if (!nt_size_add(&next, size, 2 * NT_TAR_BLOCK - 1) ||
        !nt_size_add(&next, w->at, next / NT_TAR_BLOCK * NT_TAR_BLOCK))
        return !(w->over = true);
    w->at = next;
    return true;
}

nt_status nt_tar_walk_on(nt_tar_walk *w, const void *bytes, size_t n, nt_err *e)
{
    nt_status s = NT_OK;

    if (w->at == 0)
        NT_TRY(check_first(bytes, e));
    while (!w->over && w->at <= n && n - w->at >= NT_TAR_BLOCK && step(w, bytes, n))
        ;
    if (w->over && n - w->at > TRAILING)
        NT_TRY(
            nt_fail(e, NT_EFORMAT, "goes on for more than %zu bytes after its end", TRAILING));
done:
    return s;
}
