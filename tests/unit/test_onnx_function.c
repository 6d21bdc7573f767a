/* SPDX-License-Identifier: MIT */
/* Local functions with subgraphs inside, and of another opset than the model's. */
#include "exec/staged.h"
#include "graph/onnx_io.h"
#include "graph/pass.h"
#include "onnx_bytes.h"
#include "op/registry.h"
#include "test.h"

enum { NODES = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, FUNCTION = 25 };

static void add(nt_str *s, int field, nt_str sub)
{
    pb_sub(s, field, &sub);
}

static nt_str attr(const char *name, int kind)
{
    nt_str a = {0};

    pb_text(&a, 1, name);
    pb_int(&a, 20, kind);
    return a;
}

static nt_str untyped(const char *name)
{
    nt_str v = {0};

    pb_text(&v, 1, name);
    return v;
}

/* local:F of these inputs to r, its nodes still to come. */
static nt_str function(const char *const *in, int64_t opset)
{
    nt_str f = {0}, o = {0};

    pb_text(&f, 1, "F");
    for (; *in; in++)
        pb_text(&f, 4, *in);
    pb_text(&f, 5, "r");
    pb_int(&o, 2, opset);
    pb_sub(&f, 9, &o);
    pb_text(&f, 10, "local");
    return f;
}

/* y = F(F(x, first), second) of a model of this opset; x has 3 elements. */
static nt_str calling(int64_t opset, nt_str f, nt_str first, nt_str second)
{
    const int64_t three[] = {3};
    const bool no = false, yes = true;
    nt_str g = {0}, o = {0}, m;

    add(&g, NODES, first);
    add(&g, NODES, second);
    add(&g, INITIALIZER, pb_tensor("no", NT_BOOL, 0, NULL, &no, 1));
    add(&g, INITIALIZER, pb_tensor("yes", NT_BOOL, 0, NULL, &yes, 1));
    add(&g, INPUT, pb_value("x", 1, three));
    add(&g, OUTPUT, untyped("y"));
    m = pb_model(9, opset, &g);
    pb_text(&o, 1, "local");
    pb_int(&o, 2, 1);
    pb_sub(&m, 8, &o);
    add(&m, FUNCTION, f);
    return m;
}

static nt_str call(const char *name, const char *in, const char *out)
{
    nt_str n = pb_node("F", name, in, out);

    pb_text(&n, 7, "local");
    return n;
}

/* Releases m. */
static nt_graph *loaded(nt_str *m)
{
    nt_graph *g = NULL;
    int n = 0;

    assert_ok(nt_onnx_read(&g, m->p, m->n, NULL, e));
    nt_str_release(m);
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    do {
        assert_ok(nt_pass_fold(g, 0, NULL, e));
        assert_ok(nt_pass_control(g, &n, e));
    } while (n > 0);
    assert_ok(nt_pass_dead(g, NULL, e));
    return g;
}

static void assert_runs(const nt_graph *g, const float *x, const float *want)
{
    nt_device *dev = NULL;
    nt_staged *r = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, g, dev, &(nt_plan_opts){0}, e));
    memcpy(nt_staged_input(r, 0)->data, x, 3 * sizeof *x);
    assert_ok(nt_staged_forward(r, e));
    for (int i = 0; i < 3; i++)
        assert_float_equal(nt_tensor_get(nt_staged_output(r, 0), i), want[i], 1e-6);
    nt_staged_free(r);
    nt_device_free(dev);
}

/* An If with branches that use what the function makes, and an attribute of its call:
 * F(v, c) = c ? LeakyRelu(v + v, alpha: slope) : -(v + v). */
static nt_str leaky_if(void)
{
    const char *const in[] = {"v", "c", NULL};
    nt_str f = function(in, 17), node = pb_node("If", "", "c", "r"), then = {0}, other = {0};
    nt_str a = attr("alpha", NT_ATTR_FLOAT), inner = pb_node("LeakyRelu", "leak", "s", "t");

    pb_text(&a, 21, "slope");
    pb_sub(&inner, 5, &a);
    add(&then, NODES, inner);
    add(&then, OUTPUT, untyped("t"));
    add(&other, NODES, pb_node("Neg", "", "s", "t2"));
    add(&other, OUTPUT, untyped("t2"));
    a = attr("then_branch", NT_ATTR_GRAPH);
    pb_sub(&a, 6, &then);
    pb_sub(&node, 5, &a);
    a = attr("else_branch", NT_ATTR_GRAPH);
    pb_sub(&a, 6, &other);
    pb_sub(&node, 5, &a);
    add(&f, 7, pb_node("Add", "", "v v", "s"));
    add(&f, 7, node);
    return f;
}

NT_TEST(a_function_may_hold_an_if_that_folds)
{
    const float x[] = {-1, 0, 2}, want[] = {1, 0, -8};
    nt_str first = call("one", "x yes", "h"), a = attr("slope", NT_ATTR_FLOAT), m;
    nt_graph *g;

    pb_float(&a, 2, 0.25F);
    pb_sub(&first, 5, &a);
    m = calling(17, leaky_if(), first, call("two", "h no", "y"));
    g = loaded(&m);
    assert_int_equal(g->n_nodes, 4); /* Add, LeakyRelu, Add, Neg */
    assert_runs(g, x, want);
    nt_graph_free(g);
}

/* Which of the two values 's' is meant depends on the call. */
NT_TEST(two_calls_of_a_function_with_an_if_keep_their_own_values)
{
    const float x[] = {-1, 0, 2}, want[] = {-4, 0, 8};
    nt_str m = calling(17, leaky_if(), call("one", "x no", "h"), call("two", "h no", "y"));
    nt_graph *g = loaded(&m);

    assert_runs(g, x, want);
    nt_graph_free(g);
}

static nt_str one_node(int64_t opset, const char *op)
{
    const char *const in[] = {"v", NULL};
    nt_str f = function(in, opset);

    add(&f, 7, pb_node(op, "only", "v", "r"));
    return f;
}

NT_TEST(a_function_of_another_opset_is_read_where_its_operators_are_the_same)
{
    const float x[] = {-1, 0, 2}, want[] = {0, 0, 2};
    nt_str m = calling(18, one_node(15, "Relu"), call("a", "x", "h"), call("b", "h", "y"));
    nt_graph *g = loaded(&m);

    assert_runs(g, x, want);
    nt_graph_free(g);
}

NT_TEST(an_operator_of_another_opset_in_a_function_is_refused_by_name)
{
    nt_str m =
        calling(18, one_node(15, "ReduceMean"), call("a", "x", "h"), call("b", "h", "y"));
    nt_graph *g = NULL;

    assert_ok(nt_onnx_read(&g, m.p, m.n, NULL, e));
    assert_fails(NT_EUNSUPPORTED,
                 "node 'a/only': ReduceMean: is written for opset 15 in a function, and is "
                 "another operator in the model's: convert both to one opset",
                 nt_graph_bind(g, nt_ops_table(), e));
    nt_graph_free(g);
    nt_str_release(&m);
}

NT_TEST_MAIN
