/* SPDX-License-Identifier: MIT */
/*
 * groupnorm.c - GroupNormalization and InstanceNormalization, which is the same with a group
 * per channel. Scale and shift are per group in opset 18, per channel since 21.
 */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "kernel/groupnorm.h"
#include "lower/steps.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { X, SCALE, SHIFT }; /* inputs */
enum { SLOT_MEAN, SLOT_RSTD };

static bool is_instance(const nt_node *n)
{
    return n->op->data != NULL;
}

/* Has a group one scale, or each of its channels? */
static bool per_group(const nt_node *n)
{
    return !is_instance(n) && n->op->until != 0;
}

static int64_t groups_of(const nt_node *n, int64_t channels)
{
    return is_instance(n) ? channels : nt_node_int(n, "num_groups", 1);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t groups = nt_node_int(n, "num_groups", 1);

    (void)g;
    if (groups < 1)
        return nt_fail(e, NT_EFORMAT, "num_groups is %" PRId64, groups);
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[X];
    int64_t c = x->rank >= 2 ? x->dims[1].value : -1, groups = groups_of(n, c);
    int64_t want = per_group(n) ? groups : c;

    (void)g;
    if (x->rank >= 0 && x->rank < 2)
        return nt_fail(e, NT_EFORMAT, "input has %d dimensions, want at least 2", x->rank);
    if (c >= 0 && groups > 0 && c % groups)
        return nt_fail(e, NT_EFORMAT, "%" PRId64 " channels do not make %" PRId64 " groups", c,
                       groups);
    for (int i = SCALE; i <= SHIFT; i++) {
        const nt_value *v = n->in[i];

        if (v->rank >= 0 && v->rank != 1)
            return nt_fail(e, NT_EFORMAT, "input %d has %d dimensions, want 1", i, v->rank);
        if (v->rank == 1 && want >= 0 && v->dims[0].value >= 0 && v->dims[0].value != want)
            return nt_fail(e, NT_EFORMAT, "input %d has %" PRId64 " entries, want %" PRId64, i,
                           v->dims[0].value, want);
    }
    nt_infer_like(n->out[0], x);
    return NT_OK;
}

static void cost(const nt_node *n, nt_op_cost *c)
{
    c->params = nt_count_params(n);
}

/* ---- plain: [n groups][elements of a group], element i of a group of channel i / plane */

typedef struct grouping {
    int64_t runs, len, plane, groups, per; /* per: channels in a group */
} grouping;

static grouping grouping_of(const nt_node *n, const nt_tensor *x)
{
    grouping q = {.plane = 1, .groups = groups_of(n, x->dims[1])};

    for (int i = 2; i < x->rank; i++)
        q.plane *= x->dims[i];
    q.per = q.groups ? x->dims[1] / q.groups : 0;
    q.runs = x->dims[0] * q.groups;
    q.len = q.per * q.plane;
    return q;
}

/* Entry of scale and shift for element i of run k. */
static int64_t entry(const nt_node *n, const grouping *q, int64_t k, int64_t i)
{
    int64_t group = k % q->groups;

    return per_group(n) ? group : group * q->per + i / q->plane;
}

typedef struct moments {
    double mean, rstd;
} moments;

static moments moments_of(const nt_node *n, const nt_tensor *x, int64_t at, int64_t len)
{
    double mean = 0, var = 0, eps = nt_node_float(n, "epsilon", 1e-5F);

    for (int64_t i = 0; i < len; i++)
        mean += nt_tensor_get(x, at + i) / (double)len;
    for (int64_t i = 0; i < len; i++)
        var += pow(nt_tensor_get(x, at + i) - mean, 2) / (double)len;
    return (moments){mean, 1 / sqrt(var + eps)};
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    grouping q = grouping_of(n, in[X]);

    (void)e;
    for (int64_t k = 0; k < q.runs; k++) {
        moments m = moments_of(n, in[X], k * q.len, q.len);

        for (int64_t i = 0; i < q.len; i++) {
            double h = (nt_tensor_get(in[X], k * q.len + i) - m.mean) * m.rstd;
            int64_t c = entry(n, &q, k, i);

            nt_tensor_set(out[0], k * q.len + i,
                          h * nt_tensor_get(in[SCALE], c) + nt_tensor_get(in[SHIFT], c));
        }
    }
    return NT_OK;
}

