/* SPDX-License-Identifier: MIT */
/*
 * Numbers are parsed and printed in the C locale: no program of ours calls setlocale, so that a
 * comma never appears for a point.
 */
#include "base/str.h"

#include "base/alloc.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void nt_str_release(nt_str *s)
{
    nt_free(s->p);
    *s = (nt_str){0};
}

/* Room for n more bytes and the NUL. */
static bool reserve(nt_str *s, size_t n)
{
    size_t want, cap = s->cap ? s->cap : 64;
    char *p;

    if (s->failed)
        return false;
    if (!nt_size_add(&want, s->n, n) || !nt_size_add(&want, want, 1)) {
        s->failed = true;
        return false;
    }
    if (want <= s->cap)
        return true;
    while (cap < want)
        cap = cap > want / 2 ? want : cap * 2;
    if (cap < s->cap + s->cap / 2)
        cap = s->cap + s->cap / 2;
    p = nt_realloc(s->p, cap, 1);
    if (!p) {
        s->failed = true;
        return false;
    }
    s->p = p;
    s->cap = cap;
    return true;
}

void nt_str_add(nt_str *s, const char *text)
{
    nt_str_addn(s, text, strlen(text));
}

void nt_str_addn(nt_str *s, const void *bytes, size_t n)
{
    if (!reserve(s, n))
        return;
    if (n)
        memcpy(s->p + s->n, bytes, n);
    s->n += n;
    s->p[s->n] = '\0';
}

void nt_str_add_little(nt_str *s, uint64_t v, int n)
{
    for (; n > 0; n--, v >>= 8) {
        unsigned char c = (unsigned char)(v & 0xFF);

        nt_str_addn(s, &c, 1);
    }
}

void nt_str_addf(nt_str *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        s->failed = true;
    if (n < 0 || !reserve(s, (size_t)n))
        return;
    va_start(ap, fmt);
    vsnprintf(s->p + s->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->n += (size_t)n;
}

char *nt_str_take(nt_str *s)
{
    char *p = NULL;

    if (reserve(s, 0)) {
        p = s->p;
        p[s->n] = '\0';
        s->p = NULL;
    }
    nt_str_release(s);
    return p;
}

/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
size_t nt_utf8_len(const char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    size_t len = n == 0        ? 0
                 : u[0] < 0x80 ? 1
                 : u[0] < 0xc0 ? 0
                 : u[0] < 0xe0 ? 2
                 : u[0] < 0xf0 ? 3
                 : u[0] < 0xf8 ? 4
                               : 0;
    uint32_t c;

    if (len < 2 || len > n)
        return len > n ? 0 : len;
    c = u[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3f);
    }
    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

bool nt_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

bool nt_parse_i64(int64_t *out, const char *text, int64_t lo, int64_t hi)
{
    char *end;
    long long v;

    if (!*text || isspace((unsigned char)*text))
        return false;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < lo || v > hi)
        return false;
    *out = v;
    return true;
}

bool nt_parse_size(int64_t hw[2], const char *text)
{
    const char *x = strchr(text, 'x');
    char h[16];

    if (!x || (size_t)(x - text) >= sizeof h)
        return false;
    memcpy(h, text, (size_t)(x - text));
    h[x - text] = '\0';
    return nt_parse_i64(&hw[0], h, 1, 1 << 16) && nt_parse_i64(&hw[1], x + 1, 1, 1 << 16);
}

bool nt_parse_double(double *out, const char *text, double lo, double hi)
{
    char *end;
    double v;

    if (!*text || isspace((unsigned char)*text))
        return false;
    v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || v < lo || v > hi)
        return false;
    *out = v;
    return true;
}

#define BOUNDLESS 0x1p62

static void bound_text(char *buf, size_t n, double v)
{
    bool whole = v == floor(v) && fabs(v) < 1e18;

    snprintf(buf, n, whole ? "%.0f" : "%.10g", v);
}

void nt_range_text(char *buf, size_t n, const char *what, double lo, double hi)
{
    bool low = lo > -BOUNDLESS, high = hi < BOUNDLESS;
    char first[32], last[32];

    bound_text(first, sizeof first, lo);
    bound_text(last, sizeof last, hi);
    if (low && high)
        snprintf(buf, n, "%s in %c%s, %s%c", what, strtod(first, NULL) < lo ? '(' : '[', first,
                 last, strtod(last, NULL) > hi ? ')' : ']');
    else if (low)
        snprintf(buf, n, "%s %s %s", what, strtod(first, NULL) < lo ? "above" : "of at least",
                 first);
    else if (high)
        snprintf(buf, n, "%s %s %s", what, strtod(last, NULL) > hi ? "below" : "of at most",
                 last);
    else
        snprintf(buf, n, "%s", what);
}

bool nt_glob_match(const char *pattern, const char *text)
{
    return strcmp(pattern, text) == 0 || fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

#define NAME_LIMIT 256 /* longer names are not guessed at */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b), row[NAME_LIMIT + 1];

    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = min3(row[j] + 1, row[j - 1] + 1, change);
        }
    }
    return row[nb];
}

static size_t length_gap(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);

    return m > n ? m - n : n - m;
}

const char *nt_nearest(const char *want, const char *const *candidates, size_t n)
{
    size_t len = strlen(want);
    size_t best = (len + 2) / 3 + 1; /* up to a third of the name may be wrong */
    const char *found = NULL;

    if (len > NAME_LIMIT)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d;

        if (strlen(candidates[i]) > NAME_LIMIT)
            continue;
        d = edit_distance(want, candidates[i]);
        if (d < len &&
            (d < best || (found && d == best &&
                          length_gap(want, candidates[i]) < length_gap(want, found)))) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

nt_status nt_fail_unknown(nt_err *e, const char *what, const char *name,
                          const char *(*at)(size_t i))
{
    nt_str known = {0};
    nt_status s;

    for (size_t i = 0; at(i) != NULL; i++)
        nt_str_addf(&known, "%s%s", i > 0 ? ", " : "", at(i));
    s = nt_fail(e, NT_EINVAL, "%s '%s' is not known (%s)", what, name,
                known.failed || known.p == NULL ? "..." : known.p);
    nt_str_release(&known);
    return s;
}
