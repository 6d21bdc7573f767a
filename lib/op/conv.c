/* SPDX-License-Identifier: MIT */
/*
 * Conv: y[n][k][o] = b[k] + sum over c, r of x[n][c][o*stride + r*dil - lo] * w[k][c][r], c
 * over the channels of k's group; 1 to 3 spatial dimensions.
 *
 * Lowering lets the kernel library choose both layouts and reorders the input where it does not
 * lie that way; the output stays in the chosen layout, so that chains of convolutions reorder
 * only at their ends.
 */
#include "kernel/conv.h"

#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "facet/window.h"
#include "lower/steps.h"
#include "op/filters.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    (void)g;
    return nt_filters_check(n, e);
}

static nt_status check_shapes(const nt_node *n, int sp, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    int64_t group = nt_node_int(n, "group", 1);

    if (x->rank >= 0 && x->rank != sp + 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want %d", x->rank, sp + 2);
    if (x->rank >= 0 && w->rank >= 0 && x->dims[1].value >= 0 && w->dims[1].value >= 0 &&
        (x->dims[1].value % group || x->dims[1].value / group != w->dims[1].value))
        return nt_fail(e, NT_EFORMAT,
                       "input has %" PRId64 " channels, want %" PRId64 " groups of %" PRId64,
                       x->dims[1].value, group, w->dims[1].value);
    return nt_filters_check_bias(n, w->rank >= 0 ? w->dims[0].value : -1, "filter", e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    int sp = nt_filters_spatial(n);
    nt_status s = NT_OK;
    nt_window win;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (!sp)
        return NT_OK;
    NT_TRY(nt_filters_window(&win, n, sp, e));
    NT_TRY(check_shapes(n, sp, e));
    if (x->rank >= 0)
        dims[0] = x->dims[0];
    if (w->rank >= 0)
        dims[1] = w->dims[0];
    NT_TRY(nt_window_dims(&win, dims + 2, x->rank >= 0 ? x->dims + 2 : NULL, e));
    nt_infer_set(n->out[0], x->dtype, sp + 2, dims);
done:
    return s;
}

/* All shapes are known and were checked by infer. */
static nt_status describe(nt_conv_desc *d, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    nt_status s = NT_OK;
    nt_window win;

    *d = (nt_conv_desc){.sp = x->rank - 2,
                        .n = x->dims[0].value,
                        .c = x->dims[1].value,
                        .k = w->dims[0].value,
                        .g = nt_node_int(n, "group", 1),
                        .bias = nt_filters_bias(n) != NULL,
                        .src_fmt = NT_FMT_ANY,
                        .dst_fmt = NT_FMT_ANY};
    for (int i = 0; i < d->sp; i++)
        d->in[i] = x->dims[i + 2].value;
    NT_TRY(nt_filters_window(&win, n, d->sp, e));
    NT_TRY(nt_window_out(&win, d->out, d->in, e));
    nt_filters_set_window(d, &win);
done:
    return s;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    nt_filters_cost(n, n->out[0], n->in[1], c);
}

/* ---- the plain form */

/* x and w start at the first channel of the group and at the filter. */
static double dot(const nt_taps *t, int64_t channels, const float *x, const float *w, int64_t o)
{
    double sum = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        for (int64_t c = 0; at >= 0 && c < channels; c++)
            sum += (double)x[c * t->n_in + at] * w[c * t->n_ker + r];
    }
    return sum;
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    const nt_tensor *x = in[0], *w = in[1], *b = n->n_in > 2 ? in[2] : NULL;
    int64_t group = nt_node_int(n, "group", 1), k = w->dims[0], cg = w->dims[1];
    float *y = out[0]->data;
    nt_status s = NT_OK;
    nt_window win;
    nt_taps t;

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    NT_TRY(nt_window_read(&win, n, x->rank - 2, w->dims + 2, e));
    NT_TRY(nt_taps_init(&t, &win, x->dims + 2, e));
    for (int64_t i = 0; i < x->dims[0] * k; i++) {
        int64_t f = i % k, first = i / k * x->dims[1] + f / (k / group) * cg;

        for (int64_t o = 0; o < t.n_out; o++)
            *y++ = (float)(dot(&t, cg, (float *)x->data + first * t.n_in,
                               (float *)w->data + f * cg * t.n_ker, o) +
                           (b ? ((float *)b->data)[f] : 0));
    }
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

/* ---- the planned forms */

/* Best first: in the asked type with the post-operations fused, without them, and both again in
 * fp32. Leaves in d what was made. */
static nt_status make(nt_conv_fwd *c, nt_program *p, nt_conv_desc *d, const nt_node *n,
                      nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, n);
    nt_dtype type = nt_program_compute_type(p);
    int n_post = nt_steps_n_fused(p, n);
    nt_status s = NT_EUNSUPPORTED;

    for (int i = 0; i < 4 && s == NT_EUNSUPPORTED; i++) {
        if ((i % 2 && !n_post) || (i >= 2 && type == NT_F32))
            continue;
        d->src = d->dst = i < 2 ? type : NT_F32;
        d->n_post = i % 2 ? 0 : n_post;
        memcpy(d->post, f->post, sizeof d->post);
        s = nt_conv_fwd_new(c, nt_program_device(p), d, nt_program_training(p), e);
    }
    return s;
}

static bool is_depthwise(const nt_node *n, int64_t *channels)
{
    *channels = n->in[1]->dims[0].value;
    return *channels > 1 && nt_node_int(n, "group", 1) == *channels &&
           n->in[1]->dims[1].value == 1;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e);

/*
 * oneDNN 2.6 computes depthwise convolutions in fp32 faster in blocks of 16 channels than
 * channels last, which is its own choice (Zen 4: up to 1.5 times), and the others as fast. A
 * network where these channels come in whole blocks lies so throughout: half-way reorders would
 * cost more.
 */
static nt_format preferred(nt_program *p)
{
    const nt_graph *g = nt_program_graph(p);
    int whole = 0, broken = 0;
    int64_t channels;

    if (nt_program_training(p) || nt_program_compute_type(p) != NT_F32)
        return NT_FMT_PLAIN;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op->lower == lower && is_depthwise(g->nodes[i], &channels))
            *(channels % 16 ? &broken : &whole) += 1;
    return whole > broken ? NT_FMT_C16 : NT_FMT_PLAIN;
}

