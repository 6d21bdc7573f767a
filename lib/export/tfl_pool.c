/* SPDX-License-Identifier: MIT */
/* Windows' maxima and means, reductions over axes, and Softmax. */
#include "base/alloc.h"
#include "export/plain.h"
#include "export/tfl_window.h"
#include "export/tfl_writers.h"
#include "facet/arg.h"

#include <math.h>
#include <string.h>

/* ---- windows */

static nt_status read_window(nt_tfl_window *w, const nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_tfl_window_read(w, n, NULL, e));
    if (w->h.dil > 1 || w->w.dil > 1)
        return nt_tfl_refuse(e, "a dilation has");
    if (n->n_out > 1 && n->out[1])
        return nt_tfl_refuse(e, "a second output has");
done:
    return s;
}

/* From x to y. */
typedef struct pooled {
    nt_tfl_code code;
    int x, y;
    nt_tfl_padding padding;
} pooled;

static nt_status add_pool(nt_tfl *l, const pooled *p, const nt_tfl_window *w, nt_err *e)
{
    nt_status s = NT_OK;
    nt_tfl_op *o;

    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){p->code, &p->x, 1}, p->y, e));
    nt_tfl_set_int8(o, 0, p->padding);
    nt_tfl_set_int32(o, 1, w->w.stride, 0);
    nt_tfl_set_int32(o, 2, w->h.stride, 0);
    nt_tfl_set_int32(o, 3, w->w.ker, 0);
    nt_tfl_set_int32(o, 4, w->h.ker, 0);
done:
    return s;
}

/* Is nothing of it below 0? Then zeros do no harm to a maximum. */
static bool is_positive(const nt_value *v)
{
    nt_plain_range r;

    return v->producer && nt_plain_is_bounds(&r, v->producer) && r.lo >= 0;
}

nt_status nt_tfl_max_pool(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_padding padding;
    nt_status s = NT_OK;
    nt_tfl_window w;
    int x, y;

    NT_TRY(read_window(&w, n, e));
    NT_TRY(nt_tfl_picture_in(&x, l, n->in[0], e));
    if (!nt_tfl_window_padding(&padding, &w))
        NT_TRY(
            nt_tfl_window_pad(&x, l, n->in[0], &w, is_positive(n->in[0]) ? 0 : -INFINITY, e));
    NT_TRY(nt_tfl_picture_out(&y, l, n->out[0], e));
    NT_TRY(add_pool(l, &(pooled){NT_TFL_MAX_POOL_2D, x, y, padding}, &w, e));
    NT_TRY(nt_tfl_picture_close(l, n->out[0], y, e));
done:
    return s;
}

/* How many entries of window i a mean counts: with what pads it has, or not. */
static int64_t counted(const nt_tfl_side *d, int64_t i, bool with_pads)
{
    int64_t from = i * d->stride - d->lo, to = from + d->ker;
    int64_t lo = with_pads ? -d->lo : 0, hi = with_pads ? d->in + d->hi : d->in;

    return (to < hi ? to : hi) - (from > lo ? from : lo);
}

static bool counts_all(const nt_tfl_window *w, bool with_pads)
{
    for (int64_t p = 0; p < w->h.out; p++) {
        if (counted(&w->h, p, with_pads) != w->h.ker)
            return false;
    }
    for (int64_t q = 0; q < w->w.out; q++) {
        if (counted(&w->w, q, with_pads) != w->w.ker)
            return false;
    }
    return true;
}

/* What a mean that counts all its windows' entries is to be multiplied by. */
static nt_status add_factors(int *t, nt_tfl *l, const nt_tfl_window *w, bool with_pads,
                             nt_err *e)
{
    float *v = nt_tfl_floats(l, w->h.out * w->w.out), *to = v;
    nt_tfl_shape shape = {4, {1, w->h.out, w->w.out, 1}};

    if (!v)
        return nt_fail_nomem(e);
    for (int64_t p = 0; p < w->h.out; p++) {
        for (int64_t q = 0; q < w->w.out; q++)
            *to++ =
                (float)((double)(w->h.ker * w->w.ker) /
                        (double)(counted(&w->h, p, with_pads) * counted(&w->w, q, with_pads)));
    }
    return nt_tfl_const(t, l, "factors", &shape, v, e);
}

