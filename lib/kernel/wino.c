/* SPDX-License-Identifier: MIT */
/*
 * The three passes as prims. Forward (and backward by data, which is a forward convolution of
 * dy with turned weights) goes block of tiles by block of tiles, so that what is between the
 * steps stays in the second-level cache; the gradient by weights chunk by chunk, all threads at
 * one.
 */
#include "kernel/wino.h"

#if NT_WITH_WINO
#include "base/alloc.h"
#include "kernel/choose.h"
#include "kernel/wino_arith.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

enum {
    L2_BYTES = 640 << 10, /* of what a block of tiles keeps in the second-level cache */
    MAX_TILES = 96,
    CHUNK = 256 /* tiles of a chunk in the gradient by weights */
};

typedef struct wino_prim {
    nt_prim base;
    const wino_arith *a;
    wino_map src, dst; /* of the pass: what it reads, and what it writes tiles of */
    wino_grid grid;
    int64_t n, tiles, block; /* tiles in all, and of a block or chunk */
    int threads;
    bool transposed; /* pack: backward by data */
    int64_t k, c;    /* of the weights, for pack and unpack */
    nt_post post[NT_POST_MAX];
    int n_post;
} wino_prim;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static wino_map map_of(nt_format f, int64_t c, const int64_t extent[3])
{
    wino_map m = {.c = c, .h = extent[0], .w = extent[1], .blocks = ceil_div(c, WINO_LANES)};

    m.pixel = f == NT_FMT_NHWC ? c : WINO_LANES;
    m.row = m.w * m.pixel;
    m.block = f == NT_FMT_NHWC ? WINO_LANES : m.h * m.row;
    m.image = f == NT_FMT_NHWC ? m.h * m.row : m.blocks * m.block;
    return m;
}

static bool layout_fits(nt_format f)
{
    return f == NT_FMT_ANY || f == NT_FMT_NHWC || f == NT_FMT_C16;
}

/* The first of these that we can have: what is asked of this side, what lies there already, and
 * the same of the other side. */
static nt_format pick(nt_format own, nt_format other, nt_format like, nt_format other_like)
{
    const nt_format wish[] = {own, like, other, other_like};

    for (int i = 0; i < 4; i++)
        if (wish[i] == NT_FMT_NHWC || wish[i] == NT_FMT_C16)
            return wish[i];
    return NT_FMT_C16;
}

/* Tiles of the outputs, or (by data) of the inputs. */
static int64_t tiles_of(const nt_conv_desc *d, nt_pass pass, int64_t tile)
{
    const int64_t *extent = pass == NT_PASS_BWD_DATA ? d->in : d->out;

    return d->n * ceil_div(extent[0], tile) * ceil_div(extent[1], tile);
}

/* Gradients, where its points are few enough beside those of 2x2, and a network's noise is much
 * larger than what F(4x4) is off by; and where tiles are enough to pay for the transforms of
 * the weights and of their gradients. */
static bool suits_4x4(const nt_conv_desc *d, nt_pass pass)
{
    int64_t tiles = tiles_of(d, pass, 4);

    return pass != NT_PASS_FORWARD && tiles >= 96 && 3 * tiles <= tiles_of(d, pass, 2);
}

static const wino_arith *arith_of(const nt_conv_desc *d, nt_pass pass)
{
    if (d->src != NT_BF16)
        return &wino_f32;
    return suits_4x4(d, pass) ? &wino_bf16_4x4 : &wino_bf16;
}

static nt_status check(nt_format *src, nt_format *dst, const nt_conv_desc *d, nt_err *e)
{
    const wino_arith *a = arith_of(d, NT_PASS_FORWARD);
    bool fits = a->works() && d->sp == 2 && d->g == 1 && d->src == a->type &&
                d->dst == a->type && layout_fits(d->src_fmt) && layout_fits(d->dst_fmt);

    for (int i = 0; i < d->sp && i < 2; i++)
        fits = fits && d->ker[i] == 3 && d->stride[i] == 1 && d->dil[i] == 1 && d->lo[i] >= 0 &&
               d->lo[i] <= 2;
    for (int i = 0; i < d->n_post; i++)
        fits = fits && (d->post[i].kind == NT_POST_RELU || d->post[i].kind == NT_POST_CLIP ||
                        d->post[i].kind == NT_POST_SUM);
    if (!fits)
        return nt_fail(e, NT_EUNSUPPORTED, "no Winograd kernel for this convolution");
    *src = pick(d->src_fmt, d->dst_fmt, d->src_like, d->dst_like);
    *dst = pick(d->dst_fmt, d->src_fmt, d->dst_like, d->src_like);
    return NT_OK;
}

static void prim_free(nt_prim *p)
{
    nt_free(p);
}

