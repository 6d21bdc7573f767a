/* SPDX-License-Identifier: MIT */
/* part_nets.h - small networks whose layer 'a' makes channels that go separate ways. */
#ifndef NT_TESTS_UNIT_PART_NETS_H
#define NT_TESTS_UNIT_PART_NETS_H

#include "part_layers.h"

/* ---- the networks; x is [N,3,6,6] */

static inline nt_value *split_joined(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    return head(t, cv(t, "c", CAT(t, "cat", p, q), 4, 3, 1));
}

static inline nt_value *split_added(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    return head(t, ADD(t, "sum", cv(t, "p", p, 5, 3, 1), cv(t, "q", q, 5, 1, 1)));
}

static inline nt_value *split_sigmoid(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, "Sigmoid"), &p, &q);
    return head(
        t, cv(t, "c", CAT(t, "cat", cv(t, "p", p, 5, 3, 1), cv(t, "q", q, 5, 1, 1)), 4, 3, 1));
}

static inline nt_value *split_pointwise(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = un(t, "Relu", "pr", cv(t, "p", p, 5, 3, 1));
    return head(t, cv(t, "c", CAT(t, "cat", p, cv(t, "q", q, 5, 1, 1)), 4, 1, 1));
}

static inline nt_value *sliced(net *t, nt_value *x)
{
    nt_value *h = first(t, x, NULL);
    nt_value *p = slice(t, "lo", h, 0, 4), *q = slice(t, "hi", h, 4, 1000);

    return head(t, ADD(t, "sum", cv(t, "p", p, 5, 1, 1), cv(t, "q", q, 5, 3, 1)));
}

static inline nt_value *gathered(net *t, nt_value *x)
{
    nt_value *h = first(t, x, NULL);
    nt_value *p = along(t, NODE(t, "Gather", "lo", h, ints(t, DIMS(3, 1, 0, 2))));
    nt_value *q = along(t, NODE(t, "Gather", "hi", h, ints(t, DIMS(4, -1, 6, 5))));

    return head(t, CAT(t, "cat", cv(t, "p", p, 5, 1, 1), cv(t, "q", q, 5, 3, 1), p));
}

static inline nt_value *grouped(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = cv(t, "p", p, 4, 3, 2);
    q = cv(t, "q", q, 8, 3, 4);
    return head(t, cv(t, "c", CAT(t, "cat", p, q), 4, 1, 1));
}

/* Depthwise over all channels, then halves. */
static inline nt_value *depthwise(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, cv(t, "d", first(t, x, NULL), 8, 3, 8), &p, &q);
    return head(t, ADD(t, "sum", cv(t, "p", p, 5, 1, 1), cv(t, "q", q, 5, 1, 1)));
}

static inline nt_value *normalised(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = un(t, "Relu", "pr", norm(t, "pn", p, 4));
    q = norm(t, "qn", cv(t, "q", q, 4, 3, 1), 4);
    return head(t, cv(t, "c", CAT(t, "cat", p, q), 4, 1, 1));
}

static inline nt_value *instances(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, instance(t, "an", first(t, x, NULL), 8), &p, &q);
    p = instance(t, "pn", p, 4);
    q = instance(t, "qn", cv(t, "q", q, 4, 3, 1), 4);
    return head(t, cv(t, "c", CAT(t, "cat", p, q), 4, 1, 1));
}

/* Of the four groups of a, two are in each half; those of p and q are split once more. */
static inline nt_value *group_stats(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, groups(t, "an", first(t, x, NULL), 4), &p, &q);
    p = groups(t, "pn", p, 2);
    q = groups(t, "qn", cv(t, "q", q, 4, 3, 1), 2);
    return head(t, cv(t, "c", CAT(t, "cat", p, q), 4, 1, 1));
}

static inline nt_value *group_stats_18(net *t, nt_value *x)
{
    t->g->opset = 18;
    return group_stats(t, x);
}

static inline nt_value *group_stats_21(net *t, nt_value *x)
{
    t->g->opset = 21;
    return group_stats(t, x);
}

/* As older exporters write it. */
static inline nt_value *group_stats_reshaped(net *t, nt_value *x)
{
    nt_value *h = NODE(t, "Reshape", "in", first(t, x, NULL), ints(t, DIMS(0, 4, -1)))->out[0];

    infer(t);
    h = NODE(t, "Reshape", "out", instance(t, "n", h, 4), ints(t, DIMS(0, 8, 6, 6)))->out[0];
    h = NODE(t, "Mul", "scaled", h, weight(t, "an.weight", DIMS(8, 1, 1)))->out[0];
    h = ADD(t, "shifted", h, weight(t, "an.bias", DIMS(8, 1, 1)));
    return head(t, cv(t, "c", h, 4, 3, 1));
}

