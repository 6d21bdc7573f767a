/* SPDX-License-Identifier: MIT */
/* dense.c - the dense half of product.h. */
#include "kernel/dense.h"

#include "lower/steps.h"
#include "op/product.h"

#include <string.h>

static nt_dense_desc describe(const nt_dense_node *l)
{
    return (nt_dense_desc){
        .m = l->m, .k = l->k, .n = l->n, .w_kn = !l->w_nk, .bias = l->b != NULL};
}

/* Best first: in the compute type with post-operations, without, and both again in fp32. */
static nt_status make(nt_dense *c, nt_program *p, const nt_dense_node *l, nt_dense_desc *d,
                      nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, l->node);
    nt_dtype type = nt_program_compute_type(p);
    int n_post = l->more ? 0 : nt_steps_n_fused(p, l->node);
    nt_status s = NT_EUNSUPPORTED;

    memcpy(d->post, f->post, sizeof d->post);
    for (int i = 0; i < 4 && s == NT_EUNSUPPORTED; i++) {
        if ((i % 2 && !n_post) || (i >= 2 && type == NT_F32))
            continue;
        d->src = d->dst = i < 2 ? type : NT_F32;
        d->n_post = i % 2 ? 0 : n_post;
        s = nt_dense_fwd_new(c, nt_program_device(p), d, nt_program_training(p), e);
    }
    return s;
}

/* The weights, fp32 and times alpha, packed unless the kernel takes them plain. */
static nt_status weights_for(nt_program *p, const nt_dense_node *l, nt_dense *c, nt_tid *out,
                             nt_err *e)
{
    nt_prim *pack = NULL;
    nt_tid w = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_program_value_as(p, l->w, NT_FMT_PLAIN, NT_F32, &w, e));
    NT_TRY(nt_steps_scale(p, l->node, l->alpha, w, &w, e));
    pack = c->pack;
    c->pack = NULL; /* the step's now */
    if (pack)
        NT_TRY(nt_steps_pack(p, l->node, pack, c->packed_bytes, &w, e));
    *out = w;
done:
    return s;
}

nt_status nt_dense_lower(nt_program *p, const nt_dense_node *l, nt_tid *out, nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, l->node);
    nt_tid in[3] = {-1, -1, -1}, y = -1, residual = -1;
    nt_dense_desc d = describe(l);
    nt_dense c = {0};
    nt_prim *run = NULL;
    nt_status s = NT_OK;
    nt_desc dst;

    NT_TRY(make(&c, p, l, &d, e));
    NT_TRY(nt_program_value_as(p, l->x, NT_FMT_PLAIN, d.src, &in[0], e));
    NT_TRY(weights_for(p, l, &c, &in[1], e));
    if (l->b) {
        NT_TRY(nt_program_value_as(p, l->b, NT_FMT_PLAIN, NT_F32, &in[2], e));
        NT_TRY(nt_steps_scale(p, l->node, l->beta, in[2], &in[2], e));
    }
    if (d.n_post && f->residual)
        NT_TRY(nt_program_value_as(p, f->residual, NT_FMT_PLAIN, d.dst, &residual, e));
    dst = nt_program_desc_of(l->node->out[0], NT_FMT_PLAIN, d.dst);
    NT_TRY(nt_program_temp(p, &dst, &y, e));
    run = c.run;
    c.run = NULL;
    NT_TRY(nt_steps_call(p, &(nt_call){l->node, "dense", run, in, 3, &y, 1}, residual, e));
    if (!l->more)
        NT_TRY(nt_steps_finish(p, l->node, d.n_post, y, e));
    *out = y;
done:
    nt_dense_release(&c);
    return s;
}

typedef nt_status (*dense_new)(nt_dense *out, nt_device *dev, const nt_dense_desc *d,
                               nt_err *e);

/* In the compute type, or else in fp32. */
static nt_status make_bwd(nt_dense *c, nt_program *p, nt_dense_desc *d, dense_new new,
                          nt_err *e)
{
    nt_status s;

    d->src = d->dst = nt_program_compute_type(p);
    s = new (c, nt_program_device(p), d, e);
    if (s == NT_EUNSUPPORTED && d->src != NT_F32) {
        d->src = d->dst = NT_F32;
        s = new (c, nt_program_device(p), d, e);
    }
    return s;
}

