/* SPDX-License-Identifier: MIT */
/*
 * wino_arith.h - the arithmetic of Winograd's F(mxm, 3x3), for CPUs with AVX-512: F(2x2) in
 * bf16 (wino_bf16.c) and F(4x4) in fp32 (wino_f32.c).
 *
 * A tile is m x m outputs and the (m + 2) x (m + 2) inputs they see. Everything works on blocks
 * of 16 channels, one vector, and on the elements of a transformed tile apart ("points"): at
 * each of them the convolution is a plain matrix product over channels, and its gradient by
 * weights one over tiles. Sums are fp32; in bf16 what is transformed is rounded once.
 */
#ifndef NT_KERNEL_WINO_ARITH_H
#define NT_KERNEL_WINO_ARITH_H

#include "kernel/internal.h"

enum {
    WINO_LANES = 16,
    WINO_ROWS = 12, /* tiles a product takes at a time */
    WINO_SLAB = 64  /* channels of output between a product and its inverse transform */
};

/* A tensor [n][c][h][w] in NHWC or C16: block b of channel n's pixel (y, x) starts at element
 * n * image + b * block + y * row + x * pixel. */
typedef struct wino_map {
    int64_t c, h, w;
    int64_t blocks, image, block, row, pixel;
} wino_map;

/* Tile t is tile (t / cols % rows, t % cols) of image t / cols / rows. Its patch of the input
 * starts at (m i - lo[0], m j - lo[1]), its outputs at (m i, m j); what lies outside is zero,
 * or not written. */
typedef struct wino_grid {
    int64_t rows, cols, lo[2];
} wino_grid;

/*
 * Elements from one point to the next in each of the arrays below. They hold rows of `n`
 * elements for each point and a line more, since points a power of two apart would all want the
 * same few places of the caches.
 */
static inline int64_t wino_point(int64_t n, size_t size)
{
    return n + 64 / (int64_t)size;
}

/*
 * None of the functions may be called where works() is false. What they share, with elements of
 * `type` but for m and du, which are fp32:
 *
 *   forward, and backward by data
 *   v  [point][tiles][blocks * 16]
 *   u  [point][panel of 32 output channels][input channels / group][32][group]; the last panel
 *      has 16 where the number of blocks is odd
 *   m  [point][tiles rounded up to 4][slab], one slab of output channels
 *
 *   backward by weights
 *   v, y  [point][block][tiles / group][16][group]
 *   du    [point][c_block][k_block][16 input channels][16 output channels]
 */
typedef struct wino_arith {
    const char *impl;
    nt_dtype type;
    int tile, points;
    int group;     /* channels, or tiles, that one step of a product sums */
    int min_tiles; /* of a block, where transformed weights are read through again */

    bool (*works)(void);
    /* Transforms `count` tiles from number t on. tiles: the extent in v, count and more. */
    void (*input)(void *v, int64_t tiles, const void *x, const wino_map *map,
                  const wino_grid *g, int64_t t, int64_t count);
    /* Output channels from `first` on, a multiple of 64, at most 64 of them. */
    void (*products)(float *m, const void *v, const void *u, int64_t tiles, int64_t count,
                     int64_t c_blocks, int64_t k_blocks, int64_t first);
    /* ... transformed back, with bias (may be NULL) and post-operations. */
    void (*output)(void *y, const wino_map *map, const wino_grid *g, const float *m,
                   int64_t tiles, int64_t t, int64_t count, int64_t first, const float *bias,
                   const nt_post *post, int n_post);
    /* Weights [k][c][3][3] to blocks [from, to) of u's output channels; `transposed`: those of
     * the backward pass by data, [c][k] with the taps turned round, where k and c are the
     * weights' own. */
    void (*weights)(void *u, const float *w, int64_t k, int64_t c, bool transposed,
                    int64_t from, int64_t to);

    /* groups: the extent in v. Groups of tiles [from, to) of the chunk that starts at tile t
     * and has `count` tiles; what is missing of a group is zero. */
    void (*input_groups)(void *v, int64_t groups, const void *x, const wino_map *map,
                         const wino_grid *g, int64_t t, int64_t count, int64_t from,
                         int64_t to);
    void (*grad_groups)(void *y, int64_t groups, const void *dy, const wino_map *map,
                        const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to);
    /* du += v y at one point, for one block of input channels, over `used` groups. */
    void (*sum_products)(float *du, const void *v, const void *y, int64_t groups, int64_t used,
                         int64_t c_blocks, int64_t k_blocks, int64_t point, int64_t c_block,
                         bool first);
    /* Filters [from, to) (in blocks of 16) of dw [k][c][3][3]. */
    void (*weight_grad)(float *dw, const float *du, int64_t k, int64_t c, int64_t from,
                        int64_t to);
    /* One block of the bias's gradient. */
    void (*bias_grad)(float *db, const void *dy, const wino_map *map, int64_t n, int64_t block);
} wino_arith;

extern const wino_arith wino_bf16, wino_bf16_4x4, wino_f32;

#endif
