/* SPDX-License-Identifier: MIT */
/*
 * Convolution by oneDNN. Where the caller leaves a layout open, oneDNN's own choice is taken if
 * it is one of ours; else, and where that choice has only a reference implementation, channels
 * last, blocks of 16 and plain are tried in this order, and the first generated one (jit,
 * brgemm) wins.
 */
#include "kernel/onednn/api.h"
#include "kernel/onednn/gemm.h"

#include <string.h>

/* Which pass, which extents of d its src and dst have, and what stays open. */
typedef struct pass {
    nt_device *dev;
    dnn_op op;
    bool src_any, dst_any, depthwise;
    nt_format src_fmt, dst_fmt; /* chosen */
    nt_format prefer;
    dnnl_primitive_desc_t pd;
} pass;

static dnn_md activation(const nt_conv_desc *d, int64_t c, const int64_t *extent, nt_dtype t,
                         nt_format f)
{
    nt_desc x = {.dtype = t, .rank = d->sp + 2, .dims = {d->n, c}, .fmt = f};

    for (int i = 0; i < d->sp; i++)
        x.dims[2 + i] = extent[i];
    return dnn_md_of(&x);
}

/* [k][c/g][r...], or [g][k/g][c/g][r...] where there are groups. */
static dnn_md weights(const nt_conv_desc *d, nt_dtype t, dnnl_format_tag_t tag)
{
    dnn_md w = {.type = dnn_type(t)};

    if (d->g > 1)
        w.dims[w.rank++] = d->g;
    w.dims[w.rank++] = d->k / d->g;
    w.dims[w.rank++] = d->c / d->g;
    for (int i = 0; i < d->sp; i++)
        w.dims[w.rank++] = d->ker[i];
    w.tag = tag == dnnl_format_tag_any ? tag : dnn_tag(NT_FMT_PLAIN, w.rank);
    return w;
}

/* As much far padding as the last tap reaches: rows beyond it would only be copied about. */
static int64_t far_padding(const nt_conv_desc *d, int i)
{
    int64_t reach = (d->out[i] - 1) * d->stride[i] + d->dil[i] * (d->ker[i] - 1) + 1;
    int64_t hi = reach - d->in[i] - d->lo[i];

    return hi > 0 ? hi : 0;
}

static void init_pass(pass *p, nt_device *dev, const nt_conv_desc *d, dnnl_prop_kind_t prop,
                      nt_dtype weight_type)
{
    dnn_op *o = &p->op;

    *p = (pass){.dev = dev};
    o->kind = dnnl_convolution;
    o->prop = prop;
    o->alg = d->algo == NT_ALGO_WINOGRAD ? dnnl_convolution_winograd : dnnl_convolution_direct;
    o->src = activation(d, d->c, d->in, d->src, d->src_fmt);
    o->dst = activation(d, d->k, d->out, d->dst, d->dst_fmt);
    o->weights = weights(d, weight_type, dnnl_format_tag_any);
    if ((d->bias && prop != dnnl_backward_data) || d->codes)
        o->bias = dnn_md_row(d->k);
    o->codes = d->codes;
    o->scale_mask = d->g > 1 ? 3 : 1;
    for (int i = 0; i < d->sp; i++) {
        o->stride[i] = d->stride[i];
        o->dil[i] = d->dil[i] - 1;
        o->lo[i] = d->lo[i];
        o->hi[i] = far_padding(d, i);
    }
    p->depthwise = d->g > 1 && d->g == d->c && d->g == d->k && !d->codes;
    p->src_any = d->src_fmt == NT_FMT_ANY;
    p->dst_any = d->dst_fmt == NT_FMT_ANY;
    p->src_fmt = d->src_fmt;
    p->dst_fmt = d->dst_fmt;
    p->prefer = d->prefer;
}

/* Generated for this kind of convolution: depthwise ones have kernels of their own, beside
 * which the general ones, which oneDNN 3.7 prefers for some, are 50 times as slow. */
static bool is_fast(const pass *p)
{
    const char *impl = dnn_pd_impl(p->pd);

    if (p->depthwise)
        return strstr(impl, "dw");
    return strstr(impl, "jit") || strstr(impl, "brg");
}

/* The layouts oneDNN chose, as ours; false when one is not. */
static bool read_formats(pass *p)
{
    bool bwd = p->op.prop == dnnl_backward_data;
    int src = bwd ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC;
    int dst = p->op.prop == dnnl_forward_training || p->op.prop == dnnl_forward_inference
                  ? DNNL_ARG_DST
                  : DNNL_ARG_DIFF_DST;

    p->src_fmt = dnn_format_of(dnn_pd_md(p->pd, src), &p->op.src);
    p->dst_fmt = dnn_format_of(dnn_pd_md(p->pd, dst), &p->op.dst);
    return p->src_fmt != NT_FMT_ANY && p->dst_fmt != NT_FMT_ANY;
}

static nt_status force(pass *p, nt_format f, nt_err *e)
{
    dnn_op o = p->op;

    if (p->src_any)
        o.src.tag = dnn_tag(f, o.src.rank);
    if (p->dst_any)
        o.dst.tag = dnn_tag(f, o.dst.rank);
    return dnn_pd_new(&p->pd, p->dev, &o, e);
}

/* Takes the caller's favourite. A picture of few channels is not blown up to a block. */
static bool force_preferred(pass *p, nt_err *e)
{
    bool src_any = p->src_any, made;

    if (p->prefer == NT_FMT_PLAIN || (!p->src_any && !p->dst_any))
        return false;
    p->src_any = src_any && p->op.src.dims[1] >= nt_format_block(p->prefer);
    made = force(p, p->prefer, e) == NT_OK && read_formats(p) && is_fast(p);
    p->src_any = src_any;
    if (!made) {
        dnn_pd_free(p->pd);
        p->pd = NULL;
    }
    return made;
}

