/* SPDX-License-Identifier: MIT */
/*
 * The operators on codes: ConvInteger and MatMulInteger give sums of products of (code - zero
 * point) as int32, QLinearConv and QLinearMatMul scale such sums and quantize them again:
 *
 *     y = saturate(round(sum sx sw / sy) + zy)
 *
 * Sums are exact; they wrap around past 31 bits as ONNX says.
 */
#include "base/alloc.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/window.h"
#include "op/filters.h"
#include "op/product.h"
#include "op/qparam.h"
#include "op/taps.h"

#include <inttypes.h>
#include <string.h>

/* Which input is what; -1: there is none. */
typedef struct operands {
    int x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias;
} operands;

static const operands conv_integer = {0, -1, 2, 1, -1, 3, -1, -1, -1};
static const operands qlinear_conv = {0, 1, 2, 3, 4, 5, 6, 7, 8};
static const operands matmul_integer = {0, -1, 2, 1, -1, 3, -1, -1, -1};
static const operands qlinear_matmul = {0, 1, 2, 3, 4, 5, 6, 7, -1};

static const nt_tensor *pick(const nt_node *n, const nt_tensor *const *in, int i)
{
    return i >= 0 && i < n->n_in ? in[i] : NULL;
}

/* ---- codes less their zero points */

static nt_status centre_rows(int32_t *out, const nt_tensor *t, const nt_tensor *zero,
                             int64_t axis, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t at = 0;
    nt_qparam q;

    NT_TRY(nt_qparam_init(&q, t, (nt_quantization){zero, zero, axis, 0}, e));
    for (int64_t o = 0; o < q.view.outer; o++)
        for (int64_t k = 0; k < q.view.n; k++) {
            int32_t z = (int32_t)nt_qparam_zero(&q, nt_qparam_at(&q, o, k, 0));

            for (int64_t i = 0; i < q.view.inner; i++, at++)
                out[at] = (int32_t)nt_tensor_get_i64(t, at) - z;
        }
done:
    return s;
}

/* zero: NULL, one for all, or one for each index of the axis. */
static nt_status centred(int32_t **out, const nt_tensor *t, const nt_tensor *zero, int64_t axis,
                         nt_err *e)
{
    int64_t n = nt_tensor_count(t);

    *out = nt_alloc((size_t)n + 1, sizeof **out);
    if (!*out)
        return nt_fail_nomem(e);
    if (zero)
        return centre_rows(*out, t, zero, axis, e);
    for (int64_t i = 0; i < n; i++)
        (*out)[i] = (int32_t)nt_tensor_get_i64(t, i);
    return NT_OK;
}

/* ---- from sums to codes */

typedef struct requant {
    const nt_tensor *x_scale, *w_scale, *y_scale, *y_zero;
    int64_t lo, hi;
} requant;

static float scale_at(const nt_tensor *t, int64_t i)
{
    return (float)nt_tensor_get(t, nt_tensor_count(t) > 1 ? i : 0);
}

static requant requant_of(const nt_node *n, const nt_tensor *const *in, const operands *a)
{
    return (requant){.x_scale = pick(n, in, a->x_scale),
                     .w_scale = pick(n, in, a->w_scale),
                     .y_scale = pick(n, in, a->y_scale),
                     .y_zero = pick(n, in, a->y_zero)};
}

/* From sums of so many rows and channels to codes of type t. */
static nt_status requant_to(requant *r, nt_dtype t, int64_t rows, int64_t channels, nt_err *e)
{
    if (nt_tensor_count(r->x_scale) != 1 && nt_tensor_count(r->x_scale) != rows)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " scales for %" PRId64 " rows",
                       nt_tensor_count(r->x_scale), rows);
    if (nt_tensor_count(r->w_scale) != 1 && nt_tensor_count(r->w_scale) != channels)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " scales for %" PRId64 " channels",
                       nt_tensor_count(r->w_scale), channels);
    return nt_qparam_range(&r->lo, &r->hi, t, e);
}

/* row: of A, for products of matrices. */
static int64_t requantized(const requant *r, int32_t sum, int64_t row, int64_t channel)
{
    float m =
        scale_at(r->x_scale, row) * scale_at(r->w_scale, channel) / scale_at(r->y_scale, 0);

    return nt_quantize_one((float)sum * m, nt_tensor_get_i64(r->y_zero, 0), r->lo, r->hi);
}

