/* SPDX-License-Identifier: MIT */
/* Integers of all widths: remainders, bits, wrapping, casts. */
#include "op_harness.h"

/* Constant integers of a type. */
#define WHOLE(type, ...)                                                                       \
    {                                                                                          \
        .kind = OC_CONST, .dtype = (type), .rank = 1,                                          \
        .dims = {(int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))}, .ints = {     \
            __VA_ARGS__                                                                        \
        }                                                                                      \
    }

NT_TEST(remainders_have_the_divisors_sign_or_with_fmod_the_dividends)
{
    const float x[] = {-4.3F, 7.2F, 5}, y[] = {2.1F, -3.4F, 8};
    const op_arg a = I64(-4, 7, 5, 4, -7), b = I64(2, -3, 8, -2, -4);

    assert_eval((&(op_case){.op = "Mod", .in = {a, b}}), 0, -2, 5, 0, -3);
    assert_eval((&(op_case){.op = "Mod", .in = {a, b}, .attr = {INT("fmod", 1)}}), 0, 1, 5, 0,
                -3);
    assert_eval(
        (&(op_case){.op = "Mod", .in = {GIVEN(x, 3), GIVEN(y, 3)}, .attr = {INT("fmod", 1)}}),
        -0.1F, 0.4F, 5);
    assert_eval((&(op_case){.op = "Mod", .in = {WHOLE(NT_I8, -128, 127), WHOLE(NT_I8, -1, 5)}}),
                0, 2);
    assert_refused((&(op_case){.op = "Mod", .in = {IN(2), IN(2)}}), "fmod is 0, want 1");
}

NT_TEST(gradients_go_through_remainders)
{
    const float b[] = {0.33F, -0.24F, 0.17F};

    check_op(&(op_case){
        .op = "Mod", .in = {IN(2, 3), GIVEN(b, 3)}, .attr = {INT("fmod", 1)}, .spaced = true});
}

NT_TEST(bits_are_shifted_out)
{
    const op_arg x = WHOLE(NT_U8, 1, 3, 128, 255), by = WHOLE(NT_U8, 1, 2, 1, 8);

    assert_eval(
        (&(op_case){.op = "BitShift", .in = {x, by}, .attr = {STR("direction", "LEFT")}}), 2,
        12, 0, 0);
    assert_eval(
        (&(op_case){.op = "BitShift", .in = {x, by}, .attr = {STR("direction", "RIGHT")}}), 0,
        0, 64, 0);
    assert_refused(
        (&(op_case){.op = "BitShift", .in = {x, by}, .attr = {STR("direction", "UP")}}),
        "direction 'UP'");
    assert_refused((&(op_case){.op = "BitShift",
                               .in = {I64(1), I64(1)},
                               .attr = {STR("direction", "LEFT")}}),
                   "want an unsigned type");
}

NT_TEST(bits_are_combined_one_by_one)
{
    const op_arg a = WHOLE(NT_I16, 12, -1), b = WHOLE(NT_I16, 10, 255);

    assert_eval((&(op_case){.op = "BitwiseAnd", .opset = 18, .in = {a, b}}), 8, 255);
    assert_eval((&(op_case){.op = "BitwiseOr", .opset = 18, .in = {a, b}}), 14, -1);
    assert_eval((&(op_case){.op = "BitwiseXor", .opset = 18, .in = {a, b}}), 6, -256);
    assert_eval((&(op_case){.op = "BitwiseNot", .opset = 18, .in = {a}}), -13, 0);
    assert_eval((&(op_case){.op = "BitwiseNot", .opset = 18, .in = {WHOLE(NT_U8, 12, 0)}}), 243,
                255);
    assert_refused((&(op_case){.op = "BitwiseNot", .opset = 18, .in = {IN(2)}}),
                   "want an integer type");
    assert_refused((&(op_case){.op = "BitwiseAnd", .opset = 17, .in = {a, b}}),
                   "is not supported");
}

NT_TEST(narrow_integers_wrap_around)
{
    const op_arg a = WHOLE(NT_U8, 200, 1), b = WHOLE(NT_U8, 100, 2);
    const op_arg c = WHOLE(NT_I8, 100, -128), d = WHOLE(NT_I8, 100, -1);

    assert_eval((&(op_case){.op = "Add", .in = {a, b}}), 44, 3);
    assert_eval((&(op_case){.op = "Sub", .in = {a, b}}), 100, 255);
    assert_eval((&(op_case){.op = "Mul", .in = {c, d}}), 16, -128);
    assert_eval((&(op_case){.op = "Div", .in = {c, d}}), 1, -128);
}

/* -1 written to a uint64 stays 2^64 - 1, whatever is compared with or divided by it. */
NT_TEST(the_upper_half_of_uint64_is_large)
{
    nt_tensor *ones = NULL, *y = NULL;
    const op_case c = {.op = "Less", .in = {WHOLE(NT_U64, 1), WHOLE(NT_U64, 2)}};
    const op_case d = {.op = "Div", .in = {WHOLE(NT_U64, 1), WHOLE(NT_U64, 2)}};
    nt_graph *g[] = {op_bound_graph(&c, true), op_bound_graph(&d, true)};
    const nt_tensor *in[2];

    assert_ok(nt_tensor_new(&ones, NT_U64, 1, (const int64_t[]){1}, e));
    nt_tensor_set_bits(ones, 0, UINT64_MAX);
    in[0] = ones;
    in[1] = g[0]->nodes[0]->in[1]->data;
    assert_ok(nt_tensor_new(&y, NT_BOOL, 1, (const int64_t[]){1}, e));
    assert_ok(g[0]->nodes[0]->op->eval(g[0]->nodes[0], in, &y, e));
    assert_int_equal(nt_tensor_get_i64(y, 0), 0);
    nt_tensor_free(y);
    assert_ok(nt_tensor_new(&y, NT_U64, 1, (const int64_t[]){1}, e));
    assert_ok(g[1]->nodes[0]->op->eval(g[1]->nodes[0], in, &y, e));
    assert_true(nt_tensor_get_bits(y, 0) == UINT64_MAX / 2);
    nt_tensor_free(y);
    nt_tensor_free(ones);
    nt_graph_free(g[0]);
    nt_graph_free(g[1]);
}

