/* SPDX-License-Identifier: MIT */
#include "graph/pass.h"

#include "fake_ops.h"

#include <stdio.h>

static void bind(nt_graph *g)
{
    assert_ok(nt_graph_bind(g, &fake_ops, e));
}

static void finish(nt_graph *g, nt_value *y)
{
    assert_ok(nt_graph_add_output(g, y, e));
    bind(g);
}

static const char *shape_of(const nt_graph *g, const char *name)
{
    static char buf[64];
    const nt_value *v = nt_graph_find_value(g, name);

    assert_non_null(v);
    return nt_value_shape_text(buf, sizeof buf, v);
}

static void declare(nt_value *v, int rank, const int64_t *dims)
{
    nt_value_set_shape(v, NT_F32, rank, dims);
    v->declared = true;
}

/* y = Reshape(x, Concat(Gather(Shape(x), 0), [-1...])): as PyTorch writes x.view(x.size(0), k)
 */
static nt_graph *flatten(int64_t batch)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 3, DIMS(batch, 4, 5));
    nt_value *zero = add_ints(g, "zero", 1, DIMS(0));
    nt_value *rest = add_ints(g, "rest", 1, DIMS(20));
    nt_value *first = add_op(g, "Gather", "first", add_op(g, "Shape", "shape", x, NULL), zero);
    nt_value *want = add_op(g, "Concat", "want", first, rest);

    finish(g, add_op(g, "Reshape", "y", x, want));
    return g;
}

NT_TEST(inference_goes_through_in_order)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 3));
    nt_value *m = add_op(g, "MatMul", "m", x, add_weight(g, "w", 2, DIMS(3, 7)));

    finish(g, add_op(g, "Relu", "y", m, NULL));
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[N,7]");
    assert_int_equal(nt_graph_find_value(g, "y")->dtype, NT_F32);
    nt_graph_free(g);
}

NT_TEST(a_declared_shape_fills_in_what_inference_does_not_know)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(2, 3));
    nt_value *m = add_op(g, "Mystery", "m", x, NULL);

    declare(m, 2, DIMS(2, 9));
    finish(g, add_op(g, "Relu", "y", m, NULL));
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[2,9]");
    assert_ok(nt_pass_infer(g, e)); /* and again: it is not forgotten */
    assert_string_equal(shape_of(g, "y"), "[2,9]");
    nt_graph_free(g);
}

NT_TEST(a_declared_rank_that_contradicts_is_refused_with_the_nodes_name)
{
    nt_graph *g = new_graph();
    nt_value *y = add_op(g, "Relu", "y", add_in(g, "x", 2, DIMS(2, 3)), NULL);

    declare(y, 3, DIMS(2, 3, 1));
    finish(g, y);
    assert_fails(NT_EFORMAT,
                 "node 'y': output 'y' is declared float32[2,3,1], computed float32[2,3]",
                 nt_pass_infer(g, e));
    nt_graph_free(g);
}

NT_TEST(a_declared_extent_that_contradicts_gives_way)
{
    nt_graph *g = new_graph();
    nt_value *y = add_op(g, "Relu", "y", add_in(g, "x", 2, DIMS(2, 3)), NULL);

    declare(y, 2, DIMS(2, 4));
    finish(g, y);
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[2,3]");
    nt_graph_free(g);
}

NT_TEST(a_symbol_from_the_input_outweighs_a_declared_number)
{
    nt_graph *g = new_graph();
    nt_value *y = add_op(g, "Relu", "y", add_in(g, "x", 2, DIMS(-1, 3)), NULL);

    declare(y, 2, DIMS(1, 3));
    finish(g, y);
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[N,3]");
    nt_graph_free(g);
}

NT_TEST(after_surgery_inference_forgets_the_old_shapes)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 3)), *w = add_weight(g, "w", 2, DIMS(3, 7));
    nt_value *y = add_op(g, "MatMul", "y", x, w);
    nt_tensor *t = NULL;

    declare(y, 2, DIMS(1, 7));
    finish(g, y);
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_tensor_new(&t, NT_F32, 2, DIMS(3, 5), e));
    nt_value_take_data(w, t);
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[N,5]");
    nt_graph_free(g);
}

