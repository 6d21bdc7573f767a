/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(arithmetic_by_hand_with_broadcasting)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, row[] = {10, 20, 30}, column[] = {2, 4};

    assert_eval((&(op_case){.op = "Add", .in = {GIVEN(a, 2, 3), GIVEN(row, 3)}}), 11, 22, 33,
                14, 25, 36);
    assert_eval((&(op_case){.op = "Sub", .in = {GIVEN(row, 3), GIVEN(a, 2, 3)}}), 9, 18, 27, 6,
                15, 24);
    assert_eval((&(op_case){.op = "Mul", .in = {GIVEN(a, 2, 3), GIVEN(column, 2, 1)}}), 2, 4, 6,
                16, 20, 24);
    assert_eval((&(op_case){.op = "Div", .in = {GIVEN(row, 3), GIVEN(column, 2, 1)}}), 5, 10,
                15, 2.5F, 5, 7.5F);
    assert_eval((&(op_case){.op = "Pow", .in = {GIVEN(column, 2), GIVEN(column, 2, 1)}}), 4, 16,
                16, 256);
    assert_eval((&(op_case){.op = "Max", .in = {GIVEN(a, 2, 3), GIVEN(column, 2, 1)}}), 2, 2, 3,
                4, 5, 6);
    assert_eval((&(op_case){.op = "Min",
                            .in = {GIVEN(a, 2, 3), GIVEN(column, 2, 1), GIVEN(row + 1, 1)}}),
                1, 2, 2, 4, 4, 4);
}

NT_TEST(integers_divide_towards_zero_and_comparisons_give_truth)
{
    assert_eval((&(op_case){.op = "Div", .in = {I64(7, -7, 9), I64(2)}}), 3, -3, 4);
    assert_eval((&(op_case){.op = "Pow", .in = {I64(3, -2, 1), I64(2, 3, -5)}}), 9, -8, 1);
    assert_eval((&(op_case){.op = "Equal", .in = {I64(1, 2, 3), I64(3, 2, 1)}}), 0, 1, 0);
    assert_eval((&(op_case){.op = "Less", .in = {I64(1, 2, 3), I64(2)}}), 1, 0, 0);
    assert_eval((&(op_case){.op = "GreaterOrEqual", .in = {I64(1, 2, 3), I64(2)}}), 0, 1, 1);
}

NT_TEST(an_integer_division_by_zero_is_an_error)
{
    const op_case c = {.op = "Div", .in = {I64(7), I64(0)}};
    nt_graph *g = op_bound_graph(&c, true);
    nt_tensor *y = NULL;
    const nt_tensor *in[] = {g->nodes[0]->in[0]->data, g->nodes[0]->in[1]->data};
    nt_err refusal = {{0}};

    assert_ok(nt_tensor_new(&y, NT_I64, 1, (const int64_t[]){1}, e));
    assert_int_equal(g->nodes[0]->op->eval(g->nodes[0], in, &y, &refusal), NT_EFORMAT);
    nt_tensor_free(y);
    nt_graph_free(g);
}

NT_TEST(broadcasting_keeps_symbols_and_refuses_what_does_not_fit)
{
    assert_string_equal(op_shape(&(op_case){.op = "Add", .in = {IN(-1, 3, -1), CONST(3, 1)}}),
                        "[A,3,C]");
    assert_string_equal(op_shape(&(op_case){.op = "Mul", .in = {CONST(4), IN(2, -1, 1)}}),
                        "[2,B,4]");
    assert_refused((&(op_case){.op = "Add", .in = {IN(2, 3), IN(2)}}), "does not broadcast");
    assert_refused((&(op_case){.op = "Add", .in = {IN(2), I64(1, 2)}}), "is int64");
}

