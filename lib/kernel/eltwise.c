/* SPDX-License-Identifier: MIT */
#include "kernel/eltwise.h"

#include "kernel/internal.h"
#include "kernel/swish.h"

#include <string.h>

/* By oneDNN where no NaN is lost: not clipped by x86's MAXPS and MINPS (all other functions
 * have x or exp(x) as a factor or a term), and not by its reference code, whose logistic
 * function of NaN is 0. */
static nt_status careful_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                             nt_err *e)
{
    nt_prim *prim = NULL;
    nt_status s;

    if ((p->kind == NT_POST_RELU && p->alpha == 0) || p->kind == NT_POST_CLIP ||
        p->kind == NT_POST_HARDSIGMOID)
        return NT_EUNSUPPORTED;
    s = dnn_eltwise_new(&prim, dev, p, x, e);
    if (s != NT_OK)
        return s;
    if (!strncmp(nt_prim_impl(prim), "ref", 3)) {
        nt_prim_free(prim);
        return NT_EUNSUPPORTED;
    }
    *out = prim;
    return NT_OK;
}

bool nt_eltwise_apart(const nt_device *dev, const nt_post *p, nt_dtype t)
{
    if (dev->careful && p->kind != NT_POST_SUM && p->kind != NT_POST_LINEAR)
        return true;
    return p->kind == NT_POST_SWISH && nt_swish_fits(dev, &(nt_desc){.dtype = t});
}

nt_status nt_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                         nt_err *e)
{
    nt_status s;

    if (p->kind == NT_POST_SWISH && nt_swish_fits(dev, x))
        return nt_swish_new(out, p->alpha, x, e);
    s = !NT_USE_DNN(dev) ? NT_EUNSUPPORTED
        : dev->careful   ? careful_new(out, dev, p, x, e)
                         : dnn_eltwise_new(out, dev, p, x, e);
    return s == NT_EUNSUPPORTED ? blas_eltwise_new(out, dev, p, x, e) : s;
}

nt_status nt_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                             nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_eltwise_bwd_new(out, dev, p, x, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_eltwise_bwd_new(out, dev, p, x, e) : s;
}

nt_status nt_binary_new(nt_prim **out, nt_device *dev, nt_binary_kind kind, const nt_desc *a,
                        const nt_desc *b, const nt_desc *y, nt_err *e)
{
    nt_status s =
        NT_USE_DNN(dev) ? dnn_binary_new(out, dev, kind, a, b, y, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_binary_new(out, dev, kind, a, b, y, e) : s;
}

nt_status nt_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_sum_new(out, dev, n, x, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_sum_new(out, dev, n, x, e) : s;
}

nt_status nt_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                         nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_reorder_new(out, dev, x, y, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_reorder_new(out, dev, x, y, e) : s;
}

/* Whole blocks only, whatever the backend could do: else the result would depend on it. */
static bool whole_blocks(int n, const nt_desc *x, int axis)
{
    int64_t block = nt_format_block(nt_format_of_rank(x->fmt, x->rank));

    for (int i = 0; axis == 1 && i < n; i++)
        if (x[i].dims[1] % block)
            return false;
    return true;
}

nt_status nt_concat_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, int axis,
                        nt_err *e)
{
    nt_status s;

    if (!whole_blocks(n, x, axis))
        return nt_fail(e, NT_EUNSUPPORTED, "channels to concatenate are no whole blocks of %s",
                       nt_format_name(x->fmt));
    s = NT_USE_DNN(dev) ? dnn_concat_new(out, dev, n, x, axis, e) : NT_EUNSUPPORTED;
    return s == NT_EUNSUPPORTED ? blas_concat_new(out, dev, n, x, axis, e) : s;
}

nt_status nt_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b,
                           nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_reduce_to_new(out, dev, a, b, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_reduce_to_new(out, dev, a, b, e) : s;
}
