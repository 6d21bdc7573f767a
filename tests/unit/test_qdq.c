/* SPDX-License-Identifier: MIT */
/* What the nodes of quantization are put around, and that they compute what was meant. */
#include "facet/layer.h"
#include "quant/qdq.h"
#include "quant/qpoint.h"
#include "quant/qscale.h"

#include "quant_net.h"

static const nt_qtarget s4 = {.bits = 4, .symmetric = true, .per_channel = true};
static const nt_qtarget u8 = {.bits = 8, .is_unsigned = true};

NT_TEST(codes_and_their_types)
{
    static const struct {
        nt_qtarget t;
        int64_t lo, hi;
        nt_dtype type;
    } want[] = {
        {{.bits = 8, .symmetric = true}, -127, 127, NT_I8},
        {{.bits = 8}, -128, 127, NT_I8},
        {{.bits = 8, .is_unsigned = true}, 0, 255, NT_U8},
        {{.bits = 4, .symmetric = true}, -7, 7, NT_I8},
        {{.bits = 4}, -8, 7, NT_I8},
        {{.bits = 2, .symmetric = true}, -1, 1, NT_I8},
        {{.bits = 1, .symmetric = true}, -1, 1, NT_I8},
        {{.bits = 1, .is_unsigned = true}, 0, 1, NT_U8},
        {{.bits = 3, .is_unsigned = true}, 0, 7, NT_U8},
        {{.bits = 9, .symmetric = true}, -255, 255, NT_I16},
        {{.bits = 16, .is_unsigned = true}, 0, 65535, NT_U16},
    };

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        nt_codes c = nt_qtarget_codes(&want[i].t);

        assert_int_equal(c.lo, want[i].lo);
        assert_int_equal(c.hi, want[i].hi);
        assert_int_equal(nt_qtarget_type(&want[i].t), want[i].type);
    }
}

/* ---- weights */

typedef struct layer_case {
    const char *op;
    int64_t trans_b;
    int64_t in[4], w[4]; /* to the first 0 */
    int axis;            /* of the weight: the output channels */
} layer_case;

static const layer_case cases[] = {
    {"Conv", 0, {1, 3, 5, 5}, {4, 3, 3, 3}, 0},
    {"ConvTranspose", 0, {1, 3, 5, 5}, {3, 4, 2, 2}, 1},
    {"Gemm", 1, {2, 6}, {5, 6}, 0},
    {"Gemm", 0, {2, 6}, {6, 5}, 1},
    {"MatMul", 0, {2, 6}, {6, 5}, 1},
};

enum { N_CASES = sizeof cases / sizeof *cases };

static int rank_of(const int64_t *d)
{
    int n = 0;

    while (n < 4 && d[n])
        n++;
    return n;
}

static net layer_net(const layer_case *c, int opset)
{
    net t = start(opset);
    nt_value *x = input(&t, "x", rank_of(c->in), c->in);
    nt_node *n = NODE(&t, c->op, "layer", x, weight(&t, "layer.weight", rank_of(c->w), c->w));

    if (c->trans_b)
        assert_ok(nt_node_set_int(t.g, n, "transB", 1, e));
    complete(&t, n->out[0]);
    randomise(&t);
    return t;
}

static nt_status quantize_layer(nt_graph *g, nt_node *n, const nt_qtarget *t, bool train,
                                nt_err *e)
{
    nt_qpairs p = {0};
    nt_status s = NT_OK;

    NT_TRY(nt_qscale_weight(&p, nt_layer_weight(n)->data, nt_layer_axis(n), t, false, e));
    NT_TRY(nt_qdq_weight(g, n, &(nt_qweight){t, &p, NULL, train}, e));
done:
    nt_qpairs_release(&p);
    return s;
}

static nt_node *the_layer(const net *t)
{
    return nt_graph_find_node(t->g, "layer");
}

/* The index along `axis` of an element. */
static int64_t channel_of(const nt_tensor *t, int axis, int64_t at)
{
    for (int i = t->rank - 1; i > axis; i--)
        at /= t->dims[i];
    return at % t->dims[axis];
}

