/* SPDX-License-Identifier: MIT */
/* Where NaN comes from and how it is found: weights, overflows, training, codes, many threads.
 */
#include "exec/watch.h"
#include "kernel/flags.h"
#include "kernel/internal.h"

#include "nan_net.h"
#include "net.h"

#include <fenv.h>
#include <omp.h>

static nt_value *fill(nt_value *v, double by)
{
    for (int64_t i = 0; i < nt_tensor_count(v->data); i++)
        nt_tensor_set(v->data, i, by);
    return v;
}

static nt_value *number(net *t, double v)
{
    return fill(weight(t, NULL, 0, NULL), v);
}

static nt_value *relu(net *t, nt_value *x, const char *name)
{
    return NODE(t, "Relu", name, x)->out[0];
}

static nt_plan *plan_of(const net *t, nt_device *dev, const nan_way *w, nt_params *params,
                        const char *const *keep)
{
    nt_plan_opts o = {.compute = w->compute,
                      .no_fusion = w->no_fusion,
                      .training = params,
                      .params = params,
                      .keep = keep};
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    return p;
}

static void put(nt_plan *p, double v)
{
    for (int64_t i = 0; i < nt_tensor_count(nt_plan_input(p, 0)); i++)
        nt_tensor_set(nt_plan_input(p, 0), i, v);
}

static double got(const nt_plan *p, int64_t i)
{
    return nt_tensor_get(nt_plan_output(p, 0), i);
}

/* ---- where it comes from */

NT_TEST(a_nan_among_the_weights_shows_in_their_channel_alone)
{
    for (int w = 0; w < NAN_WAYS; w++) {
        nt_device *dev = nan_device(&nan_ways[w]);
        net t = start(13);
        nt_value *x = input(&t, "x", DIMS(1, 7, 4, 4));
        nt_value *k = fill(weight(&t, "k", DIMS(18, 7, 1, 1)), 0.5);
        nt_plan *p;

        nt_tensor_set(k->data, 11 * 7 + 3, NAN);
        complete(&t, relu(&t, NODE(&t, "Conv", "c", x, k)->out[0], "y"));
        p = plan_of(&t, dev, &nan_ways[w], NULL, NULL);
        put(p, 1);
        assert_ok(nt_plan_forward(p, e));
        for (int64_t i = 0; i < 18 * 16; i++)
            if (isnan(got(p, i)) != (i / 16 == 11))
                fail_msg("%s: output %lld is %g", nan_ways[w].backend, (long long)i, got(p, i));
        nt_plan_free(p);
        finish(&t);
        nt_device_free(dev);
    }
}

/* Winograd's tiles would give it to the edge, where its tap is on padding (with which OpenBLAS
 * multiplies, too). */
NT_TEST(a_nan_among_the_weights_shows_where_its_tap_is_in_the_picture)
{
    const int64_t pads[] = {1, 1, 1, 1};

    for (int w = 0; w < NAN_WAYS && !strcmp(nan_ways[w].backend, "onednn"); w++) {
        nt_device *dev = nan_device(&nan_ways[w]);
        net t = start(13);
        nt_value *x = input(&t, "x", DIMS(1, 40, 28, 28));
        nt_value *k = fill(weight(&t, "k", DIMS(40, 40, 3, 3)), 0.5);
        nt_node *n = NODE(&t, "Conv", "c", x, k);
        nt_plan *p;

        nt_tensor_set(k->data, (11 * 40 + 3) * 9, NAN);
        assert_ok(nt_node_set_ints(t.g, n, "pads", pads, 4, e));
        complete(&t, n->out[0]);
        p = plan_of(&t, dev, &nan_ways[w], NULL, NULL);
        put(p, 1);
        assert_ok(nt_plan_forward(p, e));
        for (int64_t i = 0; i < 40 * 784; i++)
            if (isnan(got(p, i)) != (i / 784 == 11 && i % 784 >= 28 && i % 28 > 0))
                fail_msg("%s: output %lld is %g", nt_dtype_name(nan_ways[w].compute),
                         (long long)i, got(p, i));
        nt_plan_free(p);
        finish(&t);
        nt_device_free(dev);
    }
}

