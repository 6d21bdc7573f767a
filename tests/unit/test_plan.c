/* SPDX-License-Identifier: MIT */
/* A whole plan, by numbers that can be worked by hand. */
#include "exec/plan.h"

#include "base/alloc.h"
#include "net.h"
#include "starve.h"

#include <stdlib.h>

/* y = relu(W x + b), W [2][2] = {1, 2, -1, 1}, b = {0, 1}; the batch of x is open. */
static net dense(void)
{
    static const float w[] = {1, 2, -1, 1}, b[] = {0, 1};
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 2)), *y;
    nt_node *n = NODE(&t, "Gemm", "f", x, weight(&t, "f.weight", DIMS(2, 2)),
                      weight(&t, "f.bias", DIMS(2)));

    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    memcpy(nt_graph_find_value(t.g, "f.weight")->data->data, w, sizeof w);
    memcpy(nt_graph_find_value(t.g, "f.bias")->data->data, b, sizeof b);
    y = NODE(&t, "Relu", "y", n->out[0])->out[0];
    complete(&t, y);
    return t;
}

typedef struct planned {
    nt_device *dev;
    nt_params *params;
    nt_plan *p;
} planned;

static planned plan(const net *t, nt_plan_opts o, bool params)
{
    planned q = {0};

    assert_ok(nt_device_new(&q.dev, 1, e));
    if (params || o.training)
        assert_ok(nt_params_new(&q.params, t->g, e));
    o.params = q.params;
    assert_ok(nt_plan_new(&q.p, t->g, q.dev, &o, e));
    return q;
}

static void unplan(planned *q)
{
    nt_plan_free(q->p);
    nt_params_free(q->params);
    nt_device_free(q->dev);
}

static void run(planned *q, float a, float b)
{
    nt_tensor *x = nt_plan_input(q->p, 0);

    nt_tensor_set(x, 0, a);
    nt_tensor_set(x, 1, b);
    assert_ok(nt_plan_forward(q->p, e));
}

static void assert_tensor(const nt_tensor *t, double a, double b)
{
    assert_non_null(t);
    assert_float_equal(nt_tensor_get(t, 0), a, 1e-6);
    assert_float_equal(nt_tensor_get(t, 1), b, 1e-6);
}

NT_TEST(a_plan_computes_and_its_inputs_keep_what_is_in_them)
{
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){0}, false);

    run(&q, 3, 1); /* {3 + 2, -3 + 1 + 1} */
    assert_tensor(nt_plan_output(q.p, 0), 5, 0);
    assert_tensor(nt_plan_input(q.p, 0), 3, 1);
    assert_ok(nt_plan_forward(q.p, e));
    assert_tensor(nt_plan_output(q.p, 0), 5, 0);
    run(&q, -1, 1);
    assert_tensor(nt_plan_output(q.p, 0), 1, 3);
    assert_null(nt_plan_input(q.p, 1));
    assert_null(nt_plan_output(q.p, 1));
    unplan(&q);
    finish(&t);
}

NT_TEST(an_open_batch_is_one_unless_the_shape_is_given)
{
    const int64_t dims[][NT_MAX_RANK] = {{3, 2}};
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){0}, false);

    assert_int_equal(nt_plan_input(q.p, 0)->dims[0], 1);
    assert_int_equal(nt_plan_output(q.p, 0)->dims[0], 1);
    unplan(&q);
    q = plan(&t, (nt_plan_opts){.dims = dims}, false);
    assert_int_equal(nt_plan_input(q.p, 0)->dims[0], 3);
    nt_tensor_set(nt_plan_input(q.p, 0), 4, 10);
    nt_tensor_set(nt_plan_input(q.p, 0), 5, 0);
    assert_ok(nt_plan_forward(q.p, e));
    assert_float_equal(nt_tensor_get(nt_plan_output(q.p, 0), 4), 10, 1e-6);
    unplan(&q);
    finish(&t);
}

