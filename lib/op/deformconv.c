/* SPDX-License-Identifier: MIT */
/*
 * DeformConv (Dai et al. 2017, arXiv:1703.06211; with a mask Zhu et al. 2018,
 * arXiv:1811.11168): a convolution whose taps lie `offset` beside their place, read bilinearly
 * and multiplied by `mask`. Two spatial dimensions.
 *
 * As matrix products: what the taps read for a block of output positions is a matrix col
 * [cg taps][positions] for each group, and y = W col + b. Backward, dcol = W^T dy goes through
 * the samples to x, offset and mask, and dW = dy col^T.
 */
#include "base/alloc.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/widen.h"
#include "kernel/linalg.h"
#include "lower/steps.h"
#include "op/filters.h"
#include "op/sample.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

enum { X, W, OFFSET, B, MASK, N_IN };

#define BLOCK 256 /* output positions at a time */

static const nt_attr_spec attrs[] = {
    {"dilations", NT_ATTR_INTS, false},
    {"group", NT_ATTR_INT, false},
    {"kernel_shape", NT_ATTR_INTS, false},
    {"offset_group", NT_ATTR_INT, false},
    {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},
    {NULL, 0, false},
};

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t og = nt_node_int(n, "offset_group", 1);
    int sp = nt_filters_spatial(n);

    (void)g;
    if (sp && sp != 2)
        return nt_fail(e, NT_EUNSUPPORTED, "%d spatial dimensions, want 2", sp);
    if (og < 1)
        return nt_fail(e, NT_EFORMAT, "offset_group is %" PRId64 ", want at least 1", og);
    return nt_filters_check(n, e);
}

/* Extent `axis` of input i is `want`, or one of them is unknown. */
static nt_status check_dim(const nt_node *n, int i, const char *what, int axis, int64_t want,
                           nt_err *e)
{
    const nt_value *v = nt_has_in(n, i) ? n->in[i] : NULL;

    if (!v || v->rank < 0 || want < 0)
        return NT_OK;
    if (axis >= v->rank)
        return nt_fail(e, NT_EFORMAT, "%s has %d dimensions", what, v->rank);
    if (v->dims[axis].value >= 0 && v->dims[axis].value != want)
        return nt_fail(e, NT_EFORMAT, "%s has extent %" PRId64 " along axis %d, want %" PRId64,
                       what, v->dims[axis].value, axis, want);
    return NT_OK;
}

static nt_status check_shapes(const nt_node *n, const nt_window *w, const nt_dim *out,
                              nt_err *e)
{
    int64_t og = nt_node_int(n, "offset_group", 1), taps = og * w->ker[0] * w->ker[1];
    const nt_value *f = n->in[W], *x = n->in[X];
    nt_status s = NT_OK;

    if (f->rank == 4 && f->dims[1].value >= 0)
        NT_TRY(check_dim(n, X, "input", 1, f->dims[1].value * nt_node_int(n, "group", 1), e));
    if (x->rank == 4 && x->dims[1].value >= 0 && x->dims[1].value % og)
        NT_TRY(nt_fail(e, NT_EFORMAT,
                       "%" PRId64 " channels do not divide into %" PRId64 " offset groups",
                       x->dims[1].value, og));
    NT_TRY(check_dim(n, B, "bias", 0, f->rank == 4 ? f->dims[0].value : -1, e));
    if (f->rank == 4 && f->dims[2].value >= 0 && f->dims[3].value >= 0) {
        NT_TRY(check_dim(n, OFFSET, "offset", 1, 2 * taps, e));
        NT_TRY(check_dim(n, MASK, "mask", 1, taps, e));
    }
    for (int i = 2; i < 4; i++) {
        NT_TRY(check_dim(n, OFFSET, "offset", i, out[i].value, e));
        NT_TRY(check_dim(n, MASK, "mask", i, out[i].value, e));
    }
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X], *f = n->in[W];
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    NT_TRY(nt_filters_window(&w, n, 2, e));
    if (x->rank >= 0 && x->rank != 4)
        NT_TRY(nt_fail(e, NT_EFORMAT, "input has %d dimensions, want 4", x->rank));
    if (x->rank >= 0)
        dims[0] = x->dims[0];
    if (f->rank >= 0)
        dims[1] = f->dims[0];
    NT_TRY(nt_window_dims(&w, dims + 2, x->rank >= 0 ? x->dims + 2 : NULL, e));
    NT_TRY(check_shapes(n, &w, dims, e));
    nt_infer_set(n->out[0], x->dtype, 4, dims);
done:
    return s;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    nt_filters_cost(n, n->out[0], n->in[W], c);
}

/* ---- the work */

typedef struct deform {
    int64_t n, c, k, g, og;
    int64_t in[2], n_in, n_out, taps; /* taps of one channel */
    nt_taps t;
    const float *x, *w, *offset, *mask;
    float *dx, *dw, *doffset, *dmask; /* NULL where not wanted */
    float *col, *dcol;                /* [c/g taps][BLOCK] */
} deform;

