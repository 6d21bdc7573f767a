/* SPDX-License-Identifier: MIT */
#include "export/int4.h"

#include "net.h"

#include "quant_net.h"

/* Integers lo.. of a type behind DequantizeLinear, with a zero point. */
static nt_value *codes(net *t, nt_dtype type, int lo, int hi, int zero)
{
    nt_tensor *q = NULL, *s = NULL, *z = NULL;
    nt_value *in[3];

    assert_ok(nt_tensor_new(&q, type, 2, (const int64_t[]){4, 3}, e));
    assert_ok(nt_tensor_new(&s, NT_F32, 0, NULL, e));
    assert_ok(nt_tensor_new(&z, type, 0, NULL, e));
    for (int64_t i = 0; i < 12; i++)
        nt_tensor_set_i64(q, i, lo + i * 5 % (hi - lo + 1));
    nt_tensor_set(s, 0, 0.5);
    nt_tensor_set_i64(z, 0, zero);
    assert_ok(nt_graph_add_const(&in[0], t->g, NULL, q, e));
    assert_ok(nt_graph_add_const(&in[1], t->g, NULL, s, e));
    assert_ok(nt_graph_add_const(&in[2], t->g, NULL, z, e));
    return node(t, "DequantizeLinear", NULL, 3, in)->out[0];
}

/* x [2][4][5] - ReduceMean over the last - MatMul by those codes */
static net reduced(int opset, nt_dtype type, int lo, int hi, int zero)
{
    net t = start(opset);
    nt_value *x = input(&t, "x", DIMS(2, 4, 5));
    nt_node *n = NODE(&t, "ReduceMean", NULL, x);
    const int64_t last[] = {-1};

    assert_ok(nt_node_set_ints(t.g, n, "axes", last, 1, e));
    assert_ok(nt_node_set_int(t.g, n, "keepdims", 0, e));
    complete(&t, NODE(&t, "MatMul", NULL, n->out[0], codes(&t, type, lo, hi, zero))->out[0]);
    return t;
}

NT_TEST(codes_that_fit_become_4_bits_and_the_graph_means_the_same)
{
    static const struct {
        nt_dtype from, to;
        int lo, hi, zero;
    } cases[] = {{NT_I8, NT_I4, -8, 7, 0}, {NT_I8, NT_I4, -1, 1, 0}, {NT_U8, NT_U4, 0, 15, 8},
                 {NT_I8, NT_I8, -9, 2, 0}, {NT_U8, NT_U8, 3, 16, 3}, {NT_I8, NT_I8, -2, 2, 9}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        net was = reduced(17, cases[i].from, cases[i].lo, cases[i].hi, cases[i].zero);
        net t = reduced(17, cases[i].from, cases[i].lo, cases[i].hi, cases[i].zero);
        const nt_node *d;
        int n = -1;

        assert_ok(nt_int4_convert(t.g, &n, e));
        assert_int_equal(n, cases[i].from != cases[i].to);
        assert_int_equal(t.g->opset, 21);
        d = t.g->outputs[0]->producer->in[1]->producer;
        assert_int_equal(d->in[0]->data->dtype, cases[i].to);
        assert_int_equal(d->in[2]->data->dtype, cases[i].to);
        assert_true(apart(was.g, t.g) == 0);
        finish(&was);
        finish(&t);
    }
}

NT_TEST(what_means_something_else_at_opset_21_is_refused)
{
    net t = reduced(11, NT_I8, -8, 7, 0);
    nt_err err = {{0}};
    int n;

    assert_int_equal(nt_int4_convert(t.g, &n, &err), NT_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "is of opset 11"));
    finish(&t);
}

NT_TEST_MAIN
