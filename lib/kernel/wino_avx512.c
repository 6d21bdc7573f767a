/* SPDX-License-Identifier: MIT */
/*
 * F(2x2, 3x3) (Winograd 1980; Lavin & Gray, arXiv:1509.09308):
 *
 *   Y = A' [(G w G') . (B' x B)] A,      dW = G' [(B' x B) . (A dY A')] G
 *
 *        | 1  0 -1  0 |        | 1   0   0  |         | 1  1  1  0 |
 *   B' = | 0  1  1  0 |    G = | .5  .5  .5 |    A' = | 0  1 -1 -1 |
 *        | 0 -1  1  0 |        | .5 -.5  .5 |
 *        | 0  1  0 -1 |        | 0   0   1  |
 */
#include "kernel/wino_avx512.h"

#if NT_WITH_WINO
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

bool wino_avx512_works(void)
{
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/* ---- vectors of 16 channels */

INLINE __m512 load_bf16(const uint16_t *x, __mmask16 lanes)
{
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x)), 16));
}

INLINE __m256i round_bf16(__m512 v)
{
    return (__m256i)_mm512_cvtneps_pbh(v);
}

/* Real channels of a block. */
INLINE __mmask16 lanes_of(const wino_map *map, int64_t block)
{
    int64_t left = map->c - block * WINO_LANES;

    return left < WINO_LANES ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
}

/* Rows [0, rows) and columns [0, cols) of d from pixel (y, x) on; zero outside of the map. */
INLINE void load_patch(__m512 d[4][4], int rows, int cols, const uint16_t *x,
                       const wino_map *map, int64_t y0, int64_t x0, __mmask16 lanes)
{
    bool inside = y0 >= 0 && x0 >= 0 && y0 + rows <= map->h && x0 + cols <= map->w;
    const uint16_t *from = x + y0 * map->row + x0 * map->pixel;

    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < cols; j++) {
            bool is =
                inside || (y0 + i >= 0 && y0 + i < map->h && x0 + j >= 0 && x0 + j < map->w);

            d[i][j] = is ? load_bf16(from + i * map->row + j * map->pixel, lanes)
                         : _mm512_setzero_ps();
        }
    }
}

INLINE void input_row(__m512 *a, __m512 *b, __m512 *c, __m512 *d)
{
    __m512 p = *a, q = *b, r = *c, s = *d;

    *a = _mm512_sub_ps(p, r);
    *b = _mm512_add_ps(q, r);
    *c = _mm512_sub_ps(r, q);
    *d = _mm512_sub_ps(q, s);
}

/* d = B' d B */
INLINE void transform_input(__m512 d[4][4])
{
    UNROLL
    for (int j = 0; j < 4; j++)
        input_row(&d[0][j], &d[1][j], &d[2][j], &d[3][j]);
    UNROLL
    for (int i = 0; i < 4; i++)
        input_row(&d[i][0], &d[i][1], &d[i][2], &d[i][3]);
}

/* (p, q) to (p, p + q, p - q, -q) */
INLINE void grad_row(__m512 *a, __m512 *b, __m512 *c, __m512 *d)
{
    __m512 p = *a, q = *b;

    *b = _mm512_add_ps(p, q);
    *c = _mm512_sub_ps(p, q);
    *d = _mm512_sub_ps(_mm512_setzero_ps(), q);
}

/* d = A d A', of the 2x2 corner of d */
INLINE void transform_grad(__m512 d[4][4])
{
    UNROLL
    for (int j = 0; j < 2; j++)
        grad_row(&d[0][j], &d[1][j], &d[2][j], &d[3][j]);
    UNROLL
    for (int i = 0; i < 4; i++)
        grad_row(&d[i][0], &d[i][1], &d[i][2], &d[i][3]);
}

/* Where a tile is. */
typedef struct place {
    int64_t n, y, x; /* image, first output */
} place;

INLINE place place_of(const wino_grid *g, int64_t t)
{
    return (place){t / (g->rows * g->cols), t / g->cols % g->rows * 2, t % g->cols * 2};
}

