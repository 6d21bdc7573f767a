/* SPDX-License-Identifier: MIT */
/* Nodes as opsets 1 to 9 had them, with answers worked by hand or found with ONNX Runtime. */
#include "graph/onnx_io.h"
#include "graph/pass.h"
#include "op/registry.h"

#include "op_harness.h"

#define MOST 48

typedef struct old_case {
    op_case c;
    const char *floats_name; /* an attribute that is a list of floats, NULL: none */
    float floats[8];
    int n_floats;
    float want[MOST];
    int n;
} old_case;

#define FLOATS(nm, ...)                                                                        \
    .floats_name = nm, .floats = {__VA_ARGS__},                                                \
    .n_floats = (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float))
#define WANT(...)                                                                              \
    .want = {__VA_ARGS__}, .n = (int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float))

/* Constants of one float each, or a few. */
#define FIXED(p, ...)                                                                          \
    {                                                                                          \
        .kind = OC_CONST, .dtype = NT_F32, .floats = (p), OC_DIMS(__VA_ARGS__)                 \
    }

static nt_graph *old_graph(const old_case *o)
{
    nt_graph *g = op_graph(&o->c, false);
    nt_attr a = {.name = o->floats_name,
                 .kind = NT_ATTR_FLOATS,
                 .floats = o->floats,
                 .n = (size_t)o->n_floats};

    if (o->floats_name)
        assert_ok(nt_node_set_attr(g, g->nodes[0], &a, e));
    return g;
}

/* What was raised can be written, and read once more. */
static nt_graph *through_a_file(nt_graph *g)
{
    nt_onnx_written b = {0};
    nt_graph *h = NULL;

    assert_ok(nt_onnx_write(&b, g, e));
    assert_ok(nt_onnx_read(&h, b.model, b.model_n, NULL, e));
    nt_free(b.model);
    nt_graph_free(g);
    assert_int_equal(h->opset, 9);
    assert_ok(nt_graph_bind(h, nt_ops_table(), e));
    assert_ok(nt_pass_infer(h, e));
    return h;
}

static void check_run(const old_case *o, const nt_graph *g, const char *backend)
{
    nt_device *dev = op_device(backend);
    nt_plan *p = NULL;

    assert_ok(nt_plan_new(&p, g, dev, &(nt_plan_opts){.compute = NT_F32}, e));
    op_set_inputs(&o->c, p);
    assert_ok(nt_plan_forward(p, e));
    assert_int_equal(nt_tensor_count(nt_plan_output(p, 0)), o->n);
    for (int i = 0; i < o->n; i++) {
        double got = nt_tensor_get(nt_plan_output(p, 0), i), want = o->want[i];

        if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want))) && !(got == want))
            fail_msg("%s of opset %d, %s: element %d is %.7g, want %.7g", o->c.op, o->c.opset,
                     backend, i, got, want);
    }
    nt_plan_free(p);
    nt_device_free(dev);
}

static void check_old(const old_case *o)
{
    nt_graph *g = old_graph(o);

    assert_ok(nt_pass_upgrade(g, nt_ops_table(), e));
    assert_int_equal(g->file_opset, o->c.opset);
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_ok(nt_pass_dead(g, NULL, e));
    g = through_a_file(g);
    check_run(o, g, "onednn");
    check_run(o, g, "openblas");
    nt_graph_free(g);
}

static void check_all(const old_case *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_old(&v[i]);
}

static void check_refusal(const old_case *o, const char *text)
{
    nt_graph *g = old_graph(o);
    nt_err err = {{0}};
    nt_status s = nt_pass_upgrade(g, nt_ops_table(), &err);

    if (s == NT_OK)
        s = nt_graph_bind(g, nt_ops_table(), &err);
    if (s == NT_OK || !strstr(err.msg, text))
        fail_msg("%s: want a refusal with \"%s\", got \"%s\"", o->c.op, text, err.msg);
    nt_graph_free(g);
}

static const float six[] = {1, 2, 3, 4, 5, 6}, pair[] = {10, 20}, three[] = {10, 20, 30};
static const float signs[] = {-2, -1, -0.5F, 0.5F, 1, 2}, one[] = {10};
static const float powers[] = {1, 2, 0};
static const float bounds[] = {2, 5};
static const float slopes[] = {0.5F, 3};
static const float matrix[] = {1, 0, 0, 1, 1, 1};
static const float zeros[] = {0, 0, 0, 0};
static const float eight[] = {1, 2, 3, 4, 5, 6, 7, 8};

