/* SPDX-License-Identifier: MIT */
/*
 * NaN and infinities through layers with an activation behind them, which the planner fuses:
 * what the layer alone hands on, the activation does, too. oneDNN's own activations give a
 * number for NaN (kernel/flags.h).
 */
#include "nan_net.h"
#include "net.h"

typedef nt_value *layer_fn(net *t, nt_value *x);
typedef nt_value *post_fn(net *t, nt_value *x, nt_value *in);

/* ---- layers, all of whose weights are positive: an infinity comes out as one */

static nt_value *positive(net *t, int rank, const int64_t *d)
{
    nt_value *v = weight(t, NULL, rank, d);

    for (int64_t i = 0; i < nt_tensor_count(v->data); i++)
        nt_tensor_set(v->data, i, 0.05 + 0.01 * (double)(i % 7));
    return v;
}

static nt_value *number(net *t, double v)
{
    nt_value *c = weight(t, NULL, 0, NULL);

    nt_tensor_set(c->data, 0, v);
    return c;
}

static nt_value *filters(net *t, const char *op, nt_value *x, int64_t group, int64_t pad,
                         int64_t stride, int rank, const int64_t *w)
{
    const int64_t k = op[4] ? group * w[1] : w[0];
    nt_value *in[] = {x, positive(t, rank, w), positive(t, 1, &k)};
    nt_node *n = node(t, op, "layer", 3, in);
    int64_t pads[6] = {pad, pad, pad, pad, pad, pad}, strides[3] = {stride, stride, stride};

    assert_ok(nt_node_set_ints(t->g, n, "pads", pads, 2 * (size_t)(rank - 2), e));
    assert_ok(nt_node_set_ints(t->g, n, "strides", strides, (size_t)(rank - 2), e));
    assert_ok(nt_node_set_int(t->g, n, "group", group, e));
    return n->out[0];
}

#define FILTERS(name, op, group, pad, stride, ...)                                             \
    static nt_value *name(net *t, nt_value *x)                                                 \
    {                                                                                          \
        return filters(t, op, x, group, pad, stride, DIMS(__VA_ARGS__));                       \
    }

FILTERS(points, "Conv", 1, 0, 1, 24, 19, 1, 1)
FILTERS(squares, "Conv", 1, 1, 1, 19, 19, 3, 3)
FILTERS(blocks, "Conv", 1, 1, 1, 32, 32, 3, 3)
FILTERS(strided, "Conv", 1, 1, 2, 17, 19, 3, 3)
FILTERS(depthwise, "Conv", 19, 1, 1, 19, 1, 3, 3)
FILTERS(depthwise_blocks, "Conv", 32, 1, 1, 32, 1, 3, 3)
FILTERS(groups, "Conv", 4, 1, 1, 16, 8, 3, 3)
FILTERS(one_channel, "Conv", 1, 0, 1, 1, 19, 1, 1)
FILTERS(row, "Conv", 1, 1, 1, 7, 5, 3)
FILTERS(volume, "Conv", 1, 1, 1, 6, 5, 3, 3, 3)
FILTERS(upwards, "ConvTranspose", 1, 0, 2, 19, 9, 2, 2)
FILTERS(upwards_in_groups, "ConvTranspose", 2, 0, 2, 32, 8, 2, 2)
/* enough channels and points for Winograd (kernel/choose.c), in bf16, too */
FILTERS(tiles, "Conv", 1, 1, 1, 40, 40, 3, 3)
FILTERS(tiles_upwards, "ConvTranspose", 1, 1, 1, 40, 40, 3, 3)

static nt_value *dense(net *t, nt_value *x)
{
    nt_value *in[] = {x, positive(t, DIMS(21, 33)), positive(t, DIMS(33))};

    return node(t, "Gemm", "layer", 3, in)->out[0];
}

static nt_value *product(net *t, nt_value *x)
{
    nt_value *y = NODE(t, "MatMul", "layer", x, positive(t, DIMS(21, 33)))->out[0];

    return NODE(t, "Add", "biased", y, positive(t, DIMS(33)))->out[0];
}

static nt_value *normalised(net *t, nt_value *x)
{
    return NODE(t, "BatchNormalization", "norm", x, positive(t, DIMS(19)),
                positive(t, DIMS(19)), positive(t, DIMS(19)), positive(t, DIMS(19)))
        ->out[0];
}

static nt_value *conv_and_norm(net *t, nt_value *x)
{
    return normalised(t, squares(t, x));
}

