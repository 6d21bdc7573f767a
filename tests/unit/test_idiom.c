/* SPDX-License-Identifier: MIT */
/* Activations written as several nodes: a plan makes one step of them, with the same results.
 */
#include "op_harness.h"

#include "exec/idiom.h"
#include "op/registry.h"

typedef struct net {
    nt_graph *g;
    nt_value *x;
    int n;
} net;

static net net_new(void)
{
    const nt_dim dims[] = {{2, NULL}, {5, NULL}, {3, NULL}, {4, NULL}};
    net m = {0};

    assert_ok(nt_graph_new(&m.g, e));
    m.g->opset = 13;
    assert_ok(nt_graph_add_input(&m.x, m.g, "x", (nt_value_type){NT_F32, 4, dims}, e));
    return m;
}

static nt_value *number(net *m, double v, int rank)
{
    const int64_t ones[] = {1, 1, 1, 1, 1};
    nt_tensor *t = NULL;
    nt_value *c = NULL;
    char name[16];

    snprintf(name, sizeof name, "c%d", m->n++);
    assert_ok(nt_tensor_new(&t, NT_F32, rank, ones, e));
    nt_tensor_set(t, 0, v);
    assert_ok(nt_graph_add_const(&c, m->g, name, t, e));
    return c;
}

static nt_node *node(net *m, const char *op, nt_value *const *in, int n_in)
{
    nt_value *out = NULL;
    nt_node *n = NULL;
    char name[16];

    snprintf(name, sizeof name, "n%d", m->n++);
    assert_ok(nt_graph_add_value(&out, m->g, name, e));
    assert_ok(nt_graph_add_node(&n, m->g, &(nt_node_spec){op, name, in, n_in, &out, 1}, e));
    return n;
}

static nt_value *one(net *m, const char *op, nt_value *a)
{
    return node(m, op, &a, 1)->out[0];
}

static nt_value *two(net *m, const char *op, nt_value *a, nt_value *b)
{
    nt_value *in[] = {a, b};

    return node(m, op, in, 2)->out[0];
}

/* a op number */
static nt_value *by(net *m, const char *op, nt_value *a, double v)
{
    return two(m, op, a, number(m, v, 0));
}

static nt_value *clip(net *m, nt_value *a, double lo, double hi)
{
    nt_value *in[] = {a, number(m, lo, 0), number(m, hi, 0)};

    return node(m, "Clip", in, 3)->out[0];
}

static nt_value *hardsigmoid(net *m, nt_value *a, double alpha)
{
    nt_node *n = node(m, "HardSigmoid", &a, 1);

    assert_ok(nt_node_set_float(m->g, n, "alpha", (float)alpha, e));
    return n->out[0];
}

static void finish(net *m, nt_value *y)
{
    assert_ok(nt_graph_add_output(m->g, y, e));
    assert_ok(nt_graph_bind(m->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(m->g, e));
}

static nt_tensor *run(const net *m, nt_device *dev, bool no_fusion, int *steps)
{
    nt_plan_opts o = {.compute = NT_F32, .no_fusion = no_fusion};
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    nt_rng r;

    nt_rng_init(&r, 4);
    assert_ok(nt_plan_new(&p, m->g, dev, &o, e));
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_input(p, 0)); i++)
        nt_tensor_set(nt_plan_input(p, 0), i, 10 * nt_rng_double(&r) - 5);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    *steps = 0;
    for (int i = 0; i < nt_plan_n_steps(p); i++)
        *steps += !nt_plan_step(p, i).once;
    nt_plan_free(p);
    return y;
}

/* y is computed in so many steps, as it is one node after the other. */
static void check_steps(net *m, nt_value *y, int want)
{
    static const char *const backends[] = {"onednn", "openblas"};

    finish(m, y);
    for (int b = 0; b < 2; b++) {
        nt_device *dev = op_device(backends[b]);
        int steps;
        nt_tensor *whole = run(m, dev, true, &steps), *fused = run(m, dev, false, &steps);

        for (int64_t i = 0; i < nt_tensor_count(whole); i++)
            assert_float_equal(nt_tensor_get(fused, i), nt_tensor_get(whole, i), 2e-5);
        assert_int_equal(steps, want);
        nt_tensor_free(whole);
        nt_tensor_free(fused);
        nt_device_free(dev);
    }
    nt_graph_free(m->g);
}

NT_TEST(swish_in_either_order_and_with_a_factor)
{
    net a = net_new(), b = net_new(), c = net_new();

    check_steps(&a, two(&a, "Mul", a.x, one(&a, "Sigmoid", a.x)), 1);
    check_steps(&b, two(&b, "Mul", one(&b, "Sigmoid", b.x), b.x), 1);
    check_steps(&c, two(&c, "Mul", c.x, one(&c, "Sigmoid", by(&c, "Mul", c.x, 1.702))), 1);
}

NT_TEST(mish)
{
    net m = net_new();

    check_steps(&m, two(&m, "Mul", m.x, one(&m, "Tanh", one(&m, "Softplus", m.x))), 1);
}