/* ---- forward */

TARGET void wino_input(uint16_t *v, int64_t tiles, const uint16_t *x, const wino_map *map,
                       const wino_grid *g, int64_t t, int64_t count)
{
    int64_t channels = map->blocks * WINO_LANES;
    int64_t point = wino_point(tiles * channels, sizeof *v);

    for (int64_t i = 0; i < count; i++) {
        place p = place_of(g, t + i);
        const uint16_t *image = x + p.n * map->image;

        for (int64_t b = 0; b < map->blocks; b++) {
            uint16_t *to = v + i * channels + b * WINO_LANES;
            __m512 d[4][4];

            load_patch(d, 4, 4, image + b * map->block, map, p.y - g->lo[0], p.x - g->lo[1],
                       lanes_of(map, b));
            transform_input(d);
            UNROLL
            for (int q = 0; q < WINO_POINTS; q++)
                _mm256_storeu_si256((__m256i *)(to + q * point), round_bf16(d[q / 4][q % 4]));
        }
    }
}

INLINE __m512bh pair(const uint16_t *v)
{
    int32_t both;

    memcpy(&both, v, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

INLINE __m512bh vector(const uint16_t *v)
{
    return (__m512bh)_mm512_loadu_si512(v);
}

/* m [rows][16 cols] = v [rows][2 pairs] u */
INLINE void product(const int rows, const int cols, float *m, const uint16_t *v,
                    int64_t v_stride, const uint16_t *u, int64_t pairs)
{
    __m512 sum[WINO_ROWS][2];

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            sum[r][j] = _mm512_setzero_ps();
    }
    for (int64_t c = 0; c < pairs; c++, u += 2 * WINO_LANES * cols) {
        __m512bh b[2];

        UNROLL
        for (int j = 0; j < cols; j++)
            b[j] = vector(u + 2 * WINO_LANES * j);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512bh a = pair(v + r * v_stride + 2 * c);

            UNROLL
            for (int j = 0; j < cols; j++)
                sum[r][j] = _mm512_dpbf16_ps(sum[r][j], a, b[j]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            _mm512_storeu_ps(m + r * WINO_SLAB + j * WINO_LANES, sum[r][j]);
    }
}

/* All tiles, one panel of `cols` vectors. */
INLINE void panel(const int cols, float *m, const uint16_t *v, const uint16_t *u, int64_t count,
                  int64_t c_blocks)
{
    int64_t channels = c_blocks * WINO_LANES, i = 0;

    for (; i + 8 < count; i += WINO_ROWS)
        product(WINO_ROWS, cols, m + i * WINO_SLAB, v + i * channels, channels, u,
                channels / 2);
    if (i + 4 < count)
        product(8, cols, m + i * WINO_SLAB, v + i * channels, channels, u, channels / 2);
    else if (i < count)
        product(4, cols, m + i * WINO_SLAB, v + i * channels, channels, u, channels / 2);
}

TARGET void wino_products(float *m, const uint16_t *v, const uint16_t *u, int64_t tiles,
                          int64_t count, int64_t c_blocks, int64_t k_blocks, int64_t first)
{
    int64_t channels = c_blocks * WINO_LANES, block = channels * WINO_LANES;
    int64_t b0 = first / WINO_LANES, b1 = b0 + WINO_SLAB / WINO_LANES;

    if (b1 > k_blocks)
        b1 = k_blocks;
    for (int64_t q = 0; q < WINO_POINTS; q++) {
        const uint16_t *vq = v + q * wino_point(tiles * channels, sizeof *v);
        const uint16_t *uq = u + q * wino_point(k_blocks * block, sizeof *u);
        float *mq = m + q * wino_point(tiles * WINO_SLAB, sizeof *m);

        for (int64_t b = b0; b < b1; b += 2) {
            float *to = mq + (b - b0) * WINO_LANES;

            if (b + 1 < k_blocks)
                panel(2, to, vq, uq + b * block, count, c_blocks);
            else
                panel(1, to, vq, uq + b * block, count, c_blocks);
        }
    }
}

INLINE void output_row(__m512 *a, __m512 *b, const __m512 m[4])
{
    __m512 s = _mm512_add_ps(m[1], m[2]), d = _mm512_sub_ps(m[1], m[2]);

    *a = _mm512_add_ps(m[0], s);
    *b = _mm512_sub_ps(d, m[3]);
}

/* y = A' m A for the points of one tile, `point` floats apart. */
INLINE void transform_output(__m512 y[2][2], const float *m, int64_t point)
{
    __m512 h[4][2];

    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512 row[4];

        UNROLL
        for (int j = 0; j < 4; j++)
            row[j] = _mm512_loadu_ps(m + (i * 4 + j) * point);
        output_row(&h[i][0], &h[i][1], row);
    }
    UNROLL
    for (int j = 0; j < 2; j++) {
        __m512 column[4] = {h[0][j], h[1][j], h[2][j], h[3][j]};

        output_row(&y[0][j], &y[1][j], column);
    }
}

/* old: what the destination holds. */
INLINE __m512 finish(__m512 v, __m512 old, const nt_post *post, int n_post)
{
    for (int i = 0; i < n_post; i++) {
        __m512 a = _mm512_set1_ps(post[i].alpha), b = _mm512_set1_ps(post[i].beta);
        __m512 zero = _mm512_setzero_ps();

        if (post[i].kind == NT_POST_RELU)
            v = _mm512_mask_mul_ps(v, _mm512_cmp_ps_mask(v, zero, _CMP_LT_OQ), v, a);
        else if (post[i].kind == NT_POST_CLIP)
            v = _mm512_min_ps(_mm512_max_ps(v, a), b);
        else
            v = _mm512_add_ps(v, old);
    }
    return v;
}

/* Lanes past the last channel are padding of C16, which stays zero, or the next pixel's. */
INLINE void store_output(uint16_t *y, const wino_map *map, __m512 v, __mmask16 lanes,
                         const nt_post *post, int n_post)
{
    bool padded = map->pixel == WINO_LANES;

    if (n_post)
        v = finish(v, load_bf16(y, lanes), post, n_post);
    _mm256_mask_storeu_epi16(y, padded ? (__mmask16)0xffff : lanes,
                             round_bf16(_mm512_maskz_mov_ps(lanes, v)));
}

TARGET void wino_output(uint16_t *y, const wino_map *map, const wino_grid *g, const float *m,
                        int64_t tiles, int64_t t, int64_t count, int64_t first,
                        const float *bias, const nt_post *post, int n_post)
{
    int64_t b0 = first / WINO_LANES, b1 = b0 + WINO_SLAB / WINO_LANES;

    if (b1 > map->blocks)
        b1 = map->blocks;
    for (int64_t i = 0; i < count; i++) {
        place p = place_of(g, t + i);
        uint16_t *corner = y + p.n * map->image + p.y * map->row + p.x * map->pixel;

        for (int64_t b = b0; b < b1; b++) {
            __mmask16 lanes = lanes_of(map, b);
            __m512 add = bias ? _mm512_maskz_loadu_ps(lanes, bias + b * WINO_LANES)
                              : _mm512_setzero_ps();
            __m512 out[2][2];

            transform_output(out, m + i * WINO_SLAB + (b - b0) * WINO_LANES,
                             wino_point(tiles * WINO_SLAB, sizeof *m));
            for (int k = 0; k < 4; k++) {
                if (p.y + k / 2 < map->h && p.x + k % 2 < map->w)
                    store_output(
                        corner + b * map->block + k / 2 * map->row + k % 2 * map->pixel, map,
                        _mm512_add_ps(out[k / 2][k % 2], add), lanes, post, n_post);
            }
        }
    }
}

/* ---- weights */

/* (a, b, c) to G (a, b, c)' */
INLINE void weight_row(__m512 out[4], __m512 a, __m512 b, __m512 c)
{
    __m512 half = _mm512_set1_ps(0.5f);
    __m512 s = _mm512_mul_ps(half, _mm512_add_ps(a, c)), d = _mm512_mul_ps(half, b);

    out[0] = a;
    out[1] = _mm512_add_ps(s, d);
    out[2] = _mm512_sub_ps(s, d);
    out[3] = c;
}

INLINE void transform_weights(__m512 u[4][4], const __m512 w[9])
{
    __m512 h[3][4]; /* columns of G w */

    UNROLL
    for (int j = 0; j < 3; j++)
        weight_row(h[j], w[j], w[3 + j], w[6 + j]);
    UNROLL
    for (int i = 0; i < 4; i++)
        weight_row(u[i], h[0][i], h[1][i], h[2][i]);
}

/* The taps of 16 x 16 filters, rows as they lie in the weights [k][c][9]; zero past their ends.
 */
typedef float square[WINO_LANES][WINO_LANES * 9];

INLINE int64_t at_most_16(int64_t n)
{
    return n < WINO_LANES ? n : WINO_LANES;
}

INLINE void load_square(square to, const float *w, int64_t k, int64_t c, int64_t k0, int64_t c0)
{
    size_t row = (size_t)at_most_16(c - c0) * 9 * sizeof(float);
    int64_t rows = at_most_16(k - k0);

    if (rows < WINO_LANES || row < sizeof to[0])
        memset(to, 0, sizeof(square));
    for (int64_t i = 0; i < rows; i++)
        memcpy(to[i], w + ((k0 + i) * c + c0) * 9, row);
}

/* Element offsets from one lane's taps to the next's in a square, where lanes are its rows or
 * its columns. */
INLINE __m512i lane_offsets(bool rows)
{
    const __m512i n = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);

    return _mm512_mullo_epi32(n, _mm512_set1_epi32(rows ? WINO_LANES * 9 : 9));
}

