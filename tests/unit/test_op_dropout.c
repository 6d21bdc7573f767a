/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "op/registry.h"
#include "op_harness.h"

enum { N = 4096 };

/* y = Dropout(w) with a parameter w of ones, planned for training. */
typedef struct drop {
    nt_graph *g;
    nt_params *params;
    nt_device *dev;
    nt_plan *p;
} drop;

static drop open_drop(const op_case *c, uint64_t seed)
{
    drop d = {.g = op_bound_graph(c, true)};
    nt_plan_opts o = {.training = true, .compute = NT_F32, .seed = seed};

    d.params = op_params(c, d.g);
    for (size_t i = 0; i < d.params->n_w; i++)
        d.params->w[i] = 1;
    o.params = d.params;
    d.dev = op_device("openblas");
    assert_ok(nt_plan_new(&d.p, d.g, d.dev, &o, e));
    return d;
}

static void close_drop(drop *d)
{
    nt_plan_free(d->p);
    nt_device_free(d->dev);
    nt_params_free(d->params);
    nt_graph_free(d->g);
}

static const op_case quarter = {
    .op = "Dropout", .opset = 11, .in = {CONST(N)}, .attr = {FLOAT("ratio", 0.25F)}};

NT_TEST(dropout_passes_on_at_inference)
{
    check_op(&(op_case){.op = "Dropout", .in = {IN(2, 3), SCALAR(0)}});
    assert_eval((&(op_case){.op = "Dropout", .in = {GIVEN(((const float[]){1, 2}), 2)}}), 1, 2);
    assert_string_equal(op_shape(&(op_case){.op = "Dropout", .in = {IN(-1, 3)}, .n_out = 2}),
                        "[A,3]");
}

NT_TEST(dropout_in_training_mode_is_remarked_on)
{
    op_arg on = {.kind = OC_CONST, .dtype = NT_BOOL, .fixed = true};
    op_case c = {.op = "Dropout", .opset = 13, .in = {IN(2, 3), NONE, on}};

    for (int mode = 0; mode < 2; mode++) {
        nt_graph *g;

        c.in[2].ints[0] = mode;
        g = op_bound_graph(&c, false);
        if (mode)
            assert_string_equal(nt_ops_table()->remark(g->nodes[0]),
                                "training_mode is true: nothing is dropped but in training");
        else
            assert_null(nt_ops_table()->remark(g->nodes[0]));
        nt_graph_free(g);
    }
}

NT_TEST(training_drops_a_share_and_scales_the_rest)
{
    drop d = open_drop(&quarter, 1);
    const float *y;
    int zeros = 0;

    assert_ok(nt_plan_forward(d.p, e));
    y = nt_plan_output(d.p, 0)->data;
    for (int i = 0; i < N; i++) {
        if (y[i] == 0)
            zeros++;
        else
            assert_float_equal(y[i], 4.0 / 3, 1e-6);
    }
    assert_in_range(zeros, N / 4 - 150, N / 4 + 150); /* 5.4 standard deviations */
    close_drop(&d);
}

NT_TEST(the_gradient_goes_where_the_elements_went)
{
    drop d = open_drop(&quarter, 1);
    const float *y;
    nt_tensor *dy;

    assert_ok(nt_plan_forward(d.p, e));
    dy = nt_plan_output_grad(d.p, 0);
    for (int i = 0; i < N; i++)
        ((float *)dy->data)[i] = 3;
    assert_ok(nt_plan_backward(d.p, e));
    y = nt_plan_output(d.p, 0)->data;
    for (int i = 0; i < N; i++)
        assert_float_equal(d.params->g[i], 3 * y[i], 1e-6);
    close_drop(&d);
}

static int differing(const float *a, const float *b)
{
    int n = 0;

    for (int i = 0; i < N; i++)
        n += a[i] != b[i];
    return n;
}

NT_TEST(each_run_draws_anew_and_a_run_of_the_same_number_the_same)
{
    drop d = open_drop(&quarter, 1);
    float *first = nt_alloc(N, sizeof *first);

    assert_non_null(first);
    nt_plan_set_run(d.p, 7);
    assert_ok(nt_plan_forward(d.p, e));
    memcpy(first, nt_plan_output(d.p, 0)->data, N * sizeof *first);
    nt_plan_set_run(d.p, 8);
    assert_ok(nt_plan_forward(d.p, e));
    assert_true(differing(first, nt_plan_output(d.p, 0)->data) > N / 8);
    nt_plan_set_run(d.p, 7);
    assert_ok(nt_plan_forward(d.p, e));
    assert_int_equal(differing(first, nt_plan_output(d.p, 0)->data), 0);
    nt_free(first);
    close_drop(&d);
}

NT_TEST(a_ratio_of_one_drops_all_and_past_it_is_refused)
{
    op_case c = {.op = "Dropout", .in = {CONST(N), SCALAR(1)}};
    drop d = open_drop(&c, 1);
    nt_plan_opts o = {.training = true, .compute = NT_F32};
    nt_err refusal = {{0}};

    assert_ok(nt_plan_forward(d.p, e));
    for (int i = 0; i < N; i++)
        assert_float_equal(((const float *)nt_plan_output(d.p, 0)->data)[i], 0, 0);
    nt_plan_free(d.p);
    ((float *)d.g->nodes[0]->in[1]->data->data)[0] = 1.5F;
    o.params = d.params;
    d.p = NULL;
    assert_int_equal(nt_plan_new(&d.p, d.g, d.dev, &o, &refusal), NT_EFORMAT);
    assert_non_null(strstr(refusal.msg, "ratio 1.5 is outside [0, 1]"));
    close_drop(&d);
}

NT_TEST_MAIN