/* Channels change places between two splits. */
static inline nt_value *shuffled(net *t, nt_value *x)
{
    nt_value *p, *q, *h;

    halve(t, first(t, x, NULL), &p, &q);
    q = un(t, "Relu", "qr", cv(t, "q", q, 4, 1, 1));
    h = NODE(t, "Reshape", "g", CAT(t, "cat", p, q), ints(t, DIMS(0, 2, 4, 6, 6)))->out[0];
    h = NODE(t, "Transpose", "tr", h)->out[0];
    assert_ok(
        nt_node_set_ints(t->g, h->producer, "perm", (const int64_t[]){0, 2, 1, 3, 4}, 5, e));
    h = NODE(t, "Reshape", "u", h, ints(t, DIMS(0, 8, 6, 6)))->out[0];
    infer(t);
    halve(t, h, &p, &q);
    return head(t, CAT(t, "cat2", p, cv(t, "c", q, 4, 3, 1)));
}

/* Three parts, one of them read by nobody. */
static inline nt_value *thirds(net *t, nt_value *x)
{
    nt_value *h = first(t, x, NULL), *in[] = {h, ints(t, DIMS(2, 2, 4))};
    nt_value *out[3] = {NULL, NULL, NULL};
    nt_node *n = NULL;

    for (int i = 0; i < 3; i++)
        assert_ok(nt_graph_add_value(&out[i], t->g, NULL, e));
    assert_ok(nt_graph_add_node(&n, t->g, &(nt_node_spec){"Split", "third", in, 2, out, 3}, e));
    (void)along(t, n);
    return head(t, CAT(t, "cat", cv(t, "p", out[0], 3, 3, 1), out[2]));
}

/* Depthwise transposed, and a half that is taken twice. */
static inline nt_value *upward_depthwise(net *t, nt_value *x)
{
    nt_value *p, *q, *h = first(t, x, NULL);

    h = NODE(t, "ConvTranspose", "d", h, weight(t, "d.weight", DIMS(8, 1, 2, 2)),
             weight(t, "d.bias", DIMS(8)))
            ->out[0];
    assert_ok(nt_node_set_int(t->g, h->producer, "group", 8, e));
    halve(t, h, &p, &q);
    return head(
        t, ADD(t, "sum", cv(t, "p", CAT(t, "twice", p, p), 5, 1, 1), cv(t, "q", q, 5, 3, 1)));
}

static inline nt_value *dense(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = un(t, "Flatten", "pf", p);
    q = un(t, "Flatten", "qf", q);
    return gemm(
        t, "head",
        un(t, "Tanh", "th", ADD(t, "sum", dn(t, "p", p, 144, 5), dn(t, "q", q, 144, 5))), 5, 3);
}

static inline nt_value *reshaped(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = NODE(t, "Reshape", "pf", p, ints(t, DIMS(-1, 144)))->out[0];
    q = NODE(t, "Reshape", "qf", q, ints(t, DIMS(0, 4, 36)))->out[0];
    q = NODE(t, "Reshape", "qg", q, ints(t, DIMS(0, -1)))->out[0];
    return dn(t, "head", CAT(t, "cat", dn(t, "p", p, 144, 5), dn(t, "q", q, 144, 5)), 10, 3);
}

static inline nt_value *pooled(net *t, nt_value *x)
{
    nt_value *p, *q;
    nt_node *n;

    halve(t, first(t, x, NULL), &p, &q);
    n = NODE(t, "MaxPool", "pp", p);
    assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", (const int64_t[]){3, 3}, 2, e));
    assert_ok(nt_node_set_ints(t->g, n, "pads", (const int64_t[]){1, 1, 1, 1}, 4, e));
    p = n->out[0];
    n = NODE(t, "AveragePool", "qp", q);
    assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", (const int64_t[]){3, 3}, 2, e));
    assert_ok(nt_node_set_ints(t->g, n, "pads", (const int64_t[]){1, 1, 1, 1}, 4, e));
    infer(t);
    return head(t, ADD(t, "sum", cv(t, "p", p, 5, 1, 1), cv(t, "q", n->out[0], 5, 1, 1)));
}

