/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(reshape_infers_what_it_can_through_symbols)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "Reshape", .in = {IN(-1, 8, 2, 2), I64(0, -1)}}), "[A,32]");
    assert_string_equal(
        op_shape(&(op_case){.op = "Reshape", .in = {IN(-1, 8, 1, 1), I64(-1, 8)}}), "[A,8]");
    assert_string_equal(
        op_shape(&(op_case){.op = "Reshape", .in = {IN(-1, 8, 2), I64(0, 2, 4, -1)}}),
        "[A,2,4,2]");
    assert_string_equal(op_shape(&(op_case){.op = "Reshape", .in = {IN(-1, 8), I64(-1, 2)}}),
                        "[?,2]");
    assert_string_equal(op_shape(&(op_case){.op = "Reshape",
                                            .opset = 14,
                                            .in = {IN(0, 3), I64(3, 0)},
                                            .attr = {INT("allowzero", 1)}}),
                        "[3,0]");
}

NT_TEST(reshape_refuses_what_does_not_fill)
{
    assert_refused((&(op_case){.op = "Reshape", .in = {IN(2, 3), I64(4, -1)}}), "rows of 4");
    assert_refused((&(op_case){.op = "Reshape", .in = {IN(2, 3), I64(7)}}), "do not fill");
    assert_refused((&(op_case){.op = "Reshape", .in = {IN(2, 3), I64(-1, -1)}}), "twice");
    assert_refused((&(op_case){.op = "Reshape", .in = {IN(2, 3), I64(-2, 3)}}), "extent of -2");
    assert_refused((&(op_case){.op = "Reshape", .in = {IN(2), I64(2, 0)}}), "extent 1 is 0");
}

NT_TEST(flatten_squeeze_and_unsqueeze_infer)
{
    assert_string_equal(op_shape(&(op_case){.op = "Flatten", .in = {IN(-1, 8, 2, 2)}}),
                        "[A,32]");
    assert_string_equal(
        op_shape(&(op_case){.op = "Flatten", .in = {IN(2, 3, 4)}, .attr = {INT("axis", -1)}}),
        "[6,4]");
    assert_string_equal(
        op_shape(&(op_case){.op = "Flatten", .in = {IN(2, 3, 4)}, .attr = {INT("axis", 0)}}),
        "[1,24]");
    assert_string_equal(
        op_shape(&(op_case){.op = "Squeeze", .in = {IN(-1, 8, 1, 1), I64(-1, 2)}}), "[A,8]");
    assert_string_equal(op_shape(&(op_case){.op = "Squeeze", .in = {IN(1, 8, 1)}}), "[8]");
    assert_string_equal(
        op_shape(&(op_case){
            .op = "Squeeze", .opset = 11, .in = {IN(-1, 8, 1)}, .attr = {INTS("axes", 2)}}),
        "[A,8]");
    assert_string_equal(op_shape(&(op_case){.op = "Unsqueeze", .in = {IN(-1, 8), I64(-1, 1)}}),
                        "[A,1,8,1]");
    assert_refused((&(op_case){.op = "Squeeze", .in = {IN(2, 8), I64(0)}}), "extent 2, want 1");
    assert_refused((&(op_case){.op = "Unsqueeze", .in = {IN(2), I64(0, 0)}}), "named twice");
}

NT_TEST(views_run_and_train)
{
    check_op(&(op_case){.op = "Reshape", .in = {IN(2, 6, 2), I64(0, 2, 3, -1)}});
    check_op(&(op_case){.op = "Flatten", .in = {IN(2, 3, 2, 2)}});
    check_op(&(op_case){.op = "Squeeze", .in = {IN(2, 3, 1, 1), I64(2, 3)}});
    check_op(&(op_case){.op = "Unsqueeze", .in = {IN(2, 3), I64(1)}});
    check_op(&(op_case){.op = "Identity", .in = {IN(2, 3)}});
}

NT_TEST(transpose_by_hand_and_in_plans)
{
    const float x[] = {1, 2, 3, 4, 5, 6};

    assert_eval((&(op_case){.op = "Transpose", .in = {GIVEN(x, 2, 3)}}), 1, 4, 2, 5, 3, 6);
    assert_string_equal(op_shape(&(op_case){.op = "Transpose",
                                            .in = {IN(-1, 3, 4, 5)},
                                            .attr = {INTS("perm", 0, 2, 3, 1)}}),
                        "[A,4,5,3]");
    check_op(&(op_case){
        .op = "Transpose", .in = {IN(2, 3, 4, 2)}, .attr = {INTS("perm", 0, 3, 1, 2)}});
    check_op(&(op_case){
        .op = "Transpose", .in = {IN(2, 3, 4, 2)}, .attr = {INTS("perm", 0, 2, 3, 1)}});
    check_op(
        &(op_case){.op = "Transpose", .in = {IN(2, 3, 4)}, .attr = {INTS("perm", 0, 2, 1)}});
    check_op(&(op_case){
        .op = "Transpose", .in = {IN(2, 3, 4, 2, 2)}, .attr = {INTS("perm", 2, 0, 3, 1, 4)}});
    check_op(&(op_case){
        .op = "Transpose", .in = {IN(2, 3, 2, 2, 2)}, .attr = {INTS("perm", 0, 2, 3, 4, 1)}});
    check_op(&(op_case){
        .op = "Transpose", .in = {IN(2, 3, 1, 1)}, .attr = {INTS("perm", 0, 2, 3, 1)}});
    assert_refused(
        (&(op_case){.op = "Transpose", .in = {IN(2, 3)}, .attr = {INTS("perm", 0, 0)}}),
        "no permutation");
    assert_refused((&(op_case){.op = "Transpose", .in = {IN(2, 3)}, .attr = {INTS("perm", 0)}}),
                   "perm has 1 entries");
}

NT_TEST_MAIN
