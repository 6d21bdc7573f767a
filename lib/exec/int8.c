/* SPDX-License-Identifier: MIT */
/*
 * A layer is found at its root (Conv, Gemm, MatMul) and followed downwards as far as codes.h's
 * formula goes; then all its scales are multiplied out, in double, into one factor and one
 * bias for each channel. Where nothing is padded the bias takes the input's zero point, too:
 *
 *     sum (x - z) w = sum x w - z sum w
 */
#include "exec/int8.h"

#include "base/alloc.h"
#include "exec/coding.h"
#include "exec/fuse.h"
#include "exec/int8_integer.h"
#include "exec/int8_move.h"
#include "graph/pass.h"
#include "kernel/eltwise.h"
#include "op/coded.h"
#include "op/filters.h"
#include "op/qparam.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct layer {
    const nt_node *root;
    bool conv;
    nt_coded x, r;                        /* input, and what is added (codes NULL: none) */
    const nt_value *w, *w_scale, *w_zero; /* constants; w_zero may be NULL */
    int64_t w_axis;                       /* that the scales run along */
    int axis;                             /* of w: output channels */
    const nt_value *b;                    /* constant, or NULL */
    bool b_in_sums;                       /* b counts in steps of x's scale times w's */
    double alpha, beta;
    nt_value *end; /* what is made */
    bool coded;    /* ... as codes */
    nt_coding y;
    bool has_f;
    nt_post f;     /* of the sum, in floats */
    double lo, hi; /* a clip of the codes */
} layer;

/* ---- finding: the root */

static int64_t channels(const layer *l)
{
    return l->w->dims[l->axis].value;
}

static bool is_dequantized_weight(layer *l, const nt_value *v)
{
    const nt_node *n = v->producer;

    if (!nt_node_is(n, "DequantizeLinear") || !n->in[0]->data || !n->in[1]->data ||
        nt_node_int(n, "block_size", 0) || (n->n_in > 2 && n->in[2] && !n->in[2]->data))
        return false;
    l->w = n->in[0];
    l->w_scale = n->in[1];
    l->w_zero = n->n_in > 2 ? n->in[2] : NULL;
    l->w_axis = nt_node_int(n, "axis", 1);
    return true;
}

static bool is_row(const nt_value *v, int64_t n)
{
    return v->data && v->rank >= 1 && v->dims[v->rank - 1].value == n &&
           nt_tensor_count(v->data) == n;
}

/* A Conv, or a product with a matrix of weights. */
static bool find_shape(layer *l, const nt_node *n)
{
    nt_layer f;

    if (!nt_layer_of(&f, n) || f.weight != 1)
        return false;
    l->conv = nt_node_is(n, "Conv");
    l->axis = f.makes;
    l->alpha = l->beta = 1;
    if (nt_node_is(n, "Gemm")) {
        l->alpha = nt_node_float(n, "alpha", 1);
        l->beta = nt_node_float(n, "beta", 1);
        return n->in[0]->rank == 2 && !nt_node_int(n, "transA", 0);
    }
    return (l->conv && n->in[0]->rank >= 3) || (nt_node_is(n, "MatMul") && n->in[0]->rank >= 2);
}

/* A layer of dequantized codes. */
static bool find_root(layer *l, const nt_node *n)
{
    if (n->n_in < 2 || !find_shape(l, n) || !nt_coded_of(&l->x, n->in[0]) ||
        !is_dequantized_weight(l, n->in[1]))
        return false;
    l->root = n;
    l->end = n->out[0];
    l->b = n->n_in > 2 ? n->in[2] : NULL;
    return (l->conv ? l->w->rank == l->root->in[0]->rank : l->w->rank == 2) &&
           (!l->b || (l->b->dtype == NT_F32 && is_row(l->b, channels(l))));
}

/* ---- finding: what follows */

static nt_node *sole_use(const nt_value *v, const char *const *keep)
{
    return nt_fuse_may_vanish(v, keep) ? v->uses[0].node : NULL;
}

static bool same_shape(const nt_value *a, const nt_value *b)
{
    bool same = a->rank == b->rank;

    for (int i = 0; same && i < a->rank; i++)
        same = a->dims[i].value == b->dims[i].value;
    return same;
}

