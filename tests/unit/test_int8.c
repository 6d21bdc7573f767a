/* SPDX-License-Identifier: MIT */
/* Quantized networks computed on codes give what they give computed in floats, to a step. */
#include "base/alloc.h"
#include "exec/plan.h"
#include "kernel/codes.h"

#include "net.h"

#include <math.h>

/* ---- networks */

static nt_value *constant(net *t, nt_dtype type, int rank, const int64_t *dims, nt_rng *rng,
                          double lo, double hi)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, type, rank, dims, e));
    for (int64_t i = 0; i < nt_tensor_count(data); i++) {
        double x = rng ? lo + (hi - lo) * nt_rng_double(rng) : lo;

        if (type == NT_F32)
            nt_tensor_set(data, i, x);
        else
            nt_tensor_set_i64(data, i, (int64_t)floor(x));
    }
    assert_ok(nt_graph_add_const(&v, t->g, NULL, data, e));
    return v;
}

static nt_value *scalar(net *t, nt_dtype type, double x)
{
    return constant(t, type, 0, NULL, NULL, x, x);
}

static nt_value *quantize(net *t, nt_value *x, nt_coding c)
{
    return NODE(t, "QuantizeLinear", NULL, x, scalar(t, NT_F32, (double)c.scale),
                scalar(t, c.type, c.zero))
        ->out[0];
}

static nt_value *dequantize(net *t, nt_value *q, nt_coding c)
{
    return NODE(t, "DequantizeLinear", NULL, q, scalar(t, NT_F32, (double)c.scale),
                scalar(t, c.type, c.zero))
        ->out[0];
}

static nt_value *both(net *t, nt_value *x, nt_coding c)
{
    return dequantize(t, quantize(t, x, c), c);
}

static const nt_coding U8 = {NT_U8, 0.02f, 0}, U8_ZERO = {NT_U8, 0.015f, 121},
                       S8 = {NT_I8, 0.014f, 0}, S8_ZERO = {NT_I8, 0.017f, -9},
                       OUT = {NT_U8, 0.05f, 0}, OUT_ZERO = {NT_U8, 0.06f, 117},
                       OUT_S8 = {NT_I8, 0.06f, 3};

/* A weight of 8-bit codes with a scale for each of dims[axis] (all zero points are zero). */
static nt_value *coded_weight(net *t, int rank, const int64_t *dims, int axis, nt_rng *rng)
{
    nt_value *w = constant(t, NT_I8, rank, dims, rng, -127, 128);
    nt_value *scale = constant(t, NT_F32, 1, dims + axis, rng, 0.0005, 0.003);
    nt_value *zero = constant(t, NT_I8, 1, dims + axis, NULL, 0, 0);
    nt_node *n = NODE(t, "DequantizeLinear", NULL, w, scale, zero);

    assert_ok(nt_node_set_int(t->g, n, "axis", axis, e));
    return n->out[0];
}

typedef struct shape {
    int64_t c, k, group, r, stride, size;
} shape;

static nt_value *coded_conv(net *t, nt_value *x, shape s, nt_rng *rng)
{
    const int64_t dims[] = {s.k, s.c / s.group, s.r, s.r};
    const int64_t pads[] = {s.r / 2, s.r / 2, s.r / 2, s.r / 2},
                  strides[] = {s.stride, s.stride};
    nt_node *n = NODE(t, "Conv", NULL, x, coded_weight(t, 4, dims, 0, rng),
                      constant(t, NT_F32, 1, &s.k, rng, -0.5, 0.5));

    assert_ok(nt_node_set_ints(t->g, n, "pads", pads, 4, e));
    assert_ok(nt_node_set_ints(t->g, n, "strides", strides, 2, e));
    assert_ok(nt_node_set_int(t->g, n, "group", s.group, e));
    return n->out[0];
}

/* ---- running */

typedef struct result {
    float *y;
    int64_t n;
    int coded, floats; /* steps of nodes on codes, and of others */
} result;

static bool has_int8(void)
{
    nt_device *dev = NULL;
    bool has;

    assert_ok(nt_device_new(&dev, 1, e));
    has = nt_device_has_int8(dev);
    nt_device_free(dev);
    return has;
}

