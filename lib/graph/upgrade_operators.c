/* SPDX-License-Identifier: MIT */
/* Operators of ONNX whose attributes or inputs were others before opset 9. */
#include "graph/upgrade.h"

#include <math.h>
#include <string.h>

/* ---- broadcasting by attributes, until 6 */

static bool is_one_number(const nt_value *v)
{
    return v->rank == 0 || (v->data && nt_tensor_count(v->data) == 1);
}

/* Where b's dimensions stand among a's; without an axis, or with Caffe2's -1, at the end. */
static nt_status trailing_ones(int *out, const nt_value *a, const nt_value *b, int64_t axis,
                               nt_err *e)
{
    nt_status s = NT_OK;

    NT_TRY(nt_upgrade_wants_rank(a, e));
    NT_TRY(nt_upgrade_wants_rank(b, e));
    if (axis == -1)
        axis = a->rank - b->rank;
    else if (axis < 0)
        axis += a->rank;
    if (axis < 0 || axis > a->rank - b->rank)
        NT_TRY(nt_fail(e, NT_EFORMAT,
                       "axis %lld has no room for the %d dimensions of '%.128s' in %d",
                       (long long)axis, b->rank, b->name, a->rank));
    *out = (int)(a->rank - b->rank - axis);
done:
    return s;
}

static nt_status broadcast(nt_graph *g, nt_node *n, nt_err *e)
{
    bool aligned = nt_node_int(n, "broadcast", 0) && nt_node_attr(n, "axis");
    int64_t axis = nt_node_int(n, "axis", -1);
    nt_status s = NT_OK;
    int ones = 0;

    nt_node_remove_attr(n, "broadcast");
    nt_node_remove_attr(n, "axis");
    if (!aligned || n->n_in != 2 || !n->in[0] || !n->in[1] || is_one_number(n->in[1]))
        return NT_OK;
    NT_TRY(trailing_ones(&ones, n->in[0], n->in[1], axis, e));
    if (ones > 0)
        NT_TRY(nt_upgrade_append_ones(g, n, 1, ones, e));
done:
    return s;
}

/* A slope of one axis is one per channel. */
static nt_status prelu(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    if (n->n_in != 2 || !n->in[0] || !n->in[1] || n->in[1]->rank != 1 ||
        is_one_number(n->in[1]))
        return NT_OK;
    NT_TRY(nt_upgrade_wants_rank(n->in[0], e));
    if (n->in[0]->rank > 2)
        NT_TRY(nt_upgrade_append_ones(g, n, 1, n->in[0]->rank - 2, e));
done:
    return s;
}

static nt_status gemm(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_node_remove_attr(n, "broadcast");
    return NT_OK;
}

/* ---- is_test, until 6: whether a node trains is the plan's business */

static nt_status dropout(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    (void)e;
    nt_node_remove_attr(n, "is_test");
    return NT_OK;
}

/* Statistics of a batch that nobody reads. */
static void drop_unread(nt_node *n)
{
    while (n->n_out > 1 && (!n->out[n->n_out - 1] || (n->out[n->n_out - 1]->n_uses == 0 &&
                                                      !n->out[n->n_out - 1]->is_output))) {
        if (n->out[n->n_out - 1])
            n->out[n->n_out - 1]->producer = NULL;
        n->n_out--;
    }
}

/* With statistics for every activation: y = a x + b, a = scale / sqrt(var + epsilon). */
static nt_status each_activation(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_value *in[] = {n->in[0], NULL}, *shift = NULL;
    double epsilon = nt_node_float(n, "epsilon", 1e-5F);
    nt_tensor *a = NULL, *b = NULL;
    nt_status s = NT_OK;

    for (int i = 1; i < 5; i++)
        if (!n->in[i] || !n->in[i]->data ||
            nt_tensor_count(n->in[i]->data) != nt_tensor_count(n->in[1]->data))
            return nt_fail(e, NT_EUNSUPPORTED,
                           "spatial 0 with input %d not constant, or not "
                           "of the extents of the scale",
                           i);
    NT_TRY(nt_tensor_dup(&a, n->in[1]->data, e));
    NT_TRY(nt_tensor_dup(&b, n->in[2]->data, e));
    for (int64_t i = 0; i < nt_tensor_count(a); i++) {
        double k =
            nt_tensor_get(n->in[1]->data, i) / sqrt(nt_tensor_get(n->in[4]->data, i) + epsilon);

        nt_tensor_set(a, i, k);
        nt_tensor_set(b, i,
                      nt_tensor_get(n->in[2]->data, i) - nt_tensor_get(n->in[3]->data, i) * k);
    }
    s = nt_graph_add_const(&in[1], g, NULL, a, e);
    a = NULL;
    NT_TRY(s);
    s = nt_graph_add_const(&shift, g, NULL, b, e);
    b = NULL;
    NT_TRY(s);
    NT_TRY(nt_upgrade_put(&in[0], g, n, nt_node_of("Mul", in, 2), e));
    in[1] = shift;
    NT_TRY(nt_upgrade_become(g, n, "Add", in, 2, e));
done:
    nt_tensor_free(a);
    nt_tensor_free(b);
    return s;
}

