/* SPDX-License-Identifier: MIT */
/*
 * ONNX Runtime's own operators on codes, which its quantizer writes. Each is its name's ONNX
 * operator between DequantizeLinear and QuantizeLinear, and becomes that; what computes on
 * codes finds them as in any other quantized file.
 */
#include "graph/pass.h"

#include <string.h>

#define DOMAIN "com.microsoft"

/* Inputs: `plain` ones, then `triples` of codes, scale and zero point (-1: all that are left),
 * then scale and zero point of the output, which are the very first where out_first. */
typedef struct rule {
    const char *op, *as;
    int plain, triples;
    bool out_first;
} rule;

static const rule rules[] = {
    {"QLinearAdd", "Add", 0, 2, false},
    {"QLinearMul", "Mul", 0, 2, false},
    {"QLinearSigmoid", "Sigmoid", 0, 1, false},
    {"QLinearLeakyRelu", "LeakyRelu", 0, 1, false},
    {"QLinearSoftmax", "Softmax", 0, 1, false},
    {"QLinearAveragePool", "AveragePool", 0, 1, false},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 0, 1, false},
    {"QLinearConcat", "Concat", 0, -1, true},
    {"QLinearWhere", "Where", 1, 2, false},
};

/* What ONNX has, too, with the same inputs. */
static const char *const same[] = {"QuantizeLinear", "DequantizeLinear", "QLinearConv"};

enum { MOST = 64 }; /* tensors to concatenate */

static nt_value *input(const nt_node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

static nt_status missing(const nt_node *n, const char *what, nt_err *e)
{
    char name[256];

    return nt_fail(e, NT_EUNSUPPORTED, "node '%s': %s %s", nt_node_label(name, sizeof name, n),
                   n->op_type, what);
}

/* A node of one output before n; d has none. */
static nt_status add(nt_node **out, nt_graph *g, const nt_node *n, nt_node_spec d, nt_err *e)
{
    nt_value *y = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_graph_add_value(&y, g, NULL, e));
    d.out = &y;
    d.n_out = 1;
    NT_TRY(nt_graph_insert_node(out, g, n, &d, e));
done:
    return s;
}

/* The codes at input i of n, with the scale and zero point behind them. */
static nt_status dequantize(nt_value **out, nt_graph *g, const nt_node *n, int i, int64_t axis,
                            nt_err *e)
{
    nt_value *in[3] = {input(n, i), input(n, i + 1), input(n, i + 2)};
    nt_status s = NT_OK;
    nt_node *d = NULL;

    if (!in[0] || !in[1])
        return missing(n, "lacks codes or their scale", e);
    NT_TRY(add(&d, g, n, nt_node_of("DequantizeLinear", in, in[2] ? 3 : 2), e));
    if (in[1]->data && nt_tensor_count(in[1]->data) > 1)
        NT_TRY(nt_node_set_int(g, d, "axis", axis, e));
    *out = d->out[0];
done:
    return s;
}

/* `made` takes n's place, quantized with what stands at input i and behind it. */
static nt_status quantize(nt_graph *g, nt_node *n, nt_node *made, int i, nt_err *e)
{
    nt_value *in[3] = {made->out[0], input(n, i), input(n, i + 1)};
    nt_node *q = made;
    nt_status s = NT_OK;

    if (in[1] && !in[2])
        return missing(n, "without a zero point of its output", e);
    if (in[1])
        NT_TRY(add(&q, g, n, nt_node_of("QuantizeLinear", in, 3), e));
    NT_TRY(nt_graph_replace_value(g, n->out[0], q->out[0], e));
    nt_graph_remove_node(g, n);
done:
    return s;
}

/* The node of ONNX's own, under n's name and with its attributes. */
static nt_status become(nt_node **out, nt_graph *g, const nt_node *n, nt_node_spec d, nt_err *e)
{
    nt_status s = NT_OK;

    d.name = n->name;
    NT_TRY(add(out, g, n, d, e));
    NT_TRY(nt_node_copy_attrs(g, *out, n, e));
    nt_node_remove_attr(*out, "channels_last");
    nt_node_remove_attr(*out, "opset"); /* Softmax: whose meaning it has */
done:
    return s;
}

