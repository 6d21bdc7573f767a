/* SPDX-License-Identifier: MIT */
#include "data/contents.h"

#include "base/alloc.h"
#include "base/digest.h"
#include "base/file.h"
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the lines of one source */

/* Bytes of the pictures that lie in files of their own; those that are gone count nothing: who
 * reads them says so. */
static uint64_t bytes_in_files(const nt_source *src)
{
    uint64_t sum = 0;
    struct stat st;

    for (size_t i = 0; src->items && i < src->count; i++) {
        char *path = src->items[i].bytes ? NULL : nt_path_join(src->where, src->items[i].name);

        if (path && stat(path, &st) == 0)
            sum += (uint64_t)st.st_size;
        nt_free(path);
    }
    return sum;
}

static nt_status add_times(nt_str *out, const char *path, nt_err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return nt_fail_errno(e, "%s", path);
    nt_str_addf(out, " %lld bytes %lld.%09ld", (long long)st.st_size, (long long)st.st_mtime,
                st.st_mtim.tv_nsec);
    return NT_OK;
}

/* Sample i by size and time: its picture, its mask and its label. */
static nt_status add_unread(nt_str *out, const nt_source *src, size_t i, nt_err *e)
{
    const nt_encoded *of[] = {&src->items[i], src->masks ? &src->masks[i] : NULL};
    nt_status s = NT_OK;

    nt_str_addf(out, "%s/%s\t%d", src->where, src->items[i].name,
                src->labels ? (int)src->labels[i] : -1);
    for (size_t k = 0; k < 2 && s == NT_OK; k++) {
        char *path = of[k] && !of[k]->bytes ? nt_path_join(src->where, of[k]->name) : NULL;

        if (path)
            s = add_times(out, path, e);
        nt_free(path);
    }
    nt_str_add(out, "\n");
    return s;
}

static nt_status add_read(nt_str *out, nt_source *src, size_t i, nt_err *e)
{
    nt_str line = {0};
    nt_status s = nt_source_describe(src, &line, i, e);

    if (s == NT_OK)
        nt_str_addf(out, "%s/%s\t%s\n", src->where, src->items[i].name,
                    nt_sha256(line.p, line.n).text);
    nt_str_release(&line);
    return s;
}

/* All samples of one file. */
static nt_status add_whole(nt_str *out, nt_source *src, nt_err *e)
{
    nt_str all = {0};
    nt_status s = NT_OK;

    NT_TRY(nt_source_load(src, e));
    for (size_t i = 0; i < src->count; i++)
        NT_TRY(nt_source_describe(src, &all, i, e));
    if (all.failed)
        NT_TRY(nt_fail_nomem(e));
    nt_str_addf(out, "%s\t%s\n", src->where, nt_sha256(all.p, all.n).text);
done:
    nt_str_release(&all);
    return s;
}

static nt_status add_source(nt_str *out, nt_source *src, nt_err *e)
{
    bool unread = bytes_in_files(src) > NT_CONTENTS_BYTES;
    nt_status s = NT_OK;

    if (!src->items)
        return add_whole(out, src, e);
    for (size_t i = 0; i < src->count; i++)
        NT_TRY(unread ? add_unread(out, src, i, e) : add_read(out, src, i, e));
done:
    return s;
}

/* ---- of all */

/* The lines of a text, which is cut at their ends. */
typedef struct lines {
    char **v;
    size_t n;
} lines;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static nt_status split_lines(lines *out, char *text, nt_err *e)
{
    size_t n = 0;

    for (const char *p = text; *p; p++)
        n += *p == '\n';
    if (!(out->v = nt_alloc(n + 1, sizeof *out->v)))
        return nt_fail_nomem(e);
    for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1) {
        *end = '\0';
        out->v[out->n++] = p;
    }
    return NT_OK;
}

static nt_status add_sorted(nt_str *out, nt_str *text, nt_err *e)
{
    lines l = {0};
    nt_status s = NT_OK;

    if (text->failed)
        return nt_fail_nomem(e);
    if (text->n == 0)
        return NT_OK;
    NT_TRY(split_lines(&l, text->p, e));
    qsort(l.v, l.n, sizeof *l.v, by_text);
    for (size_t i = 0; i < l.n; i++)
        nt_str_addf(out, "%s\n", l.v[i]);
    if (out->failed)
        NT_TRY(nt_fail_nomem(e));
done:
    nt_free(l.v);
    return s;
}

static bool has_split(const nt_dataset *d, const char *name)
{
    return nt_json_get(nt_json_get(nt_dataset_json(d), "splits"), name) != NULL;
}

/* Was its source looked at with a split before it? */
static bool is_known(nt_split *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] && v[i]->source == v[n]->source)
            return true;
    return false;
}

nt_status nt_dataset_contents(nt_str *out, nt_dataset *d, const char *const *splits, nt_err *e)
{
    size_t n = 0;
    nt_split **v;
    nt_str text = {0};
    nt_status s = NT_OK;

    while (splits[n])
        n++;
    if (!(v = nt_calloc(n + 1, sizeof *v)))
        return nt_fail_nomem(e);
    for (size_t i = 0; i < n; i++) {
        if (!has_split(d, splits[i]))
            continue;
        NT_TRY(nt_split_open(&v[i], d, splits[i], e));
        if (!is_known(v, i))
            NT_TRY(add_source(&text, v[i]->source, e));
    }
    NT_TRY(add_sorted(out, &text, e));
done:
    for (size_t i = 0; i < n; i++)
        nt_split_free(v[i]);
    nt_free(v);
    nt_str_release(&text);
    return s;
}

/* ---- two of them */

/* As strcmp, of the names alone. */
static int by_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "\t"), m = strcspn(b, "\t");
    int order = memcmp(a, b, n < m ? n : m);

    return order ? order : (n > m) - (n < m);
}

/* Goes on in one list or in both. *line: what of the two is not the same, NULL: they are. */
static void step(const char **line, const lines *a, size_t *i, const lines *b, size_t *k)
{
    int order = *i == a->n ? 1 : *k == b->n ? -1 : by_name(a->v[*i], b->v[*k]);

    *line = order <= 0 ? a->v[*i] : b->v[*k];
    if (order == 0 && strcmp(a->v[*i], b->v[*k]) == 0)
        *line = NULL;
    *i += order <= 0;
    *k += order >= 0;
}

nt_status nt_contents_compare(char **name, size_t *n, const char *before, const char *now,
                              nt_err *e)
{
    char *one = nt_strdup(before), *two = nt_strdup(now);
    lines a = {0}, b = {0};
    const char *line;
    nt_status s = NT_OK;

    *name = NULL;
    *n = 0;
    if (!one || !two)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(split_lines(&a, one, e));
    NT_TRY(split_lines(&b, two, e));
    for (size_t i = 0, k = 0; i < a.n || k < b.n;) {
        step(&line, &a, &i, &b, &k);
        if (line && (*n)++ == 0 && !(*name = nt_strfmt("%.*s", (int)strcspn(line, "\t"), line)))
            NT_TRY(nt_fail_nomem(e));
    }
done:
    nt_free(a.v);
    nt_free(b.v);
    nt_free(one);
    nt_free(two);
    return s;
}
