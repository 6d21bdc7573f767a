/* SPDX-License-Identifier: MIT */
/*
 * split.c - Split: sizes as an attribute up to opset 12, as an input since; equal parts without
 * (rounded up with num_outputs of opset 18, the last one smaller).
 */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "lower/program.h"
#include "op/range.h"

#include <inttypes.h>
#include <string.h>

#define MAX_PARTS 64

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    int64_t want = nt_node_int(n, "num_outputs", n->n_out);

    (void)g;
    if (want != n->n_out)
        return nt_fail(e, NT_EFORMAT, "%d outputs, num_outputs is %" PRId64, n->n_out, want);
    if (n->n_out > MAX_PARTS)
        return nt_fail(e, NT_EUNSUPPORTED, "%d outputs, want at most %d", n->n_out, MAX_PARTS);
    return NT_OK;
}

/* Sizes that the node names; *n stays 0 when it names none. */
static nt_status named_sizes(int64_t *size, size_t *n, const nt_node *node, const nt_tensor *t,
                             nt_err *e)
{
    nt_status s = NT_OK;

    *n = 0;
    if (t)
        NT_TRY(nt_tensor_ints(size, n, MAX_PARTS, t, e));
    else if (nt_node_attr(node, "split"))
        *n = nt_node_ints(node, "split", size, MAX_PARTS);
    if ((t || nt_node_attr(node, "split")) && *n != (size_t)node->n_out)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu sizes for %d outputs", *n, node->n_out));
done:
    return s;
}

static nt_status check_sizes(const int64_t *size, int n, int64_t extent, nt_err *e)
{
    int64_t sum = 0;

    for (int i = 0; i < n; i++)
        if (size[i] < 0 || size[i] > extent - sum)
            return nt_fail(e, NT_EFORMAT, "sizes do not add up to %" PRId64, extent);
        else
            sum += size[i];
    if (sum != extent)
        return nt_fail(e, NT_EFORMAT, "sizes add up to %" PRId64 ", want %" PRId64, sum,
                       extent);
    return NT_OK;
}

/* extent < 0: unknown, as are equal parts of it (-1). */
static nt_status sizes(int64_t *size, const nt_node *n, const nt_tensor *t, int64_t extent,
                       nt_err *e)
{
    nt_status s = NT_OK;
    size_t named;
    int64_t part = extent < 0 ? -1 : extent / n->n_out + (extent % n->n_out != 0);

    NT_TRY(named_sizes(size, &named, n, t, e));
    for (int i = 0; i < n->n_out && !named; i++) {
        size[i] = part;
        if (i == n->n_out - 1 && extent >= 0)
            size[i] = extent - part * i;
    }
    if (!named && extent >= 0 && extent % n->n_out && !nt_node_attr(n, "num_outputs"))
        NT_TRY(nt_fail(e, NT_EFORMAT, "an extent of %" PRId64 " has no %d equal parts", extent,
                       n->n_out));
    if (extent >= 0)
        NT_TRY(check_sizes(size, n->n_out, extent, e));
done:
    return s;
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    int64_t size[MAX_PARTS];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    int axis;

    (void)g;
    for (int i = 0; i < n->n_out; i++)
        nt_infer_type(n->out[i], x->dtype);
    if (x->rank < 0)
        goto done;
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), x->rank, e));
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[i];
    for (int i = 0; i < n->n_out; i++)
        size[i] = -1;
    if (!nt_has_in(n, 1) || nt_const_in(n, 1))
        NT_TRY(sizes(size, n, nt_const_in(n, 1), x->dims[axis].value, e));
    for (int i = 0; i < n->n_out; i++) {
        dims[axis] = nt_dim_of(size[i]);
        nt_infer_set(n->out[i], x->dtype, x->rank, dims);
    }
done:
    return s;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    int64_t size[MAX_PARTS], at = 0;
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), in[0]->rank, e));
    NT_TRY(sizes(size, n, n->n_in > 1 ? in[1] : NULL, in[0]->dims[axis], e));
    for (int i = 0; i < n->n_out; i++) {
        if (out[i])
            nt_copy_range(in[0], axis, at, out[i], false);
        at += size[i];
    }
done:
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    int64_t size[MAX_PARTS], at = 0;
    nt_status s = NT_OK;
    int axis;

    (void)out;
    if (!din[0])
        goto done;
    memset(din[0]->data, 0, nt_tensor_bytes(din[0]));
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), in[0]->rank, e));
    NT_TRY(sizes(size, n, n->n_in > 1 ? in[1] : NULL, in[0]->dims[axis], e));
    for (int i = 0; i < n->n_out; i++) {
        if (dout[i])
            nt_copy_range(din[0], axis, at, dout[i], true);
        at += size[i];
    }
done:
    return s;
}

/* Where the input is cut: along the axis into parts of these extents. */
typedef struct cuts {
    int axis, n;
    int64_t size[MAX_PARTS];
} cuts;

