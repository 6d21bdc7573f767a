/* SPDX-License-Identifier: MIT */
#include "net.h"

#include "base/alloc.h"
#include "exec/staged.h"
#include "export/dlrt.h"
#include "rt/nt_rt.h"

#include <math.h>

/* ---- quantized networks, line by line */

static nt_value *scalar(net *t, float v)
{
    nt_tensor *data = NULL;
    nt_value *c = NULL;

    assert_ok(nt_tensor_new(&data, NT_F32, 0, NULL, e));
    nt_tensor_set(data, 0, v);
    assert_ok(nt_graph_add_const(&c, t->g, NULL, data, e));
    return c;
}

static nt_value *zero_point(net *t, nt_dtype type, int64_t v)
{
    nt_tensor *data = NULL;
    nt_value *c = NULL;

    assert_ok(nt_tensor_new(&data, type, 0, NULL, e));
    nt_tensor_set_i64(data, 0, v);
    assert_ok(nt_graph_add_const(&c, t->g, NULL, data, e));
    return c;
}

/* x through QuantizeLinear and DequantizeLinear; hi < 255: clipped to codes [0, hi] before. */
static nt_value *quantized(net *t, nt_value *x, float scale, nt_dtype type, int zero, int hi)
{
    nt_value *s = scalar(t, scale), *z = zero_point(t, type, zero);

    if (hi < 255)
        x = NODE(t, "Clip", NULL, x, scalar(t, (float)-zero * scale),
                 scalar(t, (float)(hi - zero) * scale))
                ->out[0];
    return NODE(t, "DequantizeLinear", NULL, NODE(t, "QuantizeLinear", NULL, x, s, z)->out[0],
                s, z)
        ->out[0];
}

/* A weight of integers in [lo, hi] (never 0 where there are two), a scale for each of axis 0.
 */
static nt_value *integers(net *t, int rank, const int64_t *d, int lo, int hi, nt_dtype type,
                          int zero)
{
    nt_tensor *q = NULL, *s = NULL, *z = NULL;
    nt_value *v[3];
    nt_node *n;

    assert_ok(nt_tensor_new(&q, type, rank, d, e));
    assert_ok(nt_tensor_new(&s, NT_F32, 1, d, e));
    assert_ok(nt_tensor_new(&z, type, 1, d, e));
    for (int64_t i = 0; i < nt_tensor_count(q); i++)
        nt_tensor_set_i64(q, i,
                          zero + (hi - lo == 2 && lo == -1 ? (i * 7 % 3 > 0 ? 1 : -1)
                                                           : lo + i * 37 % (hi - lo + 1)));
    for (int64_t i = 0; i < d[0]; i++) {
        nt_tensor_set(s, i, 0.01 * (double)(1 + i % 3));
        nt_tensor_set_i64(z, i, zero);
    }
    assert_ok(nt_graph_add_const(&v[0], t->g, NULL, q, e));
    assert_ok(nt_graph_add_const(&v[1], t->g, NULL, s, e));
    assert_ok(nt_graph_add_const(&v[2], t->g, NULL, z, e));
    n = node(t, "DequantizeLinear", NULL, 3, v);
    assert_ok(nt_node_set_int(t->g, n, "axis", 0, e));
    return n->out[0];
}

static nt_value *conv3(net *t, nt_value *x, int64_t c, int64_t k, int lo, int hi)
{
    nt_node *n = NODE(t, "Conv", NULL, x, integers(t, DIMS(k, c, 3, 3), lo, hi, NT_I8, 0),
                      weight(t, NULL, DIMS(k)));
    const int64_t pads[] = {1, 1, 1, 1};

    assert_ok(nt_node_set_ints(t->g, n, "pads", pads, 4, e));
    return n->out[0];
}

static nt_value *op1(net *t, const char *op, nt_value *x)
{
    return NODE(t, op, NULL, x)->out[0];
}

/* ---- comparing */

/* What became of a network: how many steps there are of that kind. */
typedef struct made {
    void *file, *mem;
    nt_rt *rt;
} made;

static made make(net *t)
{
    made m = {0};
    size_t n = 0, need = 0;

    assert_ok(nt_dlrt_make(&m.file, &n, t->g, 0, 0, e));
    assert_int_equal(nt_rt_mem_size(m.file, n, &need), NT_RT_OK);
    m.mem = nt_alloc(need, 1);
    assert_int_equal(nt_rt_load(&m.rt, m.file, n, m.mem, need), NT_RT_OK);
    return m;
}