static nt_status batchnorm(nt_graph *g, nt_node *n, nt_err *e)
{
    bool spatial = nt_node_int(n, "spatial", 1) != 0;
    nt_status s = NT_OK;

    nt_node_remove_attr(n, "is_test");
    nt_node_remove_attr(n, "spatial");
    drop_unread(n);
    if (spatial || n->n_in != 5 || !n->in[0])
        return NT_OK;
    NT_TRY(nt_upgrade_wants_rank(n->in[0], e));
    if (n->in[0]->rank != 2) /* of two dimensions it is the same */
        s = each_activation(g, n, e);
done:
    return s;
}

/* ---- attributes that became inputs, or have others' names or kinds */

static nt_status reshape(nt_graph *g, nt_node *n, nt_err *e)
{
    int64_t shape[NT_MAX_RANK];
    size_t rank = nt_node_ints(n, "shape", shape, NT_MAX_RANK);
    nt_value *v = NULL;
    nt_status s = NT_OK;

    if (!nt_node_attr(n, "shape"))
        return NT_OK; /* refused for the input it lacks */
    if (rank > NT_MAX_RANK)
        return nt_fail(e, NT_EUNSUPPORTED, "shape has %zu dimensions, more than %d", rank,
                       NT_MAX_RANK);
    NT_TRY(nt_upgrade_ints(&v, g, shape, rank, e));
    NT_TRY(nt_graph_set_input(g, n, 1, v, e));
    nt_node_remove_attr(n, "shape");
done:
    return s;
}

/* Names as TensorProto has them. */
static nt_status cast(nt_graph *g, nt_node *n, nt_err *e)
{
    static const char *const names[] = {
        "UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
        "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64",
    };
    const char *to = nt_node_str(n, "to", NULL);

    for (size_t i = 1; to && i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], to) == 0)
            return nt_node_set_int(g, n, "to", (int64_t)i, e);
    return to ? nt_fail(e, NT_EUNSUPPORTED, "type '%s' is not supported", to) : NT_OK;
}

static nt_status concat(nt_graph *g, nt_node *n, nt_err *e)
{
    return nt_node_attr(n, "axis") ? NT_OK : nt_node_set_int(g, n, "axis", 1, e);
}

static nt_status pad(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "paddings");
    nt_status s = NT_OK;

    if (!a || a->kind != NT_ATTR_INTS)
        return NT_OK;
    NT_TRY(nt_node_set_ints(g, n, "pads", a->ints, a->n, e));
    nt_node_remove_attr(n, "paddings");
done:
    return s;
}

static nt_status lp(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *a = nt_node_attr(n, "p");

    if (!a || a->kind != NT_ATTR_FLOAT)
        return NT_OK;
    if (!(a->f >= 1 && a->f < 1e6F) || truncf(a->f) != a->f)
        return nt_fail(e, NT_EUNSUPPORTED, "p is %g, and only whole norms are supported",
                       (double)a->f);
    return nt_node_set_int(g, n, "p", (int64_t)a->f, e);
}

/* The defaults had fewer digits. */
static nt_status selu(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;

    if (!nt_node_attr(n, "alpha"))
        NT_TRY(nt_node_set_float(g, n, "alpha", 1.6732F, e));
    if (!nt_node_attr(n, "gamma"))
        NT_TRY(nt_node_set_float(g, n, "gamma", 1.0507F, e));
done:
    return s;
}

/* Up to max whole numbers of input i, which must be constant. */
static nt_status const_ints(int64_t *out, size_t *count, size_t max, const nt_node *n, int i,
                            nt_err *e)
{
    const nt_value *v = i < n->n_in ? n->in[i] : NULL;

    if (!v || !v->data)
        return nt_fail(e, NT_EUNSUPPORTED, "input %d is not constant", i);
    *count = (size_t)nt_tensor_count(v->data);
    if (*count > max)
        return nt_fail(e, NT_EUNSUPPORTED, "input %d has %zu elements, more than %zu", i,
                       *count, max);
    for (size_t k = 0; k < *count; k++)
        out[k] = nt_tensor_get_i64(v->data, (int64_t)k);
    return NT_OK;
}

