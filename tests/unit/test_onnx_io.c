/* SPDX-License-Identifier: MIT */
#include "graph/onnx_io.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "graph_equal.h"
#include "onnx_bytes.h"
#include "scratch.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TESTDATA "/usr/share/libonnx-testdata/data"
#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

enum { INITIALIZER = 5, INPUT = 11, OUTPUT = 12, VALUE_INFO = 13, FUNCTION = 25 };

static nt_status read_bytes(nt_graph **out, const nt_str *m, nt_err *e)
{
    return nt_onnx_read(out, m->p, m->n, NULL, e);
}

/* m is released. */
static nt_graph *read_model(nt_str *m)
{
    nt_graph *g = NULL;

    assert_ok(read_bytes(&g, m, e));
    nt_str_release(m);
    return g;
}

/* m is released. */
static void check_refused(nt_str *m, nt_status status, const char *text)
{
    nt_graph *g = NULL;

    assert_fails(status, text, read_bytes(&g, m, e));
    assert_null(g);
    nt_str_release(m);
}

static nt_graph *reread(const nt_graph *g)
{
    nt_onnx_written b = {0};
    nt_graph *h = NULL;

    assert_ok(nt_onnx_write(&b, g, e));
    assert_null(b.ext);
    assert_ok(nt_onnx_read(&h, b.model, b.model_n, NULL, e));
    nt_free(b.model);
    return h;
}

static void add(nt_str *graph, int field, nt_str sub)
{
    pb_sub(graph, field, &sub);
}

/* x -> Add(x, w) -> y, without its end, so that tests can go on. */
static nt_str small_graph(void)
{
    const float w[3] = {1, 2, 3};
    nt_str g = {0};

    add(&g, 1, pb_node("Add", "add", "x fc.bias", "y"));
    pb_text(&g, 2, "small");
    add(&g, INITIALIZER, pb_tensor("fc.bias", NT_F32, 1, DIMS(3), w, sizeof w));
    add(&g, INPUT, pb_value("x", 2, DIMS(-1, 3)));
    add(&g, OUTPUT, pb_value("y", 2, DIMS(-1, 3)));
    return g;
}

static nt_str small_model(void)
{
    nt_str g = small_graph();

    return pb_model(8, 17, &g);
}

/* With one field of the graph more. */
static nt_str model_with(int field, nt_str sub)
{
    nt_str g = small_graph();

    add(&g, field, sub);
    return pb_model(8, 17, &g);
}

NT_TEST(a_small_model_is_read)
{
    nt_str m = small_model();
    nt_graph *g = read_model(&m);
    nt_value *w = nt_graph_find_value(g, "fc.bias");

    assert_int_equal(g->opset, 17);
    assert_int_equal(g->ir_version, 8);
    assert_string_equal(g->name, "small");
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->n_inputs, 1);
    assert_string_equal(g->inputs[0]->dims[0].sym, "N");
    assert_int_equal(g->inputs[0]->dims[1].value, 3);
    assert_ptr_equal(g->nodes[0]->in[1], w);
    assert_float_equal(nt_tensor_get(w->data, 2), 3, 0);
    assert_ptr_equal(g->outputs[0], g->nodes[0]->out[0]);
    nt_graph_free(g);
}

