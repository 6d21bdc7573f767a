/* SPDX-License-Identifier: MIT */
/* part_layers.h - layers with their parameters, and splits, for tests of what goes from them.
 */
#ifndef NT_TESTS_UNIT_PART_LAYERS_H
#define NT_TESTS_UNIT_PART_LAYERS_H

#include "net.h"
#include "op/registry.h"

static inline void infer(net *t)
{
    assert_ok(nt_graph_bind(t->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t->g, e));
}

/* Extent of x's axis 1. */
static inline int64_t channels(net *t, const nt_value *x)
{
    infer(t);
    return x->dims[1].value;
}

/* A convolution with a bias; kernel r, padded to the same extents; g groups. */
static inline nt_value *cv(net *t, const char *name, nt_value *x, int64_t k, int64_t r,
                           int64_t g)
{
    int64_t c = channels(t, x), pads[] = {r / 2, r / 2, r / 2, r / 2};
    char w[128], b[128];
    nt_node *n;

    snprintf(w, sizeof w, "%s.weight", name);
    snprintf(b, sizeof b, "%s.bias", name);
    n = NODE(t, "Conv", name, x, weight(t, w, DIMS(k, c / g, r, r)), weight(t, b, DIMS(k)));
    assert_ok(nt_node_set_int(t->g, n, "group", g, e));
    assert_ok(nt_node_set_ints(t->g, n, "pads", pads, 4, e));
    return n->out[0];
}

static inline nt_value *un(net *t, const char *op, const char *name, nt_value *x)
{
    return NODE(t, op, name, x)->out[0];
}

static inline nt_value *along(net *t, nt_node *n)
{
    assert_ok(nt_node_set_int(t->g, n, "axis", 1, e));
    infer(t);
    return n->out[0];
}

#define CAT(t, name, ...) along(t, NODE(t, "Concat", name, __VA_ARGS__))
#define ADD(t, name, a, b) (NODE(t, "Add", name, a, b)->out[0])

/* Halves of x along axis 1. */
static inline void halve(net *t, nt_value *x, nt_value **p, nt_value **q)
{
    nt_value *in[] = {x, ints(t, DIMS(channels(t, x) / 2, channels(t, x) / 2))};
    nt_value *out[2] = {NULL, NULL};
    nt_node *n = NULL;

    assert_ok(nt_graph_add_value(&out[0], t->g, NULL, e));
    assert_ok(nt_graph_add_value(&out[1], t->g, NULL, e));
    assert_ok(nt_graph_add_node(&n, t->g, &(nt_node_spec){"Split", "halve", in, 2, out, 2}, e));
    (void)along(t, n);
    *p = out[0];
    *q = out[1];
}

static inline nt_value *slice(net *t, const char *name, nt_value *x, int64_t from, int64_t to)
{
    nt_value *y =
        NODE(t, "Slice", name, x, ints(t, DIMS(from)), ints(t, DIMS(to)), ints(t, DIMS(1)))
            ->out[0];

    infer(t);
    return y;
}

/* Relu, unless another activation is asked for. */
static inline nt_value *first(net *t, nt_value *x, const char *act)
{
    nt_value *y = un(t, act ? act : "Relu", "act", cv(t, "a", x, 8, 3, 1));

    infer(t);
    return y;
}

/* A dense layer with a bias. */
static inline nt_value *dn(net *t, const char *name, nt_value *x, int64_t c, int64_t k)
{
    char b[128];
    nt_value *y = gemm(t, name, x, c, k);

    snprintf(b, sizeof b, "%s.bias", name);
    assert_ok(nt_graph_set_input(t->g, y->producer, 2, weight(t, b, DIMS(k)), e));
    return y;
}

static inline nt_value *head(net *t, nt_value *x)
{
    nt_value *p = un(t, "Flatten", "flat", un(t, "GlobalAveragePool", "gap", x));

    return dn(t, "head", p, channels(t, x), 3);
}

/* Scale, shift and statistics of c channels. */
static inline nt_value *norm(net *t, const char *name, nt_value *x, int64_t c)
{
    char s[4][128];
    static const char *const of[] = {"weight", "bias", "mean", "var"};
    nt_value *p[4], *y;

    for (int i = 0; i < 4; i++) {
        snprintf(s[i], sizeof s[i], "%s.%s", name, of[i]);
        p[i] = weight(t, s[i], DIMS(c));
    }
    y = NODE(t, "BatchNormalization", name, x, p[0], p[1], p[2], p[3])->out[0];
    infer(t);
    return y;
}

static inline nt_value *instance(net *t, const char *name, nt_value *x, int64_t c)
{
    char s[128], b[128];
    nt_value *y;

    snprintf(s, sizeof s, "%s.weight", name);
    snprintf(b, sizeof b, "%s.bias", name);
    y = NODE(t, "InstanceNormalization", name, x, weight(t, s, DIMS(c)), weight(t, b, DIMS(c)))
            ->out[0];
    infer(t);
    return y;
}

/* GroupNormalization of opset 18, with a scale for each group, or 21. */
static inline nt_value *groups(net *t, const char *name, nt_value *x, int64_t g)
{
    int64_t n = t->g->opset < 21 ? g : channels(t, x);
    char s[128], b[128];
    nt_node *y;

    snprintf(s, sizeof s, "%s.weight", name);
    snprintf(b, sizeof b, "%s.bias", name);
    y = NODE(t, "GroupNormalization", name, x, weight(t, s, DIMS(n)), weight(t, b, DIMS(n)));
    assert_ok(nt_node_set_int(t->g, y, "num_groups", g, e));
    return y->out[0];
}

static inline nt_value *product(net *t, const char *name, nt_value *x, int64_t in, int64_t out)
{
    char w[128], b[128], plus[128];
    nt_value *y;

    snprintf(w, sizeof w, "%s.weight", name);
    snprintf(b, sizeof b, "%s.bias", name);
    snprintf(plus, sizeof plus, "%s_plus", name);
    y = NODE(t, "MatMul", name, x, weight(t, w, DIMS(in, out)))->out[0];
    y = NODE(t, "Add", plus, y, weight(t, b, DIMS(out)))->out[0];
    infer(t);
    return y;
}

static inline nt_value *transposed(net *t, const char *name, nt_value *x, int64_t k)
{
    char w[128], b[128];
    nt_value *y;

    snprintf(w, sizeof w, "%s.weight", name);
    snprintf(b, sizeof b, "%s.bias", name);
    y = NODE(t, "ConvTranspose", name, x, weight(t, w, DIMS(channels(t, x), k, 2, 2)),
             weight(t, b, DIMS(k)))
            ->out[0];
    infer(t);
    return y;
}

static inline nt_value *silu(net *t, const char *name, nt_value *x)
{
    char s[128];

    snprintf(s, sizeof s, "%s_s", name);
    return NODE(t, "Mul", name, x, un(t, "Sigmoid", s, x))->out[0];
}

#endif
