/* SPDX-License-Identifier: MIT */
#include "net.h"

#include "export/fp16.h"
#include "prune/channels.h"

static nt_node *named(const nt_graph *g, const char *output)
{
    nt_value *v = nt_graph_find_value(g, output);

    assert_non_null(v);
    return v->producer;
}

static void convert(net *t)
{
    assert_ok(nt_fp16_convert(t->g, &(nt_fp16_ends){NULL, NULL}, e));
    assert_int_equal(t->g->inputs[0]->dtype, NT_F32);
    assert_int_equal(t->g->outputs[0]->dtype, NT_F32);
}

/* Operand i of the node that makes `output` comes from a float32 constant, or a cast to it. */
static void assert_f32_operand(const net *t, const char *output, int i)
{
    const nt_value *v = named(t->g, output)->in[i];

    assert_int_equal(v->dtype, NT_F32);
    assert_true(v->data || (nt_node_is(v->producer, "Cast") &&
                            nt_node_int(v->producer, "to", 0) == NT_F32));
}

static nt_value *scalar(net *t, const char *name, double x)
{
    nt_value *v = weight(t, name, 0, NULL);

    nt_tensor_set(v->data, 0, x);
    return v;
}

/* y = op(x, c...) of a float32 x, behind a Relu, before another one. */
static net around(int opset, const char *op, int n_more, nt_value *(*more)(net *, int))
{
    net t = start(opset);
    nt_value *in[4] = {NODE(&t, "Relu", "a", input(&t, "x", DIMS(2, 3)))->out[0]};
    nt_value *y;

    for (int i = 0; i < n_more; i++)
        in[i + 1] = more(&t, i);
    y = node(&t, op, "b", n_more + 1, in)->out[0];
    complete(&t, NODE(&t, "Identity", "y", y)->out[0]);
    return t;
}

static nt_value *axis_0(net *t, int i)
{
    (void)i;
    return ints(t, 1, (const int64_t[]){0});
}

