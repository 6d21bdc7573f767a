/* SPDX-License-Identifier: MIT */
/*
 * F(4x4, 3x3) (Lavin & Gray, arXiv:1509.09308):
 *
 *   Y = A' [(G w G') . (B' x B)] A,      dW = G' [(B' x B) . (A dY A')] G
 *
 *        | 4  0 -5  0 1 0 |         | 1/4    0    0  |
 *        | 0 -4 -4  1 1 0 |         | -1/6 -1/6 -1/6 |        | 1 1  1 1  1 0 |
 *   B' = | 0  4 -4 -1 1 0 |     G = | -1/6  1/6 -1/6 |   A' = | 0 1 -1 2 -2 0 |
 *        | 0 -2 -1  2 1 0 |         | 1/24 1/12  1/6 |        | 0 1  1 4  4 0 |
 *        | 0  2 -1 -2 1 0 |         | 1/24 -1/12 1/6 |        | 0 1 -1 8 -8 1 |
 *        | 0  4  0 -5 0 1 |         |  0     0    1  |
 */
#include "kernel/wino_simd.h"

#if NT_WITH_WINO

#define TARGET static __attribute__((target(WINO_ISA)))
#define INLINE SHARED

enum { TILE = 4, SIDE = TILE + 2, POINTS = SIDE * SIDE };

INLINE __m512 times(float a, __m512 x)
{
    return _mm512_mul_ps(_mm512_set1_ps(a), x);
}

/* y + a x */
INLINE __m512 plus(__m512 y, float a, __m512 x)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(a), x, y);
}

/* Six vectors `step` apart: B' d */
INLINE void input_row(__m512 *d, const int step)
{
    __m512 a = d[0], b = d[step], c = d[2 * step], e = d[3 * step], f = d[4 * step];
    __m512 even = plus(f, -4, c), odd = plus(e, -4, b);
    __m512 even2 = _mm512_sub_ps(f, c), odd2 = times(2, _mm512_sub_ps(e, b));

    d[0] = plus(plus(f, -5, c), 4, a);
    d[step] = _mm512_add_ps(even, odd);
    d[2 * step] = _mm512_sub_ps(even, odd);
    d[3 * step] = _mm512_add_ps(even2, odd2);
    d[4 * step] = _mm512_sub_ps(even2, odd2);
    d[5 * step] = plus(plus(d[5 * step], -5, e), 4, b);
}

/* d = B' d B */
INLINE void transform_input(__m512 d[POINTS])
{
    UNROLL
    for (int j = 0; j < SIDE; j++)
        input_row(d + j, SIDE);
    UNROLL
    for (int i = 0; i < SIDE; i++)
        input_row(d + i * SIDE, 1);
}

/* Four vectors `step` apart to six: A d */
INLINE void grad_row(__m512 *d, const int step)
{
    __m512 p = d[0], q = d[step], r = d[2 * step], s = d[3 * step];
    __m512 even = _mm512_add_ps(p, r), odd = _mm512_add_ps(q, s);
    __m512 even2 = plus(p, 4, r), odd2 = times(2, plus(q, 4, s));

    d[step] = _mm512_add_ps(even, odd);
    d[2 * step] = _mm512_sub_ps(even, odd);
    d[3 * step] = _mm512_add_ps(even2, odd2);
    d[4 * step] = _mm512_sub_ps(even2, odd2);
    d[5 * step] = s;
}

/* d = A d A', of the 4x4 corner of d */
INLINE void transform_grad(__m512 d[POINTS])
{
    UNROLL
    for (int j = 0; j < TILE; j++)
        grad_row(d + j, SIDE);
    UNROLL
    for (int i = 0; i < SIDE; i++)
        grad_row(d + i * SIDE, 1);
}

/* ---- forward */

