/* SPDX-License-Identifier: MIT */
/* What layers say of their weights is what they compute: one element of a weight alone leads
 * from one channel of the input to one of the output. */
#include "facet/layer.h"
#include "op/registry.h"

#include "net.h"

#include <math.h>

typedef struct layer_case {
    const char *op;
    int64_t x[4], w[4], y[4]; /* to the first 0 */
    int64_t groups;
    bool left, trans_a, trans_b;
} layer_case;

static const layer_case cases[] = {
    {"Conv", {1, 3, 3, 3}, {4, 3, 2, 2}, {1, 4, 2, 2}, 1, 0, 0, 0},
    {"Conv", {1, 4, 3, 3}, {6, 2, 2, 2}, {1, 6, 2, 2}, 2, 0, 0, 0},
    {"Conv", {2, 3, 4}, {3, 1, 2}, {2, 3, 3}, 3, 0, 0, 0},
    {"ConvTranspose", {1, 3, 3, 3}, {3, 4, 2, 2}, {1, 4, 4, 4}, 1, 0, 0, 0},
    {"ConvTranspose", {1, 4, 3, 3}, {4, 3, 2, 2}, {1, 6, 4, 4}, 2, 0, 0, 0},
    {"DeformConv", {1, 3, 3, 3}, {4, 3, 2, 2}, {1, 4, 2, 2}, 1, 0, 0, 0},
    {"DeformConv", {1, 4, 3, 3}, {6, 2, 2, 2}, {1, 6, 2, 2}, 2, 0, 0, 0},
    {"Gemm", {2, 3}, {3, 4}, {2, 4}, 1, 0, 0, 0},
    {"Gemm", {2, 3}, {4, 3}, {2, 4}, 1, 0, 0, 1},
    {"Gemm", {3, 2}, {4, 3}, {2, 4}, 1, 0, 1, 1},
    {"MatMul", {2, 3}, {3, 4}, {2, 4}, 1, 0, 0, 0},
    {"MatMul", {2, 5, 3}, {3, 4}, {2, 5, 4}, 1, 0, 0, 0},
    {"MatMul", {2, 5, 3}, {2, 3, 4}, {2, 5, 4}, 1, 0, 0, 0},
    {"MatMul", {3, 2}, {4, 3}, {4, 2}, 1, 1, 0, 0},
    {"MatMul", {2, 3, 5}, {4, 3}, {2, 4, 5}, 1, 1, 0, 0},
    {"MatMul", {2, 3, 5}, {2, 4, 3}, {2, 4, 5}, 1, 1, 0, 0},
};

static int rank_of(const int64_t *d)
{
    int n = 0;

    while (n < 4 && d[n])
        n++;
    return n;
}

static nt_node *build(net *t, const layer_case *c)
{
    nt_value *x = input(t, "x", rank_of(c->x), c->x);
    nt_value *w = weight(t, "layer.weight", rank_of(c->w), c->w);
    nt_node *n;

    if (strcmp(c->op, "DeformConv") == 0) {
        n = NODE(t, c->op, "y", x, w, weight(t, "offset", 4, (int64_t[]){1, 8, 2, 2}));
    } else {
        n = c->left ? NODE(t, c->op, "y", w, x) : NODE(t, c->op, "y", x, w);
    }
    if (c->groups > 1)
        assert_ok(nt_node_set_int(t->g, n, "group", c->groups, e));
    if (c->trans_a)
        assert_ok(nt_node_set_int(t->g, n, "transA", 1, e));
    if (c->trans_b)
        assert_ok(nt_node_set_int(t->g, n, "transB", 1, e));
    complete(t, n->out[0]);
    return n;
}

/* y of an x whose channel k is k + 1 everywhere. */
static void compute(nt_tensor *y, const nt_node *n, const nt_layer *l, nt_tensor *x)
{
    const nt_tensor *in[5] = {NULL};
    nt_axis_view v = nt_tensor_axis(x, l->x_axis);

    for (int64_t i = 0; i < nt_tensor_count(x); i++)
        nt_tensor_set(x, i, (double)(i / v.inner % v.n + 1));
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->data : NULL;
    in[l->x] = x;
    assert_ok(nt_ops_table()->eval(n, in, (nt_tensor *[]){y}, e));
}

