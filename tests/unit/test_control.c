/* SPDX-License-Identifier: MIT */
/* If and Loop that depend on nothing but constants and shapes go when a model is loaded. */
#include "exec/staged.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"
#include "onnx_bytes.h"
#include "op/registry.h"
#include "test.h"

#define DIMS(...)                                                                              \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[])                             \
    {                                                                                          \
        __VA_ARGS__                                                                            \
    }

enum { NODES = 1, NAME = 2, INITIALIZER = 5, INPUT = 11, OUTPUT = 12 };

static void add(nt_str *s, int field, nt_str sub)
{
    pb_sub(s, field, &sub);
}

/* Adds an attribute that holds a graph (released) to a node. */
static void add_graph(nt_str *node, const char *name, nt_str graph)
{
    nt_str a = {0};

    pb_text(&a, 1, name);
    pb_sub(&a, 6, &graph);
    pb_int(&a, 20, NT_ATTR_GRAPH);
    pb_sub(node, 5, &a);
}

static void add_int(nt_str *node, const char *name, int64_t v)
{
    nt_str a = {0};

    pb_text(&a, 1, name);
    pb_int(&a, 3, v);
    pb_int(&a, 20, NT_ATTR_INT);
    pb_sub(node, 5, &a);
}

/* A value without a type. */
static nt_str untyped(const char *name)
{
    nt_str v = {0};

    pb_text(&v, 1, name);
    return v;
}

/* A branch: `out` = op(in), out made under that name. */
static nt_str branch(const char *op, const char *in, const char *out)
{
    nt_str g = {0};

    add(&g, NODES, pb_node(op, "", in, out));
    add(&g, OUTPUT, untyped(out));
    return g;
}

static nt_graph *loaded(nt_str *graph)
{
    nt_str m = pb_model(8, 13, graph);
    nt_graph *g = NULL;

    assert_ok(nt_onnx_read(&g, m.p, m.n, NULL, e));
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    nt_str_release(&m);
    return g;
}

/* As loading a model does; how many were expanded. */
static int fold(nt_graph *g)
{
    int n = 0, all = 0;

    do {
        assert_ok(nt_pass_fold(g, 0, NULL, e));
        assert_ok(nt_pass_control(g, &n, e));
        all += n;
    } while (n > 0);
    assert_ok(nt_pass_dead(g, NULL, e));
    return all;
}

static nt_tensor *run(const nt_graph *g, const float *x, size_t n)
{
    nt_device *dev = NULL;
    nt_staged *r = NULL;
    nt_tensor *y = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, g, dev, &(nt_plan_opts){0}, e));
    memcpy(nt_staged_input(r, 0)->data, x, n * sizeof *x);
    assert_ok(nt_staged_forward(r, e));
    assert_ok(nt_tensor_dup(&y, nt_staged_output(r, 0), e));
    nt_staged_free(r);
    nt_device_free(dev);
    return y;
}

/* y = cond ? Relu(x) : Neg(x) */
static nt_graph *choice(bool cond)
{
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y");

    add_graph(&node, "then_branch", branch("Relu", "x", "a"));
    add_graph(&node, "else_branch", branch("Neg", "x", "a"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("cond", NT_BOOL, 0, NULL, &cond, 1));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, pb_value("y", DIMS(2)));
    return loaded(&g);
}

NT_TEST(an_if_becomes_the_branch_of_its_constant)
{
    const float x[] = {-1, 2};

    for (int cond = 0; cond < 2; cond++) {
        nt_graph *g = choice(cond);
        nt_tensor *y;

        assert_int_equal(fold(g), 1);
        assert_int_equal(g->n_nodes, 1);
        assert_string_equal(g->nodes[0]->op_type, cond ? "Relu" : "Neg");
        assert_false(g->inputs[0]->pinned);
        y = run(g, x, 2);
        assert_float_equal(nt_tensor_get(y, 0), cond ? 0 : 1, 0);
        nt_tensor_free(y);
        nt_graph_free(g);
    }
}

