/* SPDX-License-Identifier: MIT */
/*
 * MaxPool, AveragePool over 1 to 3 spatial dimensions, GlobalMaxPool, GlobalAveragePool over
 * any number. They run in the layout and type their input lies in, maxima of bytes with
 * channels last; MaxPool's indices and other integers are found by the plain form. Taps in the
 * padding count for nothing, but in the divisor of an average with count_include_pad.
 */
#include "kernel/pool.h"

#include "facet/op.h"
#include "lower/steps.h"
#include "op/pools.h"

#include <math.h>
#include <string.h>

enum { SLOT_WORKSPACE };

static const nt_attr_spec max_attrs[] = {
    {"auto_pad", NT_ATTR_STRING, false}, {"ceil_mode", NT_ATTR_INT, false},
    {"dilations", NT_ATTR_INTS, false},  {"kernel_shape", NT_ATTR_INTS, true},
    {"pads", NT_ATTR_INTS, false},       {"storage_order", NT_ATTR_INT, false},
    {"strides", NT_ATTR_INTS, false},    {NULL, 0, false},
};

static const nt_attr_spec average_attrs[] = {
    {"auto_pad", NT_ATTR_STRING, false},       {"ceil_mode", NT_ATTR_INT, false},
    {"count_include_pad", NT_ATTR_INT, false}, {"dilations", NT_ATTR_INTS, false},
    {"kernel_shape", NT_ATTR_INTS, true},      {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},          {NULL, 0, false},
};

/* What an operator of the table pools, and over what. */
typedef struct pooling {
    bool max, global;
} pooling;

static nt_pool_kind kind_of(const nt_node *n)
{
    if (((const pooling *)n->op->data)->max)
        return NT_POOL_MAX;
    return nt_node_int(n, "count_include_pad", 0) ? NT_POOL_AVG_INCLUDE_PAD : NT_POOL_AVG;
}

static bool is_global(const nt_node *n)
{
    return ((const pooling *)n->op->data)->global;
}

/* ---- the plain form */

/* MaxPool's second output is wanted: where in x its maxima lie. */
static bool wants_indices(const nt_node *n)
{
    return n->n_out > 1 && n->out[1] && (n->out[1]->n_uses || n->out[1]->is_output);
}

static double element(const nt_tensor *x, int64_t i)
{
    return x->dtype == NT_F32 ? ((const float *)x->data)[i] : nt_tensor_get(x, i);
}

/* The tap with the largest element, the first of equal ones, as an offset within the plane. */
static int64_t find_max(const nt_taps *t, const nt_tensor *x, int64_t first, int64_t o)
{
    int64_t found = -1;
    double max = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);
        double v = at >= 0 ? element(x, first + at) : 0;

        if (at >= 0 && (found < 0 || v > max || isnan(v))) {
            max = v;
            found = at;
        }
    }
    return found;
}

/* The number of an offset if the last spatial axis ran slowest: storage_order 1. */
static int64_t by_columns(const nt_taps *t, int64_t at)
{
    int64_t w = at % t->in[2], h = at / t->in[2] % t->in[1], d = at / t->in[2] / t->in[1];

    return d + t->in[0] * (h + t->in[1] * w);
}

/* Elements that an average divides by. */
static int64_t divisor(nt_pool_kind kind, const nt_taps *t, int64_t o)
{
    int64_t count = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        count += at >= 0 || (at == NT_TAP_PAD && kind == NT_POOL_AVG_INCLUDE_PAD);
    }
    return count;
}

