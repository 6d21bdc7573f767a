/* SPDX-License-Identifier: MIT */
#include "fake_ops.h"
#include "graph_equal.h"

#include <stdio.h>

/* x -> Conv(conv1.weight) -> Relu -> y */
static nt_graph *small(void)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 4, DIMS(-1, 2, 4, 4));
    nt_value *w = add_weight(g, "conv1.weight", 4, DIMS(2, 2, 1, 1));
    nt_value *c = add_op(g, "Conv", "c", x, w);
    nt_value *y = add_op(g, "Relu", "y", c, NULL);

    assert_ok(nt_graph_add_output(g, y, e));
    return g;
}

NT_TEST(values_nodes_and_uses_hang_together)
{
    nt_graph *g = small();
    nt_value *c = nt_graph_find_value(g, "c");

    check_consistent(g);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(c->n_uses, 1);
    assert_ptr_equal(c->uses[0].node, g->nodes[1]);
    assert_ptr_equal(nt_graph_find_node(g, "y"), g->nodes[1]);
    assert_null(nt_graph_find_value(g, "nothing"));
    assert_null(nt_graph_find_node(g, "nothing"));
    nt_graph_free(g);
}

NT_TEST(a_name_is_given_once)
{
    nt_graph *g = small();
    nt_value *v = NULL, *w = NULL;

    assert_fails(NT_EFORMAT, "there are two values 'c'", nt_graph_add_value(&v, g, "c", e));
    assert_ok(nt_graph_add_value(&v, g, NULL, e));
    assert_ok(nt_graph_add_value(&w, g, "", e));
    assert_string_not_equal(v->name, w->name);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(a_value_has_one_producer)
{
    nt_graph *g = small();
    nt_value *x = nt_graph_find_value(g, "x"), *c = nt_graph_find_value(g, "c");

    assert_fails(NT_EFORMAT, "output 'c' is produced twice",
                 nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "", &x, 1, &c, 1}, e));
    assert_fails(NT_EFORMAT, "output 'x' is a graph input already",
                 nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "", &c, 1, &x, 1}, e));
    assert_fails(NT_EFORMAT, "output 'y' is listed twice",
                 nt_graph_add_output(g, nt_graph_find_value(g, "y"), e));
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(attributes_are_copied_replaced_and_read_with_defaults)
{
    nt_graph *g = small();
    nt_node *n = g->nodes[0];
    char text[] = "SAME_UPPER";
    int64_t pads[] = {1, 2, 3, 4}, got[3] = {0};

    assert_ok(nt_node_set_int(g, n, "group", 2, e));
    assert_ok(nt_node_set_ints(g, n, "pads", pads, 4, e));
    assert_ok(nt_node_set_float(g, n, "alpha", 0.5f, e));
    assert_ok(nt_node_set_str(g, n, "auto_pad", text, e));
    assert_ok(nt_node_set_int(g, n, "group", 4, e));
    text[0] = 'X';
    pads[0] = 9;
    assert_int_equal(n->n_attrs, 4);
    assert_int_equal(nt_node_int(n, "group", 1), 4);
    assert_int_equal(nt_node_ints(n, "pads", got, 3), 4);
    assert_int_equal(got[0], 1);
    assert_int_equal(got[2], 3);
    assert_float_equal(nt_node_float(n, "alpha", 0), 0.5, 0);
    assert_string_equal(nt_node_str(n, "auto_pad", "NOTSET"), "SAME_UPPER");
    /* absent, or of another kind */
    assert_int_equal(nt_node_int(n, "pads", 7), 7);
    assert_int_equal(nt_node_ints(n, "strides", got, 3), 0);
    assert_string_equal(nt_node_str(n, "mode", "NOTSET"), "NOTSET");
    nt_node_remove_attr(n, "pads");
    nt_node_remove_attr(n, "never there");
    assert_int_equal(n->n_attrs, 3);
    assert_null(nt_node_attr(n, "pads"));
    assert_string_equal(nt_node_str(n, "auto_pad", ""), "SAME_UPPER");
    nt_graph_free(g);
}