TARGET void input(void *v, int64_t tiles, const void *x, const wino_map *map,
                  const wino_grid *g, int64_t t, int64_t count)
{
    int64_t channels = map->blocks * WINO_LANES;
    int64_t point = wino_point(tiles * channels, sizeof(float));

    for (int64_t i = 0; i < count; i++) {
        place p = place_of(g, t + i, TILE);

        for (int64_t b = 0; b < map->blocks; b++) {
            float *to = (float *)v + i * channels + b * WINO_LANES;
            __m512 d[POINTS];

            load_patch(d, SIDE, SIDE, NT_F32, x, p.n * map->image + b * map->block, map,
                       p.y - g->lo[0], p.x - g->lo[1], lanes_of(map, b));
            transform_input(d);
            UNROLL
            for (int q = 0; q < POINTS; q++)
                _mm512_storeu_ps(to + q * point, d[q]);
        }
    }
}

/* sum [rows][cols vectors] += a [rows] b [cols vectors], the rows `a_step` apart, over n steps
 * of which a's go on by `a_next` and b's by b_next; b's vectors are b_step apart. */
INLINE void accumulate(const int rows, const int cols, __m512 sum[][2], const float *a,
                       int64_t a_step, int64_t a_next, const float *b, int64_t b_step,
                       int64_t b_next, int64_t n)
{
    for (int64_t c = 0; c < n; c++, a += a_next, b += b_next) {
        __m512 v[2];

        UNROLL
        for (int j = 0; j < cols; j++)
            v[j] = _mm512_loadu_ps(b + j * b_step);
        UNROLL
        for (int r = 0; r < rows; r++) {
            __m512 one = _mm512_set1_ps(a[r * a_step]);

            UNROLL
            for (int j = 0; j < cols; j++)
                sum[r][j] = _mm512_fmadd_ps(one, v[j], sum[r][j]);
        }
    }
}

/* m [rows][16 cols] = v [rows][channels] u */
INLINE void product(const int rows, const int cols, float *m, const float *v, const float *u,
                    int64_t channels)
{
    __m512 sum[WINO_ROWS][2];

    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            sum[r][j] = _mm512_setzero_ps();
    }
    accumulate(rows, cols, sum, v, channels, 1, u, WINO_LANES, WINO_LANES * cols, channels);
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            _mm512_storeu_ps(m + r * WINO_SLAB + j * WINO_LANES, sum[r][j]);
    }
}

/* All tiles, one panel of `cols` vectors. */
INLINE void panel(const int cols, float *m, const float *v, const float *u, int64_t count,
                  int64_t channels)
{
    int64_t i = 0;

    for (; i + 8 < count; i += WINO_ROWS)
        product(WINO_ROWS, cols, m + i * WINO_SLAB, v + i * channels, u, channels);
    if (i + 4 < count)
        product(8, cols, m + i * WINO_SLAB, v + i * channels, u, channels);
    else if (i < count)
        product(4, cols, m + i * WINO_SLAB, v + i * channels, u, channels);
}

TARGET void products(float *m, const void *v, const void *u, int64_t tiles, int64_t count,
                     int64_t c_blocks, int64_t k_blocks, int64_t first)
{
    int64_t channels = c_blocks * WINO_LANES, block = channels * WINO_LANES;
    int64_t b0 = first / WINO_LANES, b1 = b0 + WINO_SLAB / WINO_LANES;

    if (b1 > k_blocks)
        b1 = k_blocks;
    for (int64_t q = 0; q < POINTS; q++) {
        const float *vq = (const float *)v + q * wino_point(tiles * channels, sizeof *vq);
        const float *uq = (const float *)u + q * wino_point(k_blocks * block, sizeof *uq);
        float *mq = m + q * wino_point(tiles * WINO_SLAB, sizeof *m);

        for (int64_t b = b0; b < b1; b += 2) {
            float *to = mq + (b - b0) * WINO_LANES;

            if (b + 1 < k_blocks)
                panel(2, to, vq, uq + b * block, count, channels);
            else
                panel(1, to, vq, uq + b * block, count, channels);
        }
    }
}