#define LENGTH(v) (sizeof(v) / sizeof *(v))

NT_TEST(broadcasting_by_axis_puts_the_second_operand_where_it_was_told)
{
    static const old_case cases[] = {
        {.c = {.op = "Add",
               .opset = 6,
               .in = {GIVEN(six, 1, 2, 3), FIXED(pair, 2)},
               .attr = {INT("broadcast", 1), INT("axis", 1)}},
         WANT(11, 12, 13, 24, 25, 26)},
        {.c = {.op = "Sub",
               .opset = 3,
               .in = {GIVEN(six, 2, 3, 1), GIVEN(pair, 2)},
               .attr = {INT("broadcast", 1), INT("axis", 0)}}, /* computed: unsqueezed */
         WANT(-9, -8, -7, -16, -15, -14)},
        {.c = {.op = "Mul",
               .opset = 1,
               .in = {GIVEN(six, 1, 2, 3), FIXED(pair, 2)},
               .attr = {INT("broadcast", 1), INT("axis", -2), INTS("consumed_inputs", 0, 0)}},
         WANT(10, 20, 30, 80, 100, 120)},
        {.c = {.op = "Div",
               .opset = 6,
               .in = {GIVEN(six, 2, 3), FIXED(three, 3)},
               .attr = {INT("broadcast", 1)}}, /* no axis: the last ones */
         WANT(0.1F, 0.1F, 0.1F, 0.4F, 0.25F, 0.2F)},
        {.c = {.op = "Add",
               .opset = 6,
               .in = {GIVEN(six, 2, 3), FIXED(one, 1)},
               .attr = {INT("broadcast", 1), INT("axis", 0)}}, /* a scalar goes everywhere */
         WANT(11, 12, 13, 14, 15, 16)},
        {.c = {.op = "Pow",
               .opset = 6,
               .in = {GIVEN(six, 3, 2), FIXED(powers, 3)},
               .attr = {INT("broadcast", 1), INT("axis", 0)}},
         WANT(1, 2, 9, 16, 1, 1)},
        {.c = {.op = "Greater",
               .opset = 6,
               .in = {GIVEN(six, 2, 3), FIXED(bounds, 2)},
               .attr = {INT("broadcast", 1), INT("axis", 0)}},
         WANT(0, 0, 1, 0, 0, 1)},
        {.c = {.op = "Less",
               .opset = 1,
               .in = {GIVEN(six, 2, 3), FIXED(bounds, 2)},
               .attr = {INT("broadcast", 1), INT("axis", 0)}},
         WANT(1, 0, 0, 1, 0, 0)},
        {.c = {.op = "PRelu", .opset = 6, .in = {GIVEN(signs, 1, 2, 3), FIXED(slopes, 2)}},
         WANT(-1, -0.5F, -0.25F, 0.5F, 1, 2)},
        {.c = {.op = "PRelu",
               .opset = 1,
               .in = {GIVEN(signs, 2, 3), FIXED(one, 1)},
               .attr = {INTS("consumed_inputs", 0)}},
         WANT(-20, -10, -5, 0.5F, 1, 2)},
        {.c = {.op = "Gemm",
               .opset = 6,
               .in = {GIVEN(six, 2, 3), FIXED(matrix, 2, 3), FIXED(pair, 2)},
               .attr = {INT("broadcast", 1), INT("transB", 1)}},
         WANT(11, 26, 14, 35)},
    };

    check_all(cases, LENGTH(cases));
}

static const old_case too_long = {.c = {.op = "Add",
                                        .opset = 6,
                                        .in = {IN(2, 3), CONST(3)},
                                        .attr = {INT("broadcast", 1), INT("axis", 2)}}};
static const old_case open_rank = {
    .c = {.op = "Add",
          .opset = 6,
          .in = {{.kind = OC_IN, .dtype = NT_F32, .rank = -1}, CONST(3)},
          .attr = {INT("broadcast", 1), INT("axis", 1)}}};

NT_TEST(an_axis_without_room_or_of_an_unknown_rank_is_refused)
{
    check_refusal(&too_long, "node 'node': Add of opset 6: axis 2 has no room for the 1 "
                             "dimensions of 'in1' in 2");
    check_refusal(&open_rank, "the number of dimensions of 'in0' is not known");
}

