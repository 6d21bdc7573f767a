/* SPDX-License-Identifier: MIT */
/* Large batches run in parts: when, and that nothing else changes. */
#include "exec/batch.h"

#include "exec/plan.h"
#include "net.h"
#include "starve.h"

/* Pictures of 16 channels: 256 side^2 bytes a convolution for each sample. */
static net pictures(int64_t side)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 4, side, side)), *y = conv(&t, "a", x, 4, 16, 1);

    y = NODE(&t, "Relu", "r", y)->out[0];
    y = NODE(&t, "Add", "s", conv(&t, "b", y, 16, 16, 1), y)->out[0];
    y = NODE(&t, "GlobalAveragePool", "p", y)->out[0];
    y = NODE(&t, "Reshape", "l", y, ints(&t, 2, (const int64_t[]){0, 16}))->out[0];
    complete(&t, gemm(&t, "f", y, 16, 3));
    randomise(&t);
    return t;
}

/* A copy at a batch of n; NULL where it has no such shape. */
static nt_graph *at(const nt_graph *g, int64_t n)
{
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(g, n);
    nt_graph *c = NULL;
    nt_err why;

    assert_non_null(dims);
    if (nt_pass_dup_at(&c, g, (const int64_t(*)[NT_MAX_RANK])dims, &why) != NT_OK)
        c = NULL;
    nt_free(dims);
    return c;
}

static int64_t part_of(net t, int64_t n)
{
    nt_graph *g = at(t.g, n);
    int64_t m = nt_batch_part(g, n);

    nt_graph_free(g);
    finish(&t);
    return m;
}

NT_TEST(a_part_of_large_pictures_fits_the_cache)
{
    assert_int_equal(part_of(pictures(16), 32), 32); /* all fits */
    assert_int_equal(part_of(pictures(128), 32), 4); /* the sum: 3 MB a sample */
    assert_int_equal(part_of(pictures(128), 30), 3);
    assert_int_equal(part_of(pictures(128), 31), 1);
    assert_int_equal(part_of(pictures(128), 1), 1);
}

NT_TEST(large_weights_keep_the_batch_together)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 1024, 32, 32));

    complete(&t, conv(&t, "a", conv(&t, "b", x, 1024, 1024, 1), 1024, 8192, 1));
    assert_int_equal(part_of(t, 4), 4);
}

/* Made at 6 and at 2 samples. */
static bool net_splits(net *t)
{
    nt_graph *whole = at(t->g, 6), *part = at(t->g, 2);
    bool yes = whole && part && nt_batch_splits(whole, 6, part, 2);

    nt_graph_free(whole);
    nt_graph_free(part);
    finish(t);
    return yes;
}

static bool splits(net *t, nt_value *y)
{
    complete(t, y);
    return net_splits(t);
}

#define SPLITS(op, ...)                                                                        \
    (t = start(13), x = input(&t, "x", DIMS(-1, 6)),                                           \
     splits(&t, NODE(&t, op, "y", __VA_ARGS__)->out[0]))

NT_TEST(samples_that_know_nothing_of_each_other_are_split)
{
    nt_value *x;
    net t;

    assert_true(SPLITS("Relu", x));
    assert_true(SPLITS("Add", x, weight(&t, "w", DIMS(6))));
    assert_true(SPLITS("Add", x, x));
    assert_true(SPLITS("Gemm", x, weight(&t, "w", DIMS(6, 5))));
    assert_true(SPLITS("MatMul", x, weight(&t, "w", DIMS(6, 5))));
    assert_true(SPLITS("Flatten", NODE(&t, "Relu", "r", x)->out[0]));
    t = pictures(4);
    assert_true(net_splits(&t));
}

/* x scaled by what f makes of its batch. */
static nt_value *by_batch(net *t, nt_value *x)
{
    nt_value *n = NODE(t, "Shape", "n", x)->out[0], *first = ints(t, 1, (const int64_t[]){0});
    nt_node *c = NODE(t, "Cast", "c", NODE(t, "Gather", "g", n, first)->out[0]);

    assert_ok(nt_node_set_int(t->g, c, "to", NT_F32, e));
    return c->out[0];
}

