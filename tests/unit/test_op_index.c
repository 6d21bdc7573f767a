/* SPDX-License-Identifier: MIT */
/* Gather, Cast, Expand, Shape and what generates tensors. */
#include "op_harness.h"

NT_TEST(gathers_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 6};

    assert_eval((&(op_case){.op = "Gather", .in = {GIVEN(x, 2, 3), I64(1, -2)}}), 4, 5, 6, 1, 2,
                3);
    assert_eval((&(op_case){.op = "Gather",
                            .in = {GIVEN(x, 2, 3), I64(2, 0, 2)},
                            .attr = {INT("axis", 1)}}),
                3, 1, 3, 6, 4, 6);
}

NT_TEST(gather_infers_and_refuses)
{
    const op_arg scalar = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {1}};

    assert_string_equal(
        op_shape(
            &(op_case){.op = "Gather", .in = {IN(-1, 3, 4), scalar}, .attr = {INT("axis", 1)}}),
        "[A,4]");
    assert_string_equal(
        op_shape(
            &(op_case){.op = "Gather", .in = {IN(-1, 3), I64(0, 1)}, .attr = {INT("axis", 1)}}),
        "[A,2]");
}

NT_TEST(gathers_run_and_train)
{
    check_op(&(op_case){
        .op = "Gather", .in = {IN(2, 4, 3), I64(3, 0, 3)}, .attr = {INT("axis", 1)}});
    check_op(&(op_case){.op = "Gather", .in = {CONST(5, 3), I64(3, 0, 3)}});
}

NT_TEST(gather_ties_the_indices_it_picks)
{
    op_coupled o = op_couple(
        &(op_case){.op = "Gather", .in = {IN(2, 4), I64(3, 0, -2)}, .attr = {INT("axis", 1)}});

    assert_tied(&o, "in0", 1, 3, "out0", 1, 0);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    op_coupled_release(&o);
}

NT_TEST(casts)
{
    const float x[] = {1.9F, -1.9F, 0, 300};

    assert_eval((&(op_case){.op = "Cast", .in = {GIVEN(x, 4)}, .attr = {INT("to", NT_I64)}}), 1,
                -1, 0, 300);
    assert_eval((&(op_case){.op = "Cast", .in = {GIVEN(x, 4)}, .attr = {INT("to", NT_BOOL)}}),
                1, 1, 0, 1);
    assert_eval((&(op_case){.op = "Cast", .in = {I64(3, -4)}, .attr = {INT("to", NT_F32)}}), 3,
                -4);
    check_op(&(op_case){.op = "Cast", .in = {IN(2, 3)}, .attr = {INT("to", NT_F32)}});
    assert_refused((&(op_case){.op = "Cast", .in = {IN(1)}, .attr = {INT("to", NT_STRING)}}),
                   "type str (8) is not supported");
}

NT_TEST(bits_are_kept_where_the_type_changes)
{
    static const float x[] = {1, -2.5F, 0}, bits[] = {1065353216, -1071644672, 0};
    op_case c = {
        .op = "BitCast", .opset = 26, .in = {GIVEN(x, 3)}, .attr = {INT("to", NT_I32)}};

    check_eval(&c, bits, 3);
    c.inference_only = true;
    check_op(&c);
    assert_eval(
        (&(op_case){.op = "BitCast",
                    .opset = 26,
                    .in = {{.kind = OC_IN, .dtype = NT_I2, OC_DIMS(4), .ints = {-2, -1, 0, 1}}},
                    .attr = {INT("to", NT_U2)}}),
        2, 3, 0, 1);
    c.attr[0].i = NT_F64;
    assert_refused(&c, "float32 has 32 bits, float64 has 64");
    c.attr[0].i = NT_STRING;
    assert_refused(&c, "type str (8) is not supported");
    c.opset = 25;
    assert_refused(&c, "operator 'BitCast' (opset 25) is not supported");
}

NT_TEST(expands)
{
    assert_string_equal(op_shape(&(op_case){.op = "Expand", .in = {IN(-1, 1, 4), I64(3, 1)}}),
                        "[A,3,4]");
    check_op(&(op_case){.op = "Expand", .in = {IN(3, 1), I64(2, 1, 4)}});
}

NT_TEST(shapes_and_sizes_do_not_look_at_the_data)
{
    assert_eval((&(op_case){.op = "Shape", .in = {CONST(2, 3, 4)}}), 2, 3, 4);
    assert_eval((&(op_case){.op = "Shape",
                            .opset = 15,
                            .in = {CONST(2, 3, 4)},
                            .attr = {INT("start", -2), INT("end", 9)}}),
                3, 4);
    assert_eval((&(op_case){.op = "Size", .in = {CONST(2, 3, 4)}}), 24);
}

NT_TEST(constants_of_a_shape_and_ranges)
{
    const op_arg three = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {3}};
    const op_arg ten = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {10}};
    const op_arg minus = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {-4}};

    assert_eval((&(op_case){.op = "ConstantOfShape", .in = {I64(2, 2)}}), 0, 0, 0, 0);
    assert_eval((&(op_case){.op = "Range", .in = {three, ten, three}}), 3, 6, 9);
    assert_eval((&(op_case){.op = "Range", .in = {ten, minus, minus}}), 10, 6, 2, -2);
}

NT_TEST_MAIN
