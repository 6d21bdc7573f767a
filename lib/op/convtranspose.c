/* SPDX-License-Identifier: MIT */
/*
 * ConvTranspose: y[n][k][i*stride + r*dil - lo] += x[n][c][i] * w[c][k][r], plus b[k]; 1 to 3
 * spatial dimensions. It is the backward pass of a convolution from y to x with the same weight
 * [c][k/g][r...]; so its own gradient by x is that convolution's forward pass.
 */
#include "kernel/deconv.h"

#include "base/alloc.h"
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "facet/window.h"
#include "kernel/eltwise.h"
#include "lower/steps.h"
#include "op/filters.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

static const nt_attr_spec attrs[] = {
    {"auto_pad", NT_ATTR_STRING, false},
    {"dilations", NT_ATTR_INTS, false},
    {"group", NT_ATTR_INT, false},
    {"kernel_shape", NT_ATTR_INTS, false},
    {"output_padding", NT_ATTR_INTS, false},
    {"output_shape", NT_ATTR_INTS, false},
    {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},
    {NULL, 0, false},
};

/* ---- where things lie */

/* What stands in output_padding and output_shape; shape[i] is 0 where it is not given. Some
 * exporters put batch and channels in front of output_shape. */
static nt_status read_outputs(int64_t *padding, int64_t *shape, const nt_node *n, int sp,
                              nt_err *e)
{
    const nt_attr *p = nt_node_attr(n, "output_padding"), *a = nt_node_attr(n, "output_shape");
    int64_t v[5] = {0};
    int skip = a && a->n == (size_t)sp + 2 ? 2 : 0;

    if (p && p->n != (size_t)sp)
        return nt_fail(e, NT_EFORMAT, "output_padding has %zu entries, want %d", p->n, sp);
    if (a && a->n != (size_t)sp && !skip)
        return nt_fail(e, NT_EFORMAT, "output_shape has %zu entries, want %d", a->n, sp);
    nt_node_ints(n, "output_padding", padding, (size_t)sp);
    nt_node_ints(n, "output_shape", v, 5);
    for (int i = 0; i < sp; i++) {
        padding[i] = p ? padding[i] : 0;
        shape[i] = a ? v[i + skip] : 0;
        if (padding[i] < 0 || padding[i] > INT32_MAX)
            return nt_fail(e, NT_EFORMAT, "output_padding holds %" PRId64, padding[i]);
        if (a && (shape[i] < 1 || shape[i] > INT32_MAX))
            return nt_fail(e, NT_EFORMAT, "output_shape holds %" PRId64, shape[i]);
    }
    return NT_OK;
}

/* What is more than `out` goes, by halves; the odd one at the end under SAME_UPPER only. */
static void split_pads(nt_window *w, int i, int64_t full, int64_t out)
{
    int64_t total = full > out ? full - out : 0;

    w->lo[i] = w->auto_pad == NT_PAD_SAME_UPPER ? total / 2 : total - total / 2;
    w->hi[i] = total - w->lo[i];
}

/* Extents of the output from the input's (below 0: unknown, gives -1), and the pads that
 * auto_pad and output_shape mean. */
static nt_status place(nt_window *w, int64_t *out, const nt_node *n, const int64_t *in,
                       nt_err *e)
{
    int64_t padding[3], shape[3];
    nt_status s = NT_OK;

    NT_TRY(read_outputs(padding, shape, n, w->sp, e));
    for (int i = 0; i < w->sp; i++) {
        int64_t full = (w->ker[i] - 1) * w->dil[i] + 1 + padding[i];

        if (in[i] > INT32_MAX)
            NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "an extent of %" PRId64, in[i]));
        out[i] = shape[i] ? shape[i] : -1;
        if (in[i] < 0)
            continue;
        full += (in[i] - 1) * w->stride[i];
        if (!shape[i] && w->auto_pad != NT_PAD_EXPLICIT)
            out[i] = in[i] * w->stride[i];
        else if (!shape[i])
            out[i] = full - w->lo[i] - w->hi[i];
        if (shape[i] || w->auto_pad != NT_PAD_EXPLICIT)
            split_pads(w, i, full, out[i]);
        if (out[i] < 1)
            NT_TRY(nt_fail(e, NT_EFORMAT,
                           "pads %" PRId64 " and %" PRId64 " leave nothing of %" PRId64,
                           w->lo[i], w->hi[i], full));
    }
