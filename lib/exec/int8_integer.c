/* SPDX-License-Identifier: MIT */
#include "exec/int8_integer.h"

#include "exec/fuse.h"
#include "op/filters.h"
#include "op/qparam.h"
#include "op/registry.h"

#include <string.h>

typedef struct integer {
    nt_graph *g;
    nt_node *root, *cast;
    nt_value *x, *w, *x_zero, *w_zero; /* zero points may be NULL */
    bool conv;
} integer;

/* ---- finding */

static bool has_pads(const nt_node *n, const nt_value *w)
{
    nt_window win;
    nt_err e;

    if (nt_filters_window_of(&win, n, w, w->rank - 2, &e) != NT_OK ||
        win.auto_pad != NT_PAD_EXPLICIT)
        return true;
    for (int i = 0; i < win.sp; i++)
        if (win.lo[i] || win.hi[i])
            return true;
    return false;
}

static nt_value *input(const nt_node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

static bool find(integer *f, nt_graph *g, nt_node *n, const char *const *keep)
{
    const nt_value *y = n->n_out ? n->out[0] : NULL;

    *f = (integer){.g = g, .root = n, .conv = nt_node_is(n, "ConvInteger")};
    if ((!f->conv && !nt_node_is(n, "MatMulInteger")) || !nt_fuse_may_vanish(y, keep))
        return false;
    f->cast = y->uses[0].node;
    f->x = n->in[0];
    f->w = n->in[1];
    f->x_zero = input(n, 2);
    f->w_zero = input(n, 3);
    return nt_node_is(f->cast, "Cast") && nt_fuse_may_vanish(f->cast->out[0], keep) &&
           f->cast->out[0]->dtype == NT_F32 && !f->x->data && f->w->data &&
           (f->conv || f->w->rank == 2) && (!f->w_zero || f->w_zero->data) &&
           (!f->x_zero || (f->x_zero->rank == 0 && !(f->conv && has_pads(n, f->w))));
}

/* ---- writing */

/* A node of one output, like `like` in its shape, before the Cast; d has none. */
static nt_status add(nt_node **out, const integer *f, nt_node_spec d, const nt_value *like,
                     nt_err *e)
{
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&y, f->g, NULL, e));
    y->dtype = NT_F32;
    y->rank = like->rank;
    memcpy(y->dims, like->dims, sizeof y->dims);
    d.out = &y;
    d.n_out = 1;
    NT_TRY(nt_graph_insert_node(out, f->g, f->cast, &d, e));
    (*out)->op = nt_op_find("", d.op_type, NT_OPSET_MAX);
done:
    return s;
}

/* Numbers x of a type, as many as `like`, a vector, has; one, of no dimensions, where it is not
 * there, or none itself. */
static nt_status add_const(nt_value **out, nt_graph *g, nt_dtype type, const nt_value *like,
                           double x, nt_err *e)
{
    bool many = like && like->rank > 0;
    int64_t count = many ? like->dims[0].value : 1;
    nt_tensor *t = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_tensor_new(&t, type, many, &count, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, x);
    NT_TRY(nt_graph_add_const(out, g, NULL, t, e));
done:
    return s;
}

/* Codes in steps of 1. */
static nt_status dequantize(nt_value **out, const integer *f, nt_value *codes, nt_value *zero,
                            int axis, nt_err *e)
{
    nt_value *in[3] = {codes, NULL, zero};
    nt_node *n = NULL;
    nt_status s = NT_OK;

    NT_TRY(add_const(&in[1], f->g, NT_F32, zero, 1, e));
    if (!zero)
        NT_TRY(add_const(&in[2], f->g, codes->dtype, NULL, 0, e));
    NT_TRY(add(&n, f, nt_node_of("DequantizeLinear", in, 3), codes, e));
    NT_TRY(nt_node_set_int(f->g, n, "axis", axis, e));
    *out = n->out[0];
done:
    return s;
}

/* sum (w - v) of each output, in a shape that a product's result takes. */
static nt_status add_sums(nt_value **out, const integer *f, nt_err *e)
{
    nt_axis_view v = nt_tensor_axis(f->w->data, f->conv ? 0 : 1);
    int64_t dims[NT_MAX_RANK] = {v.n, 1, 1, 1};
    const nt_tensor *zero = f->w_zero ? f->w_zero->data : NULL;
    nt_tensor *t = NULL;
    nt_status s = NT_OK;
    int64_t at = 0;

    NT_TRY(nt_tensor_new(&t, NT_F32, f->conv ? f->w->rank - 1 : 1, dims, e));
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t k = 0; k < v.n; k++)
            for (int64_t i = 0; i < v.inner; i++, at++) {
                int64_t z = zero ? nt_tensor_get_i64(zero, zero->rank ? k : 0) : 0;

                ((float *)t->data)[k] += (float)(nt_tensor_get_i64(f->w->data, at) - z);
            }
    NT_TRY(nt_graph_add_const(out, f->g, NULL, t, e));
done:
    return s;
}

/* y less x's zero point times the sums. */
static nt_status take_zero(nt_value **y, const integer *f, nt_err *e)
{
    nt_value *two[2] = {NULL, NULL}, *diff[2] = {*y, NULL};
    nt_status s = NT_OK;
    nt_node *n = NULL;

    NT_TRY(add(&n, f, nt_node_of("Cast", &f->x_zero, 1), f->x_zero, e));
    NT_TRY(nt_node_set_int(f->g, n, "to", NT_F32, e));
    two[0] = n->out[0];
    NT_TRY(add_sums(&two[1], f, e));
    NT_TRY(add(&n, f, nt_node_of("Mul", two, 2), two[1], e));
    diff[1] = n->out[0];
    NT_TRY(add(&n, f, nt_node_of("Sub", diff, 2), *y, e));
    *y = n->out[0];
done:
    return s;
}

static nt_status write(const integer *f, nt_err *e)
{
    nt_value *in[2] = {NULL, NULL}, *y;
    nt_status s = NT_OK;
    nt_node *n = NULL;

    NT_TRY(dequantize(&in[0], f, f->x, NULL, 1, e));
    NT_TRY(dequantize(&in[1], f, f->w, f->w_zero, f->conv ? 0 : 1, e));
    NT_TRY(add(&n, f, nt_node_of(f->conv ? "Conv" : "MatMul", in, 2), f->root->out[0], e));
    NT_TRY(nt_node_copy_attrs(f->g, n, f->root, e));
    y = n->out[0];
    if (f->x_zero)
        NT_TRY(take_zero(&y, f, e));
    NT_TRY(nt_graph_replace_value(f->g, f->cast->out[0], y, e));
done:
    return s;
}

nt_status nt_int8_integer(nt_graph *g, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    integer f;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];

        if (!find(&f, g, n, keep))
            continue;
        NT_TRY(write(&f, e));
        i = f.cast->id;
    }
done:
    return s;
}