NT_TEST(hardswish_as_five_exporters_write_it)
{
    net m = net_new();

    check_steps(
        &m, by(&m, "Div", two(&m, "Mul", m.x, clip(&m, by(&m, "Add", m.x, 3), 0, 6)), 6), 1);
    m = net_new();
    check_steps(
        &m, two(&m, "Mul", m.x, by(&m, "Div", clip(&m, by(&m, "Add", m.x, 3), 0, 6), 6)), 1);
    m = net_new();
    check_steps(
        &m, two(&m, "Mul", by(&m, "Mul", clip(&m, by(&m, "Add", m.x, 3), 0, 6), 1.0 / 6), m.x),
        1);
    m = net_new();
    check_steps(&m, two(&m, "Mul", hardsigmoid(&m, m.x, 1.0 / 6), m.x), 1);
    m = net_new();
    check_steps(
        &m, two(&m, "Mul", m.x, clip(&m, by(&m, "Add", by(&m, "Div", m.x, 6), 0.5), 0, 1)), 1);
}

static nt_value *gate(net *m, const char *op, nt_value *inner)
{
    return two(m, "Add", number(m, 1, 0), one(m, op, inner));
}

NT_TEST(gelu_with_the_half_anywhere)
{
    net m = net_new();

    check_steps(&m,
                by(&m, "Mul",
                   two(&m, "Mul", m.x, gate(&m, "Erf", by(&m, "Div", m.x, 1.41421354))), 0.5),
                1);
    m = net_new();
    check_steps(&m,
                two(&m, "Mul", by(&m, "Mul", m.x, 0.5),
                    gate(&m, "Erf", by(&m, "Mul", m.x, 0.70710677))),
                1);
    m = net_new();
    check_steps(
        &m,
        by(&m, "Div", two(&m, "Mul", gate(&m, "Erf", by(&m, "Div", m.x, 1.41421354)), m.x), 2),
        1);
}

NT_TEST(gelu_by_tanh_with_a_power_or_a_product)
{
    net m = net_new();
    nt_value *cube = by(&m, "Mul", by(&m, "Pow", m.x, 3), 0.044715);
    nt_value *inner = by(&m, "Mul", two(&m, "Add", m.x, cube), 0.7978846);

    check_steps(&m, two(&m, "Mul", by(&m, "Mul", m.x, 0.5), gate(&m, "Tanh", inner)), 1);
    m = net_new();
    cube = two(&m, "Mul", two(&m, "Mul", m.x, m.x), m.x);
    inner = by(&m, "Mul", two(&m, "Add", m.x, by(&m, "Mul", cube, 0.044715)), 0.7978846);
    check_steps(&m, by(&m, "Mul", two(&m, "Mul", m.x, gate(&m, "Tanh", inner)), 0.5), 1);
}

/* What looks alike but is something else stays, and so does what somebody else reads. */
NT_TEST(lookalikes_stay_as_they_are)
{
    net m = net_new();
    nt_value *s;

    check_steps(&m, two(&m, "Mul", hardsigmoid(&m, m.x, 0.2), m.x), 2);
    m = net_new();
    check_steps(
        &m, by(&m, "Div", two(&m, "Mul", m.x, clip(&m, by(&m, "Add", m.x, 3), 0, 5)), 6), 4);
    m = net_new();
    check_steps(&m, two(&m, "Mul", m.x, gate(&m, "Erf", by(&m, "Div", m.x, 1.41421354))), 4);
    m = net_new();
    check_steps(&m, two(&m, "Mul", one(&m, "Tanh", m.x), one(&m, "Sigmoid", m.x)), 3);
    m = net_new();
    s = one(&m, "Sigmoid", m.x);
    check_steps(&m, two(&m, "Add", s, two(&m, "Mul", m.x, s)), 3);
    m = net_new(); /* one axis more than x */
    check_steps(
        &m, two(&m, "Mul", number(&m, 1, 5), two(&m, "Mul", m.x, one(&m, "Sigmoid", m.x))), 2);
}

NT_TEST(an_idiom_fuses_into_the_convolution_before_it)
{
    net m = net_new();
    const int64_t dims[] = {6, 5, 1, 1};
    nt_tensor *t = NULL;
    nt_value *w = NULL, *y;

    assert_ok(nt_tensor_new(&t, NT_F32, 4, dims, e));
    for (int64_t i = 0; i < 30; i++)
        nt_tensor_set(t, i, (double)(i % 7) / 10 - 0.3);
    assert_ok(nt_graph_add_const(&w, m.g, "w", t, e));
    y = two(&m, "Conv", m.x, w);
    finish(&m, two(&m, "Mul", y, one(&m, "Sigmoid", y)));
    {
        nt_device *dev = op_device("onednn");
        nt_plan_opts o = {.compute = NT_F32};
        nt_plan *p = NULL;

        assert_ok(nt_plan_new(&p, m.g, dev, &o, e));
        for (int i = 0; i < nt_plan_n_steps(p); i++) /* the node is the convolution */
            assert_true(nt_plan_step(p, i).once || !nt_plan_step(p, i).node ||
                        nt_node_is(nt_plan_step(p, i).node, "Conv"));
        nt_plan_free(p);
        nt_device_free(dev);
    }
    nt_graph_free(m.g);
}

NT_TEST(values_to_be_kept_are_kept)
{
    net m = net_new();
    nt_value *s = one(&m, "Sigmoid", m.x);
    const char *keep[] = {s->name, NULL};
    nt_device *dev = op_device("onednn");
    nt_plan_opts o = {.compute = NT_F32, .keep = keep};
    nt_plan *p = NULL;

    finish(&m, two(&m, "Mul", m.x, s));
    assert_ok(nt_plan_new(&p, m.g, dev, &o, e));
    assert_non_null(nt_plan_kept(p, keep[0]));
    nt_plan_free(p);
    nt_device_free(dev);
    nt_graph_free(m.g);
}

NT_TEST_MAIN
