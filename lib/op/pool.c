/* SPDX-License-Identifier: MIT */
/*
 * MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool over 1 to 3 spatial dimensions. All
 * run in the layout and type their input lies in. A global pool is a window as large as the
 * picture. Taps in the padding count for nothing, but in the divisor of an average with
 * count_include_pad.
 */
#include "kernel/pool.h"

#include "op/couple.h"
#include "op/op.h"
#include "op/steps.h"
#include "op/taps.h"
#include "op/util.h"

#include <inttypes.h>
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

/* A window that lies in the padding alone has no maximum and no average. */
static nt_status check_pads(const nt_window *w, nt_err *e)
{
    for (int i = 0; i < w->sp; i++) {
        int64_t reach = (w->ker[i] - 1) * w->dil[i] + 1;

        if (w->lo[i] >= reach || w->hi[i] >= reach)
            return nt_fail(e, NT_EUNSUPPORTED,
                           "pads %" PRId64 " and %" PRId64 " leave a window of %" PRId64
                           " without input",
                           w->lo[i], w->hi[i], reach);
    }
    return NT_OK;
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "kernel_shape");
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    NT_TRY(nt_window_read(&w, n, (int)a->n, NULL, e));
    NT_TRY(check_pads(&w, e));
done:
    return s;
}

static nt_status check_max(const nt_graph *g, const nt_node *n, nt_err *e)
{
    if (nt_node_int(n, "storage_order", 0))
        return nt_fail(e, NT_EUNSUPPORTED, "storage_order 1 is not supported");
    if (n->n_out > 1 && n->out[1] && (n->out[1]->n_uses || n->out[1]->is_output))
        return nt_fail(e, NT_EUNSUPPORTED, "output 1 (Indices) is used");
    return check(g, n, e);
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "kernel_shape");
    const nt_value *x = n->in[0];
    int sp = (int)a->n;
    nt_dim dims[NT_MAX_RANK] = {{-1, NULL}, {-1, NULL}};
    nt_status s = NT_OK;
    nt_window w;

    (void)g;
    NT_TRY(nt_window_read(&w, n, sp, NULL, e));
    if (x->rank >= 0 && x->rank != sp + 2)
        NT_TRY(nt_fail(e, NT_EFORMAT, "input has %d dimensions, want %d", x->rank, sp + 2));
    for (int i = 0; i < 2 && x->rank >= 0; i++)
        dims[i] = x->dims[i];
    NT_TRY(nt_window_dims(&w, dims + 2, x->rank >= 0 ? x->dims + 2 : NULL, e));
    nt_infer_set(n->out[0], x->dtype, sp + 2, dims);
    if (n->n_out > 1)
        nt_infer_set(n->out[1], NT_I64, sp + 2, dims);
done:
    return s;
}

static nt_status infer_global(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        return NT_OK;
    if (x->rank < 3 || x->rank > 5)
        return nt_fail(e, NT_EUNSUPPORTED, "input has %d dimensions, want 3 to 5", x->rank);
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < 2 ? x->dims[i] : nt_dim_of(1);
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
    return NT_OK;
}

/* in: the spatial extents. */
static nt_status window_of(nt_window *w, const nt_node *n, bool global, int sp,
                           const int64_t *in, nt_err *e)
{
    if (!global)
        return nt_window_read(w, n, sp, NULL, e);
    *w = (nt_window){.sp = sp};
    for (int i = 0; i < sp; i++) {
        w->ker[i] = in[i];
        w->stride[i] = w->dil[i] = 1;
    }
    return NT_OK;
}

/* ---- the plain form */

static double pool_one(nt_pool_kind kind, const nt_taps *t, const nt_tensor *x, int64_t first,
                       int64_t o)
{
    double sum = 0, max = -INFINITY;
    int64_t count = 0;

    for (int64_t r = 0; r < t->n_ker; r++) {
        int64_t at = nt_taps_at(t, o, r);

        count += at >= 0 || (at == NT_TAP_PAD && kind == NT_POOL_AVG_INCLUDE_PAD);
        if (at >= 0) {
            double v = nt_tensor_get(x, first + at);

            sum += v;
            max = v > max ? v : max;
        }
    }
    if (kind == NT_POOL_MAX)
        return max;
    return count ? sum / (double)count : 0;
}

