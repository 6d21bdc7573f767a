/* SPDX-License-Identifier: MIT */
/*
 * Convolution as matrix products (im2col). A group's weights are a matrix W [kg][cg taps]; the
 * input of a block of output positions becomes col [cg taps][positions]. Then
 *
 *     forward            y = W col
 *     backward by data   dx = col2im(W^T dy)
 *     backward by weights dW = sum over blocks of dy col^T, in block order
 *
 * A block is a few whole images when they are small, else a stretch of one, so that col stays
 * near the cache whatever the shape. How the work is cut depends on the shape alone: the result
 * has the same bits for any number of threads.
 */
#include "kernel/openblas/conv.h"

#include "base/alloc.h"
#include "kernel/blas_gemm.h"
#include "kernel/openblas/im2col.h"
#include "kernel/openblas/openblas.h"

#include <omp.h>
#include <string.h>

#define BLOCK_POSITIONS 512
#define BLOCK_ROWS 256 /* of col at a time, in the backward passes */

typedef struct block {
    int64_t n; /* first image */
    blas_span span;
    int64_t width;
} block;

static int64_t blocks_of_image(const blas_conv *c)
{
    return blas_ceil_div(c->w.n_out, c->width);
}

static int64_t block_count(const blas_conv *c)
{
    return blas_ceil_div(c->d.n, c->images) * blocks_of_image(c);
}

/* step: elements of an image of the tensor that the span will walk. */
static block block_of(const blas_conv *c, int64_t i, int64_t step)
{
    int64_t per = blocks_of_image(c), from = i % per * c->width;
    block b = {.n = i / per * c->images};

    b.span = (blas_span){.images = blas_min(c->images, c->d.n - b.n),
                         .from = from,
                         .to = blas_min(from + c->width, c->w.n_out),
                         .step = step};
    b.width = blas_span_width(&b.span);
    return b;
}

static const void *element(const void *p, nt_dtype t, int64_t i)
{
    return (const char *)p + (size_t)i * nt_dtype_size(t);
}

/* col for `channels` channels from `first` on: x itself where that is what it would be. */
static blas_matrix columns(const blas_conv *c, float *buf, const void *x, const block *b,
                           int64_t first, int64_t channels)
{
    const void *from = element(x, c->d.src, (b->n * c->d.c + first) * c->w.n_in);

    if (c->d.src == NT_F32 && b->span.images == 1 && blas_is_pointwise(&c->w))
        return (blas_matrix){(const float *)from + b->span.from, c->w.n_in, false};
    blas_im2col(buf, from, c->d.src, &c->w, channels, &b->span);
    return (blas_matrix){buf, b->width, false};
}

/* dy of group g as a matrix [kg][width]: dy itself where it lies so. */
static blas_matrix gradients(const blas_conv *c, float *buf, const void *dy, const block *b,
                             int64_t g)
{
    int64_t n = b->span.to - b->span.from, images = b->span.images;
    int64_t at = (b->n * c->d.k + g * c->kg) * c->w.n_out + b->span.from;

    if (c->d.dst == NT_F32 && images == 1)
        return (blas_matrix){(const float *)dy + at, c->w.n_out, false};
    for (int64_t k = 0; k < c->kg; k++)
        for (int64_t i = 0; i < images; i++)
            blas_row_load(buf + (k * images + i) * n,
                          element(dy, c->d.dst, at + (i * c->d.k + k) * c->w.n_out), c->d.dst,
                          n);
    return (blas_matrix){buf, b->width, false};
}

/* Bias and post-operations on v [kg][width], and to y if v is not there already. */
static void finish(const blas_conv *c, void *const *arg, float *v, int64_t ld, const block *b,
                   int64_t g)
{
    const float *bias = arg[2];
    blas_finish f = {c->d.dst, c->d.post, c->d.n_post};
    int64_t n = b->span.to - b->span.from, images = b->span.images;

#pragma omp parallel for schedule(static)
    for (int64_t j = 0; j < c->kg * images; j++) {
        int64_t k = g * c->kg + j / images, i = j % images;
        int64_t at = ((b->n + i) * c->d.k + k) * c->w.n_out + b->span.from;

        blas_row_finish((char *)arg[3] + (size_t)at * nt_dtype_size(c->d.dst),
                        v + j / images * ld + i * n, n, bias ? bias + k : NULL, 0, &f);
    }
}

