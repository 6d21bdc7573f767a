/* SPDX-License-Identifier: MIT */
/* starve.h - every allocation fails once, so that every way out is walked. */
#ifndef NT_TESTS_UNIT_STARVE_H
#define NT_TESTS_UNIT_STARVE_H

#include "base/alloc.h"
#include "base/err.h"

#include "test.h"

#define STARVE_MOST 200000

/*
 * Calls f with its first allocation failing, then with its second, and so on until it succeeds:
 * each must be NT_ENOMEM and say so. What f makes it must free itself, whatever came of it (the
 * sanitizers see to that). Returns how many allocations it takes.
 */
static inline long starve(nt_status (*f)(void *ctx, nt_err *e), void *ctx)
{
    for (long n = 1; n < STARVE_MOST; n++) {
        nt_err e = {{0}};
        nt_status s;

        nt_alloc_fail_at(n);
        s = f(ctx, &e);
        nt_alloc_fail_at(0);
        if (s == NT_OK)
            return n - 1;
        if (s != NT_ENOMEM || !strstr(e.msg, "out of memory"))
            fail_msg("allocation %ld: status %d, '%s'", n, (int)s, e.msg);
    }
    fail_msg("no end after %d allocations", STARVE_MOST);
    return 0;
}

#endif
