/* SPDX-License-Identifier: MIT */
#include "kernel/blas_prim.h"
#include "kernel/openblas/openblas.h"

#include <string.h>

#define OPERANDS 64

typedef struct concat_prim {
    nt_prim head;
    int n;
    int64_t outer;          /* pieces of each operand, laid side by side in y */
    size_t piece[OPERANDS]; /* bytes */
    size_t at[OPERANDS];    /* of a piece within y's */
    size_t total;
} concat_prim;

static nt_status run_concat(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const concat_prim *p = (const concat_prim *)head;
    char *y = arg[p->n];

    (void)scratch, (void)e;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->outer * p->n; i++) {
        size_t o = (size_t)(i / p->n), k = (size_t)(i % p->n);

        memcpy(y + o * p->total + p->at[k], (const char *)arg[k] + o * p->piece[k],
               p->piece[k]);
    }
    return NT_OK;
}

/* Extents in memory order, and where the axis is among them. */
static int memory_order(int64_t *extent, int *axis_at, const nt_desc *x, int axis)
{
    nt_format f = nt_format_of_rank(x->fmt, x->rank);
    int64_t block = nt_format_block(f);
    int n = 0;

    for (int i = 0; i < x->rank; i++) {
        int from = f == NT_FMT_NHWC && i > 0 ? (i < x->rank - 1 ? i + 1 : 1) : i;

        if (from == axis)
            *axis_at = n;
        extent[n++] = from == 1 ? (x->dims[1] + block - 1) / block : x->dims[from];
    }
    extent[n++] = block;
    return n;
}

static nt_status check(int n, const nt_desc *x, int axis, nt_err *e)
{
    int64_t block = nt_format_block(nt_format_of_rank(x->fmt, x->rank));

    if (n < 1 || n > OPERANDS)
        return nt_fail(e, NT_EINVAL, "concat of %d tensors, want 1 to %d", n, OPERANDS);
    if (axis < 0 || axis >= x->rank || x->fmt == NT_FMT_ANY)
        return nt_fail(e, NT_EINVAL, "concat along axis %d of a tensor of rank %d, format %s",
                       axis, x->rank, nt_format_name(x->fmt));
    for (int k = 0; k < n; k++) {
        if (x[k].dtype != x->dtype || x[k].fmt != x->fmt || x[k].rank != x->rank)
            return nt_fail(e, NT_EINVAL, "concat of different types, formats or ranks");
        for (int i = 0; i < x->rank; i++)
            if (i != axis && x[k].dims[i] != x->dims[i])
                return nt_fail(e, NT_EINVAL, "concat of extents %lld and %lld",
                               (long long)x->dims[i], (long long)x[k].dims[i]);
        if (axis == 1 && x[k].dims[1] % block)
            return nt_fail(e, NT_EUNSUPPORTED, "concat of %lld channels in blocks of %lld",
                           (long long)x[k].dims[1], (long long)block);
    }
    return NT_OK;
}

nt_status blas_concat_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis,
                          nt_err *e)
{
    nt_status s = NT_OK;
    concat_prim *p;

    (void)dev;
    NT_TRY(check(n, x, axis, e));
    p = blas_prim_new(sizeof *p, run_concat, "concat:copy");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->n = n;
    for (int k = 0; k < n; k++) {
        int64_t extent[NT_MAX_RANK + 1];
        int at = 0, rank = memory_order(extent, &at, &x[k], axis);

        p->outer = 1;
        for (int i = 0; i < at; i++)
            p->outer *= extent[i];
        p->piece[k] = nt_dtype_size(x->dtype);
        for (int i = at; i < rank; i++)
            p->piece[k] *= (size_t)extent[i];
        p->at[k] = p->total;
        p->total += p->piece[k];
    }
    *out = &p->head;
done:
    return s;
}
