/* SPDX-License-Identifier: MIT */
/*
 * Pruning through codes: the channels whose scale is small go, with their codes, scales and
 * zero points, and masked and shrunk answer the same.
 */
#include "exec/plan.h"
#include "part_layers.h"
#include "prune/prune.h"
#include "prune/rules.h"
#include "prune/shrink.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

/* ---- values of codes */

typedef struct coding {
    nt_dtype type;
    int axis;      /* of the scales; -1: one for all */
    int zero;      /* -100: no zero point */
    bool computed; /* the codes are made of floats by a QuantizeLinear */
} coding;

static nt_value *constant(net *t, const char *name, nt_dtype type, int rank, const int64_t *d)
{
    nt_tensor *data = NULL;
    nt_value *v = NULL;

    assert_ok(nt_tensor_new(&data, type, rank, d, e));
    assert_ok(nt_graph_add_const(&v, t->g, name, data, e));
    return v;
}

/* Of n numbers along the axis the first half is a tenth of the others. */
static nt_value *scales(net *t, const char *name, int64_t n, double unit)
{
    nt_value *v = n ? constant(t, name, NT_F32, 1, &n) : constant(t, name, NT_F32, 0, &n);

    for (int64_t i = 0; i < (n ? n : 1); i++)
        nt_tensor_set(v->data, i, n && i < n / 2 ? unit / 10 : unit);
    return v;
}

static nt_value *zeros(net *t, const char *name, nt_dtype type, int64_t n, int zero)
{
    nt_value *v = n ? constant(t, name, type, 1, &n) : constant(t, name, type, 0, &n);

    for (int64_t i = 0; i < (n ? n : 1); i++)
        nt_tensor_set_i64(v->data, i, zero);
    return v;
}

/* Codes from -7 to 7 around the zero point; where one scale serves all, those of the first half
 * of the outputs (of axis `out`) are -1, 0 or 1. */
static void fill(nt_value *v, const coding *q, int out)
{
    nt_axis_view w = nt_tensor_axis(v->data, out);
    nt_rng root, r;

    nt_rng_init(&root, 3);
    r = nt_rng_fork(&root, v->name);
    for (int64_t i = 0; i < nt_tensor_count(v->data); i++) {
        bool small = q->axis < 0 && i / w.inner % w.n < w.n / 2;
        double x = (nt_rng_double(&r) * 2 - 1) * (small ? 1.4 : 7.4);

        if (q->computed)
            nt_tensor_set(
                v->data, i,
                x * (small || (q->axis >= 0 && i / w.inner % w.n < w.n / 2) ? 0.005 : 0.05));
        else
            nt_tensor_set_i64(v->data, i, lround(x) + (q->zero == -100 ? 0 : q->zero));
    }
}

static void set_axis(net *t, nt_node *n, int axis)
{
    if (axis >= 0)
        assert_ok(nt_node_set_int(t->g, n, "axis", axis, e));
}

/* NAME.weight of these extents as the network computes with it. */
static nt_value *coded(net *t, const char *layer, const coding *q, int out, int rank,
                       const int64_t *d)
{
    int64_t n = q->axis < 0 ? 0 : d[q->axis];
    char name[3][128];
    nt_value *w, *s, *z;
    nt_node *made;

    snprintf(name[0], sizeof name[0], "%s.weight", layer);
    snprintf(name[1], sizeof name[1], "%s.scale", layer);
    snprintf(name[2], sizeof name[2], "%s.zero", layer);
    w = constant(t, name[0], q->computed ? NT_F32 : q->type, rank, d);
    s = scales(t, name[1], n, 0.05);
    z = q->zero == -100 ? NULL : zeros(t, name[2], q->type, n, q->zero);
    fill(w, q, out);
    if (q->computed) {
        made = NODE(t, "QuantizeLinear", NULL, w, s, z);
        set_axis(t, made, q->axis);
        w = made->out[0];
    }
    made = NODE(t, "DequantizeLinear", NULL, w, s, z);
    set_axis(t, made, q->axis);
    return made->out[0];
}