/* Only channel `out` of y is other than 0, and `in` is what comes in there. */
static void assert_leads(const nt_tensor *y, int axis, int64_t out, int64_t in)
{
    nt_axis_view v = nt_tensor_axis(y, axis);
    double top = 0;

    for (int64_t i = 0; i < nt_tensor_count(y); i++) {
        if (i / v.inner % v.n == out)
            top = fmax(top, nt_tensor_get(y, i));
        else
            assert_float_equal(nt_tensor_get(y, i), 0, 0);
    }
    assert_float_equal(top, (double)in + 1, 1e-6);
}

NT_TEST(each_element_of_a_weight_leads_from_its_input_to_its_output)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const layer_case *c = &cases[i];
        net t = start(19);
        const nt_node *n = build(&t, c);
        nt_tensor *w, *x = NULL, *y = NULL;
        nt_layer l;

        print_message("%zu: %s\n", i, c->op);
        assert_true(nt_layer_of(&l, n));
        assert_int_equal(l.weight, c->left ? 0 : 1);
        assert_int_equal(l.x, c->left ? 1 : 0);
        assert_int_equal(l.bias, -1);
        assert_int_equal(nt_layer_axis(n), l.makes);
        assert_true(l.plain == !c->trans_a);
        w = nt_layer_weight(n)->data;
        assert_int_equal(nt_layer_made(&l, c->w), c->y[l.y_axis]);
        assert_int_equal(nt_layer_read(&l, c->w), c->x[l.x_axis]);
        assert_ok(nt_tensor_new(&x, NT_F32, rank_of(c->x), c->x, e));
        assert_ok(nt_tensor_new(&y, NT_F32, rank_of(c->y), c->y, e));
        for (int64_t k = 0; k < nt_tensor_count(w); k++) {
            memset(w->data, 0, nt_tensor_bytes(w));
            nt_tensor_set(w, k, 1);
            compute(y, n, &l, x);
            assert_leads(y, l.y_axis, nt_layer_output_of(&l, w, k),
                         nt_layer_input_of(&l, w, k));
        }
        nt_tensor_free(x);
        nt_tensor_free(y);
        finish(&t);
    }
}

NT_TEST(a_bias_is_where_the_operator_has_it)
{
    net t = start(19);
    nt_value *x = input(&t, "x", DIMS(1, 3, 3, 3)), *w = weight(&t, "w", DIMS(4, 3, 2, 2));
    nt_value *o = weight(&t, "o", DIMS(1, 8, 2, 2)), *b = weight(&t, "b", DIMS(4));
    nt_node *conv = NODE(&t, "Conv", "a", x, w, b), *none = NODE(&t, "Conv", "n", x, w, NULL);
    nt_node *deform = NODE(&t, "DeformConv", "d", x, w, o, b);
    nt_node *sum = NODE(&t, "Sum", "s", conv->out[0], none->out[0], deform->out[0]);
    nt_layer l;

    complete(&t, sum->out[0]);
    assert_true(nt_layer_of(&l, conv) && l.bias == 2);
    assert_true(nt_layer_of(&l, none) && l.bias == -1);
    assert_true(nt_layer_of(&l, deform) && l.bias == 3);
    assert_false(nt_layer_of(&l, sum));
    assert_null(nt_layer_weight(sum));
    finish(&t);
}

NT_TEST(a_weight_is_a_constant_of_two_axes_or_made_of_one)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(2, 2)), *w = weight(&t, "w", DIMS(2, 2));
    nt_value *one = weight(&t, "v", DIMS(2)), *scale = weight(&t, "s", DIMS(1));
    nt_node *q = NODE(&t, "QuantizeLinear", "q", w, scale);
    nt_node *d = NODE(&t, "DequantizeLinear", "d", q->out[0], scale);
    nt_node *right = NODE(&t, "MatMul", "a", x, w), *left = NODE(&t, "MatMul", "b", w, x);
    nt_node *none = NODE(&t, "MatMul", "c", x, right->out[0]);
    nt_node *vector = NODE(&t, "MatMul", "e", x, one);
    nt_node *coded = NODE(&t, "MatMul", "f", d->out[0], x);
    nt_layer l;

    complete(&t, coded->out[0]);
    (void)left;
    assert_ptr_equal(nt_layer_weight(right), w);
    assert_ptr_equal(nt_layer_weight(left), w);
    assert_null(nt_layer_weight(none));
    assert_null(nt_layer_weight(vector));
    assert_null(nt_layer_weight(coded));
    assert_ptr_equal(nt_layer_stored_weight(coded), w);
    assert_true(nt_layer_of(&l, coded) && l.weight == 0 && l.x == 1);
    assert_null(nt_layer_stored_weight(none));
    finish(&t);
}

NT_TEST_MAIN