/* Of windows that are padded before, so that all have all their entries. */
static nt_status padded_mean(nt_tfl *l, const nt_node *n, const nt_tfl_window *w, int x, int y,
                             nt_err *e)
{
    bool with_pads = nt_node_int(n, "count_include_pad", 0) != 0;
    nt_tfl_shape shape = nt_tfl_picture_shape(n->out[0]);
    bool plain = counts_all(w, with_pads);
    nt_status s = NT_OK;
    int in[2] = {y};
    nt_tfl_op *o;

    NT_TRY(nt_tfl_window_pad(&x, l, n->in[0], w, 0, e));
    if (!plain)
        NT_TRY(nt_tfl_temp(&in[0], l, n->out[0], "mean", &shape, e));
    NT_TRY(add_pool(l, &(pooled){NT_TFL_AVERAGE_POOL_2D, x, in[0], NT_TFL_VALID}, w, e));
    if (plain)
        goto done;
    NT_TRY(add_factors(&in[1], l, w, with_pads, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){NT_TFL_MUL, in, 2}, y, e));
done:
    return s;
}

/* TFLite's means count no pads. */
nt_status nt_tfl_average_pool(nt_tfl *l, const nt_node *n, nt_err *e)
{
    nt_tfl_padding padding;
    nt_status s = NT_OK;
    nt_tfl_window w;
    bool same;
    int x, y;

    NT_TRY(read_window(&w, n, e));
    NT_TRY(nt_tfl_picture_in(&x, l, n->in[0], e));
    NT_TRY(nt_tfl_picture_out(&y, l, n->out[0], e));
    same = nt_tfl_window_padding(&padding, &w);
    if (same && (padding == NT_TFL_VALID || !nt_node_int(n, "count_include_pad", 0)))
        NT_TRY(add_pool(l, &(pooled){NT_TFL_AVERAGE_POOL_2D, x, y, padding}, &w, e));
    else
        NT_TRY(padded_mean(l, n, &w, x, y, e));
    NT_TRY(nt_tfl_picture_close(l, n->out[0], y, e));
done:
    return s;
}

/* ---- whole axes */

/* Of these axes, as they lie; from x to y. */
typedef struct reduced {
    nt_tfl_code code;
    int x, y, n;
    int64_t axes[NT_MAX_RANK];
    bool keep;
} reduced;

static nt_status add_reduce(nt_tfl *l, const reduced *r, nt_err *e)
{
    nt_status s = NT_OK;
    int in[2] = {r->x};
    nt_tfl_op *o;

    NT_TRY(nt_tfl_ints(&in[1], l, r->axes, r->n, 1, e));
    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){r->code, in, 2}, r->y, e));
    nt_tfl_set_int8(o, 0, r->keep);
done:
    return s;
}

static nt_tfl_code code_of(const nt_node *n)
{
    static const struct {
        const char *op_type;
        nt_tfl_code code;
    } codes[] = {{"GlobalMaxPool", NT_TFL_REDUCE_MAX},
                 {"ReduceMax", NT_TFL_REDUCE_MAX},
                 {"ReduceMin", NT_TFL_REDUCE_MIN},
                 {"ReduceSum", NT_TFL_SUM}};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (nt_node_is(n, codes[i].op_type))
            return codes[i].code;
    }
    return NT_TFL_MEAN;
}

nt_status nt_tfl_global_pool(nt_tfl *l, const nt_node *n, nt_err *e)
{
    reduced r = {.code = code_of(n), .n = n->in[0]->rank - 2, .keep = true};
    nt_status s = NT_OK;

    for (int i = 0; i < r.n; i++)
        r.axes[i] = i + 1;
    NT_TRY(nt_tfl_in(&r.x, l, n->in[0], NT_TFL_LAST, e));
    NT_TRY(nt_tfl_out(&r.y, l, n->out[0], NT_TFL_LAST, e));
    NT_TRY(add_reduce(l, &r, e));
done:
    return s;
}

static nt_status read_axes(bool *gone, const nt_node *n, nt_err *e)
{
    bool given, any = false;
    int rank = n->in[0]->rank;
    nt_status s = NT_OK;

    if (nt_has_in(n, 1) && !nt_const_in(n, 1))
        return nt_tfl_refuse(e, "axes that are no constant have");
    NT_TRY(nt_arg_axes(gone, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, rank, e));
    for (int i = 0; i < rank; i++)
        any = any || gone[i];
    for (int i = 0; i < rank && !any; i++)
        gone[i] = !nt_node_int(n, "noop_with_empty_axes", 0);
done:
    return s;
}

/* Do the axes that stay lie in ONNX's order, channels last? */
static bool stay_in_order(int rank, const bool *gone)
{
    int last = -1;

    for (int i = 0; i < rank; i++) {
        int axis = nt_tfl_axis_of(rank, NT_TFL_LAST, i);

        if (gone[axis])
            continue;
        if (axis < last)
            return false;
        last = axis;
    }
    return true;
}

