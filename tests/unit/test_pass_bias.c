/* SPDX-License-Identifier: MIT */
/* Biases of layers on codes are whole multiples of the product of their scales. */
#include "graph/pass.h"

#include "net.h"

static nt_value *numbers(net *t, const char *name, int n, const float *v)
{
    nt_value *c = weight(t, name, n == 1 ? 0 : 1, (const int64_t[]){n});

    memcpy(c->data->data, v, (size_t)n * sizeof *v);
    return c;
}

#define NUMBERS(t, name, ...)                                                                  \
    numbers(t, name, (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)),                    \
            (float[]){__VA_ARGS__})

static nt_value *codes(net *t, const char *name, int rank, const int64_t *d)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, NT_I8, rank, d, e));
    assert_ok(nt_graph_add_const(&v, t->g, name, data, e));
    return v;
}

/* y = Gemm(x, w, b) with x in steps of 0.5 where `on_codes`, and w in steps of 0.25 and 1. */
static net layer(bool on_codes, float beta)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 3)), *s = NUMBERS(&t, "sx", 0.5F), *w;
    nt_node *d, *n;

    if (on_codes)
        x = NODE(&t, "DequantizeLinear", "dx", NODE(&t, "QuantizeLinear", "qx", x, s)->out[0],
                 s)
                ->out[0];
    d = NODE(&t, "DequantizeLinear", "dw", codes(&t, "w", DIMS(2, 3)),
             NUMBERS(&t, "sw", 0.25F, 1));
    assert_ok(nt_node_set_int(t.g, d, "axis", 0, e));
    w = d->out[0];
    n = NODE(&t, "Gemm", "f", x, w, NUMBERS(&t, "b", 0.8F, -0.8F));
    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    assert_ok(nt_node_set_float(t.g, n, "beta", beta, e));
    complete(&t, n->out[0]);
    return t;
}

static void check_bias(net t, float a, float b)
{
    const nt_tensor *bias = nt_graph_find_value(t.g, "b")->data;

    nt_pass_round_biases(t.g);
    assert_float_equal(nt_tensor_get(bias, 0), a, 0);
    assert_float_equal(nt_tensor_get(bias, 1), b, 0);
    finish(&t);
}

NT_TEST(a_bias_falls_on_the_grid_of_each_output)
{
    check_bias(layer(true, 1), 0.75F, -1); /* of 0.125 and of 0.5: 0.8 / 0.125 is 6.4 */
}

NT_TEST(a_bias_of_another_layer_stays)
{
    check_bias(layer(false, 1), 0.8F, -0.8F);
    check_bias(layer(true, 2), 0.8F, -0.8F);
}

NT_TEST_MAIN
