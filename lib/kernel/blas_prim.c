/* SPDX-License-Identifier: MIT */
#include "kernel/blas_prim.h"

#include "base/alloc.h"
#include "kernel/blas_row.h"

#include <stdio.h>
#include <string.h>

static void free_prim(nt_prim *p)
{
    nt_free(p);
}

void *blas_prim_new(size_t size, blas_run_fn *run, const char *impl)
{
    nt_prim *p = nt_calloc(1, size);

    if (!p)
        return NULL;
    p->run = run;
    p->free = free_prim;
    snprintf(p->impl, sizeof p->impl, "%s", impl);
    return p;
}

nt_status blas_check_float(nt_dtype t, const char *what, nt_err *e)
{
    if (t == NT_F32 || t == NT_BF16)
        return NT_OK;
    return nt_fail(e, NT_EUNSUPPORTED, "%s of %s, want float32 or bfloat16", what,
                   nt_dtype_name(t));
}

blas_layout blas_layout_of(const nt_desc *d)
{
    nt_format f = nt_format_of_rank(d->fmt, d->rank);
    blas_layout l = {.n = 1, .c = 1, .points = 1};

    if (d->rank > 0)
        l.n = d->dims[0];
    if (d->rank > 1)
        l.c = d->dims[1];
    for (int i = 2; i < d->rank; i++)
        l.points *= d->dims[i];
    l.lanes = f == NT_FMT_NHWC ? l.c : nt_format_block(f);
    l.blocks = l.lanes ? (l.c + l.lanes - 1) / l.lanes : 0;
    return l;
}

void blas_layout_pad(void *y, nt_dtype t, blas_layout l)
{
    size_t size = nt_dtype_size(t);
    int64_t real = blas_layout_lanes(l, l.blocks - 1);
    int64_t plane = l.points * l.lanes;

    if (real >= l.lanes)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < l.n; n++)
        for (int64_t i = 0; i < l.points; i++) {
            int64_t at = ((n + 1) * l.blocks - 1) * plane + i * l.lanes + real;

            memset((char *)y + (size_t)at * size, 0, (size_t)(l.lanes - real) * size);
        }
}

/* Columns in one block. */
static int64_t columns_in_block(blas_layout l)
{
    return (l.lanes + BLAS_LANES - 1) / BLAS_LANES;
}

int64_t blas_columns(blas_layout l)
{
    return l.blocks * columns_in_block(l);
}

blas_column blas_column_of(blas_layout l, int64_t n, int64_t i)
{
    int64_t per = columns_in_block(l), block = i / per, lane = i % per * BLAS_LANES;
    int64_t real = blas_layout_lanes(l, block) - lane;
    int64_t lanes = blas_min(BLAS_LANES, real);

    return (blas_column){
        .at = (n * l.blocks + block) * l.points * l.lanes + lane,
        .c = block * l.lanes + lane,
        .lanes = lanes,
        .step = l.lanes,
        .rows = BLAS_TILE / lanes,
    };
}

static bool lies_dense(nt_dtype t, const blas_column *c)
{
    return t == NT_F32 && c->lanes == c->step;
}

const float *blas_tile_get(float *buf, const void *x, nt_dtype t, const blas_column *c,
                           int64_t at, int64_t rows)
{
    size_t size = nt_dtype_size(t);
    const char *from = (const char *)x + (size_t)at * size;

    if (lies_dense(t, c))
        return (const float *)(const void *)from;
    if (c->lanes == c->step)
        blas_row_load(buf, from, t, rows * c->lanes);
    else
        blas_rows_load(buf, c->lanes, from, (blas_rows){t, c->step, rows, c->lanes});
    return buf;
}

float *blas_tile_at(float *buf, void *y, nt_dtype t, const blas_column *c, int64_t at)
{
    return lies_dense(t, c) ? (float *)y + at : buf;
}

void blas_tile_put(void *y, nt_dtype t, const blas_column *c, int64_t at, int64_t rows,
                   const float *v)
{
    size_t size = nt_dtype_size(t);
    char *to = (char *)y + (size_t)at * size;

    if (lies_dense(t, c))
        return; /* it was written in place */
    if (c->lanes == c->step)
        blas_row_store(to, t, v, rows * c->lanes);
    else
        blas_rows_store(to, (blas_rows){t, c->step, rows, c->lanes}, v, c->lanes);
}
