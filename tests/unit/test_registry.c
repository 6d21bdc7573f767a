/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

#include "op/registry.h"

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

NT_TEST(each_flag_is_a_bit_of_its_own)
{
    static const unsigned flags[] = {
        NT_OPF_IDENTITY,      NT_OPF_FUSES,      NT_OPF_RESIDUAL,
        NT_OPF_BIAS,          NT_OPF_SUM,        NT_OPF_FUSES_RELU_IN_TRAINING,
        NT_OPF_FIXED_SCALARS, NT_OPF_FOLDS,      NT_OPF_ON_CODES,
        NT_OPF_INT8,          NT_OPF_LEAVES_OUT, NT_OPF_BY_SAMPLE,
        NT_OPF_DOUBLE,        NT_OPF_MAKES_CODES};
    unsigned all = 0;

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        assert_int_equal(flags[i] & (flags[i] - 1), 0);
        assert_int_equal(all & flags[i], 0);
        all |= flags[i];
    }
    assert_false(nt_op_find("", "Add", 17)->flags & NT_OPF_LEAVES_OUT);
    assert_false(nt_op_find("", "Concat", 17)->flags & NT_OPF_DOUBLE);
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

static nt_graph *foreign_graph(const op_case *c)
{
    nt_graph *g = op_graph(c, true);

    g->nodes[0]->domain = "ai.onnx.preview.training";
    return g;
}

/* All outputs, one after the other. */
static void check_foreign(const op_case *c, const float *want, int n)
{
    nt_graph *g = foreign_graph(c);
    int at = 0;

    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_infer(g, e));
    assert_ok(nt_pass_fold(g, 0, NULL, e));
    for (int i = 0; i < g->n_outputs; i++)
        for (int64_t k = 0; k < nt_tensor_count(g->outputs[i]->data); k++)
            assert_float_equal(nt_tensor_get(g->outputs[i]->data, k), want[at++], 1e-5);
    assert_int_equal(at, n);
    nt_graph_free(g);
}

static void refuse_foreign(const op_case *c, const char *text)
{
    nt_graph *g = foreign_graph(c);
    nt_err err = {{0}};
    nt_status s = nt_graph_bind(g, nt_ops_table(), &err);

    if (s == NT_OK)
        s = nt_pass_infer(g, &err);
    assert_int_not_equal(s, NT_OK);
    if (!strstr(err.msg, text))
        fail_msg("want \"%s\", got \"%s\"", text, err.msg);
    nt_graph_free(g);
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

/* ai.onnx.preview.training, by hand from its text. */
NT_TEST(a_step_of_an_optimiser_is_an_operator)
{
    static const float x[] = {1, 2}, grad[] = {-1, 1}, v[] = {2, 0}, h[] = {3, 8};
    op_case adagrad = {.op = "Adagrad",
                       .in = {SCALAR(0.5F), I64(1), GIVEN(x, 2), GIVEN(grad, 2), GIVEN(h, 2)},
                       .attr = {FLOAT("decay_factor", 0.25F)},
                       .n_out = 2};
    op_case momentum = {.op = "Momentum",
                        .in = {SCALAR(0.5F), I64(0), GIVEN(x, 2), GIVEN(grad, 2), GIVEN(v, 2)},
                        .attr = {FLOAT("alpha", 0.5F), FLOAT("beta", 9),
                                 STR("mode", "standard"), FLOAT("norm_coefficient", 1)},
                        .n_out = 2};
    op_case adam = {
        .op = "Adam",
        .in = {SCALAR(0.5F), I64(0), GIVEN(x, 2), GIVEN(grad, 2), GIVEN(v, 2), GIVEN(h, 2)},
        .attr = {FLOAT("alpha", 0.5F), FLOAT("beta", 0.5F)},
        .n_out = 3};

    check_foreign(&adagrad, (const float[]){1.2F, 1.866667F, 4, 9}, 4);
    check_foreign(&momentum, (const float[]){0.5F, 0.5F, 1, 3}, 4); /* beta counts later */
    momentum.attr[2].s = "nesterov";
    check_foreign(&momentum, (const float[]){0.75F, -0.25F, 1, 3}, 4);
    check_foreign(&adam, (const float[]){0.823223F, 1.882149F, 0.5F, 0.5F, 2, 4.5F}, 6);
    momentum.attr[2].s = "heavy";
    refuse_foreign(&momentum, "mode 'heavy' is not supported");
    adam.n_out = 2;
    refuse_foreign(&adam, "6 inputs and 2 outputs, want 2 + 4 k and 3 k");
}

NT_TEST_MAIN
