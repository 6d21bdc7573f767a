/* SPDX-License-Identifier: MIT */
#include "kernel/onednn/guarded.h"

#include "base/alloc.h"
#include "kernel/blas_prim.h"
#include "kernel/blas_row.h"
#include "kernel/flags.h"
#include "kernel/onednn/api.h"

typedef struct guarded {
    nt_prim head;
    nt_prim *fast, *safe;
    nt_device *dev;
    nt_dtype type;
    int64_t count; /* elements of x, padding included */
} guarded;

static void free_prim(nt_prim *head)
{
    guarded *p = (guarded *)head;

    nt_prim_free(p->fast);
    nt_prim_free(p->safe);
    nt_free(p);
}

/* Takes both on success. */
static nt_status guard(nt_prim **out, nt_prim **fast, nt_prim **safe, nt_device *dev,
                       blas_run_fn *run, nt_err *e)
{
    guarded *p = blas_prim_new(sizeof *p, run, nt_prim_impl(*fast));
    size_t a = nt_prim_scratch(*fast), b = nt_prim_scratch(*safe);

    if (!p)
        return nt_fail_nomem(e);
    p->fast = *fast;
    p->safe = *safe;
    p->dev = dev;
    p->head.free = free_prim;
    p->head.scratch = a > b ? a : b;
    *fast = *safe = NULL;
    *out = &p->head;
    return NT_OK;
}

/* ---- maxima */

static nt_status run_pool(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const guarded *p = (const guarded *)head;
    void *const plain[] = {arg[0], arg[1], NULL};
    nt_status s;

    nt_flags_look(p->dev);
    s = nt_prim_run(p->fast, arg, scratch, e);
    if (s != NT_OK || !(nt_flags_look(p->dev) & NT_FLAGS_INVALID))
        return s;
    return nt_prim_run(p->safe, plain, scratch, e);
}

nt_status dnn_guarded_pool_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                               const nt_pool_desc *d, nt_err *e)
{
    nt_prim *fast = NULL, *safe = NULL;
    nt_status s = NT_OK;

    NT_TRY(dnn_pool_fwd_new(&fast, workspace_bytes, dev, d, e));
    NT_TRY(dev->portable->pool_fwd(&safe, NULL, dev, d, e));
    NT_TRY(guard(out, &fast, &safe, dev, run_pool, e));
done:
    nt_prim_free(fast);
    nt_prim_free(safe);
    return s;
}

/* ---- softmax */

static bool all_below_infinity(const guarded *p, const void *x)
{
    bool all = true;

#pragma omp parallel for schedule(static) reduction(&& : all) if (p->count > 64 * BLAS_TILE)
    for (int64_t i = 0; i < p->count; i += BLAS_TILE) {
        int64_t n = blas_min(BLAS_TILE, p->count - i);
        float buf[BLAS_TILE];
        const char *from = (const char *)x + (size_t)i * nt_dtype_size(p->type);

        if (p->type != NT_F32)
            blas_row_load(buf, from, p->type, n);
        all = all && blas_row_below_infinity(p->type == NT_F32 ? (const float *)x + i : buf, n);
    }
    return all;
}

static nt_status run_softmax(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const guarded *p = (const guarded *)head;

    return nt_prim_run(all_below_infinity(p, arg[0]) ? p->fast : p->safe, arg, scratch, e);
}

nt_status dnn_guarded_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                                  bool log, nt_err *e)
{
    nt_prim *fast = NULL, *safe = NULL;
    nt_status s = NT_OK;

    NT_TRY(dnn_softmax_new(&fast, dev, x, axis, log, e));
    NT_TRY(dev->portable->softmax(&safe, dev, x, axis, log, e));
    NT_TRY(guard(out, &fast, &safe, dev, run_softmax, e));
    ((guarded *)*out)->type = x->dtype;
    ((guarded *)*out)->count = (int64_t)(nt_desc_bytes(x) / nt_dtype_size(x->dtype));
done:
    nt_prim_free(fast);
    nt_prim_free(safe);
    return s;
}