/* ---- convolutions */

static nt_status conv_infer_as(nt_node *n, const operands *a, nt_dtype t, nt_err *e)
{
    const nt_value *x = n->in[a->x], *w = n->in[a->w];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    nt_window win;

    nt_infer_type(n->out[0], t);
    if (x->rank < 0 || w->rank < 0)
        return NT_OK;
    if (x->rank != w->rank || x->rank < 3 || x->rank > 5)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions and the weight %d", x->rank,
                       w->rank);
    NT_TRY(nt_filters_window_of(&win, n, w, w->rank - 2, e));
    dims[0] = x->dims[0];
    dims[1] = w->dims[0];
    NT_TRY(nt_window_dims(&win, dims + 2, x->dims + 2, e));
    nt_infer_set(n->out[0], t, x->rank, dims);
done:
    return s;
}

/* One image and filter at all output positions: at[r][o] is where tap r of position o reads. */
static void conv_plane(int32_t *sum, const int32_t *x, const int32_t *w, const int64_t *at,
                       const nt_taps *t, int64_t channels)
{
    memset(sum, 0, (size_t)t->n_out * sizeof *sum);
    for (int64_t c = 0; c < channels; c++, x += t->n_in)
        for (int64_t r = 0; r < t->n_ker; r++) {
            uint32_t k = (uint32_t)*w++;

            for (int64_t o = 0; k && o < t->n_out; o++)
                if (at[r * t->n_out + o] >= 0)
                    sum[o] =
                        (int32_t)((uint32_t)sum[o] + k * (uint32_t)x[at[r * t->n_out + o]]);
        }
}

typedef struct int_conv {
    int32_t *x, *w, *sum;
    int64_t *at;
    nt_taps taps;
    int64_t images, filters, channels, per_group; /* of one image; of one filter's group */
} int_conv;

static void int_conv_release(int_conv *c)
{
    nt_free(c->x);
    nt_free(c->w);
    nt_free(c->sum);
    nt_free(c->at);
}

static nt_status int_conv_groups(int_conv *c, const nt_node *n, const nt_tensor *x,
                                 const nt_tensor *w, nt_err *e)
{
    int64_t group = nt_node_int(n, "group", 1);

    c->images = x->dims[0];
    c->channels = x->dims[1];
    c->filters = w->dims[0];
    if (group < 1 || w->dims[1] * group != c->channels || c->filters % group)
        return nt_fail(e, NT_EFORMAT,
                       "%" PRId64 " channels and %" PRId64 " filters do not make %" PRId64
                       " groups",
                       c->channels, c->filters, group);
    c->per_group = w->dims[1];
    return NT_OK;
}

static nt_status int_conv_init(int_conv *c, const nt_node *n, const nt_tensor *const *in,
                               const operands *a, nt_err *e)
{
    const nt_tensor *x = in[a->x], *w = in[a->w];
    nt_status s = NT_OK;
    nt_window win;

    NT_TRY(int_conv_groups(c, n, x, w, e));
    NT_TRY(nt_window_read(&win, n, x->rank - 2, w->dims + 2, e));
    NT_TRY(nt_taps_init(&c->taps, &win, x->dims + 2, e));
    NT_TRY(centred(&c->x, x, pick(n, in, a->x_zero), 1, e));
    NT_TRY(centred(&c->w, w, pick(n, in, a->w_zero), 0, e));
    c->sum = nt_alloc((size_t)c->taps.n_out + 1, sizeof *c->sum);
    c->at = nt_alloc((size_t)(c->taps.n_out * c->taps.n_ker) + 1, sizeof *c->at);
    if (!c->sum || !c->at)
        return nt_fail_nomem(e);
    for (int64_t r = 0; r < c->taps.n_ker; r++)
        for (int64_t o = 0; o < c->taps.n_out; o++)
            c->at[r * c->taps.n_out + o] = nt_taps_at(&c->taps, o, r);
done:
    return s;
}

/* The sums of filter f on image i, into c->sum. */
static void int_conv_run(int_conv *c, int64_t i, int64_t f)
{
    int64_t groups = c->channels / c->per_group, g = f / (c->filters / groups);

    conv_plane(c->sum, c->x + (i * c->channels + g * c->per_group) * c->taps.n_in,
               c->w + f * c->per_group * c->taps.n_ker, c->at, &c->taps, c->per_group);
}