done:
    return s;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t padding[3], shape[3];
    int sp = nt_filters_spatial(n);
    nt_status s = NT_OK;

    (void)g;
    NT_TRY(nt_filters_check(n, e));
    if (sp)
        NT_TRY(read_outputs(padding, shape, n, sp, e));
done:
    return s;
}

static nt_status check_shapes(const nt_node *n, int sp, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    int64_t outputs = w->rank >= 0 && w->dims[1].value >= 0
                          ? w->dims[1].value * nt_node_int(n, "group", 1)
                          : -1;

    if (x->rank >= 0 && x->rank != sp + 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want %d", x->rank, sp + 2);
    if (x->rank >= 0 && w->rank >= 0 && x->dims[1].value >= 0 && w->dims[0].value >= 0 &&
        x->dims[1].value != w->dims[0].value)
        return nt_fail(e, NT_EFORMAT, "input has %" PRId64 " channels, want %" PRId64,
                       x->dims[1].value, w->dims[0].value);
    return nt_filters_check_bias(n, outputs, "output channel", e);
}

/* Does the window map an axis onto itself, whatever its extent? */
static bool keeps_extent(const nt_window *w, const nt_node *n, int i)
{
    int64_t padding[3] = {0};

    nt_node_ints(n, "output_padding", padding, 3);
    if (w->stride[i] != 1 || nt_node_attr(n, "output_shape"))
        return false;
    return w->auto_pad != NT_PAD_EXPLICIT ||
           w->lo[i] + w->hi[i] == (w->ker[i] - 1) * w->dil[i] + padding[i];
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    int64_t in[3] = {-1, -1, -1}, out[3];
    int sp = nt_filters_spatial(n);
    nt_status s = NT_OK;
    nt_window win;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (!sp)
        return NT_OK;
    NT_TRY(nt_filters_window(&win, n, sp, e));
    NT_TRY(check_shapes(n, sp, e));
    for (int i = 0; i < sp && x->rank >= 0; i++)
        in[i] = x->dims[i + 2].value;
    NT_TRY(place(&win, out, n, in, e));
    if (x->rank >= 0)
        dims[0] = x->dims[0];
    if (w->rank >= 0 && w->dims[1].value >= 0)
        dims[1] = nt_dim_of(w->dims[1].value * nt_node_int(n, "group", 1));
    for (int i = 0; i < sp; i++)
        dims[i + 2] =
            x->rank >= 0 && keeps_extent(&win, n, i) ? x->dims[i + 2] : nt_dim_of(out[i]);
    nt_infer_set(n->out[0], x->dtype, sp + 2, dims);
done:
    return s;
}

/* The convolution from y to x. All shapes are known and were checked by infer. */
static nt_status describe(nt_conv_desc *d, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *w = n->in[1];
    int64_t group = nt_node_int(n, "group", 1);
    nt_status s = NT_OK;
    nt_window win;

    *d = (nt_conv_desc){.sp = x->rank - 2,
                        .n = x->dims[0].value,
                        .c = w->dims[1].value * group,
                        .k = x->dims[1].value,
                        .g = group,
                        .bias = nt_filters_bias(n) != NULL,
                        .src_fmt = NT_FMT_ANY,
                        .dst_fmt = NT_FMT_ANY};
    for (int i = 0; i < d->sp; i++)
        d->out[i] = x->dims[i + 2].value;
    NT_TRY(nt_filters_window(&win, n, d->sp, e));
    NT_TRY(place(&win, d->in, n, d->out, e));
    nt_filters_set_window(d, &win);
done:
    return s;
}

/* Every input goes through all taps of its group's outputs. */
static void cost(const nt_node *n, nt_op_cost *c)
{
    nt_filters_cost(n, n->in[0], n->in[1], c);
}

/* ---- the plain form */

/* y += one channel of x spread by the taps of w. */
static void spread(double *y, const nt_taps *t, const float *x, const float *w)
{
    for (int64_t i = 0; i < t->n_out; i++)
        for (int64_t r = 0; r < t->n_ker; r++) {
            int64_t at = nt_taps_at(t, i, r);

            if (at >= 0)
                y[at] += (double)x[i] * w[r];
        }
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    const nt_tensor *x = in[0], *w = in[1], *b = n->n_in > 2 ? in[2] : NULL;
    int64_t c = w->dims[0], kg = w->dims[1], group = nt_node_int(n, "group", 1), place_in[3];
    float *y = out[0]->data;
    double *plane = NULL;
    nt_status s = NT_OK;
    nt_window win;
    nt_taps t;

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    NT_TRY(nt_window_read(&win, n, x->rank - 2, w->dims + 2, e));
    NT_TRY(place(&win, place_in, n, x->dims + 2, e));
    nt_taps_set(&t, &win, place_in, x->dims + 2);
    if (!(plane = nt_alloc((size_t)t.n_in, sizeof *plane)))
        NT_TRY(nt_fail_nomem(e));
    for (int64_t i = 0; i < x->dims[0] * kg * group; i++, y += t.n_in) {
        int64_t k = i % (kg * group), first = k / kg * (c / group);

        for (int64_t o = 0; o < t.n_in; o++)
            plane[o] = b ? ((float *)b->data)[k] : 0;
        for (int64_t j = first; j < first + c / group; j++)
            spread(plane, &t, (float *)x->data + (i / (kg * group) * c + j) * t.n_out,
                   (float *)w->data + (j * kg + k % kg) * t.n_ker);
        for (int64_t o = 0; o < t.n_in; o++)
            y[o] = (float)plane[o];
    }
done:
    nt_free(plane);
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

/* ---- the planned forms */

/* In the asked type, else in fp32. Leaves in d what was made. */
static nt_status make(nt_deconv *c, nt_program *p, nt_conv_desc *d, const nt_fusion *f,
                      nt_err *e)
{
    nt_status s;

    d->n_post = f->n_post;
    memcpy(d->post, f->post, sizeof d->post);
    d->src = d->dst = nt_program_compute_type(p);
    s = nt_deconv_new(c, nt_program_device(p), d, nt_program_training(p), e);
    if (s == NT_EUNSUPPORTED && d->src != NT_F32) {
        d->src = d->dst = NT_F32;
        s = nt_deconv_new(c, nt_program_device(p), d, nt_program_training(p), e);
    }
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[3] = {-1, -1, -1}, y = -1;
    nt_deconv c = {0};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_conv_desc d;
    nt_desc out;

    if (!nt_steps_is_float(n->in[0])) /* float64 */
        return nt_lower_default(p, n, e);
    NT_TRY(describe(&d, n, e));
    NT_TRY(make(&c, p, &d, nt_program_fusion(p, n), e));
    NT_TRY(nt_program_value_as(p, n->in[0], c.x_fmt, d.dst, &in[0], e));
    NT_TRY(nt_program_value_as(p, n->in[1], NT_FMT_PLAIN, NT_F32, &in[1], e));
    if (d.bias)
        NT_TRY(nt_program_value_as(p, n->in[2], NT_FMT_PLAIN, NT_F32, &in[2], e));
    prim = c.pack;
    c.pack = NULL; /* the step's now */
    NT_TRY(nt_steps_pack(p, n, prim, c.packed_bytes, &in[1], e));
    out = nt_program_desc_of(n->out[0], c.y_fmt, d.src);
    NT_TRY(nt_program_temp(p, &out, &y, e));
    prim = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "deconv", prim, in, 3, &y, 1}, e));
    NT_TRY(nt_steps_finish(p, n, d.n_post, y, e));