NT_TEST(infinities_that_meet_become_nan_behind_a_relu)
{
    for (int w = 0; w < NAN_WAYS; w++) {
        nt_device *dev = nan_device(&nan_ways[w]);
        net t = start(13);
        nt_value *x = input(&t, "x", DIMS(1, 2, 4, 4));
        nt_value *k = fill(weight(&t, "k", DIMS(16, 2, 1, 1)), 4);
        nt_plan *p;

        for (int64_t i = 0; i < 16; i++)
            nt_tensor_set(k->data, 2 * i, -4);
        complete(&t, relu(&t, NODE(&t, "Conv", "c", x, k)->out[0], "y"));
        p = plan_of(&t, dev, &nan_ways[w], NULL, NULL);
        put(p, 1); /* 4 - 4 */
        assert_ok(nt_plan_forward(p, e));
        assert_float_equal(got(p, 0), 0, 0);
        put(p, INFINITY); /* Inf - Inf */
        assert_ok(nt_plan_forward(p, e));
        for (int64_t i = 0; i < 16 * 16; i++)
            assert_true(isnan(got(p, i)));
        nt_plan_free(p);
        finish(&t);
        nt_device_free(dev);
    }
}

NT_TEST(kept_values_are_those_of_the_careful_run)
{
    static const char *const keep[] = {"inner", NULL};
    static const nan_way way = {"onednn", NT_F32, false, 1};
    nt_device *dev = nan_device(&way);
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 16, 4, 4)), *y;
    nt_plan *p;

    y = NODE(&t, "Conv", "c", x, fill(weight(&t, "k", DIMS(16, 16, 1, 1)), 1))->out[0];
    y = relu(&t, y, "inner");
    complete(&t, NODE(&t, "Clip", "y", y, number(&t, 0), number(&t, 1))->out[0]);
    p = plan_of(&t, dev, &way, NULL, keep);
    put(p, NAN);
    assert_ok(nt_plan_forward(p, e));
    assert_true(isnan(nt_tensor_get(nt_plan_kept(p, "inner"), 5)));
    assert_true(isnan(got(p, 5)));
    put(p, 1); /* and the next run is its own */
    assert_ok(nt_plan_forward(p, e));
    assert_float_equal(nt_tensor_get(nt_plan_kept(p, "inner"), 5), 16, 0);
    assert_float_equal(got(p, 5), 1, 0);
    nt_plan_free(p);
    finish(&t);
    nt_device_free(dev);
}

/* ---- codes */

/* QuantizeLinear gives the lowest code for NaN, as ONNX Runtime's does: whatever is behind it
 * sees a number. What is before it is NaN. */
NT_TEST(a_nan_becomes_the_lowest_code_and_not_before)
{
    static const char *const keep[] = {"inner", NULL};

    for (int w = 0; w < NAN_WAYS; w++)
        for (int coded = 0; coded < 2; coded++) {
            nan_way way = nan_ways[w];
            nt_device *dev = nan_device(&way);
            net t = start(13);
            nt_value *x = input(&t, "x", DIMS(1, 16, 5, 5)), *s = number(&t, 0.05), *y, *k, *z;
            nt_tensor *zero = NULL, *codes = NULL;
            nt_plan *p;
            float low[16 * 25];

            assert_ok(nt_tensor_new(&zero, NT_U8, 0, NULL, e));
            nt_tensor_set_i64(zero, 0, 20);
            assert_ok(nt_graph_add_const(&z, t.g, "z", zero, e));
            assert_ok(nt_tensor_new(&codes, NT_I8, DIMS(16, 16, 1, 1), e));
            memset(codes->data, 3, nt_tensor_bytes(codes));
            assert_ok(nt_graph_add_const(&k, t.g, "k", codes, e));
            y = NODE(&t, "Conv", "c", x, fill(weight(&t, "k0", DIMS(16, 16, 1, 1)), 0.0625))
                    ->out[0];
            y = relu(&t, y, "inner");
            y = NODE(&t, "Neg", "minus", y)
                    ->out[0]; /* so that the lowest code is no Relu's 0 */
            y = NODE(&t, "QuantizeLinear", "q", y, s, z)->out[0];
            y = NODE(&t, "DequantizeLinear", "d", y, s, z)->out[0];
            y = NODE(&t, "Conv", "e", y, NODE(&t, "DequantizeLinear", "dk", k, s)->out[0])
                    ->out[0];
            y = NODE(&t, "LeakyRelu", "l", y)->out[0];
            complete(&t, y);
            if (coded)
                way.compute = NT_I8;
            p = plan_of(&t, dev, &way, NULL, keep);
            put(p, 1e4);
            assert_ok(nt_plan_forward(p, e));
            for (int64_t i = 0; i < 16 * 25; i++)
                low[i] = (float)got(p, i);
            put(p, NAN);
            assert_ok(nt_plan_forward(p, e));
            assert_true(isnan(nt_tensor_get(nt_plan_kept(p, "inner"), 7)));
            for (int64_t i = 0; i < 16 * 25; i++)
                assert_float_equal(got(p, i), low[i], 0);
            assert_true(low[0] < 0);
            nt_plan_free(p);
            finish(&t);
            nt_device_free(dev);
        }
}

