/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

#include "op/qparam.h"
#include "op/registry.h"

/* Integers, constant or computed. */
#define CODES(k, t, r, d, ...)                                                                 \
    {                                                                                          \
        .kind = k, .dtype = t, .rank = r, .dims = d, .fixed = true, .ints = { __VA_ARGS__ }    \
    }
#define DIMS(...)                                                                              \
    {                                                                                          \
        __VA_ARGS__                                                                            \
    }

static const float ramp[] = {-1000, -2.5F, -1.5F, 0.5F, 1.5F, 1000};

NT_TEST(quantize_rounds_halves_to_even_and_saturates)
{
    assert_eval((&(op_case){.op = "QuantizeLinear", .in = {GIVEN(ramp, 6), SCALAR(1)}}), 0, 0,
                0, 0, 2, 255);
    assert_eval((&(op_case){.op = "QuantizeLinear",
                            .in = {GIVEN(ramp, 6), SCALAR(0.5F),
                                   CODES(OC_CONST, NT_I8, 0, DIMS(1), 10)}}),
                -128, 5, 7, 11, 13, 127);
}

NT_TEST(quantize_takes_4_bit_codes_from_opset_21)
{
    assert_eval((&(op_case){.op = "QuantizeLinear",
                            .opset = 21,
                            .in = {GIVEN(ramp, 6), SCALAR(1)},
                            .attr = {INT("output_dtype", NT_I4)}}),
                -8, -2, -2, 0, 2, 7);
    assert_refused((&(op_case){.op = "QuantizeLinear",
                               .opset = 21,
                               .in = {GIVEN(ramp, 6), SCALAR(1)},
                               .attr = {INT("output_dtype", NT_I64)}}),
                   "codes of type int64 are not supported");
}

NT_TEST(quantize_takes_2_bit_codes_from_opset_25)
{
    assert_eval((&(op_case){.op = "QuantizeLinear",
                            .opset = 25,
                            .in = {GIVEN(ramp, 6), SCALAR(1)},
                            .attr = {INT("output_dtype", NT_I2)}}),
                -2, -2, -2, 0, 1, 1);
    assert_eval((&(op_case){.op = "QuantizeLinear",
                            .opset = 25,
                            .in = {GIVEN(ramp, 6), SCALAR(1)},
                            .attr = {INT("output_dtype", NT_U2)}}),
                0, 0, 0, 0, 2, 3);
    assert_eval((&(op_case){.op = "DequantizeLinear",
                            .opset = 25,
                            .in = {CODES(OC_CONST, NT_U2, 1, DIMS(4), 0, 1, 2, 3), SCALAR(0.5F),
                                   CODES(OC_CONST, NT_U2, 0, DIMS(1), 2)}}),
                -1, -0.5F, 0, 0.5F);
}

/* As inputs of the graph, and between two nodes. */
NT_TEST(packed_codes_flow_through_a_plan)
{
    static const nt_dtype types[] = {NT_I4, NT_U4, NT_I2, NT_U2};

    for (size_t i = 0; i < 4; i++) {
        check_op(
            &(op_case){.op = "DequantizeLinear",
                       .opset = 25,
                       .in = {CODES(OC_IN, types[i], 2, DIMS(3, 3), 1, 0, 1, 3, 2, 1, 0, 0, 1),
                              SCALAR(0.5F)},
                       .inference_only = true});
        check_op(
            &(op_case){.op = "Transpose",
                       .opset = 25,
                       .in = {CODES(OC_IN, types[i], 2, DIMS(3, 5), 1, 0, 1, 3, 2, 1, 0, 0, 1)},
                       .inference_only = true});
        check_op(&(op_case){.op = "Cast",
                            .opset = 25,
                            .in = {GIVEN(ramp, 6)},
                            .attr = {INT("to", types[i])},
                            .inference_only = true});
    }
}

NT_TEST(scales_go_by_axis)
{
    static const float x[] = {1, 2, 3, 4, 5, 6}, scale[] = {1, 2, 0.5F};

    assert_eval(
        (&(op_case){.op = "QuantizeLinear",
                    .in = {GIVEN(x, 2, 3),
                           {.kind = OC_CONST, .dtype = NT_F32, OC_DIMS(3), .floats = scale}}}),
        1, 1, 6, 4, 2, 12);
    assert_eval(
        (&(op_case){.op = "DequantizeLinear",
                    .in = {CODES(OC_IN, NT_U8, 2, DIMS(2, 3), 1, 2, 3, 4, 5, 6),
                           {.kind = OC_CONST, .dtype = NT_F32, OC_DIMS(2), .floats = scale},
                           CODES(OC_CONST, NT_U8, 1, DIMS(2), 1, 0)},
                    .attr = {INT("axis", 0)}}),
        0, 1, 2, 8, 10, 12);
}