/* factor * t into the gradient of v; t itself was made for it when the factor is 1. */
static nt_status contribute(nt_program *p, const nt_dense_node *l, const nt_value *v,
                            float factor, nt_tid t, nt_err *e)
{
    return factor == 1 ? nt_program_add_grad(p, v, t, e)
                       : nt_steps_add_grad_scaled(p, l->node, v, factor, t, e);
}

/* Where a kernel writes what will be `factor` times the gradient of v. */
static nt_status target(nt_program *p, const nt_value *v, float factor, nt_tid *out, nt_err *e)
{
    nt_desc d;

    if (factor == 1)
        return nt_steps_grad_target(p, v, out, e);
    d = nt_program_desc_of(v, NT_FMT_PLAIN, NT_F32);
    return nt_program_temp(p, &d, out, e);
}

static nt_status unpack(nt_program *p, const nt_dense_node *l, nt_dense *c, nt_tid packed,
                        nt_err *e)
{
    nt_prim *prim = NULL;
    nt_tid dw = -1;
    nt_status s = NT_OK;

    NT_TRY(target(p, l->w, l->alpha, &dw, e));
    prim = c->pack;
    c->pack = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){l->node, "unpack", prim, &packed, 1, &dw, 1}, e));
    NT_TRY(contribute(p, l, l->w, l->alpha, dw, e));
done:
    return s;
}

static nt_status grad_weights(nt_program *p, const nt_dense_node *l, nt_err *e)
{
    bool want_w = nt_program_needs_grad(p, l->w);
    nt_tid in[2] = {-1, -1}, out[2] = {-1, -1};
    nt_dense_desc d = describe(l);
    nt_dense c = {0};
    nt_prim *run = NULL;
    nt_status s = NT_OK;

    d.bias = l->b && nt_program_needs_grad(p, l->b);
    if (!want_w && !d.bias)
        return NT_OK;
    NT_TRY(make_bwd(&c, p, &d, nt_dense_bwd_weights_new, e));
    NT_TRY(nt_program_value_as(p, l->x, NT_FMT_PLAIN, d.src, &in[0], e));
    NT_TRY(nt_program_grad(p, l->node->out[0], NT_FMT_PLAIN, d.dst, &in[1], e));
    NT_TRY(nt_program_blob(p, c.packed_bytes, &out[0], e));
    if (d.bias)
        NT_TRY(target(p, l->b, l->beta, &out[1], e));
    run = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){l->node, "dense dw", run, in, 2, out, 2}, e));
    if (d.bias)
        NT_TRY(contribute(p, l, l->b, l->beta, out[1], e));
    if (want_w)
        NT_TRY(unpack(p, l, &c, out[0], e));
done:
    nt_dense_release(&c);
    return s;
}

static nt_status grad_data(nt_program *p, const nt_dense_node *l, nt_err *e)
{
    nt_tid in[2] = {-1, -1}, dx = -1;
    nt_dense_desc d = describe(l);
    nt_dense c = {0};
    nt_prim *run = NULL;
    nt_status s = NT_OK;
    nt_desc src;

    if (!nt_program_needs_grad(p, l->x))
        return NT_OK;
    d.bias = false;
    NT_TRY(make_bwd(&c, p, &d, nt_dense_bwd_data_new, e));
    NT_TRY(nt_program_grad(p, l->node->out[0], NT_FMT_PLAIN, d.dst, &in[0], e));
    NT_TRY(weights_for(p, l, &c, &in[1], e));
    src = nt_program_desc_of(l->x, NT_FMT_PLAIN, d.src);
    NT_TRY(nt_program_temp(p, &src, &dx, e));
    run = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){l->node, "dense dx", run, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, l->x, dx, e));
done:
    nt_dense_release(&c);
    return s;
}

nt_status nt_dense_lower_grad(nt_program *p, const nt_dense_node *l, nt_err *e)
{
    nt_tid dy = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_program_grad(p, l->node->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    if (dy < 0)
        return NT_OK;
    NT_TRY(grad_weights(p, l, e));
    NT_TRY(grad_data(p, l, e));
done:
    return s;
}
