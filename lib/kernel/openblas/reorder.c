/* SPDX-License-Identifier: MIT */
/*
 * Reorders go through fp32 tiles of a few channels by a few points. A tile is read and written
 * in runs along whatever is contiguous on that side, and transposed in between where the two
 * sides differ. Four-byte elements of one type are moved as bits, so that int32 stays exact.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/openblas/openblas.h"

#include <math.h>
#include <string.h>

typedef struct reorder_prim {
    nt_prim head;
    nt_dtype from, to;
    blas_layout x, y;
    int64_t channels, points; /* of a tile, which never crosses a block of either side */
    bool across;              /* neighbouring channels come before neighbouring points */
} reorder_prim;

/* n elements from offset `at` on, of a type that is neither fp32 nor bf16. */
static void load_other(float *y, const void *x, nt_dtype t, int64_t at, int64_t n)
{
    for (int64_t i = 0; i < n; i++, at++)
        y[i] = t == NT_F16  ? nt_f16_to_f32(((const uint16_t *)x)[at])
               : t == NT_U8 ? ((const uint8_t *)x)[at]
               : t == NT_I8 ? ((const int8_t *)x)[at]
                            : (float)((const int32_t *)x)[at];
}

/* Rounds to nearest even and saturates; NaN becomes 0. */
static int32_t to_integer(float v, float lo, float hi)
{
    v = rintf(v);
    return isnan(v) ? 0 : v <= lo ? (int32_t)lo : v >= hi ? (int32_t)hi : (int32_t)v;
}

static void store_other(void *y, nt_dtype t, int64_t at, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++, at++)
        if (t == NT_F16)
            ((uint16_t *)y)[at] = nt_f32_to_f16(x[i]);
        else if (t == NT_U8)
            ((uint8_t *)y)[at] = (uint8_t)to_integer(x[i], 0, 255);
        else if (t == NT_I8)
            ((int8_t *)y)[at] = (int8_t)to_integer(x[i], -128, 127);
        else /* 2^31 itself is no int32 */
            ((int32_t *)y)[at] =
                x[i] >= 0x1p31f ? INT32_MAX : to_integer(x[i], -0x1p31f, 0x1p31f);
}

/* A piece of one side's memory: rows of `length` elements, ld apart, from element `at` on. */
typedef struct view {
    int64_t at, rows, length, ld;
} view;

static blas_rows rows_of(nt_dtype t, view v)
{
    return (blas_rows){t, v.ld, v.rows, v.length};
}

/* The rows of v as fp32, ldy apart. */
static void load(float *y, int64_t ldy, const void *x, nt_dtype t, view v)
{
    if (t == NT_F32)
        blas_rows_load(y, ldy, (const float *)x + v.at, rows_of(t, v));
    else if (t == NT_BF16)
        blas_rows_load(y, ldy, (const uint16_t *)x + v.at, rows_of(t, v));
    else
        for (int64_t i = 0; i < v.rows; i++)
            load_other(y + i * ldy, x, t, v.at + i * v.ld, v.length);
}

static void store(void *y, nt_dtype t, view v, const float *x, int64_t ldx)
{
    if (t == NT_F32)
        blas_rows_store((float *)y + v.at, rows_of(t, v), x, ldx);
    else if (t == NT_BF16)
        blas_rows_store((uint16_t *)y + v.at, rows_of(t, v), x, ldx);
    else
        for (int64_t i = 0; i < v.rows; i++)
            store_other(y, t, v.at + i * v.ld, x + i * ldx, v.length);
}

/* Element offset of channel c, point i. */
static int64_t at(blas_layout l, int64_t n, int64_t c, int64_t i)
{
    return ((n * l.blocks + c / l.lanes) * l.points + i) * l.lanes + c % l.lanes;
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLE
#endif
#endif

#ifdef HAVE_SHUFFLE
typedef float quad __attribute__((vector_size(16)));

static quad get_quad(const float *p)
{
    quad q;

    memcpy(&q, p, sizeof q);
    return q;
}

static void put_quad(float *p, quad q)
{
    memcpy(p, &q, sizeof q);
}

/* w[4][4] = v[4][4] transposed, first within pairs of rows, then between the pairs. */
static void transpose4(float *w, int64_t ldw, const float *v, int64_t ldv)
{
    quad a = get_quad(v), b = get_quad(v + ldv);
    quad c = get_quad(v + 2 * ldv), d = get_quad(v + 3 * ldv);
    quad ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd_lo = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad cd_hi = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    put_quad(w, __builtin_shufflevector(ab_lo, cd_lo, 0, 1, 4, 5));
    put_quad(w + ldw, __builtin_shufflevector(ab_lo, cd_lo, 2, 3, 6, 7));
    put_quad(w + 2 * ldw, __builtin_shufflevector(ab_hi, cd_hi, 0, 1, 4, 5));
    put_quad(w + 3 * ldw, __builtin_shufflevector(ab_hi, cd_hi, 2, 3, 6, 7));
}
#else
static void transpose4(float *w, int64_t ldw, const float *v, int64_t ldv)
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            w[j * ldw + i] = v[i * ldv + j];
}
#endif

/* w[n][m] = v[m][n] transposed; ld is the distance of rows. */
static void transpose(float *w, int64_t ldw, const float *v, int64_t ldv, int64_t m, int64_t n)
{
    int64_t m4 = m / 4 * 4, n4 = n / 4 * 4;

    for (int64_t j = 0; j < n4; j += 4)
        for (int64_t i = 0; i < m4; i += 4)
            transpose4(w + j * ldw + i, ldw, v + i * ldv + j, ldv);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j < n4 ? m4 : 0; i < m; i++)
            w[j * ldw + i] = v[i * ldv + j];
}