NT_TEST(constants_fold_through_chains)
{
    nt_graph *g = new_graph();
    nt_value *a = add_weight(g, "a", 1, DIMS(3)), *b = add_weight(g, "b", 1, DIMS(3));
    nt_value *sum = add_op(g, "Add", "sum", a, b);
    nt_value *r = add_op(g, "Relu", "r", sum, NULL);
    int n = 0;

    finish(g, add_op(g, "Add", "y", add_in(g, "x", 1, DIMS(3)), r));
    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 2);
    assert_int_equal(g->n_nodes, 1);
    check_consistent(g);
    assert_non_null(r->data);
    assert_float_equal(nt_tensor_get(r->data, 2), 4, 0); /* 2 + 2 */
    assert_ok(nt_pass_dead(g, NULL, e));
    assert_null(nt_graph_find_value(g, "a"));
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(shape_arithmetic_folds_once_the_shape_is_known)
{
    nt_graph *g = flatten(6);
    int n = 0;

    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 3);
    assert_string_equal(shape_of(g, "y"), "[6,20]");
    assert_int_equal(g->n_nodes, 1);
    nt_graph_free(g);
}

NT_TEST(shape_arithmetic_stays_while_the_batch_is_open)
{
    nt_graph *g = flatten(-1);
    int n = 0;

    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 0);
    assert_int_equal(g->n_nodes, 4);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(folding_leaves_trained_constants_and_quantized_weights)
{
    nt_graph *g = new_graph();
    nt_value *a = add_weight(g, "a", 1, DIMS(3)), *q = add_weight(g, "q", 1, DIMS(3));
    int n = 0;

    a->live = true;
    finish(g, add_op(g, "Relu", "y", a, NULL));
    assert_ok(nt_graph_add_output(g, add_op(g, "DequantizeLinear", "z", q, NULL), e));
    bind(g);
    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 0);
    a->live = false;
    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 1);
    nt_graph_free(g);
}

NT_TEST(a_weight_that_a_layer_shares_is_not_split)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 3)),
             *w = add_weight(g, "fc.weight", 2, DIMS(3, 3));
    int n = 0;

    finish(g, add_op(g, "MatMul", "y", x, w));
    assert_ok(nt_graph_add_output(g, add_op(g, "Relu", "z", w, NULL), e));
    bind(g);
    assert_ok(nt_pass_fold(g, 0, &n, e));
    assert_int_equal(n, 0);
    nt_graph_free(g);
}

NT_TEST(a_transposed_weight_keeps_its_name)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(-1, 3)),
             *w = add_weight(g, "fc.weight", 2, DIMS(7, 3));
    nt_value *t = add_op(g, "Transpose", "/fc/Transpose_output_0", w, NULL);
    nt_value *y = add_op(g, "MatMul", "y", x, t);
    char buf[64];

    finish(g, y);
    assert_ok(nt_pass_fold(g, 0, NULL, e));
    assert_ok(nt_pass_dead(g, NULL, e));
    assert_string_equal(t->name, "fc.weight");
    assert_string_equal(nt_layer_name(buf, sizeof buf, g, y->producer), "fc");
    assert_float_equal(nt_tensor_get(t->data, 1), 3, 0); /* row 1, column 0 before */
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(large_results_are_left_unless_they_replace_as_much)
{
    nt_graph *g = new_graph();
    nt_value *r = add_op(g, "Relu", "r", add_weight(g, "a", 1, DIMS(100)), NULL);
    nt_value *shape = add_op(g, "Shape", "shape", add_in(g, "x", 2, DIMS(2, 3)), NULL);

    finish(g, r);
    assert_ok(nt_graph_add_output(g, shape, e));
    assert_ok(nt_pass_fold(g, 8, NULL, e)); /* r: 400 bytes from 400; shape: 16 from none */
    assert_non_null(r->data);
    assert_null(shape->data);
    assert_ok(nt_pass_fold(g, 16, NULL, e));
    assert_non_null(shape->data);
    nt_graph_free(g);
}