NT_TEST(noise_is_the_same_for_the_same_seed)
{
    net t = dense();
    planned a = plan(&t, (nt_plan_opts){0}, false), b = plan(&t, (nt_plan_opts){0}, false);

    nt_plan_fill_noise(a.p, 1);
    nt_plan_fill_noise(b.p, 1);
    assert_memory_equal(nt_plan_input(a.p, 0)->data, nt_plan_input(b.p, 0)->data, 8);
    nt_plan_fill_noise(b.p, 2);
    assert_memory_not_equal(nt_plan_input(a.p, 0)->data, nt_plan_input(b.p, 0)->data, 8);
    unplan(&a);
    unplan(&b);
    finish(&t);
}

NT_TEST(inner_values_can_be_kept_and_others_are_not_there)
{
    net t = dense();
    planned q =
        plan(&t, (nt_plan_opts){.keep = (const char *const[]){"f", "nobody", NULL}}, false);

    run(&q, 3, 1);
    assert_tensor(nt_plan_kept(q.p, "f"), 5, -1); /* before the activation */
    assert_null(nt_plan_kept(q.p, "nobody"));
    assert_null(nt_plan_kept(q.p, "y"));
    unplan(&q);
    finish(&t);
}

/* What a table of steps shows: one without fusion for each node, and packing as once. */
NT_TEST(steps_tell_their_node_and_whether_they_run_once)
{
    net t = dense();
    planned fused = plan(&t, (nt_plan_opts){0}, false);
    planned each = plan(&t, (nt_plan_opts){.no_fusion = true}, false);
    int gemm = 0, relu = 0, fused_relu = 0;

    for (int i = 0; i < nt_plan_n_steps(each.p); i++) {
        nt_step_info s = nt_plan_step(each.p, i);

        gemm += s.node && strcmp(s.node->op_type, "Gemm") == 0 && !s.once;
        relu += s.node && strcmp(s.node->op_type, "Relu") == 0 && !s.once;
        assert_false(s.backward);
        assert_non_null(s.impl);
    }
    for (int i = 0; i < nt_plan_n_steps(fused.p); i++) {
        nt_step_info s = nt_plan_step(fused.p, i);

        fused_relu += s.node && strcmp(s.node->op_type, "Relu") == 0;
    }
    assert_int_equal(gemm, 1);
    assert_int_equal(relu, 1);
    assert_int_equal(fused_relu, 0);
    assert_true(nt_plan_arena_bytes(each.p) > 0);
    assert_true(nt_plan_const_bytes(each.p) >= 4 * 6);
    unplan(&fused);
    unplan(&each);
    finish(&t);
}

NT_TEST(each_steps_time_is_added_up)
{
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){.no_fusion = true}, false);
    int n = nt_plan_n_steps(q.p);
    double *ms = nt_calloc((size_t)n, sizeof *ms), sum = 0;

    assert_non_null(ms);
    run(&q, 3, 1);
    for (int i = 0; i < 3; i++)
        assert_ok(nt_plan_forward_timed(q.p, ms, e));
    for (int i = 0; i < n; i++) {
        assert_true(ms[i] >= 0);
        assert_true(!nt_plan_step(q.p, i).once || ms[i] == 0);
        sum += ms[i];
    }
    assert_true(sum > 0);
    assert_tensor(nt_plan_output(q.p, 0), 5, 0);
    nt_free(ms);
    unplan(&q);
    finish(&t);
}

/* ---- live parameters */

NT_TEST(changed_parameters_count_after_a_refresh)
{
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){0}, true);

    run(&q, 3, 1);
    assert_tensor(nt_plan_output(q.p, 0), 5, 0);
    nt_param_data(q.params, nt_params_find(q.params, "f.bias"))[0] = 100;
    nt_param_data(q.params, nt_params_find(q.params, "f.weight"))[3] = 10;
    assert_ok(nt_plan_refresh(q.p, e));
    run(&q, 3, 1);
    assert_tensor(nt_plan_output(q.p, 0), 105, 8); /* -3 + 10 + 1 */
    assert_float_equal(nt_tensor_get(nt_graph_find_value(t.g, "f.bias")->data, 0), 0, 0);
    unplan(&q);
    finish(&t);
}