NT_TEST(versions_out_of_range_are_refused_by_number)
{
    static const struct {
        int64_t ir, opset;
        const char *text;
    } cases[] = {
        {14, 17, "IR version 14 is newer than 13"},
        {8, 27, "opset 27 is newer than 26"},
        {8, -1, "opset -1 is older than 1"},
        {3, 0, "imports no opset of ai.onnx"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nt_str g = small_graph(), m = pb_model(cases[i].ir, cases[i].opset, &g);

        check_refused(&m, NT_EUNSUPPORTED, cases[i].text);
    }
}

NT_TEST(what_is_no_model_is_refused)
{
    nt_str m = {0};
    nt_graph *g = NULL;

    assert_fails(NT_EFORMAT, "not an ONNX model: it has no graph",
                 nt_onnx_read(&g, "", 0, NULL, e));
    nt_str_add(&m, "#!/bin/sh\necho hello\n");
    check_refused(&m, NT_EFORMAT, "not an ONNX file, or damaged");
}

NT_TEST(edges_of_the_graph_that_lead_nowhere_are_named)
{
    nt_str m = model_with(1, pb_node("Relu", "conv1", "z", "a"));

    check_refused(&m, NT_EFORMAT, "node 'conv1': input 'z' is not produced by anything");
    m = model_with(1, pb_node("Relu", "again", "x", "y"));
    check_refused(&m, NT_EFORMAT, "node 'again': output 'y' is produced twice");
    m = model_with(1, pb_node("Relu", "in", "x", "x"));
    check_refused(&m, NT_EFORMAT, "node 'in': output 'x' is a graph input already");
    m = model_with(1, pb_node("Relu", "w", "x", "fc.bias"));
    check_refused(&m, NT_EFORMAT, "node 'w': output 'fc.bias' is a graph constant already");
    m = model_with(1, pb_node("Relu", "self", "a", "a"));
    check_refused(&m, NT_EFORMAT, "node 'self' depends on its own output");
    m = model_with(1, pb_node("", "none", "x", "a"));
    check_refused(&m, NT_EFORMAT, "node 'none': has no operator");
    m = model_with(OUTPUT, pb_value("z", 0, NULL));
    check_refused(&m, NT_EFORMAT, "graph output 'z' is not produced by anything");
    m = model_with(INPUT, pb_value("x", 0, NULL));
    check_refused(&m, NT_EFORMAT, "there are two values 'x'");
}

NT_TEST(nodes_out_of_order_are_sorted)
{
    nt_str s = {0}, m;
    nt_graph *g;

    add(&s, 1, pb_node("Relu", "second", "b", "y"));
    add(&s, 1, pb_node("Relu", "first", "x", "b"));
    add(&s, INPUT, pb_value("x", 2, DIMS(-1, 3)));
    add(&s, OUTPUT, pb_value("y", 2, DIMS(-1, 3)));
    m = pb_model(8, 17, &s);
    g = read_model(&m);
    assert_string_equal(g->nodes[0]->name, "first");
    assert_string_equal(g->nodes[1]->name, "second");
    nt_graph_free(g);
}

NT_TEST(tensors_that_lie_about_themselves_are_refused_by_name)
{
    const float w[3] = {1, 2, 3};
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const int64_t big = (int64_t)1 << 40;
    nt_str m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(4), w, sizeof w));

    check_refused(&m, NT_EFORMAT, "initialiser 'w': has 12 bytes of data, want 16");
    m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(4), NULL, 0));
    check_refused(&m, NT_EFORMAT, "initialiser 'w': has 0 elements, want 4");
    m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 2, DIMS(big, big), w, sizeof w));
    check_refused(&m, NT_EFORMAT, "initialiser 'w': its dimensions are too large");
    m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(big), NULL, 0));
    check_refused(&m, NT_EFORMAT, "initialiser 'w': has 0 elements, want 1099511627776");
    m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(-3), w, sizeof w));
    check_refused(&m, NT_EFORMAT, "initialiser 'w': dimension 0 is -3");
    m = model_with(INITIALIZER, pb_tensor("w", NT_F32, 9, nine, w, 4));
    check_refused(&m, NT_EUNSUPPORTED, "initialiser 'w': has 9 dimensions, more than 8");
    m = model_with(INITIALIZER, pb_tensor("w", NT_STRING, 1, DIMS(3), NULL, 0));
    check_refused(&m, NT_EUNSUPPORTED,
                  "initialiser 'w': tensors of type 8 (str) are not supported");
    m = model_with(INITIALIZER, pb_tensor("w", 14, 1, DIMS(3), NULL, 0));
    check_refused(&m, NT_EUNSUPPORTED,
                  "initialiser 'w': tensors of type 14 (complex64) are not supported");
    m = model_with(INITIALIZER, pb_tensor("", NT_F32, 1, DIMS(3), w, sizeof w));
    check_refused(&m, NT_EFORMAT, "initialiser 1 has no name");
    m = model_with(INITIALIZER, pb_tensor("fc.bias", NT_F32, 1, DIMS(3), w, sizeof w));
    check_refused(&m, NT_EFORMAT, "there are two values 'fc.bias'");
    m = model_with(VALUE_INFO, pb_value("y", 9, nine));
    check_refused(&m, NT_EUNSUPPORTED, "value 'y': has 9 dimensions, more than 8");
}

/* A SparseTensorProto 'thin' of the extents [2][4]: three values at these places. */
static nt_str thin(const int64_t *at, int rank, const int64_t *at_dims)
{
    const float w[3] = {1, 2, 3};
    size_t n = rank == 2 ? (size_t)at_dims[1] : 1;
    nt_str sparse = {0};

    add(&sparse, 1, pb_tensor("thin", NT_F32, 1, DIMS(3), w, sizeof w));
    add(&sparse, 2, pb_tensor("", NT_I64, rank, at_dims, at, (size_t)at_dims[0] * n * 8));
    pb_int(&sparse, 3, 2);
    pb_int(&sparse, 3, 4);
    return sparse;
}

static void check_thin(nt_str *m)
{
    const float want[8] = {0, 1, 0, 0, 2, 0, 0, 3};
    nt_graph *g = NULL;
    const nt_value *v;

    assert_ok(nt_onnx_read(&g, m->p, m->n, NULL, e));
    v = nt_graph_find_value(g, "thin");
    assert_int_equal(v->rank, 2);
    for (int i = 0; i < 8; i++)
        assert_float_equal(nt_tensor_get(v->data, i), want[i], 0);
    nt_graph_free(g);
    nt_str_release(m);
}

NT_TEST(sparse_initialisers_are_read_in_full)
{
    const int64_t flat[] = {1, 4, 7}, by_axis[] = {0, 1, 1, 0, 1, 3};
    nt_str m = model_with(15, thin(flat, 1, (const int64_t[]){3}));

    check_thin(&m);
    m = model_with(15, thin(by_axis, 2, (const int64_t[]){3, 2}));
    check_thin(&m);
}

NT_TEST(a_sparse_constant_is_one_like_others)
{
    const int64_t flat[] = {1, 4, 7};
    nt_str a = {0}, node = pb_node("Constant", "c", "", "thin"), m;

    pb_text(&a, 1, "sparse_value");
    add(&a, 22, thin(flat, 1, (const int64_t[]){3}));
    pb_int(&a, 20, 11);
    pb_sub(&node, 5, &a);
    m = model_with(1, node);
    check_thin(&m);
}

NT_TEST(sparse_initialisers_that_lie_are_refused_by_name)
{
    const int64_t outside[] = {1, 4, 8}, axis[] = {0, 1, 2, 0, 1, 3}, two[] = {1, 4};
    nt_str huge = {0}, m = model_with(15, thin(outside, 1, (const int64_t[]){3}));

    check_refused(&m, NT_EFORMAT, "initialiser 'thin': index 2 lies outside of it");
    m = model_with(15, thin(axis, 2, (const int64_t[]){3, 2}));
    check_refused(&m, NT_EFORMAT, "initialiser 'thin': index 1 lies outside of it");
    m = model_with(15, thin(two, 1, (const int64_t[]){2}));
    check_refused(&m, NT_EFORMAT, "initialiser 'thin': its indices do not fit 3 values");
    add(&huge, 1, pb_tensor("thin", NT_F32, 1, DIMS(0), NULL, 0));
    add(&huge, 2, pb_tensor("", NT_I64, 1, DIMS(0), NULL, 0));
    pb_int(&huge, 3, 1 << 20);
    pb_int(&huge, 3, 1 << 10);
    m = model_with(15, huge);
    check_refused(&m, NT_EUNSUPPORTED,
                  "initialiser 'thin': is sparse, and takes 4294967296 bytes in full");
}