static nt_status deform_init(deform *d, const nt_node *n, const nt_tensor *const *in, nt_err *e)
{
    const nt_tensor *x = in[X], *w = in[W];
    nt_status s = NT_OK;
    nt_window win;

    *d = (deform){.n = x->dims[0],
                  .c = x->dims[1],
                  .k = w->dims[0],
                  .g = nt_node_int(n, "group", 1),
                  .og = nt_node_int(n, "offset_group", 1),
                  .in = {x->dims[2], x->dims[3]},
                  .x = x->data,
                  .w = w->data,
                  .offset = in[OFFSET]->data,
                  .mask = n->n_in > MASK && in[MASK] ? in[MASK]->data : NULL};
    NT_TRY(nt_window_read(&win, n, 2, w->dims + 2, e));
    NT_TRY(nt_taps_init(&d->t, &win, x->dims + 2, e));
    d->n_in = d->t.n_in;
    d->n_out = d->t.n_out;
    d->taps = d->t.n_ker;
    d->col = nt_alloc((size_t)(d->c / d->g * d->taps), BLOCK * sizeof *d->col);
    d->dcol = nt_alloc((size_t)(d->c / d->g * d->taps), BLOCK * sizeof *d->dcol);
    if (!d->col || !d->dcol)
        NT_TRY(nt_fail_nomem(e));
done:
    return s;
}

static void deform_release(deform *d)
{
    nt_free(d->col);
    nt_free(d->dcol);
}

/* Elements of offset (the first of two, n_out apart) and mask for a tap of an offset group. */
static int64_t mask_at(const deform *d, int64_t n, int64_t og, int64_t r, int64_t o)
{
    return ((n * d->og + og) * d->taps + r) * d->n_out + o;
}

static int64_t offset_at(const deform *d, int64_t n, int64_t og, int64_t r, int64_t o)
{
    return ((n * d->og + og) * d->taps + r) * 2 * d->n_out + o;
}

static void sample_tap(nt_sample *p, const deform *d, int64_t n, int64_t og, int64_t r,
                       int64_t o)
{
    const float *off = d->offset + offset_at(d, n, og, r, o);
    int64_t row = o / d->t.out[2] * d->t.stride[1] + r / d->t.ker[2] * d->t.dil[1] - d->t.lo[1];
    int64_t at = o % d->t.out[2] * d->t.stride[2] + r % d->t.ker[2] * d->t.dil[2] - d->t.lo[2];
    nt_stencil axis[2];

    nt_stencil_linear(&axis[0], (double)row + off[0], d->in[0]);
    nt_stencil_linear(&axis[1], (double)at + off[d->n_out], d->in[1]);
    nt_sample_init(p, 2, axis, d->in);
}

/* Part of a group's channels that one offset group covers: [*from, *to). */
static void share(const deform *d, int64_t g, int64_t og, int64_t *from, int64_t *to)
{
    int64_t cg = d->c / d->g, each = d->c / d->og;

    *from = og * each > g * cg ? og * each : g * cg;
    *to = (og + 1) * each < (g + 1) * cg ? (og + 1) * each : (g + 1) * cg;
}

/* col for positions [from, from + width) of group g in image n. */
static void gather(const deform *d, int64_t n, int64_t g, int64_t from, int64_t width)
{
    int64_t first = g * (d->c / d->g);

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < d->og * d->taps * width; i++) {
        int64_t j = i % width, r = i / width % d->taps, og = i / width / d->taps, c0, c1;
        float m = d->mask ? d->mask[mask_at(d, n, og, r, from + j)] : 1;
        nt_sample p;

        share(d, g, og, &c0, &c1);
        if (c0 >= c1)
            continue;
        sample_tap(&p, d, n, og, r, from + j);
        for (int64_t c = c0; c < c1; c++)
            d->col[((c - first) * d->taps + r) * width + j] =
                m * nt_sample_get(&p, d->x + (n * d->c + c) * d->n_in);
    }
}

/* From dcol to x, offset and mask. */
static void scatter(const deform *d, int64_t n, int64_t g, int64_t from, int64_t width)
{
    int64_t first = g * (d->c / d->g);

    for (int64_t i = 0; i < d->og * d->taps * width; i++) {
        int64_t j = i % width, r = i / width % d->taps, og = i / width / d->taps, c0, c1;
        int64_t at = mask_at(d, n, og, r, from + j), off = offset_at(d, n, og, r, from + j);
        float m = d->mask ? d->mask[at] : 1;
        nt_sample p;

        share(d, g, og, &c0, &c1);
        if (c0 >= c1)
            continue;
        sample_tap(&p, d, n, og, r, from + j);
        for (int64_t c = c0; c < c1; c++) {
            float dv = d->dcol[((c - first) * d->taps + r) * width + j];
            const float *x = d->x + (n * d->c + c) * d->n_in;

            if (d->dx)
                nt_sample_add(&p, d->dx + (n * d->c + c) * d->n_in, m * dv);
            if (d->dmask)
                d->dmask[at] += dv * nt_sample_get(&p, x);
            for (int a = 0; d->doffset && a < 2; a++)
                d->doffset[off + a * d->n_out] += m * dv * nt_sample_slope(&p, a, x);
        }
    }
}