/* How the value lies now; NT_FMT_PLAIN where nothing has made it yet. */
static nt_status layout_of(nt_program *p, const nt_value *v, nt_format *f, nt_err *e)
{
    nt_tid t = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_program_value(p, v, &t, e));
    *f = nt_program_desc(p, t)->fmt;
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    const nt_fusion *f = nt_program_fusion(p, n);
    nt_tid in[3] = {-1, -1, -1}, y = -1, residual = -1;
    nt_conv_fwd c = {0};
    nt_prim *run = NULL;
    nt_status s = NT_OK;
    nt_conv_desc d;
    nt_desc dst;

    if (!nt_steps_is_float(n->in[0])) /* float64 */
        return nt_lower_default(p, n, e);
    NT_TRY(describe(&d, n, e));
    NT_TRY(layout_of(p, n->in[0], &d.src_like, e));
    d.prefer = preferred(p);
    NT_TRY(make(&c, p, &d, n, e));
    NT_TRY(nt_program_value_as(p, n->in[0], c.src_fmt, d.src, &in[0], e));
    NT_TRY(nt_program_value_as(p, n->in[1], NT_FMT_PLAIN, NT_F32, &in[1], e));
    if (d.bias)
        NT_TRY(nt_program_value_as(p, n->in[2], NT_FMT_PLAIN, NT_F32, &in[2], e));
    if (d.n_post && f->residual)
        NT_TRY(nt_program_value_as(p, f->residual, c.dst_fmt, d.dst, &residual, e));
    run = c.pack;
    c.pack = NULL; /* the step's now */
    NT_TRY(nt_steps_pack(p, n, run, c.packed_bytes, &in[1], e));
    dst = nt_program_desc_of(n->out[0], c.dst_fmt, d.dst);
    NT_TRY(nt_program_temp(p, &dst, &y, e));
    run = c.run;
    c.run = NULL;
    NT_TRY(nt_steps_call(p, &(nt_call){n, "conv", run, in, 3, &y, 1}, residual, e));
    NT_TRY(nt_steps_finish(p, n, d.n_post, y, e));
done:
    nt_conv_fwd_release(&c);
    return s;
}

static nt_status make_bwd_weights(nt_conv_bwd_weights *c, nt_program *p, nt_conv_desc *d,
                                  nt_err *e)
{
    nt_status s;

    d->src = d->dst = nt_program_compute_type(p);
    s = nt_conv_bwd_weights_new(c, nt_program_device(p), d, e);
    if (s == NT_EUNSUPPORTED && d->src != NT_F32) {
        d->src = d->dst = NT_F32;
        s = nt_conv_bwd_weights_new(c, nt_program_device(p), d, e);
    }
    return s;
}

static nt_status unpack(nt_program *p, const nt_node *n, nt_prim **prim, nt_tid packed,
                        nt_err *e)
{
    nt_prim *taken = *prim;
    nt_tid dw = -1;
    nt_status s = NT_OK;

    NT_TRY(nt_steps_grad_target(p, n->in[1], &dw, e));
    *prim = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "unpack", taken, &packed, 1, &dw, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[1], dw, e));
