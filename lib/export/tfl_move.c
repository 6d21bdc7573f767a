/* SPDX-License-Identifier: MIT */
/* What takes elements from somewhere and puts them elsewhere: Concat, Split, Slice, Pad,
 * Gather. */
#include "base/alloc.h"
#include "export/tfl_probe.h"
#include "export/tfl_writers.h"
#include "facet/arg.h"

#include <string.h>

/* ---- Concat and Split */

nt_status nt_tfl_concat(nt_tfl *l, const nt_node *n, nt_err *e)
{
    int rank = n->out[0]->rank, *in = nt_arena_alloc(l->m.arena, (size_t)n->n_in, sizeof *in);
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int axis, y;

    if (!in)
        return nt_fail_nomem(e);
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), rank, e));
    for (int i = 0; i < n->n_in; i++)
        NT_TRY(nt_tfl_in(&in[i], l, n->in[i], form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(nt_tfl_add_op(
        &o, &l->m,
        &(nt_tfl_op){
            .code = NT_TFL_CONCATENATION, .in = in, .n_in = n->n_in, .out = &y, .n_out = 1},
        e));
    nt_tfl_set_int32(o, 0, nt_tfl_stored(rank, rank < 3 ? NT_TFL_PLAIN : form, axis), 0);
done:
    return s;
}

/* The parts' extents and tensors. */
static nt_status split_parts(int64_t *sizes, int *out, nt_tfl *l, const nt_node *n, int axis,
                             nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;

    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i])
            return nt_tfl_refuse(e, "an output that is left out has");
        sizes[i] = n->out[i]->dims[axis].value;
        NT_TRY(nt_tfl_out(&out[i], l, n->out[i], form, e));
    }
done:
    return s;
}

nt_status nt_tfl_split(nt_tfl *l, const nt_node *n, nt_err *e)
{
    int64_t *sizes = nt_arena_alloc(l->m.arena, (size_t)n->n_out, sizeof *sizes), at;
    int *out = nt_arena_alloc(l->m.arena, (size_t)n->n_out, sizeof *out);
    nt_tfl_form form = nt_tfl_form_in(l, n);
    nt_status s = NT_OK;
    int in[3], axis;
    nt_tfl_op *o;

    if (!sizes || !out)
        return nt_fail_nomem(e);
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    at = nt_tfl_stored(n->in[0]->rank, form, axis);
    NT_TRY(nt_tfl_in(&in[0], l, n->in[0], form, e));
    NT_TRY(split_parts(sizes, out, l, n, axis, e));
    NT_TRY(nt_tfl_ints(&in[1], l, sizes, n->n_out, 1, e));
    NT_TRY(nt_tfl_ints(&in[2], l, &at, 1, 0, e));
    NT_TRY(nt_tfl_add_op(
        &o, &l->m,
        &(nt_tfl_op){
            .code = NT_TFL_SPLIT_V, .in = in, .n_in = 3, .out = out, .n_out = n->n_out},
        e));
    nt_tfl_set_int32(o, 0, n->n_out, 0);
done:
    return s;
}

/* ---- Slice */

typedef struct range {
    int64_t start, step, end;
} range;

static nt_status read_range(range *r, const nt_tfl *l, const nt_node *n, int axis, nt_err *e)
{
    int64_t in = n->in[0]->dims[axis].value, out = n->out[0]->dims[axis].value;
    nt_status s = NT_OK;
    float *from = NULL;

    *r = (range){0, 1, in};
    NT_TRY(nt_tfl_probe(&from, l->g, n, axis, e));
    r->start = (int64_t)from[0];
    if (out > 1)
        r->step = (int64_t)from[1] - (int64_t)from[0];
    r->end = r->start + r->step * out;
done:
    nt_free(from);
    return s;
}

/* Backwards to the first entry, the end is no number: it is masked out. */
static nt_status add_slice(nt_tfl *l, const range *r, int rank, int x, int y, nt_err *e)
{
    int64_t list[3][NT_MAX_RANK], open = 0;
    nt_status s = NT_OK;
    int in[4] = {x};
    nt_tfl_op *o;

    for (int i = 0; i < rank; i++) {
        list[0][i] = r[i].start;
        list[1][i] = r[i].end < 0 ? 0 : r[i].end;
        list[2][i] = r[i].step;
        open |= (int64_t)(r[i].end < 0) << i;
    }
    for (int i = 0; i < 3; i++)
        NT_TRY(nt_tfl_ints(&in[1 + i], l, list[i], rank, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_STRIDED_SLICE, in, 4}, y, e));
    nt_tfl_set_int32(o, 1, open, 0);
done:
    return s;
}

nt_status nt_tfl_slice(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    int rank = n->in[0]->rank, x, y;
    nt_status s = NT_OK;
    range r[NT_MAX_RANK];

    if (rank > 5)
        return nt_tfl_refuse(e, "more than 5 axes have");
    for (int i = 0; i < rank; i++)
        NT_TRY(read_range(&r[i], l, n, nt_tfl_axis_of(rank, form, i), e));
    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(add_slice(l, r, rank, x, y, e));
done:
    return s;
}