/* A branch that gives out what stands around it needs a name for it. */
NT_TEST(a_branch_may_give_an_input_out)
{
    const bool yes = true;
    const float x[] = {-1, 2};
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y"), empty = {0};
    nt_graph *h;
    nt_tensor *y;

    add(&empty, OUTPUT, untyped("x"));
    add_graph(&node, "then_branch", empty);
    add_graph(&node, "else_branch", branch("Neg", "x", "a"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("cond", NT_BOOL, 0, NULL, &yes, 1));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, pb_value("y", DIMS(2)));
    h = loaded(&g);
    assert_int_equal(fold(h), 1);
    assert_string_equal(h->nodes[0]->op_type, "Identity");
    y = run(h, x, 2);
    assert_float_equal(nt_tensor_get(y, 0), -1, 0);
    nt_tensor_free(y);
    nt_graph_free(h);
}

/* If in If; the inner one uses what the outer branch makes, and a constant of its own. */
NT_TEST(branches_nest)
{
    const bool yes = true;
    const float x[] = {-1, 2}, two[] = {2};
    nt_str g = {0}, outer = pb_node("If", "outer", "cond", "y"), inner, inside = {0},
           deep = {0};
    nt_graph *h;
    nt_tensor *y;

    add(&deep, NODES, pb_node("Mul", "", "r two", "b"));
    add(&deep, INITIALIZER, pb_tensor("two", NT_F32, 1, (const int64_t[]){1}, two, sizeof two));
    add(&deep, OUTPUT, untyped("b"));
    inner = pb_node("If", "inner", "cond", "c");
    add_graph(&inner, "then_branch", deep);
    add_graph(&inner, "else_branch", branch("Neg", "r", "b2"));
    add(&inside, NODES, pb_node("Relu", "", "x", "r"));
    add(&inside, NODES, inner);
    add(&inside, OUTPUT, untyped("c"));
    add_graph(&outer, "then_branch", inside);
    add_graph(&outer, "else_branch", branch("Neg", "x", "d"));
    add(&g, NODES, outer);
    add(&g, INITIALIZER, pb_tensor("cond", NT_BOOL, 0, NULL, &yes, 1));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, pb_value("y", DIMS(2)));
    h = loaded(&g);
    assert_int_equal(fold(h), 2);
    y = run(h, x, 2);
    assert_float_equal(nt_tensor_get(y, 0), 0, 0);
    assert_float_equal(nt_tensor_get(y, 1), 4, 0);
    nt_tensor_free(y);
    nt_graph_free(h);
}

