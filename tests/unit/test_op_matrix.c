/* SPDX-License-Identifier: MIT */
/* Det, Trilu, EyeLike. */
#include "op_harness.h"

NT_TEST(det_by_hand)
{
    const float x[] = {1, 2, 3, 4, 0, 2, 3, 0}, swap[] = {0, 1, 0, 1, 0, 0, 0, 0, 1};

    assert_eval((&(op_case){.op = "Det", .in = {GIVEN(x, 2, 2, 2)}}), -2, -6);
    assert_eval((&(op_case){.op = "Det", .in = {GIVEN(swap, 3, 3)}}), -1);
}

NT_TEST(det_runs_and_trains)
{
    const float singular[] = {1, 2, 3, 2, 4, 6, 0.5F, 1, -1};

    check_op(&(op_case){.op = "Det", .in = {IN(2, 3, 4, 4)}});
    check_op(&(op_case){.op = "Det", .opset = 22, .in = {IN(1, 1)}});
    check_op(&(op_case){.op = "Det", .in = {GIVEN(singular, 3, 3)}});
    assert_refused((&(op_case){.op = "Det", .in = {IN(2, 3)}}), "not square");
    assert_refused((&(op_case){.op = "Det", .in = {IN(3)}}), "1 dimensions, want at least 2");
}

NT_TEST(trilu_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 6};
    op_case c = {.op = "Trilu", .opset = 14, .in = {GIVEN(x, 2, 3)}};

    assert_eval(&c, 1, 2, 3, 0, 5, 6);
    c.attr[0] = (op_attr)INT("upper", 0);
    assert_eval(&c, 1, 0, 0, 4, 5, 0);
    c.in[1] = (op_arg)I64(1);
    assert_eval(&c, 1, 2, 0, 4, 5, 6);
    c.in[1] = (op_arg)I64(-1);
    assert_eval(&c, 0, 0, 0, 4, 0, 0);
    c.in[1] = (op_arg)I64(INT64_MIN);
    assert_eval(&c, 0, 0, 0, 0, 0, 0);
    c.attr[0].i = 1;
    assert_eval(&c, 1, 2, 3, 4, 5, 6);
    c.in[1] = (op_arg)I64(2);
    assert_eval(&c, 0, 0, 3, 0, 0, 0);
    c.in[1] = (op_arg)I64(INT64_MAX);
    assert_eval(&c, 0, 0, 0, 0, 0, 0);
}

NT_TEST(trilu_runs_trains_and_couples)
{
    op_case c = {.op = "Trilu", .opset = 14, .in = {IN(2, 3, 4, 5), I64(-1)}};
    op_coupled o;

    check_op(&c);
    c.attr[0] = (op_attr)INT("upper", 0);
    check_op(&c);
    o = op_couple(&c);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    assert_non_null(strstr(op_frozen(&o, "in0", 3), "needs this axis whole"));
    op_coupled_release(&o);
    assert_refused((&(op_case){.op = "Trilu", .opset = 14, .in = {IN(3)}}), "1 dimensions");
}

NT_TEST(eyelike_by_hand)
{
    op_case c = {.op = "EyeLike", .in = {IN(2, 3)}, .attr = {INT("k", 1)}};

    assert_eval(&c, 0, 1, 0, 0, 0, 1);
    c.attr[0].i = -1;
    assert_eval(&c, 0, 0, 0, 1, 0, 0);
    c.attr[0].i = INT64_MIN;
    assert_eval(&c, 0, 0, 0, 0, 0, 0);
    c.attr[1] = (op_attr)INT("dtype", NT_I64);
    c.inference_only = true;
    check_op(&c);
    assert_refused(
        (&(op_case){.op = "EyeLike", .in = {IN(2, 3)}, .attr = {INT("dtype", NT_STRING)}}),
        "dtype 8 is not supported");
    assert_refused((&(op_case){.op = "EyeLike", .in = {IN(3)}}), "1 dimensions, want 2");
}

NT_TEST_MAIN