/* Sizes could be a second input; an axis had no default. */
static nt_status split(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_status s = NT_OK;
    int64_t sizes[64];
    size_t count;

    if (!nt_node_attr(n, "axis"))
        return nt_fail(e, NT_EUNSUPPORTED, "it has no axis, and there was no default");
    if (n->n_in < 2)
        return NT_OK;
    NT_TRY(const_ints(sizes, &count, sizeof sizes / sizeof *sizes, n, 1, e));
    NT_TRY(nt_node_set_ints(g, n, "split", sizes, count, e));
    NT_TRY(nt_graph_set_input(g, n, 1, NULL, e));
    n->n_in = 1;
done:
    return s;
}

/* How often, and along which axis. */
static nt_status tile(nt_graph *g, nt_node *n, nt_err *e)
{
    int64_t times[1] = {1}, axis[1] = {0}, repeats[NT_MAX_RANK];
    nt_value *in[2] = {n->n_in > 0 ? n->in[0] : NULL, NULL};
    size_t count[2];
    nt_status s = NT_OK;

    if (!in[0] || n->n_in < 3)
        return NT_OK;
    NT_TRY(const_ints(times, &count[0], 1, n, 1, e));
    NT_TRY(const_ints(axis, &count[1], 1, n, 2, e));
    NT_TRY(nt_upgrade_wants_rank(in[0], e));
    if (axis[0] < 0)
        axis[0] += in[0]->rank;
    if (count[0] != 1 || count[1] != 1 || axis[0] < 0 || axis[0] >= in[0]->rank)
        NT_TRY(nt_fail(e, NT_EFORMAT, "no axis of '%.128s' to repeat", in[0]->name));
    for (int i = 0; i < in[0]->rank; i++)
        repeats[i] = i == axis[0] ? times[0] : 1;
    NT_TRY(nt_upgrade_ints(&in[1], g, repeats, (size_t)in[0]->rank, e));
    NT_TRY(nt_upgrade_become(g, n, "Tile", in, 2, e));
done:
    return s;
}

/* Of pictures, with a scale per axis (1 to 6), or scales for all axes (7, 8). */
static nt_status upsample(nt_graph *g, nt_node *n, nt_err *e)
{
    const nt_attr *all = nt_node_attr(n, "scales");
    const float sides[] = {1, 1, nt_node_float(n, "height_scale", 0),
                           nt_node_float(n, "width_scale", 0)};
    bool is_list = all && all->kind == NT_ATTR_FLOATS;
    const char *mode = nt_node_str(n, "mode", "nearest");
    nt_value *in[2] = {n->n_in == 1 ? n->in[0] : NULL, NULL};
    static const nt_value floats = {.dtype = NT_F32};
    nt_status s = NT_OK;

    if (!in[0] || (!is_list && (sides[2] <= 0 || sides[3] <= 0)))
        return nt_fail(e, NT_EFORMAT, "it has no scales");
    NT_TRY(nt_upgrade_numbers(&in[1], g, &floats, is_list ? all->floats : sides,
                              is_list ? all->n : 4, e));
    NT_TRY(nt_upgrade_become(g, n, "Upsample", in, 2, e));
    NT_TRY(nt_node_set_str(g, n, "mode", strcmp(mode, "bilinear") == 0 ? "linear" : mode, e));
done:
    return s;
}

/* Bodies are read when they are needed, as nodes of the model's opset. */
static nt_status control(nt_graph *g, nt_node *n, nt_err *e)
{
    (void)g;
    return nt_fail(e, NT_EUNSUPPORTED,
                   "operator '%s' in a model of an opset this old is not "
                   "supported",
                   n->op_type);
}

const nt_upgrade_rule nt_upgrade_operators[] = {
    {"Add", 1, 6, broadcast},
    {"Sub", 1, 6, broadcast},
    {"Mul", 1, 6, broadcast},
    {"Div", 1, 6, broadcast},
    {"Pow", 1, 6, broadcast},
    {"And", 1, 6, broadcast},
    {"Or", 1, 6, broadcast},
    {"Xor", 1, 6, broadcast},
    {"Equal", 1, 6, broadcast},
    {"Less", 1, 6, broadcast},
    {"Greater", 1, 6, broadcast},
    {"PRelu", 1, 6, prelu},
    {"Gemm", 1, 6, gemm},
    {"Dropout", 1, 6, dropout},
    {"BatchNormalization", 1, 8, batchnorm},
    {"Reshape", 1, 4, reshape},
    {"Cast", 1, 5, cast},
    {"Concat", 1, 3, concat},
    {"Pad", 1, 1, pad},
    {"LpPool", 1, 1, lp},
    {"GlobalLpPool", 1, 1, lp},
    {"Selu", 1, 5, selu},
    {"Split", 1, 1, split},
    {"Tile", 1, 5, tile},
    {"Upsample", 1, 8, upsample},
    {"If", 1, 8, control},
    {"Loop", 1, 8, control},
    {"Scan", 1, 8, control},
    {NULL, 0, 0, NULL},
};