static void fwd_block(const blas_conv *c, void *const *arg, float *buf, const block *b)
{
    int64_t rows = c->cg * c->w.n_ker;
    bool in_place =
        c->d.dst == NT_F32 && b->span.images == 1 && !blas_has_sum(c->d.post, c->d.n_post);
    float *product = buf + blas_round16(rows * b->width);

    for (int64_t g = 0; g < c->d.g; g++) {
        blas_matrix w = {(const float *)arg[1] + g * c->kg * rows, rows, false};
        blas_matrix col = columns(c, buf, arg[0], b, g * c->cg, c->cg);
        float *y =
            in_place ? (float *)arg[3] + (b->n * c->d.k + g * c->kg) * c->w.n_out + b->span.from
                     : product;
        int64_t ld = in_place ? c->w.n_out : b->width;

        blas_gemm((blas_product){c->kg, b->width, rows, .alpha = 1}, w, col, y, ld);
        if (!in_place || arg[2] || c->d.n_post > 0)
            finish(c, arg, y, ld, b, g);
    }
}

/* Threads take whole blocks where there are enough of them, else they share each block. */
static nt_status run_fwd(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;
    int64_t blocks = block_count(c);
    bool apart = blocks >= 2 * c->threads || blocks % c->threads == 0;

    (void)e, (void)apart; /* without OpenMP */
#pragma omp parallel for schedule(static) num_threads(c->threads) if (apart)
    for (int64_t i = 0; i < blocks; i++) {
        block b = block_of(c, i, c->d.c * c->w.n_in);

        fwd_block(c, arg, (float *)scratch + (size_t)omp_get_thread_num() * c->per_thread, &b);
    }
    return NT_OK;
}

/* A share of the backward passes: some channels of one group. */
typedef struct share {
    int64_t g, first, channels; /* first counts within the group */
} share;

static int64_t shares(const blas_conv *c)
{
    return c->d.g * blas_ceil_div(c->cg, c->channels);
}

static share share_of(const blas_conv *c, int64_t i)
{
    int64_t per = blas_ceil_div(c->cg, c->channels), first = i % per * c->channels;

    return (share){i / per, first, blas_min(c->channels, c->cg - first)};
}

static void zero_planes(float *dx, int64_t images, int64_t step, int64_t count)
{
    for (int64_t i = 0; i < images; i++)
        memset(dx + i * step, 0, (size_t)count * sizeof *dx);
}

/* One block's part of dx, whose first plane is at dx and whose images are span.step apart. */
static void bwd_data_block(const blas_conv *c, void *const *arg, float *buf, float *dx,
                           const block *b, share s)
{
    int64_t rows = c->cg * c->w.n_ker;
    const float *weights = (const float *)arg[1] + s.g * c->kg * rows + s.first * c->w.n_ker;
    blas_matrix wt = {weights, rows, true};
    float *col = buf + blas_round16(c->kg * b->width);
    blas_matrix dy = gradients(c, buf, arg[0], b, s.g);

    if (b->span.images == 1 && blas_is_pointwise(&c->w)) {
        blas_gemm((blas_product){s.channels, b->width, c->kg, .alpha = 1}, wt, dy,
                  dx + b->span.from, c->w.n_in);
        return;
    }
    blas_gemm((blas_product){s.channels * c->w.n_ker, b->width, c->kg, .alpha = 1}, wt, dy, col,
              b->width);
    blas_col2im(dx, col, &c->w, s.channels, &b->span);
}

