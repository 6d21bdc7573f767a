/* SPDX-License-Identifier: MIT */
/* LayerNormalization, RMSNormalization, GroupNormalization, InstanceNormalization, LRN,
 * LpNormalization, MeanVarianceNormalization. */
#include "op_harness.h"

NT_TEST(layernorm_by_hand)
{
    const float x[] = {1, 3, 2, 6}, scale[] = {2, 3}, shift[] = {0, 1};
    op_case c = {.op = "LayerNormalization",
                 .opset = 17,
                 .in = {GIVEN(x, 2, 2), GIVEN(scale, 2), GIVEN(shift, 2)},
                 .attr = {FLOAT("epsilon", 0)}};

    assert_eval(&c, -2, 4, -2, 4);
    c.attr[0].f = 3; /* inside the root: 1 / sqrt(1 + 3) */
    assert_eval((&(op_case){.op = "LayerNormalization",
                            .opset = 17,
                            .in = {GIVEN(x, 1, 2), GIVEN(scale, 2)},
                            .attr = {FLOAT("epsilon", 3)}}),
                -1, 1.5F);
}

NT_TEST(rmsnorm_by_hand)
{
    const float x[] = {1, 7}, scale[] = {2, 3};

    assert_eval((&(op_case){.op = "RMSNormalization",
                            .opset = 23,
                            .in = {GIVEN(x, 1, 2), GIVEN(scale, 2)},
                            .attr = {FLOAT("epsilon", 0)}}),
                0.4F, 4.2F);
}

NT_TEST(layernorm_runs_and_trains)
{
    op_case c = {.op = "LayerNormalization",
                 .opset = 17,
                 .in = {IN(3, 4, 6), CONST(6), CONST(6)},
                 .attr = {FLOAT("epsilon", 1e-2F)}};

    check_op(&c);
    c.in[2] = (op_arg){0};
    check_op(&c);
    c.op = "RMSNormalization", c.opset = 23;
    check_op(&c);
    c.attr[1] = (op_attr)INT("axis", 1);
    c.in[1] = (op_arg)CONST(4, 6);
    check_op(&c);
    c.op = "LayerNormalization";
    check_op(&c);
}

NT_TEST(layernorm_with_stretched_scale_or_statistics_given_out)
{
    op_case c = {.op = "LayerNormalization",
                 .opset = 17,
                 .in = {IN(3, 4, 6), CONST(4, 1), CONST(1, 1, 6)},
                 .attr = {FLOAT("epsilon", 1e-2F), INT("axis", 1)}};

    check_op(&c);
    c.in[1] = (op_arg)CONST(4, 6), c.in[2] = (op_arg)CONST(4, 6);
    c.n_out = 3;
    check_op(&c);
}

NT_TEST(layernorm_infers_and_refuses)
{
    assert_string_equal(op_shape(&(op_case){.op = "LayerNormalization",
                                            .opset = 17,
                                            .in = {IN(-1, -1, 6), CONST(6)}}),
                        "[A,B,6]");
    assert_refused(
        (&(op_case){.op = "LayerNormalization", .opset = 17, .in = {IN(2, 6), CONST(5)}}),
        "input 1 has 5 along axis 0, want 6");
    assert_refused((&(op_case){.op = "LayerNormalization",
                               .opset = 17,
                               .in = {IN(2, 6), CONST(6)},
                               .attr = {INT("stash_type", 7)}}),
                   "stash_type 7 is not supported");
    assert_refused(
        (&(op_case){.op = "LayerNormalization", .opset = 16, .in = {IN(2, 6), CONST(6)}}),
        "operator 'LayerNormalization' (opset 16) is not supported");
}

NT_TEST(layernorm_freezes_what_it_takes_statistics_of)
{
    op_coupled o = op_couple(&(op_case){
        .op = "LayerNormalization", .opset = 17, .in = {IN(2, 5, 6), CONST(6), CONST(6)}});

    assert_tied(&o, "in0", 1, 3, "out0", 1, 3);
    assert_tied(&o, "in0", 2, 3, "in1", 0, 3);
    assert_non_null(strstr(op_frozen(&o, "in0", 2), "its statistics are taken"));
    op_coupled_release(&o);
}