/* ---- training */

typedef nt_value *layer_fn(net *t, nt_value *x);

static nt_value *norm_relu(net *t, nt_value *x)
{
    nt_value *in[5] = {x};

    for (int i = 1; i < 5; i++)
        in[i] = fill(weight(t, NULL, DIMS(18)), 1);
    return relu(t, node(t, "BatchNormalization", "n", 5, in)->out[0], "r");
}

static nt_value *plain_relu(net *t, nt_value *x)
{
    return relu(t, x, "r");
}

static nt_value *clip(net *t, nt_value *x)
{
    return NODE(t, "Clip", "r", x, number(t, 0), number(t, 6))->out[0];
}

static nt_value *max_pool(net *t, nt_value *x)
{
    const int64_t two[] = {2, 2};
    nt_node *n = NODE(t, "MaxPool", "r", x);

    assert_ok(nt_node_set_ints(t->g, n, "kernel_shape", two, 2, e));
    return n->out[0];
}

static nt_value *softmax(net *t, nt_value *x)
{
    nt_node *n = NODE(t, "Softmax", "r", x);

    assert_ok(nt_node_set_int(t->g, n, "axis", 1, e));
    return n->out[0];
}

#define TRAINS(name, op)                                                                       \
    static nt_value *name(net *t, nt_value *x)                                                 \
    {                                                                                          \
        return NODE(t, op, "r", x)->out[0];                                                    \
    }
TRAINS(global_max, "GlobalMaxPool")
TRAINS(sigmoid, "Sigmoid")
TRAINS(hard_sigmoid, "HardSigmoid")
TRAINS(hard_swish, "HardSwish")
TRAINS(log_softmax, "LogSoftmax")
TRAINS(gelu, "Gelu")

static const struct {
    const char *name;
    layer_fn *build;
} trained[] = {{"BatchNormalization, Relu", norm_relu},
               {"Relu", plain_relu},
               {"Clip", clip},
               {"MaxPool", max_pool},
               {"GlobalMaxPool", global_max},
               {"Softmax", softmax},
               {"LogSoftmax", log_softmax},
               {"Sigmoid", sigmoid},
               {"HardSigmoid", hard_sigmoid},
               {"HardSwish", hard_swish},
               {"Gelu", gelu}};

/* One number in channel 0 of the input is NaN. */
static void check_training(int layer, const nan_way *w, nt_device *dev)
{
    net t = start(20);
    nt_value *x = input(&t, "x", DIMS(3, 7, 6, 6)), *y;
    nt_params *params = NULL;
    const nt_tensor *out;
    bool any = false, all = true;
    nt_plan *p;

    y = NODE(&t, "Conv", "c", x, fill(weight(&t, "k", DIMS(18, 7, 1, 1)), 0.1))->out[0];
    complete(&t, trained[layer].build(&t, y));
    assert_ok(nt_params_new(&params, t.g, e));
    p = plan_of(&t, dev, w, params, NULL);
    put(p, 0.5);
    nt_tensor_set(nt_plan_input(p, 0), 3, 0.75);
    assert_ok(nt_plan_forward(p, e));
    out = nt_plan_output(p, 0);
    for (int64_t i = 0; i < nt_tensor_count(out); i++)
        any = any || !isfinite(nt_tensor_get(out, i));
    assert_false(any);
    nt_tensor_set(nt_plan_input(p, 0), 3, NAN);
    assert_ok(nt_plan_forward(p, e));
    for (int64_t i = 0; i < 18;
         i++) { /* of sample 0, where element 3 of each picture has gone */
        int64_t points = nt_tensor_count(out) / 54, at = points == 1 ? 0 : points == 9 ? 1 : 3;

        all = all && isnan(nt_tensor_get(out, i * points + at));
    }
    if (!all)
        fail_msg("%s, %s, %s: NaN is lost", trained[layer].name, w->backend,
                 nt_dtype_name(w->compute));
    nt_plan_free(p);
    nt_params_free(params);
    finish(&t);
}

NT_TEST(training_hands_nan_on)
{
    for (int w = 0; w < NAN_WAYS; w++) {
        nt_device *dev = nan_device(&nan_ways[w]);

        for (size_t i = 0; i < sizeof trained / sizeof *trained; i++)
            check_training((int)i, &nan_ways[w], dev);
        nt_device_free(dev);
    }
}

/* ---- flags of threads that go */

