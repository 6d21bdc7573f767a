/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(pools_by_hand)
{
    const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    assert_eval((&(op_case){.op = "MaxPool",
                            .in = {GIVEN(x, 1, 1, 3, 3)},
                            .attr = {INTS("kernel_shape", 2, 2)}}),
                5, 6, 8, 9);
    assert_eval((&(op_case){.op = "AveragePool",
                            .in = {GIVEN(x, 1, 1, 3, 3)},
                            .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2),
                                     INTS("pads", 1, 1, 0, 0)}}),
                1, 2.5F, 5.5F, 7);
    assert_eval((&(op_case){.op = "AveragePool",
                            .in = {GIVEN(x, 1, 1, 3, 3)},
                            .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2),
                                     INTS("pads", 1, 1, 0, 0), INT("count_include_pad", 1)}}),
                0.25F, 1.25F, 2.75F, 7);
    assert_eval((&(op_case){.op = "GlobalAveragePool", .in = {GIVEN(x, 1, 1, 3, 3)}}), 5);
    assert_eval((&(op_case){.op = "GlobalMaxPool", .in = {GIVEN(x, 1, 3, 3)}}), 3, 6, 9);
}

NT_TEST(ceil_mode_counts_what_hangs_over_neither_as_input_nor_as_padding)
{
    const float x[] = {1, 2, 3, 4, 5};

    assert_eval((&(op_case){.op = "AveragePool",
                            .in = {GIVEN(x, 1, 1, 5)},
                            .attr = {INTS("kernel_shape", 2), INTS("strides", 2),
                                     INT("ceil_mode", 1), INT("count_include_pad", 1)}}),
                1.5F, 3.5F, 5);
}

NT_TEST(pools_infer_shapes_and_keep_symbols)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "MaxPool",
                            .in = {IN(-1, 3, -1, 8)},
                            .attr = {INTS("kernel_shape", 3, 3), INTS("pads", 1, 1, 1, 1),
                                     INTS("strides", 1, 2)}}),
        "[A,3,C,4]");
    assert_string_equal(
        op_shape(&(op_case){.op = "GlobalAveragePool", .in = {IN(-1, 3, -1, -1)}}),
        "[A,3,1,1]");
}

NT_TEST(pools_refuse_what_they_cannot_do_by_name)
{
    assert_refused((&(op_case){.op = "MaxPool", .in = {IN(1, 1, 3, 3)}}),
                   "attribute 'kernel_shape' is missing");
    assert_refused((&(op_case){.op = "MaxPool",
                               .in = {IN(1, 1, 3, 3)},
                               .attr = {INTS("kernel_shape", 2, 2), INT("storage_order", 1)}}),
                   "storage_order 1");
    assert_refused((&(op_case){.op = "MaxPool",
                               .in = {IN(1, 1, 3, 3)},
                               .n_out = 2,
                               .attr = {INTS("kernel_shape", 2, 2)}}),
                   "output 1 (Indices) is used");
    assert_refused((&(op_case){.op = "AveragePool",
                               .in = {IN(1, 1, 3, 3)},
                               .attr = {INTS("kernel_shape", 2, 2), INTS("pads", 2, 0, 0, 0)}}),
                   "without input");
}

NT_TEST(max_pools)
{
    check_op(&(op_case){
        .op = "MaxPool",
        .in = {IN(2, 3, 6, 5)},
        .attr = {INTS("kernel_shape", 3, 3), INTS("strides", 2, 2), INTS("pads", 1, 1, 1, 1)},
        .spaced = true});
    check_op(&(op_case){.op = "MaxPool",
                        .in = {IN(1, 2, 7, 6)},
                        .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 3, 2),
                                 INTS("dilations", 2, 1), INT("ceil_mode", 1)},
                        .spaced = true});
    check_op(&(op_case){
        .op = "MaxPool",
        .in = {IN(1, 2, 9)},
        .attr = {INTS("kernel_shape", 3), STR("auto_pad", "SAME_UPPER"), INTS("strides", 2)},
        .spaced = true});
    check_op(&(op_case){.op = "MaxPool",
                        .in = {IN(1, 2, 4, 4, 3)},
                        .attr = {INTS("kernel_shape", 2, 2, 2)},
                        .spaced = true});
}

NT_TEST(average_pools)
{
    for (int64_t include = 0; include < 2; include++) {
        check_op(
            &(op_case){.op = "AveragePool",
                       .in = {IN(2, 3, 6, 5)},
                       .attr = {INTS("kernel_shape", 3, 3), INTS("strides", 2, 2),
                                INTS("pads", 1, 1, 1, 1), INT("count_include_pad", include)}});
        check_op(&(op_case){.op = "AveragePool",
                            .in = {IN(1, 2, 6, 7)},
                            .attr = {INTS("kernel_shape", 3, 2), INTS("strides", 2, 2),
                                     INTS("pads", 0, 1, 0, 1), INT("ceil_mode", 1),
                                     INT("count_include_pad", include)}});
    }
    check_op(&(op_case){.op = "AveragePool",
                        .opset = 19,
                        .in = {IN(1, 2, 7, 7)},
                        .attr = {INTS("kernel_shape", 2, 2), INTS("dilations", 2, 3)}});
    check_op(&(op_case){.op = "AveragePool",
                        .in = {IN(2, 2, 7)},
                        .attr = {INTS("kernel_shape", 2), STR("auto_pad", "SAME_LOWER")}});
    check_op(&(op_case){.op = "AveragePool",
                        .in = {IN(1, 2, 3, 4, 3)},
                        .attr = {INTS("kernel_shape", 2, 3, 2), INTS("strides", 1, 1, 2)}});
}

NT_TEST(global_pools)
{
    check_op(&(op_case){.op = "GlobalAveragePool", .in = {IN(2, 5, 3, 4)}});
    check_op(&(op_case){.op = "GlobalAveragePool", .in = {IN(2, 3, 7)}});
    check_op(&(op_case){.op = "GlobalMaxPool", .in = {IN(2, 3, 4, 3)}, .spaced = true});
    check_op(&(op_case){.op = "GlobalMaxPool", .in = {IN(1, 3, 2, 3, 2)}, .spaced = true});
}

NT_TEST(pools_tie_channels_through)
{
    op_coupled o = op_couple(&(op_case){.op = "GlobalAveragePool", .in = {IN(1, 3, 4, 4)}});

    for (int64_t c = 0; c < 3; c++)
        assert_tied(&o, "in0", 1, c, "out0", 1, c);
    assert_string_not_equal(op_frozen(&o, "in0", 2), "");
    op_coupled_release(&o);
}

NT_TEST_MAIN