static void check_shapes(const char *op, bool positive)
{
    const op_case cases[] = {
        {.in = {IN(2, 3, 4, 5), IN(2, 3, 4, 5)}},
        {.in = {IN(2, 3, 4, 5), CONST(3, 1, 1)}},
        {.in = {CONST(1, 3, 1, 1), IN(2, 3, 4, 5)}},
        {.in = {IN(2, 3, 4, 5), IN(2, 3, 1, 1)}},
        {.in = {IN(2, 1, 4, 5), IN(2, 3, 4, 5)}},
        {.in = {IN(4, 1), IN(1, 5)}},
        {.in = {IN(3, 4), CONST(4)}},
        {.in = {IN(3, 4), CONST(1)}},
        {.in = {IN(2, 3, 4), IN(4)}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_case c = cases[i];

        c.op = op;
        c.in[0].positive = c.in[1].positive = positive;
        check_op(&c);
    }
}

NT_TEST(sums_and_differences)
{
    check_shapes("Add", false);
    check_shapes("Sub", false);
}

NT_TEST(sums_of_any_number)
{
    check_shapes("Sum", false);
    check_op(&(op_case){.op = "Sum", .in = {IN(3, 1), IN(2, 3, 4), CONST(4)}});
    check_op(&(op_case){.op = "Sum", .in = {IN(3, 2)}});
    check_op(&(op_case){.op = "Sum", .in = {IN(2, 5, 3, 3), CONST(5, 1, 1), IN(2, 5, 3, 3)}});
    check_op(&(op_case){.op = "Mean", .in = {IN(3, 1), IN(2, 3, 4), CONST(4)}});
    check_op(&(op_case){.op = "Mean", .in = {IN(3, 2)}});
}

NT_TEST(products_and_quotients)
{
    check_shapes("Mul", false);
    check_shapes("Div", true);
}

NT_TEST(powers)
{
    check_op(&(op_case){.op = "Pow", .in = {POSITIVE_IN(2, 3), SCALAR(2)}});
    check_op(&(op_case){.op = "Pow", .in = {POSITIVE_IN(2, 3), SCALAR(0.5F)}});
    check_op(&(op_case){.op = "Pow", .in = {POSITIVE_IN(2, 3), POSITIVE_CONST(3)}});
}

NT_TEST(minima_and_maxima)
{
    const float y[] = {0.11F, -0.13F, 0.01F}, not_a_number[] = {NAN};

    check_op(&(op_case){.op = "Max", .in = {IN(4, 3), GIVEN(y, 3)}, .spaced = true});
    check_op(&(op_case){.op = "Min", .in = {IN(4, 3), GIVEN(y, 3)}, .spaced = true});
    check_op(&(op_case){.op = "Max", .in = {IN(4, 3)}});
    check_op(&(op_case){.op = "Max",
                        .in = {IN(2, 3, 3, 3), GIVEN(y, 3, 1, 1), SCALAR(-0.05F)},
                        .spaced = true});
    check_op(&(op_case){
        .op = "Min", .in = {IN(2, 3), GIVEN(not_a_number, 1)}, .inference_only = true});
}

NT_TEST(where_chooses_and_sends_gradients_the_chosen_way)
{
    const op_arg mask = {
        .kind = OC_CONST, .dtype = NT_BOOL, OC_DIMS(2, 1, 3), .ints = {1, 0, 0, 0, 1, 1}};

    check_op(&(op_case){.op = "Where", .in = {mask, IN(2, 4, 3), IN(3)}});
    assert_refused((&(op_case){.op = "Where", .in = {IN(2), IN(2), IN(2)}}), "want bool");
    assert_refused((&(op_case){.op = "Where", .in = {mask, IN(3), I64(1)}}), "is int64");
}

NT_TEST(arithmetic_ties_axes_of_equal_extent)
{
    op_coupled o = op_couple(&(op_case){.op = "Mul", .in = {IN(2, 6, 4, 4), CONST(6, 1, 1)}});

    assert_tied(&o, "in1", 0, 3, "out0", 1, 3);
    assert_string_equal(op_frozen(&o, "out0", 1), "graph input 'in0'");
    op_coupled_release(&o);
}

NT_TEST_MAIN