/* Twice as large; "scales" are [1,1,2,2], and there are no regions. */
static inline nt_value *resized(net *t, nt_value *x)
{
    const int64_t four[] = {4};
    nt_value *p, *q;
    nt_tensor *s = NULL;
    nt_value *scales = NULL, *roi;

    assert_ok(nt_tensor_new(&s, NT_F32, 1, four, e));
    for (int i = 0; i < 4; i++)
        nt_tensor_set(s, i, i < 2 ? 1 : 2);
    assert_ok(nt_graph_add_const(&scales, t->g, "scales", s, e));
    halve(t, first(t, x, NULL), &p, &q);
    roi = weight(t, "roi", DIMS(0));
    p = NODE(t, "Resize", "pz", p, roi, scales)->out[0];
    q = NODE(t, "Resize", "qz", q, roi, scales)->out[0];
    infer(t);
    return head(t, cv(t, "c", CAT(t, "cat", p, cv(t, "q", q, 5, 3, 1)), 4, 3, 1));
}

/* To [N,C,9,12], as torchvision writes it: scales and "roi" are there, and empty. */
static inline nt_value *to_sizes(net *t, const char *name, nt_value *x, nt_value *none)
{
    nt_value *shape = NODE(t, "Shape", NULL, x)->out[0];
    nt_value *kept =
        NODE(t, "Slice", NULL, shape, ints(t, DIMS(0)), ints(t, DIMS(2)), ints(t, DIMS(0)))
            ->out[0];
    nt_node *sizes = NODE(t, "Concat", NULL, kept, ints(t, DIMS(9, 12)));

    assert_ok(nt_node_set_int(t->g, sizes, "axis", 0, e));
    return NODE(t, "Resize", name, x, none, none, sizes->out[0])->out[0];
}

static inline nt_value *resized_to(net *t, nt_value *x)
{
    nt_value *none = weight(t, "none", DIMS(0)), *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = to_sizes(t, "pz", p, none);
    q = to_sizes(t, "qz", q, none);
    infer(t);
    return head(t, cv(t, "c", CAT(t, "cat", p, cv(t, "q", q, 5, 3, 1)), 4, 3, 1));
}

static inline nt_value *upward(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    return head(t, ADD(t, "sum", transposed(t, "p", p, 5), transposed(t, "q", q, 5)));
}

/* YOLOv8's block: halves, the second through bottlenecks, everything joined. */
static inline nt_value *c2f(net *t, nt_value *x, bool shortcut)
{
    nt_value *p, *q, *m;

    halve(t, silu(t, "as", cv(t, "a", x, 8, 1, 1)), &p, &q);
    m = silu(t, "m1s", cv(t, "m1", q, 4, 3, 1));
    m = silu(t, "m2s", cv(t, "m2", m, 4, 3, 1));
    if (shortcut)
        m = ADD(t, "short", q, m);
    return head(t, silu(t, "cs", cv(t, "c", CAT(t, "cat", p, q, m), 6, 1, 1)));
}

static inline nt_value *c2f_short(net *t, nt_value *x)
{
    return c2f(t, x, true);
}

static inline nt_value *c2f_plain(net *t, nt_value *x)
{
    return c2f(t, x, false);
}

/* A branch that is added. */
static inline nt_value *branch(net *t, nt_value *x)
{
    nt_value *s = un(t, "Relu", "sr", cv(t, "s", x, 5, 3, 1));

    return head(t, ADD(t, "sum", s, cv(t, "b", first(t, s, NULL), 5, 1, 1)));
}

static inline nt_value *branch_padded(net *t, nt_value *x)
{
    nt_value *s = un(t, "Relu", "sr", cv(t, "s", x, 5, 3, 1));

    return head(t, ADD(t, "sum", s, cv(t, "b", first(t, s, "Sigmoid"), 5, 3, 1)));
}

/* A map of one channel, stretched over all channels of another. */
static inline nt_value *stretched(net *t, nt_value *x, const char *op, const char *fn)
{
    nt_value *s = un(t, "Relu", "sr", cv(t, "s", x, 5, 3, 1)), *a = cv(t, "a", x, 1, 1, 1);

    return head(t, NODE(t, op, "stretch", s, fn ? un(t, fn, "af", a) : a)->out[0]);
}

static inline nt_value *map_added(net *t, nt_value *x)
{
    return stretched(t, x, "Add", NULL);
}