static result run_net(const nt_graph *g, nt_dtype compute)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    result r = {0};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, g, dev, &(nt_plan_opts){.compute = compute}, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    r.n = nt_tensor_count(nt_plan_output(p, 0));
    r.y = nt_calloc((size_t)r.n + 1, sizeof *r.y);
    assert_non_null(r.y);
    for (int64_t i = 0; i < r.n; i++)
        r.y[i] = (float)nt_tensor_get(nt_plan_output(p, 0), i);
    for (int i = 0; i < nt_plan_n_steps(p); i++) {
        nt_step_info s = nt_plan_step(p, i);

        if (s.once || !s.node || strcmp(s.what, "copy") == 0)
            continue;
        r.coded += (s.node->op->flags & NT_OPF_INT8) != 0;
        r.floats += (s.node->op->flags & NT_OPF_INT8) == 0;
    }
    nt_plan_free(p);
    nt_device_free(dev);
    return r;
}

/* Both ways, which may differ by `step`; `coded` steps on codes where the device can, and
 * `floats` others (-1: any number). The network goes. */
static void check_net(net *t, nt_value *out, double step, int coded, int floats)
{
    bool int8 = has_int8();
    double worst = 0, size = 0;
    result want, got;

    complete(t, out);
    want = run_net(t->g, NT_F32);
    got = run_net(t->g, NT_I8);
    assert_int_equal(want.n, got.n);
    for (int64_t i = 0; i < want.n; i++) {
        worst = fmax(worst, fabs((double)want.y[i] - got.y[i]));
        size = fmax(size, fabs((double)want.y[i]));
    }
    assert_true(size > 5 * step); /* there is something to compare */
    assert_true(worst <= step * 1.0001);
    assert_int_equal(want.coded, 0);
    if (int8) {
        assert_int_equal(got.coded, coded);
        assert_true(floats < 0 || got.floats == floats);
    }
    nt_free(want.y);
    nt_free(got.y);
    nt_graph_free(t->g);
}

/* Q DQ Conv [Relu] Q DQ */
static void check_conv(shape s, nt_coding in, nt_coding out, bool relu)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(2, s.c, s.size, s.size)), *y;

    nt_rng_init(&rng, 1);
    y = coded_conv(&t, both(&t, x, in), s, &rng);
    if (relu)
        y = NODE(&t, "Relu", NULL, y)->out[0];
    check_net(&t, both(&t, y, out), (double)out.scale, 1, 2);
}

static void check_codings(shape s)
{
    const nt_coding in[] = {U8, U8_ZERO, S8, S8_ZERO}, out[] = {OUT, OUT_ZERO, OUT_S8};

    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            check_conv(s, in[i], out[k], (i + k) % 2);
}

/* ---- convolutions */

NT_TEST(a_1x1_convolution_is_computed_on_codes_in_any_coding)
{
    check_codings((shape){16, 32, 1, 1, 1, 9});
}

NT_TEST(a_strided_padded_3x3_convolution_counts_padding_as_zero)
{
    check_codings((shape){16, 16, 1, 3, 2, 11});
}

NT_TEST(odd_channel_counts_are_computed_on_codes)
{
    check_conv((shape){3, 7, 1, 3, 1, 9}, U8_ZERO, OUT, true);
    check_conv((shape){5, 19, 1, 1, 1, 7}, S8_ZERO, OUT_S8, false);
    check_conv((shape){37, 1, 1, 5, 2, 13}, U8, OUT_ZERO, false);
}

NT_TEST(grouped_convolutions_are_computed_on_codes)
{
    check_codings((shape){16, 32, 2, 3, 1, 8});
    check_conv((shape){9, 6, 3, 3, 1, 8}, U8_ZERO, OUT, true);
}

NT_TEST(depthwise_convolutions_are_computed_on_codes)
{
    check_codings((shape){32, 32, 32, 3, 1, 10});
    check_conv((shape){13, 13, 13, 3, 2, 10}, U8_ZERO, OUT_ZERO, true);
}