NT_TEST(an_input_can_be_changed_added_and_left_out)
{
    nt_graph *g = small();
    nt_node *conv = g->nodes[0];
    nt_value *bias = add_weight(g, "conv1.bias", 1, DIMS(2));

    assert_ok(nt_graph_set_input(g, conv, 3, bias, e)); /* leaves a gap at 2 */
    assert_int_equal(conv->n_in, 4);
    assert_null(conv->in[2]);
    check_consistent(g);
    assert_ok(nt_graph_set_input(g, conv, 2, bias, e));
    assert_ok(nt_graph_set_input(g, conv, 3, NULL, e));
    assert_int_equal(bias->n_uses, 1);
    assert_int_equal(bias->uses[0].index, 2);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(a_replaced_graph_output_keeps_its_name)
{
    nt_graph *g = small();
    nt_value *c = nt_graph_find_value(g, "c"), *y = nt_graph_find_value(g, "y");
    nt_value *x = nt_graph_find_value(g, "x");

    assert_fails(NT_EINVAL, "value 'y' must keep its name and so must 'x'",
                 nt_graph_replace_value(g, y, x, e));
    assert_ok(nt_graph_replace_value(g, y, c, e));
    assert_string_equal(c->name, "y");
    assert_string_equal(y->name, "c");
    assert_ptr_equal(g->outputs[0], c);
    assert_true(c->is_output && !y->is_output);
    check_consistent(g);
    nt_graph_remove_node(g, g->nodes[1]);
    nt_graph_compact(g);
    assert_int_equal(g->n_nodes, 1);
    assert_null(nt_graph_find_value(g, "c"));
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(a_node_can_be_put_before_another)
{
    nt_graph *g = small();
    nt_value *c = nt_graph_find_value(g, "c"), *d = NULL;
    nt_node *n = NULL, *relu = g->nodes[1];

    assert_ok(nt_graph_add_value(&d, g, NULL, e));
    assert_ok(
        nt_graph_insert_node(&n, g, relu, &(nt_node_spec){"Identity", "id", &c, 1, &d, 1}, e));
    assert_ok(nt_graph_set_input(g, relu, 0, d, e));
    assert_ptr_equal(g->nodes[1], n);
    assert_ptr_equal(g->nodes[2], relu);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(renaming_keeps_names_unique)
{
    nt_graph *g = small();
    nt_value *c = nt_graph_find_value(g, "c");

    assert_fails(NT_EINVAL, "there is a value 'x' already",
                 nt_graph_rename_value(g, c, "x", e));
    assert_ok(nt_graph_rename_value(g, c, "d", e));
    assert_ok(nt_graph_rename_value(g, c, "d", e));
    assert_null(nt_graph_find_value(g, "c"));
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(sorting_mends_an_order_and_leaves_a_right_one)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 1, DIMS(3));
    nt_value *a = NULL, *b, *c;

    /* b needs a, which is produced last; c stands free */
    assert_ok(nt_graph_add_value(&a, g, "a", e));
    b = add_op(g, "Relu", "b", a, NULL);
    c = add_op(g, "Relu", "c", x, NULL);
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "a", &x, 1, &a, 1}, e));
    assert_ok(nt_graph_sort(g, e));
    assert_ptr_equal(g->nodes[0], a->producer);
    assert_ptr_equal(g->nodes[1], b->producer);
    assert_ptr_equal(g->nodes[2], c->producer);
    assert_ok(nt_graph_sort(g, e));
    assert_ptr_equal(g->nodes[2], c->producer);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(a_cycle_is_found_and_named)
{
    nt_graph *g = new_graph();
    nt_value *a = NULL, *b;

    assert_ok(nt_graph_add_value(&a, g, "a", e));
    b = add_op(g, "Relu", "b", a, NULL);
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "back", &b, 1, &a, 1}, e));
    assert_fails(NT_EFORMAT, "node 'b' depends on its own output", nt_graph_sort(g, e));
    nt_graph_free(g);
}

NT_TEST(a_long_chain_in_reverse_is_sorted_without_deep_recursion)
{
    enum { N = 200000 };
    nt_graph *g = new_graph();
    nt_value *next = NULL, *v = NULL;

    assert_ok(nt_graph_add_value(&next, g, "end", e));
    for (int i = 0; i < N; i++) {
        assert_ok(nt_graph_add_value(&v, g, NULL, e));
        assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "", &v, 1, &next, 1}, e));
        next = v;
    }
    assert_ok(nt_graph_sort(g, e));
    assert_ptr_equal(g->nodes[0]->in[0], v);
    nt_graph_free(g);
}

NT_TEST(a_copy_is_equal_and_independent)
{
    nt_graph *g = small(), *copy = NULL, *sharing = NULL;
    nt_value *w = nt_graph_find_value(g, "conv1.weight"), *cw, *sw;

    assert_ok(nt_node_set_ints(g, g->nodes[0], "pads", DIMS(0, 0, 1, 1), 4, e));
    assert_ok(nt_graph_dup(&copy, g, false, e));
    assert_ok(nt_graph_dup(&sharing, g, true, e));
    assert_true(same_graph(g, copy));
    assert_true(same_graph(g, sharing));
    check_consistent(copy);
    cw = nt_graph_find_value(copy, "conv1.weight");
    sw = nt_graph_find_value(sharing, "conv1.weight");
    assert_ptr_equal(sw->data, w->data);
    nt_tensor_set(cw->data, 0, 42);
    assert_float_equal(nt_tensor_get(w->data, 0), 0, 0);
    nt_graph_free(sharing); /* must not free what it borrows */
    assert_float_equal(nt_tensor_get(w->data, 1), 1, 0);
    nt_graph_free(g);
    nt_graph_free(copy);
}

