/* SPDX-License-Identifier: MIT */
/*
 * Broadcasting is strides: every operand is seen over y's memory order, with stride 0 where its
 * extent is 1. Dimensions that all three walk alike are merged, and the two innermost of what
 * is left make the tiles. In a blocked format the last block may be short: it is a nest of its
 * own.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/clones.h"
#include "kernel/openblas/openblas.h"

#include <string.h>

#define DIMS (NT_MAX_RANK + 1) /* blocks and lanes are two */

enum { A, B, Y };

typedef struct dim {
    int64_t size, stride[3];
} dim;

/* Loops from the outermost inwards; `at` is where each operand starts. */
typedef struct nest {
    int n;
    dim d[DIMS];
    int64_t at[3];
} nest;

typedef struct binary_prim {
    nt_prim head;
    nt_binary_kind kind;
    nt_dtype dtype[3];
    blas_layout y;
    int n;
    nest nest[2];
} binary_prim;

CLONES static void row(nt_binary_kind kind, float *y, const float *a, const float *b, int64_t n)
{
    switch (kind) {
    case NT_BIN_ADD:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] + b[i];
        break;
    case NT_BIN_SUB:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] - b[i];
        break;
    case NT_BIN_MUL:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] * b[i];
        break;
    case NT_BIN_DIV:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] / b[i];
        break;
    case NT_BIN_MIN:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] < b[i] || a[i] != a[i] ? a[i] : b[i];
        break;
    case NT_BIN_MAX:
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = a[i] > b[i] || a[i] != a[i] ? a[i] : b[i];
        break;
    case NT_BIN_PRELU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float up = a[i] > 0 ? a[i] : 0, down = a[i] > 0 ? 0 : a[i];

            y[i] = up + down * b[i]; /* what a branch would give, in a form that vectorises */
        }
    }
}

static void fill(float *y, float v, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = v;
}

/* n elements as a dense fp32 row: where they lie, or in buf. */
static const float *operand(float *buf, const void *p, nt_dtype t, int64_t at, int64_t stride,
                            int64_t n)
{
    const float *f = p;
    const uint16_t *b = p;

    if (stride == 1 && t == NT_F32)
        return f + at;
    if (stride == 1)
        blas_row_load(buf, b + at, t, n);
    else if (stride == 0)
        fill(buf, t == NT_F32 ? f[at] : nt_bf16_to_f32(b[at]), n);
    else
        for (int64_t i = 0; i < n; i++)
            buf[i] = t == NT_F32 ? f[at + i * stride] : nt_bf16_to_f32(b[at + i * stride]);
    return buf;
}

/* Goes operand k on from row to row as along a row? */
static bool is_even(const dim *rows, const dim *cols, int k)
{
    return rows->stride[k] == cols->size * cols->stride[k];
}

/* `height` rows of `width` elements, in each operand from offset at[] on; in y they lie one
 * after the other. */
typedef struct tile {
    const dim *rows, *cols;
    int64_t at[3], height, width;
} tile;

/* Operand k's part of the tile as one dense row. */
static const float *tile_get(float *buf, const binary_prim *p, void *const *arg, int k,
                             const tile *t)
{
    int64_t at = t->at[k], step = t->cols->stride[k], n = t->width;
    const float *first;

    if (t->height == 1 || is_even(t->rows, t->cols, k))
        return operand(buf, arg[k], p->dtype[k], at, step, t->height * n);
    first = operand(buf, arg[k], p->dtype[k], at, step, n);
    for (int64_t i = first == buf; i < t->height; i++)
        memcpy(buf + i * n, first, (size_t)n * sizeof *buf);
    return buf;
}

static void run_tile(const binary_prim *p, void *const *arg, const tile *t)
{
    float a_buf[BLAS_TILE], b_buf[BLAS_TILE], y_buf[BLAS_TILE];
    const float *a = tile_get(a_buf, p, arg, A, t), *b = tile_get(b_buf, p, arg, B, t);
    int64_t at = t->at[Y], n = t->height * t->width;

    if (p->dtype[Y] == NT_F32) {
        row(p->kind, (float *)arg[Y] + at, a, b, n);
        return;
    }
    row(p->kind, y_buf, a, b, n);
    blas_row_store((uint16_t *)arg[Y] + at, p->dtype[Y], y_buf, n);
}

static void move(int64_t at[3], const dim *d, int64_t steps)
{
    for (int k = 0; k < 3; k++)
        at[k] += steps * d->stride[k];
}

/* Can several rows be computed as one: each operand is dense, or repeats a row? */
static bool joins_rows(const dim *rows, const dim *cols)
{
    return is_even(rows, cols, Y) && (is_even(rows, cols, A) || rows->stride[A] == 0) &&
           (is_even(rows, cols, B) || rows->stride[B] == 0);
}

/* Tiles of up to BLAS_TILE elements of the two innermost dimensions. */
static void run_nest(const binary_prim *p, void *const *arg, const nest *t)
{
    const dim *rows = &t->d[t->n - 2], *cols = &t->d[t->n - 1];
    bool joins = joins_rows(rows, cols);
    int64_t width = blas_min(cols->size, BLAS_TILE), height = BLAS_TILE / width;
    int64_t across = (cols->size + width - 1) / width;
    int64_t down = (rows->size + height - 1) / height, tiles = across * down;

    for (int i = 0; i < t->n - 2; i++)
        tiles *= t->d[i].size;
#pragma omp parallel for schedule(static) if (tiles > 16)
    for (int64_t i = 0; i < tiles; i++) {
        tile part = {rows, cols, {t->at[A], t->at[B], t->at[Y]}, 1, 0};
        int64_t r = i / across % down * height, c = i % across * width;
        int64_t rest = i / across / down, end = blas_min(r + height, rows->size);

        for (int k = t->n - 3; k >= 0; k--, rest /= t->d[k + 1].size)
            move(part.at, &t->d[k], rest % t->d[k].size);
        move(part.at, rows, r);
        move(part.at, cols, c);
        part.width = blas_min(width, cols->size - c);
        for (; r < end; r += part.height) {
            part.height = joins && width == cols->size ? end - r : 1;
            run_tile(p, arg, &part);
            move(part.at, rows, part.height);
        }
    }
}

