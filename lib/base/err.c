/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

nt_status nt_fail(nt_err *e, nt_status s, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return s;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return s;
}

nt_status nt_fail_errno(nt_err *e, const char *fmt, ...)
{
    int code = errno;
    size_t n;
    va_list ap;

    if (!e)
        return NT_EIO;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    n = strlen(e->msg);
    snprintf(e->msg + n, sizeof e->msg - n, ": %s", strerror(code));
    return NT_EIO;
}

void nt_err_prefix(nt_err *e, const char *fmt, ...)
{
    nt_err old;
    size_t n;
    va_list ap;

    if (!e)
        return;
    old = *e;
    va_start(ap, fmt);
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    n = strlen(e->msg);
    snprintf(e->msg + n, sizeof e->msg - n, ": %s", old.msg);
}

nt_status nt_fail_nomem(nt_err *e)
{
    return nt_fail(e, NT_ENOMEM, "out of memory");
}
