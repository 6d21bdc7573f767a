/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(softmax_by_hand)
{
    const float x[] = {0, 0, 1, 1}, big[] = {1000, 1000};

    assert_eval((&(op_case){.op = "Softmax", .in = {GIVEN(x, 2, 2)}}), 0.5F, 0.5F, 0.5F, 0.5F);
    assert_eval((&(op_case){.op = "Softmax", .in = {GIVEN(big, 2)}}), 0.5F, 0.5F);
    assert_eval((&(op_case){.op = "LogSoftmax", .in = {GIVEN(big, 2)}}), -0.6931472F,
                -0.6931472F);
}

NT_TEST(hardmax_marks_the_first_largest)
{
    const float x[] = {1, 3, 3, 4, 0, 2};

    assert_eval((&(op_case){.op = "Hardmax", .in = {GIVEN(x, 2, 3)}}), 0, 1, 0, 1, 0, 0);
    assert_eval((&(op_case){.op = "Hardmax", .in = {GIVEN(x, 2, 3)}, .attr = {INT("axis", 0)}}),
                0, 1, 1, 1, 0, 0);
    assert_eval((&(op_case){.op = "Hardmax", .opset = 11, .in = {GIVEN(x, 1, 2, 3)}}), 0, 0, 0,
                1, 0, 0);
    check_op(&(op_case){.op = "Hardmax", .in = {IN(2, 3, 4)}, .inference_only = true});
}

NT_TEST(softmax_before_opset_13_takes_all_axes_from_the_given_one_on)
{
    const float x[] = {0, 0, 0, 0};

    assert_eval((&(op_case){.op = "Softmax", .opset = 12, .in = {GIVEN(x, 1, 2, 2)}}), 0.25F,
                0.25F, 0.25F, 0.25F);
    assert_eval((&(op_case){.op = "Softmax", .opset = 13, .in = {GIVEN(x, 1, 2, 2)}}), 0.5F,
                0.5F, 0.5F, 0.5F);
}

NT_TEST(softmax_refuses_an_axis_that_is_not_there)
{
    assert_refused((&(op_case){.op = "Softmax", .in = {IN(2, 3)}, .attr = {INT("axis", 2)}}),
                   "axis 2 is outside");
}

NT_TEST(softmax_along_every_axis)
{
    for (int64_t axis = -3; axis < 3; axis++) {
        check_op(&(op_case){.op = "Softmax", .in = {IN(3, 4, 5)}, .attr = {INT("axis", axis)}});
        check_op(
            &(op_case){.op = "LogSoftmax", .in = {IN(3, 4, 5)}, .attr = {INT("axis", axis)}});
    }
    check_op(&(op_case){.op = "Softmax", .opset = 11, .in = {IN(2, 3, 2, 2)}});
    check_op(&(op_case){
        .op = "LogSoftmax", .opset = 11, .in = {IN(2, 3, 4)}, .attr = {INT("axis", 2)}});
}

NT_TEST(softmax_freezes_its_axis_and_ties_the_others)
{
    op_coupled o =
        op_couple(&(op_case){.op = "Softmax", .in = {IN(1, 3, 4)}, .attr = {INT("axis", 2)}});

    assert_non_null(strstr(op_frozen(&o, "in0", 2), "is summed over this axis"));
    for (int64_t c = 0; c < 3; c++)
        assert_tied(&o, "in0", 1, c, "out0", 1, c);
    op_coupled_release(&o);
}

NT_TEST_MAIN