static nt_status run_binary(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const binary_prim *p = (const binary_prim *)head;

    (void)scratch, (void)e;
    for (int i = 0; i < p->n; i++)
        run_nest(p, arg, &p->nest[i]);
    blas_layout_pad(arg[Y], p->dtype[Y], p->y);
    return NT_OK;
}

/* ---- making */

/* Two dimensions are one if every operand goes from row to row of the inner as along it. */
static bool merges(const dim *outer, const dim *inner)
{
    for (int k = 0; k < 3; k++)
        if (outer->stride[k] != inner->size * inner->stride[k])
            return false;
    return true;
}

static void add_dim(nest *t, dim d)
{
    if (d.size == 1)
        return;
    if (t->n > 0 && merges(&t->d[t->n - 1], &d)) {
        d.size *= t->d[t->n - 1].size;
        t->n--;
    }
    t->d[t->n++] = d;
}

/* run_nest wants two, the inner of stride 1 in y. */
static void complete(nest *t)
{
    const dim one = {1, {0, 0, 1}};

    if (t->n == 0 || t->d[t->n - 1].stride[Y] != 1)
        t->d[t->n++] = one;
    if (t->n == 1) {
        t->d[1] = t->d[0];
        t->d[0] = one;
        t->n = 2;
    }
}

/* How operand x strides along the dimensions of y's memory. */
typedef struct strides {
    int64_t n, block, lane, point[NT_MAX_RANK];
} strides;

static strides strides_of(const nt_desc *x, const nt_desc *y)
{
    blas_layout l = blas_layout_of(x), ly = blas_layout_of(y);
    bool all_channels = x->rank > 1 && (x->dims[1] > 1 || y->dims[1] == 1);
    strides s = {.n = x->rank > 0 && x->dims[0] > 1 ? l.blocks * l.points * l.lanes : 0};
    int64_t step = l.lanes;

    if (all_channels) { /* with one point, every format lies channel after channel */
        s.block = l.points == 1 ? ly.lanes : l.points * l.lanes;
        s.lane = 1;
    }
    for (int i = x->rank - 1; i >= 2; i--) {
        s.point[i] = x->dims[i] > 1 ? step : 0;
        step *= x->dims[i];
    }
    return s;
}

/* The loops over blocks [from, to) of y, each with `lanes` real channels. */
static nest nest_of(const nt_desc *y, const strides s[3], int64_t from, int64_t to,
                    int64_t lanes)
{
    nest t = {0};

    if (y->rank > 0)
        add_dim(&t, (dim){y->dims[0], {s[A].n, s[B].n, s[Y].n}});
    add_dim(&t, (dim){to - from, {s[A].block, s[B].block, s[Y].block}});
    for (int i = 2; i < y->rank; i++)
        add_dim(&t, (dim){y->dims[i], {s[A].point[i], s[B].point[i], s[Y].point[i]}});
    add_dim(&t, (dim){lanes, {s[A].lane, s[B].lane, s[Y].lane}});
    complete(&t);
    for (int k = 0; k < 3; k++)
        t.at[k] = from * s[k].block;
    return t;
}

static nt_status check(const nt_desc *x, const nt_desc *y, nt_err *e)
{
    blas_layout l = blas_layout_of(x);
    nt_status s = NT_OK;

    NT_TRY(blas_check_float(x->dtype, "binary operation", e));
    if (x->fmt == NT_FMT_ANY)
        NT_TRY(nt_fail(e, NT_EINVAL, "a binary operation needs formats"));
    if (x->rank != y->rank)
        NT_TRY(
            nt_fail(e, NT_EINVAL, "a binary operation of ranks %d and %d", x->rank, y->rank));
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] != y->dims[i] && x->dims[i] != 1)
            NT_TRY(nt_fail(e, NT_EINVAL, "extent %lld does not broadcast to %lld",
                           (long long)x->dims[i], (long long)y->dims[i]));
    if (l.points > 1 && l.c > 1 && l.lanes != blas_layout_of(y).lanes)
        NT_TRY(nt_fail(e, NT_EINVAL, "a binary operation of formats %s and %s",
                       nt_format_name(x->fmt), nt_format_name(y->fmt)));
done:
    return s;
}

nt_status blas_binary_new(nt_prim **out, nt_device *dev, const nt_binary_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_desc *a = &d->a, *b = &d->b, *y = &d->y;
    blas_layout l = blas_layout_of(y);
    strides str[3] = {strides_of(a, y), strides_of(b, y), strides_of(y, y)};
    int64_t whole = l.c / l.lanes;
    binary_prim *p;

    (void)dev;
    NT_TRY(check(a, y, e));
    NT_TRY(check(b, y, e));
    NT_TRY(check(y, y, e));
    p = blas_prim_new(sizeof *p, run_binary, "binary:tiles");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->kind = d->kind;
    p->dtype[A] = a->dtype;
    p->dtype[B] = b->dtype;
    p->dtype[Y] = y->dtype;
    p->y = l;
    if (whole > 0)
        p->nest[p->n++] = nest_of(y, str, 0, whole, l.lanes);
    if (whole < l.blocks)
        p->nest[p->n++] = nest_of(y, str, whole, l.blocks, l.c - whole * l.lanes);
    *out = &p->head;
done:
    return s;
}
