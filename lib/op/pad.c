/* SPDX-License-Identifier: MIT */
/*
 * pad.c - Pad: constant, reflect, edge and (opset 19) wrap. Pads and value are attributes up to
 * opset 10, inputs since 11, with axes since 18. Negative pads cut.
 */
#include "op/adapt.h"
#include "op/couple.h"
#include "op/op.h"
#include "op/util.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <string.h>

typedef enum pad_mode { CONSTANT, REFLECT, EDGE, WRAP } pad_mode;

typedef struct pads {
    int64_t lo[NT_MAX_RANK], hi[NT_MAX_RANK];
} pads;

static nt_status read_mode(pad_mode *m, const nt_node *n, nt_err *e)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *mode = nt_node_str(n, "mode", "constant");
    int last = n->op && n->op->since < 11 ? EDGE : WRAP;

    for (int i = 0; i <= last; i++)
        if (!strcmp(mode, names[i])) {
            *m = (pad_mode)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", mode);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    pad_mode m;

    (void)g;
    return read_mode(&m, n, e);
}

/* All entries, for the named axes or for all of them. */
static nt_status read_list(int64_t *list, size_t *count, const nt_node *n, const nt_tensor *t,
                           nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "pads");

    if (t)
        return nt_tensor_ints(list, count, 2 * NT_MAX_RANK, t, e);
    if (!a || a->n > 2 * NT_MAX_RANK)
        return nt_fail(e, NT_EFORMAT, "pads are missing or too many");
    *count = nt_node_ints(n, "pads", list, 2 * NT_MAX_RANK);
    return NT_OK;
}

static nt_status read_pads(pads *p, const nt_node *n, const nt_tensor *list_t,
                           const nt_tensor *axes_t, int rank, nt_err *e)
{
    int64_t list[2 * NT_MAX_RANK], axes[NT_MAX_RANK];
    size_t count, n_axes = (size_t)rank;
    nt_status s = NT_OK;

    memset(p, 0, sizeof *p);
    NT_TRY(read_list(list, &count, n, list_t, e));
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (axes_t)
        NT_TRY(nt_tensor_ints(axes, &n_axes, NT_MAX_RANK, axes_t, e));
    if (count != 2 * n_axes)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%zu pads, want %zu", count, 2 * n_axes));
    for (size_t i = 0; i < n_axes; i++) {
        int axis = 0;

        NT_TRY(nt_axis(&axis, axes[i], rank, e));
        p->lo[axis] = list[i];
        p->hi[axis] = list[i + n_axes];
    }
done:
    return s;
}

static nt_status padded(int64_t *out, const pads *p, int axis, int64_t extent, pad_mode m,
                        nt_err *e)
{
    int64_t room = m == REFLECT    ? extent - 1
                   : m == CONSTANT ? INT64_MAX
                   : extent        ? INT64_MAX
                                   : 0;

    if (p->lo[axis] > room || p->hi[axis] > room)
        return nt_fail(e, NT_EFORMAT,
                       "axis %d of extent %" PRId64 " cannot be padded by %" PRId64, axis,
                       extent, p->lo[axis] > room ? p->lo[axis] : p->hi[axis]);
    if (!nt_i64_add(out, extent, p->lo[axis]) || !nt_i64_add(out, *out, p->hi[axis]) ||
        *out < 0)
        return nt_fail(e, NT_EFORMAT, "axis %d of extent %" PRId64 " is cut to nothing", axis,
                       extent);
    return NT_OK;
}

static bool args_known(const nt_node *n)
{
    return (!nt_has_in(n, 1) || nt_const_in(n, 1)) && (!nt_has_in(n, 3) || nt_const_in(n, 3));
}