/* int32 codes behind scales of their own. */
static nt_value *coded_bias(net *t, const char *layer, int64_t n)
{
    char name[2][128];
    nt_value *b;

    snprintf(name[0], sizeof name[0], "%s.bias", layer);
    snprintf(name[1], sizeof name[1], "%s.bias_scale", layer);
    b = constant(t, name[0], NT_I32, 1, &n);
    for (int64_t i = 0; i < n; i++)
        nt_tensor_set_i64(b->data, i, 3 * i - 10);
    b = NODE(t, "DequantizeLinear", NULL, b, scales(t, name[1], n, 0.01))->out[0];
    set_axis(t, b->producer, 0);
    return b;
}

/* An activation rounded to 8 bits. */
static nt_value *rounded(net *t, const char *name, nt_value *x, int zero)
{
    char s[128], z[128];
    nt_value *scale, *zp, *q;

    snprintf(s, sizeof s, "%s_scale", name);
    snprintf(z, sizeof z, "%s_zero", name);
    scale = scales(t, s, 0, 0.05);
    zp = zeros(t, z, NT_U8, 0, zero);
    q = NODE(t, "QuantizeLinear", NULL, x, scale, zp)->out[0];
    return NODE(t, "DequantizeLinear", name, q, scale, zp)->out[0];
}

/* ---- networks; layer a has 8 outputs, the first four are small */

static nt_value *convolutions(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h;

    of.axis = q->axis < 0 ? -1 : 0;
    h = NODE(t, "Conv", "a", rounded(t, "xq", x, 128),
             coded(t, "a", &of, 0, 4, (const int64_t[]){8, 3, 3, 3}), coded_bias(t, "a", 8))
            ->out[0];
    h = rounded(t, "hq", un(t, "Relu", "r", h), 0);
    return NODE(t, "Conv", "b", h, coded(t, "b", &of, 0, 4, (const int64_t[]){5, 8, 1, 1}),
                coded_bias(t, "b", 5))
        ->out[0];
}

static nt_value *depthwise(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h;

    of.axis = q->axis < 0 ? -1 : 0;
    h = NODE(t, "Conv", "a", rounded(t, "xq", x, 128),
             coded(t, "a", &of, 0, 4, (const int64_t[]){8, 3, 1, 1}))
            ->out[0];
    h = NODE(t, "Conv", "d", rounded(t, "hq", h, 128),
             coded(t, "d", &of, 0, 4, (const int64_t[]){8, 1, 3, 3}))
            ->out[0];
    assert_ok(nt_node_set_int(t->g, h->producer, "group", 8, e));
    return NODE(t, "Conv", "b", rounded(t, "dq", h, 128),
                coded(t, "b", &of, 0, 4, (const int64_t[]){5, 8, 1, 1}))
        ->out[0];
}

static nt_value *transposes(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h;

    of.axis = q->axis < 0 ? -1 : 1;
    h = NODE(t, "ConvTranspose", "a", x,
             coded(t, "a", &of, 1, 4, (const int64_t[]){3, 8, 2, 2}))
            ->out[0];
    return NODE(t, "ConvTranspose", "b", rounded(t, "hq", h, 128),
                coded(t, "b", &of, 1, 4, (const int64_t[]){8, 4, 2, 2}))
        ->out[0];
}

static nt_value *products(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h;

    of.axis = q->axis < 0 ? -1 : 1;
    h = NODE(t, "MatMul", "a", x, coded(t, "a", &of, 1, 2, (const int64_t[]){6, 8}))->out[0];
    h = NODE(t, "Add", "plus", h, coded_bias(t, "a", 8))->out[0];
    return NODE(t, "MatMul", "b", rounded(t, "hq", h, 128),
                coded(t, "b", &of, 1, 2, (const int64_t[]){8, 4}))
        ->out[0];
}

/* The weight lies the other way round. */
static nt_value *turned(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h;

    of.axis = q->axis < 0 ? -1 : 0;
    h = un(t, "Transpose", "at", coded(t, "a", &of, 0, 2, (const int64_t[]){8, 6}));
    h = NODE(t, "MatMul", "a", x, h)->out[0];
    return NODE(t, "MatMul", "b", un(t, "Relu", "r", h),
                un(t, "Transpose", "bt", coded(t, "b", &of, 0, 2, (const int64_t[]){4, 8})))
        ->out[0];
}