NT_TEST(a_refresh_that_fails_leaves_the_plan_as_it_was)
{
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){0}, true);
    nt_err e = {{0}};
    long n = 0;

    run(&q, 3, 1);
    nt_param_data(q.params, nt_params_find(q.params, "f.bias"))[0] = 100;
    for (nt_status s = NT_ENOMEM; s != NT_OK; n++) {
        nt_alloc_fail_at(n + 1);
        s = nt_plan_refresh(q.p, &e);
        nt_alloc_fail_at(0);
        assert_true(s == NT_OK || s == NT_ENOMEM);
        run(&q, 3, 1);
        assert_tensor(nt_plan_output(q.p, 0), s == NT_OK ? 105 : 5, 0);
    }
    assert_true(n > 20);
    unplan(&q);
    finish(&t);
}

NT_TEST(in_training_parameters_are_read_where_they_are_and_get_gradients)
{
    net t = dense();
    planned q = plan(&t, (nt_plan_opts){.training = true}, true);
    const nt_param *w = nt_params_find(q.params, "f.weight");
    const nt_param *b = nt_params_find(q.params, "f.bias");
    bool backward = false;

    run(&q, 3, 1); /* {5, relu(-1)} */
    nt_tensor_set(nt_plan_output_grad(q.p, 0), 0, 2);
    nt_tensor_set(nt_plan_output_grad(q.p, 0), 1, 7);
    assert_ok(nt_plan_backward(q.p, e));
    assert_float_equal(q.params->g[w->offset], 6, 1e-6); /* 2 * 3 */
    assert_float_equal(q.params->g[w->offset + 1], 2, 1e-6);
    assert_float_equal(q.params->g[w->offset + 2], 0, 1e-6); /* behind relu's flat side */
    assert_float_equal(q.params->g[b->offset], 2, 1e-6);
    assert_float_equal(q.params->g[b->offset + 1], 0, 1e-6);
    nt_param_data(q.params, b)[1] = 5; /* no refresh is needed */
    run(&q, 3, 1);
    assert_tensor(nt_plan_output(q.p, 0), 5, 3);
    assert_ok(nt_plan_backward(q.p, e)); /* overwrites, does not add */
    assert_float_equal(q.params->g[b->offset], 2, 1e-6);
    assert_float_equal(q.params->g[b->offset + 1], 7, 1e-6);
    for (int i = 0; i < nt_plan_n_steps(q.p); i++)
        backward = backward || nt_plan_step(q.p, i).backward;
    assert_true(backward);
    unplan(&q);
    finish(&t);
}

NT_TEST(an_output_that_no_parameter_has_a_part_in_has_no_gradient)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2));
    planned q;

    assert_ok(nt_graph_add_output(t.g, NODE(&t, "Relu", "plain", x)->out[0], e));
    complete(&t, gemm(&t, "f", x, 2, 2));
    q = plan(&t, (nt_plan_opts){.training = true}, true);
    assert_null(nt_plan_output_grad(q.p, 0));
    assert_non_null(nt_plan_output_grad(q.p, 1));
    assert_null(nt_plan_output_grad(q.p, 2));
    unplan(&q);
    finish(&t);
}

/* y = dropout(x), through a unit matrix so that there is something to train. */
static net dropping(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 64)), *ratio = weight(&t, "ratio", 0, NULL), *yes;
    nt_tensor *on = NULL;

    nt_tensor_set(ratio->data, 0, 0.5);
    assert_ok(nt_tensor_new(&on, NT_BOOL, 0, NULL, e));
    nt_tensor_set(on, 0, 1);
    assert_ok(nt_graph_add_const(&yes, t.g, "yes", on, e));
    complete(&t, gemm(&t, "f", NODE(&t, "Dropout", "d", x, ratio, yes)->out[0], 64, 64));
    for (int i = 0; i < 64; i++)
        nt_tensor_set(nt_graph_find_value(t.g, "f.weight")->data, i * 65, 1);
    return t;
}

static void draw(float *y, planned *q, uint64_t run)
{
    for (int i = 0; i < 64; i++)
        nt_tensor_set(nt_plan_input(q->p, 0), i, 1);
    nt_plan_set_run(q->p, run);
    assert_ok(nt_plan_forward(q->p, e));
    memcpy(y, nt_plan_output(q->p, 0)->data, 64 * sizeof *y);
}