static nt_status prim_new(wino_prim **out, nt_device *dev, const nt_conv_desc *d, nt_pass pass,
                          nt_status (*run)(nt_prim *, void *const *, void *, nt_err *),
                          nt_err *e)
{
    wino_prim *p = nt_calloc(1, sizeof *p);

    if (!p)
        return nt_fail_nomem(e);
    p->base = (nt_prim){.run = run, .free = prim_free};
    p->a = arith_of(d, pass);
    snprintf(p->base.impl, sizeof p->base.impl, "%s", p->a->impl);
    p->base.loses_nan = true; /* an infinity, which becomes one */
    p->threads = nt_device_threads(dev);
    p->n = d->n;
    p->k = d->k;
    p->c = d->c;
    *out = p;
    return NT_OK;
}

/* Tiles over the outputs [n][..][dst.h][dst.w]. */
static void set_grid(wino_prim *p, int64_t lo_y, int64_t lo_x)
{
    p->grid = (wino_grid){
        ceil_div(p->dst.h, p->a->tile), ceil_div(p->dst.w, p->a->tile), {lo_y, lo_x}};
    p->tiles = p->n * p->grid.rows * p->grid.cols;
}

/* n elements of each point */
static size_t points_bytes(const wino_prim *p, int64_t n, size_t size)
{
    return (size_t)(p->a->points * wino_point(n, size)) * size;
}

/* All pairs of channels, of each point. */
static size_t packed_bytes(const wino_prim *p, size_t size)
{
    return points_bytes(p, p->src.blocks * p->dst.blocks * WINO_LANES * WINO_LANES, size);
}

/* ---- forward */

static size_t v_bytes(const wino_prim *p)
{
    return points_bytes(p, p->block * p->src.blocks * WINO_LANES, nt_dtype_size(p->a->type));
}

static size_t m_bytes(const wino_prim *p)
{
    return points_bytes(p, p->block * WINO_SLAB, sizeof(float));
}

static nt_status run_forward(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    const wino_prim *p = (const wino_prim *)base;
    int64_t blocks = ceil_div(p->tiles, p->block);

    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t i = 0; i < blocks; i++) {
        char *mine = (char *)scratch + (size_t)omp_get_thread_num() * (v_bytes(p) + m_bytes(p));
        void *v = mine;
        float *m = (float *)(mine + v_bytes(p));
        int64_t t = i * p->block, left = p->tiles - t,
                count = left < p->block ? left : p->block;

        p->a->input(v, p->block, arg[0], &p->src, &p->grid, t, count);
        for (int64_t k = 0; k < p->dst.c; k += WINO_SLAB) {
            p->a->products(m, v, arg[1], p->block, count, p->src.blocks, p->dst.blocks, k);
            p->a->output(arg[3], &p->dst, &p->grid, m, p->block, t, count, k, arg[2], p->post,
                         p->n_post);
        }
    }
    return NT_OK;
}

static nt_status run_backward_data(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    void *as_forward[4] = {arg[0], arg[1], NULL, arg[2]};

    return run_forward(base, as_forward, scratch, e);
}

static nt_status run_pack(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    const wino_prim *p = (const wino_prim *)base;
    int64_t blocks = ceil_div(p->transposed ? p->c : p->k, WINO_LANES);

    (void)scratch;
    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t b = 0; b < blocks; b++)
        p->a->weights(arg[1], arg[0], p->k, p->c, p->transposed, b, b + 1);
    return NT_OK;
}

/* Tiles at a time: as many as the cache holds, a multiple of what a product takes, and no fewer
 * blocks than threads. */
static void set_block(wino_prim *p)
{
    int64_t v = p->src.blocks * WINO_LANES * (int64_t)nt_dtype_size(p->a->type);
    int64_t one = p->a->points * (v + WINO_SLAB * (int64_t)sizeof(float));
    int64_t n = L2_BYTES / one, share = ceil_div(p->tiles, p->threads);

    n = n < p->a->min_tiles ? p->a->min_tiles : n > MAX_TILES ? MAX_TILES : n;
    n = n < share ? n : share;
    p->block = ceil_div(n, WINO_ROWS) * WINO_ROWS;
    p->base.scratch = (size_t)p->threads * (v_bytes(p) + m_bytes(p));
}

nt_status wino_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    nt_format src, dst;
    wino_prim *run = NULL, *pack = NULL;

    NT_TRY(check(&src, &dst, d, e));
    NT_TRY(prim_new(&run, dev, d, NT_PASS_FORWARD, run_forward, e));
    NT_TRY(prim_new(&pack, dev, d, NT_PASS_FORWARD, run_pack, e));
    run->src = map_of(src, d->c, d->in);
    run->dst = map_of(dst, d->k, d->out);
    memcpy(run->post, d->post, sizeof run->post);
    run->n_post = d->n_post;
    set_grid(run, d->lo[0], d->lo[1]);
    set_block(run);
    *out = (nt_conv_fwd){&run->base, &pack->base,
                         packed_bytes(run, nt_dtype_size(run->a->type)), src, dst};
    run = pack = NULL;
