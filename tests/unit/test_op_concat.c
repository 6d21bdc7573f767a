/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(concat_and_split_by_hand)
{
    const float a[] = {1, 2, 3, 4}, b[] = {5, 6};

    assert_eval((&(op_case){.op = "Concat",
                            .in = {GIVEN(a, 2, 2), GIVEN(b, 2, 1)},
                            .attr = {INT("axis", 1)}}),
                1, 2, 5, 3, 4, 6);
    assert_eval((&(op_case){.op = "Split",
                            .opset = 11,
                            .in = {GIVEN(a, 2, 2)},
                            .n_out = 2,
                            .attr = {INT("axis", 1)}}),
                1, 3);
}

NT_TEST(concat_infers_and_refuses)
{
    assert_string_equal(op_shape(&(op_case){.op = "Concat",
                                            .in = {IN(-1, 3, 4), IN(-1, 5, 4)},
                                            .attr = {INT("axis", -2)}}),
                        "[A,8,4]");
    assert_refused(
        (&(op_case){.op = "Concat", .in = {IN(2, 3), IN(4, 3)}, .attr = {INT("axis", 1)}}),
        "extent 4 at axis 0, want 2");
    assert_refused((&(op_case){.op = "Concat", .in = {IN(2, 3)}}), "'axis' is missing");
}

NT_TEST(split_takes_sizes_as_each_opset_gives_them)
{
    assert_string_equal(op_shape(&(op_case){.op = "Split",
                                            .opset = 11,
                                            .in = {IN(-1, 6)},
                                            .n_out = 2,
                                            .attr = {INT("axis", 1), INTS("split", 2, 4)}}),
                        "[A,2]");
    assert_string_equal(
        op_shape(&(op_case){
            .op = "Split", .in = {IN(-1, 6), I64(1, 5)}, .n_out = 2, .attr = {INT("axis", 1)}}),
        "[A,1]");
    assert_string_equal(op_shape(&(op_case){.op = "Split",
                                            .opset = 18,
                                            .in = {IN(7)},
                                            .n_out = 3,
                                            .attr = {INT("num_outputs", 3)}}),
                        "[3]");
    assert_refused((&(op_case){.op = "Split", .in = {IN(6), I64(1, 4)}, .n_out = 2}),
                   "add up to 5, want 6");
    assert_refused((&(op_case){.op = "Split", .in = {IN(7)}, .n_out = 2}), "no 2 equal parts");
    assert_refused((&(op_case){.op = "Split", .in = {IN(6), I64(6)}, .n_out = 2}),
                   "1 sizes for 2 outputs");
}

NT_TEST(concats_run_and_train)
{
    check_op(&(op_case){.op = "Concat",
                        .in = {IN(2, 3, 2, 2), IN(2, 1, 2, 2), IN(2, 2, 2, 2)},
                        .attr = {INT("axis", 1)}});
    check_op(
        &(op_case){.op = "Concat", .in = {IN(2, 3), CONST(1, 3)}, .attr = {INT("axis", 0)}});
    check_op(
        &(op_case){.op = "Concat", .in = {IN(2, 2, 3), IN(2, 2, 4)}, .attr = {INT("axis", 2)}});
}

NT_TEST(splits_run_and_train)
{
    check_op(&(op_case){.op = "Split",
                        .in = {IN(2, 6, 2, 2), I64(1, 2, 3)},
                        .n_out = 3,
                        .attr = {INT("axis", 1)}});
    check_op(&(op_case){.op = "Split", .in = {IN(4, 3)}, .n_out = 2});
}

NT_TEST(slices_by_hand)
{
    const float x[] = {0, 1, 2, 3, 4, 5, 6, 7};

    assert_eval((&(op_case){.op = "Slice",
                            .in = {GIVEN(x, 2, 4), I64(1), I64(INT64_MAX), I64(1), I64(2)}}),
                1, 3, 5, 7);
    assert_eval((&(op_case){.op = "Slice",
                            .in = {GIVEN(x, 8), I64(-1), I64(INT64_MIN), I64(0), I64(-3)}}),
                7, 4, 1);
    assert_eval((&(op_case){.op = "Slice", .in = {GIVEN(x, 2, 4), I64(0, -2), I64(-1, 100)}}),
                2, 3);
    assert_eval((&(op_case){.op = "Slice",
                            .opset = 9,
                            .in = {GIVEN(x, 2, 4)},
                            .attr = {INTS("starts", 1), INTS("ends", 3), INTS("axes", 1)}}),
                1, 2, 5, 6);
}

NT_TEST(slices_infer_and_refuse)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "Slice", .in = {IN(-1, 8), I64(2), I64(-2), I64(1)}}),
        "[A,4]");
    assert_string_equal(op_shape(&(op_case){.op = "Slice", .in = {IN(4), I64(3), I64(1)}}),
                        "[0]");
    assert_refused((&(op_case){.op = "Slice", .in = {IN(4), I64(0), I64(4), I64(0), I64(0)}}),
                   "a step of 0");
    assert_refused((&(op_case){.op = "Slice", .in = {IN(4), I64(0), I64(4), I64(1)}}),
                   "axis 1 is outside");
    assert_refused((&(op_case){.op = "Slice", .in = {IN(4), I64(0, 1), I64(4)}}), "1 ends");
}

NT_TEST(slices_run_and_train)
{
    check_op(&(op_case){.op = "Slice", .in = {IN(2, 6, 2, 2), I64(2), I64(5), I64(1)}});
    check_op(&(op_case){.op = "Slice",
                        .in = {IN(2, 6), I64(5, 1), I64(-100, 0), I64(1, 0), I64(-2, -1)}});
    check_op(&(op_case){.op = "Slice", .in = {IN(3, 6), I64(1, 2), I64(3, 5)}});
}

NT_TEST(concat_and_split_tie_shifted_indices)
{
    op_coupled o = op_couple(
        &(op_case){.op = "Concat", .in = {IN(2, 3, 4), IN(2, 5, 4)}, .attr = {INT("axis", 1)}});

    assert_tied(&o, "in1", 1, 0, "out0", 1, 3);
    op_coupled_release(&o);
    o = op_couple(&(op_case){
        .op = "Split", .in = {IN(2, 6), I64(2, 4)}, .n_out = 2, .attr = {INT("axis", 1)}});
    assert_tied(&o, "in0", 1, 4, "out1", 1, 2);
    op_coupled_release(&o);
    o = op_couple(&(op_case){.op = "Slice", .in = {IN(2, 6), I64(2), I64(5), I64(1)}});
    assert_tied(&o, "in0", 1, 4, "out0", 1, 2);
    op_coupled_release(&o);
}

NT_TEST_MAIN
