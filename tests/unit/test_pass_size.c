/* SPDX-License-Identifier: MIT */
#include "net.h"

#include "base/alloc.h"
#include "prune/opensize.h"

/* A convolution over signals of any length, then one of three, "L" to "M". */
static net signals(int64_t window)
{
    net t = start(17);
    nt_dim in[] = {{1, NULL}, {1, NULL}, {-1, "L"}}, out[] = {{1, NULL}, {2, NULL}, {-1, "M"}};
    nt_value *x = NULL, *y;

    assert_ok(nt_graph_add_input(&x, t.g, "x", (nt_value_type){NT_F32, 3, in}, e));
    y = NODE(&t, "Conv", "a", x, weight(&t, "a.weight", DIMS(4, 1, window)))->out[0];
    y = NODE(&t, "Relu", "r", y)->out[0];
    y = NODE(&t, "Conv", "y", y, weight(&t, "y.weight", DIMS(2, 4, 3)))->out[0];
    y->dtype = NT_F32;
    y->rank = 3;
    memcpy(y->dims, out, sizeof out);
    y->declared = true;
    complete(&t, y);
    return t;
}

/* A picture of any size through a 3x3 and a global pooling. */
static net pictures(nt_dim n, nt_dim h, nt_dim w)
{
    net t = start(17);
    nt_dim in[] = {n, {1, NULL}, h, w};
    nt_value *x = NULL, *y;

    assert_ok(nt_graph_add_input(&x, t.g, "x", (nt_value_type){NT_F32, 4, in}, e));
    y = NODE(&t, "Conv", "a", x, weight(&t, "a.weight", DIMS(4, 1, 3, 3)))->out[0];
    y = NODE(&t, "GlobalAveragePool", "p", y)->out[0];
    y = NODE(&t, "Reshape", "f", y,
             ints(&t, 2, (const int64_t[]){n.value < 0 ? 0 : n.value, 4}))
            ->out[0];
    complete(&t, gemm(&t, "y", y, 4, 3));
    return t;
}

static void assert_shape(const nt_value *v, const char *want)
{
    char got[128];

    assert_string_equal(nt_value_shape_text(got, sizeof got, v), want);
}

NT_TEST(what_is_open_gets_the_size_that_is_given)
{
    net t = pictures((nt_dim){-1, "batch"}, (nt_dim){-1, "height"}, (nt_dim){-1, "width"});

    assert_false(nt_graph_has_size(t.g));
    assert_ok(nt_pass_fix_size(t.g, 7, 9, e));
    assert_shape(t.g->inputs[0], "[batch,1,7,9]");
    assert_shape(nt_graph_find_value(t.g, "a"), "[batch,4,5,7]");
    assert_shape(t.g->outputs[0], "[batch,3]");
    assert_true(nt_graph_has_size(t.g));
    assert_ok(nt_pass_fix_size(t.g, 8, 8, e)); /* another one than is fixed */
    assert_shape(nt_graph_find_value(t.g, "a"), "[batch,4,6,6]");
    assert_fails(NT_EFORMAT,
                 "node 'a': Conv: a window of 3 does not fit into 2 with pads 0 and 0",
                 nt_pass_fix_size(t.g, 2, 2, e));
    finish(&t);
}

NT_TEST(signals_are_pictures_one_high)
{
    net t = signals(100);

    assert_fails(NT_EINVAL, "no input has a height and a width",
                 nt_pass_fix_size(t.g, 2, 300, e));
    assert_ok(nt_pass_fix_size(t.g, 1, 300, e));
    assert_shape(t.g->inputs[0], "[1,1,300]");
    assert_shape(t.g->outputs[0], "[1,2,199]");
    finish(&t);
}

/* [batch, samples] without channels. */
static net samples(int64_t length)
{
    net t = start(17);
    nt_dim in[] = {{-1, "batch"}, {length, "samples"}};
    nt_value *x = NULL;

    assert_ok(nt_graph_add_input(&x, t.g, "x", (nt_value_type){NT_F32, 2, in}, e));
    complete(&t, NODE(&t, "Abs", "y", x)->out[0]);
    return t;
}

NT_TEST(open_samples_without_channels_are_signals_and_features_are_not)
{
    net t = samples(-1), u = samples(784);
    const int64_t open[1][NT_MAX_RANK] = {{0, -1}};

    assert_fails(NT_EINVAL,
                 "input 'x': dimension 1 ('samples') is open, and a size is wanted "
                 "(--resolution 1xLENGTH)",
                 nt_pass_bind_shapes(t.g, open, e));
    assert_fails(NT_EINVAL, "no input has a height and a width",
                 nt_pass_fix_size(t.g, 2, 300, e));
    assert_ok(nt_pass_fix_size(t.g, 1, 300, e));
    assert_shape(t.g->inputs[0], "[batch,300]");
    assert_shape(t.g->outputs[0], "[batch,300]");
    assert_fails(NT_EINVAL, "no input has a height and a width",
                 nt_pass_fix_size(u.g, 1, 300, e));
    finish(&t);
    finish(&u);
}

