/* SPDX-License-Identifier: MIT */
#include "report/table.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GAP "  "

struct nt_table {
    char *columns;
    size_t n_columns;
    char **cell; /* NULL: a rule in place of a row */
    size_t n, cap;
    bool failed;
};

nt_table *nt_table_new(const char *columns)
{
    nt_table *t = nt_calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->columns = nt_strdup(columns);
    t->n_columns = strlen(columns);
    if (t->columns)
        return t;
    nt_free(t);
    return NULL;
}

void nt_table_free(nt_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        nt_free(t->cell[i]);
    nt_free(t->cell);
    nt_free(t->columns);
    nt_free(t);
}

static void add(nt_table *t, char *text)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **v = nt_realloc(t->cell, cap, sizeof *v);

        if (!v) {
            t->failed = true;
            nt_free(text);
            return;
        }
        t->cell = v;
        t->cap = cap;
    }
    t->cell[t->n++] = text;
}

void nt_table_cell(nt_table *t, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    char *text;

    if (!t)
        return;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    text = nt_strdup(buf);
    t->failed = t->failed || !text;
    if (text)
        add(t, text);
}

void nt_table_rule(nt_table *t)
{
    for (size_t i = 0; t && i < t->n_columns; i++)
        add(t, NULL);
}

/* Characters, not bytes: UTF-8 continuation bytes do not count. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static size_t column_width(const nt_table *t, size_t column)
{
    size_t max = 0;

    for (size_t i = column; i < t->n; i += t->n_columns) {
        size_t w = width(t->cell[i]);

        max = w > max ? w : max;
    }
    return max;
}

static void pad(nt_str *out, size_t n)
{
    nt_str_addf(out, "%*s", (int)n, "");
}

static void write_cell(nt_str *out, const nt_table *t, size_t i, size_t w)
{
    size_t column = i % t->n_columns, fill = w - width(t->cell[i]);
    bool last = column + 1 == t->n_columns;

    if (t->columns[column] == 'r')
        pad(out, fill);
    nt_str_add(out, t->cell[i]);
    if (t->columns[column] != 'r' && !last)
        pad(out, fill);
    nt_str_add(out, last ? "\n" : GAP);
}

bool nt_table_write(const nt_table *t, nt_str *out)
{
    size_t total = 0, w[64];

    if (!t || t->failed || t->n_columns > 64)
        return false;
    for (size_t c = 0; c < t->n_columns; c++)
        total += (w[c] = column_width(t, c)) + (c ? strlen(GAP) : 0);
    for (size_t i = 0; i < t->n; i++) {
        if (t->cell[i]) {
            write_cell(out, t, i, w[i % t->n_columns]);
        } else if (i % t->n_columns == 0) {
            for (size_t k = 0; k < total; k++)
                nt_str_add(out, "-");
            nt_str_add(out, "\n");
        }
    }
    return !out->failed;
}
