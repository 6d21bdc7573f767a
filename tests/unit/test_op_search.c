/* SPDX-License-Identifier: MIT */
/* ArgMax, ArgMin, TopK, CumSum, CumProd. */
#include "op_harness.h"

NT_TEST(argmax_by_hand)
{
    const float x[] = {2, 2, 1, 3, 10, 10}, nan_x[] = {1, NAN, 3, NAN};

    assert_eval((&(op_case){.op = "ArgMax", .in = {GIVEN(x, 2, 3)}}), 1, 1, 1);
    assert_eval((&(op_case){.op = "ArgMax", .in = {GIVEN(x, 2, 3)}, .attr = {INT("axis", -1)}}),
                0, 1);
    assert_eval((&(op_case){.op = "ArgMax",
                            .in = {GIVEN(x, 2, 3)},
                            .attr = {INT("axis", 1), INT("select_last_index", 1)}}),
                1, 2);
    assert_eval((&(op_case){.op = "ArgMin", .in = {GIVEN(x, 2, 3)}, .attr = {INT("axis", 1)}}),
                2, 0);
    assert_eval((&(op_case){.op = "ArgMin", .in = {I64(4, -7, 9, -7)}}), 1);
    assert_eval((&(op_case){.op = "ArgMin",
                            .in = {I64(4, -7, 9, -7)},
                            .attr = {INT("select_last_index", 1)}}),
                3);
    assert_eval((&(op_case){.op = "ArgMax", .in = {GIVEN(nan_x, 4)}}), 1);
    assert_eval((&(op_case){.op = "ArgMin", .in = {GIVEN(nan_x, 4)}}), 1);
}

NT_TEST(argmax_runs_and_infers)
{
    op_case c = {.op = "ArgMax", .in = {IN(2, 3, 70)}, .attr = {INT("axis", 1)}};

    c.inference_only = true;
    check_op(&c);
    c.attr[0].i = 2;
    check_op(&c);
    assert_string_equal(op_shape(&(op_case){.op = "ArgMin",
                                            .in = {IN(-1, 3, 4)},
                                            .attr = {INT("axis", 1), INT("keepdims", 0)}}),
                        "[A,4]");
    assert_refused((&(op_case){.op = "ArgMax", .in = {IN(2)}, .attr = {INT("axis", 1)}}),
                   "axis 1 is outside");
    assert_refused(
        (&(op_case){
            .op = "ArgMax", .opset = 11, .in = {IN(2)}, .attr = {INT("select_last_index", 1)}}),
        "attribute 'select_last_index' is not known");
}

NT_TEST(argmax_needs_its_axis_whole)
{
    op_coupled o = op_couple(&(op_case){
        .op = "ArgMax", .in = {IN(2, 3, 4)}, .attr = {INT("axis", 1), INT("keepdims", 0)}});

    assert_tied(&o, "in0", 2, 3, "out0", 1, 3);
    assert_non_null(strstr(op_frozen(&o, "in0", 1), "needs this axis whole"));
    op_coupled_release(&o);
}

static void assert_places(const op_case *c, const int64_t *want)
{
    nt_tensor *out[OC_MAX] = {NULL};

    op_eval(c, out);
    for (int64_t i = 0; i < nt_tensor_count(out[1]); i++)
        assert_int_equal(nt_tensor_get_i64(out[1], i), want[i]);
    nt_tensor_free(out[0]);
    nt_tensor_free(out[1]);
}

NT_TEST(topk_takes_the_earlier_of_equals)
{
    const float x[] = {1, 5, 5, 2, 0, 7};
    op_case c = {.op = "TopK", .in = {GIVEN(x, 2, 3), I64(2)}, .n_out = 2};

    assert_eval(&c, 5, 5, 7, 2);
    assert_places(&c, (const int64_t[]){1, 2, 2, 0});
    c.attr[0] = (op_attr)INT("largest", 0);
    assert_eval(&c, 1, 5, 0, 2);
    assert_places(&c, (const int64_t[]){0, 1, 1, 0});
    c.attr[1] = (op_attr)INT("axis", 0);
    assert_eval(&c, 1, 0, 5, 2, 5, 7);
}

/* As torch.topk: before all numbers among the largest, behind them among the smallest. */
NT_TEST(topk_takes_nan_for_the_greatest)
{
    const float x[] = {3, NAN, INFINITY, 1, NAN, -INFINITY};
    op_case c = {.op = "TopK", .in = {GIVEN(x, 6), I64(6)}, .n_out = 2};

    assert_places(&c, (const int64_t[]){1, 4, 2, 0, 3, 5});
    c.attr[0] = (op_attr)INT("largest", 0);
    assert_places(&c, (const int64_t[]){5, 3, 0, 2, 1, 4});
}

