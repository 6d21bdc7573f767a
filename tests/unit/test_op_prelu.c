/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(prelu_by_hand)
{
    const float x[] = {-2, 3, -4, 5}, slope[] = {0.5F, 0.25F};

    assert_eval((&(op_case){.op = "PRelu", .in = {GIVEN(x, 2, 2), GIVEN(slope, 2, 1)}}), -1, 3,
                -1, 5);
    assert_eval((&(op_case){.op = "PRelu", .in = {I64(-2, 3), I64(4)}}), -8, 3);
}

/* Per channel, one for all, per element, one axis more than x's last, computed. */
NT_TEST(prelu_with_slopes_of_all_shapes)
{
    const op_case cases[] = {
        {.in = {IN(2, 5, 3, 3), CONST(5, 1, 1)}},
        {.in = {IN(2, 5, 3, 3), CONST(1)}},
        {.in = {IN(2, 16, 2, 2), CONST(16, 1, 1)}},
        {.in = {IN(2, 3, 4), CONST(3, 4)}},
        {.in = {IN(4, 3), CONST(3)}},
        {.in = {IN(2, 3, 2, 2), IN(2, 3, 1, 1)}},
        {.in = {IN(7), CONST(7)}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_case c = cases[i];

        c.op = "PRelu";
        c.spaced = true;
        check_op(&c);
    }
}

NT_TEST(prelu_refuses_a_slope_that_would_stretch_its_input)
{
    assert_refused((&(op_case){.op = "PRelu", .in = {IN(2, 1), CONST(3)}}), "is larger");
    assert_refused((&(op_case){.op = "PRelu", .in = {IN(2), CONST(1, 2)}}), "is larger");
    assert_refused((&(op_case){.op = "PRelu", .in = {IN(2, 3), CONST(2)}}), "not broadcast");
}

NT_TEST(a_channel_goes_with_its_slope)
{
    op_coupled o = op_couple(&(op_case){.op = "PRelu", .in = {IN(2, 6, 4, 4), CONST(6, 1, 1)}});

    assert_tied(&o, "in1", 0, 3, "out0", 1, 3);
    op_coupled_release(&o);
}

NT_TEST(a_constant_slope_is_a_parameter)
{
    nt_graph *g = op_bound_graph(&(op_case){.op = "PRelu", .in = {IN(2, 3), CONST(3)}}, false);

    assert_true(nt_op_is_param(g->nodes[0], 1));
    assert_false(nt_op_is_param(g->nodes[0], 0));
    nt_graph_free(g);
}

NT_TEST_MAIN