/* Makes p->pd and says which layouts it has. */
static nt_status choose(pass *p, nt_err *e)
{
    static const nt_format candidate[] = {NT_FMT_NHWC, NT_FMT_C16, NT_FMT_PLAIN};
    dnnl_primitive_desc_t slow = NULL;
    nt_status s;
    bool ours;

    if (force_preferred(p, e))
        return NT_OK;
    s = dnn_pd_new(&p->pd, p->dev, &p->op, e);
    ours = s == NT_OK && read_formats(p);
    if ((ours && is_fast(p)) || (!p->src_any && !p->dst_any))
        return s;
    if (ours) {
        slow = p->pd;
        p->pd = NULL;
    }
    dnn_pd_free(p->pd);
    for (int i = 0; i < 3; i++) {
        p->pd = NULL;
        s = force(p, candidate[i], e);
        if (s == NT_OK && is_fast(p))
            break;
        if (s == NT_OK && !slow)
            slow = p->pd;
        else
            dnn_pd_free(p->pd);
        p->pd = NULL;
    }
    if (!p->pd) {
        p->pd = slow;
        slow = NULL;
    }
    dnn_pd_free(slow);
    if (!p->pd)
        return s;
    read_formats(p);
    return NT_OK;
}

nt_status dnn_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                           bool training, nt_err *e)
{
    nt_status s;
    nt_conv_fwd c = {0};
    nt_dtype type = d->codes ? NT_I8 : d->src;
    dnn_md plain = weights(d, d->codes ? NT_I8 : NT_F32, dnnl_format_tag_undef);
    pass p;

    if (d->algo == NT_ALGO_GEMM)
        return dnn_gemm_fwd_new(out, dev, d, training, e);
    init_pass(&p, dev, d, training ? dnnl_forward_training : dnnl_forward_inference, type);
    memcpy(p.op.post, d->post, sizeof p.op.post);
    p.op.n_post = d->n_post;
    NT_TRY(choose(&p, e));
    NT_TRY(d->codes ? dnn_coded_pass_new(&c.run, dev, p.pd, &p.op, e)
                    : dnn_pass_new(&c.run, dev, p.pd, p.op.prop, e));
    NT_TRY(dnn_pack_new(&c.pack, dev, &plain, dnn_pd_md(p.pd, DNNL_ARG_WEIGHTS), false, e));
    c.packed_bytes = dnn_pd_bytes(p.pd, DNNL_ARG_WEIGHTS);
    c.src_fmt = p.src_fmt;
    c.dst_fmt = p.dst_fmt;
    *out = c;
    c = (nt_conv_fwd){0};
done:
    nt_conv_fwd_release(&c);
    dnn_pd_free(p.pd);
    return s;
}

nt_status dnn_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                                nt_err *e)
{
    nt_status s;
    nt_conv_bwd_data c = {0};
    dnn_md plain = weights(d, NT_F32, dnnl_format_tag_undef);
    pass p;

    if (d->algo == NT_ALGO_GEMM)
        return dnn_gemm_bwd_data_new(out, dev, d, e);
    init_pass(&p, dev, d, dnnl_backward_data, d->dst);
    NT_TRY(choose(&p, e));
    NT_TRY(dnn_pass_new(&c.run, dev, p.pd, p.op.prop, e));
    NT_TRY(dnn_pack_new(&c.pack, dev, &plain, dnn_pd_md(p.pd, DNNL_ARG_WEIGHTS), false, e));
    c.packed_bytes = dnn_pd_bytes(p.pd, DNNL_ARG_WEIGHTS);
    c.src_fmt = p.src_fmt;
    c.dst_fmt = p.dst_fmt;
    *out = c;
    c = (nt_conv_bwd_data){0};
done:
    nt_conv_bwd_data_release(&c);
    dnn_pd_free(p.pd);
    return s;
}

/* In bf16 the gradient of the weights is kept in fp32 where oneDNN can. */
static nt_status choose_weight_gradient(pass *p, nt_device *dev, const nt_conv_desc *d,
                                        nt_err *e)
{
    nt_status s;

    init_pass(p, dev, d, dnnl_backward_weights, NT_F32);
    s = choose(p, e);
    if (s != NT_EUNSUPPORTED || d->src == NT_F32)
        return s;
    init_pass(p, dev, d, dnnl_backward_weights, NT_BF16);
    return choose(p, e);
}

nt_status dnn_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                   const nt_conv_desc *d, nt_err *e)
{
    nt_status s;
    nt_conv_bwd_weights c = {0};
    dnn_md plain = weights(d, NT_F32, dnnl_format_tag_undef);
    pass p = {0};

    if (d->algo == NT_ALGO_GEMM)
        return dnn_gemm_bwd_weights_new(out, dev, d, e);
    NT_TRY(choose_weight_gradient(&p, dev, d, e));
    NT_TRY(dnn_pass_new(&c.run, dev, p.pd, p.op.prop, e));
    NT_TRY(
        dnn_pack_new(&c.unpack, dev, &plain, dnn_pd_md(p.pd, DNNL_ARG_DIFF_WEIGHTS), true, e));
    c.packed_bytes = dnn_pd_bytes(p.pd, DNNL_ARG_DIFF_WEIGHTS);
    c.src_fmt = p.src_fmt;
    c.dst_fmt = p.dst_fmt;
    *out = c;
    c = (nt_conv_bwd_weights){0};
done:
    nt_conv_bwd_weights_release(&c);
    dnn_pd_free(p.pd);
    return s;
}