NT_TEST(compaction_drops_what_nobody_names)
{
    nt_graph *g = small();
    nt_value *left = add_weight(g, "left.over", 1, DIMS(3));
    nt_value *pinned = add_weight(g, "used.inside", 1, DIMS(3));

    (void)left;
    pinned->pinned = true;
    nt_graph_compact(g);
    assert_null(nt_graph_find_value(g, "left.over"));
    assert_ptr_equal(nt_graph_find_value(g, "used.inside"), pinned);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(new_data_brings_its_shape)
{
    nt_graph *g = small();
    nt_value *w = nt_graph_find_value(g, "conv1.weight");
    nt_tensor *t = NULL;
    int64_t dims[NT_MAX_RANK];
    char buf[64];

    assert_ok(nt_tensor_new(&t, NT_F32, 4, DIMS(1, 2, 1, 1), e));
    nt_value_take_data(w, t);
    assert_true(nt_value_shape(w, dims));
    assert_int_equal(dims[0], 1);
    assert_string_equal(nt_value_shape_text(buf, sizeof buf, w), "[1,2,1,1]");
    assert_false(nt_value_shape(nt_graph_find_value(g, "x"), dims));
    assert_string_equal(nt_value_shape_text(buf, sizeof buf, nt_graph_find_value(g, "x")),
                        "[N,2,4,4]");
    assert_string_equal(nt_value_shape_text(buf, 5, nt_graph_find_value(g, "x")), "[N,2");
    assert_string_equal(nt_value_shape_text(buf, sizeof buf, nt_graph_find_value(g, "c")), "?");
    nt_graph_free(g);
}

NT_TEST(binding_names_the_operator_that_is_missing)
{
    nt_graph *g = small();

    assert_ok(nt_graph_bind(g, &fake_ops, e));
    assert_ptr_equal(g->ops, &fake_ops);
    add_op(g, "Foo", "foo", nt_graph_find_value(g, "y"), NULL);
    assert_fails(NT_EUNSUPPORTED, "node 'foo': operator 'Foo' (opset 17) is not supported",
                 nt_graph_bind(g, &fake_ops, e));
    nt_graph_free(g);
}

/* The name of the only node, whose inputs are x and a constant of that name. */
static void check_layer_name(const char *op, const char *weight, const char *node,
                             const char *want)
{
    nt_graph *g = new_graph();
    nt_value *in[2] = {add_in(g, "x", 2, DIMS(-1, 2)), add_weight(g, weight, 2, DIMS(2, 2))};
    nt_value *y = NULL;
    char buf[64];

    assert_ok(nt_graph_add_value(&y, g, "y", e));
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){op, node, in, 2, &y, 1}, e));
    assert_string_equal(nt_layer_name(buf, sizeof buf, g, g->nodes[0]), want);
    nt_graph_free(g);
}

NT_TEST(a_layer_is_called_after_its_parameter_then_its_node_then_its_place)
{
    check_layer_name("Conv", "layer1.0.conv1.weight", "Conv_0", "layer1.0.conv1");
    check_layer_name("Conv", "0.weight", "", "0");
    check_layer_name("Conv", "onnx::Conv_193", "/conv1/Conv", "/conv1/Conv");
    check_layer_name("Conv", "/l1/l1.0/Constant_output_0", "/l1/Conv", "/l1/Conv");
    check_layer_name("MatMul", "W", "", "MatMul_0");
    check_layer_name("BatchNormalization", "bn1.weight", "n", "bn1");
}

NT_TEST(the_bias_names_a_layer_whose_weight_has_no_name)
{
    nt_graph *g = new_graph();
    nt_value *in[3] = {add_in(g, "x", 2, DIMS(-1, 2)),
                       add_weight(g, "onnx::Gemm_7", 2, DIMS(2, 2)),
                       add_weight(g, "fc.bias", 1, DIMS(2))};
    nt_value *y = NULL;
    char buf[64];

    assert_ok(nt_graph_add_value(&y, g, "y", e));
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Gemm", "/fc/Gemm", in, 3, &y, 1}, e));
    assert_string_equal(nt_layer_name(buf, sizeof buf, g, g->nodes[0]), "fc");
    nt_graph_free(g);
}

NT_TEST(a_quantized_weight_still_names_its_layer)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 2));
    nt_value *q = add_weight(g, "fc.weight", 2, DIMS(2, 2));
    nt_value *w = add_op(g, "DequantizeLinear", "dq", q, NULL);
    nt_value *y = add_op(g, "MatMul", "mm", x, w);
    char buf[64];

    assert_string_equal(nt_layer_name(buf, sizeof buf, g, y->producer), "fc");
    nt_graph_free(g);
}

NT_TEST(layers_are_chosen_by_name_glob_or_index)
{
    assert_true(nt_layer_matches("layer1.0.conv1", "layer1.0.conv1", 5));
    assert_true(nt_layer_matches("layer1.*", "layer1.0.conv1", 5));
    assert_false(nt_layer_matches("layer2.*", "layer1.0.conv1", 5));
    assert_true(nt_layer_matches("5", "layer1.0.conv1", 5));
    assert_false(nt_layer_matches("5", "layer1.0.conv1", 4));
    /* names of a bare Sequential are numbers: the name counts */
    assert_true(nt_layer_matches("2", "2", 1));
    assert_false(nt_layer_matches("2", "4", 2));
}

NT_TEST_MAIN
