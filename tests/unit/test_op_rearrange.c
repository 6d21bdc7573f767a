/* SPDX-License-Identifier: MIT */
/* DepthToSpace, SpaceToDepth, Tile, ReverseSequence, OneHot, Col2Im and CenterCropPad. */
#include "op_harness.h"

NT_TEST(depth_becomes_space)
{
    const float x[] = {0, 1, 2, 3, 4, 5, 6, 7};

    assert_eval((&(op_case){.op = "DepthToSpace",
                            .in = {GIVEN(x, 1, 8, 1, 1)},
                            .attr = {INT("blocksize", 2)}}),
                0, 2, 4, 6, 1, 3, 5, 7);
    assert_eval((&(op_case){.op = "DepthToSpace",
                            .in = {GIVEN(x, 1, 8, 1, 1)},
                            .attr = {INT("blocksize", 2), STR("mode", "CRD")}}),
                0, 1, 2, 3, 4, 5, 6, 7);
    assert_eval((&(op_case){.op = "SpaceToDepth",
                            .in = {GIVEN(x, 1, 2, 2, 2)},
                            .attr = {INT("blocksize", 2)}}),
                0, 4, 1, 5, 2, 6, 3, 7);
}

NT_TEST(blocks_infer_and_refuse)
{
    assert_string_equal(op_shape(&(op_case){.op = "DepthToSpace",
                                            .in = {IN(-1, 12, -1, 5)},
                                            .attr = {INT("blocksize", 2)}}),
                        "[A,3,?,10]");
    assert_refused((&(op_case){.op = "SpaceToDepth",
                               .in = {IN(1, 2, 4, 5)},
                               .attr = {INT("blocksize", 2)}}),
                   "axis 3 of extent 5 does not divide by 2");
    assert_refused((&(op_case){.op = "DepthToSpace",
                               .in = {IN(1, 4, 1, 1)},
                               .attr = {INT("blocksize", 2), STR("mode", "DRC")}}),
                   "mode 'DRC' is not supported");
}

NT_TEST(blocks_run_and_train)
{
    check_op(&(op_case){
        .op = "DepthToSpace", .in = {IN(2, 8, 2, 3)}, .attr = {INT("blocksize", 2)}});
    check_op(&(op_case){.op = "DepthToSpace",
                        .in = {IN(1, 18, 2, 1)},
                        .attr = {INT("blocksize", 3), STR("mode", "CRD")}});
    check_op(&(op_case){
        .op = "SpaceToDepth", .in = {IN(2, 3, 4, 6)}, .attr = {INT("blocksize", 2)}});
}

NT_TEST(blocks_tie_the_channels_a_point_is_made_of)
{
    op_case c = {.op = "DepthToSpace", .in = {IN(1, 12, 2, 2)}, .attr = {INT("blocksize", 2)}};
    op_coupled o = op_couple(&c);

    assert_tied(&o, "in0", 1, 1, "out0", 1, 1);
    assert_tied(&o, "in0", 1, 4, "out0", 1, 1);
    assert_tied(&o, "in0", 1, 10, "out0", 1, 1);
    op_coupled_release(&o);
    c.attr[1] = (op_attr)STR("mode", "CRD");
    o = op_couple(&c);
    assert_tied(&o, "in0", 1, 4, "out0", 1, 1);
    assert_tied(&o, "in0", 1, 7, "out0", 1, 1);
    assert_tied(&o, "in0", 1, 8, "out0", 1, 2);
    op_coupled_release(&o);
}

NT_TEST(tiles)
{
    const float x[] = {1, 2};

    assert_eval((&(op_case){.op = "Tile", .in = {GIVEN(x, 1, 2), I64(2, 2)}}), 1, 2, 1, 2, 1, 2,
                1, 2);
    assert_string_equal(op_shape(&(op_case){.op = "Tile", .in = {IN(-1, 3, -1), I64(1, 2, 2)}}),
                        "[A,6,?]");
    assert_refused((&(op_case){.op = "Tile", .in = {IN(2, 3), I64(2)}}), "1 repeats, want 2");
    assert_refused((&(op_case){.op = "Tile", .in = {IN(2), I64(-1)}}), "-1 repeats");
    check_op(&(op_case){.op = "Tile", .in = {IN(2, 3, 2), I64(1, 2, 3)}});
}

