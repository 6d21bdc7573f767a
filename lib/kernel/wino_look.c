/* SPDX-License-Identifier: MIT */
#include "kernel/wino_look.h"

#include "base/alloc.h"
#include "kernel/blas_prim.h"
#include "kernel/flags.h"

enum { FEW = 1 << 14 }; /* points below which threads are not worth it */

typedef struct look {
    nt_prim head;
    nt_prim *inner;
    int arg;
    nt_dtype type;
    blas_layout y;
} look;

/* Is one of n elements NaN, `step` elements apart? */
static bool any_nan(const void *y, nt_dtype t, int64_t n, int64_t step)
{
    const float *f = y;
    const uint16_t *b = y; /* bfloat16 */
    bool any = false;

    if (t == NT_F32)
        for (int64_t i = 0; i < n; i++)
            any |= f[i * step] != f[i * step];
    else
        for (int64_t i = 0; i < n; i++)
            any |= (b[i * step] & 0x7fff) > 0x7f80;
    return any;
}

/* The first channel of all points. */
static bool points_hold_nan(const look *p, const char *y)
{
    size_t size = nt_dtype_size(p->type), image = (size_t)(p->y.blocks * p->y.points);
    int64_t run = BLAS_TILE, runs = blas_ceil_div(p->y.points, run);
    bool any = false;

    image *= (size_t)p->y.lanes * size;
#pragma omp parallel for schedule(static) reduction(|| : any) if (p->y.n * p->y.points > FEW)
    for (int64_t i = 0; i < p->y.n * runs; i++) {
        int64_t at = i % runs * run, n = blas_min(run, p->y.points - at);
        const char *from = y + (size_t)(i / runs) * image;

        any = any_nan(from + (size_t)(at * p->y.lanes) * size, p->type, n, p->y.lanes) || any;
    }
    return any;
}

/* The first point of all channels. */
static bool channels_hold_nan(const look *p, const char *y)
{
    size_t block = (size_t)(p->y.points * p->y.lanes) * nt_dtype_size(p->type);
    bool any = false;

    for (int64_t b = 0; b < p->y.blocks; b++)
        any = any_nan(y + (size_t)b * block, p->type, blas_layout_lanes(p->y, b), 1) || any;
    return any;
}

static nt_status run(nt_prim *head, void *const *arg, void *scratch, nt_err *e)
{
    const look *p = (const look *)head;
    nt_status s = nt_prim_run(p->inner, arg, scratch, e);

    if (s == NT_OK && (points_hold_nan(p, arg[p->arg]) || channels_hold_nan(p, arg[p->arg])))
        nt_flags_raise();
    return s;
}

static void free_look(nt_prim *head)
{
    nt_prim_free(((look *)head)->inner);
    nt_free(head);
}

nt_status wino_look_wrap(nt_prim **inner, const nt_desc *y, int arg, nt_err *e)
{
    look *p = blas_prim_new(sizeof *p, run, nt_prim_impl(*inner));

    if (!p)
        return nt_fail_nomem(e);
    p->head.free = free_look;
    p->head.scratch = nt_prim_scratch(*inner);
    p->head.loses_nan = true;
    p->inner = *inner;
    p->arg = arg;
    p->type = y->dtype;
    p->y = blas_layout_of(y);
    *inner = &p->head;
    return NT_OK;
}

bool wino_wants_look(const nt_device *dev, const nt_conv_desc *d)
{
    bool tells = false;

    for (int i = 0; i < d->n_post; i++)
        tells = tells || d->post[i].kind == NT_POST_RELU || d->post[i].kind == NT_POST_CLIP;
    return d->algo == NT_ALGO_WINOGRAD && !tells && nt_flags_tell(dev);
}
