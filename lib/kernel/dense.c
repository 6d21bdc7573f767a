/* SPDX-License-Identifier: MIT */
#include "kernel/dense.h"

#include "kernel/internal.h"

nt_status nt_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,
                           nt_err *e)
{
    if (d->codes && !dev->int8)
        return nt_fail(e, NT_EUNSUPPORTED, "no dense layer of codes on this device");
    return NT_USE_DNN(dev) ? dnn_dense_fwd_new(out, dev, d, training, e)
                           : blas_dense_fwd_new(out, dev, d, training, e);
}

nt_status nt_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                nt_err *e)
{
    return NT_USE_DNN(dev) ? dnn_dense_bwd_data_new(out, dev, d, e)
                           : blas_dense_bwd_data_new(out, dev, d, e);
}

nt_status nt_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                   nt_err *e)
{
    return NT_USE_DNN(dev) ? dnn_dense_bwd_weights_new(out, dev, d, e)
                           : blas_dense_bwd_weights_new(out, dev, d, e);
}

void nt_dense_release(nt_dense *d)
{
    nt_prim_free(d->run);
    nt_prim_free(d->pack);
    *d = (nt_dense){0};
}

nt_status nt_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d, nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_matmul_new(out, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED ? blas_matmul_new(out, dev, d, e) : s;
}