NT_TEST(a_clip_between_convolution_and_codes_is_taken_in)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 8, 9, 9)), *y;

    nt_rng_init(&rng, 2);
    y = coded_conv(&t, both(&t, x, U8), (shape){8, 8, 1, 3, 1, 9}, &rng);
    y = NODE(&t, "Clip", NULL, y, scalar(&t, NT_F32, -0.4), scalar(&t, NT_F32, 0.9))->out[0];
    check_net(&t, both(&t, y, OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

/* Functions that this oneDNN has as post-operations: hardsigmoid came with 3.0. */
static const char *const functions[] = {"HardSwish", "Sigmoid", "Tanh", "Elu", "LeakyRelu"};

/* Q DQ Conv [+ r] f [Clip] Q DQ: one step on codes, and those of Q and DQ. */
static void check_function(const char *f, nt_coding in, nt_coding out, bool residual, bool clip)
{
    net t = start(14);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 16, 9, 9)), *a, *y;

    nt_rng_init(&rng, 2);
    a = both(&t, x, in);
    y = coded_conv(&t, a, (shape){16, 16, 1, 3, 1, 9}, &rng);
    if (residual)
        y = NODE(&t, "Add", NULL, y, a)->out[0];
    y = NODE(&t, f, NULL, y)->out[0];
    if (clip)
        y = NODE(&t, "Clip", NULL, y, scalar(&t, NT_F32, -0.1), scalar(&t, NT_F32, 0.6))
                ->out[0];
    check_net(&t, both(&t, y, out), (double)out.scale, 1, 2);
}

NT_TEST(a_function_between_convolution_and_codes_is_taken_in)
{
    const nt_coding outs[] = {{NT_U8, 0.012f, 20}, {NT_I8, 0.011f, -90}};

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int k = 0; k < 8; k++)
            check_function(functions[i], k & 1 ? U8_ZERO : S8, outs[k & 1], k & 2, k & 4);
}

NT_TEST(a_dense_layer_takes_in_a_function)
{
    net t = start(14);
    nt_rng rng;
    nt_node *n;
    nt_value *x = input(&t, "x", DIMS(3, 40)), *w;

    nt_rng_init(&rng, 5);
    x = both(&t, x, U8_ZERO);
    w = coded_weight(&t, DIMS(24, 40), 0, &rng);
    n = NODE(&t, "Gemm", NULL, x, w);
    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    x = NODE(&t, "HardSwish", NULL, n->out[0])->out[0];
    check_net(&t, both(&t, x, OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

NT_TEST(what_is_not_quantized_again_comes_out_in_floats)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 8, 9, 9)), *y;

    nt_rng_init(&rng, 3);
    y = coded_conv(&t, both(&t, x, S8), (shape){8, 8, 1, 3, 1, 9}, &rng);
    y = NODE(&t, "Sigmoid", NULL, y)->out[0];
    check_net(&t, y, 1e-5, 1, 1);
}

/* ---- sums */

/* A bottleneck: x + conv(x), where what is added is dequantized. */
static void check_residual(nt_coding in, nt_coding out, bool relu)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 16, 8, 8)), *a, *y;

    nt_rng_init(&rng, 4);
    a = both(&t, x, in);
    y = coded_conv(&t, a, (shape){16, 16, 1, 3, 1, 8}, &rng);
    y = NODE(&t, "Add", NULL, y, a)->out[0];
    if (relu)
        y = NODE(&t, "Relu", NULL, y)->out[0];
    check_net(&t, both(&t, y, out), (double)out.scale, 1, 2);
}

NT_TEST(a_residual_of_codes_is_summed_within_the_convolution)
{
    check_residual(U8, OUT, true);
    check_residual(U8_ZERO, OUT_ZERO, true);
    check_residual(S8, OUT_S8, false);
    check_residual(S8_ZERO, OUT_S8, true);
}

NT_TEST(a_residual_in_floats_leaves_the_result_in_floats)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 16, 8, 8)), *y;

    nt_rng_init(&rng, 5);
    y = coded_conv(&t, both(&t, x, U8_ZERO), (shape){16, 16, 1, 3, 1, 8}, &rng);
    y = NODE(&t, "Relu", NULL, NODE(&t, "Add", NULL, x, y)->out[0])->out[0];
    check_net(&t, y, 1e-5, 1, 1);
}

