/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

#define Q                                                                                      \
    {                                                                                          \
        GIVEN(q, 4)                                                                            \
    }
static const float q[] = {-2, -0.5F, 0, 2};

NT_TEST(activations_by_hand)
{
    assert_eval((&(op_case){.op = "Relu", .in = Q}), 0, 0, 0, 2);
    assert_eval((&(op_case){.op = "LeakyRelu", .in = Q, .attr = {FLOAT("alpha", 0.5F)}}), -1,
                -0.25F, 0, 2);
    assert_eval((&(op_case){.op = "Sigmoid", .in = Q}), 0.1192029F, 0.3775407F, 0.5F,
                0.8807971F);
    assert_eval((&(op_case){.op = "HardSigmoid", .in = Q}), 0.1F, 0.4F, 0.5F, 0.9F);
    assert_eval((&(op_case){.op = "HardSwish", .opset = 14, .in = Q}), -0.3333333F, -0.2083333F,
                0, 1.6666667F);
    assert_eval((&(op_case){.op = "Tanh", .in = Q}), -0.9640276F, -0.4621172F, 0, 0.9640276F);
    assert_eval((&(op_case){.op = "Elu", .in = Q}), -0.8646647F, -0.3934693F, 0, 2);
    assert_eval((&(op_case){.op = "Gelu", .opset = 20, .in = Q}), -0.0455003F, -0.1542688F, 0,
                1.9544997F);
    assert_eval((&(op_case){.op = "Swish", .opset = 24, .in = Q}), -0.2384058F, -0.1887703F, 0,
                1.7615942F);
    assert_eval((&(op_case){.op = "Softplus", .in = Q}), 0.1269280F, 0.4740770F, 0.6931472F,
                2.1269280F);
    assert_eval((&(op_case){.op = "Mish", .opset = 18, .in = Q}), -0.2525015F, -0.2207452F, 0,
                1.9439590F);
    assert_eval((&(op_case){.op = "Celu", .in = Q, .attr = {FLOAT("alpha", 2)}}), -1.2642411F,
                -0.4423984F, 0, 2);
    assert_eval((&(op_case){.op = "ThresholdedRelu", .in = Q}), 0, 0, 0, 2);
    assert_eval((&(op_case){.op = "Shrink",
                            .in = Q,
                            .attr = {FLOAT("lambd", 0.4F), FLOAT("bias", 0.1F)}}),
                -1.9F, -0.4F, 0, 1.9F);
}

/* In the plain form; test_nan.c has all others. */
NT_TEST(a_nan_stays_one)
{
    static const char *const ops[] = {"Relu",   "LeakyRelu", "HardSigmoid", "HardSwish",
                                      "Shrink", "Mish",      "Sign",        "Clip"};
    const float nan[] = {NAN};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        nt_tensor *y[OC_MAX] = {NULL};

        op_eval(&(op_case){.op = ops[i], .opset = 18, .in = {GIVEN(nan, 1)}}, y);
        if (!isnan(nt_tensor_get(y[0], 0)))
            fail_msg("%s hides a NaN", ops[i]);
        nt_tensor_free(y[0]);
    }
}

NT_TEST(clip_takes_its_bounds_from_attributes_and_inputs)
{
    assert_eval(
        (&(op_case){
            .op = "Clip", .opset = 10, .in = Q, .attr = {FLOAT("min", -1), FLOAT("max", 1)}}),
        -1, -0.5F, 0, 1);
    assert_eval((&(op_case){.op = "Clip", .in = {GIVEN(q, 4), SCALAR(0), SCALAR(1)}}), 0, 0, 0,
                1);
    assert_eval((&(op_case){.op = "Clip", .in = {GIVEN(q, 4), NONE, SCALAR(1)}}), -2, -0.5F, 0,
                1);
    assert_refused((&(op_case){.op = "Clip", .in = {IN(4), CONST(2)}}), "is no scalar");
    assert_refused((&(op_case){.op = "Clip", .in = {IN(4)}, .attr = {FLOAT("min", 0)}}),
                   "attribute 'min' is not known");
}