NT_TEST(a_size_that_is_missing_is_asked_for_by_name)
{
    static const struct {
        int64_t dims[4];
        const char *want;
    } cases[] = {
        {{1, 1, -1, 9},
         "input 'x': dimension 2 ('height') is open, and a size is wanted "
         "(--resolution HxW)"},
        {{1, 1, 9, -1},
         "input 'x': dimension 3 is open, and a size is wanted (--resolution HxW)"},
    };
    net t = pictures((nt_dim){-1, "batch"}, (nt_dim){-1, "height"}, (nt_dim){-1, NULL});
    net u = signals(3);
    const int64_t length[1][NT_MAX_RANK] = {{1, 1, -1}};

    for (int i = 0; i < 2; i++) {
        int64_t dims[1][NT_MAX_RANK] = {{0}};

        memcpy(dims[0], cases[i].dims, sizeof cases[i].dims);
        assert_fails(NT_EINVAL, cases[i].want,
                     nt_pass_bind_shapes(t.g, (const int64_t(*)[NT_MAX_RANK])dims, e));
    }
    assert_fails(NT_EINVAL,
                 "input 'x': dimension 2 ('L') is open, and a size is wanted "
                 "(--resolution 1xLENGTH)",
                 nt_pass_bind_shapes(u.g, length, e));
    finish(&t);
    finish(&u);
}

NT_TEST(a_fixed_batch_is_opened_where_the_network_follows)
{
    net t = pictures((nt_dim){1, NULL}, (nt_dim){8, NULL}, (nt_dim){8, NULL});
    net u = start(17);
    nt_value *x = input(&u, "x", DIMS(2, 3));

    assert_ok(nt_pass_open_batch(t.g, e));
    nt_pass_forget_shapes(t.g);
    assert_ok(nt_pass_infer(t.g, e));
    assert_shape(t.g->inputs[0], "[N,1,8,8]");
    assert_shape(nt_graph_find_value(t.g, "f"), "[N,4]");
    assert_shape(t.g->outputs[0], "[N,3]");
    /* the sum with a constant of two rows does not */
    complete(&u, NODE(&u, "Add", "y", x, weight(&u, "w", DIMS(2, 3)))->out[0]);
    assert_ok(nt_pass_open_batch(u.g, e));
    assert_shape(u.g->inputs[0], "[2,3]");
    finish(&t);
    finish(&u);
}

NT_TEST(names_of_open_extents_outlive_surgery)
{
    net t = signals(100);

    assert_shape(t.g->outputs[0], "[1,2,M]");
    nt_pass_forget_shapes(t.g);
    assert_ok(nt_pass_infer(t.g, e));
    assert_shape(t.g->outputs[0], "[1,2,M]");
    finish(&t);
}

NT_TEST(an_output_goes_by_the_name_that_the_file_gives_it)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(-1, 3)), *y = NODE(&t, "Relu", "r", x)->out[0];
    nt_dim named[] = {{-1, "rows"}, {3, NULL}};

    y = NODE(&t, "Relu", "y", y)->out[0];
    y->dtype = NT_F32;
    y->rank = 2;
    y->declared = true;
    memcpy(y->dims, named, sizeof named);
    complete(&t, y);
    for (int i = 0; i < 2; i++) {
        assert_shape(nt_graph_find_value(t.g, "r"), "[N,3]");
        assert_shape(y, "[rows,3]");
        nt_pass_forget_shapes(t.g);
        assert_ok(nt_pass_infer(t.g, e));
    }
    assert_ok(nt_pass_bind_shapes(t.g, (const int64_t[1][NT_MAX_RANK]){{5}}, e));
    assert_shape(y, "[5,3]");
    finish(&t);
}

/* ---- some size, where any will do */

NT_TEST(a_size_is_found_for_every_window)
{
    static const struct {
        int64_t window, want;
    } cases[] = {{3, 64}, {62, 64}, {63, 128}, {100, 128}, {5000, 8192}, {65000, 65536}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        net t = signals(cases[i].window);
        int64_t(*dims)[NT_MAX_RANK] = NULL;

        assert_ok(nt_open_sizes(&dims, t.g, e));
        assert_int_equal(dims[0][2], cases[i].want);
        nt_free(dims);
        finish(&t);
    }
}

NT_TEST(where_no_size_will_do_it_is_said_which_is_open)
{
    net t = signals(1 << 20);
    int64_t(*dims)[NT_MAX_RANK] = NULL;

    assert_fails(NT_EUNSUPPORTED,
                 "input 'x': no size was found for the open dimension 2 L (node 'a': Conv: a "
                 "window of 1048576 does not fit into 64 with pads 0 and 0)",
                 nt_open_sizes(&dims, t.g, e));
    assert_null(dims);
    finish(&t);
}

NT_TEST(what_is_not_open_is_left)
{
    net t = pictures((nt_dim){-1, "batch"}, (nt_dim){5, NULL}, (nt_dim){-1, "width"});
    int64_t(*dims)[NT_MAX_RANK] = NULL;

    assert_ok(nt_open_sizes(&dims, t.g, e));
    assert_int_equal(dims[0][0], 1);
    assert_int_equal(dims[0][2], 5);
    assert_int_equal(dims[0][3], 64);
    nt_free(dims);
    finish(&t);
}

NT_TEST_MAIN
