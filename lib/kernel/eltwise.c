/* SPDX-License-Identifier: MIT */
#include "kernel/eltwise.h"

#include "kernel/backend.h"

bool nt_eltwise_apart(const nt_device *dev, const nt_post *p, nt_dtype t)
{
    if (dev->careful && p->kind != NT_POST_SUM && p->kind != NT_POST_LINEAR)
        return true;
    return dev->backend->apart && dev->backend->apart(p, t);
}

nt_status nt_eltwise_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                         nt_err *e)
{
    nt_ask a = NT_ASK(dev, eltwise, e);

    while (nt_ask_next(&a))
        a.s = a.b->eltwise(out, a.dev, p, x, e);
    return a.s;
}

nt_status nt_eltwise_bwd_new(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                             nt_err *e)
{
    nt_ask a = NT_ASK(dev, eltwise_bwd, e);

    while (nt_ask_next(&a))
        a.s = a.b->eltwise_bwd(out, a.dev, p, x, e);
    return a.s;
}

nt_status nt_binary_new(nt_prim **out, nt_device *dev, const nt_binary_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, binary, e);

    while (nt_ask_next(&a))
        a.s = a.b->binary(out, a.dev, d, e);
    return a.s;
}

nt_status nt_sum_new(nt_prim **out, nt_device *dev, int n, const nt_desc *x, nt_err *e)
{
    nt_ask a = NT_ASK(dev, sum, e);

    while (nt_ask_next(&a))
        a.s = a.b->sum(out, a.dev, n, x, e);
    return a.s;
}

nt_status nt_reorder_new(nt_prim **out, nt_device *dev, const nt_desc *x, const nt_desc *y,
                         nt_err *e)
{
    nt_ask a = NT_ASK(dev, reorder, e);

    while (nt_ask_next(&a))
        a.s = a.b->reorder(out, a.dev, x, y, e);
    return a.s;
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
    nt_ask a = NT_ASK(dev, concat, e);

    if (!whole_blocks(n, x, axis))
        return nt_fail(e, NT_EUNSUPPORTED, "channels to concatenate are no whole blocks of %s",
                       nt_format_name(x->fmt));
    while (nt_ask_next(&a))
        a.s = a.b->concat(out, a.dev, n, x, axis, e);
    return a.s;
}

nt_status nt_reduce_to_new(nt_prim **out, nt_device *dev, const nt_desc *a, const nt_desc *b,
                           nt_err *e)
{
    nt_ask q = NT_ASK(dev, reduce_to, e);

    while (nt_ask_next(&q))
        q.s = q.b->reduce_to(out, q.dev, a, b, e);
    return q.s;
}