NT_TEST(topk_tells_large_integers_apart)
{
    const int64_t big = INT64_C(1) << 60;
    op_case c = {.op = "TopK", .in = {I64(big, big + 1, big - 1), I64(2)}, .n_out = 2};

    assert_places(&c, (const int64_t[]){1, 0});
    c.attr[0] = (op_attr)INT("largest", 0);
    assert_places(&c, (const int64_t[]){2, 0});
}

NT_TEST(topk_runs_and_trains)
{
    op_case c = {.op = "TopK", .in = {IN(3, 5, 2), I64(2)}, .n_out = 2, .spaced = true};

    c.attr[0] = (op_attr)INT("axis", 1);
    check_op(&c);
    check_op(&(op_case){.op = "TopK",
                        .opset = 9,
                        .in = {IN(3, 5)},
                        .attr = {INT("k", 4)},
                        .n_out = 2,
                        .spaced = true});
    check_op(&(op_case){
        .op = "TopK", .opset = 10, .in = {IN(3, 5), I64(5)}, .n_out = 2, .spaced = true});
    check_op(&(op_case){.op = "TopK",
                        .opset = 24,
                        .in = {IN(3, 5), I64(1)},
                        .attr = {INT("sorted", 0)},
                        .n_out = 2,
                        .spaced = true});
}

NT_TEST(topk_infers_and_refuses)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "TopK", .in = {IN(-1, 6), I64(4)}, .n_out = 2}), "[A,4]");
    assert_refused((&(op_case){.op = "TopK", .in = {IN(2, 3), I64(4)}, .n_out = 2}),
                   "k is 4 along an axis of 3");
    assert_refused((&(op_case){.op = "TopK", .in = {IN(2, 3), I64(1, 2)}, .n_out = 2}),
                   "k has 2 elements");
}

NT_TEST(cumsum_by_hand)
{
    const float x[] = {1, 2, 3, 4};
    op_case c = {.op = "CumSum", .in = {GIVEN(x, 4), I64(0)}};

    assert_eval(&c, 1, 3, 6, 10);
    c.attr[0] = (op_attr)INT("exclusive", 1);
    assert_eval(&c, 0, 1, 3, 6);
    c.attr[1] = (op_attr)INT("reverse", 1);
    assert_eval(&c, 9, 7, 4, 0);
    c.attr[0].i = 0;
    assert_eval(&c, 10, 9, 7, 4);
    assert_eval((&(op_case){.op = "CumSum", .in = {I64(1, 2, 3), I64(-1)}}), 1, 3, 6);
}

NT_TEST(cumprod_by_hand)
{
    const float x[] = {1, 2, 3, 4};
    op_case c = {.op = "CumProd", .opset = 26, .in = {GIVEN(x, 4), I64(0)}};

    assert_eval(&c, 1, 2, 6, 24);
    c.attr[0] = (op_attr)INT("exclusive", 1);
    assert_eval(&c, 1, 1, 2, 6);
    c.attr[1] = (op_attr)INT("reverse", 1);
    assert_eval(&c, 24, 12, 4, 1);
    c.attr[0].i = 0;
    assert_eval(&c, 24, 24, 12, 4);
    assert_eval((&(op_case){.op = "CumProd", .opset = 26, .in = {I64(2, -3, 4), I64(-1)}}), 2,
                -6, -24);
    assert_refused((&(op_case){.op = "CumProd", .opset = 25, .in = {IN(4), I64(0)}}),
                   "operator 'CumProd' (opset 25) is not supported");
}

NT_TEST(cumprod_runs_and_trains_with_a_zero_too)
{
    static const float x[] = {1, -2, 0.5F, 3, 0, 1.5F, 2, -1};

    for (int64_t i = 0; i < 4; i++)
        check_op(&(op_case){.op = "CumProd",
                            .opset = 26,
                            .in = {GIVEN(x, 2, 4), I64(1)},
                            .attr = {INT("exclusive", i & 1), INT("reverse", i >> 1)}});
}

NT_TEST(cumsum_runs_and_trains)
{
    for (int64_t i = 0; i < 4; i++)
        check_op(&(op_case){.op = "CumSum",
                            .in = {IN(2, 3, 4), I64(i - 2)},
                            .attr = {INT("exclusive", i & 1), INT("reverse", i >> 1)}});
    assert_refused((&(op_case){.op = "CumSum", .in = {IN(2, 3), I64(2)}}), "axis 2 is outside");
}

NT_TEST_MAIN