/* The taps from source channel number s of a square; `transposed`: its rows are the source, and
 * the taps are turned round. */
INLINE void load_taps(__m512 to[9], square from, int s, bool transposed)
{
    __m512i lanes = lane_offsets(!transposed);

    UNROLL
    for (int r = 0; r < 9; r++)
        to[r] = _mm512_i32gather_ps(lanes, transposed ? &from[s][8 - r] : &from[0][s * 9 + r],
                                    sizeof(float));
}

/* Two bf16 roundings in one vector, lane by lane beside each other. */
INLINE __m512i interleave(__m512 even, __m512 odd)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

TARGET void wino_weights(uint16_t *u, const float *w, int64_t k, int64_t c, bool transposed,
                         int64_t from, int64_t to)
{
    int64_t n_src = transposed ? k : c, n_dst = transposed ? c : k;
    int64_t pairs = (n_src + 15) / 16 * 8, blocks = (n_dst + 15) / 16;
    int64_t point = wino_point(blocks * pairs * 2 * WINO_LANES, sizeof *u);

    for (int64_t b = from; b < to; b++) {
        int64_t width = b % 2 || b + 1 < blocks ? 2 : 1; /* of its panel */
        uint16_t *first = u + (b - b % 2) * pairs * 2 * WINO_LANES + b % 2 * 2 * WINO_LANES;
        square taps;

        for (int64_t i = 0; i < pairs; i++) {
            __m512 w0[9], w1[9], even[4][4], odd[4][4];
            int s = (int)(2 * i % WINO_LANES);

            if (s == 0)
                load_square(taps, w, k, c, transposed ? 2 * i : b * WINO_LANES,
                            transposed ? b * WINO_LANES : 2 * i);
            load_taps(w0, taps, s, transposed);
            load_taps(w1, taps, s + 1, transposed);
            transform_weights(even, w0);
            transform_weights(odd, w1);
            UNROLL
            for (int q = 0; q < WINO_POINTS; q++)
                _mm512_storeu_si512(first + q * point + i * width * 2 * WINO_LANES,
                                    interleave(even[q / 4][q % 4], odd[q / 4][q % 4]));
        }
    }
}