/* A TensorProto of 3 elements 1, 2, 3 in a typed field. */
static nt_tensor *typed(int type, int field, int width)
{
    nt_str m = pb_tensor("", type, 1, DIMS(3), NULL, 0), data = {0};
    nt_tensor *t = NULL;

    for (int i = 1; i <= 3; i++) {
        float f = (float)i;
        double d = i;

        if (width == 0)
            pb_varint(&data, (uint64_t)i);
        else
            nt_str_addn(&data, width == 4 ? (void *)&f : (void *)&d, (size_t)width);
    }
    pb_sub(&m, field, &data);
    assert_ok(nt_onnx_tensor_read(&t, NULL, m.p, m.n, e));
    nt_str_release(&m);
    return t;
}

NT_TEST(typed_fields_hold_every_type)
{
    static const struct {
        int type, field, width;
    } cases[] = {
        {NT_F32, 4, 4}, {NT_F64, 10, 8}, {NT_I64, 7, 0}, {NT_I32, 5, 0},  {NT_I8, 5, 0},
        {NT_U8, 5, 0},  {NT_I16, 5, 0},  {NT_U16, 5, 0}, {NT_U32, 11, 0}, {NT_U64, 11, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nt_tensor *t = typed(cases[i].type, cases[i].field, cases[i].width);

        assert_int_equal(t->dtype, cases[i].type);
        assert_float_equal(nt_tensor_get(t, 0), 1, 0);
        assert_float_equal(nt_tensor_get(t, 2), 3, 0);
        nt_tensor_free(t);
    }
}

NT_TEST(half_floats_come_as_bits_and_bools_as_numbers)
{
    nt_str m = pb_tensor("", NT_F16, 1, DIMS(1), NULL, 0), data = {0};
    nt_tensor *t = NULL;

    pb_varint(&data, 0x3e00); /* 1.5 */
    pb_sub(&m, 5, &data);
    assert_ok(nt_onnx_tensor_read(&t, NULL, m.p, m.n, e));
    assert_float_equal(nt_tensor_get(t, 0), 1.5, 0);
    nt_tensor_free(t);
    nt_str_release(&m);
    t = typed(NT_BOOL, 5, 0);
    assert_int_equal(((const uint8_t *)t->data)[2], 1);
    nt_tensor_free(t);
}

NT_TEST(four_bit_types_lie_two_to_a_byte)
{
    nt_str m = pb_tensor("q", NT_I4, 1, DIMS(3), "\x2f\x07", 2); /* -1, 2, 7 */
    nt_tensor *t = NULL;
    char *name = NULL;

    assert_ok(nt_onnx_tensor_read(&t, &name, m.p, m.n, e));
    assert_string_equal(name, "q");
    assert_int_equal(nt_tensor_get_i64(t, 0), -1);
    assert_int_equal(nt_tensor_get_i64(t, 1), 2);
    assert_int_equal(nt_tensor_get_i64(t, 2), 7);
    nt_tensor_free(t);
    nt_free(name);
    nt_str_release(&m);
}

/* IR version 13, which onnx.proto of the distributions does not name yet. */
NT_TEST(two_bit_types_lie_four_to_a_byte_and_are_written_as_they_came)
{
    static const struct {
        int type;
        int64_t want[5];
        const char *bytes;
    } cases[] = {{NT_U2, {0, 1, 2, 3, 1}, "\xe4\x01"}, {NT_I2, {-2, -1, 0, 1, -2}, "\x4e\x02"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nt_str m = pb_tensor("q", cases[i].type, 1, DIMS(5), cases[i].bytes, 2);
        nt_tensor *t = NULL;
        nt_graph *g = NULL, *h;
        nt_value *q;

        assert_ok(nt_onnx_tensor_read(&t, NULL, m.p, m.n, e));
        for (int64_t k = 0; k < 5; k++)
            assert_int_equal(nt_tensor_get_i64(t, k), cases[i].want[k]);
        assert_ok(nt_graph_new(&g, e));
        assert_ok(nt_graph_add_const(&q, g, "q", t, e));
        assert_ok(nt_graph_add_output(g, q, e));
        h = reread(g);
        q = nt_graph_find_value(h, "q");
        assert_int_equal(q->dtype, cases[i].type);
        assert_memory_equal(q->data->data, cases[i].bytes, 2);
        nt_graph_free(g);
        nt_graph_free(h);
        nt_str_release(&m);
    }
}

NT_TEST(before_ir_version_3_there_was_opset_1_and_no_import)
{
    nt_str g = small_graph(), m = pb_model(2, 0, &g);
    nt_graph *h = read_model(&m);

    assert_int_equal(h->opset, 1);
    nt_graph_free(h);
}

NT_TEST(an_initialiser_that_is_an_input_too_is_a_constant)
{
    nt_str g = small_graph(), m;
    nt_graph *h;

    add(&g, INPUT, pb_value("fc.bias", 1, DIMS(3)));
    m = pb_model(3, 8, &g);
    h = read_model(&m);
    assert_int_equal(h->n_inputs, 1);
    assert_non_null(nt_graph_find_value(h, "fc.bias")->data);
    assert_int_equal(h->ir_version, 4); /* the first that can say so */
    nt_graph_free(h);
}

static nt_str attr(const char *name, int type)
{
    nt_str a = {0};

    pb_text(&a, 1, name);
    pb_int(&a, 20, type);
    return a;
}

/* A Constant node with this attribute; its value, of which *g is the graph. */
static nt_value *constant(nt_graph **g, nt_str a)
{
    nt_str node = pb_node("Constant", "", "", "k"), m;

    pb_sub(&node, 5, &a);
    m = model_with(1, node);
    *g = read_model(&m);
    assert_int_equal((*g)->n_nodes, 1);
    return nt_graph_find_value(*g, "k");
}

/* As protobuf has it: of a field given twice the last counts, of a message twice the lists go
 * one behind the other. */
NT_TEST(a_graph_in_two_pieces_keeps_each_initialisers_own_data)
{
    const float v[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    nt_str first = small_graph(), twice = pb_tensor("b", NT_F32, 1, DIMS(3), v, 12),
           second = {0};
    nt_graph *g;
    nt_str m;

    pb_bytes(&twice, 9, v + 3, 12);
    add(&second, INITIALIZER, pb_tensor("none", NT_F32, 1, DIMS(0), NULL, 0));
    pb_sub(&second, INITIALIZER, &twice);
    add(&second, INITIALIZER, pb_tensor("c", NT_F32, 1, DIMS(3), v + 6, 12));
    m = pb_model(8, 17, &first);
    pb_sub(&m, 7, &second);
    g = read_model(&m);
    assert_float_equal(nt_tensor_get(nt_graph_find_value(g, "fc.bias")->data, 0), 1, 0);
    assert_float_equal(nt_tensor_get(nt_graph_find_value(g, "b")->data, 0), 4, 0);
    assert_float_equal(nt_tensor_get(nt_graph_find_value(g, "c")->data, 0), 7, 0);
    assert_int_equal(nt_tensor_count(nt_graph_find_value(g, "none")->data), 0);
    nt_graph_free(g);
}

NT_TEST(constant_nodes_become_constants)
{
    nt_graph *g;
    nt_value *v;
    nt_str a = attr("value_float", NT_ATTR_FLOAT), t;

    pb_float(&a, 2, 2.5f);
    v = constant(&g, a);
    assert_int_equal(v->rank, 0);
    assert_float_equal(nt_tensor_get(v->data, 0), 2.5, 0);
    nt_graph_free(g);

    a = attr("value_ints", NT_ATTR_INTS);
    pb_int(&a, 8, 7);
    pb_int(&a, 8, -1);
    v = constant(&g, a);
    assert_int_equal(v->dtype, NT_I64);
    assert_int_equal(v->dims[0].value, 2);
    assert_int_equal(nt_tensor_get_i64(v->data, 1), -1);
    nt_graph_free(g);

    a = attr("value", NT_ATTR_TENSOR);
    t = pb_tensor("", NT_U8, 1, DIMS(2), "\1\2", 2);
    pb_sub(&a, 5, &t);
    v = constant(&g, a);
    assert_int_equal(v->dtype, NT_U8);
    assert_int_equal(nt_tensor_get_i64(v->data, 1), 2);
    nt_graph_free(g);
}

NT_TEST(names_must_be_text)
{
    nt_str m = model_with(1, pb_node("Relu", "\xff\xfe", "x", "a"));

    check_refused(&m, NT_EFORMAT, "a name is not UTF-8 text");
}

NT_TEST(nesting_without_end_is_refused)
{
    nt_str inner = {0}, v = {0}, m;

    /* TypeProto.sequence_type.elem_type ..., 10000 deep */
    for (int i = 0; i < 10000; i++) {
        nt_str outer = {0};

        pb_sub(&outer, i % 2 ? 4 : 1, &inner);
        inner = outer;
    }
    pb_text(&v, 1, "x");
    pb_sub(&v, 2, &inner);
    m = model_with(VALUE_INFO, v);
    check_refused(&m, NT_EFORMAT, "messages are nested more than 100 deep");
}

/* ---- local functions */

/* Twice(v) = Leaky(v + v, alpha: the call's "slope") */
static nt_str twice(bool with_default)
{
    nt_str f = {0}, node, a = attr("alpha", NT_ATTR_FLOAT), o = {0};

    pb_text(&f, 1, "Twice");
    pb_text(&f, 4, "v");
    pb_text(&f, 5, "r");
    node = pb_node("Add", "sum", "v v", "s");
    pb_sub(&f, 7, &node);
    node = pb_node("LeakyRelu", "", "s", "r");
    pb_text(&a, 21, "slope");
    pb_sub(&node, 5, &a);
    pb_sub(&f, 7, &node);
    pb_int(&o, 2, 17);
    pb_sub(&f, 9, &o);
    pb_text(&f, 10, "local");
    if (with_default) {
        a = attr("slope", NT_ATTR_FLOAT);
        pb_float(&a, 2, 0.25f);
        pb_sub(&f, 11, &a);
    }
    return f;
}

static nt_str call(const char *name, const char *in, const char *out)
{
    nt_str node = pb_node("Twice", name, in, out);

    pb_text(&node, 7, "local");
    return node;
}

static nt_str model_of_calls(nt_str first, nt_str second, nt_str function)
{
    nt_str g = {0}, m, o = {0};

    add(&g, 1, first);
    add(&g, 1, second);
    add(&g, INPUT, pb_value("x", 1, DIMS(3)));
    add(&g, OUTPUT, pb_value("y", 1, DIMS(3)));
    m = pb_model(8, 17, &g);
    pb_text(&o, 1, "local");
    pb_int(&o, 2, 1);
    pb_sub(&m, 8, &o);
    add(&m, FUNCTION, function);
    return m;
}

NT_TEST(local_functions_are_inlined)
{
    nt_str a = attr("slope", NT_ATTR_FLOAT), first = call("f", "x", "h"), m;
    nt_graph *g;

    pb_float(&a, 2, 0.5f);
    pb_sub(&first, 5, &a);
    m = model_of_calls(first, call("g", "h", "y"), twice(true));
    g = read_model(&m);
    assert_int_equal(g->n_nodes, 4);
    assert_int_equal(g->n_domains, 0); /* nobody uses it now */
    assert_string_equal(g->nodes[0]->op_type, "Add");
    assert_string_equal(g->nodes[0]->name, "f/sum");
    assert_string_equal(g->nodes[0]->out[0]->name, "f/s");
    assert_ptr_equal(g->nodes[0]->in[1], g->inputs[0]);
    assert_float_equal(nt_node_float(g->nodes[1], "alpha", 9), 0.5, 0);
    assert_string_equal(g->nodes[1]->out[0]->name, "h");
    assert_string_equal(g->nodes[2]->out[0]->name, "g/s");
    assert_float_equal(nt_node_float(g->nodes[3], "alpha", 9), 0.25, 0); /* the default */
    assert_ptr_equal(g->nodes[3]->out[0], g->outputs[0]);
    nt_graph_free(g);
}

NT_TEST(an_attribute_that_a_call_does_not_give_is_left_out)
{
    nt_str m = model_of_calls(call("f", "x", "h"), call("g", "h", "y"), twice(false));
    nt_graph *g = read_model(&m);

    assert_null(nt_node_attr(g->nodes[1], "alpha"));
    nt_graph_free(g);
}

NT_TEST(a_function_that_calls_itself_is_refused)
{
    nt_str f = twice(false), again = call("inner", "v", "t"), m;

    pb_sub(&f, 7, &again);
    m = model_of_calls(call("f", "x", "h"), call("g", "h", "y"), f);
    check_refused(&m, NT_EFORMAT, "node 'f': functions are nested more than 32 deep");
}

/* ---- subgraphs */

/* y = If(cond) with a branch that uses "w" from around it. */
static nt_str model_with_if(void)
{
    const float w[3] = {1, 2, 3};
    nt_str branch = {0}, node = pb_node("If", "if", "x", "y"), a = attr("then_branch", 5),
           g = {0};

    add(&branch, 1, pb_node("Relu", "", "w", "r"));
    pb_text(&branch, 2, "then");
    add(&branch, OUTPUT, pb_value("r", 1, DIMS(3)));
    pb_sub(&a, 6, &branch);
    pb_sub(&node, 5, &a);
    add(&g, 1, node);
    pb_text(&g, 2, "outer");
    add(&g, INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(3), w, sizeof w));
    add(&g, INPUT, pb_value("x", 0, NULL));
    add(&g, OUTPUT, pb_value("y", 1, DIMS(3)));
    return pb_model(8, 17, &g);
}

NT_TEST(subgraphs_are_carried_and_keep_what_they_use)
{
    nt_str m = model_with_if();
    nt_graph *g = read_model(&m), *h;
    nt_value *w = nt_graph_find_value(g, "w");

    assert_int_equal(w->n_uses, 0);
    assert_true(w->pinned);
    nt_graph_compact(g);
    h = reread(g);
    assert_true(same_graph(g, h));
    assert_non_null(nt_graph_find_value(h, "w"));
    assert_int_equal(h->nodes[0]->attrs[0].kind, NT_ATTR_GRAPH);
    nt_graph_free(g);
    nt_graph_free(h);
}

/* ---- writing */

/* One of everything that a file keeps. */
static nt_str rich_model(void)
{
    nt_str g = small_graph(), m, p = {0}, o = {0}, node, a, v = {0}, type = {0}, seq = {0};
    nt_str t;

    node = pb_node("Odd", "odd", "y .", "z .");
    pb_text(&node, 6, "what it is for");
    pb_text(&node, 7, "org.example");
    a = attr("f", NT_ATTR_FLOAT);
    pb_float(&a, 2, -0.0f);
    pb_sub(&node, 5, &a);
    a = attr("names", NT_ATTR_STRINGS);
    pb_text(&a, 9, "one");
    pb_text(&a, 9, "");
    pb_sub(&node, 5, &a);
    a = attr("t", NT_ATTR_TENSOR);
    t = pb_tensor("", NT_BF16, 2, DIMS(1, 2), "\1\2\3\4", 4);
    pb_sub(&a, 5, &t);
    pb_sub(&node, 5, &a);
    a = attr("none", NT_ATTR_INTS);
    pb_sub(&node, 5, &a);
    a = attr("words", NT_ATTR_TENSOR); /* of strings: carried */
    t = pb_tensor("", NT_STRING, 1, DIMS(1), NULL, 0);
    pb_text(&t, 6, "text");
    pb_sub(&a, 5, &t);
    pb_sub(&node, 5, &a);
    add(&g, 1, node);
    pb_sub(&type, 4, &seq);
    pb_text(&v, 1, "z");
    pb_sub(&v, 2, &type);
    pb_text(&v, 3, "a sequence");
    add(&g, OUTPUT, v);
    pb_text(&g, 10, "about the graph");
    m = pb_model(8, 17, &g);
    pb_text(&m, 2, "pytorch");
    pb_text(&m, 3, "2.1");
    pb_text(&m, 4, "ai.example");
    pb_int(&m, 5, 3);
    pb_text(&m, 6, "about the model");
    pb_text(&p, 1, "key");
    pb_text(&p, 2, "value");
    pb_sub(&m, 14, &p);
    pb_text(&o, 1, "org.example");
    pb_int(&o, 2, 5);
    pb_sub(&m, 8, &o);
    return m;
}

NT_TEST(writing_loses_nothing_that_is_kept)
{
    nt_str m = rich_model();
    nt_graph *g = read_model(&m), *h = reread(g);
    const nt_node *n = h->nodes[1];

    assert_true(same_graph(g, h));
    assert_string_equal(h->producer, "pytorch");
    assert_string_equal(h->props[0].val, "value");
    assert_string_equal(h->domains[0].key, "org.example");
    assert_string_equal(h->doc, "about the model");
    assert_string_equal(h->graph_doc, "about the graph");
    assert_int_equal(h->model_version, 3);
    assert_string_equal(n->doc, "what it is for");
    assert_string_equal(n->domain, "org.example");
    assert_int_equal(n->n_in, 2);
    assert_null(n->in[1]);
    assert_null(n->out[1]);
    assert_int_equal(n->n_attrs, 5);
    assert_int_equal(nt_node_attr(n, "none")->n, 0);
    assert_null(nt_node_attr(n, "words")->t);
    assert_true(nt_node_attr(n, "words")->raw_n > 0);
    assert_string_equal(h->outputs[1]->doc, "a sequence");
    assert_true(h->outputs[1]->type_raw_n > 0);
    nt_graph_free(g);
    nt_graph_free(h);
}

NT_TEST(nodes_of_one_name_are_told_apart)
{
    nt_str m = rich_model();
    nt_graph *g = read_model(&m), *h, *again;

    assert_true(g->n_nodes == 2);
    g->nodes[0]->name = g->nodes[1]->name = "t";
    h = reread(g);
    assert_string_equal(h->nodes[0]->name, "t");
    assert_string_equal(h->nodes[1]->name, "t_2");
    g->nodes[0]->name = "";
    again = reread(g);
    assert_string_equal(again->nodes[0]->name, "");
    assert_string_equal(again->nodes[1]->name, "t");
    nt_graph_free(g);
    nt_graph_free(h);
    nt_graph_free(again);
}

NT_TEST(the_same_graph_gives_the_same_bytes)
{
    nt_str m = rich_model();
    nt_graph *g = read_model(&m), *h = NULL;
    nt_onnx_written a = {0}, b = {0};

    assert_ok(nt_graph_dup(&h, g, false, e));
    assert_ok(nt_onnx_write(&a, g, e));
    assert_ok(nt_onnx_write(&b, h, e));
    assert_int_equal(a.model_n, b.model_n);
    assert_memory_equal(a.model, b.model, a.model_n);
    nt_free(a.model);
    nt_free(b.model);
    nt_graph_free(g);
    nt_graph_free(h);
}

/* ---- external data */

/* A model whose w (2000 bytes) and v (12 bytes) are held apart when over the limit. */
static nt_graph *heavy(void)
{
    nt_str g = small_graph(), m;
    float w[500];

    for (int i = 0; i < 500; i++)
        w[i] = (float)i;
    add(&g, INITIALIZER, pb_tensor("w", NT_F32, 1, DIMS(500), w, sizeof w));
    add(&g, INITIALIZER, pb_tensor("v", NT_F32, 1, DIMS(500), w, sizeof w));
    add(&g, 1, pb_node("Add", "two", "w v", "z"));
    m = pb_model(8, 17, &g);
    return read_model(&m);
}

NT_TEST(past_the_limit_large_tensors_go_outside)
{
    nt_graph *g = heavy(), *h = NULL;
    nt_onnx_written b = {0};

    assert_ok(nt_onnx_write_split(&b, g, 4000, e));
    assert_non_null(b.ext);
    assert_int_equal(b.ext_n, 2 * 2048); /* 2000 each, at multiples of 64 */
    assert_true(b.model_n < 1000);
    assert_float_equal(((const float *)b.ext)[512 + 499], 499, 0);
    assert_ok(nt_onnx_read(&h, b.model, b.model_n,
                           &(nt_onnx_outside){.ext = b.ext, .ext_n = b.ext_n}, e));
    assert_true(same_graph(g, h));
    nt_graph_free(h);
    h = NULL;
    assert_fails(NT_EFORMAT,
                 "initialiser 'v': 'weights.bin' has 4000 bytes, want 2000 from 2048 on",
                 nt_onnx_read(&h, b.model, b.model_n,
                              &(nt_onnx_outside){.ext = b.ext, .ext_n = 4000}, e));
    assert_fails(NT_EUNSUPPORTED, "initialiser 'w': its data is in another file, 'weights.bin'",
                 nt_onnx_read(&h, b.model, b.model_n, NULL, e));
    nt_free(b.model);
    nt_free(b.ext);
    nt_graph_free(g);
}

/* Of 9 MiB and a bit: more than is copied in one piece. */
NT_TEST(a_model_that_is_consumed_reads_the_same)
{
    enum { N = (9 << 18) + 3 };
    nt_str s = small_graph(), m;
    float *w = nt_alloc(N, sizeof *w);
    nt_graph *g, *h = NULL;
    nt_onnx_written b = {0};

    for (int i = 0; i < N; i++)
        w[i] = (float)i;
    add(&s, INITIALIZER, pb_tensor("large", NT_F32, 1, DIMS(N), w, N * sizeof *w));
    add(&s, 1, pb_node("Relu", "r", "large", "z"));
    m = pb_model(8, 17, &s);
    g = read_model(&m);
    assert_ok(nt_onnx_write(&b, g, e));
    assert_true(b.model_n > N * sizeof *w);
    assert_ok(nt_onnx_consume(&h, b.model, b.model_n, NULL, e));
    assert_true(same_graph(g, h));
    nt_free(b.model);
    nt_free(w);
    nt_graph_free(g);
    nt_graph_free(h);
}

/* ---- from a file */

static nt_status read_through(nt_graph **out, int fd, const void *bytes, size_t n, nt_err *e)
{
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    return nt_onnx_read_file(out, fd, n, NULL, e);
}

/* More of everything than the window that the file is read through. */
NT_TEST(a_file_reads_as_its_bytes_do)
{
    enum { N = 20000 };
    nt_str s = small_graph(), m;
    float *w = nt_calloc(N, sizeof *w);
    char name[32];
    FILE *f = tmpfile();
    nt_graph *g = NULL, *h = NULL;

    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "node_%d", i);
        add(&s, 1, pb_node("Relu", name, "x", name));
    }
    for (int i = 0; i < 5; i++) {
        w[i] = (float)i + 1;
        snprintf(name, sizeof name, "w_%d", i);
        add(&s, INITIALIZER, pb_tensor(name, NT_F32, 1, DIMS(N), w, N * sizeof *w));
        add(&s, INITIALIZER, pb_tensor(name + 1, NT_F32, 1, DIMS(i), w, (size_t)i * sizeof *w));
    }
    m = pb_model(8, 17, &s);
    assert_ok(read_bytes(&g, &m, e));
    assert_ok(read_through(&h, fileno(f), m.p, m.n, e));
    assert_true(same_graph(g, h));
    nt_graph_free(g);
    nt_graph_free(h);
    nt_str_release(&m);
    nt_free(w);
    fclose(f);
}