NT_TEST(a_sum_of_two_quantized_convolutions_is_one_of_codes)
{
    const nt_coding a[] = {OUT_ZERO, OUT_S8, OUT_ZERO}, b[] = {OUT, OUT_ZERO, OUT_ZERO};

    for (int i = 0; i < 3; i++) {
        net t = start(13);
        nt_rng rng;
        nt_value *x = input(&t, "x", DIMS(1, 16, 8, 8)), *q, *y;

        nt_rng_init(&rng, 6);
        q = both(&t, x, U8_ZERO);
        y = NODE(&t, "Add", NULL,
                 both(&t, coded_conv(&t, q, (shape){16, 24, 1, 3, 1, 8}, &rng), a[i]),
                 both(&t, coded_conv(&t, q, (shape){16, 24, 1, 1, 1, 8}, &rng), b[i]))
                ->out[0];
        y = NODE(&t, "Relu", NULL, y)->out[0];
        /* a step of each summand, and of the sum */
        check_net(&t, both(&t, y, OUT), 0.06 + 0.06 + 0.05, 3, 2);
    }
}

/* ---- products */

static void check_gemm(nt_coding in, bool trans_b, bool bias_apart)
{
    const int64_t dims[] = {trans_b ? 10 : 37, trans_b ? 37 : 10}, k = 10;
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(3, 37)), *w, *b;
    nt_node *n;

    nt_rng_init(&rng, 8);
    x = both(&t, x, in);
    w = coded_weight(&t, 2, dims, !trans_b, &rng);
    b = constant(&t, NT_F32, 1, &k, &rng, -0.5, 0.5);
    if (bias_apart) {
        n = NODE(&t, "Add", NULL, b, NODE(&t, "MatMul", NULL, x, w)->out[0]);
    } else {
        n = NODE(&t, "Gemm", NULL, x, w, b);
        assert_ok(nt_node_set_int(t.g, n, "transB", trans_b, e));
        assert_ok(nt_node_set_float(t.g, n, "alpha", 0.7f, e));
        assert_ok(nt_node_set_float(t.g, n, "beta", 1.3f, e));
    }
    check_net(&t, both(&t, n->out[0], OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

NT_TEST(dense_layers_are_computed_on_codes)
{
    const nt_coding in[] = {U8, U8_ZERO, S8, S8_ZERO};

    for (int i = 0; i < 4; i++) {
        check_gemm(in[i], true, false);
        check_gemm(in[i], false, false);
        check_gemm(in[i], false, true);
    }
}

NT_TEST(a_product_with_a_batch_of_rows_is_computed_on_codes)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(2, 5, 12)), *y;

    nt_rng_init(&rng, 9);
    y = NODE(&t, "MatMul", NULL, both(&t, x, U8_ZERO),
             coded_weight(&t, 2, (int64_t[]){12, 8}, 1, &rng))
            ->out[0];
    check_net(&t, y, 1e-4, 1, 1);
}

/* ---- between layers */

NT_TEST(pools_views_and_joins_of_one_scale_stay_in_codes)
{
    const int64_t two[] = {2, 2};
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 3, 16, 16)), *a, *b, *y;
    nt_node *n;

    nt_rng_init(&rng, 10);
    x = both(&t, x, U8_ZERO);
    a = both(&t, coded_conv(&t, x, (shape){3, 8, 1, 3, 1, 16}, &rng), OUT_ZERO);
    b = both(&t, coded_conv(&t, x, (shape){3, 8, 1, 1, 1, 16}, &rng), OUT_ZERO);
    n = NODE(&t, "Concat", NULL, a, b);
    assert_ok(nt_node_set_int(t.g, n, "axis", 1, e));
    n = NODE(&t, "MaxPool", NULL, both(&t, n->out[0], OUT_ZERO));
    assert_ok(nt_node_set_ints(t.g, n, "kernel_shape", two, 2, e));
    assert_ok(nt_node_set_ints(t.g, n, "strides", two, 2, e));
    y = NODE(&t, "Flatten", NULL, both(&t, n->out[0], OUT_ZERO))->out[0];
    y = NODE(&t, "MatMul", NULL, both(&t, y, OUT_ZERO),
             coded_weight(&t, 2, (int64_t[]){16 * 64, 6}, 1, &rng))
            ->out[0];
    /* quantize; 2 convolutions, concat, pool, dense; dequantize. One step of each of the 1024
     * numbers that are added may be off, times a weight */
    check_net(&t, both(&t, y, (nt_coding){NT_U8, 0.2f, 128}), 0.4, 3, 4);
}