/* ---- backward by weights */

/* One tile of the input (grad: of the output's gradient), transformed; zero past the end. */
INLINE void load_tile(__m512 d[4][4], const bool grad, const uint16_t *x, const wino_map *map,
                      const wino_grid *g, int64_t t, int64_t end, int64_t block)
{
    place p = place_of(g, t);

    if (t >= end) {
        UNROLL
        for (int q = 0; q < WINO_POINTS; q++)
            d[q / 4][q % 4] = _mm512_setzero_ps();
        return;
    }
    x += p.n * map->image + block * map->block;
    if (grad) {
        load_patch(d, 2, 2, x, map, p.y, p.x, lanes_of(map, block));
        transform_grad(d);
    } else {
        load_patch(d, 4, 4, x, map, p.y - g->lo[0], p.x - g->lo[1], lanes_of(map, block));
        transform_input(d);
    }
}

INLINE void transform_pairs(const bool grad, uint16_t *v, int64_t pairs, const uint16_t *x,
                            const wino_map *map, const wino_grid *g, int64_t t, int64_t count,
                            int64_t from, int64_t to)
{
    int64_t block = pairs * 2 * WINO_LANES;
    int64_t point = wino_point(map->blocks * block, sizeof *v);

    for (int64_t i = from; i < to; i++) {
        for (int64_t b = 0; b < map->blocks; b++) {
            uint16_t *out = v + b * block + i * 2 * WINO_LANES;
            __m512 even[4][4], odd[4][4];

            load_tile(even, grad, x, map, g, t + 2 * i, t + count, b);
            load_tile(odd, grad, x, map, g, t + 2 * i + 1, t + count, b);
            UNROLL
            for (int q = 0; q < WINO_POINTS; q++)
                _mm512_storeu_si512(out + q * point,
                                    interleave(even[q / 4][q % 4], odd[q / 4][q % 4]));
        }
    }
}

