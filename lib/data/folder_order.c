/* SPDX-License-Identifier: MIT */
#include "data/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A class folder stands before its pictures. */
static int by_name(const void *a, const void *b)
{
    const nt_found *x = a, *y = b;
    int order = strcmp(x->class, y->class);

    if (order || !x->file || !y->file)
        return order ? order : !!x->file - !!y->file;
    return strcmp(x->file, y->file);
}

/* (2 r + 1) / of of one against the other's, crosswise; counts are below 2^32. */
static int by_share(const void *a, const void *b)
{
    const nt_found *x = a, *y = b;
    uint64_t p = (2 * x->rank + 1) * y->of, q = (2 * y->rank + 1) * x->of;

    if (p != q)
        return p < q ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

static bool has_class(const nt_found *t)
{
    return *t->class;
}

/* Sorted by name, what has no class comes first: it is left out, or all that there is. */
static nt_status settle_loose(nt_finds *f, bool *flat, nt_err *e)
{
    size_t loose = 0, kept = 0;
    nt_status s = NT_OK;

    while (loose < f->n && !has_class(&f->v[loose]))
        loose++;
    for (size_t i = loose; i < f->n; i++)
        kept += f->v[i].file != NULL;
    *flat = loose > 0 && kept == 0;
    for (size_t i = 0; i < loose && !*flat && s == NT_OK; i++) {
        nt_err why = {{0}};

        s = nt_fail(&why, NT_EFORMAT, "it lies beside the folders of classes, in none of them");
        s = nt_source_leave(f->src, f->v[i].file, s, &why, e);
    }
    if (*flat)
        f->n = loose;
    else
        memmove(f->v, f->v + loose, (f->n -= loose) * sizeof *f->v);
    return s;
}

/* Those of [first, end) become a class, numbered; its folder drops out. */
static nt_status number_class(nt_finds *f, size_t *kept, size_t i, size_t end, int32_t label,
                              nt_err *e)
{
    size_t first = *kept;

    for (; i < end; i++) {
        nt_found t = f->v[i];

        if (!t.file)
            continue;
        t.label = label;
        t.rank = *kept - first;
        if (t.rank > 0 && strcmp(f->v[*kept - 1].file, t.file) == 0)
            return nt_fail(e, NT_EFORMAT, "%s: '%s%s%s' is there twice", f->src->where, t.class,
                           *t.class ? "/" : "", t.file);
        f->v[(*kept)++] = t;
    }
    for (size_t k = first; k < *kept; k++)
        f->v[k].of = *kept - first;
    return NT_OK;
}

/* From the finds sorted by name: labels, class names, ranks. */
static nt_status number(nt_finds *f, bool flat, nt_err *e)
{
    nt_source *src = f->src;
    size_t kept = 0, classes = 0;
    nt_status s = NT_OK;

    if (flat) {
        NT_TRY(number_class(f, &kept, 0, f->n, -1, e));
        goto done;
    }
    src->class_names = nt_arena_alloc(src->arena, f->n, sizeof *src->class_names);
    if (!src->class_names)
        return nt_fail_nomem(e);
    for (size_t i = 0, end; i < f->n; i = end) {
        src->class_names[classes] = f->v[i].class;
        for (end = i; end < f->n && strcmp(f->v[end].class, f->v[i].class) == 0;)
            end++;
        NT_TRY(number_class(f, &kept, i, end, (int32_t)classes, e));
        classes++;
    }
    src->classes = (int64_t)classes;
done:
    f->n = kept;
    return s;
}

/* One class, all of it in folders within: those are the classes, most likely. */
static bool is_one_too_deep(const nt_finds *f)
{
    if (f->src->classes != 1)
        return false;
    for (size_t i = 0; i < f->n; i++)
        if (!strchr(f->v[i].file, '/'))
            return false;
    return true;
}

static nt_status make_items(nt_finds *f, nt_err *e)
{
    nt_source *src = f->src;

    src->count = f->n;
    src->labels = nt_arena_alloc(src->arena, f->n, sizeof *src->labels);
    src->items = nt_arena_alloc(src->arena, f->n, sizeof *src->items);
    if (!src->labels || !src->items)
        return nt_fail_nomem(e);
    for (size_t i = 0; i < f->n; i++) {
        const nt_found *t = &f->v[i];
        size_t n = strlen(t->class) + strlen(t->file) + 2;
        char *name = nt_arena_alloc(src->arena, n, 1);

        if (!name)
            return nt_fail_nomem(e);
        snprintf(name, n, "%s%s%s", t->class, has_class(t) ? "/" : "", t->file);
        src->labels[i] = t->label;
        src->items[i] = (nt_encoded){name, t->bytes, t->n};
    }
    return NT_OK;
}

nt_status nt_finds_order(nt_finds *f, nt_err *e)
{
    bool flat = false;
    nt_status s = NT_OK;

    if (f->n > 0) {
        qsort(f->v, f->n, sizeof *f->v, by_name);
        NT_TRY(settle_loose(f, &flat, e));
        NT_TRY(number(f, flat, e));
    }
    if (f->n == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%s: no pictures, want CLASS/NAME.jpg or .png",
                       f->src->where));
    if (is_one_too_deep(f))
        NT_TRY(nt_fail(e, NT_EFORMAT,
                       "%s: all pictures lie in folders within '%s', want CLASS/NAME.jpg",
                       f->src->where, f->src->class_names[0]));
    qsort(f->v, f->n, sizeof *f->v, by_share);
    NT_TRY(make_items(f, e));
done:
    return s;
}