/* As nt-quantize writes it: what a layer takes is quantized, and nothing else. */
NT_TEST(what_is_pooled_joined_and_then_quantized_is_quantized_first)
{
    const int64_t two[] = {2, 2};
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 3, 16, 16)), *a, *b, *y;
    nt_node *n;

    nt_rng_init(&rng, 14);
    x = both(&t, x, U8);
    a = NODE(&t, "Relu", NULL, coded_conv(&t, x, (shape){3, 8, 1, 3, 1, 16}, &rng))->out[0];
    b = coded_conv(&t, x, (shape){3, 4, 1, 1, 1, 16}, &rng);
    n = NODE(&t, "Concat", NULL, a, b);
    assert_ok(nt_node_set_int(t.g, n, "axis", 1, e));
    n = NODE(&t, "MaxPool", NULL, n->out[0]);
    assert_ok(nt_node_set_ints(t.g, n, "kernel_shape", two, 2, e));
    y = both(&t, n->out[0], OUT_ZERO);
    /* quantize; 2 convolutions, concat, pool; dequantize */
    check_net(&t, y, (double)OUT_ZERO.scale, 2, 4);
}

NT_TEST(what_others_use_is_dequantized_once)
{
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 8, 8, 8)), *y;

    nt_rng_init(&rng, 11);
    y = both(&t, coded_conv(&t, both(&t, x, U8), (shape){8, 8, 1, 3, 1, 8}, &rng), OUT_ZERO);
    y = NODE(&t, "GlobalAveragePool", NULL, y)->out[0];
    check_net(&t, both(&t, y, (nt_coding){NT_U8, 0.02f, 128}), 0.06 + 0.02, 1, 5);
}

NT_TEST(weights_that_codes_of_8_bits_do_not_hold_are_left_to_floats)
{
    const int64_t dims[] = {8, 8, 1, 1};
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 8, 8, 8)), *w, *y;

    nt_rng_init(&rng, 12);
    w = NODE(&t, "DequantizeLinear", NULL, constant(&t, NT_U8, 4, dims, &rng, 0, 255),
             scalar(&t, NT_F32, 0.01), scalar(&t, NT_U8, 3))
            ->out[0];
    y = NODE(&t, "Conv", NULL, both(&t, x, U8), w)->out[0];
    check_net(&t, both(&t, y, OUT_ZERO), (double)OUT_ZERO.scale, 0, 5);
}