TARGET void wino_input_pairs(uint16_t *v, int64_t pairs, const uint16_t *x, const wino_map *map,
                             const wino_grid *g, int64_t t, int64_t count, int64_t from,
                             int64_t to)
{
    transform_pairs(false, v, pairs, x, map, g, t, count, from, to);
}

TARGET void wino_grad_pairs(uint16_t *y, int64_t pairs, const uint16_t *dy, const wino_map *map,
                            const wino_grid *g, int64_t t, int64_t count, int64_t from,
                            int64_t to)
{
    transform_pairs(true, y, pairs, dy, map, g, t, count, from, to);
}

/* du [8][16 cols], `stride` apart, += v y over `used` pairs of tiles. */
INLINE void sum_product(const int cols, float *du, int64_t stride, const uint16_t *v,
                        const uint16_t *y, int64_t block, int64_t used, bool first)
{
    __m512 sum[8][2];

    UNROLL
    for (int r = 0; r < 8; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            sum[r][j] =
                first ? _mm512_setzero_ps() : _mm512_loadu_ps(du + r * stride + j * WINO_LANES);
    }
    for (int64_t i = 0; i < used; i++, v += 2 * WINO_LANES, y += 2 * WINO_LANES) {
        __m512bh b[2];

        UNROLL
        for (int j = 0; j < cols; j++)
            b[j] = vector(y + j * block);
        UNROLL
        for (int r = 0; r < 8; r++) {
            __m512bh a = pair(v + 2 * r);

            UNROLL
            for (int j = 0; j < cols; j++)
                sum[r][j] = _mm512_dpbf16_ps(sum[r][j], a, b[j]);
        }
    }
    UNROLL
    for (int r = 0; r < 8; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            _mm512_storeu_ps(du + r * stride + j * WINO_LANES, sum[r][j]);
    }
}

