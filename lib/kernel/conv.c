/* SPDX-License-Identifier: MIT */
/*
 * Convolutions go to the device's backend and nowhere else: what oneDNN refuses (Winograd for
 * this shape, a post-operation it cannot fuse) the planner has to hear of, since it can choose
 * better than to move the whole convolution. Only the GEMM algorithm in fp32 may be either's.
 */
#include "kernel/conv.h"

#include "kernel/internal.h"

static bool may_be_blas(const nt_device *dev, const nt_conv_desc *d)
{
    return !NT_USE_DNN(dev) ||
           (d->algo == NT_ALGO_GEMM && d->src == NT_F32 && d->dst == NT_F32);
}

nt_status nt_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                          bool training, nt_err *e)
{
    nt_status s =
        NT_USE_DNN(dev) ? dnn_conv_fwd_new(out, dev, d, training, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED && may_be_blas(dev, d)
               ? blas_conv_fwd_new(out, dev, d, training, e)
               : s;
}

nt_status nt_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                               nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_conv_bwd_data_new(out, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED && may_be_blas(dev, d) ? blas_conv_bwd_data_new(out, dev, d, e)
                                                       : s;
}

nt_status nt_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                  const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_USE_DNN(dev) ? dnn_conv_bwd_weights_new(out, dev, d, e) : NT_EUNSUPPORTED;

    return s == NT_EUNSUPPORTED && may_be_blas(dev, d)
               ? blas_conv_bwd_weights_new(out, dev, d, e)
               : s;
}

void nt_conv_fwd_release(nt_conv_fwd *c)
{
    nt_prim_free(c->run);
    nt_prim_free(c->pack);
    *c = (nt_conv_fwd){0};
}

void nt_conv_bwd_data_release(nt_conv_bwd_data *c)
{
    nt_prim_free(c->run);
    nt_prim_free(c->pack);
    *c = (nt_conv_bwd_data){0};
}

void nt_conv_bwd_weights_release(nt_conv_bwd_weights *c)
{
    nt_prim_free(c->run);
    nt_prim_free(c->unpack);
    *c = (nt_conv_bwd_weights){0};
}