static void check_same_verdict(int fd, const nt_str *m)
{
    nt_graph *g = NULL, *h = NULL;
    nt_err a = {{0}}, b = {{0}};

    assert_int_equal(read_bytes(&g, m, &a), read_through(&h, fd, m->p, m->n, &b));
    assert_string_equal(a.msg, b.msg);
    nt_graph_free(g);
    nt_graph_free(h);
}

NT_TEST(a_damaged_file_is_refused_as_its_bytes_are)
{
    nt_str m = small_model(), bad = {0};
    FILE *f = tmpfile();

    for (size_t n = 0; n < m.n; n++) {
        nt_str_addn(&bad, m.p, n);
        check_same_verdict(fileno(f), &bad);
        nt_str_release(&bad);
        nt_str_addn(&bad, m.p, m.n);
        bad.p[n] = (char)(bad.p[n] ^ 0x85);
        check_same_verdict(fileno(f), &bad);
        nt_str_release(&bad);
    }
    nt_str_release(&m);
    fclose(f);
}

/* Cut while it is read. */
NT_TEST(a_file_that_is_shorter_than_it_was_is_refused)
{
    nt_str m = small_model();
    FILE *f = tmpfile();
    nt_graph *g = NULL;

    for (size_t n = 0; n < m.n; n++) {
        assert_int_equal(ftruncate(fileno(f), 0), 0);
        assert_int_equal(pwrite(fileno(f), m.p, n, 0), n);
        assert_fails(NT_EFORMAT, "ends early", nt_onnx_read_file(&g, fileno(f), m.n, NULL, e));
    }
    assert_null(g);
    nt_str_release(&m);
    fclose(f);
}