/* What PyTorch leaves of squeeze(1): if the extent is 1, Squeeze, else nothing. */
static nt_graph *squeeze_if_one(const int64_t *dims)
{
    const int64_t one = 1;
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y"), gather;

    add(&g, NODES, pb_node("Shape", "", "x", "s"));
    gather = pb_node("Gather", "", "s one", "d");
    add_int(&gather, "axis", 0);
    add(&g, NODES, gather);
    add(&g, NODES, pb_node("Equal", "", "d one", "cond"));
    add_graph(&node, "then_branch", branch("Squeeze", "x one1", "a"));
    add_graph(&node, "else_branch", branch("Identity", "x", "b"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("one", NT_I64, 0, NULL, &one, sizeof one));
    add(&g, INITIALIZER, pb_tensor("one1", NT_I64, 1, &one, &one, sizeof one));
    add(&g, INPUT, pb_value("x", 2, dims));
    add(&g, OUTPUT, untyped("y"));
    return loaded(&g);
}

NT_TEST(a_condition_may_ask_for_shapes)
{
    const int64_t one[] = {2, 1}, two[] = {2, 2}, open[] = {2, -1};
    const int64_t at_run[1][NT_MAX_RANK] = {{2, 1}};
    nt_graph *g = squeeze_if_one(one);

    assert_int_equal(fold(g), 1);
    assert_string_equal(g->nodes[0]->op_type, "Squeeze");
    nt_graph_free(g);
    g = squeeze_if_one(two);
    assert_int_equal(fold(g), 1);
    assert_string_equal(g->nodes[0]->op_type, "Identity");
    nt_graph_free(g);
    g = squeeze_if_one(open);
    assert_int_equal(fold(g), 0); /* not before the extent is known */
    assert_ok(nt_pass_check_control(g, e));
    assert_ok(nt_pass_bind_shapes(g, at_run, e));
    assert_int_equal(g->outputs[0]->rank, 1);
    nt_graph_free(g);
}

/* If x has one row, a branch of these nodes (released), else Neg: x's rows are open. */
static nt_graph *undecided(const char *op, nt_str *more)
{
    const int64_t one = 1, open[] = {-1, 2};
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y"), gather, then = {0};

    add(&g, NODES, pb_node("Shape", "", "x", "s"));
    gather = pb_node("Gather", "", "s zero", "d");
    add(&g, NODES, gather);
    add(&g, NODES, pb_node("Equal", "", "d one", "cond"));
    if (more)
        add(&then, NODES, *more);
    else
        add(&then, NODES, pb_node(op, "inside", "x", "a"));
    add(&then, OUTPUT, untyped("a"));
    add_graph(&node, "then_branch", then);
    add_graph(&node, "else_branch", branch("Neg", "x", "b"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("one", NT_I64, 0, NULL, &one, sizeof one));
    add(&g, INITIALIZER, pb_tensor("zero", NT_I64, 0, NULL, (const int64_t[]){0}, 8));
    add(&g, INPUT, pb_value("x", 2, open));
    add(&g, OUTPUT, untyped("y"));
    return loaded(&g);
}

NT_TEST(a_branch_that_shapes_may_choose_must_be_known)
{
    nt_graph *g = undecided("Relu", NULL);
    nt_str deep;

    assert_int_equal(fold(g), 0);
    assert_ok(nt_pass_check_control(g, e));
    nt_graph_free(g);
    g = undecided("Nope", NULL);
    assert_int_equal(fold(g), 0);
    assert_fails(NT_EUNSUPPORTED,
                 "node 'if': then_branch: node 'if/inside': operator 'Nope' (opset 13) is not "
                 "supported",
                 nt_pass_check_control(g, e));
    nt_graph_free(g);
    deep = pb_node("If", "inner", "cond", "a");
    add_graph(&deep, "then_branch", branch("Relu", "x", "c"));
    add_graph(&deep, "else_branch", branch("Nope", "x", "c"));
    g = undecided(NULL, &deep);
    assert_int_equal(fold(g), 0);
    assert_fails(
        NT_EUNSUPPORTED,
        "node 'if': then_branch: node 'if/inner': else_branch: node 'Nope_5': operator "
        "'Nope' (opset 13) is not supported",
        nt_pass_check_control(g, e));
    nt_graph_free(g);
}

NT_TEST(a_branch_that_is_not_taken_need_not_be_known)
{
    const bool no = false;
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y");
    nt_graph *h;

    add_graph(&node, "then_branch", branch("Nope", "x", "a"));
    add_graph(&node, "else_branch", branch("Neg", "x", "a"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("cond", NT_BOOL, 0, NULL, &no, 1));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, pb_value("y", DIMS(2)));
    h = loaded(&g);
    assert_int_equal(fold(h), 1);
    assert_ok(nt_pass_check_control(h, e));
    assert_string_equal(h->nodes[0]->op_type, "Neg");
    nt_graph_free(h);
}

NT_TEST(a_condition_that_the_data_decide_is_refused)
{
    nt_str g = {0}, node = pb_node("If", "choose", "cond", "y");
    nt_graph *h;

    add(&g, NODES, pb_node("Greater", "", "x x", "cond"));
    add_graph(&node, "then_branch", branch("Relu", "x", "a"));
    add_graph(&node, "else_branch", branch("Neg", "x", "a"));
    add(&g, NODES, node);
    add(&g, INPUT, pb_value("x", DIMS(1)));
    add(&g, OUTPUT, untyped("y"));
    h = loaded(&g);
    assert_int_equal(fold(h), 0);
    assert_fails(NT_EUNSUPPORTED,
                 "node 'choose': operator 'If' whose condition depends on the data is not "
                 "supported",
                 nt_pass_check_control(h, e));
    nt_graph_free(h);
}

/* If nothing is found, Cos, else Relu, of x as it is outside: which it is a later stage knows.
 */
NT_TEST(a_condition_may_ask_for_shapes_that_the_data_decide)
{
    const float some[] = {-1, 2}, none[] = {0, 0};
    const int64_t zero = 0;
    nt_str g = {0}, node = pb_node("If", "if", "cond", "y");
    nt_graph *h;
    nt_tensor *y;

    add(&g, NODES, pb_node("NonZero", "", "x", "found"));
    add(&g, NODES, pb_node("Size", "", "found", "n"));
    add(&g, NODES, pb_node("Equal", "", "n zero", "cond"));
    add_graph(&node, "then_branch", branch("Cos", "x", "a"));
    add_graph(&node, "else_branch", branch("Relu", "x", "b"));
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("zero", NT_I64, 0, NULL, &zero, sizeof zero));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, untyped("y"));
    h = loaded(&g);
    assert_int_equal(fold(h), 0);
    assert_ok(nt_pass_check_control(h, e));
    y = run(h, some, 2);
    assert_float_equal(nt_tensor_get(y, 0), 0, 0);
    assert_float_equal(nt_tensor_get(y, 1), 2, 0);
    nt_tensor_free(y);
    y = run(h, none, 2);
    assert_float_equal(nt_tensor_get(y, 1), 1, 0);
    nt_tensor_free(y);
    nt_graph_free(h);
}

