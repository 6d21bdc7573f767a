/* SPDX-License-Identifier: MIT */
/*
 * wino_avx512.h - the arithmetic of F(2x2, 3x3) in bf16 for CPUs with AVX512_BF16.
 *
 * A tile is 2x2 outputs and the 4x4 inputs they see. Everything works on blocks of 16 channels,
 * one vector, and on the 16 elements of a transformed tile apart ("points"): at each of them
 * the convolution is a plain matrix product over channels, and its gradient by weights one over
 * tiles. Operands of products are bf16, sums fp32; what is transformed is rounded once.
 *
 * None of these may be called where wino_avx512_works is false; they are there with
 * NT_WITH_WINO.
 */
#ifndef NT_KERNEL_WINO_AVX512_H
#define NT_KERNEL_WINO_AVX512_H

#include "kernel/internal.h"

enum {
    WINO_POINTS = 16,
    WINO_LANES = 16,
    WINO_ROWS = 12, /* tiles a product takes at a time */
    WINO_SLAB = 64  /* channels of output between a product and its inverse transform */
};

/* A bf16 tensor [n][c][h][w] in NHWC or C16: block b of channel n's pixel (y, x) starts at
 * element n * image + b * block + y * row + x * pixel. */
typedef struct wino_map {
    int64_t c, h, w;
    int64_t blocks, image, block, row, pixel;
} wino_map;

/* Tile t is tile (t / cols % rows, t % cols) of image t / cols / rows. Its patch of the input
 * starts at (2 i - lo[0], 2 j - lo[1]), its outputs at (2 i, 2 j); what lies outside is zero,
 * or not written. */
typedef struct wino_grid {
    int64_t rows, cols, lo[2];
} wino_grid;

/*
 * Elements from one point to the next in each of the arrays below. They hold rows of `n` bf16
 * or fp32 elements for each point and a line more, since 16 points a power of two apart would
 * all want the same few places of the caches.
 */
static inline int64_t wino_point(int64_t n, size_t size)
{
    return n + 64 / (int64_t)size;
}

bool wino_avx512_works(void);

/* ---- forward, and backward by data
 *   v  [point][tiles][blocks * 16]
 *   u  [point][panel of 32 output channels][pair of input channels][32][2]; the last panel has
 * 16 where the number of blocks is odd m  [point][tiles rounded up to 4][slab], one slab of
 * output channels */

/* Transforms `count` tiles from number t on. tiles: the extent in v, count and more. */
void wino_input(uint16_t *v, int64_t tiles, const uint16_t *x, const wino_map *map,
                const wino_grid *g, int64_t t, int64_t count);
/* Output channels from `first` on, a multiple of 64, at most 64 of them. */
void wino_products(float *m, const uint16_t *v, const uint16_t *u, int64_t tiles, int64_t count,
                   int64_t c_blocks, int64_t k_blocks, int64_t first);
/* ... transformed back, with bias (may be NULL) and post-operations. */
void wino_output(uint16_t *y, const wino_map *map, const wino_grid *g, const float *m,
                 int64_t tiles, int64_t t, int64_t count, int64_t first, const float *bias,
                 const nt_post *post, int n_post);
/* Weights [k][c][3][3] to u, bf16; `transposed`: those of the backward pass by data, [c][k]
 * with the taps turned round, where k and c are the weights' own. */
void wino_weights(uint16_t *u, const float *w, int64_t k, int64_t c, bool transposed,
                  int64_t from, int64_t to);

/* ---- backward by weights
 *   v, y  [point][block][pair of tiles][16][2]
 *   du    [point][c_blocks * 16][k_blocks * 16] */

/* pairs: the extent in v. Pairs of tiles [from, to) of the chunk that starts at tile t and has
 * `count` tiles; a missing second tile is zero. */
void wino_input_pairs(uint16_t *v, int64_t pairs, const uint16_t *x, const wino_map *map,
                      const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to);
void wino_grad_pairs(uint16_t *y, int64_t pairs, const uint16_t *dy, const wino_map *map,
                     const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to);
/* du += v y at one point, for one block of input channels, over `used` pairs. */
void wino_sum_products(float *du, const uint16_t *v, const uint16_t *y, int64_t pairs,
                       int64_t used, int64_t c_blocks, int64_t k_blocks, int64_t point,
                       int64_t c_block, bool first);
/* Filters [from, to) (in blocks of 16) of dw [k][c][3][3]. */
void wino_weight_grad(float *dw, const float *du, int64_t k, int64_t c, int64_t from,
                      int64_t to);
/* One block of the bias's gradient. */
void wino_bias_grad(float *db, const uint16_t *dy, const wino_map *map, int64_t n,
                    int64_t block);

#endif