NT_TEST(layers_lose_the_attributes_that_said_nothing)
{
    static const float scale[] = {1, 2}, shift[] = {0, 1}, mean[] = {1, 0}, var[] = {4, 1};
    static const old_case cases[] = {
        {.c = {.op = "BatchNormalization",
               .opset = 1,
               .in = {GIVEN(six, 1, 2, 3), FIXED(scale, 2), FIXED(shift, 2), FIXED(mean, 2),
                      FIXED(var, 2)},
               .attr = {INT("is_test", 1), INT("spatial", 1), FLOAT("epsilon", 0),
                        INTS("consumed_inputs", 0, 0, 0, 1, 1)}},
         WANT(0, 0.5F, 1, 9, 11, 13)},
        {.c = {.op = "BatchNormalization",
               .opset = 6,
               .in = {GIVEN(six, 3, 2), FIXED(scale, 2), FIXED(shift, 2), FIXED(mean, 2),
                      FIXED(var, 2)},
               .attr = {INT("is_test", 1), INT("spatial", 0), FLOAT("epsilon", 0)}},
         WANT(0, 5, 1, 9, 2, 13)},
        {.c = {.op = "BatchNormalization",
               .opset = 8, /* statistics of each activation */
               .in = {GIVEN(six, 3, 2, 1), FIXED(scale, 2, 1), FIXED(shift, 2, 1),
                      FIXED(mean, 2, 1), FIXED(var, 2, 1)},
               .attr = {INT("spatial", 0), FLOAT("epsilon", 0)}},
         WANT(0, 5, 1, 9, 2, 13)},
        {.c = {.op = "Dropout",
               .opset = 1,
               .in = {GIVEN(six, 2, 3)},
               .attr = {INT("is_test", 1), FLOAT("ratio", 0.3F), INTS("consumed_inputs", 0)}},
         WANT(1, 2, 3, 4, 5, 6)},
        {.c = {.op = "InstanceNormalization",
               .opset = 1,
               .in = {GIVEN(six, 1, 2, 3), FIXED(scale, 2), FIXED(shift, 2)},
               .attr = {FLOAT("epsilon", 0), INTS("consumed_inputs", 0, 0, 0)}},
         WANT(-1.224745F, 0, 1.224745F, -1.449490F, 1, 3.449490F)},
        {.c = {.op = "Elu",
               .opset = 1,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("alpha", 2), INTS("consumed_inputs", 0)}},
         WANT(-1.729329F, -1.264241F, -0.786939F, 0.5F, 1, 2)},
        {.c = {.op = "HardSigmoid",
               .opset = 1,
               .in = {GIVEN(signs, 6)},
               .attr = {INTS("consumed_inputs", 0)}},
         WANT(0.1F, 0.3F, 0.4F, 0.6F, 0.7F, 0.9F)},
        {.c = {.op = "Selu", .opset = 1, .in = {GIVEN(signs, 6)}}, /* of fewer digits */
         WANT(-1.5201306F, -1.1112890F, -0.6917324F, 0.52535F, 1.0507F, 2.1014F)},
        {.c = {.op = "Max",
               .opset = 1,
               .in = {GIVEN(signs, 6), GIVEN(six, 6)},
               .attr = {INTS("consumed_inputs", 0, 0)}},
         WANT(1, 2, 3, 4, 5, 6)},
        {.c = {.op = "Clip",
               .opset = 1,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("min", -1), FLOAT("max", 0.75F), INTS("consumed_inputs", 0)}},
         WANT(-1, -1, -0.5F, 0.5F, 0.75F, 0.75F)},
    };

    check_all(cases, LENGTH(cases));
}

static const old_case cross = {
    .c = {
        .op = "Clip", .opset = 6, .in = {IN(6)}, .attr = {FLOAT("min", 1), FLOAT("max", -1)}}};

NT_TEST(bounds_that_cross_are_refused_where_they_are_attributes)
{
    check_refusal(&cross, "node 'node': Clip: min 1 is greater than max -1");
}

