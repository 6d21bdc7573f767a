/* SPDX-License-Identifier: MIT */
/* Fully connected layers (inner product) and batched matrix products by oneDNN. */
#include "kernel/onednn/api.h"

#include <string.h>

static dnn_md matrix(int64_t rows, int64_t cols, nt_dtype t, dnnl_format_tag_t tag)
{
    return (dnn_md){.rank = 2, .dims = {rows, cols}, .type = dnn_type(t), .tag = tag};
}

static dnn_op dense_op(const nt_dense_desc *d, dnnl_prop_kind_t prop, nt_dtype weight_type)
{
    dnn_op o = {.kind = dnnl_inner_product, .prop = prop};

    o.src = matrix(d->m, d->k, d->src, dnnl_ab);
    o.weights = matrix(d->n, d->k, weight_type, dnnl_format_tag_any);
    o.dst = matrix(d->m, d->n, d->dst, dnnl_ab);
    if (d->bias && prop != dnnl_backward_data)
        o.bias = dnn_md_row(d->n);
    return o;
}

/* The weights as the caller has them: logically [n][k] always. */
static dnn_md plain_weights(const nt_dense_desc *d)
{
    return matrix(d->n, d->k, NT_F32, d->w_kn ? dnnl_ba : dnnl_ab);
}

/*
 * With so few rows each weight is used that often only, and reading it takes all the time. On
 * Zen 4 in fp32, 4096 outputs: plain weights are as fast with 1 or 2 rows, 0.6 to 0.7 times
 * with 4 to 8; packing takes as long as 20 runs.
 */
static bool takes_plain(const nt_dense_desc *d)
{
    return d->m <= 2 && d->src == NT_F32 && d->dst == NT_F32;
}

static nt_status build(nt_dense *out, nt_device *dev, const nt_dense_desc *d, const dnn_op *o,
                       nt_err *e)
{
    bool unpack = o->prop == dnnl_backward_weights;
    int id = unpack ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS;
    dnn_md plain = plain_weights(d);
    nt_dense c = {0};
    dnnl_primitive_desc_t pd = NULL;
    nt_status s;

    NT_TRY(dnn_pd_new(&pd, dev, o, e));
    NT_TRY(dnn_pass_new(&c.run, dev, pd, o->prop, e));
    if (o->weights.tag == dnnl_format_tag_any) {
        NT_TRY(dnn_pack_new(&c.pack, dev, &plain, dnn_pd_md(pd, id), unpack, e));
        c.packed_bytes = dnn_pd_bytes(pd, id);
    }
    *out = c;
    c = (nt_dense){0};
done:
    nt_dense_release(&c);
    dnn_pd_free(pd);
    return s;
}

/* As a matrix product, of which oneDNN's fast kernels know codes in both versions. */
static nt_status coded_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, nt_err *e)
{
    dnn_md plain = matrix(d->k, d->n, NT_I8, d->w_kn ? dnnl_ab : dnnl_ba);
    dnn_op o = {.kind = dnnl_matmul, .n_post = d->n_post, .codes = d->codes, .scale_mask = 2};
    dnnl_primitive_desc_t pd = NULL;
    nt_dense c = {0};
    nt_status s;

    o.src = matrix(d->m, d->k, d->src, dnnl_ab);
    o.weights = matrix(d->k, d->n, NT_I8, dnnl_format_tag_any);
    o.bias = matrix(1, d->n, NT_F32, dnnl_ab);
    o.dst = matrix(d->m, d->n, d->dst, dnnl_ab);
    memcpy(o.post, d->post, sizeof o.post);
    NT_TRY(dnn_pd_new(&pd, dev, &o, e));
    NT_TRY(dnn_coded_pass_new(&c.run, dev, pd, &o, e));
    NT_TRY(dnn_pack_new(&c.pack, dev, &plain, dnn_pd_md(pd, DNNL_ARG_WEIGHTS), false, e));
    c.packed_bytes = dnn_pd_bytes(pd, DNNL_ARG_WEIGHTS);
    *out = c;
    c = (nt_dense){0};
done:
    nt_dense_release(&c);
    dnn_pd_free(pd);
    return s;
}

static nt_status float_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d, bool training,
                           nt_err *e)
{
    dnn_op o = dense_op(d, training ? dnnl_forward_training : dnnl_forward_inference, d->src);

    memcpy(o.post, d->post, sizeof o.post);
    o.n_post = d->n_post;
    if (!training && takes_plain(d))
        o.weights = plain_weights(d);
    return build(out, dev, d, &o, e);
}

nt_status dnn_dense_fwd_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                            bool training, nt_err *e)
{
    return d->codes ? coded_new(out, dev, d, e) : float_new(out, dev, d, training, e);
}

nt_status dnn_dense_bwd_data_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                 nt_err *e)
{
    dnn_op o = dense_op(d, dnnl_backward_data, d->dst);

    return build(out, dev, d, &o, e);
}

/* The gradient in fp32 where oneDNN can, else in bf16. */
nt_status dnn_dense_bwd_weights_new(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                                    nt_err *e)
{
    dnn_op o = dense_op(d, dnnl_backward_weights, NT_F32);
    nt_status s = build(out, dev, d, &o, e);

    if (s != NT_EUNSUPPORTED || d->src == NT_F32)
        return s;
    o = dense_op(d, dnnl_backward_weights, NT_BF16);
    return build(out, dev, d, &o, e);
}

/* [rows][cols] per batch, stored transposed with `trans`; stride 0 is one matrix for all. */
static dnn_md operand(int64_t batch, int64_t stride, int64_t rows, int64_t cols, bool trans)
{
    dnn_md m = {.rank = 3, .dims = {stride ? batch : 1, rows, cols}, .type = dnnl_f32};

    m.stride[0] = stride ? stride : rows * cols;
    m.stride[1] = trans ? 1 : cols;
    m.stride[2] = trans ? rows : 1;
    return m;
}

nt_status dnn_matmul_new(nt_prim **out, nt_device *dev, const nt_matmul_desc *d, nt_err *e)
{
    static const dnn_arg args[] = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}, {DNNL_ARG_DST, 2}};
    dnn_op o = {.kind = dnnl_matmul};

    if (d->batch > 1 && !d->stride_a && !d->stride_b)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN has no product that fills a whole batch");
    if (d->alpha == 0)
        return nt_fail(e, NT_EUNSUPPORTED, "oneDNN is not asked for products times zero");
    o.src = operand(d->batch, d->batch > 1 ? d->stride_a : 0, d->m, d->k, d->trans_a);
    o.weights = operand(d->batch, d->batch > 1 ? d->stride_b : 0, d->k, d->n, d->trans_b);
    o.dst = operand(d->batch, d->m * d->n, d->m, d->n, false);
    o.scale = d->alpha == 1 ? 0 : d->alpha;
    return dnn_prim_of(out, dev, &o, 3, args, e);
}