static nt_status infer(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0];
    nt_dim dims[NT_MAX_RANK];
    nt_status s = NT_OK;
    bool known = args_known(n);
    pad_mode m;
    pads p;

    (void)g;
    nt_infer_type(n->out[0], x->dtype);
    if (x->rank < 0)
        goto done;
    NT_TRY(read_mode(&m, n, e));
    if (known)
        NT_TRY(read_pads(&p, n, nt_const_in(n, 1), nt_const_in(n, 3), x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        dims[i] = known && p.lo[i] == 0 && p.hi[i] == 0 ? x->dims[i] : nt_dim_of(-1);
        if (known && x->dims[i].value >= 0)
            NT_TRY(padded(&dims[i].value, &p, i, x->dims[i].value, m, e));
    }
    nt_infer_set(n->out[0], x->dtype, x->rank, dims);
done:
    return s;
}

/* The input index that output index i of an axis shows; -1: the constant. */
static int64_t source(int64_t i, int64_t lo, int64_t extent, pad_mode m)
{
    i -= lo;
    if (i >= 0 && i < extent)
        return i;
    switch (m) {
    case REFLECT:
        return i < 0 ? -i : 2 * (extent - 1) - i;
    case EDGE:
        return i < 0 ? 0 : extent - 1;
    case WRAP:
        return (i % extent + extent) % extent;
    default:
        return -1;
    }
}

/* For every axis and output index, the offset of its source in x, or -1; freed by the caller.
 */
static nt_status offsets(int64_t **table, int64_t **axis, const nt_node *n,
                         const nt_tensor *const *in, const int64_t *ydims, nt_err *e)
{
    const nt_tensor *x = in[0];
    int64_t xs[NT_MAX_RANK], total = 0;
    nt_status s = NT_OK;
    pad_mode m;
    pads p;

    NT_TRY(read_mode(&m, n, e));
    NT_TRY(
        read_pads(&p, n, n->n_in > 1 ? in[1] : NULL, n->n_in > 3 ? in[3] : NULL, x->rank, e));
    nt_strides(xs, x->rank, x->dims);
    for (int i = 0; i < x->rank; i++)
        total += ydims[i];
    *table = nt_alloc((size_t)total, sizeof **table);
    if (!*table)
        NT_TRY(nt_fail_nomem(e));
    total = 0;
    for (int a = 0; a < x->rank; a++) {
        axis[a] = *table + total;
        for (int64_t i = 0; i < ydims[a]; i++) {
            int64_t from = source(i, p.lo[a], x->dims[a], m);

            axis[a][i] = from < 0 ? -1 : from * xs[a];
        }
        total += ydims[a];
    }
done:
    return s;
}

/* Walks y's elements in order; *from: x's offset, or -1 for the constant. */
typedef struct pad_walk {
    int rank;
    const int64_t *dims;
    int64_t idx[NT_MAX_RANK];
} pad_walk;

static int64_t pad_source(const pad_walk *w, int64_t *const *axis)
{
    int64_t at = 0;

    for (int i = 0; i < w->rank; i++) {
        int64_t o = axis[i][w->idx[i]];

        if (o < 0)
            return -1;
        at += o;
    }
    return at;
}

static void pad_next(pad_walk *w)
{
    for (int i = w->rank - 1; i >= 0; i--) {
        if (++w->idx[i] < w->dims[i])
            return;
        w->idx[i] = 0;
    }
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    nt_tensor *y = out[0];
    int64_t *table = NULL, *axis[NT_MAX_RANK], count = nt_tensor_count(y);
    size_t size = nt_dtype_size(y->dtype);
    const void *fill_at;
    double raw[1] = {0}; /* storage for one element of any type */
    nt_tensor fill = {.dtype = y->dtype, .data = raw};
    pad_walk w = {.rank = y->rank, .dims = y->dims};
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(in[0], e));
    NT_TRY(offsets(&table, axis, n, in, y->dims, e));
    nt_tensor_set(&fill, 0, nt_node_float(n, "value", 0));
    fill_at = n->n_in > 2 && in[2] && nt_tensor_count(in[2]) == 1 ? in[2]->data : raw;
    for (int64_t i = 0; i < count; i++, pad_next(&w)) {
        int64_t from = pad_source(&w, axis);

        memcpy((char *)y->data + (size_t)i * size,
               from < 0 ? fill_at : (const char *)in[0]->data + (size_t)from * size, size);
    }