NT_TEST(bounds_and_signs_of_integers_are_exact)
{
    const int64_t big = ((int64_t)1 << 62) + 1;
    op_case c = {.op = "Clip", .in = {I64(big, -5, 3), {0}, {0}}};
    nt_tensor *y[OC_MAX] = {NULL};

    c.in[1] = c.in[2] = (op_arg){.kind = OC_CONST, .dtype = NT_I64};
    c.in[1].ints[0] = -4;
    c.in[2].ints[0] = big - 1;
    op_eval(&c, y);
    assert_true(nt_tensor_get_i64(y[0], 0) == big - 1);
    assert_true(nt_tensor_get_i64(y[0], 1) == -4);
    nt_tensor_free(y[0]);
    y[0] = NULL;
    op_eval(&(op_case){.op = "Neg", .in = {I64(big)}}, y);
    assert_true(nt_tensor_get_i64(y[0], 0) == -big);
    nt_tensor_free(y[0]);
    assert_eval((&(op_case){.op = "Abs", .in = {WHOLE(NT_I16, -300, 7)}}), 300, 7);
    assert_eval((&(op_case){.op = "Sign", .in = {WHOLE(NT_I8, -30, 0, 7)}}), -1, 0, 1);
    assert_eval((&(op_case){.op = "Max", .in = {WHOLE(NT_U16, 9, 2), WHOLE(NT_U16, 4)}}), 9, 4);
}

NT_TEST(powers_of_mixed_types_have_the_bases_type)
{
    const float half[] = {0.5F}, x[] = {4, 9};

    assert_eval((&(op_case){.op = "Pow", .in = {I64(4, 10), GIVEN(half, 1)}}), 2, 3);
    assert_eval((&(op_case){.op = "Pow", .in = {GIVEN(x, 2), I64(2)}}), 16, 81);
    assert_eval((&(op_case){.op = "Pow", .in = {WHOLE(NT_I32, 3), I64(4)}}), 81);
}

NT_TEST(casts_cut_fractions_off_and_drop_bits)
{
    const float x[] = {1.9F, -1.9F, 300, 0.4F};

    assert_eval((&(op_case){.op = "Cast", .in = {GIVEN(x, 4)}, .attr = {INT("to", NT_I8)}}), 1,
                -1, 127, 0);
    assert_eval((&(op_case){.op = "Cast", .in = {GIVEN(x, 4)}, .attr = {INT("to", NT_BOOL)}}),
                1, 1, 1, 1);
    assert_eval((&(op_case){.op = "Cast", .in = {I64(200, -1, 4)}, .attr = {INT("to", NT_I8)}}),
                -56, -1, 4);
    assert_eval(
        (&(op_case){.op = "Cast", .in = {I64(200, -1, 4)}, .attr = {INT("to", NT_U16)}}), 200,
        65535, 4);
    assert_refused(
        (&(op_case){.op = "Cast", .opset = 19, .in = {IN(1)}, .attr = {INT("to", 17)}}),
        "type float8e4m3fn (17) is not supported");
}

NT_TEST(castlike_takes_the_type_and_nothing_else_of_its_second_input)
{
    const float x[] = {1.9F, -1.9F};

    assert_eval((&(op_case){.op = "CastLike", .opset = 15, .in = {GIVEN(x, 2), I64(7, 7, 7)}}),
                1, -1);
    check_op(&(op_case){.op = "CastLike", .opset = 15, .in = {IN(2, 3), IN(4)}});
}

NT_TEST(half_precision_goes_through_casts_and_functions)
{
    const float x[] = {1, -2, 3, 0, 0, 0};
    const op_arg half = {.kind = OC_IN, .dtype = NT_F16, OC_DIMS(2, 3), .floats = x};
    static const char *const ops[] = {"Exp", "Relu", "Sigmoid", "Softmax", "Erf", "Abs"};

    check_op(&(op_case){
        .op = "Cast", .in = {half}, .attr = {INT("to", NT_F32)}, .inference_only = true});
    check_op(&(op_case){
        .op = "Cast", .in = {IN(2, 3)}, .attr = {INT("to", NT_BF16)}, .inference_only = true});
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        check_op(&(op_case){.op = ops[i], .in = {half}, .inference_only = true, .tol = 1e-3});
    check_op(&(op_case){.op = "Add", .in = {half, half}, .inference_only = true});
}

NT_TEST(predicates_know_nan_and_infinity)
{
    const float x[] = {1, NAN, INFINITY, -INFINITY};

    assert_eval((&(op_case){.op = "IsNaN", .in = {GIVEN(x, 4)}}), 0, 1, 0, 0);
    assert_eval((&(op_case){.op = "IsInf", .in = {GIVEN(x, 4)}}), 0, 0, 1, 1);
    assert_eval(
        (&(op_case){.op = "IsInf", .in = {GIVEN(x, 4)}, .attr = {INT("detect_negative", 0)}}),
        0, 0, 1, 0);
    assert_eval(
        (&(op_case){.op = "IsInf", .in = {GIVEN(x, 4)}, .attr = {INT("detect_positive", 0)}}),
        0, 0, 0, 1);
}

NT_TEST_MAIN