static double average(nt_pool_kind kind, const nt_taps *t, const nt_tensor *x, int64_t first,
                      int64_t o)
{
    int64_t count = divisor(kind, t, o);
    double sum = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        sum += at >= 0 ? element(x, first + at) : 0;
    }
    return count ? sum / (double)count : 0;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0];
    nt_tensor *y = out[0], *indices = n->n_out > 1 ? out[1] : NULL;
    nt_pool_kind kind = kind_of(n);
    bool columns = nt_node_int(n, "storage_order", 0);
    nt_status s = NT_OK;
    nt_taps t;

    NT_TRY(nt_pool_taps(&t, n, is_global(n), x, e));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < x->dims[0] * x->dims[1] * t.n_out; i++) {
        int64_t o = i % t.n_out, first = i / t.n_out * t.n_in, at;

        if (kind != NT_POOL_MAX) {
            nt_tensor_set(y, i, average(kind, &t, x, first, o));
            continue;
        }
        at = find_max(&t, x, first, o);
        nt_tensor_set(y, i, at < 0 ? -INFINITY : nt_tensor_get(x, first + at));
        if (indices)
            ((int64_t *)indices->data)[i] = first + (columns ? by_columns(&t, at) : at);
    }
done:
    return s;
}

/* Adds g to what the taps of output o see. */
static void add_to_taps(float *plane, const nt_taps *t, int64_t o, float g)
{
    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        if (at >= 0)
            plane[at] += g;
    }
}

/* All of an output's gradient goes to the maximum, or a share to every tap. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_pool_kind kind = kind_of(n);
    const nt_tensor *x = in[0];
    const float *dy = dout[0]->data;
    float *dx = din[0]->data;
    nt_status s = NT_OK;
    nt_taps t;

    (void)out;
    NT_TRY(nt_pool_taps(&t, n, is_global(n), x, e));
    memset(dx, 0, nt_tensor_bytes(din[0]));
    for (int64_t i = 0; i < x->dims[0] * x->dims[1] * t.n_out; i++) {
        int64_t o = i % t.n_out, first = i / t.n_out * t.n_in;

        if (kind == NT_POOL_MAX)
            dx[first + find_max(&t, x, first, o)] += dy[i];
        else
            add_to_taps(dx + first, &t, o, dy[i] / (float)divisor(kind, &t, o));
    }
done:
    return s;
}

/* ---- the planned forms */

/* What the kernels know: floats in 1 to 3 spatial dimensions, and no indices. */
static bool is_plain_only(const nt_node *n)
{
    return !nt_steps_is_float(n->in[0]) || n->in[0]->rank < 3 || n->in[0]->rank > 5 ||
           wants_indices(n);
}

static nt_status describe(nt_pool_desc *d, const nt_node *n, const nt_desc *x, nt_err *e)
{
    nt_status s = NT_OK;
    nt_window w;

    *d = (nt_pool_desc){.kind = kind_of(n),
                        .sp = x->rank - 2,
                        .n = x->dims[0],
                        .c = x->dims[1],
                        .dtype = x->dtype,
                        .fmt = x->fmt};
    for (int i = 0; i < d->sp; i++)
        d->in[i] = x->dims[i + 2];
    NT_TRY(nt_pool_window(&w, n, is_global(n), d->sp, d->in, e));
    NT_TRY(nt_window_out(&w, d->out, d->in, e));
    memcpy(d->ker, w.ker, sizeof d->ker);
    memcpy(d->stride, w.stride, sizeof d->stride);
    memcpy(d->dil, w.dil, sizeof d->dil);
    memcpy(d->lo, w.lo, sizeof d->lo);
    memcpy(d->hi, w.hi, sizeof d->hi);
done:
    return s;
}

/* The maxima of codes; NT_EUNSUPPORTED where the backend has no such pool. */
static nt_status lower_bytes(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid x = -1, out = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_pool_desc d;
    nt_desc y;

    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_NHWC, NT_UNDEFINED, &x, e));
    NT_TRY(describe(&d, n, nt_program_desc(p, x), e));
    y = nt_program_desc_of(n->out[0], d.fmt, d.dtype);
    NT_TRY(nt_pool_fwd_new(&prim, NULL, nt_program_device(p), &d, e));
    NT_TRY(nt_program_temp(p, &y, &out, e));
    s = nt_program_call(p, &(nt_call){n, "pool", prim, &x, 1, &out, 1}, e);
    prim = NULL;
    NT_TRY(s);
    NT_TRY(nt_program_bind(p, n->out[0], out, e));