done:
    nt_deconv_release(&c);
    return s;
}

/* db[k]: the sum of dy over all but its channels. */
static nt_status grad_bias(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid dy = -1, db = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_desc a, b;

    if (!nt_filters_bias(n) || !nt_program_needs_grad(p, n->in[2]))
        return NT_OK;
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_PLAIN, NT_F32, &dy, e));
    NT_TRY(nt_steps_grad_target(p, n->in[2], &db, e));
    a = b = *nt_program_desc(p, dy);
    for (int i = 0; i < b.rank; i++)
        b.dims[i] = i == 1 ? b.dims[i] : 1;
    NT_TRY(nt_reduce_to_new(&prim, nt_program_device(p), &a, &b, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "deconv db", prim, &dy, 1, &db, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[2], db, e));
done:
    return s;
}

static nt_status make_weights(nt_conv_bwd_weights *c, nt_program *p, nt_conv_desc *d, nt_err *e)
{
    nt_status s;

    d->src = d->dst = nt_program_compute_type(p);
    s = nt_conv_bwd_weights_new(c, nt_program_device(p), d, e);
    if (s == NT_EUNSUPPORTED) {
        d->src = d->dst = NT_F32;
        d->algo = NT_ALGO_GEMM;
        s = nt_conv_bwd_weights_new(c, nt_program_device(p), d, e);
    }
    return s;
}

