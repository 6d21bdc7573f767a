/* SPDX-License-Identifier: MIT */
/* Which nodes vanish into the one before, by structure: what fused networks compute is in
 * test_op_fusion.c. */
#include "exec/fuse.h"

#include "net.h"

typedef struct fused {
    nt_device *dev;
    nt_program *p;
    bool absorbed[32];
} fused;

static fused fuse(const net *t, bool training, const char *const *keep)
{
    fused f = {0};

    assert_true(t->g->n_nodes <= 32);
    assert_ok(nt_device_new(&f.dev, 1, e));
    assert_ok(nt_program_new(&f.p, t->g, f.dev, e));
    f.p->training = training;
    assert_ok(nt_fuse(f.p, f.absorbed, keep, e));
    return f;
}

static void unfuse(fused *f)
{
    nt_program_free(f->p);
    nt_device_free(f->dev);
}

static const nt_fusion *of(const fused *f, const net *t, const char *node)
{
    return nt_program_fusion(f->p, nt_graph_find_node(t->g, node));
}

static bool gone(const fused *f, const net *t, const char *node)
{
    return f->absorbed[nt_graph_find_node(t->g, node)->id];
}

static nt_value *picture(net *t)
{
    return input(t, "x", DIMS(1, 2, 1, 1));
}

static nt_value *unary(net *t, const char *op, const char *name, nt_value *x)
{
    return NODE(t, op, name, x)->out[0];
}

NT_TEST(a_convolution_takes_in_activations_and_one_sum_in_their_order)
{
    net t = start(17);
    nt_value *x = picture(&t), *y = unary(&t, "Relu", "r", conv(&t, "c", x, 2, 2, 1));
    const nt_fusion *q;
    fused f;

    y = NODE(&t, "Add", "a", y, x)->out[0];
    complete(&t, unary(&t, "Sigmoid", "s", y));
    f = fuse(&t, false, NULL);
    q = of(&f, &t, "c");
    assert_int_equal(q->n_post, 3);
    assert_int_equal(q->post[0].kind, NT_POST_RELU);
    assert_int_equal(q->post[1].kind, NT_POST_SUM);
    assert_int_equal(q->post[2].kind, NT_POST_SIGMOID);
    assert_ptr_equal(q->residual, x);
    assert_string_equal(q->out->name, "s");
    assert_true(gone(&f, &t, "r") && gone(&f, &t, "a") && gone(&f, &t, "s"));
    assert_false(gone(&f, &t, "c"));
    unfuse(&f);
    finish(&t);
}

NT_TEST(a_second_sum_and_one_of_another_shape_stand_for_themselves)
{
    net t = start(17);
    nt_value *x = picture(&t), *row = weight(&t, "row", DIMS(1, 2, 1, 1));
    nt_value *z = input(&t, "z", DIMS(1, 1, 1, 1));
    nt_value *y = NODE(&t, "Add", "a", conv(&t, "c", x, 2, 2, 1), x)->out[0];
    nt_value *v = NODE(&t, "Add", "d", conv(&t, "e", x, 2, 2, 1), z)->out[0];
    nt_value *u = NODE(&t, "Add", "h", conv(&t, "g", x, 2, 2, 1), row)->out[0];
    nt_node *all;
    fused f;

    y = NODE(&t, "Add", "b", y, x)->out[0];
    all = NODE(&t, "Concat", "all", y, v, u);
    assert_ok(nt_node_set_int(t.g, all, "axis", 1, e));
    complete(&t, all->out[0]);
    f = fuse(&t, false, NULL);
    assert_true(gone(&f, &t, "a"));
    assert_false(gone(&f, &t, "b"));
    assert_false(gone(&f, &t, "d")); /* broadcast */
    assert_false(gone(&f, &t, "h")); /* of a constant */
    unfuse(&f);
    finish(&t);
}

/* Of two convolutions that are added the later takes in the sum: the other is ready by then. */
NT_TEST(the_sum_goes_to_the_branch_that_is_computed_last)
{
    net t = start(17);
    nt_value *x = picture(&t), *a = conv(&t, "a", x, 2, 2, 1), *b = conv(&t, "b", x, 2, 2, 1);
    fused f;

    complete(&t, NODE(&t, "Add", "sum", a, b)->out[0]);
    f = fuse(&t, false, NULL);
    assert_int_equal(of(&f, &t, "a")->n_post, 0);
    assert_string_equal(of(&f, &t, "a")->out->name, "a");
    assert_int_equal(of(&f, &t, "b")->n_post, 1);
    assert_string_equal(of(&f, &t, "b")->residual->name, "a");
    unfuse(&f);
    finish(&t);
}