static nt_status eval_as(nt_pool_kind kind, bool global, const nt_node *n, const nt_tensor *x,
                         nt_tensor *y, nt_err *e)
{
    nt_status s = NT_OK;
    nt_window w;
    nt_taps t;

    NT_TRY(window_of(&w, n, global, x->rank - 2, x->dims + 2, e));
    NT_TRY(nt_taps_init(&t, &w, x->dims + 2, e));
    for (int64_t i = 0; i < x->dims[0] * x->dims[1]; i++)
        for (int64_t o = 0; o < t.n_out; o++)
            nt_tensor_set(y, i * t.n_out + o, pool_one(kind, &t, x, i * t.n_in, o));
done:
    return s;
}

static nt_status eval_max(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                          nt_err *e)
{
    return eval_as(NT_POOL_MAX, false, n, in[0], out[0], e);
}

static nt_status eval_average(const nt_node *n, const nt_tensor *const *in,
                              nt_tensor *const *out, nt_err *e)
{
    return eval_as(average_kind(n), false, n, in[0], out[0], e);
}

static nt_status eval_global_max(const nt_node *n, const nt_tensor *const *in,
                                 nt_tensor *const *out, nt_err *e)
{
    return eval_as(NT_POOL_MAX, true, n, in[0], out[0], e);
}

static nt_status eval_global_average(const nt_node *n, const nt_tensor *const *in,
                                     nt_tensor *const *out, nt_err *e)
{
    return eval_as(NT_POOL_AVG, true, n, in[0], out[0], e);
}

/* ---- the planned forms */

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
    NT_TRY(window_of(&w, n, global, d->sp, d->in, e));
    NT_TRY(nt_window_out(&w, d->out, d->in, e));
    memcpy(d->ker, w.ker, sizeof d->ker);
    memcpy(d->stride, w.stride, sizeof d->stride);
    memcpy(d->dil, w.dil, sizeof d->dil);
    memcpy(d->lo, w.lo, sizeof d->lo);
    memcpy(d->hi, w.hi, sizeof d->hi);
done:
    return s;
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

    if (!nt_steps_is_float(n->in[0]))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    NT_TRY(describe(&d, kind, global, n, nt_program_desc(p, x), e));
    y = nt_program_desc_of(n->out[0], d.fmt, d.dtype);
    NT_TRY(nt_pool_fwd_new(&prim, training ? &workspace : NULL, nt_program_device(p), &d, e));
    NT_TRY(nt_program_temp(p, &y, &out[0], e));
    if (workspace)
        NT_TRY(nt_program_blob(p, workspace, &out[1], e));
    s = nt_program_call(p, n, "pool", prim, &x, 1, out, training ? 2 : 1, e);
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
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    src = *nt_program_desc(p, x);
    NT_TRY(nt_program_grad(p, n->out[0], src.fmt, src.dtype, &in[0], e));
    if (in[0] < 0)
        return NT_OK;
    in[1] = nt_program_saved(p, n, SLOT_WORKSPACE);
    NT_TRY(describe(&d, kind, global, n, &src, e));
    NT_TRY(nt_program_temp(p, &src, &dx, e));
    NT_TRY(nt_pool_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, n, "pool grad", prim, in, 2, &dx, 1, e));
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

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    return nt_couple_same(c, (nt_span){n->in[0], 1, 1}, (nt_span){n->out[0], 1, 1}, e);
}

const nt_op nt_op_pool[] = {
    {
        .name = "MaxPool",
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 2,
        .attrs = max_attrs,
        .check = check_max,
        .infer = infer,
        .eval = eval_max,
        .lower = lower_max,
        .lower_grad = lower_grad_max,
        .couple = couple,
    },
    {
        .name = "AveragePool",
        .domain = "",
        .since = 7,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .attrs = average_attrs,
        .check = check,
        .infer = infer,
        .eval = eval_average,
        .lower = lower_average,
        .lower_grad = lower_grad_average,
        .couple = couple,
    },
    {
        .name = "GlobalMaxPool",
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .infer = infer_global,
        .eval = eval_global_max,
        .lower = lower_global_max,
        .lower_grad = lower_grad_global_max,
        .couple = couple,
    },
    {
        .name = "GlobalAveragePool",
        .domain = "",
        .since = 1,
        .min_in = 1,
        .max_in = 1,
        .min_out = 1,
        .max_out = 1,
        .infer = infer_global,
        .eval = eval_global_average,
        .lower = lower_global_average,
        .lower_grad = lower_grad_global_average,
        .couple = couple,
    },
    {0},
};