NT_TEST(activations_keep_shapes)
{
    assert_string_equal(op_shape(&(op_case){.op = "Relu", .in = {IN(-1, 3, -1)}}), "[A,3,C]");
}

NT_TEST(activations_with_kernels)
{
    static const char *const ops[] = {"Relu",      "LeakyRelu", "Sigmoid", "HardSigmoid",
                                      "HardSwish", "Tanh",      "Gelu",    "Swish",
                                      "Mish",      "Elu"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        check_op(&(op_case){.op = ops[i], .opset = 24, .in = {IN(2, 5, 3, 3)}, .spaced = true});
        check_op(&(op_case){.op = ops[i], .opset = 24, .in = {IN(13)}, .spaced = true});
    }
    for (int64_t c = 5; c <= 16; c += 11)
        check_op(&(op_case){.op = "Gelu",
                            .opset = 20,
                            .in = {IN(2, c, 3, 3)},
                            .attr = {STR("approximate", "tanh")}});
    check_op(&(op_case){
        .op = "Clip", .in = {IN(2, 5, 3), SCALAR(-0.5F), SCALAR(1)}, .spaced = true});
    check_op(&(op_case){.op = "Clip", .in = {IN(2, 5), SCALAR(0)}, .spaced = true});
}

NT_TEST(clip_with_a_computed_bound)
{
    const float one[] = {0.3F};

    check_op(&(op_case){
        .op = "Clip",
        .in = {IN(2, 5), {.kind = OC_IN, .dtype = NT_F32, .floats = one, .fixed = true}},
        .spaced = true});
}

NT_TEST(functions_without_kernels)
{
    static const char *const any[] = {"Abs",   "Celu",  "Selu", "Erf",  "Exp",      "Neg",
                                      "Acos",  "Asin",  "Atan", "Tan",  "Sin",      "Cos",
                                      "Asinh", "Atanh", "Sinh", "Cosh", "Softplus", "Softsign"};
    static const char *const positive[] = {"Log", "Sqrt", "Reciprocal"};
    static const char *const steps[] = {"Ceil", "Floor", "Round", "Sign"};
    const float above_one[] = {1.1F, 1.5F, 4};

    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
        check_op(&(op_case){.op = any[i], .opset = 18, .in = {IN(2, 3, 4)}, .spaced = true});
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++)
        check_op(&(op_case){.op = positive[i], .in = {POSITIVE_IN(2, 3, 4)}});
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        check_op(&(op_case){.op = steps[i], .in = {IN(2, 3, 4)}, .spaced = true});
    check_op(&(op_case){.op = "Acosh", .in = {GIVEN(above_one, 3)}});
    check_op(&(op_case){.op = "Shrink",
                        .in = {IN(2, 3, 4)},
                        .attr = {FLOAT("lambd", 0.21F), FLOAT("bias", 0.1F)},
                        .spaced = true});
    check_op(&(op_case){.op = "ThresholdedRelu",
                        .in = {IN(2, 3, 4)},
                        .attr = {FLOAT("alpha", 0.2F)},
                        .spaced = true});
    assert_refused((&(op_case){.op = "Celu", .in = {IN(1)}, .attr = {FLOAT("alpha", 0)}}),
                   "alpha is 0");
}

NT_TEST(integers_stay_integers)
{
    op_case c = {.op = "Neg", .in = {I64(3, -4)}};
    nt_tensor *y[OC_MAX] = {NULL};

    op_eval(&c, y);
    assert_int_equal(y[0]->dtype, NT_I64);
    assert_int_equal(nt_tensor_get_i64(y[0], 0), -3);
    assert_int_equal(nt_tensor_get_i64(y[0], 1), 4);
    nt_tensor_free(y[0]);
}

NT_TEST_MAIN