/* dx = rstd (g - mean of g - h mean of g h) with h = (x - mean) rstd, g = dy scale. */
static void pull_run(const nt_node *n, const grouping *q, const nt_tensor *const *in,
                     const nt_tensor *dy, nt_tensor *const *din, int64_t k)
{
    moments m = moments_of(n, in[X], k * q->len, q->len);
    double sum_g = 0, sum_gh = 0;

    for (int64_t i = 0; i < q->len; i++) {
        int64_t c = entry(n, q, k, i);
        double d = nt_tensor_get(dy, k * q->len + i), g = d * nt_tensor_get(in[SCALE], c);
        double h = (nt_tensor_get(in[X], k * q->len + i) - m.mean) * m.rstd;

        sum_g += g / (double)q->len;
        sum_gh += g * h / (double)q->len;
        if (din[SCALE])
            ((float *)din[SCALE]->data)[c] += (float)(d * h);
        if (din[SHIFT])
            ((float *)din[SHIFT]->data)[c] += (float)d;
    }
    for (int64_t i = 0; din[X] && i < q->len; i++) {
        int64_t at = k * q->len + i;
        double g = nt_tensor_get(dy, at) * nt_tensor_get(in[SCALE], entry(n, q, k, i));
        double h = (nt_tensor_get(in[X], at) - m.mean) * m.rstd;

        nt_tensor_set(din[X], at, m.rstd * (g - sum_g - h * sum_gh));
    }
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    grouping q = grouping_of(n, in[X]);

    (void)out;
    (void)e;
    for (int i = SCALE; i <= SHIFT; i++)
        if (din[i])
            memset(din[i]->data, 0, nt_tensor_bytes(din[i]));
    for (int64_t k = 0; k < q.runs; k++)
        pull_run(n, &q, in, dout[0], din, k);
    return NT_OK;
}

/* ---- planned, in the format x lies in */

static bool has_kernel(const nt_node *n)
{
    const nt_value *x = n->in[X];

    for (int i = 0; i < x->rank; i++)
        if (x->dims[i].value == 0)
            return false;
    return nt_steps_is_float(x) && x->rank <= 5;
}

static nt_gn_desc describe(const nt_program *p, const nt_node *n, nt_tid x)
{
    const nt_desc *d = nt_program_desc(p, x);

    return (nt_gn_desc){.x = *d,
                        .groups = groups_of(n, d->dims[1]),
                        .eps = nt_node_float(n, "epsilon", 1e-5F),
                        .per_group = per_group(n)};
}

