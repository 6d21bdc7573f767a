/* SPDX-License-Identifier: MIT */
/*
 * Pooling by oneDNN. Its far padding follows from the output's extents; where that is more than
 * the caller's, windows reach past what ONNX counts as padding, which only matters to an
 * average that counts it: those shapes are refused.
 */
#include "kernel/onednn/api.h"

static dnn_md picture(const nt_pool_desc *d, const int64_t *extent)
{
    nt_desc x = {.dtype = d->dtype, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = d->fmt};

    for (int i = 0; i < d->sp; i++)
        x.dims[2 + i] = extent[i];
    return dnn_md_of(&x);
}

static nt_status pool_op(dnn_op *o, const nt_pool_desc *d, dnnl_prop_kind_t prop, nt_err *e)
{
    *o = (dnn_op){.kind = dnnl_pooling, .prop = prop};
    o->alg = d->kind == NT_POOL_MAX   ? dnnl_pooling_max
             : d->kind == NT_POOL_AVG ? dnnl_pooling_avg_exclude_padding
                                      : dnnl_pooling_avg_include_padding;
    o->src = picture(d, d->in);
    o->dst = picture(d, d->out);
    for (int i = 0; i < d->sp; i++) {
        int64_t span = d->dil[i] * (d->ker[i] - 1) + 1;
        int64_t hi = (d->out[i] - 1) * d->stride[i] + span - d->in[i] - d->lo[i];

        if (d->kind == NT_POOL_AVG_INCLUDE_PAD && hi > d->hi[i])
            return nt_fail(e, NT_EUNSUPPORTED,
                           "oneDNN counts padding beyond the picture's own");
        if (d->lo[i] >= span || hi >= span)
            return nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no windows of nothing but padding");
        o->ker[i] = d->ker[i];
        o->stride[i] = d->stride[i];
        o->dil[i] = d->dil[i] - 1;
        o->lo[i] = d->lo[i];
        o->hi[i] = hi > 0 ? hi : 0;
    }
    return NT_OK;
}

nt_status dnn_pool_fwd_new(nt_prim **out, size_t *workspace_bytes, nt_device *dev,
                           const nt_pool_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 1}, {DNNL_ARG_WORKSPACE, 2}};
    nt_status s;
    dnn_op o;
    dnnl_primitive_desc_t pd = NULL;

    NT_TRY(pool_op(&o, d, workspace_bytes ? dnnl_forward_training : dnnl_forward_inference, e));
    NT_TRY(dnn_pd_new(&pd, dev, &o, e));
    NT_TRY(dnn_prim_new(out, dev, pd, 3, args, e));
    if (workspace_bytes)
        *workspace_bytes = dnn_pd_bytes(pd, DNNL_ARG_WORKSPACE);
done:
    dnn_pd_free(pd);
    return s;
}

nt_status dnn_pool_bwd_new(nt_prim **out, nt_device *dev, const nt_pool_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {
        {DNNL_ARG_DIFF_DST, 0}, {DNNL_ARG_WORKSPACE, 1}, {DNNL_ARG_DIFF_SRC, 2}};
    nt_status s;
    dnn_op o;

    NT_TRY(pool_op(&o, d, dnnl_backward_data, e));
    NT_TRY(dnn_prim_of(out, dev, &o, 3, args, e));
done:
    return s;
}