/* Four vectors of A' m, m's six `step` apart */
INLINE void output_row(__m512 y[TILE], const __m512 *m, const int step)
{
    __m512 s = _mm512_add_ps(m[step], m[2 * step]), d = _mm512_sub_ps(m[step], m[2 * step]);
    __m512 s2 = _mm512_add_ps(m[3 * step], m[4 * step]);
    __m512 d2 = _mm512_sub_ps(m[3 * step], m[4 * step]);

    y[0] = _mm512_add_ps(m[0], _mm512_add_ps(s, s2));
    y[1] = plus(d, 2, d2);
    y[2] = plus(s, 4, s2);
    y[3] = _mm512_add_ps(m[5 * step], plus(d, 8, d2));
}

/* y = A' m A for the points of one tile, `point` floats apart. */
INLINE void transform_output(__m512 y[TILE][TILE], const float *m, int64_t point)
{
    __m512 h[SIDE][TILE]; /* rows of m A */

    UNROLL
    for (int i = 0; i < SIDE; i++) {
        __m512 row[SIDE];

        UNROLL
        for (int j = 0; j < SIDE; j++)
            row[j] = _mm512_loadu_ps(m + (i * SIDE + j) * point);
        output_row(h[i], row, 1);
    }
    UNROLL
    for (int j = 0; j < TILE; j++) {
        __m512 column[TILE];

        output_row(column, &h[0][j], TILE);
        UNROLL
        for (int i = 0; i < TILE; i++)
            y[i][j] = column[i];
    }
}

/* Lanes past the last channel are padding of C16, which stays zero, or the next pixel's. */
INLINE void store_output(float *y, const wino_map *map, __m512 v, __mmask16 lanes,
                         const nt_post *post, int n_post)
{
    bool padded = map->pixel == WINO_LANES;

    if (n_post)
        v = finish(v, wino_load(y, 0, NT_F32, lanes), post, n_post);
    _mm512_mask_storeu_ps(y, padded ? (__mmask16)0xffff : lanes, _mm512_maskz_mov_ps(lanes, v));
}

TARGET void output(void *y, const wino_map *map, const wino_grid *g, const float *m,
                   int64_t tiles, int64_t t, int64_t count, int64_t first, const float *bias,
                   const nt_post *post, int n_post)
{
    int64_t b0 = first / WINO_LANES, b1 = b0 + WINO_SLAB / WINO_LANES;

    if (b1 > map->blocks)
        b1 = map->blocks;
    for (int64_t i = 0; i < count; i++) {
        place p = place_of(g, t + i, TILE);
        float *corner = (float *)y + p.n * map->image + p.y * map->row + p.x * map->pixel;

        for (int64_t b = b0; b < b1; b++) {
            __mmask16 lanes = lanes_of(map, b);
            __m512 add = bias ? _mm512_maskz_loadu_ps(lanes, bias + b * WINO_LANES)
                              : _mm512_setzero_ps();
            __m512 out[TILE][TILE];

            transform_output(out, m + i * WINO_SLAB + (b - b0) * WINO_LANES,
                             wino_point(tiles * WINO_SLAB, sizeof *m));
            for (int r = 0; r < TILE && p.y + r < map->h; r++)
                for (int s = 0; s < TILE && p.x + s < map->w; s++)
                    store_output(corner + b * map->block + r * map->row + s * map->pixel, map,
                                 _mm512_add_ps(out[r][s], add), lanes, post, n_post);
        }
    }
}

/* ---- weights */

/* (a, b, c) to G (a, b, c)' */
INLINE void weight_row(__m512 out[SIDE], __m512 a, __m512 b, __m512 c)
{
    __m512 s = times(-1.0F / 6, _mm512_add_ps(a, c)), d = times(1.0F / 6, b);
    __m512 s2 = plus(times(1.0F / 24, a), 1.0F / 6, c), d2 = times(1.0F / 12, b);

    out[0] = times(0.25F, a);
    out[1] = _mm512_sub_ps(s, d);
    out[2] = _mm512_add_ps(s, d);
    out[3] = _mm512_add_ps(s2, d2);
    out[4] = _mm512_sub_ps(s2, d2);
    out[5] = c;
}