/* w of 3 floats, whose data is said to be at `location` from byte 4 on. */
static nt_str model_outside(const char *location)
{
    static const char *const keys[] = {"location", "offset", "length"};
    const char *vals[] = {location, "4", "12"};
    nt_str t = pb_tensor("w", NT_F32, 1, DIMS(3), NULL, 0);

    for (int i = 0; i < 3; i++) {
        nt_str p = {0};

        pb_text(&p, 1, keys[i]);
        pb_text(&p, 2, vals[i]);
        pb_sub(&t, 13, &p);
    }
    pb_int(&t, 14, 1);
    return model_with(INITIALIZER, t);
}

NT_TEST(external_data_is_read_from_the_models_folder_only)
{
    const float data[] = {0, 1, 2, 3};
    scratch t;
    nt_graph *g = NULL;
    nt_str m = model_outside("data.bin");
    char target[800];
    FILE *f;

    scratch_open(&t);
    f = fopen(scratch_path(&t, "data.bin"), "wb");
    assert_int_equal(fwrite(data, 1, sizeof data, f), sizeof data);
    fclose(f);
    assert_ok(nt_onnx_read(&g, m.p, m.n, &(nt_onnx_outside){.dir = t.dir}, e));
    assert_float_equal(nt_tensor_get(nt_graph_find_value(g, "w")->data, 0), 1, 0);
    nt_graph_free(g);
    g = NULL;
    nt_str_release(&m);

    strcpy(target, scratch_path(&t, "data.bin"));
    assert_int_equal(symlink(target, scratch_path(&t, "link.bin")), 0);
    m = model_outside("link.bin");
    assert_int_equal(nt_onnx_read(&g, m.p, m.n, &(nt_onnx_outside){.dir = t.dir}, NULL),
                     NT_EIO);
    nt_str_release(&m);
    m = model_outside("../etc/passwd");
    assert_fails(NT_EFORMAT,
                 "initialiser 'w': external data '../etc/passwd' is outside the model's folder",
                 nt_onnx_read(&g, m.p, m.n, &(nt_onnx_outside){.dir = t.dir}, e));
    nt_str_release(&m);
    m = model_outside("/etc/passwd");
    assert_int_equal(nt_onnx_read(&g, m.p, m.n, &(nt_onnx_outside){.dir = t.dir}, NULL),
                     NT_EFORMAT);
    nt_str_release(&m);
    assert_int_equal(truncate(scratch_path(&t, "data.bin"), 15), 0);
    m = model_outside("data.bin");
    assert_fails(NT_EFORMAT, "initialiser 'w': 'data.bin' has 15 bytes, want 12 from 4 on",
                 nt_onnx_read(&g, m.p, m.n, &(nt_onnx_outside){.dir = t.dir}, e));
    nt_str_release(&m);
    scratch_close(&t);
}