/* Each weight is its channel's nearest code times its channel's scale. */
static void check_codes(const nt_tensor *w, const nt_node *dequantize, int axis)
{
    const nt_tensor *codes = dequantize->in[0]->data, *scale = dequantize->in[1]->data;

    assert_int_equal(nt_node_int(dequantize, "axis", 1), axis);
    assert_int_equal(nt_tensor_count(scale), w->dims[axis]);
    for (int64_t i = 0; i < nt_tensor_count(w); i++) {
        double s = nt_tensor_get(scale, channel_of(w, axis, i));
        int64_t q = nt_tensor_get_i64(codes, i);

        assert_in_range(q + 7, 0, 14);
        assert_true(fabs((double)q * s - nt_tensor_get(w, i)) <= s / 2 * 1.0001);
    }
}

NT_TEST(weights_become_codes_by_output_channel)
{
    for (int i = 0; i < N_CASES; i++) {
        net t = layer_net(&cases[i], 17), plain = layer_net(&cases[i], 17);
        nt_tensor *w = NULL, *back;
        const nt_node *d;

        assert_int_equal(nt_layer_axis(the_layer(&t)), cases[i].axis);
        assert_ok(nt_tensor_dup(&w, nt_layer_weight(the_layer(&t))->data, e));
        assert_ok(quantize_layer(t.g, the_layer(&t), &s4, false, e));
        rebind(&t);
        d = the_layer(&t)->in[1]->producer;
        assert_string_equal(d->op_type, "DequantizeLinear");
        check_codes(w, d, cases[i].axis);
        back = nt_layer_weight(the_layer(&plain))->data;
        for (int64_t k = 0; k < nt_tensor_count(w); k++)
            nt_tensor_set(back, k,
                          (double)nt_tensor_get_i64(d->in[0]->data, k) *
                              nt_tensor_get(d->in[1]->data, channel_of(w, cases[i].axis, k)));
        assert_true(apart(t.g, plain.g) < 1e-5);
        nt_tensor_free(w);
        finish(&t);
        finish(&plain);
    }
}

NT_TEST(who_shares_a_weight_keeps_the_floats)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(2, 4)), *w = weight(&t, "w", DIMS(4, 4));
    nt_node *a = NODE(&t, "MatMul", "layer", x, w), *b = NODE(&t, "MatMul", "b", a->out[0], w);

    complete(&t, b->out[0]);
    randomise(&t);
    assert_ok(quantize_layer(t.g, a, &s4, false, e));
    rebind(&t);
    assert_ptr_equal(b->in[1], w);
    assert_int_equal(w->n_uses, 1);
    assert_int_equal(w->data->dtype, NT_F32);
    assert_ok(quantize_layer(t.g, b, &s4, false, e));
    rebind(&t);
    assert_string_equal(b->in[1]->producer->op_type, "DequantizeLinear");
    assert_int_equal(count_nodes(t.g, "DequantizeLinear"), 2);
    finish(&t);
}

NT_TEST(given_codes_are_taken_as_they_are)
{
    net t = layer_net(&cases[2], 17);
    nt_qpair pair = {0.5F, 0};
    nt_qpairs one = {&pair, 1, 0};
    int64_t codes[30];

    for (int i = 0; i < 30; i++)
        codes[i] = i % 15 - 7;
    assert_ok(nt_qdq_weight(t.g, the_layer(&t), &(nt_qweight){&s4, &one, codes, false}, e));
    for (int i = 0; i < 30; i++)
        assert_int_equal(nt_tensor_get_i64(the_layer(&t)->in[1]->producer->in[0]->data, i),
                         codes[i]);
    finish(&t);
}

/* 1 bit: signs times the mean magnitude, zero counted as positive. */
NT_TEST(one_bit_is_the_sign)
{
    static const nt_qtarget one = {.bits = 1, .symmetric = true};
    net t = layer_net(&cases[2], 17);
    const nt_tensor *w = nt_layer_weight(the_layer(&t))->data;
    const nt_node *d;

    nt_tensor_set((nt_tensor *)w, 0, 0);
    assert_ok(quantize_layer(t.g, the_layer(&t), &one, false, e));
    d = the_layer(&t)->in[1]->producer;
    for (int64_t i = 0; i < nt_tensor_count(w); i++)
        assert_int_equal(nt_tensor_get_i64(d->in[0]->data, i),
                         nt_tensor_get(w, i) < 0 ? -1 : 1);
    finish(&t);
}

