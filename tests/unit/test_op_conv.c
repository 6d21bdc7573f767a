/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(conv_infers_shapes_and_keeps_symbols)
{
    assert_string_equal(op_shape(&(op_case){.op = "Conv",
                                            .in = {IN(-1, 3, -1, 9), CONST(4, 3, 3, 3)},
                                            .attr = {INTS("pads", 1, 1, 1, 1)}}),
                        "[A,4,C,9]");
    assert_string_equal(op_shape(&(op_case){.op = "Conv",
                                            .in = {IN(-1, 3, -1, 9), CONST(4, 3, 3, 3)},
                                            .attr = {INTS("strides", 2, 2)}}),
                        "[A,4,?,4]");
}

NT_TEST(conv_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w[] = {1, 0, 0, -1}, b[] = {10};

    assert_eval((&(op_case){.op = "Conv",
                            .in = {GIVEN(x, 1, 1, 3, 3), GIVEN(w, 1, 1, 2, 2), GIVEN(b, 1)}}),
                6, 6, 6, 6);
}

NT_TEST(conv_refuses_what_it_cannot_do_by_name)
{
    assert_refused((&(op_case){.op = "Conv",
                               .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3)},
                               .attr = {INT("group", 0)}}),
                   "group is 0");
    assert_refused((&(op_case){.op = "Conv", .in = {IN(1, 3, 5, 5), CONST(4, 2, 3, 3)}}),
                   "3 channels, want 1 groups of 2");
    assert_refused((&(op_case){.op = "Conv",
                               .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3)},
                               .attr = {INTS("pads", 1, 1)}}),
                   "pads has 2 entries");
    assert_refused((&(op_case){.op = "Conv",
                               .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3)},
                               .attr = {STR("auto_pad", "SAME")}}),
                   "auto_pad 'SAME'");
    assert_refused((&(op_case){.op = "Conv",
                               .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3)},
                               .attr = {INT("groups", 2)}}),
                   "'groups' is not known");
    assert_refused((&(op_case){.op = "Conv", .in = {IN(1, 3, 2, 2), CONST(4, 3, 3, 3)}}),
                   "does not fit");
    assert_refused(
        (&(op_case){.op = "Conv", .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3), CONST(5)}}),
        "one entry for each filter");
}

NT_TEST(conv_2d)
{
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(2, 3, 7, 5), CONST(4, 3, 3, 3), CONST(4)},
                        .attr = {INTS("pads", 1, 1, 1, 1)}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 2, 7, 8), CONST(5, 2, 3, 2)},
                        .attr = {INTS("strides", 2, 3), INTS("pads", 0, 1, 2, 1)}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 3, 9, 9), CONST(2, 3, 3, 3), CONST(2)},
                        .attr = {INTS("dilations", 2, 3), STR("auto_pad", "SAME_LOWER")}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 2, 6, 5), CONST(3, 2, 2, 2)},
                        .attr = {STR("auto_pad", "SAME_UPPER"), INTS("strides", 2, 2)}});
}

NT_TEST(conv_of_many_channels)
{
    check_op(&(op_case){.op = "Conv", .in = {IN(1, 16, 4, 4), CONST(17, 16, 1, 1), CONST(17)}});
}

NT_TEST(conv_with_stride_past_the_kernel)
{
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 3, 7, 7), CONST(4, 3, 1, 1)},
                        .attr = {INTS("strides", 3, 2)}});
}

NT_TEST(conv_grouped_and_depthwise)
{
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(2, 4, 5, 5), CONST(6, 2, 3, 3), CONST(6)},
                        .attr = {INT("group", 2), INTS("pads", 1, 1, 1, 1)}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 5, 6, 6), CONST(5, 1, 3, 3), CONST(5)},
                        .attr = {INT("group", 5), INTS("strides", 2, 2)}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 3, 4, 4), CONST(6, 1, 3, 3)},
                        .attr = {INT("group", 3), INTS("pads", 1, 1, 1, 1)}});
}

NT_TEST(conv_1d_and_3d)
{
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(2, 3, 9), CONST(4, 3, 3), CONST(4)},
                        .attr = {INTS("pads", 1, 0), INTS("strides", 2)}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 2, 4, 5, 4), CONST(3, 2, 2, 3, 1), CONST(3)},
                        .attr = {INTS("pads", 0, 1, 0, 0, 1, 0)}});
}

NT_TEST(conv_with_computed_weights)
{
    check_op(&(op_case){.op = "Conv", .in = {IN(1, 2, 5, 5), IN(3, 2, 3, 3)}});
}

