/* SPDX-License-Identifier: MIT */
/*
 * Reorders go through fp32 tiles of a few channels by a few points. A tile is read and written
 * in runs along whatever is contiguous on that side, and transposed in between where the two
 * sides differ. Four-byte elements of one type are moved as bits, so that int32 stays exact.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"

#include <math.h>
#include <string.h>

#define TILE_POINTS 64
#define TILE_CHANNELS 16

typedef struct reorder_prim {
    nt_prim head;
    nt_dtype from, to;
    blas_layout x, y;
    int64_t channels; /* of a tile: never across a block of either side */
} reorder_prim;

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void load(float *y, const char *p, nt_dtype t, int64_t at, int64_t n)
{
    const void *x = p + (size_t)at * nt_dtype_size(t);

    for (int64_t i = 0; t == NT_F16 && i < n; i++)
        y[i] = nt_f16_to_f32(((const uint16_t *)x)[i]);
    for (int64_t i = 0; t == NT_U8 && i < n; i++)
        y[i] = ((const uint8_t *)x)[i];
    for (int64_t i = 0; t == NT_I8 && i < n; i++)
        y[i] = ((const int8_t *)x)[i];
    for (int64_t i = 0; t == NT_I32 && i < n; i++)
        y[i] = (float)((const int32_t *)x)[i];
    if (t == NT_F32 || t == NT_BF16)
        blas_row_load(y, x, t, n);
}

/* Rounds to nearest even and saturates; NaN becomes 0. */
static int32_t to_integer(float v, float lo, float hi)
{
    v = rintf(v);
    return isnan(v) ? 0 : v <= lo ? (int32_t)lo : v >= hi ? (int32_t)hi : (int32_t)v;
}

static void store(char *p, nt_dtype t, int64_t at, const float *x, int64_t n)
{
    void *y = p + (size_t)at * nt_dtype_size(t);

    for (int64_t i = 0; t == NT_F16 && i < n; i++)
        ((uint16_t *)y)[i] = nt_f32_to_f16(x[i]);
    for (int64_t i = 0; t == NT_U8 && i < n; i++)
        ((uint8_t *)y)[i] = (uint8_t)to_integer(x[i], 0, 255);
    for (int64_t i = 0; t == NT_I8 && i < n; i++)
        ((int8_t *)y)[i] = (int8_t)to_integer(x[i], -128, 127);
    for (int64_t i = 0; t == NT_I32 && i < n; i++) /* 2^31 itself is no int32 */
        ((int32_t *)y)[i] = x[i] >= 0x1p31f ? INT32_MAX : to_integer(x[i], -0x1p31f, 0x1p31f);
    if (t == NT_F32 || t == NT_BF16)
        blas_row_store(y, t, x, n);
}

/* Element offset of channel c, point i. */
static int64_t at(blas_layout l, int64_t n, int64_t c, int64_t i)
{
    return ((n * l.blocks + c / l.lanes) * l.points + i) * l.lanes + c % l.lanes;
}

/* v[channels][points] becomes w[points][channels]. */
static void transpose(float *restrict w, const float *restrict v, int64_t channels,
                      int64_t points)
{
    for (int64_t i = 0; i < points; i++)
        for (int64_t c = 0; c < channels; c++)
            w[i * channels + c] = v[c * points + i];
}

typedef struct tile {
    int64_t n, c, i, channels, points;
} tile;

/* The tile as [points][channels], or as [channels][points] if the side is PLAIN. */
static void read_tile(float *v, const reorder_prim *p, const void *x, const tile *t)
{
    if (p->x.lanes == 1)
        for (int64_t c = 0; c < t->channels; c++)
            load(v + c * t->points, x, p->from, at(p->x, t->n, t->c + c, t->i), t->points);
    else
        for (int64_t i = 0; i < t->points; i++)
            load(v + i * t->channels, x, p->from, at(p->x, t->n, t->c, t->i + i), t->channels);
}

static void write_tile(const reorder_prim *p, void *y, const float *v, const tile *t)
{
    if (p->y.lanes == 1)
        for (int64_t c = 0; c < t->channels; c++)
            store(y, p->to, at(p->y, t->n, t->c + c, t->i), v + c * t->points, t->points);
    else
        for (int64_t i = 0; i < t->points; i++)
            store(y, p->to, at(p->y, t->n, t->c, t->i + i), v + i * t->channels, t->channels);
}

static void move_tile(const reorder_prim *p, void *y, const void *x, const tile *t)
{
    float v[TILE_POINTS * TILE_CHANNELS], w[TILE_POINTS * TILE_CHANNELS];
    bool x_plain = p->x.lanes == 1, y_plain = p->y.lanes == 1;

    read_tile(v, p, x, t);
    if (x_plain && !y_plain)
        transpose(w, v, t->channels, t->points);
    else if (!x_plain && y_plain)
        transpose(w, v, t->points, t->channels);
    write_tile(p, y, x_plain == y_plain ? v : w, t);
}

static nt_status run_tiles(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const reorder_prim *p = (const reorder_prim *)head;
    int64_t groups = (p->x.c + p->channels - 1) / p->channels;
    int64_t strips = (p->x.points + TILE_POINTS - 1) / TILE_POINTS;

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->x.n * groups * strips; i++) {
        tile t = {.n = i / strips / groups,
                  .c = i / strips % groups * p->channels,
                  .i = i % strips * TILE_POINTS};

        t.channels = min(p->channels, p->x.c - t.c);
        t.points = min(TILE_POINTS, p->x.points - t.i);
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
        int64_t n = min(BLAS_TILE, count - i);
        float buf[BLAS_TILE];

        if (p->from == NT_F32)
            store(arg[1], p->to, i, (const float *)arg[0] + i, n);
        else if (p->to == NT_F32)
            load((float *)arg[1] + i, arg[0], p->from, i, n);
        else {
            load(buf, arg[0], p->from, i, n);
            store(arg[1], p->to, i, buf, n);
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
    p->channels = lx.lanes == 8 || ly.lanes == 8 ? 8 : TILE_CHANNELS;
    *out = &p->head;
done:
    return s;
}
