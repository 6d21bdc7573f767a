/* SPDX-License-Identifier: MIT */
#include "op/coded.h"

#include "facet/arg.h"
#include "facet/window.h"
#include "kernel/conv.h"
#include "kernel/dense.h"
#include "lower/steps.h"
#include "op/filters.h"

#include <string.h>

enum { X, W, SCALE, BIAS, R };

static nt_codes codes_of(const nt_node *n)
{
    return (nt_codes){.n = n->in[SCALE]->dims[0].value,
                      .scale = n->in[SCALE]->data->data,
                      .bias = n->in[BIAS]->data->data,
                      .x_zero = (int32_t)nt_node_int(n, "x_zero", 0),
                      .sum_scale = nt_node_float(n, "sum_scale", 1),
                      .sum = nt_has_in(n, R) ? n->in[R]->dtype : n->out[0]->dtype};
}

/* The node's own post-operations: the sum with r, a function, which is of floats, and a clip
 * where it is more than saturation. */
static int own_posts(nt_post *post, const nt_node *n)
{
    float lo, hi, type_lo, type_hi;
    int k = 0;

    if (n->out[0]->dtype == NT_F32)
        return 0;
    nt_codes_range(&type_lo, &type_hi, n->out[0]->dtype);
    lo = nt_node_float(n, "lo", type_lo);
    hi = nt_node_float(n, "hi", type_hi);
    if (nt_has_in(n, R))
        post[k++] = (nt_post){.kind = NT_POST_SUM};
    if (nt_node_attr(n, "function")) {
        post[k++] = (nt_post){(nt_post_kind)nt_node_int(n, "function", 0),
                              nt_node_float(n, "f_alpha", 0), nt_node_float(n, "f_beta", 0)};
        post[k++] = (nt_post){NT_POST_LINEAR, 1 / nt_node_float(n, "y_scale", 1),
                              (float)nt_node_int(n, "y_zero", 0)};
    }
    if (lo > type_lo || hi < type_hi)
        post[k++] = (nt_post){NT_POST_CLIP, lo, hi};
    return k;
}

/* With f's post-operations; where they cannot be had so, without them. */
static int posts(nt_post *post, const nt_node *n, const nt_fusion *f, bool without)
{
    int k = own_posts(post, n);

    if (!f || without || n->out[0]->dtype != NT_F32)
        return k;
    memcpy(post, f->post, sizeof f->post);
    return f->n_post;
}

/* ---- convolution */

static nt_status describe_conv(nt_conv_desc *d, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X], *w = n->in[W];
    nt_status s = NT_OK;
    nt_window win;

    *d = (nt_conv_desc){.sp = x->rank - 2,
                        .n = x->dims[0].value,
                        .c = x->dims[1].value,
                        .k = w->dims[0].value,
                        .g = nt_node_int(n, "group", 1),
                        .src = x->dtype,
                        .dst = n->out[0]->dtype,
                        .src_fmt = NT_FMT_ANY,
                        .dst_fmt = NT_FMT_ANY};
    for (int i = 0; i < d->sp; i++)
        d->in[i] = x->dims[i + 2].value;
    NT_TRY(nt_filters_window_of(&win, n, w, d->sp, e));
    NT_TRY(nt_window_out(&win, d->out, d->in, e));
    nt_filters_set_window(d, &win);
done:
    return s;
}

/* n_fused: how many of f's post-operations the kernel does. */
static nt_status make_conv(nt_conv_fwd *c, int *n_fused, nt_device *dev, const nt_node *n,
                           const nt_fusion *f, nt_err *e)
{
    nt_codes codes = codes_of(n);
    nt_status s = NT_OK;
    nt_conv_desc d;

    NT_TRY(describe_conv(&d, n, e));
    d.codes = &codes;
    for (int without = nt_device_is_careful(dev); without < 2; without++) {
        d.n_post = posts(d.post, n, f, without);
        s = nt_conv_fwd_new(c, dev, &d, false, e);
        if (s != NT_EUNSUPPORTED)
            break;
    }
    *n_fused = n->out[0]->dtype == NT_F32 ? d.n_post : 0;
done:
    return s;
}

/* ---- dense layer */

