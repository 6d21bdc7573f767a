/* SPDX-License-Identifier: MIT */
/*
 * wino_simd.h - what the two files of Winograd's arithmetic share: tiles as vectors of 16
 * channels. Constant arguments (side, type, transposed, ...) choose the code when they are
 * inlined.
 */
#ifndef NT_KERNEL_WINO_SIMD_H
#define NT_KERNEL_WINO_SIMD_H

#include "kernel/wino_arith.h"

#if NT_WITH_WINO
#include <immintrin.h>
#include <string.h>

#define WINO_ISA "avx512f,avx512bw,avx512dq,avx512vl"
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 36")
#endif
#define INLINE_FOR(isa) static inline __attribute__((always_inline, target(isa)))
#define SHARED INLINE_FOR(WINO_ISA)

static inline bool wino_avx512_works(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

SHARED __m512 wino_load(const void *x, int64_t i, const nt_dtype type, __mmask16 lanes)
{
    if (type == NT_F32)
        return _mm512_maskz_loadu_ps(lanes, (const float *)x + i);
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, (const uint16_t *)x + i)), 16));
}

/* Real channels of a block. */
SHARED __mmask16 lanes_of(const wino_map *map, int64_t block)
{
    int64_t left = map->c - block * WINO_LANES;

    return left < WINO_LANES ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
}

/* Rows [0, n) and columns [0, n) of d [side][side] from pixel (y, x) on, whose image's block
 * starts at element `at`; zero outside of the map. */
SHARED void load_patch(__m512 *d, const int side, const int n, const nt_dtype type,
                       const void *x, int64_t at, const wino_map *map, int64_t y0, int64_t x0,
                       __mmask16 lanes)
{
    bool inside = y0 >= 0 && x0 >= 0 && y0 + n <= map->h && x0 + n <= map->w;
    int64_t from = at + y0 * map->row + x0 * map->pixel;

    UNROLL
    for (int i = 0; i < n; i++) {
        UNROLL
        for (int j = 0; j < n; j++) {
            bool is =
                inside || (y0 + i >= 0 && y0 + i < map->h && x0 + j >= 0 && x0 + j < map->w);

            d[i * side + j] =
                is ? wino_load(x, from + i * map->row + j * map->pixel, type, lanes)
                   : _mm512_setzero_ps();
        }
    }
}

/* Where a tile is. */
typedef struct place {
    int64_t n, y, x; /* image, first output */
} place;

SHARED place place_of(const wino_grid *g, int64_t t, const int tile)
{
    return (place){t / (g->rows * g->cols), t / g->cols % g->rows * tile, t % g->cols * tile};
}

/* old: what the destination holds. */
SHARED __m512 finish(__m512 v, __m512 old, const nt_post *post, int n_post)
{
    for (int i = 0; i < n_post; i++) {
        __m512 a = _mm512_set1_ps(post[i].alpha), b = _mm512_set1_ps(post[i].beta);
        __m512 zero = _mm512_setzero_ps();

        if (post[i].kind == NT_POST_RELU) /* _OS: a NaN puts the flag up (wino_look.h) */
            v = _mm512_mask_mul_ps(v, _mm512_cmp_ps_mask(v, zero, _CMP_LT_OS), v, a);
        else if (post[i].kind == NT_POST_CLIP)
            v = _mm512_min_ps(b, _mm512_max_ps(a, v)); /* the second where one is NaN */
        else
            v = _mm512_add_ps(v, old);
    }
    return v;
}

/* ---- weights */

/* The taps of 16 x 16 filters, rows as they lie in the weights [k][c][9]; zero past their ends.
 */
typedef float square[WINO_LANES][WINO_LANES * 9];

SHARED int64_t at_most_16(int64_t n)
{
    return n < WINO_LANES ? n : WINO_LANES;
}

SHARED void load_square(square to, const float *w, int64_t k, int64_t c, int64_t k0, int64_t c0)
{
    size_t row = (size_t)at_most_16(c - c0) * 9 * sizeof(float);
    int64_t rows = at_most_16(k - k0);

    if (rows < WINO_LANES || row < sizeof to[0])
        memset(to, 0, sizeof(square));
    for (int64_t i = 0; i < rows; i++)
        memcpy(to[i], w + ((k0 + i) * c + c0) * 9, row);
}

SHARED void store_square(float *w, square from, int64_t k, int64_t c, int64_t k0, int64_t c0)
{
    size_t row = (size_t)at_most_16(c - c0) * 9 * sizeof(float);

    for (int64_t i = 0; i < at_most_16(k - k0); i++)
        memcpy(w + ((k0 + i) * c + c0) * 9, from[i], row);
}

/* Element offsets from one lane's taps to the next's in a square, where lanes are its rows or
 * its columns. */
SHARED __m512i lane_offsets(bool rows)
{
    const __m512i n = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);

    return _mm512_mullo_epi32(n, _mm512_set1_epi32(rows ? WINO_LANES * 9 : 9));
}

/* The taps from source channel number s of a square; `transposed`: its rows are the source, and
 * the taps are turned round. */
SHARED void load_taps(__m512 to[9], square from, int s, bool transposed)
{
    __m512i lanes = lane_offsets(!transposed);

    UNROLL
    for (int r = 0; r < 9; r++)
        to[r] = _mm512_i32gather_ps(lanes, transposed ? &from[s][8 - r] : &from[0][s * 9 + r],
                                    sizeof(float));
}

/* ... and back, row i of the taps. */
SHARED void store_taps(square to, int s, int i, const __m512 w[3])
{
    __m512i lanes = lane_offsets(true);

    UNROLL
    for (int j = 0; j < 3; j++)
        _mm512_i32scatter_ps(&to[0][s * 9 + 3 * i + j], lanes, w[j], sizeof(float));
}

SHARED void sum_block(float *db, const void *dy, const nt_dtype type, const wino_map *map,
                      int64_t n, int64_t block)
{
    __mmask16 lanes = lanes_of(map, block);
    __m512 total = _mm512_setzero_ps();

    for (int64_t i = 0; i < n; i++) {
        int64_t image = i * map->image + block * map->block;
        __m512 sum = _mm512_setzero_ps();

        for (int64_t j = 0; j < map->h * map->w; j++)
            sum = _mm512_add_ps(sum, wino_load(dy, image + j * map->pixel, type, lanes));
        total = _mm512_add_ps(total, sum);
    }
    _mm512_mask_storeu_ps(db + block * WINO_LANES, lanes, total);
}

#endif
#endif