static const struct {
    const char *name;
    layer_fn *build;
    int rank;
    int64_t d[5];
} layers[] = {
    {"1x1", points, 4, {2, 19, 5, 6}},
    {"3x3", squares, 4, {1, 19, 9, 7}},
    {"3x3 of whole blocks", blocks, 4, {1, 32, 14, 14}},
    {"3x3 of stride 2", strided, 4, {1, 19, 9, 7}},
    {"depthwise", depthwise, 4, {1, 19, 9, 7}},
    {"depthwise of whole blocks", depthwise_blocks, 4, {1, 32, 9, 7}},
    {"grouped", groups, 4, {1, 32, 5, 6}},
    {"to one channel", one_channel, 4, {1, 19, 5, 6}},
    {"of a row", row, 3, {2, 5, 23}},
    {"of a volume", volume, 5, {1, 5, 4, 5, 4}},
    {"ConvTranspose", upwards, 4, {1, 19, 4, 5}},
    {"ConvTranspose in groups", upwards_in_groups, 4, {1, 32, 4, 5}},
    {"Gemm", dense, 2, {3, 21}},
    {"MatMul", product, 2, {3, 21}},
    {"BatchNormalization", normalised, 4, {2, 19, 3, 5}},
    {"Conv, BatchNormalization", conv_and_norm, 4, {1, 19, 9, 7}},
    {"3x3 in tiles", tiles, 4, {1, 40, 28, 30}},
    {"ConvTranspose in tiles", tiles_upwards, 4, {1, 40, 28, 30}},
};

/* ---- what stands behind them */

#define UNARY(name, op)                                                                        \
    static nt_value *name(net *t, nt_value *x, nt_value *in)                                   \
    {                                                                                          \
        (void)in;                                                                              \
        return NODE(t, op, "post", x)->out[0];                                                 \
    }

static nt_value *nothing(net *t, nt_value *x, nt_value *in)
{
    (void)t;
    (void)in;
    return x;
}

UNARY(relu, "Relu")
UNARY(leaky_relu, "LeakyRelu")
UNARY(hard_sigmoid, "HardSigmoid")
UNARY(hard_swish, "HardSwish")
UNARY(elu, "Elu")
UNARY(sigmoid, "Sigmoid")
UNARY(tanh_, "Tanh")
UNARY(softplus, "Softplus")
UNARY(gelu, "Gelu")
UNARY(mish, "Mish")

static nt_value *clip(net *t, nt_value *x, nt_value *in)
{
    (void)in;
    return NODE(t, "Clip", "post", x, number(t, 0), number(t, 6))->out[0];
}

static nt_value *max_and_min(net *t, nt_value *x, nt_value *in)
{
    nt_value *y = NODE(t, "Max", "max", x, number(t, 0))->out[0];

    (void)in;
    return NODE(t, "Min", "post", y, number(t, 6))->out[0];
}

static nt_value *swish(net *t, nt_value *x, nt_value *in)
{
    nt_value *s = NODE(t, "Sigmoid", "sigmoid", x)->out[0];

    (void)in;
    return NODE(t, "Mul", "post", x, s)->out[0];
}

static nt_value *clip_and_leak(net *t, nt_value *x, nt_value *in)
{
    return NODE(t, "LeakyRelu", "leak", clip(t, x, in))->out[0];
}

/* Sums with the layer's input, where shapes allow. */
static nt_value *sum(net *t, nt_value *x, nt_value *in)
{
    return NODE(t, "Add", "sum", x, in)->out[0];
}

static nt_value *sum_and_relu(net *t, nt_value *x, nt_value *in)
{
    return relu(t, sum(t, x, in), in);
}

static nt_value *relu_and_sum(net *t, nt_value *x, nt_value *in)
{
    return sum(t, relu(t, x, in), in);
}

static const struct {
    const char *name;
    post_fn *build;
    bool with_input;
    float plus, minus; /* of what the layer makes of infinities */
} posts[] = {
    {"nothing", nothing, false, INFINITY, -INFINITY},
    {"Relu", relu, false, INFINITY, 0},
    {"LeakyRelu", leaky_relu, false, INFINITY, -INFINITY},
    {"Clip", clip, false, 6, 0},
    {"Add", sum, true, INFINITY, -INFINITY},
    {"Add, Relu", sum_and_relu, true, INFINITY, 0},
    {"Max, Min", max_and_min, false, 6, 0},
    {"HardSigmoid", hard_sigmoid, false, 1, 0},
    {"HardSwish", hard_swish, false, INFINITY, NAN},
    {"Elu", elu, false, INFINITY, -1},
    {"Sigmoid", sigmoid, false, 1, 0},
    {"Tanh", tanh_, false, 1, -1},
    {"Softplus", softplus, false, INFINITY, 0},
    {"Gelu", gelu, false, INFINITY, NAN},
    {"Mish", mish, false, INFINITY, NAN},
    {"Swish", swish, false, INFINITY, NAN},
    {"Clip, LeakyRelu", clip_and_leak, false, 6, 0},
    {"Relu, Add", relu_and_sum, true, INFINITY, 0},
};
enum {
    N_LAYERS = sizeof layers / sizeof *layers,
    N_POSTS = sizeof posts / sizeof *posts,
    N_FEW = 6, /* the first posts, which alone stand behind large layers */
    LARGE = 10000,
    NO_POST = -1
};