NT_TEST(what_knows_no_float16_stays_float32_between_casts)
{
    static const struct {
        const char *op;
        int opset, n_more;
        bool stays;
    } cases[] = {{"Celu", 17, 0, true},
                 {"CumSum", 11, 1, true},
                 {"CumSum", 14, 1, false},
                 {"Elu", 17, 0, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        net t = around(cases[i].opset, cases[i].op, cases[i].n_more, axis_0);
        nt_node *n = NULL;

        convert(&t);
        for (int k = 0; k < t.g->n_nodes; k++)
            if (nt_node_is(t.g->nodes[k], cases[i].op))
                n = t.g->nodes[k];
        assert_non_null(n);
        assert_int_equal(n->in[0]->dtype, cases[i].stays ? NT_F32 : NT_F16);
        assert_int_equal(n->out[0]->dtype, cases[i].stays ? NT_F32 : NT_F16);
        assert_int_equal(nt_graph_find_value(t.g, "a")->dtype, NT_F16);
        finish(&t);
    }
}

static nt_value *scale_and_zero(net *t, int i)
{
    nt_tensor *z = NULL;
    nt_value *v = NULL;

    if (i == 0)
        return scalar(t, "s", 0.5);
    assert_ok(nt_tensor_new(&z, NT_U8, 0, NULL, e));
    nt_tensor_set(z, 0, 3);
    assert_ok(nt_graph_add_const(&v, t->g, "z", z, e));
    return v;
}

NT_TEST(codes_are_made_of_float32_before_opset_19)
{
    for (int opset = 13; opset <= 19; opset += 6) {
        net t = start(opset);
        nt_value *x = input(&t, "x", DIMS(2, 3)), *s, *z, *q;
        nt_dtype want = opset < 19 ? NT_F32 : NT_F16;

        s = scale_and_zero(&t, 0);
        z = scale_and_zero(&t, 1);
        q = NODE(&t, "QuantizeLinear", "q", x, s, z)->out[0];
        complete(&t, NODE(&t, "DequantizeLinear", "y", q, s, z)->out[0]);
        convert(&t);
        assert_int_equal(named(t.g, "q")->in[0]->dtype, want);
        assert_int_equal(named(t.g, "q")->in[1]->dtype, want);
        finish(&t);
    }
}

NT_TEST(scales_of_resize_stay_float32_though_others_use_them)
{
    net t = start(13);
    nt_value *x = input(&t, "x", DIMS(1, 1, 4, 4)), *s = weight(&t, "s", DIMS(4)), *y;
    nt_value *in[] = {NULL, NULL, s};
    static const double scales[] = {1, 1, 2, 2};

    for (int i = 0; i < 4; i++)
        nt_tensor_set(s->data, i, scales[i]);
    in[0] = NODE(&t, "Mul", "m", x, s)->out[0];
    y = node(&t, "Resize", "r", 3, in)->out[0];
    complete(&t, NODE(&t, "Relu", "y", y)->out[0]);
    convert(&t);
    assert_f32_operand(&t, "r", 2);
    assert_int_equal(named(t.g, "m")->in[1]->dtype, NT_F16);
    finish(&t);
}

NT_TEST(a_constant_that_is_an_output_keeps_its_type)
{
    net t = start(17);
    nt_value *w = weight(&t, "w", DIMS(3));

    complete(&t, NODE(&t, "Add", "y", input(&t, "x", DIMS(2, 3)), w)->out[0]);
    assert_ok(nt_graph_add_output(t.g, w, e));
    convert(&t);
    assert_int_equal(t.g->outputs[1]->dtype, NT_F32);
    finish(&t);
}

NT_TEST(ends_are_float16_where_that_is_asked_for)
{
    const bool yes[] = {true};

    for (int i = 0; i < 4; i++) {
        net t = around(17, "Elu", 0, axis_0);
        nt_fp16_ends ends = {i & 1 ? yes : NULL, i & 2 ? yes : NULL};

        assert_ok(nt_fp16_convert(t.g, &ends, e));
        assert_int_equal(t.g->inputs[0]->dtype, i & 1 ? NT_F16 : NT_F32);
        assert_int_equal(t.g->outputs[0]->dtype, i & 2 ? NT_F16 : NT_F32);
        finish(&t);
    }
}

/* ---- the other way */

static void assert_all_f32(const nt_graph *g)
{
    for (int i = 0; i < g->n_values; i++)
        assert_true(g->values[i]->dtype != NT_F16 && g->values[i]->dtype != NT_BF16);
}

NT_TEST(a_float16_graph_comes_back_to_float32)
{
    const bool yes[] = {true};

    for (int i = 0; i < 2; i++) {
        net t = around(17, "Elu", 0, axis_0);
        bool changed = true;
        nt_fp16_ends ends = {i ? yes : NULL, i ? yes : NULL};

        assert_ok(nt_pass_to_f32(t.g, &changed, e));
        assert_false(changed);
        assert_ok(nt_fp16_convert(t.g, &ends, e));
        assert_ok(nt_pass_to_f32(t.g, &changed, e));
        assert_true(changed);
        assert_all_f32(t.g);
        for (int k = 0; k < t.g->n_nodes; k++) /* casts are gone */
            assert_false(nt_node_is(t.g->nodes[k], "Cast"));
        assert_string_equal(t.g->outputs[0]->name, "y");
        finish(&t);
    }
}

NT_TEST(types_in_attributes_are_widened)
{
    net t = start(17);
    nt_value *x = input(&t, "x", DIMS(2, 3)), *f, *y;
    nt_tensor *half = NULL;
    const int64_t one = 1;
    nt_attr value = {.name = "value", .kind = NT_ATTR_TENSOR};
    nt_node *n;
    bool changed;

    assert_ok(nt_tensor_new(&half, NT_BF16, 1, &one, e));
    nt_tensor_set(half, 0, 1.5);
    value.t = half;
    n = NODE(&t, "ConstantOfShape", "f", NODE(&t, "Shape", "s", x)->out[0]);
    assert_ok(nt_node_set_attr(t.g, n, &value, e));
    f = n->out[0];
    n = NODE(&t, "Cast", "c", x);
    assert_ok(nt_node_set_int(t.g, n, "to", NT_BF16, e));
    y = NODE(&t, "Add", "a", n->out[0], f)->out[0];
    n = NODE(&t, "Cast", "y", y);
    assert_ok(nt_node_set_int(t.g, n, "to", NT_F32, e));
    complete(&t, n->out[0]);
    assert_ok(nt_pass_to_f32(t.g, &changed, e));
    assert_true(changed);
    assert_all_f32(t.g);
    assert_int_equal(nt_node_attr(named(t.g, "f"), "value")->t->dtype, NT_F32);
    assert_float_equal(nt_tensor_get(nt_node_attr(named(t.g, "f"), "value")->t, 0), 1.5, 0);
    nt_tensor_free(half);
    finish(&t);
}

NT_TEST(every_narrow_number_widens_as_it_is)
{
    static const nt_dtype types[] = {NT_F16, NT_BF16};
    const int64_t n = 65536;

    for (int i = 0; i < 2; i++) {
        net t = start(17);
        nt_tensor *all = NULL;
        nt_value *c = NULL;
        bool changed;

        assert_ok(nt_tensor_new(&all, types[i], 1, &n, e));
        for (int64_t k = 0; k < n; k++)
            ((uint16_t *)all->data)[k] = (uint16_t)k;
        assert_ok(nt_graph_add_const(&c, t.g, "c", all, e));
        complete(&t, NODE(&t, "Identity", "y", c)->out[0]);
        assert_ok(nt_pass_to_f32(t.g, &changed, e));
        for (int64_t k = 0; k < n; k++) {
            float got = ((const float *)c->data->data)[k];
            uint32_t bits;
            uint16_t back;

            memcpy(&bits, &got, sizeof bits);
            back = i ? (uint16_t)(bits >> 16) : nt_f32_to_f16(got);
            if (got == got) /* NaNs may lose what they carry */
                assert_int_equal(back, k);
        }
        finish(&t);
    }
}

/* ---- names of batches, which coupling fixes for a while */

NT_TEST(finding_channels_leaves_every_batch_its_name)
{
    net t = start(17);
    nt_dim a[] = {{-1, "left"}, {2, NULL}, {4, NULL}, {4, NULL}};
    nt_dim b[] = {{-1, "right"}, {2, NULL}, {4, NULL}, {4, NULL}}, rows[] = {{-1, "rows"}};
    nt_value *x = NULL, *z = NULL, *y, *w;
    nt_channels *c = NULL;
    char text[64];

    assert_ok(nt_graph_add_input(&x, t.g, "x", (nt_value_type){NT_F32, 4, a}, e));
    assert_ok(nt_graph_add_input(&z, t.g, "z", (nt_value_type){NT_F32, 4, b}, e));
    y = conv(&t, "cx", x, 2, 4, 1);
    w = conv(&t, "cz", z, 2, 4, 1);
    y->declared = true;
    y->dtype = NT_F32;
    y->rank = 4;
    memcpy(y->dims, a, sizeof a);
    y->dims[0] = rows[0];
    y->dims[1].value = 4;
    assert_ok(nt_graph_add_output(t.g, y, e));
    complete(&t, w);
    assert_ok(nt_channels_new(&c, t.g, e));
    assert_string_equal(nt_value_shape_text(text, sizeof text, x), "[left,2,4,4]");
    assert_string_equal(nt_value_shape_text(text, sizeof text, z), "[right,2,4,4]");
    assert_string_equal(nt_value_shape_text(text, sizeof text, y), "[rows,4,4,4]");
    assert_string_equal(nt_value_shape_text(text, sizeof text, w), "[right,4,4,4]");
    nt_channels_free(c);
    finish(&t);
}

NT_TEST_MAIN
