/* SPDX-License-Identifier: MIT */
#include "kernel/norm.h"

#include "kernel/dnn_guarded.h"

nt_status nt_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) && !(dev->careful && d->relu)
                      ? dnn_bn_infer_new(out, dev, d, e)
                      : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_bn_infer_new(out, dev, d, e) : s;
}

nt_status nt_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_bn_desc *d, nt_err *e)
{
    nt_status s =
        NT_USE_DNN(dev) ? dnn_bn_train_new(out, workspace_bytes, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_bn_train_new(out, workspace_bytes, dev, d, e) : s;
}

nt_status nt_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_bn_bwd_new(out, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_bn_bwd_new(out, dev, d, e) : s;
}

nt_status nt_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                         nt_err *e)
{
    nt_status s = !NT_USE_DNN(dev) ? NT_EUNSUPPORTED
                  : dev->careful   ? dnn_guarded_softmax_new(out, dev, x, axis, log, e)
                                   : dnn_softmax_new(out, dev, x, axis, log, e);

    return s == NT_EUNSUPPORTED ? blas_softmax_new(out, dev, x, axis, log, e) : s;
}

nt_status nt_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                             bool log, nt_err *e)
{
    nt_status s =
        NT_USE_DNN(dev) ? dnn_softmax_bwd_new(out, dev, x, axis, log, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_softmax_bwd_new(out, dev, x, axis, log, e) : s;
}
