/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(convtranspose_infers_shapes_and_keeps_symbols)
{
    assert_string_equal(op_shape(&(op_case){.op = "ConvTranspose",
                                            .in = {IN(-1, 3, -1, 9), CONST(3, 4, 3, 3)},
                                            .attr = {INTS("pads", 1, 1, 1, 1)}}),
                        "[A,4,C,9]");
    assert_string_equal(op_shape(&(op_case){.op = "ConvTranspose",
                                            .in = {IN(-1, 4, -1, 9), CONST(4, 3, 3, 3)},
                                            .attr = {INTS("strides", 2, 2), INT("group", 2),
                                                     INTS("output_padding", 1, 1)}}),
                        "[A,6,?,20]");
    assert_string_equal(
        op_shape(&(op_case){.op = "ConvTranspose",
                            .in = {IN(-1, 3, -1, 9), CONST(3, 4, 3, 3)},
                            .attr = {INTS("strides", 2, 2), INTS("output_shape", 21, 18)}}),
        "[A,4,21,18]");
    assert_string_equal(
        op_shape(&(op_case){.op = "ConvTranspose",
                            .in = {IN(1, 3, 5, 9), CONST(3, 4, 3, 3)},
                            .attr = {INTS("strides", 2, 3), STR("auto_pad", "SAME_LOWER")}}),
        "[1,4,10,27]");
}

NT_TEST(convtranspose_by_hand)
{
    const float x[] = {1, 2, 3, 4}, w[] = {1, 2, 3, 4}, b[] = {10};

    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 2, 2), GIVEN(w, 1, 1, 2, 2), GIVEN(b, 1)}}),
                11, 14, 14, 16, 30, 26, 19, 34, 26);
    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 2, 2), GIVEN(w, 1, 1, 2, 2)},
                            .attr = {INTS("strides", 2, 2), INTS("pads", 1, 0, 0, 1)}}),
                3, 4, 6, 3, 6, 4, 9, 12, 12);
}

/* 3 wide with stride 2 under a kernel of 3 is 7; of the one that is too much for 6, SAME_UPPER
 * takes the last, SAME_LOWER and a mere output_shape the first. */
NT_TEST(convtranspose_splits_odd_padding_as_onnx_does)
{
    const float x[] = {1, 10, 100}, w[] = {1, 2, 3};

    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 3), GIVEN(w, 1, 1, 3)},
                            .attr = {INTS("strides", 2), STR("auto_pad", "SAME_UPPER")}}),
                1, 2, 13, 20, 130, 200);
    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 3), GIVEN(w, 1, 1, 3)},
                            .attr = {INTS("strides", 2), STR("auto_pad", "SAME_LOWER")}}),
                2, 13, 20, 130, 200, 300);
    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 3), GIVEN(w, 1, 1, 3)},
                            .attr = {INTS("strides", 2), INTS("output_shape", 6)}}),
                2, 13, 20, 130, 200, 300);
    assert_eval((&(op_case){.op = "ConvTranspose",
                            .in = {GIVEN(x, 1, 1, 3), GIVEN(w, 1, 1, 3)},
                            .attr = {INTS("strides", 2), INTS("output_shape", 9)}}),
                1, 2, 13, 20, 130, 200, 300, 0, 0);
}

NT_TEST(convtranspose_refuses_what_it_cannot_do_by_name)
{
    assert_refused(
        (&(op_case){.op = "ConvTranspose", .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3)}}),
        "3 channels, want 4");
    assert_refused((&(op_case){.op = "ConvTranspose",
                               .in = {IN(1, 3, 5, 5), CONST(3, 4, 3, 3), CONST(3)}}),
                   "one entry for each output channel");
    assert_refused((&(op_case){.op = "ConvTranspose",
                               .in = {IN(1, 3, 5, 5), CONST(3, 4, 3, 3)},
                               .attr = {INTS("output_padding", 1)}}),
                   "output_padding has 1 entries");
    assert_refused((&(op_case){.op = "ConvTranspose",
                               .in = {IN(1, 3, 5, 5), CONST(3, 4, 3, 3)},
                               .attr = {INTS("output_shape", 4, -1)}}),
                   "output_shape holds -1");
    assert_refused((&(op_case){.op = "ConvTranspose",
                               .in = {IN(1, 3, 1, 1), CONST(3, 4, 3, 3)},
                               .attr = {INTS("pads", 2, 2, 2, 2)}}),
                   "leave nothing");
    assert_refused((&(op_case){.op = "ConvTranspose",
                               .in = {IN(1, 3, 5, 5), CONST(3, 4, 3, 3)},
                               .attr = {INT("group", 2)}}),
                   "do not divide into 2 groups");
}

NT_TEST(convtranspose_2d)
{
    check_op(&(op_case){.op = "ConvTranspose", .in = {IN(2, 3, 4, 3), CONST(3, 4, 3, 3)}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 3, 4, 3), CONST(3, 5, 3, 2), CONST(5)},
                        .attr = {INTS("strides", 2, 3), INTS("pads", 1, 0, 0, 1)}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 4, 4), CONST(2, 3, 3, 3), CONST(3)},
                        .attr = {INTS("strides", 2, 2), INTS("pads", 1, 1, 1, 1),
                                 INTS("output_padding", 1, 1)}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 4, 4), CONST(2, 3, 3, 3), CONST(3)},
                        .attr = {INTS("dilations", 2, 1)}});
}

