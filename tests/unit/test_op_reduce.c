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

NT_TEST(norms_logarithms_and_products_by_hand)
{
    const float x[] = {1, -2, 2, 4}, big[] = {1000, 1000};

    assert_eval((&(op_case){.op = "ReduceL1", .in = {GIVEN(x, 4)}}), 9);
    assert_eval((&(op_case){.op = "ReduceL2", .in = {GIVEN(x, 4)}}), 5);
    assert_eval((&(op_case){.op = "ReduceSumSquare", .in = {GIVEN(x, 4)}}), 25);
    assert_eval((&(op_case){.op = "ReduceProd", .in = {GIVEN(x, 4)}}), -16);
    assert_eval((&(op_case){.op = "ReduceLogSum", .in = {GIVEN(x, 4)}}), 1.6094379F);
    assert_eval((&(op_case){.op = "ReduceLogSumExp", .in = {GIVEN(big, 2)}}), 1000.6931F);
    assert_eval((&(op_case){.op = "ReduceL2",
                            .opset = 18,
                            .in = {GIVEN(x, 4)},
                            .attr = {INT("noop_with_empty_axes", 1)}}),
                1, 2, 2, 4);
}

NT_TEST(integers_are_reduced_exactly)
{
    const int64_t big = (INT64_C(1) << 53) + 1;

    assert_eval((&(op_case){.op = "ReduceMean", .in = {I64(-3, -4)}}), -3);
    assert_eval((&(op_case){.op = "ReduceL1", .in = {I64(-3, 4)}}), 7);
    assert_eval((&(op_case){.op = "ReduceProd", .in = {I64(-3, 4)}}), -12);
    assert_eval((&(op_case){.op = "ReduceSum", .in = {I64(big, -big, 1)}}), 1);
    assert_eval((&(op_case){.op = "ReduceMin", .in = {I64(3, -4)}}), -4);
}

static op_case of_type(const char *op, nt_dtype t, op_arg arg)
{
    op_case c = {.op = op, .opset = 20, .in = {arg}, .attr = {INT("keepdims", 0)}};

    c.in[0].dtype = t;
    return c;
}

NT_TEST(maxima_of_bools)
{
    op_case any = of_type("ReduceMax", NT_BOOL, (op_arg)I64(0, 1, 0));
    op_case all = of_type("ReduceMin", NT_BOOL, (op_arg)I64(0, 1, 0));
    op_case sum = of_type("ReduceSum", NT_BOOL, (op_arg)I64(0, 1, 0));

    assert_eval(&any, 1);
    assert_eval(&all, 0);
    assert_refused(&sum, "input has type bool");
}

NT_TEST(nothing_is_reduced_to_what_the_operator_starts_from)
{
    op_arg none = IN(2, 0, 2);
    op_case c = {.opset = 20, .in = {none, I64(1, 2)}};

    c.op = "ReduceSum", assert_eval(&c, 0, 0);
    c.op = "ReduceProd", assert_eval(&c, 1, 1);
    c.op = "ReduceL2", assert_eval(&c, 0, 0);
    c.in[0].dtype = NT_I32;
    c.op = "ReduceMax", assert_eval(&c, -2147483648.0F, -2147483648.0F);
    c.op = "ReduceMin", assert_eval(&c, 2147483647.0F, 2147483647.0F);
    c.in[0].dtype = NT_BOOL;
    c.op = "ReduceMin", assert_eval(&c, 1, 1);
}

NT_TEST(all_reductions_run_and_train)
{
    static const char *const names[] = {
        "ReduceL1",   "ReduceL2",  "ReduceLogSum", "ReduceMax", "ReduceLogSumExp",
        "ReduceMean", "ReduceMin", "ReduceProd",   "ReduceSum", "ReduceSumSquare"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool log_sum = !strcmp(names[i], "ReduceLogSum");
        op_case c = {.op = names[i], .opset = 18, .spaced = !log_sum};

        c.in[0] = log_sum ? (op_arg)POSITIVE_IN(2, 3, 5) : (op_arg)IN(2, 3, 5);
        for (int64_t axis = -1; axis < 2; axis++) {
            c.in[1] = (op_arg)I64(axis);
            check_op(&c);
        }
        c.in[1] = (op_arg)I64(0, 2);
        c.attr[0] = (op_attr)INT("keepdims", 0);
        check_op(&c);
    }
}

NT_TEST(long_rows_and_strips_leave_nothing_out)
{
    static float x[2 * 37 * 41];
    op_case c = {.op = "ReduceSum", .in = {GIVEN(x, 2 * 37 * 41)}};

    for (int i = 0; i < 2 * 37 * 41; i++)
        x[i] = (float)(i % 41);
    assert_eval(&c, 2 * 37 * 820);
    c.in[0] = (op_arg)GIVEN(x, 2, 37 * 41);
    c.in[1] = (op_arg)I64(1);
    assert_eval(&c, 37 * 820, 37 * 820);
    c.in[0] = (op_arg)GIVEN(x, 2, 37, 41);
    c.in[1] = (op_arg)I64(0, 2);
    c.op = "ReduceMax", c.opset = 18;
    for (int i = 0; i < 37; i++)
        x[41 * i] = (float)(50 + i);
    assert_eval(&c, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68,
                69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86);
    c.in[1] = (op_arg)I64(0, 1);
    c.op = "ReduceSumSquare";
    for (int i = 0; i < 2 * 37 * 41; i++)
        x[i] = (float)(i % 41 - 20);
    c.in[1] = (op_arg)I64(0, 1, 2);
    assert_eval(&c, 2 * 37 * 5740);
}

NT_TEST(a_product_with_zeros_trains)
{
    const float x[] = {2, 0, 3, 0, 5, 0};

    check_op(&(op_case){.op = "ReduceProd", .in = {GIVEN(x, 2, 3)}, .attr = {INTS("axes", 1)}});
}

NT_TEST(whole_planes_are_pooled)
{
    op_case c = {.op = "ReduceSum", .in = {IN(2, 3, 4, 5), I64(2, 3)}};

    check_op(&c);
    c.attr[0] = (op_attr)INT("keepdims", 0);
    check_op(&c);
    check_op(&(op_case){.op = "ReduceMax",
                        .in = {IN(2, 3, 4, 5)},
                        .attr = {INTS("axes", 2, 3)},
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
