/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(reductions_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 9};

    assert_eval(
        (&(op_case){.op = "ReduceMean", .in = {GIVEN(x, 2, 3)}, .attr = {INTS("axes", 1)}}), 2,
        6);
    assert_eval(
        (&(op_case){.op = "ReduceMax", .in = {GIVEN(x, 2, 3)}, .attr = {INTS("axes", 0)}}), 4,
        5, 9);
    assert_eval((&(op_case){.op = "ReduceMin", .in = {GIVEN(x, 2, 3)}}), 1);
    assert_eval((&(op_case){.op = "ReduceSum", .in = {GIVEN(x, 2, 3), I64(-2)}}), 5, 7, 12);
    assert_eval((&(op_case){.op = "ReduceMax", .in = {I64(3, 7, 5)}}), 7);
}

NT_TEST(reductions_infer)
{
    assert_string_equal(
        op_shape(
            &(op_case){.op = "ReduceMean", .in = {IN(-1, 3, 4)}, .attr = {INTS("axes", -1)}}),
        "[A,3,1]");
    assert_string_equal(op_shape(&(op_case){.op = "ReduceMean",
                                            .opset = 18,
                                            .in = {IN(-1, 3, 4), I64(1, 2)},
                                            .attr = {INT("keepdims", 0)}}),
                        "[A]");
    assert_string_equal(op_shape(&(op_case){.op = "ReduceSum",
                                            .in = {IN(-1, 3)},
                                            .attr = {INT("noop_with_empty_axes", 1)}}),
                        "[A,3]");
    assert_refused((&(op_case){.op = "ReduceSum", .in = {IN(3)}, .attr = {INTS("axes", 0)}}),
                   "attribute 'axes' is not known");
}

NT_TEST(sums_and_means_run_and_train)
{
    check_op(&(op_case){.op = "ReduceSum", .in = {IN(2, 3, 4), I64(0, 2)}});
    check_op(&(op_case){.op = "ReduceMean", .in = {IN(2, 3, 4)}, .attr = {INTS("axes", 2)}});
    check_op(
        &(op_case){.op = "ReduceMean", .in = {IN(2, 3, 4, 5)}, .attr = {INTS("axes", 2, 3)}});
    check_op(&(op_case){.op = "ReduceMean",
                        .in = {IN(2, 3, 4, 5)},
                        .attr = {INTS("axes", -1, -2), INT("keepdims", 0)}});
}

NT_TEST(maxima_run_and_train)
{
    check_op(&(op_case){
        .op = "ReduceMax", .in = {IN(2, 3, 4)}, .attr = {INTS("axes", 1)}, .spaced = true});
    check_op(&(op_case){.op = "ReduceMin",
                        .in = {IN(2, 3, 4)},
                        .attr = {INTS("axes", 0, 2), INT("keepdims", 0)},
                        .spaced = true});
}

NT_TEST(a_reduced_axis_is_needed_whole)
{
    op_coupled o = op_couple(&(op_case){.op = "ReduceMean",
                                        .in = {IN(2, 3, 4)},
                                        .attr = {INTS("axes", 1), INT("keepdims", 0)}});

    assert_tied(&o, "in0", 2, 3, "out0", 1, 3);
    assert_non_null(strstr(op_frozen(&o, "in0", 1), "needs this axis whole"));
    op_coupled_release(&o);
}

NT_TEST_MAIN