static nt_status conv_integer_eval(const nt_node *n, const nt_tensor *const *in,
                                   nt_tensor *const *out, nt_err *e)
{
    int32_t *y = out[0]->data;
    nt_status s = NT_OK;
    int_conv c = {0};

    NT_TRY(int_conv_init(&c, n, in, &conv_integer, e));
    for (int64_t i = 0; i < c.images * c.filters; i++, y += c.taps.n_out) {
        int_conv_run(&c, i / c.filters, i % c.filters);
        memcpy(y, c.sum, (size_t)c.taps.n_out * sizeof *y);
    }
done:
    int_conv_release(&c);
    return s;
}

static nt_status qlinear_conv_eval(const nt_node *n, const nt_tensor *const *in,
                                   nt_tensor *const *out, nt_err *e)
{
    const nt_tensor *bias = pick(n, in, qlinear_conv.bias);
    nt_status s = NT_OK;
    int_conv c = {0};
    int64_t at = 0;
    requant r = requant_of(n, in, &qlinear_conv);

    NT_TRY(requant_to(&r, out[0]->dtype, 1, out[0]->dims[1], e));
    NT_TRY(int_conv_init(&c, n, in, &qlinear_conv, e));
    for (int64_t i = 0; i < c.images * c.filters; i++) {
        uint32_t b = bias ? (uint32_t)((int32_t *)bias->data)[i % c.filters] : 0;

        int_conv_run(&c, i / c.filters, i % c.filters);
        for (int64_t o = 0; o < c.taps.n_out; o++, at++)
            nt_tensor_set_i64(
                out[0], at,
                requantized(&r, (int32_t)((uint32_t)c.sum[o] + b), 0, i % c.filters));
    }
done:
    int_conv_release(&c);
    return s;
}

static nt_status conv_integer_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return conv_infer_as(n, &conv_integer, NT_I32, e);
}

static nt_status qlinear_conv_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return conv_infer_as(n, &qlinear_conv, n->in[qlinear_conv.y_zero]->dtype, e);
}

/* Codes are no parameters that training changes, but they are the layer's. */
static void conv_cost(const nt_node *n, const operands *a, nt_op_cost *c)
{
    const nt_value *w = n->in[a->w];

    nt_filters_cost(n, n->out[0], w, c);
    c->params = w->data ? nt_tensor_count(w->data) : 0;
    if (c->params && a->bias >= 0 && nt_has_in(n, a->bias))
        c->params += w->dims[0].value;
}

static void conv_integer_cost(const nt_node *n, nt_op_cost *c)
{
    conv_cost(n, &conv_integer, c);
}

static void qlinear_conv_cost(const nt_node *n, nt_op_cost *c)
{
    conv_cost(n, &qlinear_conv, c);
}

/* ---- matrix products: zero points and scales may go with the rows of A and the columns of B
 */

typedef struct int_matmul {
    int32_t *a, *b;
    int64_t m, k, n;
    int rank; /* batch axes, of the output */
    int64_t batch[NT_MAX_RANK], sa[NT_MAX_RANK], sb[NT_MAX_RANK], count;
} int_matmul;

static void int_matmul_release(int_matmul *p)
{
    nt_free(p->a);
    nt_free(p->b);
}

/* Strides of an operand's matrices along the output's batch axes; 0 where it is stretched. */
static void batch_strides(int64_t *out, const int_matmul *p, const nt_tensor *t, int64_t matrix)
{
    int own = t->rank > 2 ? t->rank - 2 : 0;

    for (int i = p->rank - 1; i >= 0; i--) {
        int64_t extent = i < p->rank - own ? 1 : t->dims[i - (p->rank - own)];

        out[i] = extent == 1 ? 0 : matrix;
        matrix *= extent;
    }
}

static nt_status int_matmul_init(int_matmul *p, const nt_node *n, const nt_tensor *const *in,
                                 const operands *o, const nt_tensor *y, nt_err *e)
{
    const nt_tensor *a = in[o->x], *b = in[o->w];
    nt_status s = NT_OK;

    p->k = a->dims[a->rank - 1];
    p->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    p->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    p->rank = y->rank - (a->rank > 1) - (b->rank > 1);
    p->count = 1;
    for (int i = 0; i < p->rank; i++)
        p->count *= p->batch[i] = y->dims[i];
    batch_strides(p->sa, p, a, p->m * p->k);
    batch_strides(p->sb, p, b, p->k * p->n);
    NT_TRY(centred(&p->a, a, pick(n, in, o->x_zero), a->rank > 1 ? a->rank - 2 : 0, e));
    NT_TRY(centred(&p->b, b, pick(n, in, o->w_zero), b->rank - 1, e));
done:
    return s;
}