NT_TEST(what_a_file_cannot_hold_is_refused)
{
    nt_qtarget wide = {.bits = 9, .symmetric = true}, tensor = {.bits = 8, .symmetric = true};
    net t = layer_net(&cases[0], 11), u = layer_net(&cases[0], 9);

    assert_fails(
        NT_EUNSUPPORTED,
        "quantization by channel needs opset 13, and the model is of opset 11: export it "
        "at a newer one, or set quant_scheme 'per_tensor_symmetric' in --config",
        quantize_layer(t.g, the_layer(&t), &s4, false, e));
    assert_fails(
        NT_EUNSUPPORTED,
        "quantization by channel needs opset 13, and the model is of opset 9: export it "
        "at a newer one",
        quantize_layer(u.g, the_layer(&u), &s4, false, e));
    assert_fails(
        NT_EUNSUPPORTED,
        "quantization needs opset 10, and the model is of opset 9: export it at a newer one",
        quantize_layer(u.g, the_layer(&u), &tensor, false, e));
    assert_fails(
        NT_EUNSUPPORTED,
        "quantization to more than 8 bits needs opset 21, and the model is of opset 11: "
        "export it at a newer one",
        quantize_layer(t.g, the_layer(&t), &wide, false, e));
    assert_int_equal(count_nodes(t.g, "DequantizeLinear"), 0);
    assert_ok(quantize_layer(t.g, the_layer(&t), &tensor, false, e));
    assert_int_equal(count_nodes(t.g, "DequantizeLinear"), 1);
    finish(&t);
    finish(&u);
}

/* ---- training */

NT_TEST(freezing_gives_what_ran_before)
{
    static const int bits[] = {2, 3, 8};

    for (int i = 0; i < N_CASES; i++)
        for (int b = 0; b < 3; b++) {
            nt_qtarget t = {.bits = bits[b], .symmetric = true, .per_channel = true};
            net train = layer_net(&cases[i], 17), frozen = layer_net(&cases[i], 17);
            net once = layer_net(&cases[i], 17);
            int n = 0;

            assert_ok(quantize_layer(train.g, the_layer(&train), &t, true, e));
            assert_ok(quantize_layer(frozen.g, the_layer(&frozen), &t, true, e));
            assert_ok(quantize_layer(once.g, the_layer(&once), &t, false, e));
            rebind(&train);
            rebind(&frozen);
            rebind(&once);
            assert_int_equal(count_nodes(train.g, "QuantizeLinear"), 1);
            assert_int_equal(count_nodes(train.g, "Clip"), bits[b] < 8);
            assert_ok(nt_qdq_freeze(frozen.g, &n, e));
            assert_int_equal(n, 1);
            assert_int_equal(count_nodes(frozen.g, "QuantizeLinear"), 0);
            assert_int_equal(count_nodes(frozen.g, "Clip"), 0);
            assert_int_equal(nt_layer_stored_weight(the_layer(&frozen))->dtype, NT_I8);
            assert_float_equal(apart(train.g, frozen.g), 0, 0);
            assert_float_equal(apart(train.g, once.g), 0, 0);
            finish(&train);
            finish(&frozen);
            finish(&once);
        }
}

NT_TEST(there_is_nothing_to_freeze_in_floats)
{
    net t = layer_net(&cases[0], 17);
    int n = -1;

    assert_ok(nt_qdq_freeze(t.g, &n, e));
    assert_int_equal(n, 0);
    finish(&t);
}

/* ---- activations */

static bool takes_named(const nt_use *u, const void *ctx)
{
    return strchr(ctx, u->node->name[0]) != NULL;
}

/* Negations a, b and c of x, the output is a + b + c. */
static net fan(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 64)), *y;
    nt_value *a = NODE(&t, "Neg", "a", x)->out[0], *b = NODE(&t, "Neg", "b", x)->out[0];

    y = NODE(&t, "Sum", "s", a, b, NODE(&t, "Neg", "c", x)->out[0])->out[0];
    complete(&t, y);
    return t;
}

static const nt_value *reads(const net *t, const char *node)
{
    return nt_graph_find_node(t->g, node)->in[0];
}