/* dx of a share's channels in the images of one block (all blocks of them, if it is cut). */
static void bwd_data_images(const blas_conv *c, void *const *arg, float *buf, int64_t set,
                            share s)
{
    bool in_place = c->d.src == NT_F32;
    int64_t per = blocks_of_image(c), planes = s.channels * c->w.n_in;
    int64_t step = in_place ? c->d.c * c->w.n_in : planes;
    block b = block_of(c, set * per, step);
    int64_t at = (b.n * c->d.c + s.g * c->cg + s.first) * c->w.n_in;
    float *work = buf + (in_place ? 0 : blas_round16(b.span.images * planes));
    float *dx = in_place ? (float *)arg[2] + at : buf;

    zero_planes(dx, b.span.images, step, planes);
    for (int64_t i = 0; i < per; i++) {
        b = block_of(c, set * per + i, step);
        bwd_data_block(c, arg, work, dx, &b, s);
    }
    for (int64_t i = 0; !in_place && i < b.span.images; i++)
        blas_row_store((uint16_t *)arg[2] + at + i * c->d.c * c->w.n_in, c->d.src,
                       dx + i * planes, planes);
}

static nt_status run_bwd_data(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;
    int64_t sets = blas_ceil_div(c->d.n, c->images), n = shares(c);

    (void)e;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int64_t i = 0; i < sets * n; i++)
        bwd_data_images(c, arg, (float *)scratch + (size_t)omp_get_thread_num() * c->per_thread,
                        i / n, share_of(c, i % n));
    return NT_OK;
}

/* dw of a share's channels. */
static void bwd_weights_share(const blas_conv *c, void *const *arg, float *buf, share s)
{
    int64_t rows = c->cg * c->w.n_ker;
    float *dw = (float *)arg[2] + s.g * c->kg * rows + s.first * c->w.n_ker;

    for (int64_t i = 0; i < block_count(c); i++) {
        block b = block_of(c, i, c->d.c * c->w.n_in);
        float *col_buf = buf + blas_round16(c->kg * b.width);
        blas_matrix dy = gradients(c, buf, arg[1], &b, s.g);
        blas_matrix col = columns(c, col_buf, arg[0], &b, s.g * c->cg + s.first, s.channels);

        col.trans = true;
        blas_gemm(
            (blas_product){c->kg, s.channels * c->w.n_ker, b.width, .alpha = 1, .beta = i > 0},
            dy, col, dw, rows);
    }
}

static nt_status run_bwd_weights(nt_prim *p, void *const *arg, void *scratch, nt_err *e)
{
    const blas_conv *c = (const blas_conv *)p;

    (void)e;
#pragma omp parallel for schedule(static) num_threads(c->threads)
    for (int64_t i = 0; i < shares(c); i++)
        bwd_weights_share(c, arg,
                          (float *)scratch + (size_t)omp_get_thread_num() * c->per_thread,
                          share_of(c, i));
    if (arg[3])
        blas_conv_bias_grad(arg[3], arg[1], c);
    return NT_OK;
}

/* ---- making */

static bool is_plain(nt_format f)
{
    return f == NT_FMT_PLAIN || f == NT_FMT_ANY;
}

static nt_status check(const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t count = d->k;

    if (!is_plain(d->src_fmt) || !is_plain(d->dst_fmt))
        return nt_fail(e, NT_EUNSUPPORTED, "this convolution wants plain, not %s",
                       nt_format_name(is_plain(d->src_fmt) ? d->dst_fmt : d->src_fmt));
    if (d->algo != NT_ALGO_AUTO && d->algo != NT_ALGO_GEMM)
        return nt_fail(e, NT_EUNSUPPORTED, "this convolution has no algorithm but GEMM");
    NT_TRY(blas_check_float(d->src, "convolution", e));
    NT_TRY(blas_check_float(d->dst, "convolution", e));
    for (int i = -1; i < d->sp; i++)
        if (!nt_i64_mul(&count, count, i < 0 ? d->c / d->g : d->ker[i]))
            return nt_fail(e, NT_EUNSUPPORTED, "the convolution's weights are past counting");
    NT_TRY(blas_gemm_fits(count, "the size of the convolution's weights", e));
done:
    return s;
}