INLINE void transform_weights(__m512 u[SIDE][SIDE], const __m512 w[9])
{
    __m512 h[3][SIDE]; /* columns of G w */

    UNROLL
    for (int j = 0; j < 3; j++)
        weight_row(h[j], w[j], w[3 + j], w[6 + j]);
    UNROLL
    for (int i = 0; i < SIDE; i++)
        weight_row(u[i], h[0][i], h[1][i], h[2][i]);
}

TARGET void weights(void *u, const float *w, int64_t k, int64_t c, bool transposed,
                    int64_t from, int64_t to)
{
    int64_t n_src = transposed ? k : c, n_dst = transposed ? c : k;
    int64_t channels = (n_src + 15) / 16 * 16, blocks = (n_dst + 15) / 16;
    int64_t point = wino_point(blocks * channels * WINO_LANES, sizeof(float));

    for (int64_t b = from; b < to; b++) {
        int64_t width = b % 2 || b + 1 < blocks ? 2 : 1; /* of its panel */
        float *first = (float *)u + ((b - b % 2) * channels + b % 2) * WINO_LANES;
        square taps;

        for (int64_t i = 0; i < channels; i++) {
            __m512 tap[9], out[SIDE][SIDE];

            if (i % WINO_LANES == 0)
                load_square(taps, w, k, c, transposed ? i : b * WINO_LANES,
                            transposed ? b * WINO_LANES : i);
            load_taps(tap, taps, (int)(i % WINO_LANES), transposed);
            transform_weights(out, tap);
            UNROLL
            for (int q = 0; q < POINTS; q++)
                _mm512_storeu_ps(first + q * point + i * width * WINO_LANES,
                                 out[q / SIDE][q % SIDE]);
        }
    }
}

/* ---- backward by weights */

/* Tiles of the input (grad: of the output's gradient), transformed. */
INLINE void transform_tiles(const bool grad, float *v, int64_t tiles, const void *x,
                            const wino_map *map, const wino_grid *g, int64_t t, int64_t from,
                            int64_t to)
{
    int64_t block = tiles * WINO_LANES, point = wino_point(map->blocks * block, sizeof *v);

    for (int64_t i = from; i < to; i++) {
        place p = place_of(g, t + i, TILE);

        for (int64_t b = 0; b < map->blocks; b++) {
            int64_t at = p.n * map->image + b * map->block;
            float *out = v + b * block + i * WINO_LANES;
            __m512 d[POINTS];

            if (grad) {
                load_patch(d, SIDE, TILE, NT_F32, x, at, map, p.y, p.x, lanes_of(map, b));
                transform_grad(d);
            } else {
                load_patch(d, SIDE, SIDE, NT_F32, x, at, map, p.y - g->lo[0], p.x - g->lo[1],
                           lanes_of(map, b));
                transform_input(d);
            }
            UNROLL
            for (int q = 0; q < POINTS; q++)
                _mm512_storeu_ps(out + q * point, d[q]);
        }
    }
}

TARGET void input_groups(void *v, int64_t tiles, const void *x, const wino_map *map,
                         const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to)
{
    (void)count;
    transform_tiles(false, v, tiles, x, map, g, t, from, to);
}

TARGET void grad_groups(void *y, int64_t tiles, const void *dy, const wino_map *map,
                        const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to)
{
    (void)count;
    transform_tiles(true, y, tiles, dy, map, g, t, from, to);
}

/* du [8][16 cols], `stride` apart, += v y over `used` tiles; y's blocks are `block` apart. */
INLINE void sum_product(const int cols, float *du, int64_t stride, const float *v,
                        const float *y, int64_t block, int64_t used, bool first)
{
    __m512 sum[8][2];

    UNROLL
    for (int r = 0; r < 8; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            sum[r][j] =
                first ? _mm512_setzero_ps() : _mm512_loadu_ps(du + r * stride + j * WINO_LANES);
    }
    accumulate(8, cols, sum, v, 1, WINO_LANES, y, block, WINO_LANES, used);
    UNROLL
    for (int r = 0; r < 8; r++) {
        UNROLL
        for (int j = 0; j < cols; j++)
            _mm512_storeu_ps(du + r * stride + j * WINO_LANES, sum[r][j]);
    }
}