NT_TEST(unsigned_weights_around_their_zero_point_are_codes)
{
    const int64_t dims[] = {8, 8, 1, 1};
    net t = start(13);
    nt_rng rng;
    nt_value *x = input(&t, "x", DIMS(1, 8, 8, 8)), *w, *y;

    nt_rng_init(&rng, 13);
    w = NODE(&t, "DequantizeLinear", NULL, constant(&t, NT_U8, 4, dims, &rng, 0, 255),
             scalar(&t, NT_F32, 0.01), scalar(&t, NT_U8, 128))
            ->out[0];
    y = NODE(&t, "Conv", NULL, both(&t, x, U8), w)->out[0];
    check_net(&t, both(&t, y, OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

/* ---- operators of codes, as ONNX Runtime's quantizer writes them with QuantFormat.QOperator
 */

static nt_value *qlinear(net *t, const char *op, nt_value *x, nt_coding in,
                         nt_value *const w[3], nt_coding out, nt_value *bias)
{
    nt_value *const v[] = {
        x,    scalar(t, NT_F32, (double)in.scale),  scalar(t, in.type, in.zero),   w[0], w[1],
        w[2], scalar(t, NT_F32, (double)out.scale), scalar(t, out.type, out.zero), bias};

    return node(t, op, NULL, bias ? 9 : 8, v)->out[0];
}

static void check_qlinear_conv(nt_coding in, bool by_channel)
{
    const int64_t dims[] = {16, 8, 3, 3}, pads[] = {1, 1, 1, 1};
    int rank = by_channel;
    net t = start(13);
    nt_rng rng;
    nt_value *x = quantize(&t, input(&t, "x", DIMS(2, 8, 9, 9)), in), *w[3], *y;

    nt_rng_init(&rng, 14);
    w[0] = constant(&t, NT_I8, 4, dims, &rng, -127, 128);
    w[1] = constant(&t, NT_F32, rank, dims, &rng, 0.0005, 0.003);
    w[2] = constant(&t, NT_I8, rank, dims, NULL, 0, 0);
    y = qlinear(&t, "QLinearConv", x, in, w, OUT_ZERO,
                constant(&t, NT_I32, 1, dims, &rng, -20000, 20000));
    assert_ok(nt_node_set_ints(t.g, y->producer, "pads", pads, 4, e));
    check_net(&t, dequantize(&t, y, OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

NT_TEST(a_qlinear_convolution_is_computed_on_codes)
{
    check_qlinear_conv(U8, true);
    check_qlinear_conv(U8_ZERO, false);
    check_qlinear_conv(S8_ZERO, true);
}

NT_TEST(a_qlinear_product_is_computed_on_codes)
{
    const int64_t dims[] = {24, 10};
    net t = start(13);
    nt_rng rng;
    nt_value *x = quantize(&t, input(&t, "x", DIMS(5, 24)), U8_ZERO), *w[3];

    nt_rng_init(&rng, 15);
    w[0] = constant(&t, NT_I8, 2, dims, &rng, -127, 128);
    w[1] = scalar(&t, NT_F32, 0.004);
    w[2] = scalar(&t, NT_I8, 0);
    x = qlinear(&t, "QLinearMatMul", x, U8_ZERO, w, OUT_ZERO, NULL);
    check_net(&t, dequantize(&t, x, OUT_ZERO), (double)OUT_ZERO.scale, 1, 2);
}

/* ---- dynamic quantization, as ONNX Runtime's quantizer writes it */

/* x - DynamicQuantizeLinear - MatMulInteger or ConvInteger - Cast - Mul by both scales */
static void check_dynamic(bool conv, bool padded, nt_dtype w_type, int coded)
{
    const int64_t conv_dims[] = {16, 8, 3, 3}, dense_dims[] = {24, 10}, pads[] = {1, 1, 1, 1};
    net t = start(13);
    nt_value *x = conv ? input(&t, "x", DIMS(2, 8, 9, 9)) : input(&t, "x", DIMS(5, 24));
    nt_value *in[4] = {NULL}, *q[3], *y;
    nt_rng rng;
    nt_node *n;

    nt_rng_init(&rng, 16);
    for (int i = 0; i < 3; i++)
        assert_ok(nt_graph_add_value(&q[i], t.g, NULL, e));
    assert_ok(nt_graph_add_node(
        &n, t.g, &(nt_node_spec){"DynamicQuantizeLinear", NULL, &x, 1, q, 3}, e));
    in[0] = q[0];
    in[1] = constant(&t, w_type, conv ? 4 : 2, conv ? conv_dims : dense_dims, &rng,
                     w_type == NT_I8 ? -127 : 1, w_type == NT_I8 ? 128 : 256);
    in[2] = q[2];
    in[3] = scalar(&t, w_type, w_type == NT_I8 ? 0 : 128);
    n = node(&t, conv ? "ConvInteger" : "MatMulInteger", NULL, 4, in);
    if (padded)
        assert_ok(nt_node_set_ints(t.g, n, "pads", pads, 4, e));
    n = NODE(&t, "Cast", NULL, n->out[0]);
    assert_ok(nt_node_set_int(t.g, n, "to", NT_F32, e));
    y = NODE(&t, "Mul", NULL, q[1], scalar(&t, NT_F32, 0.01))->out[0];
    check_net(&t, NODE(&t, "Mul", NULL, n->out[0], y)->out[0], 1e-4, coded, -1);
}

NT_TEST(products_of_integers_are_computed_on_codes_with_a_zero_point_found_on_the_way)
{
    check_dynamic(false, false, NT_I8, 1);
    check_dynamic(false, false, NT_U8, 1);
    check_dynamic(true, false, NT_I8, 1);
    check_dynamic(true, true, NT_I8, 0); /* what padding counts as is not known before */
}

NT_TEST_MAIN
