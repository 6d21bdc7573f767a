/* SPDX-License-Identifier: MIT */
#include "op/filters.h"

#include "facet/arg.h"

#include <inttypes.h>
#include <string.h>

const nt_attr_spec nt_filters_attrs[] = {
    {"auto_pad", NT_ATTR_STRING, false},
    {"dilations", NT_ATTR_INTS, false},
    {"group", NT_ATTR_INT, false},
    {"kernel_shape", NT_ATTR_INTS, false},
    {"pads", NT_ATTR_INTS, false},
    {"strides", NT_ATTR_INTS, false},
    {NULL, 0, false},
};

const nt_value *nt_filters_bias(const nt_node *n)
{
    return nt_has_in(n, 2) ? n->in[2] : NULL;
}

nt_status nt_filters_check_bias(const nt_node *n, int64_t outputs, const char *what, nt_err *e)
{
    const nt_value *b = nt_filters_bias(n);

    if (!b || b->rank < 0 || n->in[1]->rank < 0)
        return NT_OK;
    if (b->rank != 1 || (b->dims[0].value >= 0 && outputs >= 0 && b->dims[0].value != outputs))
        return nt_fail(e, NT_EFORMAT, "bias does not have one entry for each %s", what);
    return NT_OK;
}

void nt_filters_cost(const nt_node *n, const nt_value *v, const nt_value *w, nt_op_cost *c)
{
    int64_t vd[NT_MAX_RANK], wd[NT_MAX_RANK], all = 0, filter = 0;

    c->params = nt_count_params(n);
    if (nt_value_shape(v, vd) && nt_value_shape(w, wd) && nt_shape_count(&all, v->rank, vd) &&
        nt_shape_count(&filter, w->rank - 1, wd + 1))
        c->macs = all * filter;
}

void nt_filters_set_window(nt_conv_desc *d, const nt_window *w)
{
    memcpy(d->ker, w->ker, sizeof d->ker);
    memcpy(d->stride, w->stride, sizeof d->stride);
    memcpy(d->dil, w->dil, sizeof d->dil);
    memcpy(d->lo, w->lo, sizeof d->lo);
    memcpy(d->hi, w->hi, sizeof d->hi);
}

int nt_filters_spatial(const nt_node *n)
{
    const nt_attr *a = nt_node_attr(n, "kernel_shape");

    if (n->in[1]->rank >= 0)
        return n->in[1]->rank - 2;
    if (n->in[0]->rank >= 0)
        return n->in[0]->rank - 2;
    return a ? (int)a->n : 0;
}

nt_status nt_filters_window_of(nt_window *w, const nt_node *n, const nt_value *weight, int sp,
                               nt_err *e)
{
    int64_t ker[3] = {-1, -1, -1};

    for (int i = 0; i < sp && i < 3 && weight->rank == sp + 2; i++)
        ker[i] = weight->dims[i + 2].value;
    return nt_window_read(w, n, sp, ker, e);
}

nt_status nt_filters_window(nt_window *w, const nt_node *n, int sp, nt_err *e)
{
    return nt_filters_window_of(w, n, n->in[1], sp, e);
}

nt_status nt_filters_check(const nt_node *n, nt_err *e)
{
    int64_t group = nt_node_int(n, "group", 1);
    const nt_value *w = n->in[1];
    nt_window win;
    int sp = nt_filters_spatial(n);

    if (group < 1)
        return nt_fail(e, NT_EFORMAT, "group is %" PRId64 ", want at least 1", group);
    if (w->rank >= 0 && (w->rank < 3 || w->rank > 5))
        return nt_fail(e, NT_EUNSUPPORTED, "weight has %d dimensions, want 3 to 5", w->rank);
    if (w->rank >= 0 && w->dims[0].value >= 0 && w->dims[0].value % group)
        return nt_fail(e, NT_EFORMAT,
                       "%" PRId64 " filters do not divide into %" PRId64 " groups",
                       w->dims[0].value, group);
    return sp ? nt_filters_window(&win, n, sp, e) : NT_OK;
}

static nt_span span(const nt_value *v, int axis)
{
    return (nt_span){v, axis, 1};
}

static nt_status couple_groups(nt_coupling *c, const nt_node *n, nt_span full, nt_span part,
                               nt_err *e)
{
    nt_span w = span(n->in[1], 1);
    int64_t g = nt_node_int(n, "group", 1);
    int64_t of_part = n->in[1]->dims[1].value, of_full = n->in[1]->dims[0].value / g;
    nt_status s = NT_OK;

    if (of_part == 1) {
        for (int64_t j = 0; j < of_full; j++)
            NT_TRY(nt_couple_tie(c, (nt_indices){part, 0, 1}, (nt_indices){full, j, of_full}, g,
                                 e));
        return NT_OK;
    }
    NT_TRY(nt_couple_tie(c, (nt_indices){w, 0, 1}, (nt_indices){part, 0, 1}, of_part, e));
    for (int64_t q = 1; q < g; q++) {
        NT_TRY(nt_couple_tie(c, (nt_indices){part, 0, 1}, (nt_indices){part, q * of_part, 1},
                             of_part, e));
        NT_TRY(nt_couple_tie(c, (nt_indices){full, 0, 1}, (nt_indices){full, q * of_full, 1},
                             of_full, e));
    }
done:
    return s;
}

void nt_filters_layer(nt_layer *l, const nt_node *n)
{
    l->bias = 2;
    l->groups = nt_node_int(n, "group", 1);
}

nt_status nt_filters_couple(nt_coupling *c, const nt_node *n, const nt_value *full,
                            const nt_value *part, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_couple_same(c, span(n->in[1], 0), span(full, 1), e));
    if (nt_node_int(n, "group", 1) == 1)
        NT_TRY(nt_couple_same(c, span(n->in[1], 1), span(part, 1), e));
    else
        NT_TRY(couple_groups(c, n, span(full, 1), span(part, 1), e));
done:
    return s;
}

nt_status nt_filters_adapt(const nt_kept *k, nt_graph *g, nt_node *n, const nt_value *part,
                           nt_err *e)
{
    int64_t group = nt_node_int(n, "group", 1), kept = 0;

    if (group == 1 || group != nt_kept_old_dim(k, part, 1))
        return NT_OK;
    if (!nt_kept_indices(k, span(part, 1), &kept))
        return nt_fail(e, NT_EUNSUPPORTED, "the channels of '%s' were not cut as channels",
                       part->name);
    return nt_node_set_int(g, n, "group", kept, e);
}