done:
    return s;
}

static nt_status grad_weights(nt_program *p, const nt_node *n, nt_conv_desc d, nt_err *e)
{
    bool want_w = nt_program_needs_grad(p, n->in[1]);
    nt_tid in[2] = {-1, -1}, out[2] = {-1, -1};
    nt_conv_bwd_weights c = {0};
    nt_prim *run = NULL;
    nt_status s = NT_OK;

    d.bias = d.bias && nt_program_needs_grad(p, n->in[2]);
    if (!want_w && !d.bias)
        return NT_OK;
    NT_TRY(make_bwd_weights(&c, p, &d, e));
    NT_TRY(nt_program_value_as(p, n->in[0], c.src_fmt, d.src, &in[0], e));
    NT_TRY(nt_program_grad(p, n->out[0], c.dst_fmt, d.dst, &in[1], e));
    NT_TRY(nt_program_blob(p, c.packed_bytes, &out[0], e));
    if (d.bias)
        NT_TRY(nt_steps_grad_target(p, n->in[2], &out[1], e));
    run = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "conv dw", run, in, 2, out, 2}, e));
    if (d.bias)
        NT_TRY(nt_program_add_grad(p, n->in[2], out[1], e));
    if (want_w)
        NT_TRY(unpack(p, n, &c.unpack, out[0], e));
done:
    nt_conv_bwd_weights_release(&c);
    return s;
}

static nt_status make_bwd_data(nt_conv_bwd_data *c, nt_program *p, nt_conv_desc *d, nt_err *e)
{
    nt_status s;

    d->src = d->dst = nt_program_compute_type(p);
    s = nt_conv_bwd_data_new(c, nt_program_device(p), d, true, e);
    if (s == NT_EUNSUPPORTED && d->src != NT_F32) {
        d->src = d->dst = NT_F32;
        s = nt_conv_bwd_data_new(c, nt_program_device(p), d, true, e);
    }
    return s;
}

static nt_status grad_data(nt_program *p, const nt_node *n, nt_conv_desc d, nt_err *e)
{
    nt_tid in[2] = {-1, -1}, dx = -1;
    nt_conv_bwd_data c = {0};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_desc src;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    d.bias = false;
    NT_TRY(make_bwd_data(&c, p, &d, e));
    NT_TRY(nt_program_grad(p, n->out[0], c.dst_fmt, d.dst, &in[0], e));
    NT_TRY(nt_program_value_as(p, n->in[1], NT_FMT_PLAIN, NT_F32, &in[1], e));
    prim = c.pack;
    c.pack = NULL;
    NT_TRY(nt_steps_pack(p, n, prim, c.packed_bytes, &in[1], e));
    src = nt_program_desc_of(n->in[0], c.src_fmt, d.src);
    NT_TRY(nt_program_temp(p, &src, &dx, e));
    prim = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "conv dx", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    nt_conv_bwd_data_release(&c);
    return s;
}

/* Nothing is fused in training. */
static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_conv_desc d;
    nt_tid dy = -1;

    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    if (dy < 0)
        return NT_OK;
    NT_TRY(describe(&d, n, e));
    NT_TRY(layout_of(p, n->in[0], &d.src_like, e));
    d.dst_like = nt_program_desc(p, dy)->fmt;
    NT_TRY(grad_weights(p, n, d, e));
    NT_TRY(grad_data(p, n, d, e));
done:
    return s;
}

/* ---- coupling */

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_filters_couple(c, n, n->out[0], n->in[0], e));
    if (nt_filters_bias(n))
        NT_TRY(nt_couple_same(c, (nt_span){n->in[2], 0, 1}, (nt_span){n->out[0], 1, 1}, e));
done:
    return s;
}

/* A depthwise convolution has as many groups as channels. */
static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_filters_adapt(k, g, n, n->in[0], e);
}

const nt_op nt_op_conv[] = {
    {
        .name = "Conv",
        .domain = "",
        .since = 1,
        .min_in = 2,
        .max_in = 3,
        .min_out = 1,
        .max_out = 1,
        .attrs = nt_filters_attrs,
        .flags = NT_OPF_FUSES | NT_OPF_RESIDUAL | NT_OPF_BY_SAMPLE,
        .trainable = 1 << 1 | 1 << 2,
        .check = check,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .lower = lower,
        .lower_grad = lower_grad,
        .layer = nt_filters_layer,
        .couple = couple,
        .adapt = adapt,
    },
    {0},
};