/* conv -> relu, where the value between is seen by somebody. */
static bool relu_vanishes(bool twice, bool output, const char *const *keep)
{
    net t = start(17);
    nt_value *c = conv(&t, "c", picture(&t), 2, 2, 1), *y = unary(&t, "Relu", "r", c);
    fused f;
    bool is;

    if (twice)
        y = NODE(&t, "Mul", "y", y, unary(&t, "Tanh", "t", c))->out[0];
    if (output)
        assert_ok(nt_graph_add_output(t.g, c, e));
    complete(&t, y);
    f = fuse(&t, false, keep);
    is = gone(&f, &t, "r");
    unfuse(&f);
    finish(&t);
    return is;
}

NT_TEST(a_value_that_somebody_else_sees_is_made)
{
    assert_true(relu_vanishes(false, false, NULL));
    assert_true(relu_vanishes(false, false, (const char *const[]){"r", "x", NULL}));
    assert_false(relu_vanishes(false, false, (const char *const[]){"x", "c", NULL}));
    assert_false(relu_vanishes(true, false, NULL));
    assert_false(relu_vanishes(false, true, NULL));
}

NT_TEST(at_most_four_operations_follow)
{
    net t = start(17);
    nt_value *y = conv(&t, "c", picture(&t), 2, 2, 1);
    fused f;
    char name[8];

    for (int i = 0; i < NT_POST_MAX + 1; i++) {
        snprintf(name, sizeof name, "t%d", i);
        y = unary(&t, "Tanh", name, y);
    }
    complete(&t, y);
    f = fuse(&t, false, NULL);
    assert_int_equal(of(&f, &t, "c")->n_post, NT_POST_MAX);
    assert_true(gone(&f, &t, "t3"));
    assert_false(gone(&f, &t, "t4"));
    unfuse(&f);
    finish(&t);
}

static nt_value *bn(net *t, const char *name, nt_value *x)
{
    return NODE(t, "BatchNormalization", name, x, weight(t, NULL, DIMS(2)),
                weight(t, NULL, DIMS(2)), weight(t, NULL, DIMS(2)), weight(t, NULL, DIMS(2)))
        ->out[0];
}

NT_TEST(in_training_a_normalisation_takes_in_one_relu_and_nothing_else_fuses)
{
    net t = start(17);
    nt_value *y = unary(&t, "Relu", "cr", conv(&t, "c", picture(&t), 2, 2, 1));
    fused f;

    y = unary(&t, "Relu", "r2", unary(&t, "Relu", "r1", bn(&t, "n", y)));
    y = unary(&t, "LeakyRelu", "l", bn(&t, "m", y));
    complete(&t, y);
    f = fuse(&t, true, NULL);
    assert_false(gone(&f, &t, "cr"));
    assert_true(gone(&f, &t, "r1"));
    assert_false(gone(&f, &t, "r2"));
    assert_int_equal(of(&f, &t, "n")->n_post, 1);
    assert_false(gone(&f, &t, "l")); /* its negative side needs a gradient */
    assert_int_equal(of(&f, &t, "m")->n_post, 0);
    assert_string_equal(of(&f, &t, "m")->out->name, "m");
    unfuse(&f);
    finish(&t);
}

NT_TEST(without_fusion_every_node_makes_its_own_output)
{
    net t = start(17);
    fused f = {0};

    complete(&t, unary(&t, "Relu", "r", conv(&t, "c", picture(&t), 2, 2, 1)));
    assert_ok(nt_device_new(&f.dev, 1, e));
    assert_ok(nt_program_new(&f.p, t.g, f.dev, e));
    nt_fuse_nothing(f.p);
    assert_string_equal(of(&f, &t, "c")->out->name, "c");
    assert_string_equal(of(&f, &t, "r")->out->name, "r");
    assert_int_equal(of(&f, &t, "c")->n_post, 0);
    unfuse(&f);
    finish(&t);
}

NT_TEST_MAIN