static inline nt_value *map_subtracted(net *t, nt_value *x)
{
    return stretched(t, x, "Sub", "Sigmoid");
}

static inline nt_value *map_multiplied(net *t, nt_value *x)
{
    return stretched(t, x, "Mul", "Sigmoid");
}

static inline nt_value *map_divided(net *t, nt_value *x)
{
    return stretched(t, x, "Div", "Exp");
}

/* A gate in front of which nothing is left. */
static inline nt_value *gate(net *t, nt_value *x)
{
    nt_value *s = un(t, "Relu", "sr", cv(t, "s", x, 5, 3, 1));
    nt_value *u = cv(t, "u", first(t, un(t, "GlobalAveragePool", "gp", s), NULL), 5, 1, 1);

    return head(t, NODE(t, "Mul", "gate", s, un(t, "Sigmoid", "us", u))->out[0]);
}

/* Channels of a are summed in a product with those of another layer. */
static inline nt_value *attention(net *t, nt_value *x)
{
    nt_value *rows = NODE(t, "Reshape", "rows", x, ints(t, DIMS(0, 9, 12)))->out[0];
    nt_value *q, *k;

    infer(t);
    q = product(t, "a", rows, 12, 8);
    k = NODE(t, "Transpose", "kt", product(t, "k", rows, 12, 8))->out[0];
    assert_ok(nt_node_set_ints(t->g, k->producer, "perm", (const int64_t[]){0, 2, 1}, 3, e));
    infer(t);
    return product(t, "head", NODE(t, "MatMul", "qk", q, k)->out[0], 9, 3);
}

/* The same for units of products. */
static inline nt_value *units(net *t, nt_value *x)
{
    nt_value *p, *q, *f = un(t, "Flatten", "f", x);

    infer(t);
    halve(t, un(t, "Relu", "ar", product(t, "a", f, 108, 8)), &p, &q);
    return product(t, "head", ADD(t, "sum", product(t, "p", p, 4, 5), product(t, "q", q, 4, 5)),
                   5, 3);
}

/* What is padded along its channels is not empty, though nothing else is left of it. */
static inline nt_value *padded(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    p = NODE(t, "Pad", "pad", p, ints(t, DIMS(0, 1, 0, 0, 0, 0, 0, 0)))->out[0];
    infer(t);
    return head(t, ADD(t, "sum", cv(t, "p", p, 5, 3, 1), cv(t, "q", q, 5, 3, 1)));
}

/* The graph's output is made of both halves. */
static inline nt_value *ends(net *t, nt_value *x)
{
    nt_value *p, *q;

    halve(t, first(t, x, NULL), &p, &q);
    return CAT(t, "out", cv(t, "p", p, 5, 3, 1), cv(t, "q", q, 5, 1, 1));
}

/* The shape of a half is read. */
static inline nt_value *measured(net *t, nt_value *x)
{
    nt_value *p, *q, *s, *sum;

    halve(t, first(t, x, NULL), &p, &q);
    s = NODE(t, "Slice", "hw", un(t, "Shape", "shape", p), ints(t, DIMS(2)), ints(t, DIMS(4)))
            ->out[0];
    sum = ADD(t, "sum", cv(t, "p", p, 5, 1, 1), cv(t, "q", q, 5, 1, 1));
    s = NODE(t, "Concat", "to", ints(t, DIMS(1, 1)), s)->out[0];
    assert_ok(nt_node_set_int(t->g, s->producer, "axis", 0, e));
    sum = NODE(t, "Expand", "ex", sum, s)->out[0];
    infer(t);
    return un(t, "GlobalAveragePool", "gap", sum);
}

/* A value joined with itself pooled, as in YOLO's SPPF. */
static inline nt_value *pyramid(net *t, nt_value *x)
{
    nt_value *h[3] = {first(t, x, "Sigmoid")};

    for (int i = 1; i < 3; i++) {
        nt_node *n = NODE(t, "MaxPool", i == 1 ? "p1" : "p2", h[i - 1]);

        assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", (const int64_t[]){5, 5}, 2, e));
        assert_ok(nt_node_set_ints(t->g, n, "pads", (const int64_t[]){2, 2, 2, 2}, 4, e));
        h[i] = n->out[0];
    }
    infer(t);
    return head(t, cv(t, "c", CAT(t, "cat", h[0], h[1], h[2]), 4, 1, 1));
}

typedef nt_value *(*part_net)(net *t, nt_value *x);

#endif