NT_TEST(dead_nodes_go_with_all_that_led_to_them)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(2, 3));
    nt_value *y = add_op(g, "Relu", "y", x, NULL);
    nt_value *a = add_op(g, "Add", "a", x, add_weight(g, "w", 2, DIMS(2, 3)));
    nt_value *pinned = add_op(g, "Relu", "p", x, NULL);
    int n = 0;

    add_op(g, "Relu", "b", a, NULL);
    pinned->pinned = true;
    finish(g, y);
    assert_ok(nt_pass_dead(g, &n, e));
    assert_int_equal(n, 2);
    assert_int_equal(g->n_nodes, 2);
    assert_null(nt_graph_find_value(g, "w"));
    assert_non_null(nt_graph_find_value(g, "p"));
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(identities_go_where_a_name_is_free)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(2, 3));
    nt_value *i = add_op(g, "Identity", "i", x, NULL);
    nt_value *r = add_op(g, "Relu", "r", i, NULL);
    nt_value *y = add_op(g, "Dropout", "y", r, NULL);
    int n = 0;

    finish(g, y);
    assert_ok(nt_graph_add_output(g, add_op(g, "Identity", "z", x, NULL), e));
    bind(g);
    assert_ok(nt_pass_identity(g, &n, e));
    assert_int_equal(n, 2); /* input to output must stay: both names are known outside */
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->outputs[0]->name, "y");
    assert_string_equal(g->outputs[0]->producer->op_type, "Relu");
    assert_ptr_equal(g->outputs[0]->producer->in[0], x);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(a_dropout_whose_mask_is_wanted_stays)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(2, 3)), *out[2] = {NULL, NULL};
    int n = 0;

    assert_ok(nt_graph_add_value(&out[0], g, "y", e));
    assert_ok(nt_graph_add_value(&out[1], g, "mask", e));
    assert_ok(nt_graph_add_node(NULL, g, &(nt_node_spec){"Dropout", "", &x, 1, out, 2}, e));
    finish(g, add_op(g, "Relu", "r", out[0], NULL));
    assert_ok(nt_graph_add_output(g, out[1], e));
    assert_ok(nt_pass_identity(g, &n, e));
    assert_int_equal(n, 0);
    nt_graph_free(g);
}

NT_TEST(binding_shapes_makes_everything_concrete)
{
    nt_graph *g = flatten(-1);
    const int64_t dims[1][NT_MAX_RANK] = {{8}};

    assert_ok(nt_pass_bind_shapes(g, dims, e));
    assert_string_equal(shape_of(g, "y"), "[8,20]");
    assert_int_equal(g->n_nodes, 1);
    nt_graph_free(g);
}

NT_TEST(a_reshape_that_follows_the_batch_gets_a_constant_target)
{
    nt_graph *g = flatten(-1);
    const nt_value *target;
    int n = 0;

    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_pass_settle(g, &n, e));
    assert_int_equal(n, 1);
    target = nt_graph_find_value(g, "y")->producer->in[1];
    assert_non_null(target->data);
    assert_int_equal(nt_tensor_get_i64(target->data, 0), 0); /* as in the input */
    assert_int_equal(nt_tensor_get_i64(target->data, 1), 20);
    assert_ok(nt_pass_dead(g, NULL, e));
    assert_int_equal(g->n_nodes, 1);
    assert_ok(nt_pass_infer(g, e));
    assert_string_equal(shape_of(g, "y"), "[N,20]");
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(sizes_that_do_not_depend_on_the_batch_become_constants)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 3, DIMS(-1, 4, 5));
    nt_value *shape = add_op(g, "Shape", "shape", x, NULL);
    nt_value *height = add_op(g, "Gather", "height", shape, add_ints(g, "one", 1, DIMS(1)));
    nt_value *batch = add_op(g, "Gather", "batch", shape, add_ints(g, "zero", 1, DIMS(0)));
    int n = 0;

    finish(g, height);
    assert_ok(nt_graph_add_output(g, batch, e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_pass_settle(g, &n, e));
    assert_int_equal(n, 1);
    assert_int_equal(nt_tensor_get_i64(height->data, 0), 4);
    assert_null(batch->data);
    check_consistent(g);
    nt_graph_free(g);
}