/* n adds a bias to the rows of a product. */
static bool takes_bias(layer *l, const nt_node *n, const nt_value *v)
{
    const nt_value *b = nt_node_is(n, "Add") ? n->in[n->in[0] == v] : NULL;

    if (!b || l->b || l->conv || !is_row(b, channels(l)) || b->dtype != NT_F32 ||
        !same_shape(v, n->out[0]))
        return false;
    l->b = b;
    l->beta = 1;
    return true;
}

/* n adds codes, before any clip. */
static bool takes_codes(layer *l, const nt_node *n, const nt_value *v)
{
    const nt_value *r = nt_node_is(n, "Add") ? n->in[n->in[0] == v] : NULL;

    return r && r != v && !l->r.codes && !l->has_f && isinf(l->lo) && isinf(l->hi) &&
           same_shape(r, v) && same_shape(r, n->out[0]) && nt_coded_of(&l->r, r);
}

/* n is some other function, before any clip. Not one that is faster by itself. */
static bool takes_function(layer *l, nt_device *dev, const nt_node *n)
{
    nt_post p;

    if (l->has_f || !isinf(l->lo) || !isinf(l->hi) || !n->op || !n->op->as_post ||
        !n->op->as_post(n, &p) || p.kind == NT_POST_CLIP ||
        (p.kind == NT_POST_RELU && p.alpha == 0) || nt_eltwise_apart(dev, &p, NT_F32))
        return false;
    l->f = p;
    l->has_f = true;
    return true;
}

/* n is a Relu or a Clip. lo and hi are in floats until the scale is known. */
static bool takes_clip(double *lo, double *hi, const nt_node *n)
{
    nt_post p;

    if (!n->op || !n->op->as_post || !n->op->as_post(n, &p))
        return false;
    if (p.kind == NT_POST_CLIP) {
        *lo = fmin(fmax(*lo, p.alpha), p.beta);
        *hi = fmin(fmax(*hi, p.alpha), p.beta);
        return true;
    }
    *lo = fmax(*lo, 0);
    *hi = fmax(*hi, 0);
    return p.kind == NT_POST_RELU && p.alpha == 0;
}

/* Quantized weights that are trained keep to their range by a Clip of codes. */
static void take_clip_of_codes(layer *l, const char *const *keep)
{
    const nt_node *n = sole_use(l->end, keep);

    if (!nt_node_is(n, "Clip") || !n->op->as_post || n->in[0] != l->end ||
        !takes_clip(&l->lo, &l->hi, n))
        return;
    l->end = n->out[0];
}

static void from_floats_to_codes(layer *l)
{
    l->lo = l->lo / l->y.scale + l->y.zero;
    l->hi = l->hi / l->y.scale + l->y.zero;
}

/* Down to QuantizeLinear, past no function where `dev` is NULL. Where that is not reached the
 * layer ends in floats, at its root or bias, and the planner's ordinary fusion goes on from
 * there. */
static void follow(layer *l, nt_device *dev, const char *const *keep)
{
    nt_value *v = l->end;
    const nt_node *n;
    layer at;

    l->lo = -INFINITY;
    l->hi = INFINITY;
    n = sole_use(v, keep);
    if (n && takes_bias(l, n, v))
        v = l->end = n->out[0];
    at = *l;
    while ((n = sole_use(v, keep)) && !nt_coding_of_quantize(&l->y, n)) {
        if (!takes_codes(l, n, v) && !(dev && takes_function(l, dev, n)) &&
            !takes_clip(&l->lo, &l->hi, n)) {
            *l = at;
            return;
        }
        v = n->out[0];
    }
    if (!n) {
        *l = at;
        return;
    }
    l->coded = true;
    l->end = n->out[0];
    from_floats_to_codes(l);
    take_clip_of_codes(l, keep);
}

/* ---- finding: operators of codes */

