/* SPDX-License-Identifier: MIT */
/* squeeze.c - Squeeze and Unsqueeze: axes as an attribute up to opset 12, as an input since. */
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "op/view.h"

/* Without axes every axis of extent 1 goes, so all extents must be known. */
static bool implicit_axes(bool *flags, const nt_value *x)
{
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i].value < 0)
            return false;
        flags[i] = x->dims[i].value == 1;
    }
    return true;
}

static nt_status squeeze_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool flags[NT_MAX_RANK], given;
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank = 0;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0 || (nt_has_in(n, 1) && !nt_const_in(n, 1)))
        goto done;
    NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, x->rank, e));
    if (!given && !implicit_axes(flags, x))
        goto done;
    for (int i = 0; i < x->rank; i++) {
        if (!flags[i])
            dims[rank++] = x->dims[i];
        else if (x->dims[i].value > 1)
            NT_TRY(nt_fail(e, NT_EFORMAT, "axis %d has extent %d, want 1", i,
                           (int)x->dims[i].value));
    }
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

/* How many axes the output has; -1: unknown. */
static nt_status unsqueezed_rank(int *rank, const nt_node *n, nt_err *e)
{
    int64_t axes[NT_MAX_RANK];
    nt_status s = NT_OK;
    bool given;
    size_t count;

    *rank = -1;
    if (n->in[0]->rank < 0 || (nt_has_in(n, 1) && !nt_const_in(n, 1)))
        goto done;
    NT_TRY(nt_arg_ints(axes, &count, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, e));
    *rank = n->in[0]->rank + (int)count;
    if (*rank > NT_MAX_RANK)
        NT_TRY(
            nt_fail(e, NT_EUNSUPPORTED, "%d dimensions, want at most %d", *rank, NT_MAX_RANK));
done:
    return s;
}

static nt_status unsqueeze_infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    bool flags[NT_MAX_RANK], given;
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int rank, from = 0;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    NT_TRY(unsqueezed_rank(&rank, n, e));
    if (rank < 0)
        goto done;
    NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, rank, e));
    for (int i = 0; i < rank; i++)
        dims[i] = flags[i] ? nt_dim_of(1) : x->dims[from++];
    nt_infer_set(n->out[0], x->dtype, rank, dims);
done:
    return s;
}

/* Of two values that differ in axes of extent 1: the one with more, and which of its axes the
 * other lacks. */
static nt_status missing_axes(bool *flags, const nt_node *n, const nt_value *more, nt_err *e)
{
    nt_status s = NT_OK;
    bool given;

    NT_TRY(nt_arg_axes(flags, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, more->rank, e));
    if (!given)
        implicit_axes(flags, more);
done:
    return s;
}

/* Axis by axis, so that open extents do not matter. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0], *more = x->rank > y->rank ? x : y;
    bool flags[NT_MAX_RANK];
    nt_status s = NT_OK;
    int less = 0;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        goto done;
    NT_TRY(missing_axes(flags, n, more, e));
    for (int i = 0; i < more->rank; i++) {
        if (flags[i])
            continue;
        NT_TRY(nt_couple_same(c, (nt_span){x, more == x ? i : less, 1},
                              (nt_span){y, more == x ? less : i, 1}, e));
        less++;
    }
done:
    return s;
}

static const nt_attr_spec squeeze_attrs[] = {{"axes", NT_ATTR_INTS, false}, {0}};
static const nt_attr_spec unsqueeze_attrs[] = {{"axes", NT_ATTR_INTS, true}, {0}};

#define VIEW                                                                                   \
    .domain = "", .min_out = 1, .max_out = 1, .eval = nt_view_eval, .grad = nt_view_grad,      \
    .lower = nt_view_lower, .lower_grad = nt_view_lower_grad, .couple = couple

const nt_op nt_op_squeeze[] = {
    {VIEW, .name = "Squeeze", .since = 1, .until = 12, .min_in = 1, .max_in = 1,
     .attrs = squeeze_attrs, .infer = squeeze_infer},
    {VIEW, .name = "Squeeze", .since = 13, .min_in = 1, .max_in = 2, .infer = squeeze_infer},
    {VIEW, .name = "Unsqueeze", .since = 1, .until = 12, .min_in = 1, .max_in = 1,
     .attrs = unsqueeze_attrs, .infer = unsqueeze_infer},
    {VIEW, .name = "Unsqueeze", .since = 13, .min_in = 2, .max_in = 2,
     .infer = unsqueeze_infer},
    {0},
};