TARGET void sum_products(float *du, const void *all_v, const void *all_y, int64_t tiles,
                         int64_t used, int64_t c_blocks, int64_t k_blocks, int64_t point,
                         int64_t c_block, bool first)
{
    int64_t block = tiles * WINO_LANES, stride = k_blocks * WINO_LANES;
    const float *v = all_v, *y = all_y;

    v += point * wino_point(c_blocks * block, sizeof *v) + c_block * block;
    y += point * wino_point(k_blocks * block, sizeof *y);
    du += point * wino_point(c_blocks * WINO_LANES * stride, sizeof *du) +
          c_block * WINO_LANES * stride;
    for (int64_t b = 0; b < k_blocks; b += 2) {
        for (int half = 0; half < 2; half++) {
            float *to = du + half * 8 * stride + b * WINO_LANES;

            if (b + 1 < k_blocks)
                sum_product(2, to, stride, v + half * 8, y + b * block, block, used, first);
            else
                sum_product(1, to, stride, v + half * 8, y + b * block, block, used, first);
        }
    }
}

/* Six vectors to three: G' d */
INLINE void weight_grad_row(__m512 out[3], const __m512 d[SIDE])
{
    __m512 s = _mm512_add_ps(d[1], d[2]), s2 = _mm512_add_ps(d[3], d[4]);

    out[0] = plus(plus(times(0.25F, d[0]), -1.0F / 6, s), 1.0F / 24, s2);
    out[1] =
        plus(times(1.0F / 6, _mm512_sub_ps(d[2], d[1])), 1.0F / 12, _mm512_sub_ps(d[3], d[4]));
    out[2] = plus(d[5], 1.0F / 6, _mm512_sub_ps(s2, s));
}

INLINE void transform_weight_grad(square to, int s, const float *du, int64_t point)
{
    __m512 h[3][SIDE], w[3];

    UNROLL
    for (int j = 0; j < SIDE; j++) {
        __m512 d[SIDE], column[3];

        UNROLL
        for (int i = 0; i < SIDE; i++)
            d[i] = _mm512_loadu_ps(du + (i * SIDE + j) * point);
        weight_grad_row(column, d);
        UNROLL
        for (int i = 0; i < 3; i++)
            h[i][j] = column[i];
    }
    UNROLL
    for (int i = 0; i < 3; i++) {
        weight_grad_row(w, h[i]);
        store_taps(to, s, i, w);
    }
}

TARGET void weight_grad(float *dw, const float *du, int64_t k, int64_t c, int64_t from,
                        int64_t to)
{
    int64_t stride = (k + 15) / 16 * 16;
    int64_t point = wino_point((c + 15) / 16 * 16 * stride, sizeof *du);

    for (int64_t b = from; b < to; b++) {
        square taps;

        for (int64_t i = 0; i < c; i += WINO_LANES) {
            for (int s = 0; s < at_most_16(c - i); s++)
                transform_weight_grad(taps, s, du + (i + s) * stride + b * WINO_LANES, point);
            store_square(dw, taps, k, c, b * WINO_LANES, i);
        }
    }
}

TARGET void bias_grad(float *db, const void *dy, const wino_map *map, int64_t n, int64_t block)
{
    sum_block(db, dy, NT_F32, map, n, block);
}

const wino_arith wino_f32 = {
    .impl = "winograd:avx512_f32",
    .type = NT_F32,
    .tile = TILE,
    .points = POINTS,
    .group = 1,
    .min_tiles = 48,
    .works = wino_avx512_works,
    .input = input,
    .products = products,
    .output = output,
    .weights = weights,
    .input_groups = input_groups,
    .grad_groups = grad_groups,
    .sum_products = sum_products,
    .weight_grad = weight_grad,
    .bias_grad = bias_grad,
};

#endif