/* ---- Pad */

/* lo and hi of each axis. */
static nt_status read_pads(int64_t (*pads)[2], const nt_node *n, nt_err *e)
{
    int64_t list[2 * NT_MAX_RANK] = {0}, axes[NT_MAX_RANK];
    int rank = n->in[0]->rank;
    size_t count = (size_t)rank, total = 0;
    nt_status s = NT_OK;

    for (int i = 0; i < rank; i++)
        axes[i] = i;
    for (int i = 1; i < n->n_in; i++) {
        if (nt_has_in(n, i) && !nt_const_in(n, i))
            return nt_tfl_refuse(e, "pads that are no constant have");
    }
    if (nt_const_in(n, 1))
        NT_TRY(nt_tensor_ints(list, &total, 2 * NT_MAX_RANK, nt_const_in(n, 1), e));
    else
        nt_node_ints(n, "pads", list, 2 * NT_MAX_RANK);
    if (nt_const_in(n, 3))
        NT_TRY(nt_tensor_ints(axes, &count, NT_MAX_RANK, nt_const_in(n, 3), e));
    for (size_t i = 0; i < count; i++) {
        int64_t *p = pads[axes[i] < 0 ? axes[i] + rank : axes[i]];

        p[0] = list[i];
        p[1] = list[count + i];
        if (p[0] < 0 || p[1] < 0)
            return nt_tfl_refuse(e, "pads below 0 have");
    }
done:
    return s;
}

static nt_status add_pad(nt_tfl *l, const nt_node *n, nt_tfl_form form, const int64_t *pads,
                         nt_err *e)
{
    const char *mode = nt_node_str(n, "mode", "constant");
    const nt_tensor *value = nt_const_in(n, 2);
    double fill = value ? nt_tensor_get(value, 0) : nt_node_float(n, "value", 0);
    bool mirror = !strcmp(mode, "reflect"), number = !mirror && fill != 0;
    nt_status s = NT_OK;
    nt_tfl_op *o;
    int in[3], y;

    if (!mirror && strcmp(mode, "constant") != 0)
        return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' has no form in TFLite", mode);
    NT_TRY(nt_tfl_in(&in[0], l, n->in[0], form, e));
    NT_TRY(nt_tfl_ints(&in[1], l, pads, 2 * n->in[0]->rank, 2, e));
    if (number)
        NT_TRY(nt_tfl_scalar(&in[2], l, (float)fill, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(nt_tfl_op1(&o, l,
                      (nt_tfl_from){mirror   ? NT_TFL_MIRROR_PAD
                                    : number ? NT_TFL_PADV2
                                             : NT_TFL_PAD,
                                    in, number ? 3 : 2},
                      y, e));
done:
    return s;
}

nt_status nt_tfl_pad(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_form form = nt_tfl_form_in(l, n);
    int64_t pads[NT_MAX_RANK][2] = {{0}}, stored[NT_MAX_RANK][2];
    int rank = n->in[0]->rank;
    nt_status s = NT_OK;

    if (rank > 4)
        return nt_tfl_refuse(e, "more than 4 axes have");
    NT_TRY(read_pads(pads, n, e));
    for (int i = 0; i < rank; i++)
        memcpy(stored[i], pads[nt_tfl_axis_of(rank, form, i)], sizeof stored[i]);
    NT_TRY(add_pad(l, n, form, stored[0], e));
done:
    return s;
}

/* ---- Gather */

/* An index alone takes its axis away: what is left is in ONNX's order only where all is plain.
 */
nt_status nt_tfl_gather(nt_tfl *l, const nt_node *n, nt_err *e)
{
    const nt_tensor *index = nt_const_in(n, 1);
    int64_t list[256], extent;
    nt_tfl_form form;
    nt_status s = NT_OK;
    int axis, in[2], y;
    nt_tfl_op *o;

    if (!index || index->rank > 1 || nt_tensor_count(index) > 256 || n->in[0]->data)
        return nt_tfl_refuse(e, "such an index has");
    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", 0), n->in[0]->rank, e));
    form = index->rank == 1 ? nt_tfl_form_in(l, n) : NT_TFL_PLAIN;
    extent = n->in[0]->dims[axis].value;
    for (int64_t i = 0; i < nt_tensor_count(index); i++) {
        list[i] = nt_tensor_get_i64(index, i);
        list[i] += list[i] < 0 ? extent : 0;
    }
    NT_TRY(nt_tfl_in(&in[0], l, n->in[0], form, e));
    NT_TRY(nt_tfl_ints(&in[1], l, list, (int)nt_tensor_count(index), index->rank, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_GATHER, in, 2}, y, e));
    nt_tfl_set_int32(o, 0, nt_tfl_stored(n->in[0]->rank, form, axis), 0);
done:
    return s;
}