/* ---- damage */

static void check_survives(const void *bytes, size_t n)
{
    nt_graph *g = NULL;
    nt_err e = {{0}};
    nt_onnx_written out = {0};

    if (nt_onnx_read(&g, bytes, n, NULL, &e) != NT_OK) {
        assert_true(*e.msg);
        return;
    }
    if (nt_onnx_write(&out, g, &e) == NT_OK) {
        nt_free(out.model);
        nt_free(out.ext);
    }
    nt_graph_free(g);
}

NT_TEST(damaged_files_give_an_error_or_a_graph)
{
    nt_str models[] = {rich_model(), model_with_if(), model_outside("data.bin"),
                       model_of_calls(call("f", "x", "h"), call("g", "h", "y"), twice(true))};
    nt_rng root, r;

    nt_rng_init(&root, 1);
    r = nt_rng_fork(&root, "damage");
    for (size_t k = 0; k < sizeof models / sizeof models[0]; k++) {
        nt_str *m = &models[k];
        char *copy = nt_alloc(m->n, 1);

        for (size_t n = 0; n < m->n; n++)
            check_survives(m->p, n);
        for (int i = 0; i < 5000; i++) {
            memcpy(copy, m->p, m->n);
            for (uint64_t flips = 1 + nt_rng_below(&r, 3); flips > 0; flips--)
                copy[nt_rng_below(&r, m->n)] = (char)nt_rng_u64(&r);
            check_survives(copy, m->n);
        }
        nt_free(copy);
        nt_str_release(m);
    }
}

