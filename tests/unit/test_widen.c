/* SPDX-License-Identifier: MIT */
/* Models of other widths than float32: computed as float32, given and returned in their own. */
#include "exec/staged.h"
#include "net.h"

#include <stdlib.h>

#include "base/alloc.h"

static nt_value *typed_input(net *t, const char *name, nt_dtype type, int rank,
                             const int64_t *d)
{
    nt_value *v = input(t, name, rank, d);

    v->dtype = type;
    return v;
}

static nt_value *typed_const(net *t, const char *name, nt_dtype type, int rank,
                             const int64_t *d, double scale)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, type, rank, d, e));
    for (int64_t i = 0; i < nt_tensor_count(data); i++)
        nt_tensor_set(data, i, scale * (double)(i % 7 - 3));
    assert_ok(nt_graph_add_const(&v, t->g, name, data, e));
    return v;
}

static nt_value *unary(net *t, const char *op, const char *name, nt_value *x)
{
    return NODE(t, op, name, x)->out[0];
}

/* Convolution, normalisation, pooling, dense layer and softmax, all of one type. */
static net typed_net(nt_dtype type)
{
    net t = start(13);
    nt_value *x = typed_input(&t, "x", type, DIMS(1, 2, 4, 4)), *one;
    nt_node *n;

    n = NODE(&t, "Conv", "conv", x,
             typed_const(&t, "conv.weight", type, DIMS(3, 2, 3, 3), 0.125),
             typed_const(&t, "conv.bias", type, DIMS(3), 0.25));
    one = typed_const(&t, "one", type, DIMS(3), 0.5);
    for (int i = 0; i < 3; i++)
        nt_tensor_set(one->data, i, 1 + i);
    n = NODE(&t, "BatchNormalization", "bn", n->out[0], one,
             typed_const(&t, "shift", type, DIMS(3), 0.5),
             typed_const(&t, "mean", type, DIMS(3), 0.5), one);
    x = unary(&t, "GlobalAveragePool", "pool", unary(&t, "Relu", "relu", n->out[0]));
    x = unary(&t, "Flatten", "flat", x);
    n = NODE(&t, "Gemm", "fc", x, typed_const(&t, "fc.weight", type, DIMS(3, 4), 0.25),
             typed_const(&t, "fc.bias", type, DIMS(4), 0.25));
    complete(&t, unary(&t, "Softmax", "y", n->out[0]));
    return t;
}

static nt_tensor *run_typed(nt_dtype type, bool no_fusion)
{
    net t = typed_net(type);
    nt_device *dev = NULL;
    nt_staged *r = NULL;
    nt_tensor *in, *y = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){.no_fusion = no_fusion}, e));
    in = nt_staged_input(r, 0);
    assert_int_equal(in->dtype, type);
    for (int64_t i = 0; i < nt_tensor_count(in); i++)
        nt_tensor_set(in, i, 0.125 * (double)(i % 11 - 5));
    assert_ok(nt_staged_forward(r, e));
    assert_ok(nt_tensor_dup(&y, nt_staged_output(r, 0), e));
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
    return y;
}

static void check_typed(nt_dtype type, double tol)
{
    nt_tensor *want = run_typed(NT_F32, false);

    for (int plain = 0; plain < 2; plain++) {
        nt_tensor *got = run_typed(type, plain);

        assert_int_equal(got->dtype, type);
        for (int64_t i = 0; i < 4; i++)
            assert_float_equal(nt_tensor_get(got, i), nt_tensor_get(want, i), tol);
        nt_tensor_free(got);
    }
    nt_tensor_free(want);
}

NT_TEST(halves_run)
{
    check_typed(NT_F16, 5e-4);
}

NT_TEST(brain_floats_run)
{
    check_typed(NT_BF16, 4e-3);
}

NT_TEST(doubles_run)
{
    check_typed(NT_F64, 1e-6);
}

