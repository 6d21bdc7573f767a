/* SPDX-License-Identifier: MIT */
/*
 * Operators between convolutions, where tensors lie in the kernel library's own formats: both
 * backends must give the same outputs and the same gradients, and those the central
 * differences.
 */
#include "base/alloc.h"
#include "exec/plan.h"
#include "net.h"

#include <math.h>
#include <stdlib.h>

static nt_value *set_axis(net *t, nt_node *n, int64_t axis)
{
    assert_ok(nt_node_set_int(t->g, n, "axis", axis, e));
    return n->out[0];
}

static nt_value *reduce_mean(net *t, const char *name, nt_value *x, bool keep)
{
    nt_node *n = NODE(t, "ReduceMean", name, x);

    assert_ok(nt_node_set_ints(t->g, n, "axes", (const int64_t[]){2, 3}, 2, e));
    assert_ok(nt_node_set_int(t->g, n, "keepdims", keep, e));
    return n->out[0];
}

static void split(net *t, nt_value *x, nt_value **lo, nt_value **hi)
{
    nt_value *out[2] = {NULL};
    nt_node *n = NULL;

    assert_ok(nt_graph_add_value(&out[0], t->g, "lo", e));
    assert_ok(nt_graph_add_value(&out[1], t->g, "hi", e));
    assert_ok(nt_graph_add_node(&n, t->g, &(nt_node_spec){"Split", "split", &x, 1, out, 2}, e));
    set_axis(t, n, 1);
    *lo = out[0];
    *hi = out[1];
}

/* channels: of the two halves; odd ones do not fit the blocks of a blocked format */
static net build(int64_t c)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(2, 3, 5, 4));
    nt_value *a = conv(&t, "a", x, 3, 2 * c, 1), *lo, *hi;
    nt_value *scale = weight(&t, "scale", DIMS(c, 1, 1));
    nt_value *shift = weight(&t, "shift", DIMS(1, c, 1, 1));
    nt_value *s, *m, *cat, *b, *part;

    split(&t, NODE(&t, "Relu", "r", a)->out[0], &lo, &hi);
    s = NODE(&t, "Add", "s", NODE(&t, "Mul", "m", lo, scale)->out[0], shift)->out[0];
    m = NODE(&t, "Mul", "se", hi, reduce_mean(&t, "gate", hi, true))->out[0];
    m = NODE(&t, "Mul", "half", m, weight(&t, "one.half", DIMS(1)))->out[0];
    m = NODE(&t, "Mul", "mask", weight(&t, "place", DIMS(1, 1, 5, 4)), m)->out[0];
    cat = set_axis(&t, NODE(&t, "Concat", "cat", s, m, hi), 1);
    b = conv(&t, "b", cat, 3 * c, 32, 1);
    part =
        NODE(&t, "Slice", "part", b, ints(&t, DIMS(16)), ints(&t, DIMS(32)), ints(&t, DIMS(1)))
            ->out[0];
    part = NODE(&t, "Sub", "d", part, weight(&t, "plane", DIMS(5, 4)))->out[0];
    complete(&t, gemm(&t, "fc", reduce_mean(&t, "pool", part, false), 16, 3));
    randomise(&t);
    return t;
}

static nt_value *resize(net *t, const char *name, nt_value *x, const char *mode,
                        const int64_t *sizes)
{
    nt_node *n = node(t, "Resize", name, 4, (nt_value *[]){x, NULL, NULL, ints(t, 4, sizes)});

    assert_ok(nt_node_set_str(t->g, n, "mode", mode, e));
    return n->out[0];
}

static nt_value *blocks(net *t, const char *op, const char *name, nt_value *x)
{
    nt_node *n = NODE(t, op, name, x);

    assert_ok(nt_node_set_int(t->g, n, "blocksize", 2, e));
    return n->out[0];
}

