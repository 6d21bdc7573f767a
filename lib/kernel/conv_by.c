/* SPDX-License-Identifier: MIT */
#include "kernel/conv_by.h"

#include "kernel/backend.h"
#include "kernel/wino_look.h"

/*
 * What a backend refuses (Winograd for this shape, a post-operation it cannot fuse) the planner
 * has to hear of, since it can choose better than to move the whole convolution. Only what is
 * left to the backend or is a matrix product, in fp32, may be anybody's.
 */
static bool has_other_forms(const nt_conv_desc *d)
{
    bool any = d->algo == NT_ALGO_GEMM || d->algo == NT_ALGO_AUTO;

    return d->codes || d->src != NT_F32 || d->dst != NT_F32 || !any;
}

nt_desc nt_conv_src(const nt_conv_desc *d, nt_format f)
{
    nt_desc x = {.dtype = d->src, .rank = d->sp + 2, .dims = {d->n, d->c}, .fmt = f};

    for (int i = 0; i < d->sp; i++)
        x.dims[2 + i] = d->in[i];
    return x;
}

nt_desc nt_conv_dst(const nt_conv_desc *d, nt_format f)
{
    nt_desc y = {.dtype = d->dst, .rank = d->sp + 2, .dims = {d->n, d->k}, .fmt = f};

    for (int i = 0; i < d->sp; i++)
        y.dims[2 + i] = d->out[i];
    return y;
}

/* The convolution with a look for NaN behind it where one is wanted. y: its output, argument
 * number `arg`. */
static nt_status guard(nt_prim **run, int arg, nt_device *dev, const nt_conv_desc *d, nt_desc y,
                       nt_err *e)
{
    return wino_wants_look(dev, d) ? wino_look_wrap(run, &y, arg, e) : NT_OK;
}

nt_status nt_conv_fwd_by(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d, bool training,
                         nt_err *e)
{
    nt_ask a = NT_ASK(dev, conv_fwd, e);
    nt_conv_fwd c = {0};
    nt_status s = NT_OK;

    if (d->codes && !dev->int8)
        return nt_fail(e, NT_EUNSUPPORTED, "no convolution of codes on this device");
    a.other_forms = has_other_forms(d);
    while (nt_ask_next(&a))
        a.s = a.b->conv_fwd(&c, a.dev, d, training, e);
    NT_TRY(a.s);
    if (!training)
        NT_TRY(guard(&c.run, 3, dev, d, nt_conv_dst(d, c.dst_fmt), e));
    *out = c;
    c = (nt_conv_fwd){0};
done:
    nt_conv_fwd_release(&c);
    return s;
}

nt_status nt_conv_bwd_data_by(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                              bool training, nt_err *e)
{
    nt_ask a = NT_ASK(dev, conv_bwd_data, e);
    nt_conv_bwd_data c = {0};
    nt_status s = NT_OK;

    a.other_forms = has_other_forms(d);
    while (nt_ask_next(&a))
        a.s = a.b->conv_bwd_data(&c, a.dev, d, e);
    NT_TRY(a.s);
    if (!training)
        NT_TRY(guard(&c.run, 2, dev, d, nt_conv_src(d, c.src_fmt), e));
    *out = c;
    c = (nt_conv_bwd_data){0};
done:
    nt_conv_bwd_data_release(&c);
    return s;
}

nt_status nt_conv_bwd_weights_by(nt_conv_bwd_weights *out, nt_device *dev,
                                 const nt_conv_desc *d, nt_err *e)
{
    nt_ask a = NT_ASK(dev, conv_bwd_weights, e);

    a.other_forms = has_other_forms(d);
    while (nt_ask_next(&a))
        a.s = a.b->conv_bwd_weights(out, a.dev, d, e);
    return a.s;
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