static nt_value *dense(net *t, nt_value *x, const coding *q)
{
    coding of = *q;
    nt_value *h = un(t, "Flatten", "f", x);

    of.axis = q->axis < 0 ? -1 : 0;
    h = NODE(t, "Gemm", "a", h, coded(t, "a", &of, 0, 2, (const int64_t[]){8, 108}),
             coded_bias(t, "a", 8))
            ->out[0];
    assert_ok(nt_node_set_int(t->g, h->producer, "transB", 1, e));
    h = NODE(t, "Gemm", "b", rounded(t, "hq", h, 128),
             coded(t, "b", &of, 0, 2, (const int64_t[]){4, 8}))
            ->out[0];
    assert_ok(nt_node_set_int(t->g, h->producer, "transB", 1, e));
    return h;
}

/* ---- the grid */

static const struct {
    const char *name;
    nt_value *(*build)(net *t, nt_value *x, const coding *q);
} nets[] = {
    {"convolutions", convolutions}, {"depthwise", depthwise}, {"transposes", transposes},
    {"products", products},         {"turned", turned},       {"dense", dense}};

static const struct {
    const char *name;
    coding q;
} codings[] = {
    {"int8, a scale each", {NT_I8, 0, 0, false}},
    {"int8, a scale each, no zero point", {NT_I8, 0, -100, false}},
    {"uint8, a scale each", {NT_U8, 0, 131, false}},
    {"uint8, one scale", {NT_U8, -1, 131, false}},
    {"int8, one scale", {NT_I8, -1, -100, false}},
    {"int4, a scale each", {NT_I4, 0, 0, false}},
    {"int16, a scale each", {NT_I16, 0, 0, false}},
    {"rounded floats, a scale each", {NT_I8, 0, 0, true}},
    {"rounded floats, one scale", {NT_U8, -1, 128, true}},
};

static nt_model *model_of(int i, int k)
{
    net t = start(21);
    nt_model *m = NULL;

    complete(&t, nets[i].build(&t, input(&t, "x", DIMS(-1, 3, 6, 6)), &codings[k].q));
    assert_ok(nt_model_from_graph(&m, t.g, e));
    return m;
}

static void prune_half(nt_model *m)
{
    static const char rules[] = "[{\"sparsity\": 0.5, \"op_types\": [\"default\"]}]";
    cJSON *j = NULL;
    nt_channels *c = NULL;
    nt_prune_opts o = {0};
    bool *removed;

    assert_ok(nt_json_parse(&j, rules, strlen(rules), e));
    assert_ok(nt_rules_check(j, e));
    assert_ok(nt_channels_new(&c, nt_model_graph(m), e));
    assert_ok(nt_prune_check_any(c, e));
    removed = nt_calloc((size_t)c->n_channels + 1, sizeof *removed);
    o.rules = j;
    assert_ok(nt_prune_select(removed, c, &o, e));
    assert_ok(nt_prune_apply(m, c, removed, e));
    nt_free(removed);
    nt_channels_free(c);
    nt_json_free(j);
}

static nt_tensor *answer(nt_model *m)
{
    nt_device *dev = NULL;
    nt_plan *p = NULL;
    nt_tensor *y = NULL;
    int64_t(*dims)[NT_MAX_RANK] = nt_pass_input_dims(nt_model_graph(m), 2);
    nt_plan_opts o = {.dims = (const int64_t(*)[NT_MAX_RANK])dims};

    assert_ok(nt_device_new(&dev, 1, e));
    assert_ok(nt_plan_new(&p, nt_model_graph(m), dev, &o, e));
    nt_plan_fill_noise(p, 7);
    assert_ok(nt_plan_forward(p, e));
    assert_ok(nt_tensor_dup(&y, nt_plan_output(p, 0), e));
    nt_plan_free(p);
    nt_device_free(dev);
    nt_free(dims);
    return y;
}

/* The four outputs whose scale is larger are left. */
static void check_scales(nt_model *m, const coding *q)
{
    const nt_tensor *s = nt_graph_find_value(nt_model_graph(m), "a.scale")->data;

    assert_int_equal(nt_tensor_count(s), q->axis < 0 ? 1 : 4);
    for (int64_t i = 0; i < nt_tensor_count(s); i++)
        assert_float_equal(nt_tensor_get(s, i), 0.05, 1e-6);
}

