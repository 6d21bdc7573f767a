/* SPDX-License-Identifier: MIT */
/* The square root gives the idiom away: from there back to x, and forth to the last node, whose
 * output the joined operator takes over. */
#include "exec/idiom_norm.h"

#include "exec/fuse.h"
#include "facet/arg.h"
#include "facet/infer.h"
#include "op/registry.h"


/* What was found, and the node it ends with. */
typedef struct block {
    const nt_node *last;
    nt_value *x, *scale, *shift; /* shift: NULL where there is none */
    int axis;
    float eps;
} block;

/* The only consumer of a node's output, when that may vanish. */
static const nt_node *after(const nt_node *n, const char *const *keep)
{
    return nt_fuse_may_vanish(n->out[0], keep) ? n->out[0]->uses[0].node : NULL;
}

/* The other operand of a node of two. */
static nt_value *other(const nt_node *n, const nt_value *v)
{
    return n->in[n->in[0] == v];
}

/* A constant of one element that training leaves alone. */
static bool is_number(const nt_value *v)
{
    return v->data && !v->live && nt_dtype_is_real(v->dtype) && nt_tensor_count(v->data) == 1;
}

/* Is n the mean over x's last axes, kept as ones? *axis: the first of them. */
static bool is_row_mean(const nt_node *n, const nt_value *x, int *axis)
{
    bool gone[NT_MAX_RANK], given;
    nt_err e;

    if (!nt_node_is(n, "ReduceMean") || n->in[0] != x || !nt_node_int(n, "keepdims", 1) ||
        (nt_has_in(n, 1) && !nt_const_in(n, 1)) ||
        nt_arg_axes(gone, &given, (nt_arg){n, "axes", nt_const_in(n, 1)}, x->rank, &e) != NT_OK)
        return false;
    for (*axis = x->rank; *axis > 0 && gone[*axis - 1];)
        --*axis;
    for (int i = 0; i < *axis; i++)
        if (gone[i])
            return false;
    return *axis < x->rank;
}

/* The x of x - (its row mean). */
static nt_value *centred(const nt_value *v, int *axis)
{
    const nt_node *n = v->producer;

    return nt_node_is(n, "Sub") && n->in[1]->producer &&
                   is_row_mean(n->in[1]->producer, n->in[0], axis)
               ? n->in[0]
               : NULL;
}

/* The d of d^2. */
static nt_value *squared(const nt_node *n)
{
    if (nt_node_is(n, "Pow") && is_number(n->in[1]) && nt_tensor_get(n->in[1]->data, 0) == 2)
        return n->in[0];
    return nt_node_is(n, "Mul") && n->in[0] == n->in[1] ? n->in[0] : NULL;
}

/* sqrt(mean of (x - mean)^2 + eps): x, or NULL. */
static nt_value *deviation_of(const nt_node *root, float *eps, int *axis)
{
    const nt_node *sum = root->in[0]->producer, *var, *square;
    int other_axis = -1;
    nt_value *c, *d, *x;

    if (!nt_node_is(sum, "Add"))
        return NULL;
    c = sum->in[sum->in[1]->data != NULL];
    var = other(sum, c)->producer;
    if (!var || !is_number(c))
        return NULL;
    *eps = (float)nt_tensor_get(c->data, 0);
    square = nt_node_is(var, "ReduceMean") ? var->in[0]->producer : NULL;
    d = squared(square);
    x = d ? centred(d, axis) : NULL;
    return x && is_row_mean(var, square->out[0], &other_axis) && other_axis == *axis ? x : NULL;
}

static bool same_shape(const nt_value *a, const nt_value *b)
{
    if (a->rank != b->rank || a->dtype != b->dtype)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!nt_dim_same(a->dims[i], b->dims[i]))
            return false;
    return true;
}

/* The node after n, op with a constant that does not stretch x; *v: the constant. */
static const nt_node *with_row(const nt_node *n, const char *op, const nt_value *x,
                               nt_value **v, const char *const *keep)
{
    const nt_node *c = after(n, keep);
    nt_value *row = nt_node_is(c, op) ? other(c, n->out[0]) : NULL;

    if (!row || !row->data || row->rank > x->rank || !same_shape(c->out[0], x))
        return NULL;
    *v = row;
    return c;
}

static bool find(block *b, const nt_node *root, const char *const *keep)
{
    const nt_node *n, *sum;
    int own = -1;

    *b = (block){.axis = -1};
    b->x = nt_node_is(root, "Sqrt") ? deviation_of(root, &b->eps, &b->axis) : NULL;
    n = b->x ? after(root, keep) : NULL;
    if (!nt_node_is(n, "Div") || n->in[1] != root->out[0] || centred(n->in[0], &own) != b->x ||
        own != b->axis)
        return false;
    b->last = with_row(n, "Mul", b->x, &b->scale, keep);
    if (!b->last)
        return false;
    sum = with_row(b->last, "Add", b->x, &b->shift, keep);
    b->last = sum ? sum : b->last;
    return true;
}

/* The joined node takes the place of the last one. */
static nt_status join(nt_graph *g, const block *b, nt_err *e)
{
    nt_value *old = b->last->out[0], *v = NULL, *in[] = {b->x, b->scale, b->shift};
    nt_node *n = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&v, g, NULL, e));
    nt_infer_like(v, old);
    NT_TRY(nt_graph_insert_node(
        &n, g, b->last,
        &(nt_node_spec){"LayerNormalization", b->last->name, in, b->shift ? 3 : 2, &v, 1}, e));
    n->op = nt_op_find("", n->op_type, NT_OPSET_MAX);
    NT_TRY(nt_node_set_int(g, n, "axis", b->axis, e));
    NT_TRY(nt_node_set_float(g, n, "epsilon", b->eps, e));
    NT_TRY(nt_graph_replace_value(g, old, v, e));
done:
    return s;
}

nt_status nt_norm_idioms(nt_graph *g, const char *const *keep, nt_err *e)
{
    nt_status s = NT_OK;
    block b;

    for (int i = 0; i < g->n_nodes; i++)
        if (find(&b, g->nodes[i], keep))
            NT_TRY(join(g, &b, e));
done:
    return s;
}