static int steps(const made *m, const char *op)
{
    nt_rt_step_info info;
    int n = 0;

    for (size_t i = 0; nt_rt_step(m->rt, i, &info) == NT_RT_OK; i++)
        n += strcmp(info.op, op) == 0;
    return n;
}

static int weight_bits(const made *m, int index)
{
    nt_rt_step_info info;

    for (size_t i = 0; nt_rt_step(m->rt, i, &info) == NT_RT_OK; i++)
        if (info.weight_bits && index-- == 0)
            return (int)info.weight_bits;
    return 0;
}

/* The graph and the file give the same, but for `off` elements that may differ by `step`. */
static void assert_same(net *t, const made *m, double step, int64_t off)
{
    nt_device *dev = NULL;
    nt_staged *r = NULL;
    const nt_tensor *want;
    const float *in[1];
    float *out[1];
    int64_t dims[1][NT_MAX_RANK] = {{1}};
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};

    nt_value_shape(t->g->inputs[0], dims[0]);
    dims[0][0] = 1;
    for (int i = 1; i < t->g->inputs[0]->rank; i++)
        dims[0][i] = t->g->inputs[0]->dims[i].value;
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, t->g, dev, &o, e));
    nt_staged_fill_noise(r, 5);
    in[0] = nt_staged_input(r, 0)->data;
    assert_ok(nt_staged_forward(r, e));
    want = nt_staged_output(r, 0);
    out[0] = nt_alloc((size_t)nt_tensor_count(want), sizeof **out);
    assert_int_equal(nt_rt_run(m->rt, in, out), NT_RT_OK);
    for (int64_t i = 0; i < nt_tensor_count(want); i++) {
        double d = fabs((double)out[0][i] - nt_tensor_get(want, i));

        if (d <= 1e-5 + 1e-5 * fabs(nt_tensor_get(want, i)))
            continue;
        if (off-- <= 0 || d > step * 1.0001)
            fail_msg("element %lld: %g, want %g", (long long)i, (double)out[0][i],
                     nt_tensor_get(want, i));
    }
    nt_free(out[0]);
    nt_staged_free(r);
    nt_device_free(dev);
}

static void done_with(net *t, made *m)
{
    nt_free(m->mem);
    nt_free(m->file);
    finish(t);
}

/* ---- the tests */

NT_TEST(weights_are_stored_at_the_bits_that_their_values_need)
{
    static const int range[][3] = {
        {-128, 127, 8}, {-20, 20, 8}, {-7, 7, 4}, {-2, 1, 2}, {-1, 1, 1}};

    for (int i = 0; i < 5; i++) {
        net t = start(13);
        nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 6, 5, 5)), 0.05f, NT_I8, -3, 255);
        made m;

        x = conv3(&t, x, 6, 18, range[i][0], range[i][1]);
        x = quantized(&t, op1(&t, "Relu", x), 0.0213f, NT_U8, 0, 255);
        complete(&t, x);
        m = make(&t);
        assert_int_equal(weight_bits(&m, 0), range[i][2]);
        assert_int_equal(steps(&m, "quantize"), 1); /* the input: the ReLU is in the layer */
        assert_int_equal(nt_rt_steps(m.rt), 3);
        assert_same(&t, &m, 0.0213, 4);
        done_with(&t, &m);
    }
}

/* Taps of planes hold 32 channels: half of one would be bytes for nothing. */
NT_TEST(bit_planes_are_used_where_they_are_not_larger)
{
    static const int64_t c[] = {16, 32};

    for (int i = 0; i < 2; i++) {
        net t = start(13);
        nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, c[i], 4, 4)), 0.5f, NT_U8, 1, 3);
        nt_rt_step_info info;
        made m;

        x = conv3(&t, x, c[i], 16, -2, 1);
        complete(&t, quantized(&t, x, 0.1037f, NT_U8, 128, 255));
        m = make(&t);
        assert_int_equal(nt_rt_step(m.rt, 1, &info), NT_RT_OK);
        assert_int_equal(info.weight_bytes, 9 * c[i] * 16 / 4);
        assert_same(&t, &m, 0.1037, 2);
        done_with(&t, &m);
    }
}

