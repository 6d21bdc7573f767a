/* SPDX-License-Identifier: MIT */
#include "graph/pass_fuse_bn.h"

#include "net.h"

#include <math.h>

static nt_value *row(net *t, const char *name, int n, const float *v)
{
    nt_value *w = weight(t, name, 1, (const int64_t[]){n});

    memcpy(w->data->data, v, (size_t)n * sizeof *v);
    return w;
}

#define ROW(t, name, ...)                                                                      \
    row(t, name, (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), (float[]){__VA_ARGS__})

/* Two channels, epsilon 1: they multiply by 1 / sqrt(3 + 1) = 0.5 and 3 / sqrt(8 + 1) = 1. */
static nt_node *bn(net *t, const char *name, nt_value *x)
{
    nt_node *n = NODE(t, "BatchNormalization", name, x, ROW(t, NULL, 1, 3), ROW(t, NULL, 1, -1),
                      ROW(t, NULL, 4, 0.5f), ROW(t, NULL, 3, 8));

    assert_ok(nt_node_set_float(t->g, n, "epsilon", 1, e));
    return n;
}

static nt_value *picture(net *t)
{
    return input(t, "x", DIMS(1, 1, 1, 1));
}

static int fuse(net *t, const char *const *keep)
{
    int n = -1;

    assert_ok(nt_pass_fuse_bn(t->g, keep, &n, e));
    assert_ok(nt_graph_sort(t->g, e));
    return n;
}

static void assert_numbers(const nt_value *v, double a, double b)
{
    assert_non_null(v);
    assert_float_equal(nt_tensor_get(v->data, 0), a, 1e-6);
    assert_float_equal(nt_tensor_get(v->data, 1), b, 1e-6);
}

NT_TEST(a_convolution_takes_the_scale_and_gets_a_bias)
{
    net t = start(17);
    nt_value *w, *y = bn(&t, "y", conv(&t, "c", picture(&t), 1, 2, 1))->out[0];

    w = nt_graph_find_value(t.g, "c.weight");
    nt_tensor_set(w->data, 0, 10);
    nt_tensor_set(w->data, 1, 7);
    complete(&t, y);
    assert_int_equal(fuse(&t, NULL), 1);
    assert_int_equal(t.g->n_nodes, 1);
    assert_string_equal(t.g->outputs[0]->name, "y"); /* the name of what can be seen */
    assert_numbers(t.g->nodes[0]->in[1], 10 * 0.5, 7);
    assert_string_equal(t.g->nodes[0]->in[2]->name, "c.bias");
    assert_numbers(t.g->nodes[0]->in[2], (0 - 4) * 0.5 + 1, (0 - 0.5) * 1 - 1);
    finish(&t);
}

NT_TEST(a_bias_that_is_there_is_scaled_too)
{
    net t = start(17);
    nt_value *x = picture(&t);
    nt_node *c = NODE(&t, "Conv", "c", x, weight(&t, "c.weight", DIMS(2, 1, 1, 1)),
                      ROW(&t, "c.bias", 6, 0.25f));

    complete(&t, bn(&t, "y", c->out[0])->out[0]);
    assert_int_equal(fuse(&t, NULL), 1);
    assert_numbers(c->in[2], (6 - 4) * 0.5 + 1, (0.25 - 0.5) - 1);
    assert_string_equal(c->in[2]->name, "c.bias");
    finish(&t);
}

/* w [1][2] without transB, [2][1] with it: outputs are along another axis. */
NT_TEST(a_dense_layer_is_scaled_along_its_outputs_however_it_lies)
{
    for (int trans = 0; trans < 2; trans++) {
        net t = start(17);
        nt_value *x = input(&t, "x", DIMS(1, 2)), *w, *y;
        nt_node *g;

        w = weight(&t, "w", DIMS(2, 2));
        for (int i = 0; i < 4; i++)
            nt_tensor_set(w->data, i, i + 1);
        g = NODE(&t, "Gemm", "g", x, w);
        assert_ok(nt_node_set_int(t.g, g, "transB", trans, e));
        y = bn(&t, "y", g->out[0])->out[0];
        complete(&t, y);
        assert_int_equal(fuse(&t, NULL), 1);
        w = g->in[1];
        assert_float_equal(nt_tensor_get(w->data, 0), 0.5, 1e-6);
        assert_float_equal(nt_tensor_get(w->data, 1), trans ? 1 : 2, 1e-6);
        assert_float_equal(nt_tensor_get(w->data, 2), trans ? 3 : 1.5, 1e-6);
        assert_float_equal(nt_tensor_get(w->data, 3), 4, 1e-6);
        finish(&t);
    }
}