static net build(int layer, int post)
{
    net t = start(20);
    nt_value *x = input(&t, "x", layers[layer].rank, layers[layer].d);
    nt_value *y = layers[layer].build(&t, x);

    if (post != NO_POST)
        y = posts[post].build(&t, y, x);
    complete(&t, y);
    return t;
}

static nan_run plan_of(const net *t, nt_device *dev, const nan_way *w, const char *what)
{
    nt_plan_opts o = {.compute = w->compute, .no_fusion = w->no_fusion};
    nan_run r = {NULL, what, w->compute == NT_BF16 ? 1e-2 : 1e-3};

    assert_ok(nt_plan_new(&r.plan, t->g, dev, &o, e));
    return r;
}

static bool same_shapes(int layer)
{
    net t = build(layer, NO_POST);
    bool same = t.g->outputs[0]->rank == t.g->inputs[0]->rank;

    for (int i = 0; same && i < t.g->inputs[0]->rank; i++)
        same = t.g->outputs[0]->dims[i].value == t.g->inputs[0]->dims[i].value;
    finish(&t);
    return same;
}

/* What depends on element `at` behind the layer alone. */
static bool *dependents_of(int layer, int place, int64_t *at)
{
    static const nan_way plain = {"openblas", NT_F32, true, 1};
    nt_device *dev = nan_device(&plain);
    net t = build(layer, NO_POST);
    nan_run r = plan_of(&t, dev, &plain, layers[layer].name);
    bool *depends;

    *at = nan_place(&r, place);
    depends = nan_dependents(&r, *at);
    nt_plan_free(r.plan);
    finish(&t);
    nt_device_free(dev);
    return depends;
}

static int n_posts(int layer)
{
    int64_t n = 1;

    for (int i = 0; i < layers[layer].rank; i++)
        n *= layers[layer].d[i];
    return n > LARGE ? N_FEW : N_POSTS;
}

static int n_cases;

/* By layer and place: the same behind every activation. */
typedef struct reach {
    int64_t at[3];
    bool *depends[3];
} reach;

static void check_fused(int layer, int post, const reach *to, nt_device *dev, const nan_way *w)
{
    char what[160];
    net t = build(layer, post);
    nan_run r;

    snprintf(what, sizeof what, "%s, %s, %s, %s, %s, %d threads", layers[layer].name,
             posts[post].name, w->backend, nt_dtype_name(w->compute),
             w->no_fusion ? "apart" : "fused", w->threads);
    r = plan_of(&t, dev, w, what);
    for (int i = 0; i < 3; i++) {
        nan_check(&r, to->at[i], NAN, NAN, to->depends[i]);
        nan_check(&r, to->at[i], INFINITY, posts[post].plus, to->depends[i]);
        n_cases += 2;
        if (posts[post].with_input)
            continue; /* -Inf + Inf is NaN where the input's own place is */
        nan_check(&r, to->at[i], -INFINITY, posts[post].minus, to->depends[i]);
        n_cases++;
    }
    nt_plan_free(r.plan);
    finish(&t);
}

NT_TEST(layers_hand_nan_and_infinities_through_the_activations_behind_them)
{
    n_cases = 0;
    for (int i = 0; i < N_LAYERS; i++) {
        reach to;

        for (int k = 0; k < 3; k++)
            to.depends[k] = dependents_of(i, k, &to.at[k]);
        for (int w = 0; w < NAN_WAYS; w++) {
            nt_device *dev = nan_device(&nan_ways[w]);

            for (int k = 0; k < n_posts(i); k++)
                if (!posts[k].with_input || same_shapes(i))
                    check_fused(i, k, &to, dev, &nan_ways[w]);
            nt_device_free(dev);
        }
        for (int k = 0; k < 3; k++)
            nt_free(to.depends[k]);
    }
    print_message("fused: %d cases\n", n_cases);
}

NT_TEST_MAIN