/* QLinearConv and QLinearMatMul: x, its scale and zero point, the same of w and of y, bias. */
static bool find_qlinear(layer *l, const nt_node *n)
{
    l->conv = nt_node_is(n, "QLinearConv");
    if ((!l->conv && !nt_node_is(n, "QLinearMatMul")) || n->in[0]->data || !n->in[3]->data ||
        !n->in[4]->data || !n->in[5]->data)
        return false;
    *l = (layer){.root = n,
                 .conv = l->conv,
                 .x = {n->in[0], {0}},
                 .w = n->in[3],
                 .w_scale = n->in[4],
                 .w_zero = n->in[5],
                 .w_axis = !l->conv,
                 .axis = !l->conv,
                 .b = n->n_in > 8 ? n->in[8] : NULL,
                 .b_in_sums = true,
                 .alpha = 1,
                 .beta = 1,
                 .end = n->out[0],
                 .coded = true,
                 .lo = -INFINITY,
                 .hi = INFINITY};
    return nt_coding_read(&l->x.c, n->in[0]->dtype, n->in[1], n->in[2]) &&
           nt_coding_read(&l->y, n->out[0]->dtype, n->in[6], n->in[7]) &&
           (!l->b || is_row(l->b, channels(l))) &&
           (l->conv ? l->w->rank == n->in[0]->rank : l->w->rank == 2 && n->in[0]->rank >= 2);
}

/* ---- building */

/* Constants of the new node: w [as it lies], scale and bias of each channel. */
typedef struct parts {
    nt_tensor *w, *scale, *bias;
    int32_t x_zero;
    float sum_scale;
} parts;

static void parts_release(parts *p)
{
    nt_tensor_free(p->w);
    nt_tensor_free(p->scale);
    nt_tensor_free(p->bias);
}

/* The weight's scales and zero points; false where they run along another axis. */
static bool read_scales(nt_qparam *q, const layer *l)
{
    nt_quantization by = {l->w_scale->data, l->w_zero ? l->w_zero->data : NULL, l->w_axis, 0};
    nt_err e;

    if (nt_qparam_init(q, l->w->data, by, &e) != NT_OK)
        return false;
    return q->mode == NT_QPARAM_WHOLE ||
           (l->w_axis < 0 ? l->w_axis + l->w->rank : l->w_axis) == l->axis;
}

/* w less its zero points, and the sum of each channel; *fits: it is s8. */
static nt_status centre(parts *p, double *sum, bool *fits, const layer *l, const nt_qparam *q,
                        nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(l->w->data, l->axis);
    nt_status s = NT_OK;
    int8_t *w;

    *fits = true;
    NT_TRY(nt_tensor_new(&p->w, NT_I8, l->w->data->rank, l->w->data->dims, e));
    w = p->w->data;
    for (int64_t i = 0; i < v.outer * v.n * v.inner; i++) {
        int64_t k = i / v.inner % v.n;
        int64_t c = nt_tensor_get_i64(l->w->data, i) -
                    nt_qparam_zero(q, q->mode == NT_QPARAM_WHOLE ? 0 : k);

        *fits = *fits && c >= INT8_MIN && c <= INT8_MAX;
        w[i] = (int8_t)c;
        sum[k] += (double)c;
    }
done:
    return s;
}

static bool is_padded(const layer *l)
{
    int64_t in[3], out[3];
    nt_window win;
    int sp = l->conv ? l->w->rank - 2 : 0;
    nt_err e;

    for (int i = 0; i < sp; i++)
        in[i] = l->x.codes->dims[i + 2].value;
    if (sp && (nt_filters_window_of(&win, l->root, l->w, sp, &e) != NT_OK ||
               nt_window_out(&win, out, in, &e) != NT_OK))
        return true;
    for (int i = 0; i < sp; i++)
        if (win.lo[i] || win.hi[i])
            return true;
    return false;
}

static void multiply_out(parts *p, const double *sum, const layer *l, const nt_qparam *q)
{
    bool in_steps = l->coded && !l->has_f;
    double step = in_steps ? l->y.scale : 1, zero = in_steps ? l->y.zero : 0;
    float *scale = p->scale->data, *bias = p->bias->data;

    p->x_zero = is_padded(l) ? l->x.c.zero : 0;
    p->sum_scale = l->r.codes ? (float)(l->r.c.scale / step) : 1;
    if (l->r.codes)
        zero -= l->r.c.scale / step * l->r.c.zero;
    for (int64_t k = 0; k < channels(l); k++) {
        double ws = nt_qparam_scale(q, q->mode == NT_QPARAM_WHOLE ? 0 : k);
        double b = l->b ? nt_tensor_get(l->b->data, k) * l->beta : 0;
        double f = l->alpha * l->x.c.scale * ws;

        if (l->b_in_sums)
            b *= f;
        if (!p->x_zero)
            b -= f * l->x.c.zero * sum[k];
        scale[k] = (float)(f / step);
        bias[k] = (float)(b / step + zero);
    }
}

