/* SPDX-License-Identifier: MIT */
/*
 * oneDNN's Relu behind a batch normalisation makes 0 of NaN, so that a network gone bad looks
 * well. A NaN or an infinity in a channel shows in the channel's mean or variance, scale or
 * shift, which are looked at; such a channel is written anew from x.
 */
#include "kernel/onednn/api.h"

#include "base/alloc.h"
#include "kernel/blas_prim.h"

#include <math.h>
#include <stdio.h>

enum { X, SCALE, SHIFT, MEAN, VAR, Y }; /* arguments of nt_bn_train_new */

typedef struct bn_relu {
    nt_prim head;
    nt_prim *inner;
    nt_dtype type;
    blas_layout layout;
    float eps;
} bn_relu;

static bool is_finite(const float *const *stat, int64_t c)
{
    bool finite = true;

    for (int i = SCALE; i <= VAR; i++)
        finite = finite && isfinite(stat[i][c]);
    return finite;
}

/* One channel, lane l of a column. */
static void mend_lane(const bn_relu *p, void *y, const void *x, const float *const *stat,
                      const blas_column *col, int64_t l)
{
    int64_t c = col->c + l;
    float root = sqrtf(stat[VAR][c] + p->eps);

    for (int64_t i = 0; i < p->layout.points; i++) {
        blas_column one = {.lanes = 1, .step = 1, .rows = 1};
        float x_buf, y_buf;
        int64_t at = col->at + i * col->step + l;
        float v = *blas_tile_get(&x_buf, x, p->type, &one, at, 1);
        float *to = blas_tile_at(&y_buf, y, p->type, &one, at);

        v = (v - stat[MEAN][c]) / root * stat[SCALE][c] + stat[SHIFT][c];
        *to = v <= 0 ? 0 : v;
        blas_tile_put(y, p->type, &one, at, 1, to);
    }
}

static void mend(const bn_relu *p, void *y, const void *x, const float *const *stat)
{
    int64_t columns = blas_columns(p->layout);

    for (int64_t i = 0; i < p->layout.n * columns; i++) {
        blas_column col = blas_column_of(p->layout, i / columns, i % columns);

        for (int64_t l = 0; l < col.lanes; l++)
            if (!is_finite(stat, col.c + l))
                mend_lane(p, y, x, stat, &col, l);
    }
}

static nt_status run(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const bn_relu *p = (const bn_relu *)head;
    const float *stat[] = {NULL, arg[SCALE], arg[SHIFT], arg[MEAN], arg[VAR]};
    nt_status s = nt_prim_run(p->inner, arg, scratch, e);
    bool finite = true;

    for (int64_t c = 0; s == NT_OK && c < p->layout.c; c++)
        finite = finite && is_finite(stat, c);
    if (!finite)
        mend(p, arg[Y], arg[X], stat);
    return s;
}

static void free_prim(nt_prim *head)
{
    nt_prim_free(((bn_relu *)head)->inner);
    nt_free(head);
}

nt_status dnn_bn_relu_wrap(nt_prim **inner, const nt_bn_desc *d, nt_err *e)
{
    bn_relu *p = blas_prim_new(sizeof *p, run, nt_prim_impl(*inner));

    if (!p)
        return nt_fail_nomem(e);
    p->type = d->x.dtype;
    p->layout = blas_layout_of(&d->x);
    p->eps = d->eps;
    p->inner = *inner;
    p->head.free = free_prim;
    p->head.scratch = nt_prim_scratch(*inner);
    *inner = &p->head;
    return NT_OK;
}
