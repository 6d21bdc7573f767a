/* SPDX-License-Identifier: MIT */
/* ONNX Runtime's operators on codes, worked by hand: scales are powers of two. */
#include "graph/pass.h"
#include "op/registry.h"

#include "quant_net.h"

enum { N = 4 };

static nt_value *codes_of(net *t, nt_dtype type, int rank, const int64_t *dims,
                          const int64_t *x)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, type, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(data); i++)
        nt_tensor_set_i64(data, i, x[i]);
    assert_ok(nt_graph_add_const(&v, t->g, NULL, data, e));
    return v;
}

static nt_value *number(net *t, double x)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, NT_F32, 0, NULL, e));
    nt_tensor_set(data, 0, x);
    assert_ok(nt_graph_add_const(&v, t->g, NULL, data, e));
    return v;
}

static nt_value *zero(net *t, int64_t x)
{
    return codes_of(t, NT_U8, 0, NULL, &x);
}

static nt_node *contrib(nt_node *n)
{
    n->domain = "com.microsoft";
    return n;
}

/* The first output of a network of constants. */
static void check_output(const nt_graph *g, const int64_t *want)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, g, dev, &(nt_plan_opts){0}, e));
    assert_ok(nt_plan_forward(p, e));
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_output(p, 0)); i++)
        assert_true(nt_tensor_get(nt_plan_output(p, 0), i) == (double)want[i]);
    nt_plan_free(p);
    nt_device_free(dev);
}

/* n becomes an `op`, and gives what is wanted. The network goes. */
static void check(net *t, nt_node *n, const char *op, const int64_t *want)
{
    assert_ok(nt_graph_add_output(t->g, n->out[0], e));
    assert_ok(nt_pass_qlinear(t->g, e));
    assert_ok(nt_graph_bind(t->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(t->g, e));
    assert_int_equal(count_nodes(t->g, op), 1);
    check_output(t->g, want);
    finish(t);
}

static const int64_t A[N] = {10, 12, 14, 6}, B[N] = {0, 3, 255, 8};

NT_TEST(sums_and_products_of_codes)
{
    static const int64_t sum[N] = {5, 12, 255, 5}, product[N] = {5, 8, 255, 0};
    static const char *const ops[] = {"QLinearAdd", "QLinearMul"}, *const as[] = {"Add", "Mul"};

    for (int i = 0; i < 2; i++) {
        net t = start(13);
        nt_node *n =
            NODE(&t, ops[i], "n", codes_of(&t, NT_U8, 1, (int64_t[]){N}, A), number(&t, 0.5),
                 zero(&t, 10), codes_of(&t, NT_U8, 1, (int64_t[]){N}, B), number(&t, 0.25),
                 zero(&t, 0), number(&t, 0.25), zero(&t, 5));

        check(&t, contrib(n), as[i], i ? product : sum);
    }
}

NT_TEST(codes_of_different_scales_are_joined)
{
    static const int64_t joined[2 * N] = {0, 4, 8, 0, 0, 3, 255, 8};
    net t = start(13);
    nt_node *n =
        NODE(&t, "QLinearConcat", "n", number(&t, 0.25), zero(&t, 0),
             codes_of(&t, NT_U8, 2, (int64_t[]){1, N}, A), number(&t, 0.5), zero(&t, 10),
             codes_of(&t, NT_U8, 2, (int64_t[]){1, N}, B), number(&t, 0.25), zero(&t, 0));

    assert_ok(nt_node_set_int(t.g, n, "axis", 1, e));
    check(&t, contrib(n), "Concat", joined);
}

/* (2 -4) (1 0; 0 1) times alpha 2, and a bias in steps of 2 * 0.5 * 1. */
NT_TEST(a_product_with_a_bias_gives_codes_or_floats)
{
    static const int64_t x[2] = {14, 2}, w[4] = {3, 2, 2, 3}, c[2] = {3, 9};
    static const int64_t want[2][2] = {{7, 1}, {14, 2}};

    for (int coded = 0; coded < 2; coded++) {
        net t = start(13);
        nt_value *in[9] = {
            codes_of(&t, NT_U8, 2, (int64_t[]){1, 2}, x), number(&t, 0.5), zero(&t, 10),
            codes_of(&t, NT_U8, 2, (int64_t[]){2, 2}, w), number(&t, 1),   zero(&t, 2),
            codes_of(&t, NT_I32, 1, (int64_t[]){2}, c)};
        nt_node *n;

        in[7] = coded ? number(&t, 0.5) : NULL;
        in[8] = coded ? zero(&t, 0) : NULL;
        n = node(&t, "QGemm", "n", coded ? 9 : 7, in);
        assert_ok(nt_node_set_float(t.g, n, "alpha", 2, e));
        check(&t, contrib(n), "Gemm", want[coded]);
    }
}

NT_TEST(what_has_no_form_in_onnx_stays_and_what_lacks_a_zero_point_is_named)
{
    net t = start(13);
    nt_value *x = codes_of(&t, NT_U8, 1, (int64_t[]){N}, A);
    nt_node *n = contrib(
        NODE(&t, "QLinearSigmoid", "n", x, number(&t, 0.5), zero(&t, 10), number(&t, 0.25)));
    nt_node *pool = contrib(NODE(&t, "QLinearGlobalAveragePool", "pool", x, number(&t, 0.5),
                                 zero(&t, 10), number(&t, 0.5), zero(&t, 0)));

    assert_ok(nt_node_set_int(t.g, pool, "channels_last", 1, e));
    assert_fails(NT_EUNSUPPORTED, "node 'n': QLinearSigmoid without a zero point of its output",
                 nt_pass_qlinear(t.g, e));
    n->domain = "";
    assert_ok(nt_pass_qlinear(t.g, e));
    assert_int_equal(count_nodes(t.g, "QLinearGlobalAveragePool"), 1);
    finish(&t);
}

NT_TEST_MAIN