NT_TEST(groupnorm_by_hand)
{
    const float x[] = {1, 3, 2, 6}, scale[] = {1, 2}, shift[] = {0, 10};
    op_case c = {.op = "InstanceNormalization",
                 .in = {GIVEN(x, 1, 2, 2), GIVEN(scale, 2), GIVEN(shift, 2)},
                 .attr = {FLOAT("epsilon", 0)}};

    assert_eval(&c, -1, 1, 8, 12);
    c.op = "GroupNormalization", c.opset = 18;
    c.attr[1] = (op_attr)INT("num_groups", 2);
    assert_eval(&c, -1, 1, 8, 12);
    c.opset = 21;
    assert_eval(&c, -1, 1, 8, 12);
    c.attr[1].i = 1; /* mean 3, variance 3.5: 1 / sqrt(3.5) = 0.5345 */
    assert_eval(&c, -1.0690450F, 0, 8.9309549F, 13.2071349F);
    c.in[1] = (op_arg)GIVEN(scale, 1), c.in[2] = (op_arg)GIVEN(shift, 1);
    c.opset = 18;
    assert_eval(&c, -1.0690450F, 0, -0.5345225F, 1.6035675F);
}

NT_TEST(groupnorm_runs_and_trains)
{
    op_case c = {.op = "InstanceNormalization",
                 .in = {IN(2, 6, 3, 3), CONST(6), CONST(6)},
                 .attr = {FLOAT("epsilon", 1e-2F)}};

    check_op(&c);
    c.op = "GroupNormalization", c.opset = 21;
    c.attr[1] = (op_attr)INT("num_groups", 3);
    check_op(&c);
    c.in[0] = (op_arg)IN(3, 6);
    check_op(&c);
    c.opset = 18;
    c.in[1] = (op_arg)CONST(3), c.in[2] = (op_arg)CONST(3);
    check_op(&c);
}

NT_TEST(groupnorm_refuses)
{
    assert_refused((&(op_case){.op = "GroupNormalization",
                               .opset = 21,
                               .in = {IN(1, 6, 2), CONST(6), CONST(6)},
                               .attr = {INT("num_groups", 4)}}),
                   "6 channels do not make 4 groups");
    assert_refused((&(op_case){.op = "GroupNormalization",
                               .opset = 21,
                               .in = {IN(1, 6, 2), CONST(3), CONST(3)},
                               .attr = {INT("num_groups", 3)}}),
                   "input 1 has 3 entries, want 6");
    assert_refused((&(op_case){.op = "GroupNormalization",
                               .opset = 18,
                               .in = {IN(1, 6, 2), CONST(6), CONST(6)},
                               .attr = {INT("num_groups", 3)}}),
                   "input 1 has 6 entries, want 3");
    assert_refused(
        (&(op_case){.op = "InstanceNormalization", .in = {IN(6), CONST(6), CONST(6)}}),
        "1 dimensions, want at least 2");
}

NT_TEST(channels_pass_instancenorm_each_by_itself)
{
    op_case c = {.op = "InstanceNormalization", .in = {IN(2, 6, 3, 3), CONST(6), CONST(6)}};
    op_coupled o = op_couple(&c);

    assert_tied(&o, "in0", 1, 3, "out0", 1, 3);
    assert_tied(&o, "in0", 1, 3, "in1", 0, 3);
    assert_tied(&o, "in0", 1, 3, "in2", 0, 3);
    assert_int_not_equal(op_class(&o, "in1", 0, 2), op_class(&o, "in1", 0, 3));
    op_coupled_release(&o);
}

/* Opset 18 has a scale for each group, 21 for each channel. */
NT_TEST(channels_pass_groupnorm_by_whole_groups)
{
    static const struct {
        int opset;
        int64_t scales, of_last; /* the scale that belongs to channel 5 */
    } rows[] = {{18, 3, 2}, {21, 6, 5}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        op_case c = {.op = "GroupNormalization",
                     .opset = rows[i].opset,
                     .in = {IN(2, 6, 3, 3), CONST(rows[i].scales), CONST(rows[i].scales)},
                     .attr = {INT("num_groups", 3)}};
        op_coupled o = op_couple(&c);
        int last = op_class(&o, "in0", 1, 5);

        assert_int_equal(op_class(&o, "in0", 1, 4), last);
        assert_int_equal(op_class(&o, "out0", 1, 4), last);
        assert_int_equal(op_class(&o, "in1", 0, rows[i].of_last), last);
        assert_int_equal(op_class(&o, "in2", 0, rows[i].of_last), last);
        assert_int_not_equal(op_class(&o, "in0", 1, 3), last);
        assert_int_not_equal(op_class(&o, "in1", 0, 0), last);
        op_coupled_release(&o);
    }
}

