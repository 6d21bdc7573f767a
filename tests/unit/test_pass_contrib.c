/* SPDX-License-Identifier: MIT */
/* What ONNX Runtime writes into optimised files, with what version 1.30 computes. */
#include "facet/layer.h"
#include "op/registry.h"

#include "op_harness.h"

#define MS "com.microsoft"
#define FLOATS(nm, ...)                                                                        \
    {                                                                                          \
        .name = nm, .kind = NT_ATTR_FLOATS, .list = {__VA_ARGS__},                             \
        .n = sizeof((float[]){__VA_ARGS__}) / sizeof(float)                                    \
    }

typedef struct contrib_attr {
    const char *name;
    nt_attr_kind kind;
    int64_t i;
    float f;
    const char *s;
    int64_t ints[8]; /* of op_harness.h's macros */
    size_t n;
    float list[4];
} contrib_attr;

typedef struct contrib_case {
    const char *op, *domain;
    int64_t dims[4];   /* of x, ends with 0 */
    const char *in[5]; /* after x: operands by name, "" is left out */
    contrib_attr attr[5];
    float want[16];
} contrib_case;

static const float x8[] = {-1.5F, 0.25F, 2, -0.5F, 1, -2.25F, 0.75F, 3};

static const struct {
    const char *name;
    int64_t dims[4];
    float v[8];
} operands[] = {
    {"w", {2, 2, 1, 1}, {0.5F, -1, 0.25F, 2}},
    {"b", {2}, {0.1F, -0.2F}},
    {"z", {1, 2, 2, 2}, {1, -1, 0.5F, 2, -2, 0.25F, 0, 1}},
    {"m", {4, 2}, {1, -1, 0.5F, 2, -0.25F, 1, 0, 3}},
    {"mt", {2, 4}, {1, -1, 0.5F, 2, -0.25F, 1, 0, 3}},
    {"c", {2}, {0.5F, -0.5F}},
    {"s4", {4}, {0.5F, -1, 0.25F, 2}},
    {"g", {4}, {1, 2, 0.5F, -1}},
    {"h", {4}, {0.1F, 0.2F, -0.3F, 0}},
    {"k", {1, 2, 4}, {1, 0.5F, -1, 2, 0, -0.5F, 1.5F, -1}},
    {"w2", {2, 2, 2}, {1, 0.5F, -1, 2, 0, -0.5F, 1.5F, -1}},
};

