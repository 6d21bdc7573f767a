/* SPDX-License-Identifier: MIT */
#include "exec/lives.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    const nt_life *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->t - y->t;
}

static int by_offset(const void *a, const void *b)
{
    const nt_life *const *x = a, *const *y = b;

    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* Lowest offset where l fits between those already placed that live at the same time. */
static size_t lowest_fit(const nt_life *l, const nt_life *placed, int n, const nt_life **near)
{
    size_t at = 0;
    int m = 0;

    for (int i = 0; i < n; i++) {
        if (placed[i].first <= l->last && placed[i].last >= l->first)
            near[m++] = &placed[i];
    }
    qsort(near, (size_t)m, sizeof *near, by_offset);
    for (int i = 0; i < m; i++) {
        if (near[i]->offset >= at + l->bytes)
            break;
        if (near[i]->offset + near[i]->bytes > at)
            at = near[i]->offset + near[i]->bytes;
    }
    return at;
}

size_t nt_lives_place(nt_life *l, int n, const nt_life **near)
{
    size_t end = 0;

    qsort(l, (size_t)n, sizeof *l, by_size);
    for (int i = 0; i < n; i++) {
        l[i].offset = lowest_fit(&l[i], l, i, near);
        if (l[i].offset + l[i].bytes > end)
            end = l[i].offset + l[i].bytes;
    }
    return end;
}