NT_TEST(codes_have_the_bits_that_a_clip_leaves_them)
{
    static const int hi[][2] = {{1, 1}, {2, 2}, {3, 2}, {7, 4}, {15, 4}, {100, 8}};

    for (int i = 0; i < 6; i++) {
        net t = start(13);
        nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 40, 4, 4)), 0.5f, NT_U8,
                                hi[i][0] / 2, hi[i][0]);
        nt_rt_step_info info;
        made m;

        x = conv3(&t, x, 40, 5, -2, 1);
        x = quantized(&t, x, 0.1037f, NT_U8, 128, 255);
        complete(&t, x);
        m = make(&t);
        assert_int_equal(nt_rt_step(m.rt, nt_rt_steps(m.rt) - 2, &info), NT_RT_OK);
        assert_string_equal(info.op, "conv");
        assert_int_equal(info.input_bits, hi[i][1]);
        assert_same(&t, &m, 0.1037, 2);
        done_with(&t, &m);
    }
}

NT_TEST(unsigned_weights_and_one_scale_for_all_are_integers_too)
{
    net t = start(13);
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 7)), 0.02f, NT_U8, 99, 255);
    nt_node *n = NODE(&t, "Gemm", "fc", x, integers(&t, DIMS(9, 7), -100, 100, NT_U8, 128));
    made m;

    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    complete(&t, n->out[0]);
    m = make(&t);
    assert_int_equal(weight_bits(&m, 0), 8);
    assert_same(&t, &m, 0, 0);
    done_with(&t, &m);
}

NT_TEST(a_dense_layer_reads_a_flattened_picture_where_it_lies)
{
    net t = start(13);
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 5, 3, 2)), 0.02f, NT_U8, 99, 255);
    nt_node *n = NODE(&t, "Gemm", "fc", op1(&t, "Flatten", x),
                      integers(&t, DIMS(9, 30), -7, 7, NT_I8, 0));
    made m;

    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    complete(&t, n->out[0]);
    m = make(&t);
    assert_int_equal(steps(&m, "reshape"), 0);
    assert_same(&t, &m, 0, 0);
    done_with(&t, &m);
}

NT_TEST(branches_meet_in_integers)
{
    net t = start(13);
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 8, 6, 6)), 0.03f, NT_U8, 120, 255);
    nt_value *a = quantized(&t, conv3(&t, x, 8, 8, -7, 7), 0.05f, NT_I8, 5, 255), *b, *c, *g;
    nt_node *cat;
    made m;

    b = quantized(&t, op1(&t, "Relu", NODE(&t, "Add", NULL, a, x)->out[0]), 0.04f, NT_U8, 0,
                  255);
    g = quantized(&t, op1(&t, "GlobalAveragePool", b), 0.01f, NT_U8, 0, 255);
    g = quantized(&t, op1(&t, "Sigmoid", g), 1 / 256.0f, NT_U8, 0, 255);
    c = quantized(&t, NODE(&t, "Mul", NULL, b, g)->out[0], 0.03f, NT_U8, 0, 255);
    cat = NODE(&t, "Concat", NULL, a, c);
    assert_ok(nt_node_set_int(t.g, cat, "axis", 1, e));
    complete(&t, quantized(&t, cat->out[0], 0.06f, NT_U8, 70, 255));
    m = make(&t);
    assert_int_equal(steps(&m, "add"), 1);
    assert_int_equal(steps(&m, "mul"), 1);
    assert_int_equal(steps(&m, "copy"), 2);
    assert_int_equal(steps(&m, "lut"), 1);
    assert_int_equal(steps(&m, "quantize"), 1);
    assert_int_equal(steps(&m, "dequantize"), 1);
    assert_same(&t, &m, 0.06, 8);
    done_with(&t, &m);
}

NT_TEST(a_layer_that_two_quantizers_see_runs_once)
{
    net t = start(13);
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 4, 4, 4)), 0.03f, NT_U8, 120, 255);
    nt_value *y = op1(&t, "Relu", conv3(&t, x, 4, 4, -7, 7)), *a, *b;
    made m;

    a = conv3(&t, quantized(&t, y, 0.2f, NT_U8, 0, 3), 4, 4, -1, 1);
    b = quantized(&t, y, 0.01f, NT_U8, 0, 255);
    a = quantized(&t, a, 0.02f, NT_U8, 100, 255);
    complete(&t, NODE(&t, "Add", NULL, a, b)->out[0]);
    m = make(&t);
    assert_int_equal(steps(&m, "conv"), 2);
    assert_int_equal(steps(&m, "quantize"), 3);
    assert_same(&t, &m, 0.02, 4);
    done_with(&t, &m);
}