NT_TEST(those_that_ask_share_one_pair)
{
    net t = fan();
    nt_value *x = t.g->inputs[0], *y = NULL;
    const nt_qactivation a = {x, &u8, {0.01F, 128}};

    assert_ok(nt_qdq_activation(&y, t.g, &a, &(nt_consumers){takes_named, "ac"}, e));
    rebind(&t);
    assert_ptr_equal(reads(&t, "a"), y);
    assert_ptr_equal(reads(&t, "c"), y);
    assert_ptr_equal(reads(&t, "b"), x);
    assert_int_equal(count_nodes(t.g, "QuantizeLinear"), 1);
    assert_int_equal(count_nodes(t.g, "Clip"), 0);
    assert_ok(nt_qdq_activation(&y, t.g, &a, &(nt_consumers){takes_named, "z"}, e));
    assert_null(y);
    finish(&t);
}

/* x beyond both ends, at b bits: code * scale as the formula has it. */
static void check_range_of(nt_qtarget t, bool freeze, nt_qpair p)
{
    nt_codes c = nt_qtarget_codes(&t);
    net plain = start(17), n = start(17);
    nt_value *y = NULL;
    int64_t count = 0;
    float *x, *got;

    complete(&plain, NODE(&plain, "Identity", "i", input(&plain, "x", DIMS(1, 256)))->out[0]);
    complete(&n, NODE(&n, "Identity", "i", input(&n, "x", DIMS(1, 256)))->out[0]);
    assert_ok(nt_qdq_activation(&y, n.g, &(nt_qactivation){n.g->inputs[0], &t, p},
                                &(nt_consumers){takes_named, "i"}, e));
    rebind(&n);
    if (freeze) {
        assert_ok(nt_qdq_freeze(n.g, NULL, e));
        assert_int_equal(count_nodes(n.g, "Clip"), 1);
        assert_string_equal(reads(&n, "i")->producer->in[0]->producer->op_type,
                            "QuantizeLinear");
    }
    x = outputs_of(plain.g, 4, &count);
    got = outputs_of(n.g, 4, &count);
    for (int64_t i = 0; i < count; i++) {
        double q = rint(x[i] / p.scale) + (double)p.zero;

        q = fmin(fmax(q, (double)c.lo), (double)c.hi);
        assert_true(fabs((q - (double)p.zero) * p.scale - got[i]) < 1e-6);
    }
    nt_free(x);
    nt_free(got);
    finish(&plain);
    finish(&n);
}

static void check_range(int bits, bool is_unsigned, nt_qpair p)
{
    nt_qtarget t = {.bits = bits, .is_unsigned = is_unsigned};

    check_range_of(t, false, p);
    if (bits == 8)
        return;
    t.learned = true;
    check_range_of(t, false, p);
    check_range_of(t, true, p);
}

NT_TEST(few_bits_saturate_at_their_own_ends)
{
    check_range(8, true, (nt_qpair){0.011F, 100});
    check_range(8, false, (nt_qpair){0.011F, -5});
    check_range(4, true, (nt_qpair){0.17F, 6});
    check_range(4, false, (nt_qpair){0.17F, 2});
    check_range(3, true, (nt_qpair){0.31F, 0});
    check_range(1, true, (nt_qpair){0.9F, 0});
}

/* ---- points: several finenesses of one value */

static nt_qlayer *layer_at(nt_qspec *q, const char *node)
{
    for (int i = 0; i < q->n; i++)
        if (strcmp(q->layers[i].node->name, node) == 0)
            return &q->layers[i];
    return NULL;
}

static net branches(void)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(1, 2, 4, 4)), *a = conv(&t, "a", x, 2, 2, 1);
    nt_value *b = conv(&t, "b", x, 2, 2, 1), *c = conv(&t, "c", x, 2, 2, 1);

    a = NODE(&t, "Add", "ab", a, b)->out[0];
    complete(&t, NODE(&t, "Add", "abc", a, c)->out[0]);
    randomise(&t);
    return t;
}

