/* SPDX-License-Identifier: MIT */
/* Chains of operators: a plan that fuses, changes layouts and computes in bf16 gives what one
 * step per node gives in fp32. */
#include "op_harness.h"

#include "op/registry.h"

typedef struct net {
    nt_graph *g;
    nt_rng rng;
    int n;
} net;

static net net_new(nt_value **x, int rank, const int64_t *dims)
{
    nt_dim d[NT_MAX_RANK] = {{0, NULL}};
    net m = {0};

    for (int i = 0; i < rank; i++)
        d[i].value = dims[i];
    nt_rng_init(&m.rng, 3);
    assert_ok(nt_graph_new(&m.g, e));
    m.g->opset = 14;
    assert_ok(nt_graph_add_input(x, m.g, "x", (nt_value_type){NT_F32, rank, d}, e));
    return m;
}

static nt_value *weight(net *m, double mean, double spread, int rank, const int64_t *dims)
{
    nt_tensor *t = NULL;
    nt_value *v = NULL;
    char name[16];

    snprintf(name, sizeof name, "w%d", m->n++);
    assert_ok(nt_tensor_new(&t, NT_F32, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, mean + spread * (2 * nt_rng_double(&m->rng) - 1));
    assert_ok(nt_graph_add_const(&v, m->g, name, t, e));
    return v;
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

static nt_value *conv(net *m, nt_value *x, int64_t c, int64_t k, int64_t r, int64_t group)
{
    const int64_t pads[] = {r / 2, r / 2, r / 2, r / 2}, w[] = {k, c / group, r, r};
    nt_value *in[] = {x, weight(m, 0, 0.4, 4, w), weight(m, 0, 0.4, 1, &k)};
    nt_node *n = node(m, "Conv", in, 3);

    assert_ok(nt_node_set_ints(m->g, n, "pads", pads, 4, e));
    assert_ok(nt_node_set_int(m->g, n, "group", group, e));
    return n->out[0];
}

/* Twice as large, without a bias of its own. */
static nt_value *upwards(net *m, nt_value *x, int64_t c, int64_t k, int64_t group)
{
    const int64_t strides[] = {2, 2}, w[] = {c, k / group, 2, 2};
    nt_value *in[] = {x, weight(m, 0, 0.4, 4, w)};
    nt_node *n = node(m, "ConvTranspose", in, 2);

    assert_ok(nt_node_set_ints(m->g, n, "strides", strides, 2, e));
    assert_ok(nt_node_set_int(m->g, n, "group", group, e));
    return n->out[0];
}

static nt_value *batchnorm(net *m, nt_value *x, int64_t c)
{
    nt_value *in[] = {x, weight(m, 1, 0.3, 1, &c), weight(m, 0, 0.3, 1, &c),
                      weight(m, 0, 0.3, 1, &c), weight(m, 1, 0.3, 1, &c)};

    return node(m, "BatchNormalization", in, 5)->out[0];
}

static nt_value *unary(net *m, const char *op, nt_value *x)
{
    return node(m, op, &x, 1)->out[0];
}

static nt_value *add(net *m, nt_value *a, nt_value *b)
{
    nt_value *in[] = {a, b};

    return node(m, "Add", in, 2)->out[0];
}

static nt_value *clip6(net *m, nt_value *x)
{
    nt_value *in[] = {x, weight(m, 0, 0, 0, NULL), weight(m, 6, 0, 0, NULL)};

    return node(m, "Clip", in, 3)->out[0];
}

static nt_value *gemm(net *m, nt_value *x, int64_t k, int64_t n)
{
    const int64_t w[] = {n, k};
    nt_value *in[] = {x, weight(m, 0, 0.4, 2, w), weight(m, 0, 0.4, 1, &n)};
    nt_node *node_ = node(m, "Gemm", in, 3);

    assert_ok(nt_node_set_int(m->g, node_, "transB", 1, e));
    return node_->out[0];
}

static void finish(net *m, nt_value *y)
{
    assert_ok(nt_graph_add_output(m->g, y, e));
    assert_ok(nt_graph_bind(m->g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(m->g, e));
}

static void fill(nt_tensor *t, uint64_t seed)
{
    nt_rng r;

    nt_rng_init(&r, seed);
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, 2 * nt_rng_double(&r) - 1);
}

/* The output of one forward run, the parameters' gradients in params where there are any. */
static nt_tensor *run(const net *m, nt_device *dev, nt_dtype type, nt_params *params,
                      bool no_fusion)
{
    nt_plan_opts o = {
        .training = params, .compute = type, .params = params, .no_fusion = no_fusion};
    nt_plan *p = NULL;
    nt_tensor *y = NULL;

    assert_ok(nt_plan_new(&p, m->g, dev, &o, e));
    fill(nt_plan_input(p, 0), 5);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    if (params) {
        fill(nt_plan_output_grad(p, 0), 6);
        assert_ok(nt_plan_backward(p, e));
    }
    nt_plan_free(p);
    return y;
}

/* |a - b| / |b| in the Euclidean norm: bf16 errs here and there, but not on the whole. */
static double distance(const float *a, const float *b, size_t n)
{
    double diff = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(diff / (size + 1e-12));
}

static void check_distance(const char *what, const float *a, const float *b, size_t n,
                           double tol)
{
    double d = distance(a, b, n);

    if (!(d <= tol))
        fail_msg("%s differs by %g, want at most %g", what, d, tol);
}

static void check_inference(const net *m, nt_device *dev)
{
    nt_tensor *want = run(m, dev, NT_F32, NULL, true), *got = run(m, dev, NT_F32, NULL, false);
    size_t n = (size_t)nt_tensor_count(want);

    check_distance("fused", got->data, want->data, n, 1e-5);
    nt_tensor_free(got);
    if (nt_device_has_bf16(dev)) {
        got = run(m, dev, NT_BF16, NULL, false);
        check_distance("fused in bf16", got->data, want->data, n, 0.03);
        nt_tensor_free(got);
    }
    nt_tensor_free(want);
}

static void check_training(const net *m, nt_device *dev)
{
    nt_params *a = NULL, *b = NULL;
    nt_tensor *want, *got;

    assert_ok(nt_params_new(&a, m->g, e));
    assert_ok(nt_params_new(&b, m->g, e));
    want = run(m, dev, NT_F32, a, true);
    got = run(m, dev, NT_F32, b, false);
    check_distance("training", got->data, want->data, (size_t)nt_tensor_count(want), 1e-5);
    check_distance("gradient", b->g, a->g, a->n_w, 1e-4);
    if (a->n_state)
        check_distance("statistics", b->state, a->state, a->n_state, 1e-5);
    nt_tensor_free(got);
    if (nt_device_has_bf16(dev)) {
        got = run(m, dev, NT_BF16, b, false);
        check_distance("training in bf16", got->data, want->data, (size_t)nt_tensor_count(want),
                       0.05);
        check_distance("gradient in bf16", b->g, a->g, a->n_w, 0.1);
        nt_tensor_free(got);
    }
    nt_tensor_free(want);
    nt_params_free(a);
    nt_params_free(b);
}

/* Steps of this name that an inference run takes. */
static int count_steps(const net *m, nt_device *dev, const char *what)
{
    nt_plan_opts o = {.compute = NT_F32};
    nt_plan *p = NULL;
    int n = 0;

    assert_ok(nt_plan_new(&p, m->g, dev, &o, e));
    for (int i = 0; i < nt_plan_n_steps(p); i++)
        n += !nt_plan_step(p, i).once && !strcmp(nt_plan_step(p, i).what, what);
    nt_plan_free(p);
    return n;
}

/* inference takes `heavy` steps of that name, and none for what can be fused. */
static void check_steps(const net *m, nt_device *dev, const char *heavy, int n)
{
    static const char *const fused[] = {"Add", "add", "activation", "Max", "Min"};

    assert_int_equal(count_steps(m, dev, heavy), n);
    for (size_t i = 0; i < sizeof fused / sizeof fused[0]; i++)
        assert_int_equal(count_steps(m, dev, fused[i]), 0);
}

static void check_net(net *m, const char *heavy, int n)
{
    static const char *const backends[] = {"onednn", "openblas"};

    for (size_t i = 0; i < 2; i++) {
        nt_device *dev = op_device(backends[i]);

        check_steps(m, dev, heavy, n);
        check_inference(m, dev);
        check_training(m, dev);
        nt_device_free(dev);
    }
    nt_graph_free(m->g);
}

#define PICTURE                                                                                \
    (const int64_t[])                                                                          \
    {                                                                                          \
        2, 16, 6, 5                                                                            \
    }

NT_TEST(a_residual_block)
{
    nt_value *x = NULL, *y;
    net m = net_new(&x, 4, PICTURE);

    x = unary(&m, "Relu", batchnorm(&m, conv(&m, x, 16, 16, 3, 1), 16));
    y = unary(&m, "Relu", batchnorm(&m, conv(&m, x, 16, 16, 3, 1), 16));
    y = batchnorm(&m, conv(&m, y, 16, 16, 3, 1), 16);
    finish(&m, unary(&m, "Relu", add(&m, y, x)));
    check_net(&m, "conv", 3);
}

NT_TEST(a_residual_that_is_used_again)
{
    nt_value *x = NULL, *y;
    net m = net_new(&x, 4, PICTURE);

    x = conv(&m, x, 16, 16, 1, 1);
    y = unary(&m, "Relu", add(&m, conv(&m, x, 16, 16, 3, 1), x));
    {
        nt_value *in[] = {y, x}; /* x must still be whole */

        finish(&m, node(&m, "Mul", in, 2)->out[0]);
    }
    check_net(&m, "conv", 2);
}

NT_TEST(an_inverted_bottleneck)
{
    nt_value *x = NULL, *y;
    net m = net_new(&x, 4, PICTURE);

    y = clip6(&m, batchnorm(&m, conv(&m, x, 16, 24, 1, 1), 24));
    y = unary(&m, "HardSwish", batchnorm(&m, conv(&m, y, 24, 24, 3, 24), 24));
    y = batchnorm(&m, conv(&m, y, 24, 16, 1, 1), 16);
    finish(&m, add(&m, x, y));
    check_net(&m, "conv", 3);
}

NT_TEST(odd_channels_and_a_normalisation_in_front)
{
    const int64_t dims[] = {2, 3, 7, 7};
    nt_value *x = NULL;
    net m = net_new(&x, 4, dims);

    x = unary(&m, "Relu", batchnorm(&m, x, 3));
    x = unary(&m, "Sigmoid", conv(&m, x, 3, 10, 3, 1));
    x = unary(&m, "Tanh", unary(&m, "LeakyRelu", conv(&m, x, 10, 7, 3, 1)));
    finish(&m, unary(&m, "GlobalAveragePool", x));
    check_net(&m, "conv", 2);
}

NT_TEST(a_decoder)
{
    nt_value *x = NULL;
    net m = net_new(&x, 4, PICTURE);

    x = unary(&m, "Relu", batchnorm(&m, upwards(&m, x, 16, 24, 1), 24));
    x = clip6(&m, batchnorm(&m, upwards(&m, x, 24, 18, 3), 18));
    finish(&m, unary(&m, "Sigmoid", upwards(&m, x, 18, 18, 18)));
    check_net(&m, "deconv", 3);
}

NT_TEST(one_activation_after_another_of_its_kind)
{
    static const char *const ops[] = {"LeakyRelu", "Elu"};

    for (int i = 0; i < 2; i++) {
        nt_value *x = NULL;
        net m = net_new(&x, 4, PICTURE);
        nt_node *n;

        n = node(&m, ops[i], (nt_value *[]){conv(&m, x, 16, 16, 1, 1)}, 1);
        assert_ok(nt_node_set_float(m.g, n, "alpha", 0.3F, e));
        finish(&m, unary(&m, ops[i], n->out[0]));
        for (int b = 0; b < 2; b++) {
            nt_device *dev = op_device(b ? "openblas" : "onednn");

            check_inference(&m, dev);
            nt_device_free(dev);
        }
        nt_graph_free(m.g);
    }
}

NT_TEST(relu6_as_a_maximum_and_a_minimum)
{
    nt_value *x = NULL, *in[2];
    net m = net_new(&x, 4, PICTURE);

    in[0] = weight(&m, 0, 0, 0, NULL);
    in[1] = conv(&m, x, 16, 16, 3, 1);
    in[0] = node(&m, "Max", in, 2)->out[0];
    in[1] = weight(&m, 4, 0, 0, NULL);
    finish(&m, node(&m, "Min", in, 2)->out[0]);
    check_net(&m, "conv", 1);
}

NT_TEST(layers_and_a_residual_between_them)
{
    const int64_t dims[] = {5, 12};
    nt_value *x = NULL;
    net m = net_new(&x, 2, dims);

    x = unary(&m, "Relu", gemm(&m, x, 12, 8));
    x = unary(&m, "Relu", add(&m, x, gemm(&m, x, 8, 8)));
    finish(&m, unary(&m, "LogSoftmax", gemm(&m, x, 8, 4)));
    check_net(&m, "dense", 3);
}

/* ---- operators that are written out */

static nt_value *binary(net *m, const char *op, nt_value *a, nt_value *b)
{
    nt_value *in[] = {a, b};

    return node(m, op, in, 2)->out[0];
}

static nt_value *number(net *m, double v)
{
    return weight(m, v, 0, 0, NULL);
}

/* Nothing is left of what stands for something else. */
static void check_joined(net *m, const char *heavy, int n)
{
    static const char *const gone[] = {"Erf", "Mul", "Sub", "ReduceMean", "Pow", "Sqrt"};
    nt_device *dev = op_device("onednn");

    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        assert_int_equal(count_steps(m, dev, gone[i]), 0);
    nt_device_free(dev);
    check_net(m, heavy, n);
}

/* The three orders in which exporters write x/2 (1 + erf(x / sqrt 2)). */
static nt_value *gelu(net *m, nt_value *x, int order)
{
    nt_value *h = order ? binary(m, "Mul", x, number(m, 0.70710678118654752))
                        : binary(m, "Div", x, number(m, 1.41421356237309505));
    nt_value *sum = binary(m, "Add", number(m, 1), unary(m, "Erf", h));

    if (order == 0)
        return binary(m, "Mul", binary(m, "Mul", x, sum), number(m, 0.5));
    if (order == 1)
        return binary(m, "Mul", binary(m, "Mul", x, number(m, 0.5)), sum);
    return binary(m, "Mul", x, binary(m, "Mul", sum, number(m, 0.5)));
}

static nt_value *row_mean(net *m, nt_value *x)
{
    const int64_t last = -1;
    nt_node *n = node(m, "ReduceMean", &x, 1);

    assert_ok(nt_node_set_ints(m->g, n, "axes", &last, 1, e));
    return n->out[0];
}

static nt_value *layernorm(net *m, nt_value *x, int64_t c)
{
    nt_value *d = binary(m, "Sub", x, row_mean(m, x));
    nt_value *var = row_mean(m, binary(m, "Pow", d, number(m, 2)));
    nt_value *root = unary(m, "Sqrt", binary(m, "Add", var, number(m, 1e-3)));
    nt_value *y = binary(m, "Mul", binary(m, "Div", d, root), weight(m, 1, 0.3, 1, &c));

    return binary(m, "Add", y, weight(m, 0, 0.3, 1, &c));
}

static nt_value *dense(net *m, nt_value *x, int64_t k, int64_t n)
{
    const int64_t w[] = {k, n};

    x = binary(m, "MatMul", x, weight(m, 0, 0.4, 2, w));
    return binary(m, "Add", weight(m, 0, 0.4, 1, &n), x);
}

NT_TEST(a_transformer_block_written_out)
{
    const int64_t dims[] = {2, 5, 8};

    for (int order = 0; order < 3; order++) {
        nt_value *x = NULL, *y;
        net m = net_new(&x, 3, dims);
        nt_device *dev = op_device("onednn");

        y = gelu(&m, dense(&m, layernorm(&m, x, 8), 8, 12), order);
        finish(&m, add(&m, dense(&m, y, 12, 8), x));
        assert_int_equal(count_steps(&m, dev, "layernorm"), 1);
        nt_device_free(dev);
        check_joined(&m, "dense", 2);
    }
}

NT_TEST(a_normalisation_that_is_looked_into_is_left)
{
    const int64_t dims[] = {2, 5, 8};
    nt_value *x = NULL, *y;
    net m = net_new(&x, 3, dims);
    nt_device *dev = op_device("onednn");

    y = layernorm(&m, x, 8);
    assert_ok(nt_graph_add_output(m.g, y->producer->in[0], e)); /* what is shifted */
    finish(&m, y);
    assert_int_equal(count_steps(&m, dev, "Sqrt") + count_steps(&m, dev, "layernorm"), 1);
    check_inference(&m, dev);
    nt_device_free(dev);
    nt_graph_free(m.g);
}

/* Every allocation of planning fails once: an error, and (under the sanitizer) nothing lost. */
NT_TEST(planning_survives_a_lack_of_memory)
{
    const int64_t dims[] = {1, 3, 4, 4};
    nt_value *x = NULL;
    net m = net_new(&x, 4, dims);
    nt_device *dev = op_device("openblas");
    nt_params *params = NULL;
    nt_plan_opts o = {.training = true, .compute = NT_F32};
    nt_status s = NT_ENOMEM;

    x = unary(&m, "Relu", batchnorm(&m, conv(&m, x, 3, 4, 3, 1), 4));
    x = unary(&m, "Sigmoid",
              unary(&m, "GlobalAveragePool", add(&m, x, conv(&m, x, 4, 4, 1, 2))));
    finish(&m, unary(&m, "Softmax", x));
    assert_ok(nt_params_new(&params, m.g, e));
    o.params = params;
    for (long n = 1; s != NT_OK; n++) {
        nt_plan *p = NULL;
        nt_err e = {{0}};

        assert_true(n < 100000);
        nt_alloc_fail_at(n);
        s = nt_plan_new(&p, m.g, dev, &o, &e);
        nt_alloc_fail_at(0);
        if (s != NT_OK && s != NT_ENOMEM)
            fail_msg("allocation %ld: status %d: %s", n, (int)s, e.msg);
        nt_plan_free(p);
    }
    nt_params_free(params);
    nt_graph_free(m.g);
    nt_device_free(dev);
}

NT_TEST_MAIN