static const contrib_case cases[] = {
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "b"},
     {STR("activation", "Relu")},
     {0, 2.475F, 0.35F, 0, 1.425F, 0, 1.8F, 5.675F}},
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "b", "z"},
     {STR("activation", "Relu")},
     {0, 1.475F, 0.85F, 0, 0, 0, 1.8F, 6.675F}},
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "b"},
     {STR("activation", "LeakyRelu"), FLOATS("activation_params", 0.2)},
     {-0.33F, 2.475F, 0.35F, -0.6300001F, 1.425F, -0.9274999F, 1.8F, 5.675F}},
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "b"},
     {STR("activation", "Clip"), FLOATS("activation_params", -0.5, 0.75)},
     {-0.5F, 0.75F, 0.35F, -0.5F, 0.75F, -0.5F, 0.75F, 0.75F}},
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "b"},
     {STR("activation", "HardSigmoid"), FLOATS("activation_params", 0.3, 0.4)},
     {0, 1, 0.505F, 0, 0.8275F, 0, 0.9400001F, 1}},
    {"FusedConv",
     MS,
     {1, 2, 2, 2},
     {"w", "", "z"},
     {},
     {-0.75F, 1.375F, 0.75F, -1.25F, -0.375F, -4.1875F, 2, 6.875F}},
    {"FusedGemm", MS, {2, 4}, {"m", "c"}, {STR("activation", "Relu")}, {0, 2, 0.1875F, 3.75F}},
    {"FusedGemm",
     MS,
     {2, 4},
     {"mt", "c"},
     {STR("activation", "LeakyRelu"), FLOAT("activation_alpha", 0.3F), INT("transB", 1),
      FLOAT("alpha", 0.5F)},
     {-0.1125F, -0.28125F, 5.3125F, 2.75F}},
    {"FusedGemm",
     MS,
     {2, 4},
     {"m", "c"},
     {STR("activation", "HardSigmoid"), FLOAT("activation_alpha", 0.3F),
      FLOAT("activation_beta", 0.4F)},
     {0, 1, 0.45625F, 1}},
    {"FusedMatMul",
     MS,
     {1, 2, 4},
     {"m"},
     {FLOAT("alpha", 0.125F)},
     {-0.234375F, 0.3125F, -0.0390625F, 0.53125F}},
    {"FusedMatMul", MS, {1, 2, 4}, {"mt"}, {INT("transB", 1)}, {-1.75F, -0.875F, 9.625F, 6.5F}},
    {"FusedMatMul",
     MS,
     {1, 2, 4},
     {"k"},
     {INT("transA", 1)},
     {-1.5F, -1.25F, 3, -4, 0.25F, 1.25F, -3.625F, 2.75F, 2, 0.625F, -0.875F, 3.25F, -0.5F,
      -1.75F, 5, -4}},
    {"FusedMatMul",
     MS,
     {2, 2, 2},
     {"w2"},
     {INT("transBatchA", 1)},
     {-1.75F, -0.25F, 3.25F, -4, -0.75F, -0.5F, 4.5F, -3.375F}},
    {"Gelu",
     MS,
     {1, 2, 4},
     {},
     {},
     {-0.1002108F, 0.1496766F, 1.9545F, -0.1542688F, 0.8413447F, -0.02750505F, 0.5800295F,
      2.99595F}},
    {"BiasGelu",
     MS,
     {1, 2, 4},
     {"s4"},
     {},
     {-0.1586553F, -0.1699705F, 2.222495F, 1.399789F, 1.399789F, -0.001875356F, 0.8413447F,
      4.999999F}},
    {"FastGelu",
     MS,
     {1, 2, 4},
     {},
     {},
     {-0.1004284F, 0.1496754F, 1.954598F, -0.154286F, 0.841192F, -0.02720135F, 0.5799606F,
      2.996363F}},
    {"FastGelu",
     MS,
     {1, 2, 4},
     {"s4"},
     {},
     {-0.158808F, -0.1700394F, 2.222799F, 1.399572F, 1.399572F, -0.001568511F, 0.841192F, 5}},
    {"QuickGelu",
     MS,
     {1, 2, 4},
     {},
     {},
     {-0.1083378F, 0.1511997F, 1.935659F, -0.1496116F, 0.8457958F, -0.04783217F, 0.5863901F,
      2.981929F}},
    {"QuickGelu",
     MS,
     {1, 2, 4},
     {},
     {FLOAT("alpha", 0.9F)},
     {-0.3088056F, 0.1390035F, 1.716298F, -0.1946804F, 0.7109495F, -0.2623567F, 0.4969664F,
      2.81108F}},
    {"SkipLayerNormalization",
     MS,
     {1, 2, 4},
     {"k", "g", "h", "s4"},
     {FLOAT("epsilon", 0.001F)},
     {-0.6577648F, -1.652314F, -0.257902F, -1.599726F, 0.2499491F, -3.098881F, -0.05365504F,
      -1.006801F}},
    {"SkipLayerNormalization",
     MS,
     {1, 2, 4},
     {"k", "g"},
     {FLOAT("epsilon", 0.001F)},
     {-1.610077F, 0.1694818F, 0.2118522F, -1.101632F, 0.1871116F, -3.368008F, 0.4054084F,
      -0.6860757F}},
    {"SkipSimplifiedLayerNormalization",
     MS,
     {1, 2, 4},
     {"k", "g", "s4"},
     {FLOAT("epsilon", 0.001F)},
     {0, -0.2684237F, 0.3355297F, -1.878966F, 0.4830768F, -2.415384F, 0.402564F, -1.288205F}},
    {"SimplifiedLayerNormalization",
     "",
     {1, 2, 4},
     {"g"},
     {FLOAT("epsilon", 0.001F), INT("axis", -1)},
     {-1.170723F, 0.3902411F, 0.7804822F, 0.3902411F, 0.5058997F, -2.276549F, 0.1897124F,
      -1.517699F}},
    {"LayerNormalization",
     "",
     {1, 2, 4},
     {"g", "h"},
     {FLOAT("epsilon", 0.001F), INT("axis", -1)},
     {-1.120957F, 0.4930297F, 0.4569933F, 0.4395445F, 0.2999716F, -2.86623F, -0.2666714F,
      -1.266487F}},
};

static int rank_of(const int64_t *dims)
{
    int n = 0;

    while (n < 4 && dims[n])
        n++;
    return n;
}

static nt_value *constant(nt_graph *g, const char *name, const int64_t *dims, const float *v)
{
    nt_value *out = nt_graph_find_value(g, name);
    nt_tensor *t = NULL;

    if (out)
        return out;
    assert_ok(nt_tensor_new(&t, NT_F32, rank_of(dims), dims, e));
    for (int64_t i = 0; i < nt_tensor_count(t); i++)
        nt_tensor_set(t, i, v[i]);
    assert_ok(nt_graph_add_const(&out, g, name, t, e));
    return out;
}

static nt_value *operand(nt_graph *g, const char *name)
{
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++)
        if (strcmp(name, operands[i].name) == 0)
            return constant(g, name, operands[i].dims, operands[i].v);
    return NULL;
}

static void set_attr(nt_graph *g, nt_node *n, const contrib_attr *a)
{
    nt_attr v = {.name = a->name, .kind = a->kind, .i = a->i, .f = a->f, .s = a->s, .n = a->n};

    v.floats = a->list;
    assert_ok(nt_node_set_attr(g, n, &v, e));
}

