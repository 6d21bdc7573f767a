/* SPDX-License-Identifier: MIT */
/*
 * concat.c - Concat. Planned in the format of the first computed input where that lets parts
 * begin anywhere they do; backwards each input takes its range of the gradient.
 */
#include "base/alloc.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "kernel/eltwise.h"
#include "lower/program.h"
#include "lower/steps.h"
#include "op/range.h"

#include <inttypes.h>

#define MAX_PARTS 64

static nt_status merge(nt_dim *dims, int axis, const nt_value *x, int rank, nt_err *e)
{
    if (x->rank != rank)
        return nt_fail(e, NT_EFORMAT, "'%s' has %d dimensions, want %d", x->name, x->rank,
                       rank);
    for (int i = 0; i < rank; i++) {
        nt_dim *d = &dims[i], a = x->dims[i];
        int64_t sum;

        if (i == axis)
            *d = d->value < 0 || a.value < 0 || !nt_i64_add(&sum, d->value, a.value)
                     ? nt_dim_of(-1)
                     : nt_dim_of(sum);
        else if (d->value >= 0 && a.value >= 0 && d->value != a.value)
            return nt_fail(e, NT_EFORMAT,
                           "'%s' has extent %" PRId64 " at axis %d, want %" PRId64, x->name,
                           a.value, i, d->value);
        else if (d->value < 0)
            *d = a.value >= 0 || nt_dim_same(*d, a) ? a : nt_dim_of(-1);
    }
    return NT_OK;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->rank < 0)
            goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[i];
    for (int i = 1; i < n->n_in; i++)
        NT_TRY(merge(dims, axis, n->in[i], x->rank, e));
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_status s = NT_OK;
    int64_t at = 0;
    int axis;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), out[0]->rank, e));
    for (int i = 0; i < n->n_in; i++) {
        nt_copy_range(out[0], axis, at, in[i], true);
        at += in[i]->dims[axis];
    }
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t at = 0;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), out[0]->rank, e));
    for (int i = 0; i < n->n_in; i++) {
        if (din[i])
            nt_copy_range(dout[0], axis, at, din[i], false);
        at += in[i]->dims[axis];
    }
done:
    return s;
}

static bool all_fit(const nt_node *n, nt_format fmt, int axis)
{
    for (int i = 0; i < n->n_in; i++)
        if (!nt_range_fits(fmt, axis, n->in[i]->dims[axis].value))
            return false;
    return true;
}

/* Format and type of the first input that is computed. */
static nt_status choose(nt_program *p, const nt_node *n, int axis, nt_format *fmt,
                        nt_dtype *dtype, nt_err *e)
{
    nt_status s = NT_OK;
    const nt_desc *d;
    nt_tid t;
    int i = 0;

    while (i < n->n_in - 1 && n->in[i]->data)
        i++;
    NT_TRY(nt_program_value(p, n->in[i], &t, e));
    d = nt_program_desc(p, t);
    *dtype = d->dtype;
    *fmt = all_fit(n, d->fmt, axis) ? d->fmt : NT_FMT_PLAIN;
done:
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid x[MAX_PARTS], y;
    nt_desc xd[MAX_PARTS], yd;
    nt_prim *prim = NULL;
    nt_format fmt;
    nt_dtype dtype;
    int axis;

    if (n->out[0]->dtype != NT_F32 && !nt_steps_is_byte(n->out[0]))
        return nt_lower_default(p, n, e);
    if (n->n_in > MAX_PARTS)
        return nt_fail(e, NT_EUNSUPPORTED, "%d inputs, want at most %d", n->n_in, MAX_PARTS);
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), n->out[0]->rank, e));
    NT_TRY(choose(p, n, axis, &fmt, &dtype, e));
    for (int i = 0; i < n->n_in; i++) {
        NT_TRY(nt_program_value_as(p, n->in[i], fmt, dtype, &x[i], e));
        xd[i] = *nt_program_desc(p, x[i]);
    }
    yd = nt_program_desc_of(n->out[0], fmt, dtype);
    NT_TRY(nt_program_temp(p, &yd, &y, e));
    NT_TRY(nt_concat_new(&prim, nt_program_device(p), n->n_in, xd, axis, e));
    NT_TRY(nt_program_call(p, &(nt_call){n, "concat", prim, x, n->n_in, &y, 1}, e));
    NT_TRY(nt_program_bind(p, n->out[0], y, e));
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy, dx;
    int64_t at = 0;
    nt_desc d;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), n->out[0]->rank, e));
    NT_TRY(nt_program_grad(p, n->out[0], NT_FMT_ANY, NT_UNDEFINED, &dy, e));
    if (dy < 0)
        goto done;
    if (!all_fit(n, nt_program_desc(p, dy)->fmt, axis))
        NT_TRY(nt_program_as(p, dy, NT_FMT_PLAIN, NT_UNDEFINED, &dy, e));
    for (int i = 0; i < n->n_in; i++) {
        if (nt_program_needs_grad(p, n->in[i])) {
            d = *nt_program_desc(p, dy);
            d.dims[axis] = n->in[i]->dims[axis].value;
            NT_TRY(nt_program_temp(p, &d, &dx, e));
            NT_TRY(nt_range_cut(p, n, dy, (nt_range){dx, axis, at}, e));
            NT_TRY(nt_program_add_grad(p, n->in[i], dx, e));
        }
        at += n->in[i]->dims[axis].value;
    }
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *y = n->out[0];
    nt_status s = NT_OK;
    int64_t at = 0;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 1), y->rank, e));
    for (int i = 0; i < n->n_in; i++) {
        const nt_value *x = n->in[i];
        int64_t extent = x->dims[axis].value;

        for (int a = 0; a < y->rank; a++)
            NT_TRY(nt_couple_tie(c, (nt_indices){{x, a, 1}, 0, 1},
                                 (nt_indices){{y, a, 1}, a == axis ? at : 0, 1},
                                 x->dims[a].value, e));
        at += extent;
    }
done:
    return s;
}

static bool does_nothing(const nt_node *n)
{
    return n->n_in == 1;
}

static const nt_attr_spec attrs[] = {{"axis", NT_ATTR_INT, true}, {0}};

const nt_op nt_op_concat[] = {
    {.name = "Concat",
     .flags = NT_OPF_ON_CODES | NT_OPF_BY_SAMPLE | NT_OPF_LEAVES_OUT,
     .domain = "",
     .since = 4,
     .min_in = 1,
     .max_in = -1,
     .min_out = 1,
     .max_out = 1,
     .attrs = attrs,
     .infer = infer,
     .eval = eval,
     .grad = grad,
     .lower = lower,
     .lower_grad = lower_grad,
     .does_nothing = does_nothing,
     .couple = couple},
    {0},
};