static void forward(const deform *d, float *y, const float *bias)
{
    int64_t kg = d->k / d->g, rows = d->c / d->g * d->taps;

    for (int64_t i = 0; i < d->n * d->g; i++)
        for (int64_t from = 0; from < d->n_out; from += BLOCK) {
            int64_t width = d->n_out - from < BLOCK ? d->n_out - from : BLOCK;

            gather(d, i / d->g, i % d->g, from, width);
            nt_sgemm((blas_product){kg, width, rows, .alpha = 1},
                     (blas_matrix){d->w + i % d->g * kg * rows, rows, false},
                     (blas_matrix){d->col, width, false}, y + i * kg * d->n_out + from,
                     d->n_out);
        }
    for (int64_t i = 0; bias && i < d->n * d->k * d->n_out; i++)
        y[i] += bias[i / d->n_out % d->k];
}

static void backward(const deform *d, const float *dy)
{
    int64_t kg = d->k / d->g, rows = d->c / d->g * d->taps;

    for (int64_t i = 0; i < d->n * d->g; i++)
        for (int64_t from = 0; from < d->n_out; from += BLOCK) {
            int64_t width = d->n_out - from < BLOCK ? d->n_out - from : BLOCK;
            int64_t w = i % d->g * kg * rows;
            blas_matrix part = {dy + i * kg * d->n_out + from, d->n_out, false};

            if (d->dw) {
                gather(d, i / d->g, i % d->g, from, width);
                nt_sgemm((blas_product){kg, rows, width, .alpha = 1, .beta = 1}, part,
                         (blas_matrix){d->col, width, true}, d->dw + w, rows);
            }
            nt_sgemm((blas_product){rows, width, kg, .alpha = 1},
                     (blas_matrix){d->w + w, rows, true}, part, d->dcol, width);
            scatter(d, i / d->g, i % d->g, from, width);
        }
}

static nt_status eval_f32(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    nt_status s = NT_OK;
    deform d = {0};

    NT_TRY(nt_eval_wants_f32(in, n->n_in, e));
    NT_TRY(deform_init(&d, n, in, e));
    forward(&d, out[0]->data, n->n_in > B && in[B] ? in[B]->data : NULL);
done:
    deform_release(&d);
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    return nt_eval_in_f32(eval_f32, n, in, out, e);
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const float *dy = dout[0]->data;
    float *to[N_IN] = {NULL};
    nt_status s = NT_OK;
    deform d = {0};

    (void)out;
    NT_TRY(deform_init(&d, n, in, e));
    for (int i = 0; i < n->n_in; i++)
        if (din[i]) {
            to[i] = din[i]->data;
            memset(to[i], 0, nt_tensor_bytes(din[i]));
        }
    d.dx = to[X];
    d.dw = to[W];
    d.doffset = to[OFFSET];
    d.dmask = to[MASK];
    backward(&d, dy);
    for (int64_t i = 0; to[B] && i < d.n * d.k * d.n_out; i++)
        to[B][i / d.n_out % d.k] += dy[i];
done:
    deform_release(&d);
    return s;
}

/* ---- coupling: as Conv's; offset groups stay alike, too */

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_span x = {n->in[X], 1, 1}, y = {n->out[0], 1, 1};
    int64_t og = nt_node_int(n, "offset_group", 1), each = n->in[X]->dims[1].value / og;
    nt_status s = NT_OK;

    NT_TRY(nt_filters_couple(c, n, n->out[0], n->in[X], e));
    if (nt_has_in(n, B))
        NT_TRY(nt_couple_same(c, (nt_span){n->in[B], 0, 1}, y, e));
    for (int64_t q = 1; q < og; q++)
        NT_TRY(nt_couple_tie(c, (nt_indices){x, 0, 1}, (nt_indices){x, q * each, 1}, each, e));
done:
    return s;
}

static void layer(nt_layer *l, const nt_node *n)
{
    nt_filters_layer(l, n);
    l->bias = B;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_filters_adapt(k, g, n, n->in[X], e);
}

const nt_op nt_op_deformconv[] = {
    {
        .name = "DeformConv",
        .domain = "",
        .since = 19,
        .min_in = 3,
        .max_in = 5,
        .min_out = 1,
        .max_out = 1,
        .attrs = attrs,
        .trainable = 1 << W | 1 << B,
        .check = check,
        .infer = infer,
        .cost = cost,
        .eval = eval,
        .grad = grad,
        .layer = layer,
        .couple = couple,
        .adapt = adapt,
    },
    {0},
};