static nt_value *pad(net *t, const char *name, nt_value *x, const char *mode)
{
    nt_node *n = NODE(t, "Pad", name, x, ints(t, DIMS(0, 0, 1, -1, 0, 0, 2, 1)));

    assert_ok(nt_node_set_str(t->g, n, "mode", mode, e));
    return n->out[0];
}

static nt_value *transpose(net *t, const char *name, nt_value *x, int n, const int64_t *perm)
{
    nt_node *q = NODE(t, "Transpose", name, x);

    assert_ok(nt_node_set_ints(t->g, q, "perm", perm, (size_t)n, e));
    return q->out[0];
}

static nt_value *shuffled(net *t, const char *name, nt_value *x)
{
    nt_value *order = ints(t, DIMS(3, 1, 4, 2, 0));

    return set_axis(t, NODE(t, "Gather", name, x, order), 1);
}

/* Images with their channels last, and channels in another order, between convolutions. */
static net build_orders(int64_t c)
{
    net t = start(13);
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(2, 3, 3, 4)), 3, c, 1);

    x = transpose(&t, "last", x, DIMS(0, 2, 3, 1));
    x = NODE(&t, "Mul", "scaled", x, weight(&t, "scale", DIMS(c)))->out[0];
    x = transpose(&t, "first", x, DIMS(0, 3, 1, 2));
    x = conv(&t, "b", shuffled(&t, "shuffle", x), 5, 16, 1);
    x = conv(&t, "c", transpose(&t, "turned", x, DIMS(0, 1, 3, 2)), 16, 16, 1);
    complete(&t, gemm(&t, "fc", reduce_mean(&t, "pool", x, false), 16, 3));
    randomise(&t);
    return t;
}

/* What changes the plane of an image between two convolutions of c and 16 c channels. */
static net build_planes(int64_t c)
{
    net t = start(13);
    nt_value *x = conv(&t, "a", input(&t, "x", DIMS(2, 3, 3, 4)), 3, c, 1);

    x = conv(&t, "b", pad(&t, "zeros", x, "constant"), c, c, 1);
    x = conv(&t, "c", pad(&t, "mirror", x, "reflect"), c, c, 1);
    x = conv(&t, "d", resize(&t, "near", x, "nearest", (const int64_t[]){2, c, 18, 8}), c, c,
             1);
    x = conv(&t, "e", resize(&t, "wide", x, "linear", (const int64_t[]){2, c, 27, 12}), c,
             4 * c, 1);
    x = conv(&t, "f", blocks(&t, "DepthToSpace", "open", x), c, c, 1);
    x = conv(&t, "g", resize(&t, "small", x, "cubic", (const int64_t[]){2, c, 9, 8}), c, c, 1);
    x = NODE(&t, "Tile", "tile", x, ints(&t, DIMS(1, 1, 2, 2)))->out[0];
    x = conv(&t, "h", blocks(&t, "SpaceToDepth", "shut", x), 4 * c, 16, 1);
    complete(&t, gemm(&t, "fc", reduce_mean(&t, "pool", x, false), 16, 3));
    randomise(&t);
    return t;
}

typedef struct result {
    double y[6];
    nt_params *params;
} result;

static void fill(nt_tensor *t, const char *what)
{
    nt_rng root, r;

    nt_rng_init(&root, 5);
    r = nt_rng_fork(&root, what);
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, nt_rng_double(&r) * 2 - 1);
}

/* Runs forwards and backwards, and moves one weight to see the loss move. */
static void train(result *q, const net *t, const char *backend, nt_dtype compute)
{
    nt_plan_opts o = {.training = true, .compute = compute};
    nt_device *dev = NULL;
    nt_plan *p = NULL;

    setenv("NT_BACKEND", backend, 1);
    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_params_new(&q->params, t->g, e));
    o.params = q->params;
    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    fill(nt_plan_input(p, 0), "x");
    assert_ok(nt_plan_forward(p, e));
    for (int i = 0; i < 6; i++)
        q->y[i] = nt_tensor_get(nt_plan_output(p, 0), i);
    fill(nt_plan_output_grad(p, 0), "dy");
    assert_ok(nt_plan_backward(p, e));
    nt_plan_free(p);
    nt_device_free(dev);
}

