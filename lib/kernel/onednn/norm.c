/* SPDX-License-Identifier: MIT */
/* Batch normalisation and softmax by oneDNN. */
#include "kernel/onednn/api.h"

/* Two dimensions are a picture of one point: [n][c][1][1], channels last, is the same memory.
 */
static dnn_op bn_op(const nt_bn_desc *d, dnnl_prop_kind_t prop, unsigned flags)
{
    dnn_op o = {.kind = dnnl_batch_normalization, .prop = prop, .eps = d->eps};
    nt_desc x = d->x;

    if (x.rank == 2) {
        x.rank = 4;
        x.dims[2] = x.dims[3] = 1;
        x.fmt = NT_FMT_NHWC;
    }
    o.src = o.dst = dnn_md_of(&x);
    o.flags = dnnl_use_scale | dnnl_use_shift | flags;
    if (d->relu)
        o.flags |= dnnl_fuse_norm_relu;
    return o;
}

/* oneDNN has no generated code for plain pictures: its loops take 4 times as long as ours. All
 * three passes answer alike, since they share a workspace. */
static nt_status check_layout(const nt_bn_desc *d, nt_err *e)
{
    if (d->x.rank > 2 && d->x.fmt == NT_FMT_PLAIN)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN is slow at normalising plain pictures");
    return NT_OK;
}

nt_status dnn_bn_infer_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0},      {DNNL_ARG_SCALE, 1},
                                   {DNNL_ARG_SHIFT, 2},    {DNNL_ARG_MEAN, 3},
                                   {DNNL_ARG_VARIANCE, 4}, {DNNL_ARG_DST, 5}};
    dnn_op o = bn_op(d, dnnl_forward_inference, dnnl_use_global_stats);
    nt_status s = check_layout(d, e);

    return s == NT_OK ? dnn_prim_of(out, dev, &o, 6, args, e) : s;
}

nt_status dnn_bn_train_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                           const nt_bn_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_SRC, 0},      {DNNL_ARG_SCALE, 1}, {DNNL_ARG_SHIFT, 2},    {DNNL_ARG_MEAN, 3},
        {DNNL_ARG_VARIANCE, 4}, {DNNL_ARG_DST, 5},   {DNNL_ARG_WORKSPACE, 6}};
    nt_status s;
    dnn_op o = bn_op(d, dnnl_forward_training, 0);
    dnnl_primitive_desc_t pd = NULL;
    nt_prim *prim = NULL;

    NT_TRY(check_layout(d, e));
    NT_TRY(dnn_pd_new(&pd, dev, &o, e));
    NT_TRY(dnn_prim_new(&prim, dev, pd, 7, args, e));
    if (dev->careful && d->relu)
        NT_TRY(dnn_bn_relu_wrap(&prim, d, e));
    *workspace_bytes = dnn_pd_bytes(pd, DNNL_ARG_WORKSPACE);
    *out = prim;
    prim = NULL;
done:
    nt_prim_free(prim);
    dnn_pd_free(pd);
    return s;
}

/* The idle shift gets the scale's address. */
nt_status dnn_bn_bwd_new(nt_prim **out, nt_device *dev, const nt_bn_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_SRC, 0},        {DNNL_ARG_DIFF_DST, 1}, {DNNL_ARG_SCALE, 2},
        {DNN_ARG_IDLE_SHIFT, 2},  {DNNL_ARG_MEAN, 3},     {DNNL_ARG_VARIANCE, 4},
        {DNNL_ARG_WORKSPACE, 5},  {DNNL_ARG_DIFF_SRC, 6}, {DNNL_ARG_DIFF_SCALE, 7},
        {DNNL_ARG_DIFF_SHIFT, 8},
    };
    dnn_op o = bn_op(d, dnnl_backward, 0);
    nt_status s = check_layout(d, e);

    return s == NT_OK ? dnn_prim_of(out, dev, &o, 10, args, e) : s;
}

static dnn_op softmax_op(const nt_desc *x, int axis, bool log, dnnl_prop_kind_t prop)
{
    dnn_op o = {.kind = dnnl_softmax, .prop = prop, .axis = axis};

    o.alg = log ? dnnl_softmax_log : dnnl_softmax_accurate;
    o.src = o.dst = o.data = dnn_md_of(x);
    return o;
}

nt_status dnn_softmax_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis, bool log,
                          nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 1}};
    dnn_op o = softmax_op(x, axis, log, dnnl_forward_inference);

    return dnn_prim_of(out, dev, &o, 2, args, e);
}

nt_status dnn_softmax_bwd_new(nt_prim **out, nt_device *dev, const nt_desc *x, int axis,
                              bool log, nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_DST, 0}, {DNNL_ARG_DIFF_DST, 1}, {DNNL_ARG_DIFF_SRC, 2}};
    dnn_op o = softmax_op(x, axis, log, dnnl_backward_data);

    return dnn_prim_of(out, dev, &o, 3, args, e);
}