NT_TEST(a_run_draws_the_same_whenever_it_comes)
{
    net t = dropping();
    planned q = plan(&t, (nt_plan_opts){.training = true, .seed = 3}, true);
    planned other = plan(&t, (nt_plan_opts){.training = true, .seed = 4}, true);
    float first[64], second[64], again[64];

    draw(first, &q, 0);
    draw(second, &q, 1);
    assert_memory_not_equal(first, second, sizeof first);
    draw(again, &q, 0);
    assert_memory_equal(first, again, sizeof first);
    draw(again, &other, 0);
    assert_memory_not_equal(first, again, sizeof first);
    unplan(&other);
    unplan(&q);
    finish(&t);
}

/* ---- what cannot be planned */

NT_TEST(a_shape_that_depends_on_the_data_is_refused_by_name)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 4)), *shape;
    nt_dim d = {2, NULL};
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_plan_opts o = {0};

    assert_ok(nt_graph_add_input(&shape, t.g, "shape", (nt_value_type){NT_I64, 1, &d}, e));
    complete(&t, NODE(&t, "Reshape", "y", x, shape)->out[0]);
    assert_ok(nt_device_new(&dev, 1, e));
    assert_fails(NT_EUNSUPPORTED, "value 'y': its shape depends on the data",
                 nt_plan_new(&p, t.g, dev, &o, e));
    nt_device_free(dev);
    finish(&t);
}

/* ---- lack of memory */

typedef struct starved {
    const nt_graph *g;
    nt_device *dev;
    nt_plan_opts o;
} starved;

static nt_status make_plan(void *ctx, nt_err *e)
{
    starved *v = ctx;
    nt_plan *p = NULL;
    nt_status s = nt_plan_new(&p, v->g, v->dev, &v->o, e);

    nt_plan_free(p);
    return s;
}

/* Convolutions, folded normalisation, a residual sum, pooling and layouts between. */
NT_TEST(each_allocation_of_planning_may_fail)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 4, 4)), *y = conv(&t, "a", x, 2, 16, 1);
    starved v = {.o = {0}};

    y = NODE(&t, "BatchNormalization", "n", y, weight(&t, "n.weight", DIMS(16)),
             weight(&t, "n.bias", DIMS(16)), weight(&t, "n.mean", DIMS(16)),
             weight(&t, "n.var", DIMS(16)))
            ->out[0];
    y = NODE(&t, "Add", "s", conv(&t, "b", y, 16, 16, 2), y)->out[0];
    y = NODE(&t, "GlobalAveragePool", "p", y)->out[0];
    complete(&t, gemm(&t, "f", NODE(&t, "Flatten", "l", y)->out[0], 16, 3));
    randomise(&t);
    v.g = t.g;
    assert_ok(nt_device_new(&v.dev, 1, e));
    v.o.keep = (const char *const[]){"s", NULL};
    assert_true(starve(make_plan, &v) > 50);
    assert_ok(nt_params_new(&v.o.params, t.g, e));
    assert_true(starve(make_plan, &v) > 50);
    v.o.training = true;
    assert_true(starve(make_plan, &v) > 60);
    nt_params_free(v.o.params);
    nt_device_free(v.dev);
    finish(&t);
}

/* Kernels say only that they do not have it. */
NT_TEST(a_layer_without_outputs_is_refused_by_name)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2)), *w = weight(&t, "f.weight", DIMS(2, 0));
    const char *was = getenv("NT_BACKEND");
    char *backend = was ? nt_strdup(was) : NULL;
    nt_device *dev = NULL;
    nt_plan *p = NULL;

    complete(&t, NODE(&t, "MatMul", "f", x, w)->out[0]);
    setenv("NT_BACKEND", "onednn", 1); /* the other one gives a result without elements */
    assert_ok(nt_device_new(&dev, 1, e));
    if (backend)
        setenv("NT_BACKEND", backend, 1);
    else
        unsetenv("NT_BACKEND");
    assert_fails(
        NT_EUNSUPPORTED,
        "node 'f': MatMul: a dimension of 'f.weight' [2,0] is 0: what computes nothing "
        "has to be taken out of the model",
        nt_plan_new(&p, t.g, dev, &(nt_plan_opts){0}, e));
    nt_device_free(dev);
    nt_free(backend);
    finish(&t);
}

NT_TEST_MAIN
