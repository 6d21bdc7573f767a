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
#include "kernel/wino_simd.h"

#if NT_WITH_WINO

#define ISA WINO_ISA ",avx512bf16"
#define TARGET static __attribute__((target(ISA)))
#define INLINE INLINE_FOR(ISA)

enum { POINTS = 16, TILE = 2, GROUP = 2 };

static bool works(void)
{
    return wino_avx512_works() && __builtin_cpu_supports("avx512bf16");
}

INLINE __m256i round_bf16(__m512 v)
{
    return (__m256i)_mm512_cvtneps_pbh(v);
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

/* ---- forward */

TARGET void input(void *v, int64_t tiles, const void *x, const wino_map *map,
                  const wino_grid *g, int64_t t, int64_t count)
{
    int64_t channels = map->blocks * WINO_LANES;
    int64_t point = wino_point(tiles * channels, sizeof(uint16_t));

    for (int64_t i = 0; i < count; i++) {
        place p = place_of(g, t + i, TILE);

        for (int64_t b = 0; b < map->blocks; b++) {
            uint16_t *to = (uint16_t *)v + i * channels + b * WINO_LANES;
            __m512 d[4][4];

            load_patch(d[0], 4, 4, NT_BF16, x, p.n * map->image + b * map->block, map,
                       p.y - g->lo[0], p.x - g->lo[1], lanes_of(map, b));
            transform_input(d);
            UNROLL
            for (int q = 0; q < POINTS; q++)
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

TARGET void products(float *m, const void *v, const void *u, int64_t tiles, int64_t count,
                     int64_t c_blocks, int64_t k_blocks, int64_t first)
{
    int64_t channels = c_blocks * WINO_LANES, block = channels * WINO_LANES;
    int64_t b0 = first / WINO_LANES, b1 = b0 + WINO_SLAB / WINO_LANES;

    if (b1 > k_blocks)
        b1 = k_blocks;
    for (int64_t q = 0; q < POINTS; q++) {
        const uint16_t *vq = (const uint16_t *)v + q * wino_point(tiles * channels, sizeof *vq);
        const uint16_t *uq = (const uint16_t *)u + q * wino_point(k_blocks * block, sizeof *uq);
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

/* Lanes past the last channel are padding of C16, which stays zero, or the next pixel's. */
INLINE void store_output(uint16_t *y, const wino_map *map, __m512 v, __mmask16 lanes,
                         const nt_post *post, int n_post)
{
    bool padded = map->pixel == WINO_LANES;

    if (n_post)
        v = finish(v, wino_load(y, 0, NT_BF16, lanes), post, n_post);
    _mm256_mask_storeu_epi16(y, padded ? (__mmask16)0xffff : lanes,
                             round_bf16(_mm512_maskz_mov_ps(lanes, v)));
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
        uint16_t *corner = (uint16_t *)y + p.n * map->image + p.y * map->row + p.x * map->pixel;

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

/* Two bf16 roundings in one vector, lane by lane beside each other. */
INLINE __m512i interleave(__m512 even, __m512 odd)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

TARGET void weights(void *u, const float *w, int64_t k, int64_t c, bool transposed,
                    int64_t from, int64_t to)
{
    int64_t n_src = transposed ? k : c, n_dst = transposed ? c : k;
    int64_t pairs = (n_src + 15) / 16 * 8, blocks = (n_dst + 15) / 16;
    int64_t point = wino_point(blocks * pairs * 2 * WINO_LANES, sizeof(uint16_t));

    for (int64_t b = from; b < to; b++) {
        int64_t width = b % 2 || b + 1 < blocks ? 2 : 1; /* of its panel */
        uint16_t *first =
            (uint16_t *)u + (b - b % 2) * pairs * 2 * WINO_LANES + b % 2 * 2 * WINO_LANES;
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
            for (int q = 0; q < POINTS; q++)
                _mm512_storeu_si512(first + q * point + i * width * 2 * WINO_LANES,
                                    interleave(even[q / 4][q % 4], odd[q / 4][q % 4]));
        }
    }
}

/* ---- backward by weights */

/* One tile of the input (grad: of the output's gradient), transformed; zero past the end. */
INLINE void load_tile(__m512 d[4][4], const bool grad, const void *x, const wino_map *map,
                      const wino_grid *g, int64_t t, int64_t end, int64_t block)
{
    place p = place_of(g, t, TILE);
    int64_t at = p.n * map->image + block * map->block;

    if (t >= end) {
        UNROLL
        for (int q = 0; q < POINTS; q++)
            d[q / 4][q % 4] = _mm512_setzero_ps();
        return;
    }
    if (grad) {
        load_patch(d[0], 4, 2, NT_BF16, x, at, map, p.y, p.x, lanes_of(map, block));
        transform_grad(d);
    } else {
        load_patch(d[0], 4, 4, NT_BF16, x, at, map, p.y - g->lo[0], p.x - g->lo[1],
                   lanes_of(map, block));
        transform_input(d);
    }
}

INLINE void transform_pairs(const bool grad, uint16_t *v, int64_t pairs, const void *x,
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
            for (int q = 0; q < POINTS; q++)
                _mm512_storeu_si512(out + q * point,
                                    interleave(even[q / 4][q % 4], odd[q / 4][q % 4]));
        }
    }
}

TARGET void input_groups(void *v, int64_t pairs, const void *x, const wino_map *map,
                         const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to)
{
    transform_pairs(false, v, pairs, x, map, g, t, count, from, to);
}

TARGET void grad_groups(void *y, int64_t pairs, const void *dy, const wino_map *map,
                        const wino_grid *g, int64_t t, int64_t count, int64_t from, int64_t to)
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

TARGET void sum_products(float *du, const void *all_v, const void *all_y, int64_t pairs,
                         int64_t used, int64_t c_blocks, int64_t k_blocks, int64_t point,
                         int64_t c_block, bool first)
{
    int64_t block = pairs * 2 * WINO_LANES, stride = k_blocks * WINO_LANES;
    const uint16_t *v = all_v, *y = all_y;

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
    __m512 h[4][3], w[3];

    UNROLL
    for (int j = 0; j < 4; j++)
        weight_grad_row(
            h[j], _mm512_loadu_ps(du + j * point), _mm512_loadu_ps(du + (4 + j) * point),
            _mm512_loadu_ps(du + (8 + j) * point), _mm512_loadu_ps(du + (12 + j) * point));
    UNROLL
    for (int i = 0; i < 3; i++) {
        weight_grad_row(w, h[0][i], h[1][i], h[2][i], h[3][i]);
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
    sum_block(db, dy, NT_BF16, map, n, block);
}

const wino_arith wino_bf16 = {
    .impl = "winograd:avx512_bf16",
    .type = NT_BF16,
    .tile = TILE,
    .points = POINTS,
    .group = GROUP,
    .min_tiles = 24,
    .works = works,
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