/* Reads and writes the model under the n-th failing allocation. */
static nt_status read_and_write(const nt_str *m, long n)
{
    nt_status s = NT_OK;
    nt_graph *g = NULL;
    nt_onnx_written b = {0};

    nt_alloc_fail_at(n);
    NT_TRY(nt_onnx_read(&g, m->p, m->n, NULL, NULL));
    NT_TRY(nt_onnx_write_split(&b, g, 10, NULL));
done:
    nt_alloc_fail_at(0);
    nt_free(b.model);
    nt_free(b.ext);
    nt_graph_free(g);
    return s;
}

NT_TEST(each_allocation_may_fail)
{
    nt_str models[] = {rich_model(), model_with_if(),
                       model_of_calls(call("f", "x", "h"), call("g", "h", "y"), twice(true))};

    for (size_t k = 0; k < sizeof models / sizeof models[0]; k++) {
        nt_status s = NT_ENOMEM;
        long n;

        for (n = 1; s == NT_ENOMEM && n < 100000; n++)
            s = read_and_write(&models[k], n);
        assert_int_equal(s, NT_OK);
        assert_true(n > 20);
        nt_str_release(&models[k]);
    }
}

NT_TEST(lists_without_reason_are_refused)
{
    nt_str node = pb_node("Relu", "n", "x", "a"), m, o = {0};

    for (int i = 0; i <= 1024; i++) {
        char name[16];
        nt_str a;

        snprintf(name, sizeof name, "a%d", i);
        a = attr(name, NT_ATTR_INT);
        pb_sub(&node, 5, &a);
    }
    m = model_with(1, node);
    check_refused(&m, NT_EFORMAT, "node 'n': has 1025 attributes and 1 outputs");
    m = small_model();
    pb_text(&o, 1, "far.away");
    for (int i = 0; i < 1024; i++)
        pb_bytes(&m, 8, o.p, o.n);
    nt_str_release(&o);
    check_refused(&m, NT_EFORMAT, "1025 opsets are imported");
}