NT_TEST(attributes_become_inputs_or_others)
{
    static const old_case cases[] = {
        {.c = {.op = "Reshape",
               .opset = 1,
               .in = {GIVEN(six, 2, 3)},
               .attr = {INTS("shape", 0, -1, 1), INTS("consumed_inputs", 0)}},
         WANT(1, 2, 3, 4, 5, 6)},
        {.c = {.op = "Cast", .opset = 1, .in = {GIVEN(signs, 6)}, .attr = {STR("to", "INT32")}},
         WANT(-2, -1, 0, 0, 1, 2)},
        {.c = {.op = "Concat", .opset = 1, .in = {GIVEN(six, 3, 1, 2), GIVEN(six, 3, 1, 2)}},
         WANT(1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6)},
        {.c = {.op = "Pad",
               .opset = 1,
               .in = {GIVEN(six, 2, 3)},
               .attr = {INTS("paddings", 0, 1, 1, 0), FLOAT("value", 9)}},
         WANT(9, 1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9)},
        {.c = {.op = "Split",
               .opset = 1,
               .in = {GIVEN(six, 2, 3), I64(1, 2)},
               .n_out = 2,
               .attr = {INT("axis", 1)}},
         WANT(1, 4)},
        {.c = {.op = "Tile", .opset = 1, .in = {GIVEN(six, 2, 3), I64(2), I64(1)}},
         WANT(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6)},
        {.c = {.op = "GlobalLpPool",
               .opset = 1,
               .in = {GIVEN(six, 1, 2, 3)},
               .attr = {FLOAT("p", 1)}},
         WANT(6, 15)},
        {.c = {.op = "LpPool",
               .opset = 1,
               .in = {GIVEN(six, 1, 1, 2, 3)},
               .attr = {FLOAT("p", 2), INTS("kernel_shape", 2, 2)}},
         WANT(6.782330F, 8.602325F)},
        {.c = {.op = "Upsample",
               .opset = 1,
               .in = {GIVEN(six, 1, 1, 2, 3)},
               .attr = {FLOAT("height_scale", 1), FLOAT("width_scale", 2)}},
         WANT(1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6)},
        {.c = {.op = "Upsample",
               .opset = 6,
               .in = {GIVEN(eight, 1, 1, 1, 2)},
               .attr = {FLOAT("height_scale", 1), FLOAT("width_scale", 2),
                        STR("mode", "bilinear")}},
         WANT(1, 1.5F, 2, 2)},
        {.c = {.op = "Slice",
               .opset = 1,
               .in = {GIVEN(six, 2, 3)},
               .attr = {INTS("axes", 1), INTS("starts", -2), INTS("ends", 1000)}},
         WANT(2, 3, 5, 6)},
        {.c = {.op = "TopK",
               .opset = 1,
               .in = {GIVEN(signs, 2, 3)},
               .n_out = 2,
               .attr = {INT("k", 2)}},
         WANT(-0.5F, -1, 2, 1)},
        {.c = {.op = "AveragePool",
               .opset = 1,
               .in = {GIVEN(eight, 1, 1, 8)},
               .attr = {INTS("kernel_shape", 3), INTS("pads", 1, 1), INTS("strides", 3)}},
         WANT(1.5F, 4, 7)},
        {.c = {.op = "Softmax", .opset = 1, .in = {GIVEN(zeros, 1, 2, 2)}},
         WANT(0.25F, 0.25F, 0.25F, 0.25F)},
    };

    check_all(cases, LENGTH(cases));
}

static const old_case half_norm = {.c = {.op = "LpPool",
                                         .opset = 1,
                                         .in = {IN(1, 1, 4)},
                                         .attr = {FLOAT("p", 2.5F), INTS("kernel_shape", 2)}}};
static const old_case no_axis = {.c = {.op = "Split", .opset = 1, .in = {IN(4)}, .n_out = 2}};
static const old_case odd_type = {
    .c = {.op = "Cast", .opset = 5, .in = {IN(4)}, .attr = {STR("to", "FLOAT8")}}};
static const old_case by_data = {.c = {.op = "Tile", .opset = 5, .in = {IN(4), IN(1), IN(1)}}};
static const old_case branch = {.c = {.op = "If", .opset = 6, .in = {IN(1)}}};
static const old_case recurrent = {.c = {.op = "GRU", .opset = 3, .in = {IN(1, 1, 1)}}};