NT_TEST(scales_go_by_blocks_from_opset_21)
{
    static const float scale[] = {1, 10, 100, 1000};

    assert_eval(
        (&(op_case){.op = "DequantizeLinear",
                    .opset = 21,
                    .in = {CODES(OC_IN, NT_I8, 2, DIMS(2, 3), 1, 2, 3, 4, 5, 6),
                           {.kind = OC_CONST, .dtype = NT_F32, OC_DIMS(2, 2), .floats = scale}},
                    .attr = {INT("axis", 1), INT("block_size", 2)}}),
        1, 2, 30, 400, 500, 6000);
}

NT_TEST(dynamic_quantization_spans_zero_and_the_extremes)
{
    static const float x[] = {0, 2, -3, -2.5F, 1.34F, 0.5F};

    assert_eval((&(op_case){.op = "DynamicQuantizeLinear", .n_out = 3, .in = {GIVEN(x, 6)}}),
                153, 255, 0, 26, 221, 179);
}

/* 8-bit rounding is seen as the identity, saturation as a constant. */
NT_TEST(gradients_pass_straight_through)
{
    static const float x[] = {-3, 0.4F, 300};
    const nt_op *q = nt_op_find("", "QuantizeLinear", 13);
    int64_t three = 3;
    nt_tensor *in[2], *y, *dy, *din[2];

    assert_ok(nt_tensor_new(&in[0], NT_F32, 1, &three, e));
    assert_ok(nt_tensor_new(&in[1], NT_F32, 0, NULL, e));
    assert_ok(nt_tensor_new(&y, NT_U8, 1, &three, e));
    assert_ok(nt_tensor_new(&dy, NT_F32, 1, &three, e));
    assert_ok(nt_tensor_new(&din[0], NT_F32, 1, &three, e));
    assert_ok(nt_tensor_new(&din[1], NT_F32, 0, NULL, e));
    memcpy(in[0]->data, x, sizeof x);
    nt_tensor_set(in[1], 0, 0.5);
    for (int i = 0; i < 3; i++)
        nt_tensor_set(dy, i, 1);
    assert_ok(q->grad(&(nt_node){.n_in = 2}, (const nt_tensor *const *)in,
                      (const nt_tensor *const *)&y, (const nt_tensor *const *)&dy, din, e));
    assert_float_equal(nt_tensor_get(din[0], 0), 0, 0);
    assert_float_equal(nt_tensor_get(din[0], 1), 2, 1e-6);
    assert_float_equal(nt_tensor_get(din[0], 2), 0, 0);
    assert_float_equal(nt_tensor_get(din[1], 0), -1.6, 1e-6);
    for (int i = 0; i < 2; i++) {
        nt_tensor_free(in[i]);
        nt_tensor_free(din[i]);
    }
    nt_tensor_free(y);
    nt_tensor_free(dy);
}

NT_TEST(integer_convolution_by_hand)
{
    assert_eval(
        (&(op_case){.op = "ConvInteger",
                    .in = {CODES(OC_IN, NT_U8, 4, DIMS(1, 1, 3, 3), 2, 3, 4, 5, 6, 7, 8, 9, 10),
                           CODES(OC_CONST, NT_U8, 4, DIMS(1, 1, 2, 2), 1, 1, 1, 1),
                           CODES(OC_CONST, NT_U8, 0, DIMS(1), 1)}}),
        12, 16, 24, 28);
}

NT_TEST(integer_product_by_hand)
{
    assert_eval((&(op_case){.op = "MatMulInteger",
                            .in = {CODES(OC_IN, NT_U8, 2, DIMS(2, 2), 1, 2, 3, 4),
                                   CODES(OC_CONST, NT_I8, 2, DIMS(2, 2), 1, -1, 0, 2),
                                   CODES(OC_CONST, NT_U8, 1, DIMS(2), 1, 2),
                                   CODES(OC_CONST, NT_I8, 1, DIMS(2), 0, 1)}}),
                0, 1, 1, 0);
}

NT_TEST(quantized_product_by_hand)
{
    assert_eval((&(op_case){.op = "QLinearMatMul",
                            .in = {CODES(OC_IN, NT_U8, 1, DIMS(2), 3, 5), SCALAR(0.5F),
                                   CODES(OC_CONST, NT_U8, 0, DIMS(1), 1),
                                   CODES(OC_CONST, NT_I8, 2, DIMS(2, 1), 2, -3), SCALAR(0.5F),
                                   CODES(OC_CONST, NT_I8, 0, DIMS(1), 0), SCALAR(0.25F),
                                   CODES(OC_CONST, NT_I8, 0, DIMS(1), 10)}}),
                2);
}

NT_TEST(shapes_of_scales_are_held_against_the_tensor)
{
    static const float scale[] = {1, 2};

    assert_refused(
        (&(op_case){.op = "QuantizeLinear",
                    .in = {GIVEN(ramp, 2, 3),
                           {.kind = OC_CONST, .dtype = NT_F32, OC_DIMS(2), .floats = scale}}}),
        "2 scales do not match axis 1 of 3");
}

NT_TEST_MAIN