static nt_status build_parts(parts *p, bool *fits, const layer *l, nt_err *e)
{
    int64_t n = channels(l);
    double *sum = nt_calloc((size_t)n + 1, sizeof *sum);
    nt_status s = NT_OK;
    nt_qparam q;

    *fits = read_scales(&q, l);
    if (!sum)
        NT_TRY(nt_fail_nomem(e));
    if (!*fits)
        goto done;
    NT_TRY(centre(p, sum, fits, l, &q, e));
    NT_TRY(nt_tensor_new(&p->scale, NT_F32, 1, &n, e));
    NT_TRY(nt_tensor_new(&p->bias, NT_F32, 1, &n, e));
    multiply_out(p, sum, l, &q);
done:
    nt_free(sum);
    return s;
}

/* ---- writing */

static nt_status take_const(nt_value **out, nt_graph *g, nt_tensor **t, nt_err *e)
{
    nt_tensor *taken = *t;

    *t = NULL;
    return nt_graph_add_const(out, g, NULL, taken, e);
}

static nt_status add_like(nt_value **out, nt_graph *g, const nt_value *v, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(out, g, NULL, e));
    (*out)->dtype = v->dtype;
    (*out)->rank = v->rank;
    memcpy((*out)->dims, v->dims, sizeof v->dims);
done:
    return s;
}

static nt_status set_clip(nt_graph *g, nt_node *n, nt_dtype type, double lo, double hi,
                          nt_err *e)
{
    float type_lo, type_hi;
    nt_status s = NT_OK;

    nt_codes_range(&type_lo, &type_hi, type);
    NT_TRY(nt_node_set_float(g, n, "lo", (float)fmin(fmax(lo, type_lo), type_hi), e));
    NT_TRY(nt_node_set_float(g, n, "hi", (float)fmax(fmin(hi, type_hi), type_lo), e));
done:
    return s;
}

static nt_status set_coding(nt_graph *g, nt_node *n, const char *scale, const char *zero,
                            const nt_coding *c, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_node_set_float(g, n, scale, c->scale, e));
    NT_TRY(nt_node_set_int(g, n, zero, c->zero, e));
done:
    return s;
}

static nt_status set_function(nt_graph *g, nt_node *n, const layer *l, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_node_set_int(g, n, "function", l->f.kind, e));
    NT_TRY(nt_node_set_float(g, n, "f_alpha", l->f.alpha, e));
    NT_TRY(nt_node_set_float(g, n, "f_beta", l->f.beta, e));
    NT_TRY(set_coding(g, n, "y_scale", "y_zero", &l->y, e));
done:
    return s;
}

static nt_status set_attrs(nt_graph *g, nt_node *n, const layer *l, const parts *p, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_node_copy_attrs(g, n, l->root, e));
    NT_TRY(nt_node_set_int(g, n, "x_zero", p->x_zero, e));
    NT_TRY(nt_node_set_float(g, n, "sum_scale", p->sum_scale, e));
    if (l->coded)
        NT_TRY(set_clip(g, n, l->end->dtype, l->lo, l->hi, e));
    if (l->coded && l->has_f)
        NT_TRY(set_function(g, n, l, e));
done:
    return s;
}

/* The node that does all of l, in front of the last one it stands for; that and the others are
 * left without a use. Not so (*written: false) where the device cannot do it. */
static nt_status write_layer(bool *written, nt_graph *g, nt_device *dev, const layer *l,
                             parts *p, nt_err *e)
{
    nt_value *in[5] = {l->x.codes, NULL, NULL, NULL, l->r.codes}, *y = NULL;
    const nt_op *op = l->conv ? nt_op_coded_conv : nt_op_coded_dense;
    nt_node *n = NULL;
    nt_status s = NT_OK;
    char name[128];

    nt_layer_name(name, sizeof name, g, l->root);
    NT_TRY(take_const(&in[1], g, &p->w, e));
    NT_TRY(take_const(&in[2], g, &p->scale, e));
    NT_TRY(take_const(&in[3], g, &p->bias, e));
    NT_TRY(add_like(&y, g, l->end, e));
    op += !l->coded;
    NT_TRY(nt_graph_insert_node(&n, g, l->end->producer,
                                &(nt_node_spec){op->name, name, in, in[4] ? 5 : 4, &y, 1}, e));
    n->op = op;
    NT_TRY(set_attrs(g, n, l, p, e));
    *written = nt_coded_fits(dev, n);
    if (*written)
        NT_TRY(nt_graph_replace_value(g, l->end, y, e));
    else
        nt_graph_remove_node(g, n);
done:
    return s;
}