NT_TEST(a_weight_that_others_use_is_copied)
{
    net t = start(17);
    nt_value *x = picture(&t), *w = weight(&t, "w", DIMS(2, 1, 1, 1)), *a, *b;

    nt_tensor_set(w->data, 0, 10);
    nt_tensor_set(w->data, 1, 7);
    a = bn(&t, "a_bn", NODE(&t, "Conv", "a", x, w)->out[0])->out[0];
    b = NODE(&t, "Conv", "b", x, w)->out[0];
    complete(&t, NODE(&t, "Add", "y", a, b)->out[0]);
    assert_int_equal(fuse(&t, NULL), 1);
    assert_numbers(nt_graph_find_node(t.g, "a")->in[1], 5, 7);
    assert_numbers(nt_graph_find_node(t.g, "b")->in[1], 10, 7);
    finish(&t);
}

/* What is fused of conv -> BN, changed before by `spoil`; 1 without a change. */
static int fused_after(void (*spoil)(net *t, nt_node *c, nt_node *n), const char *const *keep)
{
    net t = start(17);
    nt_node *c = NODE(&t, "Conv", "c", picture(&t), weight(&t, "c.weight", DIMS(2, 1, 1, 1)));
    nt_node *n = bn(&t, "y", c->out[0]);
    int fused;

    if (spoil)
        spoil(&t, c, n);
    complete(&t, n->out[0]);
    fused = fuse(&t, keep);
    finish(&t);
    return fused;
}

static void use_twice(net *t, nt_node *c, nt_node *n)
{
    (void)n;
    assert_ok(nt_graph_add_output(t->g, NODE(t, "Relu", "r", c->out[0])->out[0], e));
}

static void give_out(net *t, nt_node *c, nt_node *n)
{
    (void)n;
    assert_ok(nt_graph_add_output(t->g, c->out[0], e));
}

static void train(net *t, nt_node *c, nt_node *n)
{
    (void)c;
    assert_ok(nt_node_set_int(t->g, n, "training_mode", 1, e));
}

static void compute_scale(net *t, nt_node *c, nt_node *n)
{
    nt_value *s = NODE(t, "Relu", "s", input(t, "scale", DIMS(2)))->out[0];

    (void)c;
    assert_ok(nt_graph_set_input(t->g, n, 1, s, e));
}

NT_TEST(what_somebody_else_sees_is_not_folded_away)
{
    assert_int_equal(fused_after(NULL, NULL), 1);
    assert_int_equal(fused_after(NULL, (const char *const[]){"z", NULL}), 1);
    assert_int_equal(fused_after(NULL, (const char *const[]){"z", "c", NULL}), 0);
    assert_int_equal(fused_after(use_twice, NULL), 0);
    assert_int_equal(fused_after(give_out, NULL), 0);
}

NT_TEST(what_is_kept_of_a_folded_one_is_found_by_its_name)
{
    net t = start(17);
    nt_value *w = weight(&t, "c.weight", DIMS(2, 1, 1, 1));
    nt_node *n = bn(&t, "inner", NODE(&t, "Conv", "c", picture(&t), w)->out[0]);

    complete(&t, NODE(&t, "Relu", "y", n->out[0])->out[0]);
    assert_int_equal(fuse(&t, (const char *const[]){"inner", NULL}), 1);
    assert_string_equal(nt_graph_find_node(t.g, "c")->out[0]->name, "inner");
    finish(&t);
}

NT_TEST(nor_are_batch_statistics_or_a_computed_scale)
{
    assert_int_equal(fused_after(train, NULL), 0);
    assert_int_equal(fused_after(compute_scale, NULL), 0);
}

NT_TEST(a_scaled_dense_layer_is_left_alone)
{
    net t = start(17);
    nt_node *g = NODE(&t, "Gemm", "g", input(&t, "x", DIMS(1, 2)), weight(&t, "w", DIMS(2, 2)));

    assert_ok(nt_node_set_float(t.g, g, "alpha", 2, e));
    complete(&t, bn(&t, "y", g->out[0])->out[0]);
    assert_int_equal(fuse(&t, NULL), 0);
    assert_int_equal(t.g->n_nodes, 2);
    finish(&t);
}

NT_TEST(a_chain_is_folded_link_by_link)
{
    net t = start(17);
    nt_value *y = bn(&t, "y", bn(&t, "m", conv(&t, "c", picture(&t), 1, 2, 1))->out[0])->out[0];

    nt_tensor_set(nt_graph_find_value(t.g, "c.weight")->data, 0, 8);
    complete(&t, y);
    assert_int_equal(fuse(&t, NULL), 2);
    assert_int_equal(t.g->n_nodes, 1);
    assert_float_equal(nt_tensor_get(t.g->nodes[0]->in[1]->data, 0), 2, 1e-6);
    assert_numbers(t.g->nodes[0]->in[2], (-1 - 4) * 0.5 + 1, (-1.5 - 0.5) - 1);
    finish(&t);
}

NT_TEST_MAIN
