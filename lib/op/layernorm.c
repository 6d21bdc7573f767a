/* SPDX-License-Identifier: MIT */
/*
 * layernorm.c - LayerNormalization and RMSNormalization over all axes from `axis` on:
 * y = (x - mean) / sqrt(var + eps) scale + shift, where RMSNormalization takes off no mean and
 * has no shift. Planned on rows when scale and shift have the extents of a row.
 */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "kernel/layernorm.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { X, SCALE, SHIFT }; /* inputs */
enum { Y, MEAN, RSTD };   /* outputs */
enum { SLOT_MEAN, SLOT_RSTD };

static bool is_rms(const nt_node *n)
{
    return n->op->data != NULL;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t stash = nt_node_int(n, "stash_type", NT_F32);

    (void)g;
    if (stash != NT_F32 && stash != NT_BF16 && stash != NT_F64 && stash != NT_F16)
        return nt_fail(e, NT_EUNSUPPORTED, "stash_type %" PRId64 " is not supported", stash);
    return NT_OK;
}

static nt_status axis_of(int *axis, const nt_node *n, int rank, nt_err *e)
{
    return nt_axis(axis, nt_node_int(n, "axis", -1), rank, e);
}

/* Does v broadcast to x without stretching x? */
static nt_status check_operand(const nt_value *v, int i, const nt_value *x, nt_err *e)
{
    if (v->rank > x->rank)
        return nt_fail(e, NT_EFORMAT, "input %d has %d dimensions, the first %d", i, v->rank,
                       x->rank);
    for (int k = 0; k < v->rank; k++) {
        int64_t have = v->dims[k].value, want = x->dims[k + x->rank - v->rank].value;

        if (have >= 0 && want >= 0 && have != 1 && have != want)
            return nt_fail(e, NT_EFORMAT,
                           "input %d has %" PRId64 " along axis %d, want %" PRId64, i, have, k,
                           want);
    }
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X];
    nt_dtype stash = (nt_dtype)nt_node_int(n, "stash_type", NT_F32);
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis;

    (void)g;
    nt_infer_like(n->out[Y], x);
    for (int i = MEAN; i < n->n_out; i++)
        nt_infer_type(n->out[i], stash);
    if (x->rank < 0)
        goto done;
    NT_TRY(axis_of(&axis, n, x->rank, e));
    for (int i = SCALE; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->rank >= 0)
            NT_TRY(check_operand(n->in[i], i, x, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < axis ? x->dims[i] : nt_dim_of(1);
    for (int i = MEAN; i < n->n_out; i++)
        nt_infer_set(n->out[i], stash, x->rank, dims);
done:
    return s;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    c->params = nt_count_params(n);
}

/* ---- plain */

typedef struct rows {
    int64_t count, len;
} rows;

static nt_status rows_of(rows *r, const nt_node *n, int rank, const int64_t *dims, nt_err *e)
{
    nt_status s = NT_OK;
    int axis = 0;

    NT_TRY(axis_of(&axis, n, rank, e));
    *r = (rows){1, 1};
    for (int i = 0; i < rank; i++)
        *(i < axis ? &r->count : &r->len) *= dims[i];
done:
    return s;
}

typedef struct moments {
    double mean, rstd;
} moments;

static moments moments_of(const nt_node *n, const nt_tensor *x, int64_t at, int64_t len)
{
    double mean = 0, var = 0, eps = nt_node_float(n, "epsilon", 1e-5F);

    for (int64_t i = 0; !is_rms(n) && i < len; i++)
        mean += nt_tensor_get(x, at + i) / (double)len;
    for (int64_t i = 0; i < len; i++)
        var += pow(nt_tensor_get(x, at + i) - mean, 2) / (double)len;
    return (moments){mean, 1 / sqrt(var + eps)};
}

/* Where element i of x finds its entry of a broadcast operand. */
static int64_t entry(const nt_tensor *v, const nt_tensor *x, int64_t i)
{
    int64_t stride[NT_MAX_RANK], at = 0;

    nt_strides_broadcast(stride, x->rank, v);
    for (int k = x->rank - 1; k >= 0; i /= x->dims[k], k--)
        at += i % x->dims[k] * stride[k];
    return at;
}

static const nt_tensor *given(const nt_tensor *const *in, const nt_node *n, int i)
{
    return i < n->n_in ? in[i] : NULL;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[X], *shift = given(in, n, SHIFT);
    nt_status s = NT_OK;
    rows r;

    NT_TRY(rows_of(&r, n, x->rank, x->dims, e));
    for (int64_t k = 0; k < r.count; k++) {
        moments m = moments_of(n, x, k * r.len, r.len);

        for (int64_t i = k * r.len; i < (k + 1) * r.len; i++) {
            double h = (nt_tensor_get(x, i) - m.mean) * m.rstd;
            double y = h * nt_tensor_get(in[SCALE], entry(in[SCALE], x, i));

            nt_tensor_set(out[Y], i, shift ? y + nt_tensor_get(shift, entry(shift, x, i)) : y);
        }
        if (n->n_out > MEAN && out[MEAN])
            nt_tensor_set(out[MEAN], k, m.mean);
        if (n->n_out > RSTD && out[RSTD])
            nt_tensor_set(out[RSTD], k, m.rstd);
    }
done:
    return s;
}

static double of(const nt_tensor *const *t, const nt_node *n, int which, int64_t i)
{
    return which < n->n_out && t[which] ? nt_tensor_get(t[which], i) : 0;
}

/* Of row k. With h = (x - mean) rstd and g = dy scale, dx = rstd (g - mean of g - h mean of g
 * h), and what the second and third outputs send back: dmean / n and -drstd rstd^2 h / n. */
static void pull_row(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *dout,
                     nt_tensor *dx, int64_t k, int64_t len)
{
    const nt_tensor *x = in[X], *scale = in[SCALE];
    moments m = moments_of(n, x, k * len, len);
    double g = 0, gh = 0;

    for (int64_t i = k * len; i < (k + 1) * len; i++) {
        double v = of(dout, n, Y, i) * nt_tensor_get(scale, entry(scale, x, i));

        g += v / (double)len;
        gh += v * (nt_tensor_get(x, i) - m.mean) * m.rstd / (double)len;
    }
    gh += of(dout, n, RSTD, k) * m.rstd / (double)len;
    g = is_rms(n) ? 0 : g - of(dout, n, MEAN, k) / m.rstd / (double)len;
    for (int64_t i = k * len; i < (k + 1) * len; i++) {
        double v = of(dout, n, Y, i) * nt_tensor_get(scale, entry(scale, x, i));
        double h = (nt_tensor_get(x, i) - m.mean) * m.rstd;

        nt_tensor_set(dx, i, m.rstd * (v - g - h * gh));
    }
}

static void pull_params(const nt_node *n, const nt_tensor *const *in,
                        const nt_tensor *const *dout, nt_tensor *const *din, int64_t k,
                        int64_t len)
{
    moments m = moments_of(n, in[X], k * len, len);

    for (int64_t i = k * len; i < (k + 1) * len; i++) {
        double dy = of(dout, n, Y, i), h = (nt_tensor_get(in[X], i) - m.mean) * m.rstd;

        if (din[SCALE])
            ((float *)din[SCALE]->data)[entry(din[SCALE], in[X], i)] += (float)(dy * h);
        if (n->n_in > SHIFT && din[SHIFT])
            ((float *)din[SHIFT]->data)[entry(din[SHIFT], in[X], i)] += (float)dy;
    }
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    rows r;

    (void)out;
    NT_TRY(rows_of(&r, n, in[X]->rank, in[X]->dims, e));
    for (int i = SCALE; i < n->n_in; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    for (int64_t k = 0; k < r.count; k++) {
        if (din[X])
            pull_row(n, in, dout, din[X], k, r.len);
        pull_params(n, in, dout, din, k, r.len);
    }
done:
    return s;
}

/* ---- planned */

/* Has v the extents of a row, ones in front? */
static bool is_row(const nt_value *v, const nt_value *x, int axis)
{
    int own = x->rank - axis;

    for (int i = 0; i < v->rank; i++) {
        int back = v->rank - i;

        if (v->dims[i].value != (back > own ? 1 : x->dims[x->rank - back].value))
            return false;
    }
    for (int i = v->rank; i < own; i++)
        if (x->dims[x->rank - 1 - i].value != 1)
            return false;
    return true;
}

static bool has_kernel(const nt_node *n)
{
    int axis = 0;
    nt_err e;

    if (!nt_steps_is_float(n->in[X]) || axis_of(&axis, n, n->in[X]->rank, &e) != NT_OK)
        return false;
    for (int i = MEAN; i < n->n_out; i++)
        if (n->out[i] && (n->out[i]->n_uses || n->out[i]->is_output))
            return false;
    for (int i = SCALE; i < n->n_in; i++)
        if (n->in[i] && !is_row(n->in[i], n->in[X], axis))
            return false;
    return true;
}

static nt_status describe(nt_ln_desc *d, const nt_node *n, const nt_desc *x, nt_err *e)
{
    nt_status s = NT_OK;
    rows r;

    NT_TRY(rows_of(&r, n, x->rank, x->dims, e));
    *d = (nt_ln_desc){.rows = r.count,
                      .len = r.len,
                      .dtype = x->dtype,
                      .eps = nt_node_float(n, "epsilon", 1e-5F),
                      .rms = is_rms(n)};
done:
    return s;
}

/* x as rows; scale; shift, or -1. */
static nt_status operands(nt_program *p, const nt_node *n, nt_tid in[3], nt_err *e)
{
    nt_status s = NT_OK;

    in[SHIFT] = -1;
    NT_TRY(nt_steps_activation(p, n->in[X], &in[X], e));
    NT_TRY(nt_program_as(p, in[X], NT_FMT_PLAIN, NT_UNDEFINED, &in[X], e));
    for (int i = SCALE; i < n->n_in; i++)
        if (n->in[i])
            NT_TRY(nt_program_value_as(p, n->in[i], NT_FMT_PLAIN, NT_F32, &in[i], e));
done:
    return s;
}

/* The statistics that training leaves for backward. */
static nt_status save_statistics(nt_program *p, const nt_node *n, const nt_ln_desc *d,
                                 nt_tid *out, nt_err *e)
{
    nt_desc stat = {.dtype = NT_F32, .rank = 1, .dims = {d->rows}, .fmt = NT_FMT_PLAIN};
    nt_status s = NT_OK;

    if (!d->rms) {
        NT_TRY(nt_program_temp(p, &stat, &out[0], e));
        NT_TRY(nt_program_save(p, n, SLOT_MEAN, out[0], e));
    }
    NT_TRY(nt_program_temp(p, &stat, &out[1], e));
    NT_TRY(nt_program_save(p, n, SLOT_RSTD, out[1], e));
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[3] = {-1, -1, -1}, out[3] = {-1, -1, -1}; /* y, mean, rstd */
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    const char *what;
    nt_ln_desc d;
    nt_desc x;

    if (!has_kernel(n))
        return nt_lower_default(p, n, e);
    NT_TRY(operands(p, n, in, e));
    x = *nt_program_desc(p, in[X]);
    NT_TRY(describe(&d, n, &x, e));
    NT_TRY(nt_program_temp(p, &x, &out[0], e));
    if (nt_program_training(p))
        NT_TRY(save_statistics(p, n, &d, out + 1, e));
    NT_TRY(nt_ln_fwd_new(&prim, nt_program_device(p), &d, e));
    what = is_rms(n) ? "rmsnorm" : "layernorm";
    NT_TRY(nt_program_call(p, &(nt_call){n, what, prim, in, 3, out, 3}, e));
    NT_TRY(nt_program_inplace(p, out[0], in[X], false, e));
    NT_TRY(nt_program_bind(p, n->out[Y], out[0], e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid own[3] = {-1, -1, -1}, in[5] = {-1, -1, -1, -1, -1}, out[3] = {-1, -1, -1};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_ln_desc d;
    nt_desc x;

    if (!has_kernel(n))
        return nt_lower_grad_default(p, n, e);
    NT_TRY(operands(p, n, own, e));
    x = *nt_program_desc(p, own[X]);
    NT_TRY(describe(&d, n, &x, e));
    NT_TRY(nt_program_grad(p, n->out[Y], NT_FMT_PLAIN, x.dtype, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    in[0] = own[X], in[2] = own[SCALE];
    in[3] = nt_program_saved(p, n, SLOT_MEAN), in[4] = nt_program_saved(p, n, SLOT_RSTD);
    if (nt_program_needs_grad(p, n->in[X]))
        NT_TRY(nt_program_temp(p, &x, &out[X], e));
    for (int i = SCALE; i < n->n_in; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(nt_steps_grad_target(p, n->in[i], &out[i], e));
    NT_TRY(nt_ln_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "layernorm grad", prim, in, 5, out, 3}, e));
    for (int i = X; i < n->n_in; i++)
        if (out[i] >= 0)
            NT_TRY(nt_program_add_grad(p, n->in[i], out[i], e));
done:
    return s;
}

/* ---- coupling: without a channel the others' statistics would be different ones. */

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X], *y = n->out[Y];
    nt_status s = NT_OK;
    int axis = 0;

    NT_TRY(axis_of(&axis, n, x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        nt_span sx = {x, i, 1};

        NT_TRY(nt_couple_same(c, sx, (nt_span){y, i, 1}, e));
        for (int k = MEAN; k < n->n_out && i < axis; k++)
            if (n->out[k])
                NT_TRY(nt_couple_same(c, sx, (nt_span){n->out[k], i, 1}, e));
        if (i >= axis)
            NT_TRY(nt_couple_freeze(c, sx, n, "its statistics are taken along this axis", e));
    }
    for (int i = SCALE; i < n->n_in; i++)
        if (n->in[i])
            NT_TRY(nt_couple_operand(c, n->in[i], y, e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"axis", NT_ATTR_INT, false},
                                     {"epsilon", NT_ATTR_FLOAT, false},
                                     {"stash_type", NT_ATTR_INT, false},
                                     {0}};

#define FACETS                                                                                 \
    .domain = "", .min_in = 2, .min_out = 1, .attrs = attrs, .check = check, .infer = infer,   \
    .cost = cost, .eval = eval, .grad = grad, .lower = lower, .lower_grad = lower_grad,        \
    .couple = couple

const nt_op nt_op_layernorm[] = {
    {.name = "LayerNormalization",
     .since = 17,
     .max_in = 3,
     .max_out = 3,
     .trainable = 1 << SCALE | 1 << SHIFT,
     FACETS},
    {.name = "RMSNormalization",
     .since = 23,
     .max_in = 2,
     .max_out = 1,
     .trainable = 1 << SCALE,
     FACETS,
     .data = "rms"},
    {0},
};
