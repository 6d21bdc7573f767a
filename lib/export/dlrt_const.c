/* SPDX-License-Identifier: MIT */
#include "export/dlrt_lower.h"

#include "base/alloc.h"
#include "facet/layer.h"
#include "facet/op.h"
#include "op/qparam.h"

#include <math.h>
#include <string.h>

bool nt_dlrt_is(const nt_node *n, const char *op_type)
{
    return n && strcmp(n->op_type, op_type) == 0;
}

/* ---- constants behind quantizers */

static bool is_quantizer(const nt_node *n)
{
    return nt_dlrt_is(n, "QuantizeLinear") || nt_dlrt_is(n, "DequantizeLinear");
}

/* Does v hang on constants alone? */
static bool is_const(const nt_value *v)
{
    if (!v || v->data)
        return v != NULL;
    return is_quantizer(v->producer) && is_const(v->producer->in[0]);
}

nt_status nt_dlrt_const(nt_tensor **out, const nt_value *v, nt_err *e)
{
    nt_tensor *in = NULL, *y = NULL;
    const nt_tensor *operand[3] = {NULL, NULL, NULL};
    int64_t dims[NT_MAX_RANK];
    const nt_node *n;
    nt_status s = NT_OK;

    *out = NULL;
    if (!is_const(v))
        return NT_OK;
    if (v->data)
        return nt_tensor_dup(out, v->data, e);
    n = v->producer;
    NT_TRY(nt_dlrt_const(&in, n->in[0], e));
    operand[0] = in;
    for (int i = 1; i < n->n_in && i < 3; i++)
        operand[i] = n->in[i] ? n->in[i]->data : NULL;
    if (!operand[1] || !nt_value_shape(v, dims))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "value '%s': its scale is no constant", v->name));
    NT_TRY(nt_tensor_new(&y, v->dtype, v->rank, dims, e));
    NT_TRY(n->op->eval(n, operand, &y, e));
    *out = y;
    y = NULL;
done:
    nt_tensor_free(in);
    nt_tensor_free(y);
    return s;
}

static bool scalar(float *out, const nt_value *v)
{
    if (!v || !v->data || nt_tensor_count(v->data) != 1)
        return false;
    *out = (float)nt_tensor_get(v->data, 0);
    return true;
}

bool nt_dlrt_bounds(nt_dlrt_range *r, const nt_node *n)
{
    *r = (nt_dlrt_range){-INFINITY, INFINITY};
    if (nt_dlrt_is(n, "Relu")) {
        r->lo = 0;
        return true;
    }
    if (!nt_dlrt_is(n, "Clip"))
        return false;
    r->lo = nt_node_float(n, "min", r->lo);
    r->hi = nt_node_float(n, "max", r->hi);
    return (n->n_in < 2 || !n->in[1] || scalar(&r->lo, n->in[1])) &&
           (n->n_in < 3 || !n->in[2] || scalar(&r->hi, n->in[2])) && r->lo <= r->hi;
}

/* ---- quantizers of activations */

int32_t nt_dlrt_code(const nt_dlrt_quant *q, float x)
{
    return (int32_t)nt_quantize_one(x / q->scale, q->zero, 0, (1 << q->bits) - 1);
}

/* Codes [lo, hi] of the type, of which [from, to] occur, become those from 0 on. */
static bool rebase(nt_dlrt_quant *q, float scale, int64_t zero, int64_t from, int64_t to)
{
    int64_t lo = from < zero ? from : zero, hi = to > zero ? to : zero, n = hi - lo + 1;

    *q = (nt_dlrt_quant){.scale = scale,
                         .zero = (int32_t)(zero - lo),
                         .lo = (int32_t)(from - lo),
                         .hi = (int32_t)(to - lo)};
    q->bits = n <= 2 ? 1 : n <= 4 ? 2 : n <= 16 ? 4 : 8;
    return n <= 256 && scale > 0 && scale < INFINITY;
}