/* ---- other people's files */

typedef struct tally {
    int read, unsupported;
} tally;

static void check_file(tally *t, const char *path)
{
    nt_err e = {{0}};
    char *bytes = NULL;
    size_t n;
    nt_graph *g = NULL, *h;
    nt_status s;

    assert_int_equal(nt_file_read(&bytes, &n, path, SIZE_MAX, &e), NT_OK);
    s = nt_onnx_read(&g, bytes, n, NULL, &e);
    nt_free(bytes);
    if (s == NT_EUNSUPPORTED) {
        t->unsupported++;
        return;
    }
    if (s != NT_OK)
        fail_msg("%s: %s", path, e.msg);
    h = reread(g);
    if (!same_graph(g, h))
        fail_msg("%s: reading, writing and reading again changes it", path);
    nt_graph_free(g);
    nt_graph_free(h);
    t->read++;
}

static void walk(tally *t, const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    struct stat st;

    assert_non_null(d);
    while ((entry = readdir(d))) {
        char *path = nt_path_join(dir, entry->d_name);
        size_t n = strlen(path);

        if (entry->d_name[0] == '.' || stat(path, &st) != 0) {
            nt_free(path);
            continue;
        }
        if (S_ISDIR(st.st_mode))
            walk(t, path);
        else if (n > 5 && strcmp(path + n - 5, ".onnx") == 0)
            check_file(t, path);
        nt_free(path);
    }
    closedir(d);
}

NT_TEST(every_model_of_the_onnx_backend_tests_comes_back_as_it_was)
{
    tally t = {0, 0};

    if (!nt_path_exists(TESTDATA)) {
        print_message("skipped: %s is not installed\n", TESTDATA);
        skip();
    }
    walk(&t, TESTDATA);
    print_message("%d models read, %d refused\n", t.read, t.unsupported);
    assert_true(t.read > 500);
}

NT_TEST_MAIN