/* How the batch is cut; see the top. */
static void cut(blas_conv *c)
{
    int64_t pieces =
        c->w.n_out > BLOCK_POSITIONS ? blas_ceil_div(c->w.n_out, BLOCK_POSITIONS) : 1;

    c->width = blas_ceil_div(c->w.n_out, pieces);
    c->images = pieces > 1 ? 1 : blas_min(c->d.n, BLOCK_POSITIONS / c->w.n_out);
    c->channels = BLOCK_ROWS / c->w.n_ker > 0 ? blas_min(BLOCK_ROWS / c->w.n_ker, c->cg) : 1;
}

static nt_status conv_new(blas_conv **out, nt_device *dev, const nt_conv_desc *d, nt_err *e)
{
    nt_status s = check(d, e);
    blas_conv *c;

    if (s != NT_OK)
        return s;
    c = blas_prim_new(sizeof *c, NULL, d->c == d->g ? "depthwise" : "im2col:sgemm");
    if (!c)
        return nt_fail_nomem(e);
    c->d = *d;
    c->w =
        nt_window_of(&(nt_window_axes){d->sp, d->in, d->out, d->ker, d->stride, d->dil, d->lo});
    c->cg = d->c / d->g;
    c->kg = d->k / d->g;
    c->threads = nt_device_threads(dev);
    cut(c);
    *out = c;
    return NT_OK;
}

static void set_run(blas_conv *c, blas_run_fn *matrix, size_t floats, blas_run_fn *depthwise)
{
    bool dw = c->cg == 1;

    c->head.run = dw ? depthwise : matrix;
    c->per_thread = dw ? blas_depthwise_scratch(c) : floats;
    c->head.scratch = c->per_thread * (size_t)c->threads * sizeof(float);
}

static size_t packed_bytes(const blas_conv *c)
{
    return (size_t)(c->d.k * c->cg * c->w.n_ker) * sizeof(float);
}

nt_status blas_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                            bool training, nt_err *e)
{
    nt_status s = NT_OK;
    blas_conv *c = NULL;
    nt_prim *pack = NULL;
    int64_t width;

    (void)training;
    NT_TRY(conv_new(&c, dev, d, e));
    NT_TRY(blas_copy_new(&pack, d->k * c->cg * c->w.n_ker, d->src == NT_BF16, e));
    width = c->images * c->width;
    set_run(c, run_fwd, blas_round16(c->cg * c->w.n_ker * width) + blas_round16(c->kg * width),
            blas_depthwise_fwd);
    *out = (nt_conv_fwd){&c->head, pack, packed_bytes(c), NT_FMT_PLAIN, NT_FMT_PLAIN};
    return NT_OK;
done:
    nt_free(c);
    return s;
}

nt_status blas_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                 nt_err *e)
{
    nt_status s = NT_OK;
    blas_conv *c = NULL;
    nt_prim *pack = NULL;
    int64_t width;
    size_t own;

    NT_TRY(conv_new(&c, dev, d, e));
    NT_TRY(blas_copy_new(&pack, d->k * c->cg * c->w.n_ker, d->dst == NT_BF16, e));
    width = c->images * c->width;
    own = d->src == NT_F32 ? 0 : blas_round16(c->images * c->channels * c->w.n_in);
    set_run(c, run_bwd_data,
            own + blas_round16(c->kg * width) + blas_round16(c->channels * c->w.n_ker * width),
            blas_depthwise_bwd_data);
    *out = (nt_conv_bwd_data){&c->head, pack, packed_bytes(c), NT_FMT_PLAIN, NT_FMT_PLAIN};
    return NT_OK;
done:
    nt_free(c);
    return s;
}

nt_status blas_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                    const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_OK;
    blas_conv *c = NULL;
    nt_prim *unpack = NULL;
    int64_t width;

    NT_TRY(conv_new(&c, dev, d, e));
    NT_TRY(blas_copy_new(&unpack, d->k * c->cg * c->w.n_ker, false, e));
    width = c->images * c->width;
    set_run(c, run_bwd_weights,
            blas_round16(c->kg * width) + blas_round16(c->channels * c->w.n_ker * width),
            blas_depthwise_bwd_weights);
    *out = (nt_conv_bwd_weights){&c->head, unpack, packed_bytes(c), NT_FMT_PLAIN, NT_FMT_PLAIN};
    return NT_OK;
done:
    nt_free(c);
    return s;
}