nt_status nt_tfl_reduce(nt_tfl *l, const nt_node *n, nt_err *e)
{
    reduced r = {.code = code_of(n), .keep = nt_node_int(n, "keepdims", 1) != 0};
    bool gone[NT_MAX_RANK] = {false};
    nt_tfl_form form = nt_tfl_form_in(l, n);
    int rank = n->in[0]->rank;
    nt_status s = NT_OK;

    NT_TRY(read_axes(gone, n, e));
    if (!r.keep && !stay_in_order(rank, gone))
        form = NT_TFL_PLAIN;
    for (int i = 0; i < rank; i++) {
        if (gone[nt_tfl_axis_of(rank, form, i)])
            r.axes[r.n++] = i;
    }
    NT_TRY(nt_tfl_in(&r.x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_out(&r.y, l, n->out[0], r.keep ? form : NT_TFL_PLAIN, e));
    NT_TRY(add_reduce(l, &r, e));
done:
    return s;
}

/* ---- softmax */

static nt_status add_softmax(nt_tfl *l, const nt_node *n, int x, int y, nt_err *e)
{
    bool log = nt_node_is(n, "LogSoftmax");
    nt_status s = NT_OK;
    nt_tfl_op *o;

    NT_TRY(nt_tfl_op1(&o, l, (nt_tfl_from){log ? NT_TFL_LOG_SOFTMAX : NT_TFL_SOFTMAX, &x, 1}, y,
                      e));
    if (!log)
        nt_tfl_set_float(o, 0, 1);
done:
    return s;
}

/* x and y in another shape between. */
static nt_status softmax_as(nt_tfl *l, const nt_node *n, const nt_tfl_shape *shape,
                            const int64_t *perm, nt_err *e)
{
    nt_status s = NT_OK;
    int x, y, from, to;

    NT_TRY(nt_tfl_in(&x, l, n->in[0], NT_TFL_PLAIN, e));
    NT_TRY(nt_tfl_temp(&from, l, n->in[0], "moved", shape, e));
    NT_TRY(nt_tfl_temp(&to, l, n->out[0], "moved", shape, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], NT_TFL_PLAIN, e));
    NT_TRY(perm ? nt_tfl_transpose(l, x, from, perm, e) : nt_tfl_reshape(l, x, from, e));
    NT_TRY(add_softmax(l, n, from, to, e));
    NT_TRY(perm ? nt_tfl_transpose(l, to, y, perm, e) : nt_tfl_reshape(l, to, y, e));
done:
    return s;
}

/* The axis and the last one change places. */
static nt_status softmax_moved(nt_tfl *l, const nt_node *n, int axis, nt_err *e)
{
    nt_tfl_shape shape = nt_tfl_shape_of(n->in[0], NT_TFL_PLAIN);
    int64_t perm[NT_MAX_RANK], extent = shape.dims[axis];
    int last = shape.rank - 1;

    for (int i = 0; i <= last; i++)
        perm[i] = i;
    perm[axis] = last;
    perm[last] = axis;
    shape.dims[axis] = shape.dims[last];
    shape.dims[last] = extent;
    return softmax_as(l, n, &shape, perm, e);
}

/* Up to opset 12 all from the axis on is one row. */
static nt_status softmax_rows(nt_tfl *l, const nt_node *n, int axis, nt_err *e)
{
    nt_tfl_shape plain = nt_tfl_shape_of(n->in[0], NT_TFL_PLAIN), shape = {2, {1, 1}};

    for (int i = 0; i < plain.rank; i++)
        shape.dims[i >= axis] *= plain.dims[i];
    return softmax_as(l, n, &shape, NULL, e);
}

nt_status nt_tfl_softmax(nt_tfl *l, const nt_node *n, nt_err *e)
{
    bool rows = (n->opset ? n->opset : l->g->opset) < 13;
    nt_tfl_form form = nt_tfl_form_in(l, n);
    int rank = n->in[0]->rank, axis, x, y;
    nt_status s = NT_OK;

    NT_TRY(nt_axis(&axis, nt_node_int(n, "axis", rows ? 1 : -1), rank, e));
    if (rows && axis != rank - 1)
        return softmax_rows(l, n, axis, e);
    if (nt_tfl_stored(rank, form, axis) != rank - 1)
        form = axis == 1 ? NT_TFL_LAST : NT_TFL_PLAIN;
    if (nt_tfl_stored(rank, form, axis) != rank - 1)
        return softmax_moved(l, n, axis, e);
    NT_TRY(nt_tfl_in(&x, l, n->in[0], form, e));
    NT_TRY(nt_tfl_out(&y, l, n->out[0], form, e));
    NT_TRY(add_softmax(l, n, x, y, e));
done:
    return s;
}