/* float64 in the plain form, float16 through fp32; small integers are exact in both. */
NT_TEST(convolutions_of_other_types)
{
    static const nt_dtype types[] = {NT_F64, NT_F16};
    static const char *const ops[] = {"Conv", "ConvTranspose"};

    for (int i = 0; i < 4; i++) {
        op_case c = {.op = ops[i / 2],
                     .in = {IN(1, 2, 5, 5), CONST(2, 2, 3, 3), CONST(2)},
                     .inference_only = true};

        for (int k = 0; k < 3; k++) {
            c.in[k].dtype = types[i % 2];
            for (int j = 0; j < 16; j++)
                c.in[k].ints[j] = j * (k + 3) % 7 - 3;
        }
        check_op(&c);
    }
}

NT_TEST(conv_in_three_dimensions_in_all_forms)
{
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(1, 4, 5, 4, 6), CONST(6, 2, 2, 3, 2), CONST(6)},
                        .attr = {INT("group", 2), INTS("strides", 2, 1, 2),
                                 INTS("dilations", 1, 1, 2), STR("auto_pad", "SAME_UPPER")}});
    check_op(&(op_case){.op = "Conv",
                        .in = {IN(2, 3, 3, 4, 3), CONST(3, 1, 3, 3, 3), CONST(3)},
                        .attr = {INT("group", 3), INTS("pads", 1, 1, 1, 1, 1, 1)}});
    check_op(
        &(op_case){.op = "Conv",
                   .in = {IN(2, 4, 12), CONST(4, 2, 3)},
                   .attr = {INT("group", 2), INTS("dilations", 3), STR("auto_pad", "VALID")}});
}

NT_TEST(conv_counts_its_work)
{
    op_case c = {.op = "Conv",
                 .in = {IN(2, 4, 5, 5), CONST(6, 2, 3, 3), CONST(6)},
                 .attr = {INT("group", 2), INTS("pads", 1, 1, 1, 1)}};
    nt_graph *g = op_bound_graph(&c, false);
    nt_op_cost cost = {0};

    g->nodes[0]->op->cost(g->nodes[0], &cost);
    assert_int_equal(cost.macs, 2 * 6 * 25 * 2 * 9);
    assert_int_equal(cost.params, 6 * 2 * 9 + 6);
    nt_graph_free(g);
}

NT_TEST(conv_ties_filters_to_outputs_and_their_channels_to_inputs)
{
    op_coupled o = op_couple(
        &(op_case){.op = "Conv", .in = {IN(1, 3, 5, 5), CONST(4, 3, 3, 3), CONST(4)}});

    for (int64_t k = 0; k < 4; k++) {
        assert_tied(&o, "in1", 0, k, "out0", 1, k);
        assert_tied(&o, "in2", 0, k, "out0", 1, k);
    }
    for (int64_t c = 0; c < 3; c++)
        assert_tied(&o, "in1", 1, c, "in0", 1, c);
    assert_string_not_equal(op_frozen(&o, "in0", 2), "");
    op_coupled_release(&o);
}

NT_TEST(depthwise_conv_ties_channels_through)
{
    op_coupled o = op_couple(&(op_case){
        .op = "Conv", .in = {IN(1, 3, 5, 5), CONST(6, 1, 3, 3)}, .attr = {INT("group", 3)}});

    for (int64_t k = 0; k < 6; k++) {
        assert_tied(&o, "in1", 0, k, "in0", 1, k / 2);
        assert_int_equal(op_class(&o, "out0", 1, k), op_class(&o, "in0", 1, k / 2));
    }
    op_coupled_release(&o);
}

NT_TEST(grouped_conv_ties_the_same_channel_of_all_groups)
{
    op_coupled o = op_couple(&(op_case){
        .op = "Conv", .in = {IN(1, 4, 5, 5), CONST(6, 2, 3, 3)}, .attr = {INT("group", 2)}});

    for (int64_t c = 0; c < 4; c++)
        assert_tied(&o, "in0", 1, c, "in1", 1, c % 2);
    for (int64_t k = 0; k < 6; k++) {
        assert_tied(&o, "in1", 0, k, "out0", 1, k);
        assert_tied(&o, "out0", 1, k, "out0", 1, k % 3);
    }
    op_coupled_release(&o);
}

/* Two of three channels of a depthwise convolution stay. */
NT_TEST(depthwise_conv_follows_with_its_group)
{
    op_coupled o = op_couple(&(op_case){
        .op = "Conv", .in = {IN(1, 3, 5, 5), CONST(3, 1, 3, 3)}, .attr = {INT("group", 3)}});
    bool *removed = nt_calloc((size_t)nt_coupling_n_classes(o.c), sizeof *removed);
    nt_node *n = o.g->nodes[0];
    nt_kept *k = NULL;

    assert_non_null(removed);
    removed[op_class(&o, "in0", 1, 1)] = true;
    assert_ok(nt_kept_new(&k, o.c, removed, e));
    assert_ok(n->op->adapt(k, o.g, n, e));
    assert_int_equal(nt_node_int(n, "group", 0), 2);
    nt_kept_free(k);
    nt_free(removed);
    op_coupled_release(&o);
}

NT_TEST_MAIN
