/* SPDX-License-Identifier: MIT */
/*
 * The backend oneDNN: its own primitives, and kernels of ours where those are better. On a
 * careful device it takes those of its primitives that lose no NaN, guards others, and refuses
 * the rest.
 */
#include "kernel/flags.h"
#include "kernel/onednn/api.h"
#include "kernel/onednn/guarded.h"
#include "kernel/swish.h"
#include "kernel/wino.h"

#include <string.h>

/* ---- convolution: Winograd, which oneDNN has in some versions and never in bf16, is ours too
 */

static bool may_be_ours(const nt_conv_desc *d)
{
    return NT_WITH_WINO && d->algo == NT_ALGO_WINOGRAD;
}

static bool is_ours(const nt_device *dev, const nt_conv_desc *d)
{
    return may_be_ours(d) && d->src == NT_BF16 && dev->bf16;
}

static nt_status conv_fwd(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                          bool training, nt_err *e)
{
    nt_status s =
        is_ours(dev, d) ? NT_EUNSUPPORTED : dnn_conv_fwd_new(out, dev, d, training, e);

    return s == NT_EUNSUPPORTED && may_be_ours(d) ? wino_conv_fwd_new(out, dev, d, e) : s;
}

static nt_status conv_bwd_data(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                               nt_err *e)
{
    nt_status s = is_ours(dev, d) ? NT_EUNSUPPORTED : dnn_conv_bwd_data_new(out, dev, d, e);

    return s == NT_EUNSUPPORTED && may_be_ours(d) ? wino_conv_bwd_data_new(out, dev, d, e) : s;
}

static nt_status conv_bwd_weights(nt_conv_bwd_weights *out, nt_device *dev,
                                  const nt_conv_desc *d, nt_err *e)
{
    nt_status s = is_ours(dev, d) ? NT_EUNSUPPORTED : dnn_conv_bwd_weights_new(out, dev, d, e);

    return s == NT_EUNSUPPORTED && may_be_ours(d) ? wino_conv_bwd_weights_new(out, dev, d, e)
                                                  : s;
}

/* ---- pooling: what oneDNN cannot do exactly (ONNX's ceil_mode with counted padding) is the
 * portable code's */

/* Of the maxima of numbers, since oneDNN's lose NaN. */
static bool is_careful(const nt_device *dev, const nt_pool_desc *d)
{
    return dev->careful && d->kind == NT_POOL_MAX && nt_dtype_size(d->dtype) > 1;
}

static nt_status pool_fwd(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                          const nt_pool_desc *d, nt_err *e)
{
    if (!is_careful(dev, d))
        return dnn_pool_fwd_new(out, workspace_bytes, dev, d, e);
    return nt_flags_exist() ? dnn_guarded_pool_new(out, workspace_bytes, dev, d, e)
                            : NT_EUNSUPPORTED;
}

static nt_status pool_bwd(nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)
{
    return !is_careful(dev, d) || nt_flags_exist() ? dnn_pool_bwd_new(out, dev, d, e)
                                                   : NT_EUNSUPPORTED;
}

/* ---- normalisation */

static nt_status bn_infer(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    return dev->careful && d->relu ? NT_EUNSUPPORTED : dnn_bn_infer_new(out, dev, d, e);
}

static nt_status softmax(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                         nt_err *e)
{
    return dev->careful ? dnn_guarded_softmax_new(out, dev, x, axis, log, e)
                        : dnn_softmax_new(out, dev, x, axis, log, e);
}

/* ---- elementwise functions */

static bool apart(const nt_post *p, nt_dtype t)
{
    return p->kind == NT_POST_SWISH && nt_swish_fits(t);
}

/* By oneDNN where no NaN is lost: not clipped by x86's MAXPS and MINPS (all other functions
 * have x or exp(x) as a factor or a term), and not by its reference code, whose logistic
 * function of NaN is 0. */
static nt_status careful_eltwise(nt_prim **out, nt_device *dev, const nt_post *p,
                                 const nt_desc *x, nt_err *e)
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

static nt_status eltwise(nt_prim **out, nt_device *dev, const nt_post *p, const nt_desc *x,
                         nt_err *e)
{
    if (apart(p, x->dtype))
        return nt_swish_new(out, p->alpha, x, e);
    return dev->careful ? careful_eltwise(out, dev, p, x, e)
                        : dnn_eltwise_new(out, dev, p, x, e);
}

const nt_backend nt_backend_onednn = {
    .name = "onednn",
    .loses_nan = true,
    .chooses = true,
    .open = dnn_device_open,
    .close = dnn_device_close,
    .apart = apart,
    .conv_fwd = conv_fwd,
    .conv_bwd_data = conv_bwd_data,
    .conv_bwd_weights = conv_bwd_weights,
    .dense_fwd = dnn_dense_fwd_new,
    .dense_bwd_data = dnn_dense_bwd_data_new,
    .dense_bwd_weights = dnn_dense_bwd_weights_new,
    .matmul = dnn_matmul_new,
    .pool_fwd = pool_fwd,
    .pool_bwd = pool_bwd,
    .bn_infer = bn_infer,
    .bn_train = dnn_bn_train_new,
    .bn_bwd = dnn_bn_bwd_new,
    .softmax = softmax,
    .softmax_bwd = dnn_softmax_bwd_new,
    .eltwise = eltwise,
    .eltwise_bwd = dnn_eltwise_bwd_new,
    .binary = dnn_binary_new,
    .sum = dnn_sum_new,
    .reorder = dnn_reorder_new,
    .concat = dnn_concat_new,
    .reduce_to = dnn_reduce_to_new,
};