static nt_status save_statistics(nt_program *p, const nt_node *n, const nt_gn_desc *d,
                                 nt_tid *out, nt_err *e)
{
    nt_desc stat = {
        .dtype = NT_F32, .rank = 2, .dims = {d->x.dims[0], d->groups}, .fmt = NT_FMT_PLAIN};
    nt_status s = NT_OK;

    for (int i = SLOT_MEAN; i <= SLOT_RSTD; i++) {
        NT_TRY(nt_program_temp(p, &stat, &out[i], e));
        NT_TRY(nt_program_save(p, n, i, out[i], e));
    }
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[3] = {-1, -1, -1}, out[3] = {-1, -1, -1}; /* y, mean, rstd */
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    const char *what;
    nt_gn_desc d;

    if (!has_kernel(n))
        return nt_lower_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[X], &in[X], e));
    d = describe(p, n, in[X]);
    for (int i = SCALE; i <= SHIFT; i++)
        NT_TRY(nt_program_value_as(p, n->in[i], NT_FMT_PLAIN, NT_F32, &in[i], e));
    NT_TRY(nt_program_temp(p, &d.x, &out[0], e));
    if (nt_program_training(p))
        NT_TRY(save_statistics(p, n, &d, out + 1, e));
    NT_TRY(nt_gn_fwd_new(&prim, nt_program_device(p), &d, e));
    what = is_instance(n) ? "instancenorm" : "groupnorm";
    NT_TRY(nt_program_call(p, &(nt_call){n, what, prim, in, 3, out, 3}, e));
    NT_TRY(nt_program_inplace(p, out[0], in[X], false, e));
    NT_TRY(nt_program_bind(p, n->out[0], out[0], e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_tid in[5] = {-1, -1, -1, -1, -1}, out[3] = {-1, -1, -1};
    nt_prim *prim = NULL;
    nt_status s = NT_OK;
    nt_gn_desc d;

    if (!has_kernel(n))
        return nt_lower_grad_default(p, n, e);
    NT_TRY(nt_steps_activation(p, n->in[X], &in[0], e));
    d = describe(p, n, in[0]);
    NT_TRY(nt_program_grad(p, n->out[0], d.x.fmt, d.x.dtype, &in[1], e));
    if (in[1] < 0)
        return NT_OK;
    NT_TRY(nt_program_value_as(p, n->in[SCALE], NT_FMT_PLAIN, NT_F32, &in[2], e));
    in[3] = nt_program_saved(p, n, SLOT_MEAN);
    in[4] = nt_program_saved(p, n, SLOT_RSTD);
    NT_TRY(nt_program_temp(p, &d.x, &out[X], e));
    for (int i = SCALE; i <= SHIFT; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(nt_steps_grad_target(p, n->in[i], &out[i], e));
    NT_TRY(nt_gn_bwd_new(&prim, nt_program_device(p), &d, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "groupnorm grad", prim, in, 5, out, 3}, e));
    NT_TRY(nt_program_inplace(p, out[X], in[1], false, e));
    for (int i = X; i <= SHIFT; i++)
        if (nt_program_needs_grad(p, n->in[i]))
            NT_TRY(nt_program_add_grad(p, n->in[i], out[i], e));
done:
    return s;
}

/* ---- coupling: the statistics are those of whole groups, which stand or fall as such */

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    nt_span x = {n->in[X], 1, 1};
    int64_t channels = x.v->dims[1].value, groups, per;
    nt_status s = NT_OK;

    if (channels < 1)
        return NT_OK;
    groups = groups_of(n, channels);
    per = channels / groups;
    NT_TRY(nt_couple_same(c, x, (nt_span){n->out[0], 1, 1}, e));
    for (int64_t i = 1; i < per; i++)
        NT_TRY(nt_couple_tie(c, (nt_indices){x, 0, per}, (nt_indices){x, i, per}, groups, e));
    for (int i = SCALE; i <= SHIFT; i++)
        NT_TRY(nt_couple_tie(c, (nt_indices){{n->in[i], 0, 1}, 0, 1},
                             (nt_indices){x, 0, per_group(n) ? per : 1},
                             per_group(n) ? groups : channels, e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    int64_t old = nt_kept_old_dim(k, n->in[X], 1), left = nt_kept_dim(k, n->in[X], 1);

    if (is_instance(n) || left == old || left < 1)
        return NT_OK;
    return nt_node_set_int(g, n, "num_groups", left / (old / groups_of(n, old)), e);
}

static const nt_attr_spec instance_attrs[] = {{"epsilon", NT_ATTR_FLOAT, false}, {0}};
static const nt_attr_spec attrs_18[] = {
    {"epsilon", NT_ATTR_FLOAT, false}, {"num_groups", NT_ATTR_INT, true}, {0}};
static const nt_attr_spec attrs_21[] = {{"epsilon", NT_ATTR_FLOAT, false},
                                        {"num_groups", NT_ATTR_INT, true},
                                        {"stash_type", NT_ATTR_INT, false},
                                        {0}};

#define FACETS                                                                                 \
    .domain = "", .min_in = 3, .max_in = 3, .min_out = 1, .max_out = 1,                        \
    .trainable = 1 << SCALE | 1 << SHIFT, .check = check, .infer = infer, .cost = cost,        \
    .eval = eval, .grad = grad, .lower = lower, .lower_grad = lower_grad, .couple = couple,    \
    .adapt = adapt

const nt_op nt_op_groupnorm[] = {
    {.name = "GroupNormalization", .since = 18, .until = 20, .attrs = attrs_18, FACETS},
    {.name = "GroupNormalization", .since = 21, .attrs = attrs_21, FACETS},
    {.name = "InstanceNormalization", .since = 6, .attrs = instance_attrs, FACETS,
     .data = "instance"},
    {0},
};