done:
    nt_free(table);
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *dy = dout[0];
    int64_t *table = NULL, *axis[NT_MAX_RANK], count = nt_tensor_count(dy);
    pad_walk w = {.rank = dy->rank, .dims = dy->dims};
    nt_status s = NT_OK;
    float *dx;

    (void)out;
    if (!din[0])
        goto done;
    dx = din[0]->data;
    memset(dx, 0, nt_tensor_bytes(din[0]));
    NT_TRY(offsets(&table, axis, n, in, dy->dims, e));
    for (int64_t i = 0; i < count; i++, pad_next(&w)) {
        int64_t from = pad_source(&w, axis);

        if (from >= 0)
            dx[from] += ((const float *)dy->data)[i];
    }
done:
    nt_free(table);
    return s;
}

/* Constant channels that are added may go as others do; for other modes and for cuts the axis
 * is left out, and so frozen. */
static nt_status couple(nt_coupling *c, const nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    nt_status s = NT_OK;
    pad_mode m;
    pads p;

    if (!args_known(n))
        goto done;
    NT_TRY(read_mode(&m, n, e));
    NT_TRY(read_pads(&p, n, nt_const_in(n, 1), nt_const_in(n, 3), x->rank, e));
    for (int i = 0; i < x->rank; i++)
        if ((p.lo[i] == 0 && p.hi[i] == 0) || (m == CONSTANT && p.lo[i] >= 0 && p.hi[i] >= 0))
            NT_TRY(nt_couple_tie(c, (nt_span){x, i, 1}, 0, 1, (nt_span){y, i, 1}, p.lo[i], 1,
                                 x->dims[i].value, e));
done:
    return s;
}

static nt_status adapt(const nt_kept *k, nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_value *x = n->in[0], *y = n->out[0];
    int64_t list[2 * NT_MAX_RANK];
    nt_status s = NT_OK;
    bool changed = false;
    pads p;

    if (!args_known(n))
        goto done;
    NT_TRY(read_pads(&p, n, nt_const_in(n, 1), nt_const_in(n, 3), x->rank, e));
    for (int i = 0; i < x->rank; i++) {
        int64_t end = p.lo[i] + nt_kept_old_dim(k, x, i);

        if ((p.lo[i] || p.hi[i]) && nt_kept_is_cut(k, y, i)) {
            p.lo[i] = nt_kept_below(k, y, i, p.lo[i]);
            p.hi[i] = nt_kept_dim(k, y, i) - nt_kept_below(k, y, i, end);
            changed = true;
        }
        list[i] = p.lo[i];
        list[i + x->rank] = p.hi[i];
    }
    if (!changed)
        goto done;
    if (n->op->since < 11) {
        NT_TRY(nt_node_set_ints(g, n, "pads", list, 2 * (size_t)x->rank, e));
    } else {
        NT_TRY(nt_adapt_input(g, n, 1, list, 2 * (size_t)x->rank, e));
        if (nt_has_in(n, 3))
            NT_TRY(nt_graph_set_input(g, n, 3, NULL, e)); /* all axes, in order */
    }
done:
    return s;
}

static const nt_attr_spec attrs_2[] = {{"mode", NT_ATTR_STRING, false},
                                       {"pads", NT_ATTR_INTS, true},
                                       {"value", NT_ATTR_FLOAT, false},
                                       {0}};
static const nt_attr_spec attrs_11[] = {{"mode", NT_ATTR_STRING, false}, {0}};

#define PAD                                                                                    \
    .name = "Pad", .domain = "", .min_out = 1, .max_out = 1, .check = check, .infer = infer,   \
    .eval = eval, .grad = grad, .couple = couple, .adapt = adapt

const nt_op nt_op_pad[] = {
    {PAD, .since = 2, .until = 10, .min_in = 1, .max_in = 1, .attrs = attrs_2},
    {PAD, .since = 11, .until = 17, .min_in = 2, .max_in = 3, .attrs = attrs_11},
    {PAD, .since = 18, .min_in = 2, .max_in = 4, .attrs = attrs_11},
    {0},
};