typedef struct tile {
    int64_t n, c, i, channels, points;
} tile;

/* A tile in the memory of one side: rows of points (PLAIN) or of channels. */
static view view_of(blas_layout l, const tile *t)
{
    bool plain = l.lanes == 1;

    return (view){.at = at(l, t->n, t->c, t->i),
                  .rows = plain ? t->channels : t->points,
                  .length = plain ? t->points : t->channels,
                  .ld = plain ? l.points : l.lanes};
}

static void move_tile(const reorder_prim *p, void *y, const void *x, const tile *t)
{
    float buf[BLAS_TILE], turned[BLAS_TILE];
    view vx = view_of(p->x, t), vy = view_of(p->y, t);
    const float *from = p->from == NT_F32 ? (const float *)x + vx.at : buf;
    int64_t ld = p->from == NT_F32 ? vx.ld : vx.length;

    if (from == buf)
        load(buf, ld, x, p->from, vx);
    if ((p->x.lanes == 1) == (p->y.lanes == 1))
        store(y, p->to, vy, from, ld);
    else if (p->to == NT_F32)
        transpose((float *)y + vy.at, vy.ld, from, ld, vx.rows, vx.length);
    else {
        transpose(turned, vy.length, from, ld, vx.rows, vx.length);
        store(y, p->to, vy, turned, vy.length);
    }
}

static nt_status run_tiles(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const reorder_prim *p = (const reorder_prim *)head;
    int64_t groups = blas_ceil_div(p->x.c, p->channels);
    int64_t strips = blas_ceil_div(p->x.points, p->points);

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->x.n * groups * strips; i++) {
        int64_t j = i % (groups * strips); /* NHWC's lines are finished before they leave */
        tile t = {.n = i / (groups * strips),
                  .c = (p->across ? j % groups : j / strips) * p->channels,
                  .i = (p->across ? j / groups : j % strips) * p->points};

        t.channels = blas_min(p->channels, p->x.c - t.c);
        t.points = blas_min(p->points, p->x.points - t.i);
        move_tile(p, arg[1], arg[0], &t);
    }
    blas_layout_pad(arg[1], p->to, p->y);
    return NT_OK;
}

/* One layout: padding is copied with the rest. */
static nt_status run_flat(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const reorder_prim *p = (const reorder_prim *)head;
    int64_t count = blas_layout_count(p->x);

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static) if (count > 16 * BLAS_TILE)
    for (int64_t i = 0; i < count; i += BLAS_TILE) {
        int64_t n = blas_min(BLAS_TILE, count - i);
        view v = {i, 1, n, n};
        float buf[BLAS_TILE];

        if (p->from == NT_F32)
            store(arg[1], p->to, v, (const float *)arg[0] + i, n);
        else if (p->to == NT_F32)
            load((float *)arg[1] + i, n, arg[0], p->from, v);
        else {
            load(buf, n, arg[0], p->from, v);
            store(arg[1], p->to, v, buf, n);
        }
    }
    return NT_OK;
}

static bool known(nt_dtype t)
{
    return t == NT_F32 || t == NT_BF16 || t == NT_F16 || t == NT_I8 || t == NT_U8 ||
           t == NT_I32;
}

static nt_status check(const nt_desc *x, const nt_desc *y, nt_err *e)
{
    if (!known(x->dtype) || !known(y->dtype))
        return nt_fail(e, NT_EUNSUPPORTED, "reorder from %s to %s", nt_dtype_name(x->dtype),
                       nt_dtype_name(y->dtype));
    if (x->fmt == NT_FMT_ANY || y->fmt == NT_FMT_ANY)
        return nt_fail(e, NT_EINVAL, "a reorder needs both formats");
    if (x->rank != y->rank || memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims))
        return nt_fail(e, NT_EINVAL, "a reorder between different shapes");
    return NT_OK;
}

static bool same_layout(blas_layout a, blas_layout b)
{
    return a.lanes == b.lanes || (a.points == 1 && a.c % a.lanes == 0 && b.c % b.lanes == 0);
}

static int64_t tile_channels(const nt_desc *x, const nt_desc *y)
{
    int64_t a = nt_format_block(x->fmt), b = nt_format_block(y->fmt);

    return a == 1 && b == 1 ? 64 : a == 1 || (b > 1 && b < a) ? b : a;
}

nt_status blas_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                           nt_err *e)
{
    nt_status s = NT_OK;
    blas_layout lx = blas_layout_of(x), ly = blas_layout_of(y);
    bool flat = same_layout(lx, ly);
    reorder_prim *p;

    (void)dev;
    NT_TRY(check(x, y, e));
    p = blas_prim_new(sizeof *p, flat ? run_flat : run_tiles,
                      flat ? "reorder:flat" : "reorder:tiles");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->from = x->dtype;
    p->to = y->dtype;
    if (p->from == p->to && nt_dtype_size(p->from) == sizeof(float))
        p->from = p->to = NT_F32; /* as bits */
    p->x = lx;
    p->y = ly;
    p->channels = tile_channels(x, y);
    p->points = BLAS_TILE / p->channels;
    p->across = x->fmt == NT_FMT_NHWC || y->fmt == NT_FMT_NHWC;
    *out = &p->head;
done:
    return s;
}
