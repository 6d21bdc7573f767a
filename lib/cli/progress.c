/* SPDX-License-Identifier: MIT */
#include "cli/cli_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define FIRST_AFTER_S 1.0
#define EVERY_S 0.1

enum { AUTO, ALWAYS, NEVER };

static double seconds_since(const struct timespec *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + 1e-9 * (double)(now.tv_nsec - t->tv_nsec);
}

/* Is it time to draw? Under --progress=always each call is. */
static bool is_due(const nt_cli *c)
{
    struct nt_cli_state *st = c->state;

    if (c->quiet || c->progress == NEVER)
        return false;
    if (c->progress == ALWAYS)
        return true;
    if (!isatty(STDERR_FILENO))
        return false;
    if (!st->started) {
        st->started = true;
        clock_gettime(CLOCK_MONOTONIC, &st->start);
        st->last = st->start;
    }
    return seconds_since(&st->start) >= FIRST_AFTER_S &&
           (!st->shown || seconds_since(&st->last) >= EVERY_S);
}

void nt_cli_progress(nt_cli *c, double fraction, const char *fmt, ...)
{
    char bar[BAR_WIDTH + 1], what[41] = "", line[160];
    double f = fraction > 0 ? fraction < 1 ? fraction : 1 : 0;
    int full = (int)(f * BAR_WIDTH);
    va_list ap;

    if (!c->state || !is_due(c))
        return;
    if (fmt) {
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
    }
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = '\0';
    snprintf(line, sizeof line, "\r\033[K[%s] %3d%% %s", bar, (int)(f * 100), what);
    fputs(line, stderr);
    c->state->shown = true;
    clock_gettime(CLOCK_MONOTONIC, &c->state->last);
}

void nt_cli_progress_erase(const nt_cli *c)
{
    if (!c->state || !c->state->shown)
        return;
    fputs("\r\033[K", stderr);
    c->state->shown = false;
}

void nt_cli_progress_end(nt_cli *c)
{
    nt_cli_progress_erase(c);
    if (c->state)
        c->state->started = false;
}
