/* SPDX-License-Identifier: MIT */
/* lrn.c - LRN: local response normalisation across channels (kernel/lrn.h has the formula). */
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "kernel/lrn.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t size = nt_node_int(n, "size", 0);

    (void)g;
    if (size < 1)
        return nt_fail(e, NT_EFORMAT, "size is %" PRId64, size);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    if (n->in[0]->rank >= 0 && n->in[0]->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2",
                       n->in[0]->rank);
    nt_infer_like(n->out[0], n->in[0]);
    return NT_OK;
}

static nt_lrn_desc describe(const nt_node *n, const nt_desc *x)
{
    return (nt_lrn_desc){.x = *x,
                         .size = nt_node_int(n, "size", 1),
                         .alpha = nt_node_float(n, "alpha", 1e-4F),
                         .beta = nt_node_float(n, "beta", 0.75F),
                         .bias = nt_node_float(n, "bias", 1)};
}

/* ---- plain */

/* The base of the power for channel c, whose elements are `step` apart; at: of channel 0. */
static double base(const nt_lrn_desc *d, const nt_tensor *x, int64_t at, int64_t step,
                   int64_t channels, int64_t c)
{
    int64_t from = c - (d->size - 1) / 2, to = c + d->size / 2;
    double sum = 0;

    for (int64_t j = from < 0 ? 0 : from; j <= to && j < channels; j++)
        sum += pow(nt_tensor_get(x, at + j * step), 2);
    return d->bias + (double)d->alpha / (double)d->size * sum;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0];
    nt_lrn_desc d = describe(n, &(nt_desc){0});
    nt_axis_view v = nt_tensor_axis(x, 1);

    (void)e;
    for (int64_t i = 0; i < nt_tensor_count(x); i++) {
        int64_t c = i / v.inner % v.n;
        double s = base(&d, x, i - c * v.inner, v.inner, v.n, c);

        nt_tensor_set(out[0], i, nt_tensor_get(x, i) * pow(s, -(double)d.beta));
    }
    return NT_OK;
}

/* Every output gives to the inputs of its window. */
static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const float *x = in[0]->data, *dy = dout[0]->data;
    nt_lrn_desc d = describe(n, &(nt_desc){0});
    nt_axis_view v = nt_tensor_axis(in[0], 1);
    float *dx;

    (void)out;
    (void)e;
    if (!din[0])
        return NT_OK;
    dx = din[0]->data;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++)
        dx[i] = 0;
    for (int64_t i = 0; i < nt_tensor_count(in[0]); i++) {
        int64_t c = i / v.inner % v.n, at = i - c * v.inner;
        int64_t from = c - (d.size - 1) / 2, to = c + d.size / 2;
        double s = base(&d, in[0], at, v.inner, v.n, c), f = dy[i] * pow(s, -(double)d.beta);

        dx[i] += (float)f;
        f *= -2 * (double)d.alpha / (double)d.size * d.beta * x[i] / s;
        for (int64_t j = from < 0 ? 0 : from; j <= to && j < v.n; j++)
            dx[at + j * v.inner] += (float)(f * x[at + j * v.inner]);
    }
    return NT_OK;
}

/* ---- planned, in the format x lies in */

static bool has_kernel(const nt_node *n)
{
    return nt_steps_is_float(n->in[0]) && n->in[0]->rank <= 5;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid x = -1, y = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_lrn_desc d;

    if (!has_kernel(n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[0], &x, e));
    d = describe(n, nt_program_desc(p, x));
    NT_TRY(nt_program_temp(p, &d.x, &y, e));
    NT_TRY(nt_lrn_fwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "lrn", prim, &x, 1, &y, 1}, e));
    NT_TRY(nt_program_inplace(p, y, x, false, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[2] = {-1, -1}, dx = -1;
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_lrn_desc d;

    if (!has_kernel(n))
        return nt_lower_grad_default(p, n, e);
    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(nt_steps_activation(p, n->in[0], &in[0], e));
    d = describe(n, nt_program_desc(p, in[0]));
    NT_TRY(nt_program_grad(p, n->out[0], d.x.fmt, d.x.dtype, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    NT_TRY(nt_program_temp(p, &d.x, &dx, e));
    NT_TRY(nt_lrn_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "lrn grad", prim, in, 2, &dx, 1}, e));
    NT_TRY(nt_program_inplace(p, dx, in[1], false, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

/* Neighbours must stay neighbours; all axes but that of the channels go through. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < n->in[0]->rank; i++)
        NT_TRY(nt_couple_same(c, (nt_span){n->in[0], i, 1}, (nt_span){n->out[0], i, 1}, e));
    NT_TRY(nt_couple_freeze(c, (nt_span){n->in[0], 1, 1}, n,
                            "every channel is normalised by its neighbours", e));
done:
    return s;
}

static const nt_attr_spec attrs[] = {{"alpha", NT_ATTR_FLOAT, false},
                                     {"beta", NT_ATTR_FLOAT, false},
                                     {"bias", NT_ATTR_FLOAT, false},
                                     {"size", NT_ATTR_INT, true},
                                     {0}};

const nt_op nt_op_lrn[] = {
    {.name = "LRN",
     .domain = "",
     .since = 1,
     .min_in = 1,
     .max_in = 1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .check = check,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .couple = couple},
    {0},
};