/* y[m][n] of batch q. */
static void int_matmul_run(const int_matmul *p, int64_t q, int32_t *y)
{
    const int32_t *a = p->a, *b = p->b;

    for (int i = p->rank - 1; i >= 0; q /= p->batch[i], i--) {
        a += q % p->batch[i] * p->sa[i];
        b += q % p->batch[i] * p->sb[i];
    }
    memset(y, 0, (size_t)(p->m * p->n) * sizeof *y);
    for (int64_t m = 0; m < p->m; m++, y += p->n)
        for (int64_t k = 0; k < p->k; k++)
            for (int64_t j = 0; j < p->n; j++)
                y[j] = (int32_t)((uint32_t)y[j] +
                                 (uint32_t)a[m * p->k + k] * (uint32_t)b[k * p->n + j]);
}

static nt_status matmul_integer_eval(const nt_node *n, const nt_tensor *const *in,
                                     nt_tensor *const *out, nt_err *e)
{
    int32_t *y = out[0]->data;
    nt_status s = NT_OK;
    int_matmul p = {0};

    NT_TRY(int_matmul_init(&p, n, in, &matmul_integer, out[0], e));
    for (int64_t q = 0; q < p.count; q++)
        int_matmul_run(&p, q, y + q * p.m * p.n);
done:
    int_matmul_release(&p);
    return s;
}

static nt_status qlinear_matmul_eval(const nt_node *n, const nt_tensor *const *in,
                                     nt_tensor *const *out, nt_err *e)
{
    int32_t *sum = NULL;
    nt_status s = NT_OK;
    int_matmul p = {0};
    int64_t at = 0;
    requant r = requant_of(n, in, &qlinear_matmul);

    NT_TRY(int_matmul_init(&p, n, in, &qlinear_matmul, out[0], e));
    NT_TRY(requant_to(&r, out[0]->dtype, p.m, p.n, e));
    sum = nt_alloc((size_t)(p.m * p.n) + 1, sizeof *sum);
    if (!sum) {
        s = nt_fail_nomem(e);
        goto done;
    }
    for (int64_t q = 0; q < p.count; q++) {
        int_matmul_run(&p, q, sum);
        for (int64_t i = 0; i < p.m * p.n; i++, at++)
            nt_tensor_set_i64(out[0], at, requantized(&r, sum[i], i / p.n, i % p.n));
    }
done:
    nt_free(sum);
    int_matmul_release(&p);
    return s;
}

static nt_status matmul_integer_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return nt_matmul_infer(n->out[0], n->in[0], n->in[1], NT_I32, e);
}

static nt_status qlinear_matmul_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return nt_matmul_infer(n->out[0], n->in[qlinear_matmul.x], n->in[qlinear_matmul.w],
                           n->in[qlinear_matmul.y_zero]->dtype, e);
}

const nt_op nt_op_qlinear[] = {
    {.name = "ConvInteger",
     .domain = "",
     .since = 10,
     .min_in = 2,
     .max_in = 4,
     .min_out = 1,
     .max_out = 1,
     .attrs = nt_filters_attrs,
     .infer = conv_integer_infer,
     .cost = conv_integer_cost,
     .eval = conv_integer_eval},
    {.name = "MatMulInteger",
     .domain = "",
     .since = 10,
     .min_in = 2,
     .max_in = 4,
     .min_out = 1,
     .max_out = 1,
     .infer = matmul_integer_infer,
     .eval = matmul_integer_eval},
    {.name = "QLinearConv",
     .domain = "",
     .since = 10,
     .min_in = 8,
     .max_in = 9,
     .min_out = 1,
     .max_out = 1,
     .attrs = nt_filters_attrs,
     .infer = qlinear_conv_infer,
     .cost = qlinear_conv_cost,
     .eval = qlinear_conv_eval},
    {.name = "QLinearMatMul",
     .domain = "",
     .since = 10,
     .min_in = 8,
     .max_in = 8,
     .min_out = 1,
     .max_out = 1,
     .infer = qlinear_matmul_infer,
     .eval = qlinear_matmul_eval},
    {0},
};
