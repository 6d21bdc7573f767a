/* SPDX-License-Identifier: MIT */
#include "op_harness.h"

#include "op/registry.h"

#define BN_IN(...)                                                                             \
    {                                                                                          \
        IN(__VA_ARGS__), CONST(3), CONST(3), CONST(3), POSITIVE_CONST(3)                       \
    }

NT_TEST(batchnorm_puts_eps_inside_the_root)
{
    const float x[] = {3}, one[] = {1}, zero[] = {0};

    assert_eval((&(op_case){.op = "BatchNormalization",
                            .in = {GIVEN(x, 1, 1), GIVEN(one, 1), GIVEN(zero, 1), GIVEN(one, 1),
                                   GIVEN(zero, 1)},
                            .attr = {FLOAT("epsilon", 4)}}),
                1); /* (3 - 1) / sqrt(0 + 4); eps outside would give 0.5 */
}

NT_TEST(batchnorm_keeps_the_shape)
{
    assert_string_equal(
        op_shape(&(op_case){.op = "BatchNormalization", .in = BN_IN(-1, 3, -1)}), "[A,3,C]");
}

NT_TEST(batchnorm_refuses_what_it_cannot_do_by_name)
{
    assert_refused((&(op_case){.op = "BatchNormalization", .in = BN_IN(2, 4, 5)}),
                   "input 1 has 3 entries for 4 channels");
    assert_refused((&(op_case){.op = "BatchNormalization",
                               .opset = 8,
                               .in = BN_IN(2, 3, 5),
                               .attr = {INT("spatial", 0)}}),
                   "spatial 0");
    assert_refused((&(op_case){.op = "BatchNormalization", .in = BN_IN(2, 3, 5), .n_out = 3}),
                   "output 1 (batch statistics) is used");
}

NT_TEST(batchnorm_of_any_rank)
{
    check_op(&(op_case){
        .op = "BatchNormalization", .in = BN_IN(4, 3, 3, 5), .training_differs = true});
    check_op(&(op_case){.op = "BatchNormalization",
                        .in = BN_IN(6, 3),
                        .attr = {FLOAT("epsilon", 0.1F)},
                        .training_differs = true});
    check_op(
        &(op_case){.op = "BatchNormalization", .in = BN_IN(3, 3, 5), .training_differs = true});
    check_op(&(op_case){
        .op = "BatchNormalization", .in = BN_IN(2, 3, 2, 3, 2), .training_differs = true});
}

NT_TEST(batchnorm_gives_out_moved_statistics_where_they_are_read)
{
    const float x[] = {1, 2, 3, 6}, one[] = {1}, zero[] = {0};
    const op_case c = {
        .op = "BatchNormalization",
        .opset = 14,
        .n_out = 3,
        .in = {GIVEN(x, 4, 1), GIVEN(one, 1), GIVEN(zero, 1), GIVEN(zero, 1), GIVEN(one, 1)},
        .attr = {FLOAT("momentum", 0.75F), FLOAT("epsilon", 0), INT("training_mode", 1)}};
    nt_tensor *y[OC_MAX] = {NULL};

    op_eval(&c, y); /* mean 3, population variance 3.5 */
    assert_float_equal(nt_tensor_get(y[0], 3), 3 / sqrt(3.5), 1e-6);
    assert_float_equal(nt_tensor_get(y[1], 0), 0.25 * 3, 1e-6);
    assert_float_equal(nt_tensor_get(y[2], 0), 0.75 + 0.25 * 3.5, 1e-6);
    for (int i = 0; i < 3; i++)
        nt_tensor_free(y[i]);
    check_op(&(op_case){.op = "BatchNormalization",
                        .opset = 14,
                        .n_out = 3,
                        .in = BN_IN(4, 3, 3, 5),
                        .attr = {INT("training_mode", 1)},
                        .no_grad = true});
}

/* Forward twice from running mean 0 and variance 1 with momentum 0.75, as PyTorch's 0.25. */
static void running_statistics(const char *backend)
{
    const float x[] = {1, 2, 3, 6}, one[] = {1}, zero[] = {0};
    const op_case c = {
        .op = "BatchNormalization",
        .in = {GIVEN(x, 4, 1), GIVEN(one, 1), GIVEN(zero, 1), GIVEN(zero, 1), GIVEN(one, 1)},
        .attr = {FLOAT("momentum", 0.75F), FLOAT("epsilon", 0)}};
    nt_device *dev = op_device(backend);
    nt_graph *g = op_bound_graph(&c, true);
    nt_params *params = op_params(&c, g);
    nt_plan_opts o = {.training = true, .compute = NT_F32, .params = params};
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, g, dev, &o, e));
    assert_ok(nt_plan_forward(p, e));
    /* mean 3, population variance 3.5, unbiased 14/3 */
    assert_float_equal(nt_tensor_get(nt_plan_output(p, 0), 3), 3 / sqrt(3.5), 1e-5);
    assert_float_equal(params->state[0], 0.25 * 3, 1e-6);
    assert_float_equal(params->state[1], 0.75 + 0.25 * 14 / 3, 1e-6);
    assert_ok(nt_plan_forward(p, e));
    assert_float_equal(params->state[0], 0.75 * 0.75 + 0.25 * 3, 1e-6);
    nt_plan_free(p);
    nt_params_free(params);
    nt_graph_free(g);
    nt_device_free(dev);
}

/* Inference uses the stored statistics then, and ONNX has those of the batch. */
NT_TEST(batchnorm_in_training_mode_is_remarked_on)
{
    for (int mode = 0; mode < 2; mode++) {
        op_case c = {.op = "BatchNormalization",
                     .opset = 15,
                     .in = {IN(2, 3, 4), CONST(3), CONST(3), CONST(3), POSITIVE_CONST(3)},
                     .attr = {INT("training_mode", mode)}};
        nt_graph *g = op_bound_graph(&c, false);

        if (mode)
            assert_string_equal(nt_ops_table()->remark(g->nodes[0]),
                                "training_mode is 1: the stored mean and variance are used, "
                                "not the batch's");
        else
            assert_null(nt_ops_table()->remark(g->nodes[0]));
        nt_graph_free(g);
        c.n_out = 3; /* somebody reads the batch's, and so they are used */
        if (mode) {
            g = op_bound_graph(&c, false);
            assert_null(nt_ops_table()->remark(g->nodes[0]));
            nt_graph_free(g);
        }
    }
}

NT_TEST(batchnorm_moves_its_running_statistics_as_pytorch_does)
{
    running_statistics("onednn");
    running_statistics("openblas");
}

NT_TEST(batchnorm_ties_all_its_parameters_to_the_channels)
{
    op_coupled o = op_couple(&(op_case){.op = "BatchNormalization", .in = BN_IN(1, 3, 4, 4)});
    char name[8];

    for (int64_t c = 0; c < 3; c++) {
        assert_tied(&o, "in0", 1, c, "out0", 1, c);
        for (int i = 1; i < 5; i++) {
            snprintf(name, sizeof name, "in%d", i);
            assert_tied(&o, name, 0, c, "out0", 1, c);
        }
    }
    op_coupled_release(&o);
}

NT_TEST_MAIN
