/* SPDX-License-Identifier: MIT */
/* blas_prim.h - what the portable prims share: their making, and how a tensor lies in memory.
 */
#ifndef NT_KERNEL_BLAS_PRIM_H
#define NT_KERNEL_BLAS_PRIM_H

#include "kernel/internal.h"

static inline int64_t blas_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a / b rounded up, of numbers that are not negative */
static inline int64_t blas_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Floats of scratch that keep what follows aligned to 64 bytes. */
static inline size_t blas_round16(int64_t floats)
{
    return (size_t)blas_ceil_div(floats, 16) * 16;
}

typedef nt_status blas_run_fn(nt_prim *p, void *const *arg, void *scratch, nt_err *e);

/* A zeroed prim of `size` bytes (its own struct, whose head is nt_prim); NULL without memory.
 */
void *blas_prim_new(size_t size, blas_run_fn *run, const char *impl);

/* Are all these types NT_F32 or NT_BF16? Says so in e if not. */
nt_status blas_check_float(nt_dtype t, const char *what, nt_err *e) NT_MUST_CHECK;

/*
 * Every format is [n][blocks][points][lanes]: PLAIN has one lane, NHWC one block of all
 * channels, C8 and C16 have 8 and 16 lanes. Channel c is lane c % lanes of block c / lanes;
 * lanes at and past c in the last block are padding, zero in every tensor.
 */
typedef struct blas_layout {
    int64_t n, c, blocks, points, lanes;
} blas_layout;

/* Of rank 0 and 1, c is 1; tensors of rank below 3 are PLAIN. */
blas_layout blas_layout_of(const nt_desc *d);

static inline int64_t blas_layout_count(blas_layout l)
{
    return l.n * l.blocks * l.points * l.lanes;
}

/* Real channels in block b. */
static inline int64_t blas_layout_lanes(blas_layout l, int64_t b)
{
    int64_t left = l.c - b * l.lanes;

    return left < l.lanes ? left : l.lanes;
}

/* Puts zeros into the padding lanes of y. */
void blas_layout_pad(void *y, nt_dtype t, blas_layout l);

#define BLAS_TILE 1024 /* elements: 4 KiB of fp32, which stays in the first-level cache */
#define BLAS_LANES 64  /* at most so many channels side by side */

/*
 * A tensor is walked in columns (one image, a few neighbouring channels, all points), and a
 * column in tiles of at most BLAS_TILE elements, [rows][lanes]. Tiles of PLAIN have one lane.
 */
typedef struct blas_column {
    int64_t at;       /* element offset of its first element */
    int64_t c, lanes; /* first channel, number of channels */
    int64_t step;     /* elements from one point to the next */
    int64_t rows;     /* points in a tile, but for the last */
} blas_column;

/* Columns of one image. */
int64_t blas_columns(blas_layout l);
blas_column blas_column_of(blas_layout l, int64_t n, int64_t i);

/* Tile's rows starting at element offset `at` as dense fp32: x's own memory where that is what
 * lies there, else a copy in buf[BLAS_TILE]. */
const float *blas_tile_get(float *buf, const void *x, nt_dtype t, const blas_column *c,
                           int64_t at, int64_t rows);
/* Where to write such a tile: y's own memory or buf; blas_tile_put then stores buf. */
float *blas_tile_at(float *buf, void *y, nt_dtype t, const blas_column *c, int64_t at);
void blas_tile_put(void *y, nt_dtype t, const blas_column *c, int64_t at, int64_t rows,
                   const float *v);

#endif