done:
    nt_prim_free(prim);
    return s;
}

static bool is_pool_of_bytes(const nt_program *p, const nt_node *n)
{
    return kind_of(n) == NT_POOL_MAX && nt_steps_is_byte(n->in[0]) && n->in[0]->rank >= 3 &&
           n->in[0]->rank <= 5 && !wants_indices(n) && !nt_program_training(p);
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    bool training = nt_program_training(p);
    nt_tid x = -1, out[2] = {-1, -1}; /* y, workspace */
    size_t workspace = 0;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_pool_desc d;
    nt_desc y;

    if (is_pool_of_bytes(p, n)) {
        s = lower_bytes(p, n, e);
        return s == NT_EUNSUPPORTED ? nt_lower_default(p, n, e) : s;
    }
    if (is_plain_only(n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    NT_TRY(describe(&d, n, nt_program_desc(p, x), e));
    y = nt_program_desc_of(n->out[0], d.fmt, d.dtype);
    NT_TRY(nt_pool_fwd_new(&prim, training ? &workspace : NULL, nt_program_device(p), &d, e));
    NT_TRY(nt_program_temp(p, &y, &out[0], e));
    if (workspace)
        NT_TRY(nt_program_blob(p, workspace, &out[1], e));
    s = nt_program_call(p, &(nt_call){n, "pool", prim, &x, 1, out, training ? 2 : 1}, e);
    prim = NULL;
    if (s != NT_OK)
        goto done;
    if (training)
        NT_TRY(nt_program_save(p, n, SLOT_WORKSPACE, out[1], e));
    NT_TRY(nt_program_bind(p, n->out[0], out[0], e));
done:
    nt_prim_free(prim);
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid x = -1, in[2] = {-1, -1}, dx = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_pool_desc d;
    nt_desc src;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    if (is_plain_only(n))
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    src = *nt_program_desc(p, x);
    NT_TRY(nt_program_grad(p, n->out[0], src.fmt, src.dtype, &in[0], e));
    if (in[0] < 0)
        return NT_OK;
    in[1] = nt_program_saved(p, n, SLOT_WORKSPACE);
    NT_TRY(describe(&d, n, &src, e));
    NT_TRY(nt_program_temp(p, &src, &dx, e));
    NT_TRY(nt_pool_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "pool grad", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

const nt_op nt_op_pool[] = {
    {
        .name = "MaxPool",
        .flags = NT_OPF_BY_SAMPLE,
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 2,
        .attrs = max_attrs,
        .check = nt_pool_check,
        .infer = nt_pool_infer,
        .eval = eval,
        .grad = grad,
        .lower = lower,
        .lower_grad = lower_grad,
        .couple = nt_pool_couple,
        .data = &(const pooling){.max = true},
    },
    {
        .name = "AveragePool",
        .flags = NT_OPF_ON_CODES | NT_OPF_BY_SAMPLE,
        .domain = "",
        .since = 7,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = average_attrs,
        .check = nt_pool_check,
        .infer = nt_pool_infer,
        .eval = eval,
        .grad = grad,
        .lower = lower,
        .lower_grad = lower_grad,
        .couple = nt_pool_couple,
        .data = &(const pooling){.max = false},
    },
    {
        .name = "GlobalMaxPool",
        .flags = NT_OPF_BY_SAMPLE,
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .infer = nt_pool_infer_global,
        .eval = eval,
        .grad = grad,
        .lower = lower,
        .lower_grad = lower_grad,
        .couple = nt_pool_couple,
        .data = &(const pooling){.max = true, .global = true},
    },
    {
        .name = "GlobalAveragePool",
        .flags = NT_OPF_ON_CODES | NT_OPF_BY_SAMPLE,
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .infer = nt_pool_infer_global,
        .eval = eval,
        .grad = grad,
        .lower = lower,
        .lower_grad = lower_grad,
        .couple = nt_pool_couple,
        .data = &(const pooling){.global = true},
    },
    {0},
};