NT_TEST(two_batch_sizes_are_not_taken_for_one)
{
    nt_graph *g = new_graph();
    nt_dim m = {-1, "M"};
    nt_value *x = add_in(g, "x", 1, DIMS(-1)), *b = NULL, *shape;
    int n = 0;

    assert_ok(nt_graph_add_input(&b, g, "b", (nt_value_type){NT_F32, 1, &m}, e));
    shape = add_op(g, "Shape", "s", b, NULL);
    shape = add_op(g, "Concat", "c", shape, add_ints(g, "one", 1, DIMS(1)));
    finish(g, add_op(g, "Reshape", "y", x, shape));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_pass_settle(g, &n, e));
    assert_int_equal(n, 1);
    shape = g->outputs[0]->producer->in[1];
    assert_int_equal(nt_tensor_get_i64(shape->data, 0), -1); /* whatever is left, not x's own */
    nt_graph_free(g);
}

NT_TEST(binding_refuses_other_fixed_dimensions)
{
    nt_graph *g = flatten(-1);
    const int64_t other[1][NT_MAX_RANK] = {{8, 3}}, more[1][NT_MAX_RANK] = {{8, 4, 5, 6}};
    const int64_t negative[1][NT_MAX_RANK] = {{-8}};

    assert_fails(NT_EINVAL, "input 'x': dimension 1 is 4, not 3",
                 nt_pass_bind_shapes(g, other, e));
    assert_fails(NT_EINVAL, "input 'x' has 3 dimensions", nt_pass_bind_shapes(g, more, e));
    assert_fails(NT_EINVAL, "input 'x': dimension 0 cannot be -8",
                 nt_pass_bind_shapes(g, negative, e));
    nt_graph_free(g);
}

NT_TEST(a_symbol_is_bound_wherever_it_is_declared)
{
    nt_graph *g = new_graph();
    nt_value *m = add_op(g, "Mystery", "m", add_in(g, "x", 2, DIMS(-1, 3)), NULL);
    const int64_t dims[1][NT_MAX_RANK] = {{8}};

    m->rank = 2;
    m->dims[0] = (nt_dim){-1, "N"};
    m->dims[1] = (nt_dim){9, NULL};
    m->declared = true;
    finish(g, m);
    assert_ok(nt_pass_bind_shapes(g, dims, e));
    assert_string_equal(shape_of(g, "m"), "[8,9]");
    nt_graph_free(g);
}

NT_TEST(a_model_made_for_one_sample_runs_on_a_batch)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 3, DIMS(1, 4, 5));
    nt_value *y = add_op(g, "Reshape", "y", x, add_ints(g, "want", 2, DIMS(1, 20)));
    const int64_t dims[1][NT_MAX_RANK] = {{8}};

    declare(y, 2, DIMS(1, 20));
    finish(g, y);
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_pass_bind_shapes(g, dims, e));
    assert_string_equal(shape_of(g, "y"), "[8,20]");
    assert_int_equal(nt_tensor_get_i64(nt_graph_find_value(g, "want")->data, 0), 1);
    nt_graph_free(g);
}

NT_TEST(an_output_that_does_not_follow_the_batch_is_refused)
{
    nt_graph *g = new_graph();
    nt_value *x = add_in(g, "x", 2, DIMS(1, 4));
    nt_value *y = add_op(g, "Relu", "y", add_weight(g, "table", 2, DIMS(1, 4)), NULL);
    const int64_t dims[1][NT_MAX_RANK] = {{8}};

    add_op(g, "Relu", "unused", x, NULL);
    finish(g, y);
    assert_ok(nt_pass_infer(g, e));
    assert_fails(NT_EINVAL, "output 'y': the model is made for batch size 1",
                 nt_pass_bind_shapes(g, dims, e));
    nt_graph_free(g);
}

NT_TEST_MAIN