static nt_status known_cuts(cuts *c, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    c->n = n->n_out;
    NT_TRY(nt_axis(&c->axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    NT_TRY(sizes(c->size, n, nt_const_in(n, 1), n->in[0]->dims[c->axis].value, e));
done:
    return s;
}

static bool all_fit(const cuts *c, nt_format fmt)
{
    for (int i = 0; i < c->n; i++)
        if (!nt_range_fits(fmt, c->axis, c->size[i]))
            return false;
    return true;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t at = 0;
    nt_tid x, y;
    nt_desc d;
    cuts c;

    if (n->in[0]->dtype != NT_F32 || (nt_has_in(n, 1) && !nt_const_in(n, 1)))
        return nt_lower_default(p, n, e);
    NT_TRY(known_cuts(&c, n, e));
    NT_TRY(nt_program_value(p, n->in[0], &x, e));
    if (!all_fit(&c, nt_program_desc(p, x)->fmt))
        NT_TRY(nt_program_as(p, x, NT_FMT_PLAIN, NT_UNDEFINED, &x, e));
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i]) {
            d = *nt_program_desc(p, x);
            d.dims[c.axis] = c.size[i];
            NT_TRY(nt_program_temp(p, &d, &y, e));
            NT_TRY(nt_range_cut(p, n, x, (nt_range){y, c.axis, at}, e));
            NT_TRY(nt_program_bind(p, n->out[i], y, e));
        }
        at += c.size[i];
    }
done:
    return s;
}

/* The gradients that came, in the format and type of the first of them; *d is of no type where
 * there is none. */
static nt_status gather_grads(nt_program *p, const nt_node *n, const cuts *c, nt_tid *dy,
                              nt_desc *d, nt_err *e)
{
    nt_status s = NT_OK;

    *d = (nt_desc){.fmt = NT_FMT_ANY, .dtype = NT_UNDEFINED};
    for (int i = 0; i < n->n_out; i++) {
        dy[i] = -1;
        if (!n->out[i])
            continue;
        NT_TRY(nt_program_grad(p, n->out[i], d->fmt, d->dtype, &dy[i], e));
        if (dy[i] < 0 || d->dtype != NT_UNDEFINED)
            continue;
        if (!all_fit(c, nt_program_desc(p, dy[i])->fmt))
            NT_TRY(nt_program_as(p, dy[i], NT_FMT_PLAIN, NT_UNDEFINED, &dy[i], e));
        *d = *nt_program_desc(p, dy[i]);
    }
done:
    return s;
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tid dy[MAX_PARTS], dx;
    nt_desc d;
    cuts c;

    if (!nt_program_needs_grad(p, n->in[0]))
        return NT_OK;
    NT_TRY(known_cuts(&c, n, e));
    NT_TRY(gather_grads(p, n, &c, dy, &d, e));
    if (d.dtype == NT_UNDEFINED)
        goto done;
    d.dims[c.axis] = n->in[0]->dims[c.axis].value;
    NT_TRY(nt_program_temp(p, &d, &dx, e));
    NT_TRY(nt_range_join(p, n, &(nt_range_parts){c.axis, c.n, dy, c.size}, dx, e));
    NT_TRY(nt_program_add_grad(p, n->in[0], dx, e));
done:
    return s;
}

static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_status s = NT_OK;
    int64_t at = 0;
    cuts k;

    NT_TRY(known_cuts(&k, n, e));
    for (int i = 0; i < n->n_out; i++) {
        const nt_value *y = n->out[i];

        for (int a = 0; y && a < x->rank; a++)
            NT_TRY(nt_couple_tie(c, (nt_indices){{x, a, 1}, a == k.axis ? at : 0, 1},
                                 (nt_indices){{y, a, 1}, 0, 1}, y->dims[a].value, e));
        at += k.size[i];
    }
done:
    return s;
}

/* Parts of which nothing is left go; the sizes move up. */
static void drop_empty(nt_node *n, int64_t *size)
{
    int stay = 0, count = n->n_out;

    for (int i = 0; i < count; i++) {
        if (size[i] == 0 && n->n_out > 1)
            nt_graph_drop_output(n, stay);
        else
            size[stay++] = size[i];
    }
}

/* From now on with sizes in so many words. */
static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    int64_t size[MAX_PARTS], at = 0;
    nt_status s = NT_OK;
    int axis;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    if (!nt_kept_is_cut(k, n->in[0], axis))
        goto done;
    NT_TRY(sizes(size, n, nt_const_in(n, 1), nt_kept_old_dim(k, n->in[0], axis), e));
    for (int i = 0; i < n->n_out; i++) {
        int64_t from = nt_kept_below(k, n->in[0], axis, at);

        at += size[i];
        size[i] = nt_kept_below(k, n->in[0], axis, at) - from;
    }
    drop_empty(n, size);
    if (n->op->since < 13) {
        NT_TRY(nt_node_set_ints(g, n, "split", size, (size_t)n->n_out, e));
    } else {
        nt_node_remove_attr(n, "num_outputs");
        NT_TRY(nt_adapt_input(g, n, 1, size, (size_t)n->n_out, e));
    }
done:
    return s;
}

static bool does_nothing(const nt_node *n)
{
    return n->n_out == 1;
}

static const nt_attr_spec attrs_2[] = {
    {"axis", NT_ATTR_INT, false}, {"split", NT_ATTR_INTS, false}, {0}};
static const nt_attr_spec attrs_13[] = {{"axis", NT_ATTR_INT, false}, {0}};
static const nt_attr_spec attrs_18[] = {
    {"axis", NT_ATTR_INT, false}, {"num_outputs", NT_ATTR_INT, false}, {0}};

#define SPLIT                                                                                  \
    .name = "Split", .domain = "", .min_in = 1, .min_out = 1, .max_out = -1, .check = check,   \
    .infer = infer, .eval = eval, .grad = grad, .lower = lower, .lower_grad = lower_grad,      \
    .couple = couple, .adapt = adapt, .does_nothing = does_nothing

const nt_op nt_op_split[] = {
    {SPLIT, .since = 2, .until = 12, .max_in = 1, .attrs = attrs_2},
    {SPLIT, .since = 13, .until = 17, .max_in = 2, .attrs = attrs_13},
    {SPLIT, .since = 18, .max_in = 2, .attrs = attrs_18},
    {0},
};
