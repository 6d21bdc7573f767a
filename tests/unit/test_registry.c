/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

NT_TEST(every_entry_is_whole)
{
    for (size_t i = 0; i < nt_op_count(); i++) {
        const nt_op *op = nt_op_at(i);

        assert_non_null(op->name);
        assert_non_null(op->domain);
        if (!op->infer || !(op->eval || op->make || op->lower || op->flags & NT_OPF_FOLDS))
            fail_msg("%s cannot be inferred or run", op->name);
        if (op->eval && op->make)
            fail_msg("%s is evaluated in two ways", op->name);
        if (op->since < 1 || (op->until && op->until < op->since))
            fail_msg("%s is of opsets %d to %d", op->name, op->since, op->until);
        if (op->max_in >= 0 && op->max_in < op->min_in)
            fail_msg("%s has %d to %d inputs", op->name, op->min_in, op->max_in);
        if (op->lower_grad && !op->lower)
            fail_msg("%s goes back where it does not go forth", op->name);
    }
    assert_null(nt_op_at(nt_op_count()));
}

NT_TEST(no_two_entries_implement_one_opset)
{
    for (size_t i = 0; i < nt_op_count(); i++) {
        const nt_op *op = nt_op_at(i);

        for (int opset = op->since; opset <= (op->until ? op->until : NT_OPSET_MAX); opset++)
            if (nt_op_find(op->domain, op->name, opset) != op)
                fail_msg("%s of opset %d is implemented twice", op->name, opset);
    }
}

NT_TEST(an_entry_is_found_by_opset)
{
    assert_int_equal(nt_op_find("", "Split", 12)->until, 12);
    assert_int_equal(nt_op_find("", "Split", 13)->since, 13);
    assert_ptr_equal(nt_op_find("ai.onnx", "Split", 13), nt_op_find("", "Split", 13));
    assert_null(nt_op_find("com.example", "Split", 13));
    assert_null(nt_op_find("", "LessOrEqual", 11));
}

NT_TEST(what_is_missing_is_named)
{
    assert_refused((&(op_case){.op = "Foo", .in = {IN(1)}}),
                   "node 'node': operator 'Foo' (opset 13) is not supported");
    assert_refused((&(op_case){.op = "Pad", .in = {IN(1)}, .attr = {INT("foo", 1)}}),
                   "node 'node': Pad: ");
    assert_refused((&(op_case){.op = "Flatten", .in = {IN(1)}, .attr = {INT("foo", 1)}}),
                   "node 'node': Flatten: attribute 'foo' is not known");
    assert_refused((&(op_case){.op = "Flatten", .in = {IN(1)}, .attr = {FLOAT("axis", 1)}}),
                   "attribute 'axis' is a float, want an integer");
    assert_refused((&(op_case){.op = "Concat", .in = {IN(1)}}), "attribute 'axis' is missing");
    assert_refused((&(op_case){.op = "Add", .in = {IN(1)}}), "1 inputs, want at least 2");
    assert_refused((&(op_case){.op = "Add", .in = {IN(1), IN(1), IN(1)}}),
                   "3 inputs, want at most 2");
    assert_refused((&(op_case){.op = "Add", .in = {NONE, IN(1)}}), "input 0 is missing");
    assert_refused((&(op_case){.op = "Max", .in = {IN(1), NONE, IN(1)}}), "input 1 is missing");
    assert_refused((&(op_case){.op = "Relu", .in = {IN(1)}, .n_out = 2}),
                   "2 outputs, want at most 1");
}

NT_TEST(single_numbers_beside_a_sum_are_no_parameters)
{
    const op_case c = {.op = "Add", .in = {IN(2, 3), CONST(3)}};
    const op_case d = {.op = "Add", .in = {IN(2, 3), SCALAR(3)}};
    nt_graph *g = op_bound_graph(&c, false);

    assert_false(nt_op_is_param(g->nodes[0], 0));
    assert_true(nt_op_is_param(g->nodes[0], 1));
    nt_graph_free(g);
    g = op_bound_graph(&d, false);
    assert_false(nt_op_is_param(g->nodes[0], 1));
    nt_graph_free(g);
}

NT_TEST_MAIN