NT_TEST(pools_pads_and_resizes_keep_codes)
{
    net t = start(13);
    const int64_t two[] = {2, 2}, pads[] = {0, 0, 1, 2, 0, 0, 0, 1}, size[] = {1, 4, 7, 9};
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 4, 7, 9)), 0.03f, NT_U8, 120, 255);
    nt_node *pool = NODE(&t, "MaxPool", NULL, x), *pad, *resize;
    made m;

    assert_ok(nt_node_set_ints(t.g, pool, "kernel_shape", two, 2, e));
    assert_ok(nt_node_set_ints(t.g, pool, "strides", two, 2, e));
    assert_ok(nt_node_set_int(t.g, pool, "ceil_mode", 1, e));
    pad = NODE(&t, "Pad", NULL, pool->out[0], ints(&t, 8, pads));
    resize = NODE(&t, "Resize", NULL, pad->out[0], NULL, NULL, ints(&t, 4, size));
    assert_ok(nt_node_set_str(t.g, resize, "mode", "nearest", e));
    complete(&t, resize->out[0]);
    m = make(&t);
    assert_int_equal(steps(&m, "quantize"), 1);
    assert_int_equal(steps(&m, "dequantize"), 1);
    assert_int_equal(steps(&m, "resize"), 1);
    assert_same(&t, &m, 0, 0);
    done_with(&t, &m);
}

NT_TEST(what_is_not_quantized_stays_in_fp32)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 6, 4, 4)), *y;
    nt_node *n;
    made m;

    y = op1(&t, "Relu", conv(&t, "a", x, 6, 6, 3));
    y = NODE(&t, "Mul", NULL, y, op1(&t, "HardSigmoid", x))->out[0];
    n = NODE(&t, "Gemm", "fc", op1(&t, "Flatten", y), weight(&t, "fc.weight", DIMS(96, 5)),
             weight(&t, "fc.bias", DIMS(5)));
    n = NODE(&t, "Softmax", NULL, n->out[0]);
    complete(&t, n->out[0]);
    randomise(&t);
    m = make(&t);
    assert_int_equal(weight_bits(&m, 0), 32);
    assert_int_equal(steps(&m, "quantize"), 0);
    assert_int_equal(steps(&m, "act"), 1); /* HardSigmoid: the ReLU is in the convolution */
    assert_same(&t, &m, 0, 0);
    done_with(&t, &m);
}

NT_TEST(what_it_cannot_write_is_named)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 6, 4, 4));
    void *file = NULL;
    size_t n = 0;

    complete(&t, NODE(&t, "Erf", "y", x)->out[0]);
    assert_fails(NT_EUNSUPPORTED, "node 'y': Erf has no step of .dlrt in fp32",
                 nt_dlrt_make(&file, &n, t.g, 0, 0, e));
    finish(&t);
}

/* [1,5] lies along the last axis of [1,5,5], not along the channels. */
NT_TEST(a_row_that_is_no_row_of_channels_is_refused)
{
    static const char *const ops[] = {"Add", "Mul"};

    for (int i = 0; i < 4; i++) {
        net t = start(13);
        nt_value *x = input(&t, "x", DIMS(1, 5, 5)), *row = input(&t, "row", DIMS(1, 5));
        void *file = NULL;
        size_t n = 0;

        complete(&t, i < 2 ? NODE(&t, ops[i], "y", x, row)->out[0]
                           : NODE(&t, ops[i - 2], "y", row, x)->out[0]);
        assert_fails(NT_EUNSUPPORTED, "node 'y': operands of these shapes",
                     nt_dlrt_make(&file, &n, t.g, 0, 0, e));
        finish(&t);
    }
}

NT_TEST(memory_may_run_out_anywhere)
{
    net t = start(13);
    nt_value *x = quantized(&t, input(&t, "x", DIMS(-1, 3, 4, 4)), 0.05f, NT_I8, 0, 255);
    void *file = NULL;
    size_t n = 0;
    bool all = false;

    complete(&t, quantized(&t, conv3(&t, x, 3, 4, -7, 7), 0.02f, NT_U8, 0, 255));
    for (long i = 1; !all; i++) {
        nt_err e = {{0}};

        nt_alloc_fail_at(i);
        all = nt_dlrt_make(&file, &n, t.g, 0, 0, &e) == NT_OK;
        nt_alloc_fail_at(0);
        assert_true(all || *e.msg);
    }
    nt_free(file);
    finish(&t);
}

NT_TEST_MAIN
