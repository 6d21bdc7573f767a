/* SPDX-License-Identifier: MIT */
/* Losses as operators of a graph. */
#include "op_harness.h"

#define NLL "NegativeLogLikelihoodLoss"
#define CE "SoftmaxCrossEntropyLoss"

/* Constant classes. */
#define TARGET(n, ...)                                                                         \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_I64, OC_DIMS(__VA_ARGS__), .ints = { n }                 \
    }
#define LIST(...) __VA_ARGS__

static const float logs[] = {-1, -2, -3, -4, -5, -6}; /* two samples of three classes */

NT_TEST(negative_log_likelihood_by_hand)
{
    const float w[] = {1, 2, 4};
    const op_arg t = I64(2, 0);

    assert_eval((&(op_case){.op = NLL, .in = {GIVEN(logs, 2, 3), t}}), 3.5F);
    assert_eval((&(op_case){.op = NLL,
                            .in = {GIVEN(logs, 2, 3), t},
                            .attr = {STR("reduction", "sum")}}),
                7);
    assert_eval((&(op_case){.op = NLL,
                            .in = {GIVEN(logs, 2, 3), t},
                            .attr = {STR("reduction", "none")}}),
                3, 4);
    assert_eval((&(op_case){.op = NLL, .in = {GIVEN(logs, 2, 3), t, GIVEN(w, 3)}}), 16 / 5.0F);
    assert_eval((&(op_case){.op = NLL,
                            .in = {GIVEN(logs, 2, 3), I64(2, -7)},
                            .attr = {INT("ignore_index", -7)}}),
                3);
}

NT_TEST(cross_entropy_by_hand)
{
    const float equal[] = {5, 5, 5, 5};

    assert_eval((&(op_case){.op = CE, .in = {GIVEN(equal, 1, 4), I64(3)}}), 1.3862944F);
    assert_eval((&(op_case){.op = CE, .in = {GIVEN(logs, 2, 3), I64(0, 1)}}),
                0.9076060F); /* log(1 + e^-1 + e^-2) = 0.4076060, and 1 more for class 1 */
}

static void check_reductions(const op_case *base)
{
    static const char *const reductions[] = {"mean", "sum", "none"};

    for (size_t i = 0; i < 3; i++) {
        op_case c = *base;

        c.attr[0] = (op_attr)STR("reduction", reductions[i]);
        check_op(&c);
    }
}

NT_TEST(losses_of_all_ranks_and_their_gradients)
{
    const op_arg one = TARGET(LIST(0, 2, 1, 1), 4);
    const op_arg two = TARGET(LIST(0, 2, 1, 1, 2, 0), 2, 3);
    const op_arg four = TARGET(LIST(1, 2, 0, 1, 2, 2, 0, 0), 2, 2, 1, 2);
    op_arg weights = POSITIVE_CONST(3);

    weights.fixed = true;
    for (int i = 0; i < 2; i++) {
        const char *op = i ? CE : NLL;

        check_reductions(&(op_case){.op = op, .in = {IN(4, 3), one}});
        check_reductions(&(op_case){.op = op, .in = {IN(4, 3), one, weights}});
        check_reductions(&(op_case){.op = op, .in = {IN(2, 3, 3), two, weights}});
        check_reductions(&(op_case){.op = op, .opset = 12, .in = {IN(2, 3, 2, 1, 2), four}});
        check_reductions(&(op_case){
            .op = op, .in = {IN(4, 3), one, weights}, .attr = {{0}, INT("ignore_index", 1)}});
    }
}

NT_TEST(log_probabilities_are_an_output_with_a_gradient)
{
    const op_arg t = TARGET(LIST(0, 2, 1, 1, 2, 0), 2, 3);

    check_reductions(&(op_case){.op = CE, .n_out = 2, .in = {IN(2, 3, 3), t}});
}

NT_TEST(losses_refuse_what_does_not_fit)
{
    assert_refused(
        (&(op_case){.op = NLL, .in = {IN(2, 3), I64(1, 1)}, .attr = {STR("reduction", "max")}}),
        "reduction 'max'");
    assert_refused((&(op_case){.op = NLL, .in = {IN(2, 3, 4), I64(1, 1)}}), "want 2");
    assert_refused((&(op_case){.op = CE, .in = {IN(2, 3), I64(1, 1, 1)}}),
                   "axis 0 of the target");
    assert_refused((&(op_case){.op = CE, .in = {IN(2, 3), I64(1, 1), CONST(4)}}),
                   "4 weights for 3 classes");
    assert_refused((&(op_case){.op = CE, .in = {IN(2), I64(1, 1)}}), "want at least 2");
}

NT_TEST(a_class_out_of_range_is_an_error)
{
    const op_case c = {.op = NLL, .in = {IN(1, 3), I64(3)}};
    nt_graph *g = op_bound_graph(&c, true);
    const nt_tensor *in[] = {g->nodes[0]->in[0]->data, g->nodes[0]->in[1]->data};
    nt_tensor *y = NULL;
    nt_err refusal = {{0}};

    assert_ok(nt_tensor_new(&y, NT_F32, 0, NULL, e));
    assert_int_equal(g->nodes[0]->op->eval(g->nodes[0], in, &y, &refusal), NT_EFORMAT);
    assert_non_null(strstr(refusal.msg, "target 3 is outside [0, 3)"));
    nt_tensor_free(y);
    nt_graph_free(g);
}

NT_TEST_MAIN
