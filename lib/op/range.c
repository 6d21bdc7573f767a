/* SPDX-License-Identifier: MIT */
/*
 * range.c - a tensor in any format is [outer][units of the axis][bytes of a unit] in memory; a
 * unit is one index, or a block of channels.
 */
#include "op/range.h"

#include <assert.h>
#include <string.h>

#define MAX_PARTS 64
#define PARALLEL_BYTES (1 << 18) /* below this, starting threads costs more than it saves */

typedef struct range_ctx {
    int64_t outer, whole; /* units of the whole axis */
    size_t bytes;         /* of a unit */
    int n;
    int64_t start[MAX_PARTS], count[MAX_PARTS]; /* in units */
} range_ctx;

static int64_t block(nt_format fmt)
{
    return fmt == NT_FMT_C8 ? 8 : fmt == NT_FMT_C16 ? 16 : 1;
}

bool nt_range_fits(nt_format fmt, int axis, int64_t unit)
{
    return axis != 1 || unit % block(fmt) == 0;
}

/* Extents in the order they lie in memory, and where the axis comes to stand among them. */
static int memory_order(int64_t *dims, int *at, const nt_desc *d, int axis)
{
    int64_t b = block(d->fmt), c = d->rank > 1 ? d->dims[1] : 1;
    int n = 0;

    for (int i = 0; i < d->rank; i++) {
        if (d->fmt == NT_FMT_NHWC && i == 1)
            continue;
        if (i == axis)
            *at = n;
        dims[n++] = i == 1 ? (c + b - 1) / b : d->dims[i];
    }
    if (d->fmt == NT_FMT_NHWC && d->rank > 1) {
        if (axis == 1)
            *at = n;
        dims[n++] = c;
    } else if (b > 1) {
        dims[n++] = b;
    }
    return n;
}

static range_ctx *new_ctx(nt_program *p, const nt_desc *whole, int axis)
{
    range_ctx *c = nt_program_alloc(p, 1, sizeof *c);
    int64_t dims[NT_MAX_RANK + 1] = {0}; /* gcc 14 cannot see that at is inside */
    int at = 0, n;

    if (!c)
        return NULL;
    n = memory_order(dims, &at, whole, axis);
    c->outer = 1;
    c->bytes = nt_dtype_size(whole->dtype);
    c->whole = dims[at];
    for (int i = 0; i < at; i++)
        c->outer *= dims[i];
    for (int i = at + 1; i < n; i++)
        c->bytes *= (size_t)dims[i];
    return c;
}

static void copy_part(const range_ctx *c, int i, char *whole, char *part, bool cut)
{
    size_t row = (size_t)c->count[i] * c->bytes;

#pragma omp parallel for if ((size_t)c->outer * row > PARALLEL_BYTES)
    for (int64_t o = 0; o < c->outer; o++) {
        char *w = whole + (size_t)(o * c->whole + c->start[i]) * c->bytes;
        char *q = part ? part + (size_t)o * row : NULL;

        if (!q)
            memset(w, 0, row);
        else if (cut)
            memcpy(q, w, row);
        else
            memcpy(w, q, row);
    }
}

static nt_status run_cut(void *ctx, void *const *arg, nt_err *e)
{
    (void)e;
    copy_part(ctx, 0, arg[0], arg[1], true);
    return NT_OK;
}

static nt_status run_join(void *ctx, void *const *arg, nt_err *e)
{
    const range_ctx *c = ctx;

    (void)e;
    for (int i = 0; i < c->n; i++)
        copy_part(c, i, arg[c->n], arg[i], false);
    return NT_OK;
}

nt_status nt_range_cut(nt_program *p, const nt_node *n, nt_tid whole, nt_range part, nt_err *e)
{
    const nt_desc *w = nt_program_desc(p, whole), *d = nt_program_desc(p, part.t);
    int64_t unit = part.axis == 1 ? block(w->fmt) : 1;
    range_ctx *c = new_ctx(p, w, part.axis);
    nt_step_desc step = {.node = n, .what = "cut", .fn = run_cut, .ctx = c, .n_args = 2};

    assert(w->fmt == d->fmt && w->dtype == d->dtype && part.start % unit == 0 &&
           d->dims[part.axis] % unit == 0);
    if (!c)
        return nt_fail_nomem(e);
    c->n = 1;
    c->start[0] = part.start / unit;
    c->count[0] = d->dims[part.axis] / unit;
    step.arg[0] = whole;
    step.arg[1] = part.t;
    step.writes[1] = true;
    return nt_program_step(p, &step, e);
}

nt_status nt_range_join(nt_program *p, const nt_node *n, const nt_range_parts *parts,
                        nt_tid whole, nt_err *e)
{
    const nt_desc *w = nt_program_desc(p, whole);
    int64_t unit = parts->axis == 1 ? block(w->fmt) : 1, at = 0;
    range_ctx *c = new_ctx(p, w, parts->axis);
    nt_step_desc step = {.node = n, .what = "join", .fn = run_join, .ctx = c};

    if (!c)
        return nt_fail_nomem(e);
    assert(parts->n <= MAX_PARTS);
    c->n = parts->n;
    for (int i = 0; i < parts->n; i++) {
        assert(parts->extent[i] % unit == 0);
        c->start[i] = at;
        c->count[i] = parts->extent[i] / unit;
        at += c->count[i];
        step.arg[step.n_args++] = parts->t[i];
    }
    step.writes[step.n_args] = true;
    step.arg[step.n_args++] = whole;
    return nt_program_step(p, &step, e);
}
