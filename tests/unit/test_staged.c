/* SPDX-License-Identifier: MIT */
/* Graphs whose shapes only the data know. */
#include "exec/staged.h"
#include "graph/part.h"
#include "net.h"

#include "base/alloc.h"

#define MOST 8

static nt_device *device(void)
{
    nt_device *dev = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    return dev;
}

/* "y": the elements of x [N] that are not 0, times 2; "r": Relu of x, there from the beginning
 */
static net picking_net(void)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1));
    nt_value *two, *r, *where, *row, *y;

    two = weight(&t, "two", DIMS(1));
    nt_tensor_set(two->data, 0, 2);
    r = NODE(&t, "Relu", "r", x)->out[0];
    where = NODE(&t, "NonZero", "where", x)->out[0];
    row = NODE(&t, "Squeeze", "row", where, ints(&t, DIMS(0)))->out[0];
    y = NODE(&t, "Gather", "picked", x, row)->out[0];
    y = NODE(&t, "Mul", "y", y, two)->out[0];
    assert_ok(nt_graph_add_output(t.g, r, e));
    complete(&t, y);
    return t;
}

static nt_staged *staged(const net *t, nt_device *dev, int64_t n, const char *const *keep)
{
    const int64_t dims[1][NT_MAX_RANK] = {{n}};
    nt_plan_opts o = {.dims = dims, .keep = keep};
    nt_staged *r = NULL;

    assert_ok(nt_staged_new(&r, t->g, dev, &o, e));
    return r;
}

/* Runs on x and checks that output 1 is twice what is not 0. */
static void run_picking(nt_staged *r, const float *x, int64_t n)
{
    const nt_tensor *y;
    int64_t k = 0;

    memcpy(nt_staged_input(r, 0)->data, x, (size_t)n * sizeof *x);
    assert_ok(nt_staged_forward(r, e));
    y = nt_staged_output(r, 1);
    assert_non_null(y);
    for (int64_t i = 0; i < n; i++)
        if (x[i] != 0)
            assert_float_equal(nt_tensor_get(y, k++), 2 * x[i], 0);
    assert_int_equal(y->rank, 1);
    assert_int_equal(y->dims[0], k);
}