static bool same_pair(const nt_node *a, const nt_node *b)
{
    float sa, sb, za = 0, zb = 0;

    return scalar(&sa, a->in[1]) && scalar(&sb, b->in[1]) && sa == sb &&
           (a->n_in < 3 || !a->in[2] || scalar(&za, a->in[2])) &&
           (b->n_in < 3 || !b->in[2] || scalar(&zb, b->in[2])) && za == zb;
}

bool nt_dlrt_quantized(nt_value **x, nt_dlrt_quant *q, const nt_value *v)
{
    const nt_node *d = v->producer,
                  *n = nt_dlrt_is(d, "DequantizeLinear") ? d->in[0]->producer : NULL;
    float scale, zero = 0;
    int64_t from, to;
    nt_dlrt_range r;

    if (!nt_dlrt_is(n, "QuantizeLinear") || is_const(n->in[0]) || !same_pair(n, d) ||
        !scalar(&scale, n->in[1]) ||
        nt_qparam_range(&from, &to, n->out[0]->dtype, NULL) != NT_OK)
        return false;
    if (n->n_in > 2 && n->in[2])
        scalar(&zero, n->in[2]);
    *x = n->in[0];
    if (nt_dlrt_is((*x)->producer, "Clip") && nt_dlrt_bounds(&r, (*x)->producer)) {
        int64_t all[2] = {from, to};

        from = nt_quantize_one(r.lo / scale, (int64_t)zero, all[0], all[1]);
        to = nt_quantize_one(r.hi / scale, (int64_t)zero, all[0], all[1]);
        *x = (*x)->producer->in[0];
    }
    return rebase(q, scale, (int64_t)zero, from, to);
}

/* ---- weights */

bool nt_dlrt_is_layer(const nt_node *n)
{
    return (nt_dlrt_is(n, "Conv") || nt_dlrt_is(n, "Gemm") || nt_dlrt_is(n, "MatMul")) &&
           n->n_in > 1 && is_const(n->in[1]);
}

void nt_dlrt_weights_release(nt_dlrt_weights *w)
{
    nt_free(w->q);
    nt_free(w->scale);
    nt_free(w->w);
    nt_free(w->bias);
    *w = (nt_dlrt_weights){0};
}

/* Element (k, i of the others) of a weight; dense layers may have k last. */
static int64_t at(const nt_node *n, int64_t k, int64_t i, int64_t all, int64_t inner)
{
    return nt_layer_axis(n) == 1 ? i * all + k : k * inner + i;
}

static nt_status read_extents(nt_dlrt_weights *w, const nt_node *n, nt_err *e)
{
    const nt_value *v = n->in[1];
    int64_t d[NT_MAX_RANK];
    nt_layer l = {0};

    if (!nt_value_shape(v, d) || !nt_layer_of(&l, n) || !l.plain ||
        (nt_dlrt_is(n, "Conv") ? v->rank < 3 || v->rank > 4 : v->rank != 2))
        return nt_fail(e, NT_EUNSUPPORTED, "weights or attributes of this form");
    w->k = d[l.makes];
    w->c = d[l.reads];
    w->r = v->rank == 4 ? d[2] : 1;
    w->s = v->rank == 4 ? d[3] : v->rank == 3 ? d[2] : 1;
    return NT_OK;
}

/* The axis of scales is that of output channels, or there is one scale. */
static bool scales_fit(const nt_node *layer, const nt_node *d)
{
    const nt_value *scale = d->in[1];
    int64_t axis = nt_node_int(d, "axis", 1);

    if (!scale->data || nt_node_int(d, "block_size", 0))
        return false;
    axis += axis < 0 ? layer->in[1]->rank : 0;
    return nt_tensor_count(scale->data) == 1 || axis == nt_layer_axis(layer);
}

