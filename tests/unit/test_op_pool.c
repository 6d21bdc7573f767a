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
    assert_refused((&(op_case){.op = "AveragePool",
                               .in = {IN(1, 1, 3, 3)},
                               .attr = {INTS("kernel_shape", 2, 2), INTS("pads", 2, 0, 0, 0)}}),
                   "without input");
    assert_refused((&(op_case){.op = "LpPool",
                               .in = {IN(1, 1, 3, 3)},
                               .attr = {INTS("kernel_shape", 2, 2), INT("p", 0)}}),
                   "p is 0");
    assert_refused((&(op_case){.op = "MaxUnpool",
                               .in = {IN(1, 1, 2, 2), IN(1, 1, 2, 2), I64(1, 4, 4)},
                               .attr = {INTS("kernel_shape", 2, 2)}}),
                   "output_shape has 3 entries, want 4");
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

NT_TEST(global_pools_of_any_rank)
{
    static const char *const ops[] = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"};

    for (int i = 0; i < 3; i++) {
        check_op(&(op_case){.op = ops[i], .in = {IN(2, 3)}, .spaced = true});
        check_op(&(op_case){.op = ops[i], .in = {IN(1, 2, 2, 1, 3, 2)}, .spaced = true});
    }
}

/* |3|^p + |-4|^p is 7, 25, 91. */
NT_TEST(lp_pools)
{
    const float x[] = {3, -4, 0, 0, 0, 0};

    for (int p = 1; p <= 3; p++) {
        const float want[] = {7, 5, 4.4979414F};

        assert_eval(
            (&(op_case){.op = "LpPool",
                        .in = {GIVEN(x, 1, 1, 6)},
                        .attr = {INTS("kernel_shape", 2), INTS("strides", 2), INT("p", p)}}),
            want[p - 1], 0, 0);
        check_op(&(op_case){.op = "LpPool",
                            .opset = 18,
                            .in = {IN(2, 2, 5, 6)},
                            .attr = {INTS("kernel_shape", 3, 2), INTS("strides", 2, 2),
                                     INTS("pads", 1, 0, 1, 0), INTS("dilations", 1, 2),
                                     INT("ceil_mode", 1), INT("p", p)},
                            .spaced = true});
        check_op(&(op_case){.op = "GlobalLpPool",
                            .in = {IN(2, 3, 3, 2)},
                            .attr = {INT("p", p)},
                            .spaced = true});
    }
    check_op(&(op_case){.op = "LpPool",
                        .in = {IN(1, 2, 4, 3, 3)},
                        .attr = {INTS("kernel_shape", 2, 2, 2)},
                        .spaced = true});
}

static void assert_indices(const op_case *c, const int64_t *want, int64_t n)
{
    nt_tensor *out[OC_MAX] = {NULL};

    op_eval(c, out);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(nt_tensor_get_i64(out[1], i), want[i]);
    nt_tensor_free(out[0]);
    nt_tensor_free(out[1]);
}

/* The largest of each half of the picture, in two channels. */
NT_TEST(max_pools_say_where_their_maxima_lie)
{
    const float x[] = {1, 9, 3, 4, 5, 5, 1, 1, 1, 7, 8, 1};
    op_case c = {.op = "MaxPool",
                 .in = {GIVEN(x, 1, 2, 2, 3)},
                 .attr = {INTS("kernel_shape", 2, 2), INT("storage_order", 0)},
                 .n_out = 2};

    assert_indices(&c, (const int64_t[]){1, 1, 10, 10}, 4);
    c.attr[1].i = 1; /* offset 1 is row 0, column 1; offset 10 - 6 is row 1, column 1 */
    assert_indices(&c, (const int64_t[]){2, 2, 9, 9}, 4);
    check_op(&(op_case){
        .op = "MaxPool",
        .in = {IN(2, 2, 5, 6)},
        .attr = {INTS("kernel_shape", 3, 2), INTS("strides", 2, 2), INTS("pads", 1, 0, 1, 0)},
        .n_out = 2,
        .spaced = true});
}