static nt_value *conv_relu(net *t, nt_value *x, const char *name, int64_t c, int64_t k)
{
    return relu(t, conv(t, name, x, c, k, 1), NULL);
}

/* Eight samples on as many threads, the last of which is NaN; then layers that are too small
 * for eight, and another large one. */
NT_TEST(a_nan_is_found_whichever_thread_saw_it_and_left)
{
    static const nan_way way = {"onednn", NT_F32, false, 8};
    nt_device *dev = nan_device(&way);
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(8, 16, 12, 12)), *y = conv_relu(&t, x, "a", 16, 32), *z;
    nt_node *n;
    nt_plan *p;

    z = NODE(&t, "GlobalAveragePool", "pool", y)->out[0];
    n = NODE(&t, "Transpose", "turn", z);
    assert_ok(nt_node_set_ints(t.g, n, "perm", (const int64_t[]){2, 1, 0, 3}, 4, e));
    z = conv_relu(&t, n->out[0], "b", 32, 3);
    z = NODE(&t, "GlobalMaxPool", "most", z)->out[0];
    z = NODE(&t, "Add", "both", conv_relu(&t, y, "d", 32, 3), z)->out[0];
    randomise(&t);
    complete(&t, z);
    p = plan_of(&t, dev, &way, NULL, NULL);
    for (int run = 0; run < 6; run++) {
        int64_t last = 8 * 16 * 144 - 1, out = nt_tensor_count(nt_plan_output(p, 0));

        put(p, 1);
        if (run % 2)
            nt_tensor_set(nt_plan_input(p, 0), last, NAN);
        assert_ok(nt_plan_forward(p, e));
        if (isnan(got(p, out - 1)) != run % 2 || isnan(got(p, 0)) != run % 2)
            fail_msg("run %d: %g, %g", run, got(p, 0), got(p, out - 1));
    }
    nt_plan_free(p);
    finish(&t);
    nt_device_free(dev);
}

/* ---- what the flags say */

NT_TEST(a_thread_that_went_with_its_flag_is_missed)
{
    static const nan_way way = {"onednn", NT_F32, false, 4};
    nt_device *dev = nan_device(&way);

    if (!nt_flags_tell(dev)) {
        nt_device_free(dev);
        skip();
    }
    nt_flags_look(dev);
    assert_int_equal(nt_flags_look(dev), 0);
#pragma omp parallel num_threads(4)
    if (omp_get_thread_num() == 3)
        feraiseexcept(FE_INVALID);
    assert_int_equal(nt_flags_look(dev), NT_FLAGS_INVALID);
    assert_int_equal(nt_flags_look(dev), 0);
#pragma omp parallel num_threads(4)
    if (omp_get_thread_num() == 3)
        feraiseexcept(FE_INVALID);
#pragma omp parallel num_threads(2)
    assert_true(omp_get_num_threads() <= 2);
    assert_true(nt_flags_look(dev) != 0); /* a stranger, where the thread has gone */
    nt_device_free(dev);
}

static nt_pstep steps[3];

/* A run of three steps, of which `bad` puts the flag up. Says whether it has to be repeated. */
static bool run_three(nt_watch *w, int bad)
{
    nt_watch_begin(w);
    for (int i = 0; i < 3; i++) {
        nt_watch_before(w, i, &steps[i]);
        if (i == bad)
            feraiseexcept(FE_INVALID);
    }
    return nt_watch_end(w);
}

NT_TEST(flags_of_steps_that_lose_no_nan_are_told_from_those_that_may)
{
    static const nan_way way = {"onednn", NT_F32, false, 1};
    nt_device *dev = nan_device(&way);
    nt_prim loses = {.loses_nan = true}, keeps = {.loses_nan = false};
    nt_watch w = {0};

    if (!nt_flags_tell(dev)) {
        nt_device_free(dev);
        skip();
    }
    steps[0].prim = &loses;
    steps[1].prim = &keeps;
    steps[2].prim = NULL;
    assert_ok(nt_watch_init(&w, dev, 3, e));
    assert_false(run_three(&w, -1));
    assert_false(w.nan);
    assert_true(run_three(&w, 1)); /* which of them? */
    assert_false(run_three(&w, 1));
    assert_false(w.nan); /* a step of our own */
    assert_false(run_three(&w, 1));
    assert_false(w.nan); /* known now */
    assert_false(run_three(&w, 0));
    assert_true(w.nan);
    assert_false(run_three(&w, -1));
    assert_false(w.nan);
    nt_watch_release(&w);
    nt_device_free(dev);
}

NT_TEST_MAIN