NT_TEST(what_has_no_newer_form_is_named)
{
    check_refusal(&half_norm, "LpPool of opset 1: p is 2.5, and only whole norms");
    check_refusal(&no_axis, "Split of opset 1: it has no axis");
    check_refusal(&odd_type, "Cast of opset 5: type 'FLOAT8' is not supported");
    check_refusal(&by_data, "Tile of opset 5: input 1 is not constant");
    check_refusal(&branch, "If of opset 6: operator 'If' in a model of an opset this old");
    check_refusal(&recurrent, "operator 'GRU' (opset 3) is not supported");
}

NT_TEST(experimental_operators_become_what_they_compute)
{
    static const old_case cases[] = {
        {.c = {.op = "Affine",
               .opset = 6,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("alpha", 2), FLOAT("beta", -1)}},
         WANT(-5, -3, -2, 0, 1, 3)},
        {.c = {.op = "Scale", .opset = 1, .in = {GIVEN(signs, 6)}, .attr = {FLOAT("scale", 3)}},
         WANT(-6, -3, -1.5F, 1.5F, 3, 6)},
        {.c = {.op = "ImageScaler",
               .opset = 2,
               .in = {GIVEN(six, 1, 2, 1, 3)},
               .attr = {FLOAT("scale", 0.5F)}},
         FLOATS("bias", 1, -1),
         WANT(1.5F, 2, 2.5F, 1, 1.5F, 2)},
        {.c = {.op = "ImageScaler", .opset = 8, .in = {GIVEN(six, 1, 1, 2, 3)}},
         FLOATS("bias", 1),
         WANT(2, 3, 4, 5, 6, 7)},
        {.c = {.op = "ScaledTanh",
               .opset = 6,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("alpha", 2), FLOAT("beta", 0.5F)}},
         WANT(-1.523188F, -0.924234F, -0.489837F, 0.489837F, 0.924234F, 1.523188F)},
        {.c = {.op = "ParametricSoftplus",
               .opset = 6,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("alpha", 2), FLOAT("beta", 0.5F)}},
         WANT(0.626523F, 0.948154F, 1.151865F, 1.651865F, 1.948154F, 2.626523F)},
        {.c = {.op = "ThresholdedRelu", .opset = 6, .in = {GIVEN(signs, 6)}},
         WANT(0, 0, 0, 0, 0, 2)},
        {.c = {.op = "ThresholdedRelu",
               .opset = 9,
               .in = {GIVEN(signs, 6)},
               .attr = {FLOAT("alpha", -1)}},
         WANT(0, 0, -0.5F, 0.5F, 1, 2)},
        {.c = {.op = "Crop",
               .opset = 6,
               .in = {GIVEN(six, 1, 1, 2, 3)},
               .attr = {INTS("border", 1, 0, 0, 1)}}, /* left, top, right, bottom */
         WANT(2, 3)},
        {.c = {.op = "Crop",
               .opset = 6,
               .in = {GIVEN(six, 1, 1, 2, 3)},
               .attr = {INTS("border", 1, 1, 0, 0), INTS("scale", 1, 1)}},
         WANT(5)},
        {.c = {.op = "MeanVarianceNormalization", .opset = 6, .in = {GIVEN(eight, 2, 2, 2)}},
         WANT(-1.212678F, -0.727607F, -1.212678F, -0.727607F, 0.727607F, 1.212678F, 0.727607F,
              1.212678F)},
        {.c = {.op = "MeanVarianceNormalization",
               .opset = 6,
               .in = {GIVEN(eight, 2, 2, 2)},
               .attr = {INT("across_channels", 1), INT("normalize_variance", 0)}},
         WANT(-3.5F, -2.5F, -1.5F, -0.5F, 0.5F, 1.5F, 2.5F, 3.5F)},
        {.c = {.op = "GivenTensorFill", .opset = 6, .attr = {INTS("shape", 2, 1)}},
         FLOATS("values", 3, 4),
         WANT(3, 4)},
        {.c = {.op = "ConstantFill",
               .opset = 6,
               .attr = {INTS("shape", 1, 3), FLOAT("value", 7), INT("dtype", NT_I32)}},
         WANT(7, 7, 7)},
        {.c = {.op = "ConstantFill",
               .opset = 6,
               .in = {GIVEN(six, 2, 3)},
               .attr = {FLOAT("value", 0.5F)}},
         WANT(0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F)},
        {.c = {.op = "ConstantFill",
               .opset = 6,
               .in = {I64(2, 2)},
               .attr = {FLOAT("value", 0.5F), INT("input_as_shape", 1)}},
         WANT(0.5F, 0.5F, 0.5F, 0.5F)},
    };

    check_all(cases, LENGTH(cases));
}

