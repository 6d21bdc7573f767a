/* SPDX-License-Identifier: MIT */
#include "couple/kept.h"

#include "base/alloc.h"
#include "base/arena.h"

#include <string.h>

typedef struct kept_row {
    const nt_value *v;
    int axis, n;
    int64_t size, count;
    const int64_t *idx;
    struct kept_row *next; /* of the same value */
} kept_row;

struct nt_kept {
    nt_arena *arena;
    int n_values;
    kept_row **first; /* per value id */
    int64_t (*dims)[NT_MAX_RANK];
    int64_t *iota; /* 0, 1, ...: what an axis that was never cut keeps */
};

static kept_row *find_row(const nt_kept *k, nt_span s)
{
    for (kept_row *r = k->first[s.v->id]; r; r = r->next)
        if (r->axis == s.axis && r->n == s.n)
            return r;
    return NULL;
}

/* The size is what the coupling saw: extents that it was given may be open again. */
static nt_status add_row(nt_kept *k, const nt_coupling *c, int i_span, const bool *removed,
                         nt_err *e)
{
    kept_row *r = nt_arena_alloc(k->arena, 1, sizeof *r);
    nt_span s = nt_coupling_span(c, i_span);
    int64_t size = nt_coupling_span_size(c, i_span);
    int64_t *idx = nt_arena_alloc(k->arena, (size_t)size, sizeof *idx);

    if (!r || !idx)
        return nt_fail_nomem(e);
    *r = (kept_row){s.v, s.axis, s.n, size, 0, idx, k->first[s.v->id]};
    for (int64_t i = 0; i < size; i++)
        if (!removed[nt_coupling_class(c, s, i)])
            idx[r->count++] = i;
    k->first[s.v->id] = r;
    return NT_OK;
}

/* Remembers the extents; *longest is the largest of them. */
static void note_dims(nt_kept *k, const nt_graph *g, int64_t *longest)
{
    *longest = 0;
    for (int i = 0; i < g->n_values; i++)
        for (int a = 0; a < g->values[i]->rank; a++) {
            int64_t d = g->values[i]->dims[a].value;

            k->dims[i][a] = d;
            if (d > *longest)
                *longest = d;
        }
}

static nt_status prepare(nt_kept *k, const nt_graph *g, nt_err *e)
{
    int64_t longest;

    k->n_values = g->n_values;
    k->arena = nt_arena_new();
    if (!k->arena)
        return nt_fail_nomem(e);
    k->first = nt_arena_alloc(k->arena, (size_t)g->n_values, sizeof *k->first);
    k->dims = nt_arena_alloc(k->arena, (size_t)g->n_values, sizeof *k->dims);
    if (!k->first || !k->dims)
        return nt_fail_nomem(e);
    note_dims(k, g, &longest);
    k->iota = nt_arena_alloc(k->arena, (size_t)longest, sizeof *k->iota);
    if (!k->iota)
        return nt_fail_nomem(e);
    for (int64_t i = 0; i < longest; i++)
        k->iota[i] = i;
    return NT_OK;
}

nt_status nt_kept_new(nt_kept **out, const nt_coupling *c, const bool *removed, nt_err *e)
{
    nt_status s = NT_OK;
    nt_kept *k = nt_calloc(1, sizeof *k);

    if (!k)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(prepare(k, nt_coupling_graph(c), e));
    for (int i = 0; i < nt_coupling_n_spans(c); i++)
        NT_TRY(add_row(k, c, i, removed, e));
    *out = k;
    k = NULL;
done:
    nt_kept_free(k);
    return s;
}

void nt_kept_free(nt_kept *k)
{
    if (!k)
        return;
    nt_arena_free(k->arena);
    nt_free(k);
}

const int64_t *nt_kept_indices(const nt_kept *k, nt_span s, int64_t *count)
{
    const kept_row *r;

    if (s.v->id >= k->n_values)
        return NULL; /* made after the coupling */
    r = find_row(k, s);
    if (r) {
        *count = r->count;
        return r->idx;
    }
    if (s.n > 1)
        return NULL;
    *count = k->dims[s.v->id][s.axis];
    return k->iota;
}

int64_t nt_kept_old_dim(const nt_kept *k, const nt_value *v, int axis)
{
    return v->id < k->n_values ? k->dims[v->id][axis] : v->dims[axis].value;
}
