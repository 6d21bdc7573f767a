/* SPDX-License-Identifier: MIT */
/*
 * pad.c - Pad: constant, reflect, edge and (opset 19) wrap. Pads and value are attributes up to
 * opset 10, inputs since 11, with axes since 18. Negative pads cut.
 */
#include "couple/adapt.h"
#include "couple/couple.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "facet/op.h"
#include "facet/walk.h"
#include "op/pick.h"

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

    for (int i = 0; i <= WRAP; i++)
        if (!strcmp(mode, names[i])) {
            *m = (pad_mode)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EUNSUPPORTED, "mode '%s' is not supported", mode);
}

static nt_status check(const nt_graph *g, const nt_node *n, nt_err *e)
{
    pad_mode m;
    nt_status s = read_mode(&m, n, e);

    if (s == NT_OK && m == WRAP && g->opset < 19)
        return nt_fail(e, NT_EUNSUPPORTED, "mode 'wrap' is not supported before opset 19");
    return s;
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
    if (m != CONSTANT && extent == 0 && (p->lo[axis] > 0 || p->hi[axis] > 0))
        return nt_fail(e, NT_EFORMAT, "axis %d of extent 0 has nothing to be padded with",
                       axis);
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
    if (nt_has_in(n, 2) && x->dtype && n->in[2]->dtype && n->in[2]->dtype != x->dtype)
        NT_TRY(nt_fail(e, NT_EFORMAT, "the value is %s, the input %s",
                       nt_dtype_name(n->in[2]->dtype), nt_dtype_name(x->dtype)));
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
    int64_t period;

    i -= lo;
    if (i >= 0 && i < extent)
        return i;
    switch (m) {
    case REFLECT: /* to and fro with this period; an only element is its own reflection */
        period = extent > 1 ? 2 * (extent - 1) : 1;
        i = (i % period + period) % period;
        return i < extent ? i : period - i;
    case EDGE:
        return i < 0 ? 0 : extent - 1;
    case WRAP:
        return (i % extent + extent) % extent;
    default:
        return -1;
    }
}

/* The pick's maps from the node's pads; list, axes: the inputs' data, NULL where left out. */
static nt_status set_maps(nt_pick *pick, const nt_node *n, const nt_tensor *list,
                          const nt_tensor *axes, nt_err *e)
{
    nt_status s = NT_OK;
    pad_mode m;
    pads p;

    NT_TRY(read_mode(&m, n, e));
    NT_TRY(read_pads(&p, n, list, axes, pick->rank, e));
    for (int a = 0; a < pick->rank; a++)
        for (int64_t i = 0; i < pick->ydims[a]; i++)
            pick->map[a][i] = source(i, p.lo[a], pick->xdims[a], m);
done:
    return s;
}

static const nt_tensor *input(const nt_node *n, const nt_tensor *const *in, int i)
{
    return i < n->n_in ? in[i] : NULL;
}

static nt_status eval(const nt_node *n, const nt_tensor *const *in, nt_tensor *const *out,
                      nt_err *e)
{
    const nt_tensor *x = in[0], *value = input(n, in, 2);
    double raw[1] = {0}; /* storage for one element of any type */
    nt_tensor *y = out[0], fill = {.dtype = y->dtype, .data = raw};
    nt_pick *p = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_eval_wants_bytes(x, e));
    NT_TRY(nt_pick_new(&p, x->rank, x->dims, y->dims, e));
    NT_TRY(set_maps(p, n, input(n, in, 1), input(n, in, 3), e));
    nt_tensor_set(&fill, 0, nt_node_float(n, "value", 0));
    if (value && nt_tensor_count(value) == 1)
        memcpy(raw, value->data, nt_dtype_size(y->dtype));
    nt_pick_run(p, y->data, x->data, raw, nt_dtype_size(y->dtype));
done:
    nt_free(p);
    return s;
}

static nt_status grad(const nt_node *n, const nt_tensor *const *in, const nt_tensor *const *out,
                      const nt_tensor *const *dout, nt_tensor *const *din, nt_err *e)
{
    const nt_tensor *x = in[0], *dy = dout[0];
    nt_pick *p = NULL;
    nt_status s = NT_OK;

    (void)out;
    if (n->n_in > 2 && din[2])
        NT_TRY(nt_fail(e, NT_EUNSUPPORTED, "the value to pad with cannot be trained"));
    if (!din[0])
        goto done;
    NT_TRY(nt_pick_new(&p, x->rank, x->dims, dy->dims, e));
    NT_TRY(set_maps(p, n, input(n, in, 1), input(n, in, 3), e));
    nt_pick_grad(p, din[0]->data, dy->data);
done:
    nt_free(p);
    return s;
}

/* The planned form wants to know everything but the data. */
static nt_status plan(nt_pick **out, const nt_node *n, nt_err *e)
{
    int64_t xdims[NT_MAX_RANK], ydims[NT_MAX_RANK];
    nt_pick *pick = NULL;
    nt_status s = NT_OK;

    *out = NULL;
    if (!args_known(n) || (nt_has_in(n, 2) && !nt_const_in(n, 2)) ||
        !nt_value_shape(n->in[0], xdims) || !nt_value_shape(n->out[0], ydims))
        return NT_OK;
    NT_TRY(nt_pick_new(&pick, n->in[0]->rank, xdims, ydims, e));
    NT_TRY(set_maps(pick, n, nt_const_in(n, 1), nt_const_in(n, 3), e));
    *out = pick;
    pick = NULL;
done:
    nt_free(pick);
    return s;
}

static nt_status lower(nt_program *p, const nt_node *n, nt_err *e)
{
    float v = nt_node_float(n, "value", 0);
    nt_tensor attr = {.dtype = NT_F32, .data = &v};
    const nt_tensor *fill = nt_const_in(n, 2) ? nt_const_in(n, 2) : &attr;
    nt_pick *pick;
    nt_status s = plan(&pick, n, e);

    if (s != NT_OK)
        return s;
    return pick ? nt_pick_lower(p, n, pick, nt_tensor_count(fill) == 1 ? fill : NULL, e)
                : nt_lower_default(p, n, e);
}

static nt_status lower_grad(nt_program *p, const nt_node *n, nt_err *e)
{
    nt_pick *pick;
    nt_status s = plan(&pick, n, e);

    if (s != NT_OK)
        return s;
    return pick ? nt_pick_lower_grad(p, n, pick, e) : nt_lower_grad_default(p, n, e);
}

static bool does_nothing(const nt_node *n)
{
    int rank = n->in[0]->rank;
    pads p;

    if (!args_known(n) || rank < 0 ||
        read_pads(&p, n, nt_const_in(n, 1), nt_const_in(n, 3), rank, NULL) != NT_OK)
        return false;
    for (int i = 0; i < rank; i++)
        if (p.lo[i] || p.hi[i])
            return false;
    return true;
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
            NT_TRY(nt_couple_tie(c, (nt_indices){{x, i, 1}, 0, 1},
                                 (nt_indices){{y, i, 1}, p.lo[i], 1}, x->dims[i].value, e));
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
    .eval = eval, .grad = grad, .lower = lower, .lower_grad = lower_grad, .couple = couple,    \
    .does_nothing = does_nothing, .adapt = adapt

const nt_op nt_op_pad[] = {
    {PAD, .since = 2, .until = 10, .min_in = 1, .max_in = 1, .attrs = attrs_2},
    {PAD, .since = 11, .until = 17, .min_in = 2, .max_in = 3, .attrs = attrs_11},
    {PAD, .since = 18, .min_in = 2, .max_in = 4, .attrs = attrs_11},
    {0},
};
