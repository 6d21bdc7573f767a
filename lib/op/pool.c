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

static nt_pool_kind average_kind(const nt_node *n)
{
    return nt_node_int(n, "count_include_pad", 0) ? NT_POOL_AVG_INCLUDE_PAD : NT_POOL_AVG;
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

static nt_status eval_as(nt_pool_kind kind, bool global, const nt_node *n, const nt_tensor *x,
                         nt_tensor *y, nt_tensor *indices, nt_err *e)
{
    bool columns = nt_node_int(n, "storage_order", 0);
    nt_status s = NT_OK;
    nt_taps t;

    NT_TRY(nt_pool_taps(&t, n, global, x, e));
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

static nt_status eval_max(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    return eval_as(NT_POOL_MAX, false, n, in[0], out[0], n->n_out > 1 ? out[1] : NULL, e);
}

static nt_status eval_average(const nt_node *n, const nt_tensor *const *in,
                              nt_tensor *const *out, nt_err *e)
{
    return eval_as(average_kind(n), false, n, in[0], out[0], NULL, e);
}

static nt_status eval_global_max(const nt_node *n, const nt_tensor *const *in,
                                 nt_tensor *const *out, nt_err *e)
{
    return eval_as(NT_POOL_MAX, true, n, in[0], out[0], NULL, e);
}

static nt_status eval_global_average(const nt_node *n, const nt_tensor *const *in,
                                     nt_tensor *const *out, nt_err *e)
{
    return eval_as(NT_POOL_AVG, true, n, in[0], out[0], NULL, e);
}

/* dx of one output: all of it to the maximum, or a share to every tap. */
static void spread(float *dx, nt_pool_kind kind, const nt_taps *t, const nt_tensor *x,
                   int64_t first, int64_t o, float dy)
{
    int64_t count = kind == NT_POOL_MAX ? 1 : divisor(kind, t, o);

    if (kind == NT_POOL_MAX) {
        dx[first + find_max(t, x, first, o)] += dy;
        return;
    }
    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        if (at >= 0)
            dx[first + at] += dy / (float)count;
    }
}

static nt_status grad_as(nt_pool_kind kind, bool global, const nt_node *n, const nt_tensor *x,
                         const nt_tensor *dy, nt_tensor *dx, nt_err *e)
{
    nt_status s = NT_OK;
    nt_taps t;

    NT_TRY(nt_pool_taps(&t, n, global, x, e));
    memset(dx->data, 0, nt_tensor_bytes(dx));
    for (int64_t i = 0; i < x->dims[0] * x->dims[1] * t.n_out; i++)
        spread(dx->data, kind, &t, x, i / t.n_out * t.n_in, i % t.n_out,
               ((const float *)dy->data)[i]);
done:
    return s;
}

#define GRAD(name, kind, global)                                                               \
    static nt_status grad_##name(const nt_node *n, const nt_tensor *const *in,                 \
                                 const nt_tensor *const *out, const nt_tensor *const *dout,    \
                                 nt_tensor *const *din, nt_err *e)                             \
    {                                                                                          \
        (void)out;                                                                             \
        return grad_as(kind, global, n, in[0], dout[0], din[0], e);                            \
    }

GRAD(max, NT_POOL_MAX, false)
GRAD(average, average_kind(n), false)
GRAD(global_max, NT_POOL_MAX, true)
GRAD(global_average, NT_POOL_AVG, true)
#undef GRAD

/* ---- the planned forms */

/* What the kernels know: floats in 1 to 3 spatial dimensions, and no indices. */
static bool is_plain_only(const nt_node *n)
{
    return !nt_steps_is_float(n->in[0]) || n->in[0]->rank < 3 || n->in[0]->rank > 5 ||
           wants_indices(n);
}

static nt_status describe(nt_pool_desc *d, nt_pool_kind kind, bool global, const nt_node *n,
                          const nt_desc *x, nt_err *e)
{
    nt_status s = NT_OK;
    nt_window w;

    *d = (nt_pool_desc){.kind = kind,
                        .sp = x->rank - 2,
                        .n = x->dims[0],
                        .c = x->dims[1],
                        .dtype = x->dtype,
                        .fmt = x->fmt};
    for (int i = 0; i < d->sp; i++)
        d->in[i] = x->dims[i + 2];
    NT_TRY(nt_pool_window(&w, n, global, d->sp, d->in, e));
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
static nt_status lower_bytes(bool global, nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid x = -1, out = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_pool_desc d;
    nt_desc y;

    NT_TRY(nt_program_value_as(p, n->in[0], NT_FMT_NHWC, NT_UNDEFINED, &x, e));
    NT_TRY(describe(&d, NT_POOL_MAX, global, n, nt_program_desc(p, x), e));
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

static bool is_pool_of_bytes(nt_pool_kind kind, const nt_program *p, const nt_node *n)
{
    return kind == NT_POOL_MAX && nt_steps_is_byte(n->in[0]) && n->in[0]->rank >= 3 &&
           n->in[0]->rank <= 5 && !wants_indices(n) && !nt_program_training(p);
}

static nt_status lower_as(nt_pool_kind kind, bool global, nt_program *p, const nt_node *n,
                          nt_err *e)
{
    bool training = nt_program_training(p);
    nt_tid x = -1, out[2] = {-1, -1}; /* y, workspace */
    size_t workspace = 0;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_pool_desc d;
    nt_desc y;

    if (is_pool_of_bytes(kind, p, n)) {
        s = lower_bytes(global, p, n, e);
        return s == NT_EUNSUPPORTED ? nt_lower_default(p, n, e) : s;
    }
    if (is_plain_only(n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    NT_TRY(describe(&d, kind, global, n, nt_program_desc(p, x), e));
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

static nt_status lower_grad_as(nt_pool_kind kind, bool global, nt_program *p, const nt_node *n,
                               nt_err *e)
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
    NT_TRY(describe(&d, kind, global, n, &src, e));
    NT_TRY(nt_program_temp(p, &src, &dx, e));
    NT_TRY(nt_pool_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "pool grad", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

static nt_status lower_max(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_as(NT_POOL_MAX, false, p, n, e);
}

static nt_status lower_grad_max(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_grad_as(NT_POOL_MAX, false, p, n, e);
}

static nt_status lower_average(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_as(average_kind(n), false, p, n, e);
}

static nt_status lower_grad_average(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_grad_as(average_kind(n), false, p, n, e);
}

static nt_status lower_global_max(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_as(NT_POOL_MAX, true, p, n, e);
}

static nt_status lower_grad_global_max(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_grad_as(NT_POOL_MAX, true, p, n, e);
}

static nt_status lower_global_average(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_as(NT_POOL_AVG, true, p, n, e);
}

static nt_status lower_grad_global_average(nt_program *p, const nt_node *n, nt_err *e)
{
    return lower_grad_as(NT_POOL_AVG, true, p, n, e);
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
        .eval = eval_max,
        .grad = grad_max,
        .lower = lower_max,
        .lower_grad = lower_grad_max,
        .couple = nt_pool_couple,
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
        .eval = eval_average,
        .grad = grad_average,
        .lower = lower_average,
        .lower_grad = lower_grad_average,
        .couple = nt_pool_couple,
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
        .eval = eval_global_max,
        .grad = grad_global_max,
        .lower = lower_global_max,
        .lower_grad = lower_grad_global_max,
        .couple = nt_pool_couple,
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
        .eval = eval_global_average,
        .grad = grad_global_average,
        .lower = lower_global_average,
        .lower_grad = lower_grad_global_average,
        .couple = nt_pool_couple,
    },
    {0},
};