/* Where float32 would overflow, or lose the digits. */
static void check_arithmetic(const char *backend, bool beside_floats)
{
    net t = start(13);
    nt_value *x = typed_input(&t, "x", NT_F64, DIMS(2));
    nt_value *z = typed_input(&t, "z", NT_F32, DIMS(2));
    nt_value *c = typed_const(&t, "c", NT_F64, DIMS(2), 1e300);
    nt_device *dev = NULL;
    nt_staged *r = NULL;

    if (beside_floats)
        assert_ok(nt_graph_add_output(t.g, NODE(&t, "Mul", "zz", z, z)->out[0], e));
    complete(&t, NODE(&t, "Div", "y", NODE(&t, "Add", "s", x, c)->out[0], x)->out[0]);
    setenv("NT_BACKEND", backend, 1);
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){0}, e));
    for (int k = 0; k < 2; k++) {
        nt_tensor_set(nt_staged_input(r, 0), k, 3e299);
        nt_tensor_set(nt_staged_input(r, 1), k, 3);
    }
    assert_ok(nt_staged_forward(r, e));
    for (int k = 0; k < 2; k++) {
        double d = nt_tensor_get(c->data, k);

        if (beside_floats)
            assert_true(nt_tensor_get(nt_staged_output(r, 0), k) == 9);
        assert_true(nt_tensor_get(nt_staged_output(r, beside_floats), k) ==
                    (3e299 + d) / 3e299);
    }
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(arithmetic_on_doubles_is_done_in_doubles)
{
    for (int beside = 0; beside < 2; beside++) {
        check_arithmetic("onednn", beside);
        check_arithmetic("openblas", beside);
    }
}

NT_TEST(integers_and_floats_stay_as_they_are)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(2));
    int n;

    complete(&t, unary(&t, "Relu", "y", x));
    n = t.g->n_values;
    assert_ok(nt_pass_widen(t.g, e));
    assert_int_equal(t.g->n_values, n);
    nt_graph_free(t.g);
}

/* An input and a constant given out as they are keep their bits. */
NT_TEST(what_only_passes_through_keeps_its_type)
{
    net t = start(13);
    nt_value *x = typed_input(&t, "x", NT_F16, DIMS(2));
    nt_value *c = typed_const(&t, "c", NT_F64, DIMS(2), 1e300);
    nt_device *dev = NULL;
    nt_staged *r = NULL;

    assert_ok(nt_graph_add_output(t.g, x, e));
    assert_ok(nt_graph_add_output(t.g, c, e));
    complete(&t, unary(&t, "Relu", "y", x));
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){0}, e));
    nt_tensor_set(nt_staged_input(r, 0), 0, -2);
    assert_ok(nt_staged_forward(r, e));
    assert_int_equal(nt_staged_output(r, 0)->dtype, NT_F16);
    assert_float_equal(nt_tensor_get(nt_staged_output(r, 0), 0), -2, 0);
    assert_true(nt_tensor_get(nt_staged_output(r, 1), 0) < -1e300);
    assert_int_equal(nt_staged_output(r, 2)->dtype, NT_F16);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

/* NonMaxSuppression knows float32; its boxes come as halves here. */
NT_TEST(what_ends_a_stage_runs_on_halves_too)
{
    const float box[] = {0, 0, 1, 1, 0, 0, 1, 1}, score[] = {0.25F, 0.75F};
    net t = start(13);
    nt_value *b = typed_input(&t, "boxes", NT_F16, DIMS(1, 2, 4));
    nt_value *s = typed_input(&t, "scores", NT_F16, DIMS(1, 1, 2));
    nt_device *dev = NULL;
    nt_staged *r = NULL;

    complete(&t, NODE(&t, "NonMaxSuppression", "y", b, s, ints(&t, DIMS(5)))->out[0]);
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){0}, e));
    for (int i = 0; i < 8; i++)
        nt_tensor_set(nt_staged_input(r, 0), i, box[i]);
    for (int i = 0; i < 2; i++)
        nt_tensor_set(nt_staged_input(r, 1), i, score[i]);
    assert_ok(nt_staged_forward(r, e));
    assert_int_equal(nt_staged_output(r, 0)->dims[0], 1);
    assert_int_equal(nt_tensor_get_i64(nt_staged_output(r, 0), 2), 1);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST_MAIN
