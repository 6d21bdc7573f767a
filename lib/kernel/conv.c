/* SPDX-License-Identifier: MIT */
/*
 * Convolutions go to the device's backend and nowhere else: what oneDNN refuses (Winograd for
 * this shape, a post-operation it cannot fuse) the planner has to hear of, since it can choose
 * better than to move the whole convolution. Only the GEMM algorithm in fp32 may be either's,
 * and Winograd, which oneDNN has in some versions and never in bf16, is ours beside it.
 */
#include "kernel/conv.h"

#include "kernel/choose.h"
#include "kernel/internal.h"
#include "kernel/wino.h"
#include "kernel/wino_look.h"

static bool may_be_blas(const nt_device *dev, const nt_conv_desc *d)
{
    return !NT_USE_DNN(dev) ||
           (d->algo == NT_ALGO_GEMM && d->src == NT_F32 && d->dst == NT_F32);
}

#define MAY_BE_OURS(dev, d) (NT_WITH_WINO && NT_USE_DNN(dev) && (d)->algo == NT_ALGO_WINOGRAD)
#define IS_OURS(dev, d) (MAY_BE_OURS(dev, d) && (d)->src == NT_BF16 && (dev)->bf16)

/* With d's own algorithm. */
static nt_status fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d, bool training,
                         nt_err *e)
{
    nt_status s = NT_EUNSUPPORTED;

    if (d->codes)
        return NT_USE_DNN(dev) && dev->int8
                   ? dnn_conv_fwd_new(out, dev, d, training, e)
                   : nt_fail(e, NT_EUNSUPPORTED, "no convolution of codes on this device");
    if (IS_OURS(dev, d))
        return wino_conv_fwd_new(out, dev, d, e);
    if (NT_USE_DNN(dev))
        s = dnn_conv_fwd_new(out, dev, d, training, e);
    if (s == NT_EUNSUPPORTED && MAY_BE_OURS(dev, d))
        s = wino_conv_fwd_new(out, dev, d, e);
    if (s == NT_EUNSUPPORTED && may_be_blas(dev, d))
        s = blas_conv_fwd_new(out, dev, d, training, e);
    return s;
}

static nt_status bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                              nt_err *e)
{
    nt_status s = NT_EUNSUPPORTED;

    if (IS_OURS(dev, d))
        return wino_conv_bwd_data_new(out, dev, d, e);
    if (NT_USE_DNN(dev))
        s = dnn_conv_bwd_data_new(out, dev, d, e);
    if (s == NT_EUNSUPPORTED && MAY_BE_OURS(dev, d))
        s = wino_conv_bwd_data_new(out, dev, d, e);
    if (s == NT_EUNSUPPORTED && may_be_blas(dev, d))
        s = blas_conv_bwd_data_new(out, dev, d, e);
    return s;
}

static nt_status bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                 const nt_conv_desc *d, nt_err *e)
{
    nt_status s = NT_EUNSUPPORTED;

    if (IS_OURS(dev, d))
        return wino_conv_bwd_weights_new(out, dev, d, e);
    if (NT_USE_DNN(dev))
        s = dnn_conv_bwd_weights_new(out, dev, d, e);
    if (s == NT_EUNSUPPORTED && MAY_BE_OURS(dev, d))
        s = wino_conv_bwd_weights_new(out, dev, d, e);
    if (s == NT_EUNSUPPORTED && may_be_blas(dev, d))
        s = blas_conv_bwd_weights_new(out, dev, d, e);
    return s;
}

/* d with the algorithm to try first. Winograd's tiles give a NaN to outputs that it has no part
 * in, and make one of an infinity. */
static nt_status choose(nt_conv_desc *chosen, nt_device *dev, const nt_conv_desc *d,
                        nt_pass pass, bool training, nt_err *e)
{
    *chosen = *d;
    if (d->codes || (dev->careful && !training && d->algo == NT_ALGO_AUTO)) {
        chosen->algo = NT_ALGO_DIRECT;
        return NT_OK;
    }
    if (d->algo != NT_ALGO_AUTO || !NT_USE_DNN(dev))
        return NT_OK;
    return nt_choose(&chosen->algo, dev, d, pass, training, e);
}

/* ... and may the direct one follow? */
static bool goes_on(nt_status s, const nt_conv_desc *asked, const nt_conv_desc *tried)
{
    return s == NT_EUNSUPPORTED && asked->algo == NT_ALGO_AUTO && tried->algo != NT_ALGO_DIRECT;
}

/* The convolution with a look for NaN behind it where one is wanted. y: its output, argument
 * number `arg`, of `extent`. */
static nt_status guard(nt_prim **run, int arg, nt_device *dev, const nt_conv_desc *d, nt_desc y,
                       const int64_t extent[3], nt_err *e)
{
    if (!wino_wants_look(dev, d))
        return NT_OK;
    y.rank = d->sp + 2;
    for (int i = 0; i < d->sp; i++)
        y.dims[2 + i] = extent[i];
    return wino_look_wrap(run, &y, arg, e);
}

nt_status nt_conv_fwd_new(nt_conv_fwd *out, nt_device *dev, const nt_conv_desc *d,
                          bool training, nt_err *e)
{
    nt_conv_fwd c = {0};
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_FORWARD, training, e));
    s = fwd_new(&c, dev, &chosen, training, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = fwd_new(&c, dev, &chosen, training, e);
    }
    NT_TRY(s);
    if (!training)
        NT_TRY(guard(&c.run, 3, dev, &chosen,
                     (nt_desc){.dtype = d->dst, .dims = {d->n, d->k}, .fmt = c.dst_fmt}, d->out,
                     e));
    *out = c;
    c = (nt_conv_fwd){0};
done:
    nt_conv_fwd_release(&c);
    return s;
}

nt_status nt_conv_bwd_data_new(nt_conv_bwd_data *out, nt_device *dev, const nt_conv_desc *d,
                               bool training, nt_err *e)
{
    nt_conv_bwd_data c = {0};
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_BWD_DATA, training, e));
    s = bwd_data_new(&c, dev, &chosen, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = bwd_data_new(&c, dev, &chosen, e);
    }
    NT_TRY(s);
    if (!training)
        NT_TRY(guard(&c.run, 2, dev, &chosen,
                     (nt_desc){.dtype = d->src, .dims = {d->n, d->c}, .fmt = c.src_fmt}, d->in,
                     e));
    *out = c;
    c = (nt_conv_bwd_data){0};
done:
    nt_conv_bwd_data_release(&c);
    return s;
}

nt_status nt_conv_bwd_weights_new(nt_conv_bwd_weights *out, nt_device *dev,
                                  const nt_conv_desc *d, nt_err *e)
{
    nt_conv_desc chosen;
    nt_status s = NT_OK;

    NT_TRY(choose(&chosen, dev, d, NT_PASS_BWD_WEIGHTS, true, e));
    s = bwd_weights_new(out, dev, &chosen, e);
    if (goes_on(s, d, &chosen)) {
        chosen.algo = NT_ALGO_DIRECT;
        s = bwd_weights_new(out, dev, &chosen, e);
    }
done:
    return s;
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