/* y = the operator of x and its operands. */
static nt_graph *network(const contrib_case *c, int opset)
{
    nt_value *in[6] = {NULL}, *y = NULL;
    nt_dim dims[4] = {{0, NULL}};
    nt_graph *g = NULL;
    nt_node *n = NULL;
    int n_in = 1;

    assert_ok(nt_graph_new(&g, e));
    g->opset = opset;
    for (int i = 0; i < rank_of(c->dims); i++)
        dims[i].value = c->dims[i];
    assert_ok(
        nt_graph_add_input(&in[0], g, "x", (nt_value_type){NT_F32, rank_of(c->dims), dims}, e));
    for (; n_in < 6 && c->in[n_in - 1]; n_in++)
        in[n_in] = operand(g, c->in[n_in - 1]);
    assert_ok(nt_graph_add_value(&y, g, "y", e));
    assert_ok(nt_graph_add_node(&n, g, &(nt_node_spec){c->op, "node", in, n_in, &y, 1}, e));
    n->domain = c->domain;
    for (int i = 0; i < 5 && c->attr[i].name; i++)
        set_attr(g, n, &c->attr[i]);
    assert_ok(nt_graph_add_output(g, y, e));
    return g;
}

static void assert_runs(const contrib_case *c, const nt_graph *g, nt_device *dev)
{
    nt_plan *p = NULL;
    const nt_tensor *y;

    assert_ok(nt_plan_new(&p, g, dev, &(nt_plan_opts){.compute = NT_F32}, e));
    memcpy(nt_plan_input(p, 0)->data, x8, sizeof x8);
    assert_ok(nt_plan_forward(p, e));
    y = nt_plan_output(p, 0);
    for (int64_t i = 0; i < nt_tensor_count(y); i++)
        if (!(fabs(nt_tensor_get(y, i) - c->want[i]) <= 2e-6 * (1 + fabs(c->want[i]))))
            fail_msg("%s, opset %d: element %d is %.8g, want %.8g", c->op, g->opset, (int)i,
                     nt_tensor_get(y, i), c->want[i]);
    nt_plan_free(p);
}

static bool is_foreign(const nt_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->domain[0])
            return true;
    return false;
}

NT_TEST(what_onnx_runtime_joins_becomes_operators_of_onnx)
{
    static const char *const backends[] = {"onednn", "openblas"};
    static const int opsets[] = {12, 13, 17, 18, 20, 23};

    for (int b = 0; b < 2; b++) {
        nt_device *dev = op_device(backends[b]);

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (size_t k = 0; k < sizeof opsets / sizeof *opsets; k++) {
                nt_graph *g = network(&cases[i], opsets[k]);

                assert_ok(nt_pass_contrib(g, e));
                assert_false(is_foreign(g));
                assert_ok(nt_graph_bind(g, nt_ops_table(), e));
                assert_ok(nt_pass_infer(g, e));
                assert_string_equal(g->outputs[0]->name, "y");
                assert_runs(&cases[i], g, dev);
                nt_graph_free(g);
            }
        nt_device_free(dev);
    }
}

/* The layer keeps its name, and is one that can be pruned. */
NT_TEST(a_joined_convolution_is_a_layer_of_its_name)
{
    const contrib_case c = {
        "FusedConv", MS, {1, 2, 2, 2}, {"w", "b"}, {STR("activation", "Relu")}, {0}};
    nt_graph *g = network(&c, 13);

    assert_ok(nt_pass_contrib(g, e));
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->nodes[0]->op_type, "Conv");
    assert_string_equal(g->nodes[0]->name, "node");
    assert_null(nt_node_attr(g->nodes[0], "activation"));
    assert_string_equal(g->nodes[1]->op_type, "Relu");
    assert_ok(nt_graph_bind(g, nt_ops_table(), e));
    assert_non_null(nt_layer_weight(g->nodes[0]));
    nt_graph_free(g);
}

static void assert_not_taken(const contrib_case *c, const char *why)
{
    nt_graph *g = network(c, 13);

    assert_fails(NT_EUNSUPPORTED, why, nt_pass_contrib(g, e));
    nt_graph_free(g);
}

NT_TEST(what_has_no_form_in_onnx_is_refused_by_name)
{
    const contrib_case act = {"FusedConv", MS, {1, 2, 2, 2}, {"w"}, {STR("activation", "Warp")},
                              {0}};
    const contrib_case nchwc = {
        "Conv", MS ".nchwc", {1, 2, 2, 2}, {"w"}, {STR("activation", "Relu")}, {0}};
    const contrib_case nhwc = {"NhwcMaxPool", MS, {1, 2, 2, 2}, {NULL}, {{0}}, {0}};

    assert_not_taken(&act, "node 'node': FusedConv: its activation is not supported");
    assert_not_taken(&nchwc,
                     "node 'node': operator 'Conv' of domain 'com.microsoft.nchwc' is for the "
                     "processor that the file was optimised on: have ONNX Runtime write it at "
                     "level 'extended' or lower");
    assert_not_taken(&nhwc,
                     "node 'node': operator 'NhwcMaxPool' of domain 'com.microsoft' is for the "
                     "processor that the file was optimised on: have ONNX Runtime write it at "
                     "level 'extended' or lower");
}

NT_TEST_MAIN