NT_TEST(pools_of_other_types)
{
    const float x[] = {1, 2, 3, 4, 5, 6};
    const op_arg bytes = {.kind = OC_IN,
                          .dtype = NT_U8,
                          .rank = 3,
                          .dims = {1, 1, 6},
                          .ints = {7, 200, 3, 255, 9, 1}};
    op_arg doubles = GIVEN(x, 1, 1, 6);

    doubles.dtype = NT_F64;
    check_op(&(op_case){.op = "MaxPool",
                        .in = {bytes},
                        .attr = {INTS("kernel_shape", 2), INTS("strides", 2)},
                        .inference_only = true});
    assert_eval((&(op_case){.op = "MaxPool",
                            .in = {bytes},
                            .attr = {INTS("kernel_shape", 2), INTS("strides", 2)}}),
                200, 255, 9);
    check_op(&(op_case){.op = "AveragePool",
                        .in = {doubles},
                        .attr = {INTS("kernel_shape", 2)},
                        .inference_only = true});
}

NT_TEST(max_unpool_puts_back_what_max_pool_took)
{
    const float x[] = {1, 2, 3, 4};

    assert_eval((&(op_case){.op = "MaxUnpool",
                            .in = {GIVEN(x, 1, 1, 2, 2),
                                   {.kind = OC_CONST,
                                    .dtype = NT_I64,
                                    .rank = 4,
                                    .dims = {1, 1, 2, 2},
                                    .ints = {5, 7, 13, 8}}},
                            .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2)}}),
                0, 0, 0, 0, 0, 1, 0, 2, 4, 0, 0, 0, 0, 3, 0, 0);
    check_op(&(op_case){.op = "MaxUnpool",
                        .in = {IN(1, 2, 3),
                               {.kind = OC_CONST,
                                .dtype = NT_I64,
                                .rank = 3,
                                .dims = {1, 2, 3},
                                .ints = {1, 2, 6, 8, 10, 11}},
                               I64(1, 2, 7)},
                        .attr = {INTS("kernel_shape", 2), INTS("strides", 2)}});
    assert_string_equal(
        op_shape(&(op_case){
            .op = "MaxUnpool",
            .in = {IN(-1, 2, -1, 3),
                   {.kind = OC_IN, .dtype = NT_I64, .rank = 4, .dims = {-1, 2, -1, 3}}},
            .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2)}}),
        "[A,2,?,6]");
}

NT_TEST(max_unpool_follows_its_input_with_its_shape)
{
    op_coupled o = op_couple(
        &(op_case){.op = "MaxUnpool",
                   .in = {IN(1, 3, 2, 2),
                          {.kind = OC_IN, .dtype = NT_I64, .rank = 4, .dims = {1, 3, 2, 2}},
                          I64(1, 3, 5, 4)},
                   .attr = {INTS("kernel_shape", 2, 2), INTS("strides", 2, 2)}});
    bool *removed = nt_calloc((size_t)nt_coupling_n_classes(o.c), sizeof *removed);
    nt_node *n = o.g->nodes[0];
    nt_kept *k = NULL;

    assert_non_null(removed);
    assert_tied(&o, "in0", 1, 2, "out0", 1, 2);
    assert_tied(&o, "in0", 1, 2, "in1", 1, 2);
    removed[op_class(&o, "in0", 1, 1)] = true;
    assert_ok(nt_kept_new(&k, o.c, removed, e));
    assert_ok(n->op->adapt(k, o.g, n, e));
    assert_int_equal(nt_tensor_get_i64(n->in[2]->data, 1), 2);
    assert_int_equal(nt_tensor_get_i64(n->in[2]->data, 2), 5);
    nt_kept_free(k);
    nt_free(removed);
    op_coupled_release(&o);
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
