/* SPDX-License-Identifier: MIT */
/*
 * The convolution's backward pass is the backend's; oneDNN's own deconvolution is nothing else
 * on a CPU, and adds bias and activation in a pass of its own, too, one element after another.
 * Where oneDNN refuses (an output_padding of a stride or more), the portable pass takes over.
 */
#include "kernel/deconv.h"

#include "base/alloc.h"
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"

#include <stdio.h>
#include <string.h>

typedef struct deconv {
    nt_prim head;
    nt_prim *inner; /* args: x, packed weights, y */
    blas_layout y;
    nt_dtype type;
    nt_post post[NT_POST_MAX];
    int n_post;
} deconv;

/* Bias and post-operations on one tile. */
static void finish_tile(const deconv *p, void *y, const float *bias, const blas_column *c,
                        int64_t at, int64_t rows)
{
    float buf[BLAS_TILE], *v = blas_tile_at(buf, y, p->type, c, at);
    const float *from = blas_tile_get(buf, y, p->type, c, at, rows);
    blas_finish all = {NT_F32, NULL, 0};

    if (from != v)
        memcpy(v, from, (size_t)(rows * c->lanes) * sizeof *v);
    if (bias && c->lanes == 1)
        blas_row_finish(v, v, rows, bias + c->c, 0, &all);
    for (int64_t i = 0; bias && c->lanes > 1 && i < rows; i++)
        blas_row_add(v + i * c->lanes, v + i * c->lanes, bias + c->c, c->lanes);
    for (int i = 0; i < p->n_post; i++)
        blas_row_post(v, rows * c->lanes, &p->post[i]);
    blas_tile_put(y, p->type, c, at, rows, v);
}

static void finish(const deconv *p, void *y, const float *bias)
{
    int64_t columns = blas_columns(p->y);

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->y.n * columns; i++) {
        blas_column c = blas_column_of(p->y, i / columns, i % columns);

        for (int64_t row = 0; row < p->y.points; row += c.rows)
            finish_tile(p, y, bias, &c, c.at + row * c.step,
                        blas_min(c.rows, p->y.points - row));
    }
}

static nt_status run(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const deconv *p = (const deconv *)head;
    void *const inner[] = {arg[0], arg[1], arg[3]};
    nt_status s = nt_prim_run(p->inner, inner, scratch, e);

    if (s == NT_OK && (arg[2] || p->n_post))
        finish(p, arg[3], arg[2]);
    return s;
}

static void free_deconv(nt_prim *head)
{
    nt_prim_free(((deconv *)head)->inner);
    nt_free(head);
}

/* The prim around *inner, which it takes on success. */
static nt_status wrap(nt_prim **out, nt_prim **inner, const nt_conv_desc *d, nt_format y_fmt,
                      nt_err *e)
{
    nt_desc y = {.dtype = d->src, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = y_fmt};
    deconv *p = blas_prim_new(sizeof *p, run, "deconv");

    if (!p)
        return nt_fail_nomem(e);
    for (int i = 0; i < d->sp; i++)
        y.dims[2 + i] = d->in[i];
    p->y = blas_layout_of(&y);
    p->type = d->src;
    memcpy(p->post, d->post, sizeof p->post);
    p->n_post = d->n_post;
    p->inner = *inner;
    p->head.free = free_deconv;
    p->head.scratch = nt_prim_scratch(*inner);
    p->head.loses_nan = (*inner)->loses_nan;
    snprintf(p->head.impl, sizeof p->head.impl, "deconv:%.50s", nt_prim_impl(*inner));
    *inner = NULL;
    *out = &p->head;
    return NT_OK;
}

nt_status nt_deconv_new(nt_deconv *out, nt_device *dev, const nt_conv_desc *d, bool training,
                        nt_err *e)
{
    nt_conv_desc plain = *d;
    nt_conv_bwd_data c = {0};
    nt_prim *prim = NULL;
    nt_status s;

    if (blas_has_sum(d->post, d->n_post))
        return nt_fail(e, NT_EUNSUPPORTED, "a transposed convolution has no sum behind it");
    if (dev->host)
        dev = dev->host; /* where the second pass computes */
    plain.bias = false;
    plain.n_post = 0;
    s = nt_conv_bwd_data_new(&c, dev, &plain, training, e);
    if (s == NT_EUNSUPPORTED && plain.algo == NT_ALGO_AUTO) {
        plain.algo = NT_ALGO_GEMM;
        s = nt_conv_bwd_data_new(&c, dev, &plain, training, e);
    }
    NT_TRY(s);
    NT_TRY(wrap(&prim, &c.run, d, c.src_fmt, e));
    *out = (nt_deconv){prim, c.pack, c.packed_bytes, c.dst_fmt, c.src_fmt};
    c.pack = NULL;
done:
    nt_conv_bwd_data_release(&c);
    return s;
}

void nt_deconv_release(nt_deconv *c)
{
    nt_prim_free(c->run);
    nt_prim_free(c->pack);
    *c = (nt_deconv){0};
}