static nt_status apply(nt_graph *g, nt_node *n, const rule *r, nt_err *e)
{
    int first = r->out_first ? 2 : r->plain, triples = r->triples;
    nt_value *in[MOST];
    nt_node *made = NULL;
    nt_status s = NT_OK;

    if (triples < 0)
        triples = (n->n_in - first) / 3;
    if (r->plain + triples > MOST || r->plain > n->n_in)
        return missing(n, "has too many inputs, or too few", e);
    for (int i = 0; i < r->plain; i++)
        in[i] = n->in[i];
    for (int i = 0; i < triples; i++)
        NT_TRY(dequantize(&in[r->plain + i], g, n, first + 3 * i, 1, e));
    NT_TRY(become(&made, g, n, nt_node_of(r->as, in, r->plain + triples), e));
    NT_TRY(quantize(g, n, made, r->out_first ? 0 : first + 3 * triples, e));
done:
    return s;
}

/* The bias of a QGemm counts in steps of alpha times the two scales. */
static nt_status dequantize_bias(nt_value **out, nt_graph *g, const nt_node *n, nt_err *e)
{
    const nt_value *a = input(n, 1), *b = input(n, 4);
    nt_value *in[2] = {input(n, 6), NULL};
    nt_tensor *t = NULL;
    nt_node *d = NULL;
    nt_status s = NT_OK;

    *out = NULL;
    if (!in[0])
        return NT_OK;
    if (!a || !b || !a->data || !b->data || a->data->dtype != NT_F32 ||
        b->data->dtype != NT_F32 || nt_tensor_count(a->data) != 1)
        return missing(n, "with a bias, whose scales are not constant", e);
    NT_TRY(nt_tensor_dup(&t, b->data, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i,
                      (double)nt_node_float(n, "alpha", 1) * nt_tensor_get(a->data, 0) *
                          nt_tensor_get(t, i));
    NT_TRY(nt_graph_add_const(&in[1], g, NULL, t, e));
    NT_TRY(add(&d, g, n, nt_node_of("DequantizeLinear", in, 2), e));
    if (nt_tensor_count(in[1]->data) > 1)
        NT_TRY(nt_node_set_int(g, d, "axis", in[0]->rank > 0 ? in[0]->rank - 1 : 0, e));
    *out = d->out[0];
done:
    return s;
}

/* A, its scale and zero point, the same of B, C, the same of Y, which may be floats. */
static nt_status apply_gemm(nt_graph *g, nt_node *n, nt_err *e)
{
    nt_value *in[3] = {NULL, NULL, NULL};
    nt_node *made = NULL;
    nt_status s = NT_OK;

    NT_TRY(dequantize(&in[0], g, n, 0, 0, e));
    NT_TRY(dequantize(&in[1], g, n, 3, nt_node_int(n, "transB", 0) ? 0 : 1, e));
    NT_TRY(dequantize_bias(&in[2], g, n, e));
    NT_TRY(become(&made, g, n, nt_node_of("Gemm", in, in[2] ? 3 : 2), e));
    NT_TRY(quantize(g, n, made, 7, e));
done:
    return s;
}

static const rule *rule_of(const nt_node *n)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(n->op_type, rules[i].op) == 0)
            return &rules[i];
    return NULL;
}

static bool is_same(const nt_node *n)
{
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(n->op_type, same[i]) == 0)
            return true;
    return false;
}

/* Of ONNX's layout, and a Softmax over one axis or as this opset has it? */
static bool is_ours(const nt_graph *g, const nt_node *n)
{
    int64_t opset = nt_node_int(n, "opset", g->opset);

    return strcmp(n->domain, DOMAIN) == 0 && !nt_node_int(n, "channels_last", 0) &&
           (opset >= 13) == (g->opset >= 13);
}

nt_status nt_pass_qlinear(nt_graph *g, nt_err *e)
{
    nt_status s = NT_OK;

    for (int i = 0; i < g->n_nodes; i++) {
        nt_node *n = g->nodes[i];
        const rule *r;

        if (!is_ours(g, n))
            continue;
        if (is_same(n)) {
            n->domain = "";
            nt_node_remove_attr(n, "channels_last");
        } else if ((r = rule_of(n))) {
            NT_TRY(apply(g, n, r, e));
        } else if (strcmp(n->op_type, "QGemm") == 0) {
            NT_TRY(apply_gemm(g, n, e));
        }
    }
done:
    return s;
}
