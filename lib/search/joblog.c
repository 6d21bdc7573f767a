/* SPDX-License-Identifier: MIT */
#include "search/joblog.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512
#define TAIL_BYTES 8192

nt_status nt_joblog_open(nt_joblog *l, const char *dir, nt_err *e)
{
    nt_status s = NT_OK;
    char *path = nt_path_join(dir, "job.log");

    if (!path)
        return nt_fail_nomem(e);
    l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd < 0)
        s = nt_fail_errno(e, "%s", path);
    else if (flock(l->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        s = nt_fail(e, NT_EIO, "%s: another nt-optimize works in this folder", path);
    if (s != NT_OK)
        nt_joblog_close(l);
    nt_free(path);
    return s;
}

void nt_joblog_close(nt_joblog *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* "2026-11-22 02:21:54 - LEVEL: "; how long it is. */
static size_t put_stamp(char line[LINE_MAX_BYTES], const char *level)
{
    time_t now = time(NULL);
    struct tm tm;
    size_t n;

    localtime_r(&now, &tm);
    n = strftime(line, LINE_MAX_BYTES, "%Y-%m-%d %H:%M:%S - ", &tm);
    return n + (size_t)snprintf(line + n, LINE_MAX_BYTES - n, "%s: ", level);
}

/* See joblog.h. */
static void write_line(const nt_joblog *l, char line[LINE_MAX_BYTES])
{
    size_t n = strlen(line);

    line[n] = '\n';
    if (write(l->fd, line, n + 1) < 0)
        return;
}

void nt_joblog_info(nt_joblog *l, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    size_t n = put_stamp(line, "INFO");
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    va_end(ap);
    if (l->say)
        l->say(l->ctx, line);
    write_line(l, line);
}

void nt_joblog_warn(nt_joblog *l, const char *text)
{
    for (const char *end; text && *text; text = *end ? end + 1 : end) {
        char line[LINE_MAX_BYTES];
        size_t n = put_stamp(line, "WARNING");

        end = text + strcspn(text, "\n");
        snprintf(line + n, sizeof line - n - 1, "%.*s", (int)(end - text), text);
        write_line(l, line);
    }
}

off_t nt_joblog_mark(const nt_joblog *l)
{
    return lseek(l->fd, 0, SEEK_END);
}

/* "nt-prune: ..." and the like: a word and a colon; no recipe that make shows looks so. */
static bool is_message(const char *line)
{
    size_t n = strcspn(line, ": \t");

    return n > 0 && strncmp(line + n, ": ", 2) == 0 && strncmp(line, "make", 4) != 0 &&
           strncmp(line + n, ": warning: ", 11) != 0;
}

void nt_joblog_why(const nt_joblog *l, off_t mark, char *out, size_t n)
{
    char text[TAIL_BYTES + 1], *save = NULL;
    off_t end = nt_joblog_mark(l);
    ssize_t got;

    *out = '\0';
    if (end - mark > TAIL_BYTES)
        mark = end - TAIL_BYTES;
    got = pread(l->fd, text, TAIL_BYTES, mark);
    if (got <= 0)
        return;
    text[got] = '\0';
    for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
        bool consequence = strstr(p, ": standard input: ") != NULL;

        if (!is_message(p) || (*out && consequence))
            continue;
        snprintf(out, n, "%s", p);
        if (!consequence)
            return;
    }
}
