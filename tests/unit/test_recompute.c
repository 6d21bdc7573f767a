/* SPDX-License-Identifier: MIT */
/* Training in less memory gives the same numbers, to the bit. */
#include "exec/plan.h"

#include "net.h"
#include "starve.h"

#define BLOCKS 16
#define CHANNELS 8

static nt_value *norm(net *t, const char *name, nt_value *x)
{
    static const char *const part[] = {"weight", "bias", "running_mean", "running_var"};
    nt_value *v[4];
    nt_node *n;

    for (int i = 0; i < 4; i++) {
        char buf[64];

        snprintf(buf, sizeof buf, "%s.%s", name, part[i]);
        v[i] = weight(t, buf, DIMS(CHANNELS));
    }
    n = NODE(t, "BatchNormalization", name, x, v[0], v[1], v[2], v[3]);
    assert_ok(nt_node_set_int(t->g, n, "training_mode", 0, e));
    return n->out[0];
}

/* Residual blocks of convolution, normalisation, ReLU and dropout, and a dense layer. */
static net blocks(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(4, CHANNELS, 8, 8)), *ratio = weight(&t, "p", 0, NULL);
    nt_value *yes;
    nt_tensor *on = NULL;

    assert_ok(nt_tensor_new(&on, NT_BOOL, 0, NULL, e));
    nt_tensor_set(on, 0, 1);
    assert_ok(nt_graph_add_const(&yes, t.g, "yes", on, e));
    for (int i = 0; i < BLOCKS; i++) {
        char name[3][32];
        nt_value *y;

        snprintf(name[0], sizeof name[0], "b%d.conv", i);
        snprintf(name[1], sizeof name[1], "b%d.bn", i);
        snprintf(name[2], sizeof name[2], "b%d.drop", i);
        y = norm(&t, name[1], conv(&t, name[0], x, CHANNELS, CHANNELS, 1));
        y = NODE(&t, "Relu", NULL, y)->out[0];
        if (i % 3 == 1)
            y = NODE(&t, "Dropout", name[2], y, ratio, yes)->out[0];
        x = NODE(&t, "Add", NULL, x, y)->out[0];
    }
    x = NODE(&t, "GlobalAveragePool", NULL, x)->out[0];
    complete(&t, gemm(&t, "f", NODE(&t, "Flatten", NULL, x)->out[0], CHANNELS, 3));
    randomise(&t);
    nt_tensor_set(ratio->data, 0, 0.5);
    for (int i = 0; i < BLOCKS; i++) {
        char name[32];

        snprintf(name, sizeof name, "b%d.bn.running_var", i);
        for (int c = 0; c < CHANNELS; c++)
            nt_tensor_set(nt_graph_find_value(t.g, name)->data, c, 1);
    }
    return t;
}

typedef struct trained {
    nt_params *params;
    float out[12];
    size_t arena;
    int n_steps;
} trained;

/* Two steps forwards and backwards, each with its own dropout. */
static trained train(const net *t, nt_dtype compute, bool recompute)
{
    nt_device *dev = NULL;
    trained r = {0};
    nt_plan *p = NULL;
    nt_plan_opts o = {.training = true, .compute = compute, .recompute = recompute, .seed = 5};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_params_new(&r.params, t->g, e));
    o.params = r.params;
    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    nt_plan_fill_noise(p, 3);
    for (uint64_t step = 0; step < 2; step++) {
        nt_plan_set_run(p, step);
        assert_ok(nt_plan_forward(p, e));
        for (int i = 0; i < 12; i++)
            nt_tensor_set(nt_plan_output_grad(p, 0), i, i - 5);
        assert_ok(nt_plan_backward(p, e));
        for (size_t i = 0; i < r.params->n_w; i++)
            r.params->w[i] -= 0.01F * r.params->g[i];
    }
    memcpy(r.out, nt_plan_output(p, 0)->data, sizeof r.out);
    r.arena = nt_plan_arena_bytes(p);
    r.n_steps = nt_plan_n_steps(p);
    nt_plan_free(p);
    nt_device_free(dev);
    return r;
}

NT_TEST(what_is_computed_twice_is_the_same_and_takes_less_memory)
{
    static const nt_dtype types[] = {NT_F32, NT_BF16};

    for (int i = 0; i < 2; i++) {
        net t = blocks();
        trained a = train(&t, types[i], false), b = train(&t, types[i], true);

        assert_memory_equal(a.out, b.out, sizeof a.out);
        assert_memory_equal(a.params->w, b.params->w, a.params->n_w * sizeof(float));
        assert_memory_equal(a.params->g, b.params->g, a.params->n_w * sizeof(float));
        assert_memory_equal(a.params->state, b.params->state,
                            a.params->n_state * sizeof(float));
        assert_true(a.params->n_state > 0);
        assert_true(b.arena < a.arena * 3 / 4);
        assert_true(b.n_steps > a.n_steps);
        nt_params_free(a.params);
        nt_params_free(b.params);
        finish(&t);
    }
}

NT_TEST(where_there_is_nothing_to_cut_nothing_changes)
{
    net t = start(17);
    trained a, b;

    complete(&t, gemm(&t, "f", input(&t, "x", DIMS(4, 2)), 2, 3));
    randomise(&t);
    a = train(&t, NT_F32, false);
    b = train(&t, NT_F32, true);
    assert_memory_equal(a.out, b.out, sizeof a.out);
    assert_int_equal(a.n_steps, b.n_steps);
    nt_params_free(a.params);
    nt_params_free(b.params);
    finish(&t);
}

static nt_status make_plan(void *ctx, nt_err *e)
{
    net *t = ctx;
    nt_status s = NT_OK;
    nt_device *dev = NULL;
    nt_plan_opts o = {.training = true, .recompute = true};
    nt_plan *p = NULL;

    NT_TRY(nt_device_new(&dev, 1, e));
    NT_TRY(nt_params_new(&o.params, t->g, e));
    NT_TRY(nt_plan_new(&p, t->g, dev, &o, e));
done:
    nt_plan_free(p);
    nt_params_free(o.params);
    nt_device_free(dev);
    return s;
}

NT_TEST(every_allocation_may_fail)
{
    net t = blocks();

    assert_true(starve(make_plan, &t) > 100);
    finish(&t);
}

NT_TEST_MAIN