static const old_case far = {
    .c = {.op = "Crop",
          .opset = 6,
          .in = {IN(1, 1, 2, 2)},
          .attr = {INTS("border", INT64_MAX, 0, 0, 0), INTS("scale", 1, 1)}}};
static const old_case few = {
    .c = {.op = "GivenTensorFill", .opset = 6, .attr = {INTS("shape", 1 << 30, 1 << 30)}},
    FLOATS("values", 1)};
static const old_case negative = {
    .c = {.op = "ConstantFill", .opset = 6, .attr = {INTS("shape", 2, -1)}}};

NT_TEST(sizes_are_checked_before_they_are_believed)
{
    check_refusal(&far, "Crop of opset 6: border or scale is negative, or more than 65536");
    check_refusal(&few, "it has not as many values as its shape says");
    check_refusal(&negative, "the shape is negative or too large");
}

/* Of a function that is newer, or older, than the model it stands in. */
NT_TEST(a_node_is_raised_from_the_opset_it_was_written_for)
{
    static const float scales[] = {1, 2};
    nt_graph *g = op_graph(
        &(op_case){.op = "Upsample", .opset = 6, .in = {IN(2, 3), FIXED(scales, 2)}}, false);

    g->nodes[0]->opset = 9;
    assert_ok(nt_pass_upgrade(g, nt_ops_table(), e));
    assert_int_equal(g->nodes[0]->n_in, 2);
    assert_int_equal(g->nodes[0]->out[0]->dims[1].value, 6);
    nt_graph_free(g);
    g = op_graph(&(op_case){.op = "Add", .opset = 17, .in = {IN(2, 3), CONST(3)}}, false);
    g->nodes[0]->opset = 6;
    assert_ok(nt_pass_upgrade(g, nt_ops_table(), e));
    assert_fails(NT_EUNSUPPORTED,
                 "node 'node': Add: is written for opset 6 in a function, and is another "
                 "operator in the model's: convert both to one opset",
                 nt_graph_bind(g, nt_ops_table(), e));
    nt_graph_free(g);
}

NT_TEST(models_that_need_it_not_stay_at_their_opset)
{
    static const struct {
        const char *op;
        int opset;
    } cases[] = {{"Add", 7}, {"Add", 9}, {"ThresholdedRelu", 10}, {"Affine", 10}, {"Add", 26}};

    for (size_t i = 0; i < LENGTH(cases); i++) {
        nt_graph *g = op_graph(
            &(op_case){.op = cases[i].op, .opset = cases[i].opset, .in = {IN(2, 3), IN(2, 3)}},
            false);

        assert_ok(nt_pass_upgrade(g, nt_ops_table(), e));
        assert_int_equal(g->opset, cases[i].opset);
        assert_int_equal(g->file_opset, 0);
        assert_string_equal(g->nodes[0]->op_type, cases[i].op);
        nt_graph_free(g);
    }
}

NT_TEST(a_constant_that_others_use_too_keeps_its_shape_and_one_of_its_own_its_name)
{
    for (int shared = 0; shared < 2; shared++) {
        nt_graph *g = op_graph(&(op_case){.op = "Add",
                                          .opset = 6,
                                          .in = {IN(1, 2, 3), CONST(2)},
                                          .attr = {INT("broadcast", 1), INT("axis", 1)}},
                               false);
        nt_value *bias = g->nodes[0]->in[1], *y = NULL;

        assert_ok(nt_graph_add_value(&y, g, NULL, e));
        if (shared)
            assert_ok(
                nt_graph_add_node(NULL, g, &(nt_node_spec){"Relu", "", &bias, 1, &y, 1}, e));
        assert_ok(nt_pass_upgrade(g, nt_ops_table(), e));
        assert_int_equal(bias->rank, shared ? 1 : 2);
        assert_int_equal(g->nodes[0]->in[1]->rank, 2);
        assert_int_equal(g->nodes[0]->in[1] == bias, !shared);
        nt_graph_free(g);
    }
}

NT_TEST_MAIN
