/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(matmul_by_hand)
{
    const float a[] = {1, 2, 3, 4}, b[] = {1, 0, 2, 1}, v[] = {1, -1};

    assert_eval((&(op_case){.op = "MatMul", .in = {GIVEN(a, 2, 2), GIVEN(b, 2, 2)}}), 5, 2, 11,
                4);
    assert_eval((&(op_case){.op = "MatMul", .in = {GIVEN(v, 2), GIVEN(a, 2, 2)}}), -2, -2);
    assert_eval((&(op_case){.op = "MatMul", .in = {GIVEN(a, 2, 2), GIVEN(v, 2)}}), -1, -1);
}

NT_TEST(matmul_infers_batches)
{
    assert_string_equal(op_shape(&(op_case){.op = "MatMul", .in = {IN(-1, 5, 3), CONST(3, 4)}}),
                        "[A,5,4]");
    assert_string_equal(
        op_shape(&(op_case){.op = "MatMul", .in = {IN(-1, 1, 5, 3), IN(2, 3, 4)}}),
        "[A,2,5,4]");
    assert_string_equal(op_shape(&(op_case){.op = "MatMul", .in = {IN(3), IN(2, 3, 4)}}),
                        "[2,4]");
    assert_string_equal(op_shape(&(op_case){.op = "MatMul", .in = {IN(2, 5, 3), IN(3)}}),
                        "[2,5]");
}

NT_TEST(matmul_refuses_what_does_not_fit)
{
    assert_refused((&(op_case){.op = "MatMul", .in = {IN(2, 3), CONST(4, 3)}}),
                   "A has 3 columns and B 4 rows");
    assert_refused((&(op_case){.op = "MatMul", .in = {IN(2, 5, 3), IN(3, 3, 4)}}),
                   "does not broadcast");
}

NT_TEST(matmul_with_a_weight)
{
    check_op(&(op_case){.op = "MatMul", .in = {IN(3, 4), CONST(4, 5)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 3, 4), CONST(4, 5)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(4), CONST(4, 5)}});
    check_op(&(op_case){.op = "MatMul", .in = {CONST(3, 4), IN(2, 4, 2)}});
}

NT_TEST(matmul_of_batches)
{
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 3, 4), IN(2, 4, 5)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 3, 3, 4), IN(2, 3, 4, 2)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 3, 4), IN(1, 4, 5)}}); /* rows merge */
}

NT_TEST(matmul_of_integers_and_doubles_is_exact)
{
    const int64_t big = (INT64_C(1) << 53) + 1;
    op_case c = {.op = "MatMul", .in = {I64(big, 3), I64(1, -2)}, .inference_only = true};
    nt_tensor *out[OC_MAX] = {NULL};

    op_eval(&c, out);
    assert_int_equal(nt_tensor_get_i64(out[0], 0), big - 6);
    nt_tensor_free(out[0]);
    check_op(&c);
    c = (op_case){.op = "MatMul", .in = {IN(2, 3), IN(3, 2)}, .inference_only = true};
    c.in[0].dtype = c.in[1].dtype = NT_F64;
    check_op(&c);
}

NT_TEST(matmul_that_stretches)
{
    check_op(&(op_case){.op = "MatMul", .in = {IN(3, 4), IN(2, 4, 5)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 1, 3, 4), IN(3, 4, 2)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(4), IN(3, 4, 2)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(2, 3, 4), IN(4)}});
    check_op(&(op_case){.op = "MatMul", .in = {IN(4), IN(4)}});
}

NT_TEST(matmul_counts_layers_only)
{
    op_case layer = {.op = "MatMul", .in = {IN(2, 3, 4), CONST(4, 5)}};
    op_case other = {.op = "MatMul", .in = {IN(2, 3, 4), IN(2, 4, 5)}};
    nt_graph *g = op_bound_graph(&layer, false);
    nt_op_cost cost = {0};

    g->nodes[0]->op->cost(g->nodes[0], &cost);
    assert_int_equal(cost.macs, 2 * 3 * 4 * 5);
    assert_int_equal(cost.params, 20);
    nt_graph_free(g);
    g = op_bound_graph(&other, false);
    cost = (nt_op_cost){0};
    g->nodes[0]->op->cost(g->nodes[0], &cost);
    assert_int_equal(cost.macs, 0);
    nt_graph_free(g);
}

NT_TEST(matmul_ties_what_it_sums_over_and_what_goes_through)
{
    op_coupled o = op_couple(&(op_case){.op = "MatMul", .in = {IN(2, 3, 4), CONST(4, 5)}});

    for (int64_t i = 0; i < 4; i++)
        assert_tied(&o, "in0", 2, i, "in1", 0, i);
    for (int64_t i = 0; i < 5; i++)
        assert_tied(&o, "in1", 1, i, "out0", 2, i);
    for (int64_t i = 0; i < 3; i++)
        assert_tied(&o, "in0", 1, i, "out0", 1, i);
    op_coupled_release(&o);
}

NT_TEST(matmul_of_computed_tensors_ties_heads)
{
    op_coupled o =
        op_couple(&(op_case){.op = "MatMul", .in = {IN(1, 2, 3, 4), IN(1, 2, 4, 5)}});

    for (int64_t i = 0; i < 2; i++) {
        assert_tied(&o, "in0", 1, i, "out0", 1, i);
        assert_tied(&o, "in1", 1, i, "out0", 1, i);
    }
    assert_tied(&o, "in0", 3, 2, "in1", 2, 2);
    op_coupled_release(&o);
}

NT_TEST_MAIN
