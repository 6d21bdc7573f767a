/* SPDX-License-Identifier: MIT */
#include "kernel/norm.h"

#include "kernel/backend.h"

nt_status nt_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, bn_infer, e);

    while (nt_ask_next(&a))
        a.s = a.b->bn_infer(out, a.dev, d, e);
    return a.s;
}

nt_status nt_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_bn_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, bn_train, e);

    while (nt_ask_next(&a))
        a.s = a.b->bn_train(out, workspace_bytes, a.dev, d, e);
    return a.s;
}

nt_status nt_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, bn_bwd, e);

    while (nt_ask_next(&a))
        a.s = a.b->bn_bwd(out, a.dev, d, e);
    return a.s;
}

nt_status nt_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                         nt_err *e)
{
    nt_ask a = NT_ASK(dev, softmax, e);

    while (nt_ask_next(&a))
        a.s = a.b->softmax(out, a.dev, x, axis, log, e);
    return a.s;
}

nt_status nt_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                             bool log, nt_err *e)
{
    nt_ask a = NT_ASK(dev, softmax_bwd, e);

    while (nt_ask_next(&a))
        a.s = a.b->softmax_bwd(out, a.dev, x, axis, log, e);
    return a.s;
}