static nt_status make_dense(nt_dense *c, int *n_fused, nt_device *dev, const nt_node *n,
                            const nt_fusion *f, nt_err *e)
{
    nt_codes codes = codes_of(n);
    bool w_kn = !nt_node_int(n, "transB", 0);
    nt_dense_desc d = {.k = n->in[W]->dims[w_kn ? 0 : 1].value,
                       .n = codes.n,
                       .w_kn = w_kn,
                       .src = n->in[X]->dtype,
                       .dst = n->out[0]->dtype,
                       .codes = &codes,
                       .m = 1};
    nt_status s = NT_EUNSUPPORTED;

    for (int i = 0; i < n->in[X]->rank - 1; i++)
        d.m *= n->in[X]->dims[i].value;
    for (int without = nt_device_is_careful(dev); without < 2 && s == NT_EUNSUPPORTED;
         without++) {
        d.n_post = posts(d.post, n, f, without);
        s = nt_dense_fwd_new(c, dev, &d, false, e);
    }
    *n_fused = n->out[0]->dtype == NT_F32 ? d.n_post : 0;
    return s;
}

/* ---- both */

typedef struct kernel {
    nt_prim *run, *pack;
    size_t packed_bytes;
    nt_format src_fmt, dst_fmt;
    int n_fused;
} kernel;

static bool is_conv(const nt_node *n)
{
    return n->op == &nt_op_coded_conv[0] || n->op == &nt_op_coded_conv[1];
}

static nt_status make(kernel *k, nt_device *dev, const nt_node *n, const nt_fusion *f,
                      nt_err *e)
{
    nt_status s = NT_OK;
    nt_conv_fwd c = {0};
    nt_dense d = {0};

    if (is_conv(n)) {
        NT_TRY(make_conv(&c, &k->n_fused, dev, n, f, e));
        *k = (kernel){c.run, c.pack, c.packed_bytes, c.src_fmt, c.dst_fmt, k->n_fused};
        return NT_OK;
    }
    NT_TRY(make_dense(&d, &k->n_fused, dev, n, f, e));
    *k = (kernel){d.run, d.pack, d.packed_bytes, NT_FMT_PLAIN, NT_FMT_PLAIN, k->n_fused};
done:
    return s;
}

static void release(kernel *k)
{
    nt_prim_free(k->run);
    nt_prim_free(k->pack);
}

bool nt_coded_fits(nt_device *dev, const nt_node *n)
{
    kernel k = {0};
    bool fits = make(&k, dev, n, NULL, NULL) == NT_OK;

    release(&k);
    return fits;
}

/* What is summed into the result: r as it is, or the residual of the fusion. */
static nt_status residual_of(nt_program *p, const nt_node *n, const kernel *k, nt_tid *out,
                             nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, n);

    if (nt_has_in(n, R))
        return nt_program_value_as(p, n->in[R], k->dst_fmt, n->in[R]->dtype, out, e);
    if (k->n_fused && f->residual)
        return nt_program_value_as(p, f->residual, k->dst_fmt, NT_F32, out, e);
    return NT_OK;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[3] = {-1, -1, -1}, y = -1, residual = -1;
    nt_status s = NT_OK;
    nt_prim *taken = NULL;
    const char *what;
    kernel k = {0};
    nt_desc dst;

    NT_TRY(make(&k, nt_program_device(p), n, nt_program_fusion(p, n), e));
    NT_TRY(nt_program_value_as(p, n->in[X], k.src_fmt, n->in[X]->dtype, &in[0], e));
    NT_TRY(nt_program_value(p, n->in[W], &in[1], e));
    NT_TRY(residual_of(p, n, &k, &residual, e));
    taken = k.pack;
    k.pack = NULL; /* the step's now */
    NT_TRY(nt_steps_pack(p, n, taken, k.packed_bytes, &in[1], e));
    dst = nt_program_desc_of(n->out[0], k.dst_fmt, n->out[0]->dtype);
    NT_TRY(nt_program_temp(p, &dst, &y, e));
    taken = k.run;
    k.run = NULL;
    what = is_conv(n) ? "conv int8" : "dense int8";
    NT_TRY(nt_steps_call(p, &(nt_call){n, what, taken, in, 3, &y, 1}, residual, e));
    NT_TRY(nt_steps_finish(p, n, k.n_fused, y, e));
done:
    release(&k);
    return s;
}

#define LAYER(op_name, more)                                                                   \
    {                                                                                          \
        .name = op_name, .domain = "nt.plan", .since = 1, .min_in = 4, .max_in = 5,            \
        .min_out = 1, .max_out = 1, .flags = NT_OPF_INT8 | (more), .lower = lower              \
    }

const nt_op nt_op_coded_conv[2] = {LAYER("CodedConv", 0),
                                   LAYER("CodedConv", NT_OPF_FUSES | NT_OPF_RESIDUAL)};
const nt_op nt_op_coded_dense[2] = {LAYER("CodedDense", 0),
                                    LAYER("CodedDense", NT_OPF_FUSES | NT_OPF_RESIDUAL)};