static double loss(nt_plan *p)
{
    double sum = 0;

    assert_ok(nt_plan_forward(p, e));
    for (int i = 0; i < 6; i++)
        sum += nt_tensor_get(nt_plan_output(p, 0), i) *
               nt_tensor_get(nt_plan_output_grad(p, 0), i);
    return sum;
}

/* A few weights of every parameter. */
static void check_differences(const net *t, nt_params *params)
{
    nt_plan_opts o = {.training = true, .compute = NT_F32, .params = params};
    nt_device *dev = NULL;
    nt_plan *p = NULL;

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, t->g, dev, &o, e));
    fill(nt_plan_input(p, 0), "x");
    fill(nt_plan_output_grad(p, 0), "dy");
    for (int k = 0; k < params->n; k++) {
        const nt_param *v = &params->v[k];

        for (size_t i = 0; i < v->count; i += v->count / 3 + 1) {
            float *w = params->w + v->offset + i, keep = *w;
            double up, down, want;

            *w = keep + 2e-3F;
            up = loss(p);
            *w = keep - 2e-3F;
            down = loss(p);
            *w = keep;
            want = (up - down) / 4e-3;
            if (fabs(want - params->g[v->offset + i]) > 1e-2 * (1 + fabs(want)))
                fail_msg("'%s'[%zu]: gradient %g, want %g", v->name, i,
                         (double)params->g[v->offset + i], want);
        }
    }
    nt_plan_free(p);
    nt_device_free(dev);
}

static void check(net t, int n_params)
{
    result a, b;

    train(&a, &t, "onednn", NT_F32);
    train(&b, &t, "openblas", NT_F32);
    for (int i = 0; i < 6; i++)
        assert_float_equal(a.y[i], b.y[i], 1e-3 * (1 + fabs(b.y[i])));
    assert_int_equal(a.params->n, n_params);
    for (size_t i = 0; i < a.params->n_w; i++)
        assert_float_equal(a.params->g[i], b.params->g[i], 2e-3 * (1 + fabs(b.params->g[i])));
    check_differences(&t, b.params);
    nt_params_free(a.params);
    nt_params_free(b.params);
    finish(&t);
}

static double norm(const nt_params *p, const nt_params *minus)
{
    double sum = 0;

    for (size_t i = 0; i < p->n_w; i++) {
        double d = (double)p->g[i] - (minus ? (double)minus->g[i] : 0);

        sum += d * d;
    }
    return sqrt(sum);
}

static void check_bf16(net t)
{
    result a, b;

    train(&a, &t, "onednn", NT_BF16);
    train(&b, &t, "onednn", NT_F32);
    assert_true(norm(a.params, b.params) < 0.03 * norm(b.params, NULL));
    assert_true(norm(a.params, b.params) > 0);
    nt_params_free(a.params);
    nt_params_free(b.params);
    finish(&t);
}

NT_TEST(bfloat16_gives_the_same_to_its_precision)
{
    check_bf16(build(16));
    check_bf16(build_planes(16));
}

NT_TEST(blocks_that_fit_stay_blocked)
{
    check(build(16), 6); /* single numbers and what is subtracted are fixed */
}

NT_TEST(halves_that_break_a_block_are_made_plain)
{
    check(build(5), 6);
}

NT_TEST(planes_change_in_blocks_of_channels)
{
    check(build_planes(16), 9);
}

NT_TEST(planes_change_beside_unfilled_blocks)
{
    check(build_planes(5), 9);
}

NT_TEST(channels_change_places)
{
    check(build_orders(5), 5);
    check(build_orders(16), 5);
}

NT_TEST_MAIN