NT_TEST(others_are_left_whole)
{
    nt_value *x;
    nt_node *n;
    net t;

    assert_false(
        SPLITS("Gemm", weight(&t, "w", DIMS(5, 6)), NODE(&t, "Transpose", "t", x)->out[0]));
    assert_false(SPLITS("Mul", x, by_batch(&t, x)));
    assert_false(SPLITS("Softmax", x)); /* might be along the batch */
    assert_false(SPLITS("Flatten", x)); /* the input itself */
    assert_false(SPLITS("Mul", x, weight(&t, "w", DIMS(6, 6))));
    t = start(13);
    x = input(&t, "x", DIMS(-1, 6));
    n = NODE(&t, "Gemm", "y", x, x);
    assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    assert_false(splits(&t, n->out[0]));
    t = start(13);
    x = input(&t, "x", DIMS(-1, 6));
    n = NODE(&t, "Concat", "y", x, weight(&t, "w", DIMS(1, 6)));
    assert_ok(nt_node_set_int(t.g, n, "axis", 0, e));
    assert_false(splits(&t, n->out[0]));
}

static bool max_pool_splits(bool indices)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(-1, 1, 6)), *y[2] = {NULL};
    nt_node *n = NULL;

    assert_ok(nt_graph_add_value(&y[0], t.g, "y", e));
    assert_ok(nt_graph_add_value(&y[1], t.g, "indices", e));
    assert_ok(nt_graph_add_node(&n, t.g, &(nt_node_spec){"MaxPool", "y", &x, 1, y, 2}, e));
    assert_ok(nt_node_set_ints(t.g, n, "kernel_shape", (const int64_t[]){2}, 1, e));
    if (indices)
        assert_ok(nt_graph_add_output(t.g, y[1], e));
    return splits(&t, y[0]);
}

NT_TEST(indices_that_count_over_all_samples_are_left_whole)
{
    assert_true(max_pool_splits(false));
    assert_false(max_pool_splits(true));
}

static nt_plan *plan_at(const net *t, nt_device *dev, int64_t n, nt_plan_opts o)
{
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(t->g, n);
    nt_plan *p = NULL;

    assert_non_null(dims);
    o.dims = (const int64_t(*)[NT_MAX_RANK])dims;
    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    nt_free(dims);
    return p;
}

/* By the memory of what one step leaves for 8 samples, too. */
NT_TEST(a_batch_in_parts_is_every_sample_by_itself)
{
    net t = pictures(160);
    nt_device *dev = NULL;
    nt_plan *whole, *one;
    size_t sample;

    assert_ok(nt_device_new(&dev, 1, e));
    whole = plan_at(&t, dev, 8, (nt_plan_opts){0});
    one = plan_at(&t, dev, 1, (nt_plan_opts){0});
    assert_true(nt_plan_arena_bytes(whole) < (size_t)8 * 16 * 160 * 160 * 4);
    assert_int_equal(nt_plan_input(whole, 0)->dims[0], 8);
    assert_int_equal(nt_plan_output(whole, 0)->dims[0], 8);
    nt_plan_fill_noise(whole, 1);
    for (int run = 0; run < 2; run++)
        assert_ok(nt_plan_forward(whole, e));
    sample = nt_tensor_bytes(nt_plan_input(one, 0));
    for (size_t i = 0; i < 8; i++) {
        memcpy(nt_plan_input(one, 0)->data, (char *)nt_plan_input(whole, 0)->data + i * sample,
               sample);
        assert_ok(nt_plan_forward(one, e));
        for (int k = 0; k < 3; k++)
            assert_float_equal(nt_tensor_get(nt_plan_output(whole, 0), (int64_t)i * 3 + k),
                               nt_tensor_get(nt_plan_output(one, 0), k), 1e-4);
    }
    nt_plan_free(one);
    nt_plan_free(whole);
    nt_device_free(dev);
    finish(&t);
}

NT_TEST(inner_values_are_kept_of_the_whole_batch)
{
    net t = pictures(160);
    nt_device *dev = NULL;
    nt_plan *p;

    assert_ok(nt_device_new(&dev, 1, e));
    p = plan_at(&t, dev, 8, (nt_plan_opts){.keep = (const char *const[]){"p", NULL}});
    assert_int_equal(nt_plan_kept(p, "p")->dims[0], 8);
    nt_plan_free(p);
    nt_device_free(dev);
    finish(&t);
}

typedef struct starved {
    const net *t;
    nt_device *dev;
} starved;

static nt_status make_plan(void *ctx, nt_err *err)
{
    const starved *v = ctx;
    const int64_t dims[][NT_MAX_RANK] = {{8, 4, 128, 128}};
    nt_plan *p = NULL;
    nt_status s = nt_plan_new(&p, v->t->g, v->dev, &(nt_plan_opts){.dims = dims}, err);

    nt_plan_free(p);
    return s;
}

NT_TEST(each_allocation_of_a_plan_in_parts_may_fail)
{
    net t = pictures(128);
    starved v = {.t = &t};

    assert_ok(nt_device_new(&v.dev, 1, e));
    assert_true(starve(make_plan, &v) > 50);
    nt_device_free(v.dev);
    finish(&t);
}

NT_TEST_MAIN