done:
    nt_free(run);
    nt_free(pack);
    return s;
}

nt_status wino_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                 nt_err *e)
{
    nt_status s = NT_OK;
    nt_format src, dst;
    wino_prim *run = NULL, *pack = NULL;

    NT_TRY(check(&src, &dst, d, e));
    NT_TRY(prim_new(&run, dev, d, NT_PASS_BWD_DATA, run_backward_data, e));
    NT_TRY(prim_new(&pack, dev, d, NT_PASS_BWD_DATA, run_pack, e));
    pack->transposed = true;
    run->src = map_of(dst, d->k, d->out); /* it reads dy and writes dx */
    run->dst = map_of(src, d->c, d->in);
    set_grid(run, 2 - d->lo[0], 2 - d->lo[1]);
    set_block(run);
    *out = (nt_conv_bwd_data){&run->base, &pack->base,
                              packed_bytes(run, nt_dtype_size(run->a->type)), src, dst};
    run = pack = NULL;
done:
    nt_free(run);
    nt_free(pack);
    return s;
}

/* ---- backward by weights */

static size_t groups_bytes(const wino_prim *p, const wino_map *m)
{
    return points_bytes(p, p->block * m->blocks * WINO_LANES, nt_dtype_size(p->a->type));
}

/* One chunk: transforms, then sums; inside a parallel region. */
static void run_chunk(const wino_prim *p, void *const *arg, void *v, void *y, int64_t t)
{
    int64_t left = p->tiles - t, count = left < p->block ? left : p->block;
    int64_t groups = p->block / p->a->group, used = ceil_div(count, p->a->group);

#pragma omp for schedule(static)
    for (int64_t i = 0; i < used; i++) {
        p->a->input_groups(v, groups, arg[0], &p->src, &p->grid, t, count, i, i + 1);
        p->a->grad_groups(y, groups, arg[1], &p->dst, &p->grid, t, count, i, i + 1);
    }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < p->a->points * p->src.blocks; i++)
        p->a->sum_products(arg[2], v, y, groups, used, p->src.blocks, p->dst.blocks,
                           i / p->src.blocks, i % p->src.blocks, t == 0);
}

static nt_status run_backward_weights(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    const wino_prim *p = (const wino_prim *)base;
    void *v = scratch, *y = (char *)scratch + groups_bytes(p, &p->src);

    (void)e;
#pragma omp parallel num_threads(p->threads)
    {
        for (int64_t t = 0; t < p->tiles; t += p->block)
            run_chunk(p, arg, v, y, t);
#pragma omp for schedule(static)
        for (int64_t b = 0; b < (arg[3] ? p->dst.blocks : 0); b++)
            p->a->bias_grad(arg[3], arg[1], &p->dst, p->n, b);
    }
    return NT_OK;
}

static nt_status run_unpack(nt_prim *base, void *const *arg, void *scratch, nt_err *e)
{
    const wino_prim *p = (const wino_prim *)base;
    int64_t blocks = ceil_div(p->k, WINO_LANES);

    (void)scratch;
    (void)e;
#pragma omp parallel for schedule(static) num_threads(p->threads)
    for (int64_t b = 0; b < blocks; b++)
        p->a->weight_grad(arg[1], arg[0], p->k, p->c, b, b + 1);
    return NT_OK;
}

nt_status wino_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                    const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    nt_format src, dst;
    wino_prim *run = NULL, *unpack = NULL;

    NT_TRY(check(&src, &dst, d, e));
    NT_TRY(prim_new(&run, dev, d, NT_PASS_BWD_WEIGHTS, run_backward_weights, e));
    NT_TRY(prim_new(&unpack, dev, d, NT_PASS_BWD_WEIGHTS, run_unpack, e));
    run->src = map_of(src, d->c, d->in);
    run->dst = map_of(dst, d->k, d->out);
    set_grid(run, d->lo[0], d->lo[1]);
    run->block =
        run->tiles < CHUNK ? ceil_div(run->tiles, run->a->group) * run->a->group : CHUNK;
    run->base.scratch = groups_bytes(run, &run->src) + groups_bytes(run, &run->dst);
    *out = (nt_conv_bwd_weights){&run->base, &unpack->base, packed_bytes(run, sizeof(float)),
                                 src, dst};
    run = unpack = NULL;
done:
    nt_free(run);
    nt_free(unpack);
    return s;
}

#endif
