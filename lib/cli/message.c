/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/outfile.h"
#include "base/str.h"
#include "cli/cli_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE 1024

/* What a terminal might obey, or cannot show: ASCII and C1 control characters, broken UTF-8. */
static void mask_controls(char *text)
{
    size_t n = strlen(text), len;

    for (size_t i = 0; i < n; i += len) {
        unsigned char *u = (unsigned char *)text + i;

        len = nt_utf8_len(text + i, n - i);
        if (len == 2 && u[0] == 0xc2 && u[1] < 0xa0)
            u[0] = u[1] = '?';
        if (len == 0 || u[0] < ' ' || u[0] == 0x7f)
            u[0] = '?';
        len = len ? len : 1;
    }
}

void nt_cli_message(const nt_cli *c, const char *kind, const char *text)
{
    char line[MAX_MESSAGE];
    size_t n;

    snprintf(line, sizeof line - 1, "%s: %s%s", c->tool, kind, text);
    mask_controls(line);
    n = strlen(line);
    memcpy(line + n, "\n", 2);
    nt_cli_progress_erase(c);
    fputs(line, stderr);
}

void nt_cli_die(const nt_cli *c, int status, const char *text)
{
    nt_cli_message(c, "", text);
    nt_outfile_unlink_all();
    exit(status);
}

void nt_cli_warn(const nt_cli *c, const char *fmt, ...)
{
    char text[MAX_MESSAGE];
    va_list ap;

    if (c->quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nt_cli_message(c, "warning: ", text);
}

void nt_cli_warn_lines(const nt_cli *c, const char *subject, const char *text)
{
    if (strcmp(subject, "-") == 0)
        subject = "standard input";
    for (const char *end; text && *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        nt_cli_warn(c, "%s: %.*s", subject, (int)(end - text), text);
    }
}

void nt_cli_warn_take(const nt_cli *c, char *text)
{
    if (text)
        nt_cli_warn(c, "%s", text);
    nt_free(text);
}

void nt_cli_note(const nt_cli *c, const char *fmt, ...)
{
    char text[MAX_MESSAGE];
    va_list ap;

    if (!c->verbose)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nt_cli_message(c, "note: ", text);
}

void nt_cli_note_lines(const nt_cli *c, const char *text)
{
    for (const char *end; text && *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        nt_cli_note(c, "%.*s", (int)(end - text), text);
    }
}

void nt_cli_usage(const nt_cli *c, const char *fmt, ...)
{
    char text[MAX_MESSAGE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nt_cli_die(c, 2, text);
}