NT_TEST(convtranspose_with_rows_that_no_tap_reaches)
{
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 3, 3), CONST(2, 3, 2, 2), CONST(3)},
                        .attr = {INTS("strides", 3, 3), STR("auto_pad", "SAME_UPPER")}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 3, 3), CONST(2, 3, 2, 2), CONST(3)},
                        .attr = {INTS("dilations", 3, 3), INTS("output_padding", 2, 1)}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 3, 3), CONST(2, 3, 3, 3), CONST(3)},
                        .attr = {INTS("strides", 3, 2), INTS("output_shape", 11, 8)}});
}

NT_TEST(convtranspose_grouped_and_depthwise)
{
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(2, 4, 3, 3), CONST(4, 3, 3, 3), CONST(6)},
                        .attr = {INT("group", 2), INTS("strides", 2, 2)}});
    check_op(
        &(op_case){.op = "ConvTranspose",
                   .in = {IN(1, 5, 3, 4), CONST(5, 1, 4, 4), CONST(5)},
                   .attr = {INT("group", 5), INTS("strides", 2, 2), INTS("pads", 1, 1, 1, 1)}});
}

NT_TEST(convtranspose_1d_and_3d)
{
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(2, 3, 5), CONST(3, 4, 3), CONST(4)},
                        .attr = {INTS("strides", 2), INTS("pads", 1, 0)}});
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 2, 2, 3, 2), CONST(2, 3, 2, 3, 1), CONST(3)},
                        .attr = {INTS("strides", 2, 1, 2)}});
}

NT_TEST(convtranspose_of_many_channels)
{
    check_op(&(op_case){.op = "ConvTranspose",
                        .in = {IN(1, 16, 3, 3), CONST(16, 17, 2, 2), CONST(17)},
                        .attr = {INTS("strides", 2, 2)}});
}

NT_TEST(convtranspose_counts_its_work)
{
    op_case c = {.op = "ConvTranspose",
                 .in = {IN(2, 4, 5, 5), CONST(4, 3, 3, 3), CONST(6)},
                 .attr = {INT("group", 2), INTS("strides", 2, 2)}};
    nt_graph *g = op_bound_graph(&c, false);
    nt_op_cost cost = {0};

    g->nodes[0]->op->cost(g->nodes[0], &cost);
    assert_int_equal(cost.macs, 2 * 4 * 25 * 3 * 9);
    assert_int_equal(cost.params, 4 * 3 * 9 + 6);
    nt_graph_free(g);
}

NT_TEST(convtranspose_ties_weights_to_inputs_and_outputs)
{
    op_coupled o = op_couple(
        &(op_case){.op = "ConvTranspose", .in = {IN(1, 3, 5, 5), CONST(3, 4, 3, 3), CONST(4)}});

    for (int64_t k = 0; k < 4; k++) {
        assert_tied(&o, "in1", 1, k, "out0", 1, k);
        assert_tied(&o, "in2", 0, k, "out0", 1, k);
    }
    for (int64_t c = 0; c < 3; c++)
        assert_tied(&o, "in1", 0, c, "in0", 1, c);
    assert_string_not_equal(op_frozen(&o, "in0", 2), "");
    op_coupled_release(&o);
}

NT_TEST(grouped_convtranspose_keeps_groups_alike)
{
    op_coupled o = op_couple(&(op_case){.op = "ConvTranspose",
                                        .in = {IN(1, 4, 5, 5), CONST(4, 3, 3, 3)},
                                        .attr = {INT("group", 2)}});

    assert_tied(&o, "in0", 1, 1, "in0", 1, 3);
    assert_tied(&o, "out0", 1, 2, "out0", 1, 5);
    assert_tied(&o, "in1", 1, 1, "out0", 1, 4);
    op_coupled_release(&o);
}

NT_TEST(depthwise_convtranspose_loses_whole_groups)
{
    op_coupled o = op_couple(&(op_case){.op = "ConvTranspose",
                                        .in = {IN(1, 3, 5, 5), CONST(3, 1, 3, 3)},
                                        .attr = {INT("group", 3)}});
    bool *removed = nt_calloc((size_t)nt_coupling_n_classes(o.c), sizeof *removed);
    nt_kept *k = NULL;

    assert_non_null(removed);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    removed[op_class(&o, "in0", 1, 1)] = true;
    assert_ok(nt_kept_new(&k, o.c, removed, e));
    assert_ok(o.g->nodes[0]->op->adapt(k, o.g, o.g->nodes[0], e));
    assert_int_equal(nt_node_int(o.g->nodes[0], "group", 0), 2);
    nt_kept_free(k);
    nt_free(removed);
    op_coupled_release(&o);
}

NT_TEST_MAIN