NT_TEST(lrn_by_hand)
{
    const float x[] = {1, 2, 3};

    /* size 3: 1 + the squares of a channel and its neighbours */
    assert_eval((&(op_case){.op = "LRN",
                            .in = {GIVEN(x, 1, 3, 1)},
                            .attr = {FLOAT("alpha", 3), FLOAT("beta", 1), INT("size", 3)}}),
                1 / 6.0F, 2 / 15.0F, 3 / 14.0F);
    /* size 2: itself and the next one */
    assert_eval((&(op_case){.op = "LRN",
                            .in = {GIVEN(x, 1, 3, 1)},
                            .attr = {FLOAT("alpha", 2), FLOAT("beta", 1), INT("size", 2)}}),
                1 / 6.0F, 2 / 14.0F, 3 / 10.0F);
}

NT_TEST(lrn_runs_trains_and_couples)
{
    op_case c = {
        .op = "LRN", .in = {IN(2, 7, 5, 9)}, .attr = {FLOAT("alpha", 0.5F), INT("size", 5)}};
    op_coupled o;

    check_op(&c);
    c.in[0] = (op_arg)IN(2, 7);
    c.attr[1].i = 4;
    c.attr[2] = (op_attr)FLOAT("beta", 0.3F);
    check_op(&c);
    o = op_couple(&c);
    assert_non_null(strstr(op_frozen(&o, "in0", 1), "normalised by its neighbours"));
    op_coupled_release(&o);
    c.attr[1].i = 0;
    assert_refused(&c, "size is 0");
}

NT_TEST(lpnorm_by_hand)
{
    const float x[] = {3, -4, 0, 0};
    op_case c = {.op = "LpNormalization", .in = {GIVEN(x, 2, 2)}};

    assert_eval(&c, 0.6F, -0.8F, 0, 0);
    c.attr[0] = (op_attr)INT("p", 1);
    assert_eval(&c, 3 / 7.0F, -4 / 7.0F, 0, 0);
    c.attr[1] = (op_attr)INT("axis", 0);
    assert_eval(&c, 1, -1, 0, 0);
    c.attr[0].i = 3;
    assert_refused(&c, "p 3 is not supported");
}

NT_TEST(lpnorm_runs_and_trains)
{
    op_case c = {.op = "LpNormalization", .in = {IN(2, 3, 4)}, .spaced = true};

    for (int64_t p = 1; p <= 2; p++) {
        c.attr[0] = (op_attr)INT("p", p);
        c.attr[1] = (op_attr)INT("axis", 1);
        check_op(&c);
        c.attr[1].i = -1;
        check_op(&c);
    }
}

NT_TEST(mvn_by_hand_and_by_differences)
{
    const float x[] = {1, 3, 2, 6};

    assert_eval((&(op_case){.op = "MeanVarianceNormalization", .in = {GIVEN(x, 1, 2, 1, 2)}}),
                -1, 1, -1, 1);
    check_op(&(op_case){.op = "MeanVarianceNormalization", .in = {IN(2, 3, 2, 2)}});
    check_op(&(op_case){
        .op = "MeanVarianceNormalization", .in = {IN(2, 5, 3)}, .attr = {INTS("axes", -2)}});
    assert_refused((&(op_case){.op = "MeanVarianceNormalization", .in = {IN(2, 3, 4)}}),
                   "axis 3 is outside");
}

NT_TEST(channels_pass_norms_along_which_zeros_do_not_count)
{
    op_case c = {.op = "LpNormalization", .in = {IN(2, 6, 3)}, .attr = {INT("axis", 1)}};
    op_coupled o = op_couple(&c);

    assert_tied(&o, "in0", 1, 3, "out0", 1, 3);
    assert_null(strstr(op_frozen(&o, "in0", 1), "statistics"));
    op_coupled_release(&o);
    o = op_couple(&(op_case){.op = "MeanVarianceNormalization", .in = {IN(2, 6, 3, 3)}});
    assert_tied(&o, "in0", 1, 3, "out0", 1, 3);
    assert_non_null(strstr(op_frozen(&o, "in0", 2), "statistics"));
    op_coupled_release(&o);
}

NT_TEST_MAIN
