/* SPDX-License-Identifier: MIT */
/*
 * Neighbouring dimensions of one kind (kept or summed) are one. If the innermost is summed,
 * each element of b is a sum of contiguous runs; if it is kept, up to BLAS_LANES elements of b
 * are summed side by side. In double, in index order, whatever the number of threads.
 */
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/openblas/openblas.h"

typedef struct dims {
    int n;
    int64_t size[NT_MAX_RANK], stride[NT_MAX_RANK];
    int64_t count; /* product of the sizes */
} dims;

typedef struct reduce_prim {
    nt_prim head;
    dims kept, summed; /* but for the innermost */
    int64_t run;       /* the innermost dimension's extent */
    bool run_kept;
} reduce_prim;

/* Element offset of the i-th index. */
static int64_t offset(const dims *d, int64_t i)
{
    int64_t at = 0;

    for (int k = d->n - 1; k >= 0; k--) {
        at += i % d->size[k] * d->stride[k];
        i /= d->size[k];
    }
    return at;
}

static void sum_runs(const reduce_prim *p, float *b, const float *a)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->kept.count; i++) {
        const float *from = a + offset(&p->kept, i);
        double sum = 0;

        for (int64_t j = 0; j < p->summed.count; j++)
            sum += blas_row_sum(from + offset(&p->summed, j), p->run);
        b[i] = (float)sum;
    }
}

static void sum_lanes(const reduce_prim *p, float *b, const float *a)
{
    int64_t strips = (p->run + BLAS_LANES - 1) / BLAS_LANES;

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p->kept.count * strips; i++) {
        int64_t first = i % strips * BLAS_LANES;
        int64_t lanes = blas_min(BLAS_LANES, p->run - first);
        const float *from = a + offset(&p->kept, i / strips) + first;
        double sum[BLAS_LANES] = {0};

        for (int64_t j = 0; j < p->summed.count; j++) {
            const float *row = from + offset(&p->summed, j);

#pragma omp simd
            for (int64_t l = 0; l < lanes; l++)
                sum[l] += row[l];
        }
        for (int64_t l = 0; l < lanes; l++)
            b[i / strips * p->run + first + l] = (float)sum[l];
    }
}

static nt_status run_reduce(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const reduce_prim *p = (const reduce_prim *)head;

    (void)scratch, (void)e;
    if (p->run_kept)
        sum_lanes(p, arg[1], arg[0]);
    else
        sum_runs(p, arg[1], arg[0]);
    return NT_OK;
}

static nt_status check(const nt_desc *a, const nt_desc *b, nt_err *e)
{
    if (a->dtype != NT_F32 || b->dtype != NT_F32 ||
        nt_format_of_rank(a->fmt, a->rank) != NT_FMT_PLAIN ||
        nt_format_of_rank(b->fmt, b->rank) != NT_FMT_PLAIN)
        return nt_fail(e, NT_EUNSUPPORTED, "reduction of what is not plain float32");
    if (a->rank != b->rank)
        return nt_fail(e, NT_EINVAL, "reduction from rank %d to %d", a->rank, b->rank);
    for (int i = 0; i < a->rank; i++)
        if (b->dims[i] != a->dims[i] && b->dims[i] != 1)
            return nt_fail(e, NT_EINVAL, "reduction from extent %lld to %lld",
                           (long long)a->dims[i], (long long)b->dims[i]);
    return NT_OK;
}

/* Puts a dimension outside those d has; dimensions come from the innermost outwards. */
static void put_outside(dims *d, int64_t size, int64_t stride)
{
    for (int k = d->n; k > 0; k--) {
        d->size[k] = d->size[k - 1];
        d->stride[k] = d->stride[k - 1];
    }
    d->size[0] = size;
    d->stride[0] = stride;
    d->count *= size;
    d->n++;
}

nt_status blas_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b,
                             nt_err *e)
{
    nt_status s = NT_OK;
    reduce_prim *p;
    int64_t stride = 1;
    int i = a->rank - 1;

    (void)dev;
    NT_TRY(check(a, b, e));
    p = blas_prim_new(sizeof *p, run_reduce, "reduce:rows");
    if (!p)
        NT_TRY(nt_fail_nomem(e));
    p->run = p->kept.count = p->summed.count = 1;
    while (i >= 0 && a->dims[i] == 1)
        i--;
    p->run_kept = i < 0 || b->dims[i] == a->dims[i];
    for (; i >= 0 && (a->dims[i] == 1 || (b->dims[i] == a->dims[i]) == p->run_kept); i--)
        p->run *= a->dims[i];
    for (stride = p->run; i >= 0; stride *= a->dims[i--])
        if (a->dims[i] > 1)
            put_outside(b->dims[i] == 1 ? &p->summed : &p->kept, a->dims[i], stride);
    *out = &p->head;
done:
    return s;
}
