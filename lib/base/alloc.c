/* SPDX-License-Identifier: MIT */
#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE HUGE_PAGE /* bytes from which on pages matter */
#define UNREAD (-1)

/* Allocations left until the one that fails: 0 none, UNREAD before the environment was asked.
 * A test hook, not state: no result depends on it. */
static atomic_long fail_countdown = UNREAD;

static void read_environment(void)
{
    const char *text = getenv("NT_ALLOC_FAIL");
    long unread = UNREAD;
    long n = text ? strtol(text, NULL, 10) : 0;

    atomic_compare_exchange_strong(&fail_countdown, &unread, n > 0 ? n : 0);
}

void nt_alloc_fail_at(long n)
{
    atomic_store(&fail_countdown, n > 0 ? n : 0);
}

static bool must_fail(void)
{
    long left = atomic_load(&fail_countdown);

    if (left == 0)
        return false;
    if (left == UNREAD) {
        read_environment();
        left = atomic_load(&fail_countdown);
    }
    while (left > 0 && !atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
        ;
    return left == 1;
}

/* No object may be larger than a pointer difference can say. */
static bool total(size_t *bytes, size_t count, size_t size)
{
    return nt_size_mul(bytes, count, size) && *bytes <= PTRDIFF_MAX;
}

#if defined(__linux__) && defined(MADV_HUGEPAGE)

/* A large model is loaded at the speed of its page faults: huge pages are 512 times as few. */
static void ask_for_huge_pages(void *p, size_t bytes)
{
    if (bytes >= LARGE)
        (void)madvise(p, bytes / HUGE_PAGE * HUGE_PAGE,
                      MADV_HUGEPAGE); /* no more than a wish */
}

/* Whole pages are given back: they come anew, as zeros, when and if they are used. p is that of
 * nt_alloc. How many bytes in front that made zero. */
static size_t zero_pages(void *p, size_t bytes)
{
    size_t whole = bytes / HUGE_PAGE * HUGE_PAGE;

    return bytes >= LARGE && madvise(p, whole, MADV_DONTNEED) == 0 ? whole : 0;
}

void nt_discard(void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = (page - (uintptr_t)p % page) % page;

    if (n >= skip + page)
        (void)madvise((char *)p + skip, (n - skip) / page * page, MADV_DONTNEED);
}

#else

void nt_discard(void *p, size_t n)
{
    (void)p, (void)n;
}

static void ask_for_huge_pages(void *p, size_t bytes)
{
    (void)p, (void)bytes;
}

static size_t zero_pages(void *p, size_t bytes)
{
    (void)p, (void)bytes;
    return 0;
}

#endif

void *nt_alloc(size_t count, size_t size)
{
    void *p = NULL;
    size_t bytes;

    if (!total(&bytes, count, size) || must_fail())
        return NULL;
    if (posix_memalign(&p, bytes >= LARGE ? HUGE_PAGE : ALIGNMENT, bytes ? bytes : 1))
        return NULL;
    ask_for_huge_pages(p, bytes);
    return p;
}

void *nt_calloc(size_t count, size_t size)
{
    void *p = nt_alloc(count, size);
    size_t bytes = count * size, done = p ? zero_pages(p, bytes) : 0;

    if (p)
        memset((char *)p + done, 0, bytes - done);
    return p;
}

void *nt_realloc(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (!total(&bytes, count, size) || must_fail())
        return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void nt_free(void *p)
{
    free(p);
}

char *nt_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = nt_realloc(NULL, n, 1);

    if (copy)
        memcpy(copy, s, n);
    return copy;
}

char *nt_strfmt(const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    text = n < 0 ? NULL : nt_realloc(NULL, (size_t)n + 1, 1);
    if (!text)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return text;
}

bool nt_size_mul(size_t *out, size_t a, size_t b)
{
    size_t v;

    if (__builtin_mul_overflow(a, b, &v))
        return false;
    *out = v;
    return true;
}

bool nt_size_add(size_t *out, size_t a, size_t b)
{
    size_t v;

    if (__builtin_add_overflow(a, b, &v))
        return false;
    *out = v;
    return true;
}

bool nt_i64_mul(int64_t *out, int64_t a, int64_t b)
{
    int64_t v;

    if (__builtin_mul_overflow(a, b, &v))
        return false;
    *out = v;
    return true;
}

bool nt_i64_add(int64_t *out, int64_t a, int64_t b)
{
    int64_t v;

    if (__builtin_add_overflow(a, b, &v))
        return false;
    *out = v;
    return true;
}