NT_TEST(a_graph_without_such_shapes_is_one_plan)
{
    net t = start(13);
    nt_device *dev = device();
    nt_value *x = input(&t, "x", DIMS(-1, 3));
    nt_staged *r;

    complete(&t, NODE(&t, "Relu", "y", x)->out[0]);
    r = staged(&t, dev, 2, NULL);
    assert_non_null(nt_staged_plan(r));
    assert_ptr_equal(nt_staged_output(r, 0), nt_plan_output(nt_staged_plan(r), 0));
    assert_null(nt_staged_output(r, 1));
    assert_ok(nt_staged_forward(r, e));
    assert_int_equal(nt_staged_n_planned(r), 1);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(other_shapes_find_or_make_their_plan)
{
    const int64_t two[1][NT_MAX_RANK] = {{2, 3}}, five[1][NT_MAX_RANK] = {{5, 3}};
    net t = start(13);
    nt_device *dev = device();
    nt_value *x = input(&t, "x", DIMS(-1, 3));
    nt_staged *r = NULL;
    nt_plan_opts o = {.dims = two};
    nt_plan *first;

    complete(&t, NODE(&t, "Relu", "y", x)->out[0]);
    assert_ok(nt_staged_new(&r, t.g, dev, &o, e));
    first = nt_staged_plan(r);
    assert_ok(nt_staged_shape(r, five, e));
    assert_int_equal(nt_staged_output(r, 0)->dims[0], 5);
    assert_int_equal(nt_staged_n_planned(r), 2);
    assert_ok(nt_staged_shape(r, two, e));
    assert_ptr_equal(nt_staged_plan(r), first);
    assert_int_equal(nt_staged_n_planned(r), 2);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(what_the_data_pick_runs_in_stages)
{
    const float three[] = {0, 5, 0, -1, 2, 0}, one[] = {0, 0, 7, 0, 0, 0},
                other_three[] = {1, 0, 1, 1, 0, 0}, none[MOST] = {0};
    net t = picking_net();
    nt_device *dev = device();
    nt_staged *r = staged(&t, dev, 6, NULL);

    assert_null(nt_staged_plan(r));
    assert_null(nt_staged_output(r, 1)); /* before a run nobody knows it */
    run_picking(r, three, 6);
    assert_int_equal(nt_staged_n_planned(r), 2);
    run_picking(r, one, 6);
    assert_int_equal(nt_staged_n_planned(r), 3);
    run_picking(r, other_three, 6);
    assert_int_equal(nt_staged_n_planned(r), 3); /* three came before */
    run_picking(r, none, 6);
    assert_float_equal(nt_tensor_get(nt_staged_output(r, 0), 3), 0, 0);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(values_of_every_stage_can_be_kept)
{
    static const char *const keep[] = {"picked", "where", "x", NULL};
    const float x[] = {0, 5, 0, -1};
    net t = picking_net();
    nt_device *dev = device();
    nt_staged *r = staged(&t, dev, 4, keep);

    run_picking(r, x, 4);
    assert_float_equal(nt_tensor_get(nt_staged_output(r, 0), 3), 0, 0);
    assert_float_equal(nt_tensor_get(nt_staged_output(r, 0), 1), 5, 0);
    assert_int_equal(nt_tensor_get_i64(nt_staged_kept(r, "where"), 1), 3);
    assert_float_equal(nt_tensor_get(nt_staged_kept(r, "picked"), 1), -1, 0);
    assert_null(nt_staged_kept(r, "nobody"));
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(the_cache_of_stages_is_bounded)
{
    float x[100] = {0};
    net t = picking_net();
    nt_device *dev = device();
    nt_staged *r = staged(&t, dev, 100, NULL);
    int planned;

    for (int i = 0; i < 100; i++) {
        x[i] = 1;
        run_picking(r, x, 100);
    }
    assert_int_equal(nt_staged_n_planned(r), 101);
    run_picking(r, x, 100); /* the last is still there */
    assert_int_equal(nt_staged_n_planned(r), 101);
    memset(x + 1, 0, sizeof x - sizeof *x);
    run_picking(r, x, 100); /* the first is not */
    planned = nt_staged_n_planned(r);
    assert_true(planned > 101);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(steps_of_all_stages_are_listed_and_timed)
{
    const float x[] = {0, 5, 0, -1};
    net t = picking_net();
    nt_device *dev = device();
    nt_staged *r = staged(&t, dev, 4, NULL);
    double ms[64] = {0}, sum = 0;
    bool found = false;
    int n;

    run_picking(r, x, 4);
    n = nt_staged_n_steps(r);
    assert_in_range(n, 4, 64);
    for (int i = 0; i < n; i++) {
        nt_step_info s = nt_staged_step(r, i);

        found = found || strcmp(s.what, "NonZero") == 0;
    }
    assert_true(found);
    assert_ok(nt_staged_forward_timed(r, ms, e));
    for (int i = 0; i < n; i++)
        sum += ms[i];
    assert_true(sum > 0);
    assert_true(nt_staged_arena_bytes(r) > 0);
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(training_in_stages_is_refused)
{
    const int64_t dims[1][NT_MAX_RANK] = {{4}};
    net t = picking_net();
    nt_device *dev = device();
    nt_params *params = NULL;
    nt_staged *r = NULL;

    assert_ok(nt_params_new(&params, t.g, e));
    assert_fails(
        NT_EUNSUPPORTED, "value 'where': its shape depends on the data",
        nt_staged_new(&r, t.g, dev,
                      &(nt_plan_opts){.training = true, .params = params, .dims = dims}, e));
    assert_null(r);
    nt_params_free(params);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

/* The target of a Reshape is computed from the data: x [6] to [k, 6 / k]. */
NT_TEST(a_computed_target_runs_in_stages)
{
    const int64_t k[] = {2, 3};
    net t = start(13);
    nt_device *dev = device();
    nt_value *x = input(&t, "x", DIMS(6)), *shape, *y;
    nt_dim dims[1] = {{1, NULL}};
    nt_staged *r = NULL;
    nt_value *in;

    assert_ok(nt_graph_add_input(&in, t.g, "k", (nt_value_type){NT_I64, 1, dims}, e));
    shape = NODE(&t, "Concat", "shape", in, ints(&t, DIMS(-1)))->out[0];
    assert_ok(nt_node_set_int(t.g, shape->producer, "axis", 0, e));
    y = NODE(&t, "Reshape", "reshaped", x, shape)->out[0];
    complete(&t, NODE(&t, "Relu", "y", y)->out[0]);
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){0}, e));
    for (int i = 0; i < 2; i++) {
        nt_staged_fill_noise(r, 0);
        nt_tensor_set_i64(nt_staged_input(r, 1), 0, k[i]);
        assert_ok(nt_staged_forward(r, e));
        assert_int_equal(nt_staged_output(r, 0)->rank, 2);
        assert_int_equal(nt_staged_output(r, 0)->dims[0], k[i]);
        assert_int_equal(nt_staged_output(r, 0)->dims[1], 6 / k[i]);
    }
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(a_wrong_computed_target_fails_when_run)
{
    net t = start(13);
    nt_device *dev = device();
    nt_value *x = input(&t, "x", DIMS(6)), *in;
    nt_dim dims[1] = {{1, NULL}};
    nt_staged *r = NULL;
    nt_err why = {{0}};

    assert_ok(nt_graph_add_input(&in, t.g, "k", (nt_value_type){NT_I64, 1, dims}, e));
    complete(&t, NODE(&t, "Reshape", "y", x, in)->out[0]);
    assert_ok(nt_staged_new(&r, t.g, dev, &(nt_plan_opts){0}, e));
    nt_tensor_set_i64(nt_staged_input(r, 1), 0, 4);
    assert_int_equal(nt_staged_forward(r, &why), NT_EFORMAT);
    assert_non_null(strstr(why.msg, "Reshape"));
    nt_tensor_set_i64(nt_staged_input(r, 1), 0, 6);
    assert_ok(nt_staged_forward(r, e)); /* and goes on */
    nt_staged_free(r);
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(stages_survive_a_lack_of_memory)
{
    const float x[] = {0, 5, 0, -1};
    const int64_t dims[1][NT_MAX_RANK] = {{4}};
    net t = picking_net();
    nt_device *dev = device();
    bool done = false;

    for (long n = 1; !done; n++) {
        nt_err e = {{0}};
        nt_staged *r = NULL;
        nt_status s;

        nt_alloc_fail_at(n);
        s = nt_staged_new(&r, t.g, dev, &(nt_plan_opts){.dims = dims}, &e);
        if (s == NT_OK) {
            memcpy(nt_staged_input(r, 0)->data, x, sizeof x);
            s = nt_staged_forward(r, &e);
        }
        nt_alloc_fail_at(0);
        if (s == NT_OK) {
            run_picking(r, x, 4);
            done = true;
        } else {
            assert_int_equal(s, NT_ENOMEM);
        }
        nt_staged_free(r);
    }
    nt_device_free(dev);
    nt_graph_free(t.g);
}

NT_TEST(a_part_of_a_graph_is_a_graph)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(2, 3)), *a, *b;
    nt_graph *part = NULL;
    const bool take[] = {false, true};

    a = NODE(&t, "Relu", "a", x)->out[0];
    b = NODE(&t, "MatMul", "b", a, weight(&t, "w", DIMS(3, 4)))->out[0];
    complete(&t, b);
    assert_ok(nt_graph_part(&part, t.g, &(nt_part_spec){take, &a, 1, &b, 1}, e));
    assert_int_equal(part->n_nodes, 1);
    assert_int_equal(part->n_inputs, 1);
    assert_string_equal(part->inputs[0]->name, "a");
    assert_true(part->inputs[0]->is_input);
    assert_null(part->inputs[0]->producer);
    assert_string_equal(part->outputs[0]->name, "b");
    assert_null(nt_graph_find_value(part, "x"));
    assert_ptr_equal(nt_graph_find_value(part, "w")->data, nt_graph_find_value(t.g, "w")->data);
    nt_graph_free(part);
    nt_graph_free(t.g);
}

NT_TEST_MAIN