bool nt_dlrt_has_codes(const nt_node *n)
{
    const nt_node *d = n->in[1]->producer;
    const nt_value *q = d ? d->in[0] : NULL;
    const nt_tensor *zero = d && d->n_in > 2 && d->in[2] ? d->in[2]->data : NULL;
    int64_t lo, hi, least = 0, most = 0;

    if (!nt_dlrt_is(d, "DequantizeLinear") || !scales_fit(n, d) ||
        nt_qparam_range(&lo, &hi, q->dtype, NULL) != NT_OK)
        return false;
    for (int64_t i = 0; zero && i < nt_tensor_count(zero); i++) {
        int64_t z = nt_tensor_get_i64(zero, i);

        least = i == 0 || z < least ? z : least;
        most = i == 0 || z > most ? z : most;
    }
    return lo - most >= -128 && hi - least <= 127;
}

static nt_status read_codes(nt_dlrt_weights *w, const nt_node *n, nt_err *e)
{
    const nt_node *d = n->in[1]->producer;
    const nt_tensor *scale = d->in[1]->data;
    const nt_tensor *zero = d->n_in > 2 && d->in[2] ? d->in[2]->data : NULL;
    int64_t inner = w->c * w->r * w->s;
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    w->q = nt_alloc((size_t)(w->k * inner), 1);
    w->scale = nt_alloc((size_t)w->k, sizeof *w->scale);
    if (!w->q || !w->scale)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_dlrt_const(&t, d->in[0], e));
    for (int64_t k = 0; k < w->k; k++) {
        int64_t z = 0, one = nt_tensor_count(scale) == 1 ? 0 : k;

        w->scale[k] = (float)nt_tensor_get(scale, one);
        if (zero)
            z = nt_tensor_get_i64(zero, nt_tensor_count(zero) == 1 ? 0 : k);
        for (int64_t i = 0; i < inner; i++)
            w->q[k * inner + i] = (int8_t)(nt_tensor_get_i64(t, at(n, k, i, w->k, inner)) - z);
    }
done:
    nt_tensor_free(t);
    return s;
}

static nt_status read_floats(nt_dlrt_weights *w, const nt_node *n, nt_err *e)
{
    int64_t inner = w->c * w->r * w->s;
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    w->w = nt_alloc((size_t)(w->k * inner), sizeof *w->w);
    if (!w->w)
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_dlrt_const(&t, n->in[1], e));
    for (int64_t k = 0; k < w->k; k++)
        for (int64_t i = 0; i < inner; i++)
            w->w[k * inner + i] = (float)nt_tensor_get(t, at(n, k, i, w->k, inner));
done:
    nt_tensor_free(t);
    return s;
}

static nt_status read_bias(nt_dlrt_weights *w, const nt_node *n, nt_err *e)
{
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    if (n->n_in < 3 || !n->in[2])
        return NT_OK;
    NT_TRY(nt_dlrt_const(&t, n->in[2], e));
    if (!t || (nt_tensor_count(t) != w->k && nt_tensor_count(t) != 1))
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "a bias that is no constant row of channels"));
    w->bias = nt_alloc((size_t)w->k, sizeof *w->bias);
    if (!w->bias)
        NT_TRY(nt_fail_nomem(e));
    for (int64_t k = 0; k < w->k; k++)
        w->bias[k] = (float)nt_tensor_get(t, nt_tensor_count(t) == 1 ? 0 : k);
done:
    nt_tensor_free(t);
    return s;
}

nt_status nt_dlrt_weights_read(nt_dlrt_weights *w, const nt_node *n, bool integers, nt_err *e)
{
    nt_status s = NT_OK;

    *w = (nt_dlrt_weights){0};
    NT_TRY(read_extents(w, n, e));
    NT_TRY(integers ? read_codes(w, n, e) : read_floats(w, n, e));
    NT_TRY(read_bias(w, n, e));
done:
    if (s != NT_OK)
        nt_dlrt_weights_release(w);
    return s;
}