static nt_status build(bool *written, nt_graph *g, nt_device *dev, const layer *l,
                       const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    parts p = {0};
    bool fits;

    *written = false;
    if (nt_fuse_is_kept(l->end, keep))
        return NT_OK;
    NT_TRY(build_parts(&p, &fits, l, e));
    if (fits)
        NT_TRY(write_layer(written, g, dev, l, &p, e));
done:
    parts_release(&p);
    return s;
}

static nt_status layers(nt_graph *g, nt_device *dev, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        layer l = {0}, plain;
        bool found = find_root(&l, g->nodes[i]), written = false;

        plain = l;
        if (found)
            follow(&l, dev, keep);
        else if (!find_qlinear(&l, g->nodes[i]))
            continue;
        NT_TRY(build(&written, g, dev, &l, keep, e));
        if (!written && l.has_f) {
            follow(&plain, NULL, keep);
            NT_TRY(build(&written, g, dev, &plain, keep, e));
        }
        i = l.root->id; /* one more where the new node stands in front of it */
    }
done:
    return s;
}

/* ---- sums */

typedef struct sum {
    nt_coded a, b;
    nt_coding y;
    nt_value *end;
    double lo, hi;
} sum;

/* Two dequantized tensors of one shape, added, clipped and quantized. */
static bool find_sum(sum *f, const nt_node *n, const char *const *keep)
{
    const nt_node *next;
    nt_value *v;

    if (!nt_node_is(n, "Add") || !nt_coded_of(&f->a, n->in[0]) ||
        !nt_coded_of(&f->b, n->in[1]) || !same_shape(n->in[0], n->in[1]))
        return false;
    f->lo = -INFINITY;
    f->hi = INFINITY;
    for (v = n->out[0]; (next = sole_use(v, keep)); v = next->out[0]) {
        if (nt_coding_of_quantize(&f->y, next)) {
            f->end = next->out[0];
            return !nt_fuse_is_kept(f->end, keep);
        }
        if (!takes_clip(&f->lo, &f->hi, next))
            return false;
    }
    return false;
}

static nt_status write_sum(nt_graph *g, const nt_node *add, const sum *f, nt_err *e)
{
    nt_value *in[2] = {f->a.codes, f->b.codes}, *y = NULL;
    nt_node *n = NULL;
    nt_status s = NT_OK;

    NT_TRY(add_like(&y, g, f->end, e));
    NT_TRY(nt_graph_insert_node(&n, g, f->end->producer,
                                &(nt_node_spec){nt_op_coded_add.name, add->name, in, 2, &y, 1},
                                e));
    n->op = &nt_op_coded_add;
    NT_TRY(set_coding(g, n, "a_scale", "a_zero", &f->a.c, e));
    NT_TRY(set_coding(g, n, "b_scale", "b_zero", &f->b.c, e));
    NT_TRY(set_coding(g, n, "y_scale", "y_zero", &f->y, e));
    NT_TRY(set_clip(g, n, f->y.type, f->lo / f->y.scale + f->y.zero,
                    f->hi / f->y.scale + f->y.zero, e));
    NT_TRY(nt_graph_replace_value(g, f->end, y, e));
done:
    return s;
}

static nt_status sums(nt_graph *g, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    sum f;

    for (int i = 0; i < g->n_nodes; i++)
        if (find_sum(&f, g->nodes[i], keep))
            NT_TRY(write_sum(g, g->nodes[i], &f, e));
done:
    return s;
}

nt_status nt_int8(nt_graph *g, nt_device *dev, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;

    if (!nt_device_has_int8(dev))
        return NT_OK;
    NT_TRY(nt_coding_settle(g, e));
    NT_TRY(nt_int8_integer(g, keep, e));
    NT_TRY(nt_int8_move(g, keep, e));
    NT_TRY(nt_pass_dead(g, NULL, e));
    NT_TRY(layers(g, dev, keep, e));
    NT_TRY(nt_pass_dead(g, NULL, e));
    NT_TRY(sums(g, keep, e));
done:
    return s;
}