NT_TEST(tiled_channels_go_together)
{
    op_coupled o = op_couple(&(op_case){.op = "Tile", .in = {IN(1, 3, 1), I64(1, 2, 5)}});

    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 5);
    assert_int_not_equal(op_class(&o, "out0", 2, 0), op_class(&o, "out0", 2, 1));
    op_coupled_release(&o);
}

NT_TEST(sequences_are_reversed)
{
    const float x[] = {1, 2, 3, 4, 5, 6};

    assert_eval((&(op_case){.op = "ReverseSequence",
                            .in = {GIVEN(x, 2, 3), I64(3, 2)},
                            .attr = {INT("batch_axis", 0), INT("time_axis", 1)}}),
                3, 2, 1, 5, 4, 6);
    assert_eval((&(op_case){.op = "ReverseSequence", .in = {GIVEN(x, 3, 2), I64(3, 2)}}), 5, 4,
                3, 2, 1, 6);
    check_op(&(op_case){.op = "ReverseSequence", .in = {IN(3, 2, 2), I64(3, 2)}});
    assert_refused((&(op_case){.op = "ReverseSequence",
                               .in = {IN(3, 2), I64(3, 2)},
                               .attr = {INT("batch_axis", 0)}}),
                   "axes 0 and 0, want 0 and 1");
}

NT_TEST(one_is_hot)
{
    const op_arg depth = {.kind = OC_CONST, .dtype = NT_I64, .rank = 0, .ints = {3}};

    assert_eval((&(op_case){.op = "OneHot", .in = {I64(0, -1, 7), depth, I64(5, 9)}}), 9, 5, 5,
                5, 5, 9, 5, 5, 5);
    assert_eval((&(op_case){.op = "OneHot",
                            .in = {I64(0, 2), depth, I64(0, 1)},
                            .attr = {INT("axis", 0)}}),
                1, 0, 0, 0, 0, 1);
    assert_string_equal(
        op_shape(&(op_case){
            .op = "OneHot",
            .in = {{.kind = OC_IN, .dtype = NT_I64, OC_DIMS(-1, 4)}, depth, I64(0, 1)},
            .attr = {INT("axis", 1)}}),
        "[A,3,4]");
}

/* Windows of 2 over 3 points: the middle one is in both. */
NT_TEST(columns_become_images)
{
    const float x[] = {1, 2, 10, 20};
    op_case c = {.op = "Col2Im", .opset = 18, .in = {GIVEN(x, 1, 2, 2), I64(1, 3), I64(1, 2)}};

    assert_eval(&c, 1, 2 + 10, 20);
    assert_string_equal(
        op_shape(&(op_case){.op = "Col2Im",
                            .opset = 18,
                            .in = {IN(-1, 12, 6), I64(4, 5), I64(2, 2)},
                            .attr = {INTS("strides", 2, 2), INTS("pads", 0, 0, 0, 1)}}),
        "[A,3,4,5]");
    check_op(&(op_case){.op = "Col2Im",
                        .opset = 18,
                        .in = {IN(2, 8, 6), I64(3, 4), I64(2, 2)},
                        .attr = {INTS("dilations", 1, 1)}});
    c.in[1] = (op_arg)I64(1, 4);
    assert_refused(&c, "2 columns, want 3");
    c.in[1] = (op_arg)I64(0, 3);
    assert_refused(&c, "extents of 0 and 1");
}

NT_TEST(columns_tie_all_taps_of_a_channel)
{
    op_coupled o = op_couple(
        &(op_case){.op = "Col2Im", .opset = 18, .in = {IN(1, 8, 6), I64(3, 4), I64(2, 2)}});

    assert_tied(&o, "in0", 1, 4, "out0", 1, 1);
    assert_tied(&o, "in0", 1, 7, "out0", 1, 1);
    op_coupled_release(&o);
}

NT_TEST(the_middle_is_cut_out_or_framed)
{
    const float x[] = {1, 2, 3, 4};
    op_case c = {.op = "CenterCropPad", .opset = 18, .in = {GIVEN(x, 1, 4), I64(1, 1)}};

    assert_eval(&c, 2); /* of three to go, two go at the end */
    c.in[1] = (op_arg)I64(1, 7);
    assert_eval(&c, 0, 1, 2, 3, 4, 0, 0);
    c.in[1] = (op_arg)I64(1);
    assert_refused(&c, "1 extents, want 2");
    check_op(&(op_case){.op = "CenterCropPad",
                        .opset = 18,
                        .in = {IN(2, 3, 4, 5), I64(6, 2)},
                        .attr = {INTS("axes", -2, 3)}});
}

NT_TEST_MAIN