/* As of a convolution with input dy and output gradient x. */
static nt_status grad_weights(nt_program *p, const nt_node *n, nt_conv_desc d, nt_err *e)
{
    nt_tid in[2] = {-1, -1}, packed = -1, dw = -1;
    nt_conv_bwd_weights c = {0};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;

    if (!nt_program_needs_grad(p, n->in[1]))
        return NT_OK;
    NT_TRY(make_weights(&c, p, &d, e));
    NT_TRY(nt_program_grad(p, n->out[0], c.src_fmt, d.src, &in[0], e));
    NT_TRY(nt_program_value_as(p, n->in[0], c.dst_fmt, d.dst, &in[1], e));
    NT_TRY(nt_program_blob(p, c.packed_bytes, &packed, e));
    prim = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "deconv dw", prim, in, 2, &packed, 1}, e));
    NT_TRY(nt_steps_grad_target(p, n->in[1], &dw, e));
    prim = c.unpack;
    c.unpack = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "unpack", prim, &packed, 1, &dw, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[1], dw, e));
done:
    nt_conv_bwd_weights_release(&c);
    return s;
}

static nt_status make_data(nt_conv_fwd *c, nt_program *p, nt_conv_desc *d, nt_err *e)
{
    nt_status s;

    d->src = d->dst = nt_program_compute_type(p);
    s = nt_conv_fwd_new(c, nt_program_device(p), d, true, e);
    if (s == NT_EUNSUPPORTED) {
        d->src = d->dst = NT_F32;
        d->algo = NT_ALGO_GEMM;
        s = nt_conv_fwd_new(c, nt_program_device(p), d, true, e);
    }
    return s;
}

/* dx is dy convolved. */
static nt_status grad_data(nt_program *p, const nt_node *n, nt_conv_desc d, nt_err *e)
{
    nt_tid in[3] = {-1, -1, -1}, dx = -1;
    nt_conv_fwd c = {0};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_desc out;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(make_data(&c, p, &d, e));
    NT_TRY(nt_program_grad(p, n->out[0], c.src_fmt, d.src, &in[0], e));
    NT_TRY(nt_program_value_as(p, n->in[1], NT_FMT_PLAIN, NT_F32, &in[1], e));
    prim = c.pack;
    c.pack = NULL;
    NT_TRY(nt_steps_pack(p, n, prim, c.packed_bytes, &in[1], e));
    out = nt_program_desc_of(n->in[0], c.dst_fmt, d.dst);
    NT_TRY(nt_program_temp(p, &out, &dx, e));
    prim = c.run;
    c.run = NULL;
    NT_TRY(nt_program_call(p, &(nt_call){n, "deconv dx", prim, in, 3, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    nt_conv_fwd_release(&c);
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
    d.bias = false;
    NT_TRY(grad_bias(p, n, e));
    NT_TRY(grad_weights(p, n, d, e));
    NT_TRY(grad_data(p, n, d, e));
done:
    return s;
}

/* ---- coupling */

/* The weight is [C][K / groups][taps...]. */
static void layer(nt_layer *l, const nt_node *n)
{
    nt_filters_layer(l, n);
    l->makes = 1;
    l->reads = 0;
    l->makes_part = true;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_filters_couple(c, n, n->in[0], n->out[0], e));
    if (nt_filters_bias(n))
        NT_TRY(nt_couple_same(c, (nt_span){n->in[2], 0, 1}, (nt_span){n->out[0], 1, 1}, e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_filters_adapt(k, g, n, n->out[0], e);
}

const nt_op nt_op_convtranspose[] = {
    {
        .name = "ConvTranspose",
        .domain = "",
        .since = 1,
        .min_in = 2,
        .max_in = 3,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .flags = NT_OPF_FUSES | NT_OPF_BY_SAMPLE,
        .trainable = 1 << 1 | 1 << 2,
        .check = check,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .lower = lower,
        .lower_grad = lower_grad,
        .layer = layer,
        .couple = couple,
        .adapt = adapt,
    },
    {0},
};