TARGET void wino_sum_products(float *du, const uint16_t *v, const uint16_t *y, int64_t pairs,
                              int64_t used, int64_t c_blocks, int64_t k_blocks, int64_t point,
                              int64_t c_block, bool first)
{
    int64_t block = pairs * 2 * WINO_LANES, stride = k_blocks * WINO_LANES;

    v += point * wino_point(c_blocks * block, sizeof *v) + c_block * block;
    y += point * wino_point(k_blocks * block, sizeof *y);
    du += point * wino_point(c_blocks * WINO_LANES * stride, sizeof *du) +
          c_block * WINO_LANES * stride;
    for (int64_t b = 0; b < k_blocks; b += 2) {
        for (int half = 0; half < 2; half++) {
            float *to = du + half * 8 * stride + b * WINO_LANES;

            if (b + 1 < k_blocks)
                sum_product(2, to, stride, v + half * 16, y + b * block, block, used, first);
            else
                sum_product(1, to, stride, v + half * 16, y + b * block, block, used, first);
        }
    }
}

/* (a, b, c, d) to G' (a, b, c, d)' */
INLINE void weight_grad_row(__m512 out[3], __m512 a, __m512 b, __m512 c, __m512 d)
{
    __m512 half = _mm512_set1_ps(0.5f);
    __m512 s = _mm512_mul_ps(half, _mm512_add_ps(b, c));

    out[0] = _mm512_add_ps(a, s);
    out[1] = _mm512_mul_ps(half, _mm512_sub_ps(b, c));
    out[2] = _mm512_add_ps(s, d);
}

INLINE void transform_weight_grad(square to, int s, const float *du, int64_t point)
{
    __m512i lanes = lane_offsets(true);
    __m512 h[4][3], w[3];

    UNROLL
    for (int j = 0; j < 4; j++)
        weight_grad_row(
            h[j], _mm512_loadu_ps(du + j * point), _mm512_loadu_ps(du + (4 + j) * point),
            _mm512_loadu_ps(du + (8 + j) * point), _mm512_loadu_ps(du + (12 + j) * point));
    UNROLL
    for (int i = 0; i < 3; i++) {
        weight_grad_row(w, h[0][i], h[1][i], h[2][i], h[3][i]);
        UNROLL
        for (int j = 0; j < 3; j++)
            _mm512_i32scatter_ps(&to[0][s * 9 + 3 * i + j], lanes, w[j], sizeof(float));
    }
}

TARGET void wino_weight_grad(float *dw, const float *du, int64_t k, int64_t c, int64_t from,
                             int64_t to)
{
    int64_t stride = (k + 15) / 16 * 16;
    int64_t point = wino_point((c + 15) / 16 * 16 * stride, sizeof *du);

    for (int64_t b = from; b < to; b++) {
        square taps;

        for (int64_t i = 0; i < c; i += WINO_LANES) {
            int64_t cols = at_most_16(c - i), rows = at_most_16(k - b * WINO_LANES);

            for (int s = 0; s < cols; s++)
                transform_weight_grad(taps, s, du + (i + s) * stride + b * WINO_LANES, point);
            for (int64_t l = 0; l < rows; l++)
                memcpy(dw + ((b * WINO_LANES + l) * c + i) * 9, taps[l],
                       (size_t)cols * 9 * sizeof(float));
        }
    }
}

TARGET void wino_bias_grad(float *db, const uint16_t *dy, const wino_map *map, int64_t n,
                           int64_t block)
{
    __mmask16 lanes = lanes_of(map, block);
    __m512 total = _mm512_setzero_ps();

    for (int64_t i = 0; i < n; i++) {
        const uint16_t *image = dy + i * map->image + block * map->block;
        __m512 sum = _mm512_setzero_ps();

        for (int64_t j = 0; j < map->h * map->w; j++)
            sum = _mm512_add_ps(sum, load_bf16(image + j * map->pixel, lanes));
        total = _mm512_add_ps(total, sum);
    }
    _mm512_mask_storeu_ps(db + block * WINO_LANES, lanes, total);
}

#endif