static void check(int i, int k)
{
    nt_model *m = model_of(i, k);
    nt_tensor *masked, *shrunk;
    nt_shrink_stats st;
    double top = 0;

    print_message("%s, %s\n", nets[i].name, codings[k].name);
    prune_half(m);
    masked = answer(m);
    assert_ok(nt_shrink(m, &st, e));
    assert_int_equal(st.removed, 4);
    shrunk = answer(m);
    check_scales(m, &codings[k].q);
    for (int64_t n = 0; n < nt_tensor_count(masked); n++)
        top = fmax(top, fabs(nt_tensor_get(masked, n)));
    assert_true(nt_tensor_same_shape(masked, shrunk) && top > 1e-3);
    for (int64_t n = 0; n < nt_tensor_count(masked); n++)
        assert_float_equal(nt_tensor_get(shrunk, n), nt_tensor_get(masked, n), 1e-5 * top);
    nt_tensor_free(masked);
    nt_tensor_free(shrunk);
    nt_model_free(m);
}

static void check_all(const char *backend)
{
    setenv("NT_BACKEND", backend, 1);
    for (int i = 0; i < (int)(sizeof nets / sizeof *nets); i++)
        for (int k = 0; k < (int)(sizeof codings / sizeof *codings); k++)
            check(i, k);
    unsetenv("NT_BACKEND");
}

NT_TEST(codes_scales_and_zero_points_go_with_their_channels_on_onednn)
{
    check_all("onednn");
}

NT_TEST(codes_scales_and_zero_points_go_with_their_channels_on_openblas)
{
    check_all("openblas");
}

/* ---- what is refused, or kept */

NT_TEST(layers_that_compute_on_integers_are_refused_by_name)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 3, 6, 6));
    nt_node *d;
    nt_value *out[3] = {NULL, NULL, NULL},
             *w = constant(&t, "w", NT_I8, 4, (const int64_t[]){4, 3, 3, 3});
    nt_channels *c = NULL;

    for (int i = 0; i < 3; i++)
        assert_ok(nt_graph_add_value(&out[i], t.g, NULL, e));
    assert_ok(nt_graph_add_node(
        &d, t.g, &(nt_node_spec){"DynamicQuantizeLinear", "dyn", &x, 1, out, 3}, e));
    complete(&t, NODE(&t, "ConvInteger", "ci", out[0], w, out[2])->out[0]);
    assert_ok(nt_channels_new(&c, t.g, e));
    assert_fails(NT_EUNSUPPORTED,
                 "node 'ci': ConvInteger computes on integers and cannot be pruned; prune "
                 "before quantizing",
                 nt_prune_check_any(c, e));
    nt_channels_free(c);
    finish(&t);
}

/* Blocks of weights along the inputs have scales in common. */
NT_TEST(weights_in_blocks_keep_the_inputs_that_share_a_scale)
{
    net t = start(21);
    nt_value *x = input(&t, "x", DIMS(1, 6)), *w, *s, *h;
    nt_channels *c = NULL;

    w = constant(&t, "b.weight", NT_I8, 2, (const int64_t[]){8, 4});
    s = constant(&t, "b.scale", NT_F32, 2, (const int64_t[]){2, 4});
    h = NODE(&t, "MatMul", "a", x, weight(&t, "a.weight", DIMS(6, 8)))->out[0];
    w = NODE(&t, "DequantizeLinear", "bw", w, s)->out[0];
    set_axis(&t, w->producer, 0);
    assert_ok(nt_node_set_int(t.g, w->producer, "block_size", 4, e));
    complete(&t, NODE(&t, "MatMul", "b", h, w)->out[0]);
    assert_ok(nt_channels_new(&c, t.g, e));
    assert_int_equal(c->n_layers, 2);
    assert_int_equal(c->layers[0].set, -1);
    assert_non_null(strstr(c->layers[0].why, "quantized in blocks"));
    nt_channels_free(c);
    finish(&t);
}

NT_TEST_MAIN
