/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(gemm_by_hand)
{
    const float a[] = {1, 2, 3, 4}, b[] = {1, 0, 2, 1}, c[] = {10, 20};

    assert_eval((&(op_case){.op = "Gemm",
                            .in = {GIVEN(a, 2, 2), GIVEN(b, 2, 2), GIVEN(c, 2)},
                            .attr = {FLOAT("alpha", 2), FLOAT("beta", 0.5F)}}),
                15, 14, 27, 18);
    assert_eval((&(op_case){.op = "Gemm",
                            .in = {GIVEN(a, 2, 2), GIVEN(b, 2, 2)},
                            .attr = {INT("transA", 1), INT("transB", 1)}}),
                1, 5, 2, 8);
}

NT_TEST(gemm_infers_shapes_and_keeps_the_batch_symbol)
{
    assert_string_equal(op_shape(&(op_case){.op = "Gemm",
                                            .in = {IN(-1, 3), CONST(4, 3), CONST(4)},
                                            .attr = {INT("transB", 1)}}),
                        "[A,4]");
}

NT_TEST(gemm_refuses_what_does_not_fit)
{
    assert_refused((&(op_case){.op = "Gemm", .in = {IN(2, 3), CONST(4, 3)}}),
                   "A has 3 columns and B 4 rows");
    assert_refused((&(op_case){.op = "Gemm", .in = {IN(2, 3), CONST(3, 4), CONST(3)}}),
                   "C has 3 along axis 0, want 4 or 1");
    assert_refused((&(op_case){.op = "Gemm", .in = {IN(2, 3, 1), CONST(3, 4)}}),
                   "input 0 has 3 dimensions");
}

NT_TEST(gemm_as_a_layer)
{
    check_op(&(op_case){
        .op = "Gemm", .in = {IN(5, 7), CONST(4, 7), CONST(4)}, .attr = {INT("transB", 1)}});
    check_op(&(op_case){.op = "Gemm", .in = {IN(1, 13), CONST(13, 3), CONST(1, 3)}});
    check_op(&(op_case){.op = "Gemm", .in = {IN(3, 1), CONST(1, 2)}});
}

NT_TEST(gemm_scales_weights_and_bias)
{
    check_op(&(op_case){.op = "Gemm",
                        .in = {IN(3, 4), CONST(4, 5), CONST(5)},
                        .attr = {FLOAT("alpha", 0.5F), FLOAT("beta", -2)}});
    check_op(
        &(op_case){.op = "Gemm", .in = {IN(3, 4), CONST(4, 5)}, .attr = {FLOAT("alpha", 3)}});
}

NT_TEST(gemm_adds_c_of_any_shape)
{
    check_op(&(op_case){
        .op = "Gemm", .in = {IN(3, 4), CONST(4, 5), CONST(3, 1)}, .attr = {FLOAT("beta", 2)}});
    check_op(&(op_case){.op = "Gemm", .in = {IN(3, 4), CONST(4, 5), IN(3, 5)}});
    check_op(&(op_case){.op = "Gemm", .in = {IN(3, 4), CONST(4, 5), CONST(1)}});
}

NT_TEST(gemm_of_integers)
{
    op_case c = {.op = "Gemm", .in = {I64(1, 2, 3, 4), I64(5, 6, 7, 8), I64(100, -100)}};

    c.inference_only = true;
    for (int i = 0; i < 2; i++)
        c.in[i].rank = 2, c.in[i].dims[0] = c.in[i].dims[1] = 2;
    assert_eval(&c, 119, -78, 143, -50);
    check_op(&c);
    c.attr[0] = (op_attr)FLOAT("alpha", 2);
    assert_eval(&c, 138, -56, 186, 0);
}

NT_TEST(gemm_of_transposed_operands)
{
    for (int64_t ta = 0; ta < 2; ta++)
        for (int64_t tb = 0; tb < 2; tb++) {
            op_case c = {.op = "Gemm",
                         .in = {IN(3, 4), CONST(4, 5), CONST(5)},
                         .attr = {INT("transA", ta), INT("transB", tb), FLOAT("alpha", 2)}};

            if (ta)
                c.in[0] = (op_arg)IN(4, 3);
            if (tb)
                c.in[1] = (op_arg)CONST(5, 4);
            check_op(&c);
        }
}

NT_TEST(gemm_counts_its_work)
{
    op_case c = {
        .op = "Gemm", .in = {IN(2, 7), CONST(4, 7), CONST(4)}, .attr = {INT("transB", 1)}};
    nt_graph *g = op_bound_graph(&c, false);
    nt_op_cost cost = {0};

    g->nodes[0]->op->cost(g->nodes[0], &cost);
    assert_int_equal(cost.macs, 2 * 7 * 4);
    assert_int_equal(cost.params, 7 * 4 + 4);
    nt_graph_free(g);
}

NT_TEST(gemm_ties_columns)
{
    op_coupled o = op_couple(&(op_case){
        .op = "Gemm", .in = {IN(2, 3), CONST(4, 3), CONST(4)}, .attr = {INT("transB", 1)}});

    for (int64_t i = 0; i < 4; i++) {
        assert_tied(&o, "in1", 0, i, "out0", 1, i);
        assert_tied(&o, "in2", 0, i, "out0", 1, i);
    }
    for (int64_t i = 0; i < 3; i++)
        assert_tied(&o, "in1", 1, i, "in0", 1, i);
    op_coupled_release(&o);
}

NT_TEST_MAIN