/* sum = x; rounds times: sum = sum + x, and each sum is also stacked. */
static nt_graph *sums(int64_t rounds, const char *out)
{
    const bool yes = true;
    nt_str g = {0}, node = pb_node("Loop", "loop", "m yes x", "last all"), body = {0};

    add(&body, NODES, pb_node("Identity", "", "go", "on"));
    add(&body, NODES, pb_node("Add", "", "sum x", "next"));
    add(&body, NODES, pb_node("Identity", "", "next", "copy"));
    add(&body, INPUT, untyped("i"));
    add(&body, INPUT, untyped("go"));
    add(&body, INPUT, untyped("sum"));
    add(&body, OUTPUT, untyped("on"));
    add(&body, OUTPUT, untyped("next"));
    add(&body, OUTPUT, untyped("copy"));
    add_graph(&node, "body", body);
    add(&g, NODES, node);
    add(&g, INITIALIZER, pb_tensor("m", NT_I64, 0, NULL, &rounds, sizeof rounds));
    add(&g, INITIALIZER, pb_tensor("yes", NT_BOOL, 0, NULL, &yes, 1));
    add(&g, INPUT, pb_value("x", DIMS(2)));
    add(&g, OUTPUT, untyped(out));
    return loaded(&g);
}

NT_TEST(a_loop_of_constant_rounds_unrolls)
{
    const float x[] = {1, 2};
    nt_graph *g = sums(3, "last");
    nt_tensor *y;

    assert_int_equal(fold(g), 1);
    y = run(g, x, 2);
    assert_float_equal(nt_tensor_get(y, 1), 8, 0);
    nt_tensor_free(y);
    nt_graph_free(g);
    g = sums(3, "all");
    assert_int_equal(fold(g), 1);
    y = run(g, x, 2);
    assert_int_equal(y->rank, 2);
    assert_int_equal(y->dims[0], 3);
    assert_float_equal(nt_tensor_get(y, 0), 2, 0);
    assert_float_equal(nt_tensor_get(y, 5), 8, 0);
    nt_tensor_free(y);
    nt_graph_free(g);
}

NT_TEST(loops_are_bounded)
{
    nt_graph *g = sums(INT64_MAX, "last");
    int n;

    assert_ok(nt_pass_fold(g, 0, NULL, e));
    assert_fails(NT_EUNSUPPORTED, "node 'loop': Loop: more than 4096 rounds",
                 nt_pass_control(g, &n, e));
    nt_graph_free(g);
}

NT_TEST_MAIN