NT_TEST(each_fineness_is_made_once)
{
    net t = branches();
    nt_qspec *spec = NULL;
    nt_qpoints *p = NULL;

    assert_ok(nt_qspec_new(&spec, t.g, e));
    layer_at(spec, "a")->input = layer_at(spec, "c")->input = u8;
    layer_at(spec, "b")->input = (nt_qtarget){.bits = 4, .is_unsigned = true};
    assert_ok(nt_qpoints_new(&p, spec, e));
    assert_int_equal(p->n, 2);
    for (int i = 0; i < p->n; i++)
        p->p[i].pair = (nt_qpair){0.1F, 3};
    assert_ok(nt_qpoints_insert(p, t.g, e));
    rebind(&t);
    assert_ptr_equal(reads(&t, "a"), reads(&t, "c"));
    assert_ptr_not_equal(reads(&t, "a"), reads(&t, "b"));
    assert_int_equal(count_nodes(t.g, "QuantizeLinear"), 2);
    assert_int_equal(count_nodes(t.g, "Clip"), 1);
    nt_qpoints_free(p);
    nt_qspec_free(spec);
    finish(&t);
}

/* The output of a at 8 bits: who asks for 4 bits of it reads the 8-bit one, and so do the rest.
 */
NT_TEST(inputs_read_outputs_that_are_quantized)
{
    net t = start(17);
    nt_value *a = conv(&t, "a", input(&t, "x", DIMS(1, 2, 4, 4)), 2, 2, 1);
    nt_qspec *spec = NULL;
    nt_qpoints *p = NULL;
    const nt_value *via;

    complete(&t, NODE(&t, "Add", "sum", conv(&t, "b", a, 2, 2, 1), a)->out[0]);
    assert_ok(nt_qspec_new(&spec, t.g, e));
    layer_at(spec, "a")->output = u8;
    layer_at(spec, "b")->input = (nt_qtarget){.bits = 4, .is_unsigned = true};
    assert_ok(nt_qpoints_new(&p, spec, e));
    for (int i = 0; i < p->n; i++)
        p->p[i].pair = (nt_qpair){0.1F, 3};
    assert_ok(nt_qpoints_insert(p, t.g, e));
    rebind(&t);
    via = nt_graph_find_node(t.g, "sum")->in[1];
    assert_string_equal(via->producer->op_type, "DequantizeLinear");
    assert_ptr_equal(via->producer->in[0]->producer->in[0], a);
    assert_ptr_equal(reads(&t, "b")->producer->in[0]->producer->in[0]->producer->in[0], via);
    nt_qpoints_free(p);
    nt_qspec_free(spec);
    finish(&t);
}

/* ---- normalisations after trained weights */

static nt_value *numbers(net *t, const float *v)
{
    nt_value *w = weight(t, NULL, DIMS(4));

    memcpy(w->data->data, v, 4 * sizeof *v);
    return w;
}

NT_TEST(a_normalisation_goes_into_the_scales_and_signs_of_frozen_weights)
{
    static const float gamma[] = {1, -2, 0, 0.5F}, beta[] = {0.5F, 1, 0.25F, -1};
    static const float mean[] = {0.1F, -0.2F, 0.3F, 0}, var[] = {1, 2, 3, 0.5F};
    nt_qtarget q = {.bits = 5, .symmetric = true, .per_channel = true};
    net t = start(17);
    nt_value *x = conv(&t, "c", input(&t, "x", DIMS(1, 3, 4, 4)), 3, 4, 1);
    nt_graph *frozen = NULL;
    nt_node *c = x->producer, *n;
    nt_qpairs p = {0};

    randomise(&t);
    n = NODE(&t, "BatchNormalization", "bn", x, numbers(&t, gamma), numbers(&t, beta),
             numbers(&t, mean), numbers(&t, var));
    complete(&t, NODE(&t, "Add", "y", n->out[0], n->out[0])->out[0]);
    assert_ok(nt_qscale_weight(&p, nt_layer_weight(c)->data, 0, &q, true, e));
    assert_ok(nt_qdq_weight(t.g, c, &(nt_qweight){&q, &p, NULL, true}, e));
    nt_qpairs_release(&p);
    rebind(&t);
    assert_ok(nt_graph_dup(&frozen, t.g, true, e));
    assert_ok(nt_qdq_freeze(frozen, NULL, e));
    assert_int_equal(count_nodes(frozen, "BatchNormalization"), 0);
    assert_int_equal(count_nodes(frozen, "QuantizeLinear"), 0);
    assert_true(apart(frozen, t.g) < 1e-5);
    nt_graph_free(frozen);
    finish(&t);
}

NT_TEST_MAIN
